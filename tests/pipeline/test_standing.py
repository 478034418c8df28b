"""What stands on the platform before the first upload is never lost, however an older system wrote it."""

import polars as pl
import pytest

from gateway.errors import PeerBroken
from gateway.model.policy import OPEN_END
from gateway.pipeline.platform import PlatformChannel
from gateway.pipeline.standing import RECORDS_HEADER, read_standing
from gateway.store import checkpoints
from gateway.testing.platform import PlatformServer
from tests.pipeline.rig import PLATFORM, Rig

PEOPLE = pl.DataFrame({"person_key": [1], "psn_no": ["P1"]})


class _Holds(PlatformChannel):
    """A platform that holds these records."""

    def __init__(self, *records: str) -> None:
        self._records = records

    def export(self, what: str) -> bytes:
        """The read-back."""
        return RECORDS_HEADER + "".join(f"{record}\n" for record in self._records).encode()


def test_a_record_without_an_end_is_open() -> None:
    """It is adopted as open, and confirmed as it will be sent back."""
    seen = read_standing(_Holds("P1,1,7019,A,2026-01-01 00:00:00,,OLD"), PEOPLE, {"civil_affairs"})
    assert [OPEN_END] == seen.adopted["last"].to_list()
    assert ["7019|A|2026-01-01 00:00:00|2099-12-31 00:00:00|OLD"] == seen.confirmed["records"].to_list()


@pytest.mark.parametrize("begins", ["", "20260101", "never"])
def test_a_record_whose_first_day_cannot_be_read_stops_the_read_back(begins: str) -> None:
    """To leave it out would take it from its person: nothing is adopted until the platform mends it."""
    with pytest.raises(PeerBroken, match="L202"):
        read_standing(_Holds(f"P1,1,7019,A,{begins},2026-05-01 23:59:59,OLD"), PEOPLE, {"civil_affairs"})


def test_what_others_wrote_for_another_use_stays(civil_rig: Rig) -> None:
    """Of somebody whose benefit list we uploaded, the subsidy list is read back before the first one of ours."""
    civil_rig.peers.stage(1)
    civil_rig.run()
    before = civil_rig.records()
    both = {record[0] for record in before if record[1] == "2"} & {record[0] for record in before if record[1] == "1"}
    who = min(both)
    (key,) = civil_rig.site.keyring.person_digest([who])
    with civil_rig.site.ledger.begin() as tx:  # as if the second use had never been said
        for table in ("confirmed", "changes"):
            tx.exec_driver_sql(f"DELETE FROM {table} WHERE person_key = {key} AND use = '2'")
        checkpoints.clear(tx)
    theirs = ("7069", "1", "2025-01-01 00:00:00", "2025-12-31 23:59:59", "CLERK-YB")
    server = civil_rig.peers.servers[PLATFORM]
    assert isinstance(server, PlatformServer)
    server.write(who, "2", [theirs])
    civil_rig.run()
    now = [record[2:] for record in civil_rig.records() if record[:2] == (who, "2")]
    assert theirs in now and 1 < len(now)
