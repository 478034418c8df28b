"""Whether an item was carried out with another content is seen, and what is the same is not taken for it."""

from typing import Any

import pytest

from gateway.testing import PlatformServer
from gateway.testing.carried import Carried
from tests.testing.clients import Clock, PlatformClient
from tests.testing.test_platform import LEVEL_A, item, upload

LEVEL_B = {**LEVEL_A, "psn_type_lv": "B"}


def test_another_content_under_a_forgotten_number_is_seen(
    platform: PlatformServer, platform_client: PlatformClient, clock: Clock
) -> None:
    """A message that the platform has forgotten and carries out once more must say what it said: level B for level A
    is seen, level A again is not."""
    for msgid, later in (("451000000001202611010100000001", LEVEL_A), ("451000000001202611010100000002", LEVEL_B)):
        for level in (LEVEL_A, later):
            upload(platform_client, item(1, level, evid_no=msgid[-1]), msgid=msgid)
            clock.now += 24 * 3600
            platform_client.sign_in()
    assert ["451000000001202611010100000002"] == platform.carried.otherwise()


def test_what_was_not_carried_out_does_not_count(platform: PlatformServer, platform_client: PlatformClient) -> None:
    """An item that was refused may come again and say something else."""
    platform.faults.add("lock", where="P1")
    assert [19, 0] == upload(platform_client, item(1, LEVEL_A)) + upload(platform_client, item(1, LEVEL_B))
    assert ([], 1) == (platform.carried.otherwise(), platform.carried.items)


@pytest.mark.parametrize(
    ("second", "wanted"),
    [
        (item(1, LEVEL_A), []),
        (item(2, {**LEVEL_A, "memo": "another"}), []),
        (item(1, LEVEL_B, evid_no="E2"), []),
        (item(1, LEVEL_B), ["m2"]),
        (item(1), ["m2"]),
        (item(1, LEVEL_A, psn_no="P2"), ["m2"]),
        (item(1, LEVEL_A, idet_use="2"), ["m2"]),
    ],
)
def test_a_change_says_one_thing(second: dict[str, Any], wanted: list[str]) -> None:
    """Under the gateway's reference of a change, in whatever message, one list of one person and use is carried out."""
    carried = Carried()
    carried.note("m1", [item(1, LEVEL_A)])
    carried.note("m2", [second])
    assert wanted == carried.otherwise()
