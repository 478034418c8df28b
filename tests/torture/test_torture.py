"""A short torture: two days, some kills, the same end. `make torture` is the long one."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from gateway.testing.faults import FEDERATION_FAULTS, PLATFORM_FAULTS, SFTP_FAULTS, TAX_FAULTS, FaultTable
from tests.torture.database import database
from tests.torture.drive import torture
from tests.torture.plan import CIVIL, FEDERATION, PLATFORM, RURAL, TAX, WRONGS, rounds

KNOWN: Mapping[str, FaultTable] = {
    CIVIL: SFTP_FAULTS,
    RURAL: SFTP_FAULTS,
    FEDERATION: FEDERATION_FAULTS,
    TAX: TAX_FAULTS,
    PLATFORM: PLATFORM_FAULTS,
}
#: What the drive does all the time, and what comes to another result instead of passing.
LEFT_OUT = {"short_page", "unfit", "refuse", "endless"}


def test_the_plan_is_the_seed_s() -> None:
    """The same seed gives the same rounds, another seed others, and all three departments deliver within the day."""
    first, again, other = (list(rounds(seed, 1, 20)) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert {"mz", "xczx", "federation"} == {part for one in first for part in one.staged}


@pytest.mark.parametrize("server", WRONGS)
def test_every_fault_that_passes_is_drawn(server: str) -> None:
    """What a server can do wrong and what passes again is in the plan, so that a new fault is not forgotten."""
    assert set(KNOWN[server]) - LEFT_OUT == {name for name, _order in WRONGS[server]} - LEFT_OUT


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "days", "away"),
    [
        pytest.param("sqlite", 1, {"SQLite held by another"}, marks=pytest.mark.long),
        ("postgresql", 2, {"PostgreSQL stopped, fast", "PostgreSQL stopped, immediate"}),
    ],
)
def test_a_tortured_site_ends_where_one_in_peace_ends(tmp_path: Path, kind: str, days: int, away: set[str]) -> None:
    """Whatever its peers, its machine, SIGKILL and a database that goes away do to it, each evening the platform holds
    what it would have held, nothing was applied twice, every row has its outcome, and a replay sends nothing."""
    with database(kind) as ledgers:
        score = torture(tmp_path, ledgers, seed=39, days=days, rounds=4, people=400, tell=lambda line: None)
    assert [] == score.differences
    assert 4 * days == score.rounds == score.kills + sum(score.ended.values())
    assert score.kills >= days
    assert away == {name for name in score.faults if "SQL" in name}
    assert score.records > 100
    assert score.looked[0] > 50
