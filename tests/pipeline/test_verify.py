"""Ledger and platform side by side: every difference is found and explained, and only what is ours is mended."""

import csv
import gzip

import pytest

from gateway.acts import look, schedule
from gateway.acts import verify as acts
from gateway.acts.runs import AT_ONCE
from gateway.acts.verify import Verified
from gateway.errors import ExitCode, NotAllowed
from gateway.plugin.forms import now
from gateway.testing.platform import PlatformServer
from tests.acts.lived import moved
from tests.pipeline.rig import PLATFORM, Records, Rig, overtaken, refused

CIVIL, CLERK = "civil_affairs", "CLERK-YB"
OPEN = ("2026-01-01 00:00:00", "2099-12-31 00:00:00")


def write(rig: Rig, psn_no: str, *records: tuple[str, ...]) -> None:
    """Somebody else replaces the benefit list of a person."""
    server = rig.peers.servers[PLATFORM]
    assert isinstance(server, PlatformServer)
    server.write(psn_no, "1", [(one[0], one[1], one[2], one[3], one[4]) for one in records])


def ours(records: Records) -> list[str]:
    """People of whose benefit list every record is civil affairs'."""
    benefit = [record for record in records if record[1] == "1"]
    others = {record[0] for record in benefit if record[-1] != CIVIL}
    return [psn_no for psn_no in dict.fromkeys(record[0] for record in benefit) if psn_no not in others]


def verified(rig: Rig, *, repair: bool = False) -> Verified:
    seen = acts.verify(rig.site, actor="clerk", repair=repair)
    assert seen is not None
    return seen


@pytest.fixture
def lived(civil_rig: Rig) -> Rig:
    """A site whose first list is on the platform."""
    civil_rig.peers.stage(1)
    civil_rig.run()
    return civil_rig


def test_a_platform_that_holds_what_it_confirmed_differs_in_nothing(lived: Rig) -> None:
    """Nothing is found, nothing is sent; what only others wrote is counted and no difference."""
    sent = len(lived.uploads())
    seen = verified(lived, repair=True)
    assert (ExitCode.DONE, []) == (seen.report.exit_code, seen.differences)
    assert {"missing": 0, "other": 0, "unknown": 0, "foreign": 0}.items() <= seen.counts.items()
    assert 0 < seen.counts["theirs"] and 0 < seen.counts["lists"]
    assert sent == len(lived.uploads())


def test_what_is_ours_is_found_explained_and_mended(lived: Rig) -> None:
    """A list that is gone and one that is another are told with the change that we have, masked; a report changes
    nothing, a repair sends what should stand, and the next look finds nothing."""
    before = lived.records()
    gone, other = ours(before)[:2]
    write(lived, gone)
    write(lived, other, ("7110", "", *OPEN, CIVIL))
    for _time in range(2):
        seen = verified(lived)
        assert ExitCode.HELD == seen.report.exit_code
        assert {"missing": 1, "other": 1, "unknown": 0, "foreign": 0}.items() <= seen.counts.items()
    told = {one.kind: one for one in seen.differences}
    assert {""} == {one.waits_for for one in told.values()}
    assert [] == told["missing"].shown and told["missing"].confirmed
    assert all(one.change and one.msgid and one.run and one.confirmed_at for one in told.values())
    assert not [one for one in told.values() if one.psn_no in (gone, other)]
    seen = verified(lived, repair=True)
    assert (ExitCode.DONE, 2) == (seen.report.exit_code, seen.report.pushed.done)
    assert before == lived.records()
    assert [] == verified(lived).differences


def test_what_somebody_else_wrote_waits_for_a_decision(lived: Rig) -> None:
    """A repair leaves it; kept, it stands beside ours from then on, through settlements."""
    who = ours(lived.records())[0]
    theirs = ("7069", "1", "2025-01-01 00:00:00", "2025-12-31 23:59:59", CLERK)
    mine = [record[2:] for record in lived.records() if record[:2] == (who, "1")]
    write(lived, who, theirs, *mine)
    seen = verified(lived, repair=True)
    assert ExitCode.HELD == seen.report.exit_code
    assert [("other", True, "decision")] == [(one.kind, one.foreign, one.waits_for) for one in seen.differences]
    assert 0 == seen.report.pushed.sent
    with pytest.raises(NotAllowed):
        acts.decide(lived.site, who, keep=True, actor="clerk", note="")
    acts.decide(lived.site, who, keep=True, actor="clerk", note="the clerk is right")
    lived.run()
    assert theirs in [record[2:] for record in lived.records() if record[0] == who]
    assert [] == verified(lived).differences


def test_what_others_took_away_waits_for_a_decision(lived: Rig) -> None:
    """A record of theirs that was kept beside ours and is gone is not written back by a repair."""
    who = ours(lived.records())[0]
    mine = [record[2:] for record in lived.records() if record[:2] == (who, "1")]
    write(lived, who, ("7069", "1", "2025-01-01 00:00:00", "2025-12-31 23:59:59", CLERK), *mine)
    acts.decide(lived.site, who, keep=True, actor="clerk", note="the clerk is right")
    write(lived, who, *mine)
    seen = verified(lived, repair=True)
    assert [("other", True, "decision")] == [(one.kind, one.foreign, one.waits_for) for one in seen.differences]
    assert 0 == seen.report.pushed.sent


def test_nothing_of_ours_takes_the_place_of_what_stands_for_the_dead(lived: Rig) -> None:
    """Nothing is sent for who is not on the roster: a decision that would look done and change nothing is refused."""
    known = {record[0] for record in lived.records()}
    with gzip.open(lived.peers.city / "platform_and_tax" / "roster.csv.gz", "rt", encoding="utf-8") as file:
        dead = next(r["psn_no"] for r in csv.DictReader(file) if r["psn_no"] not in known and r["surv_stas"] == "3")
    write(lived, dead, ("7110", "", *OPEN, CIVIL))
    with pytest.raises(NotAllowed):
        acts.decide(lived.site, dead, keep=False, actor="clerk", note="not true")
    assert 1 == len(verified(lived).differences)


def test_ours_takes_the_place_of_theirs_by_decision(lived: Rig) -> None:
    """Replaced, the list that the rules come to stands there again."""
    before = lived.records()
    who = ours(before)[0]
    write(lived, who, ("7110", "", *OPEN, CLERK))
    report = acts.decide(lived.site, who, keep=False, actor="clerk", note="written by mistake")
    assert report is not None and 1 == report.pushed.done
    assert before == lived.records()


def test_a_record_in_our_name_that_nobody_knows_waits_for_a_decision(lived: Rig) -> None:
    """It is told and not taken away; a decision keeps it, or takes it away."""
    known = {record[0] for record in lived.records()}
    with gzip.open(lived.peers.city / "platform_and_tax" / "roster.csv.gz", "rt", encoding="utf-8") as file:
        free = [r["psn_no"] for r in csv.DictReader(file) if r["psn_no"] not in known and r["surv_stas"] == "1"]
    for who, keep in zip(dict.fromkeys(free), (True, False), strict=False):
        write(lived, who, ("7110", "", *OPEN, CIVIL))
        seen = verified(lived, repair=True)
        assert [("unknown", "decision")] == [(one.kind, one.waits_for) for one in seen.differences]
        acts.decide(lived.site, who, keep=keep, actor="clerk", note="seen to it")
        assert keep == (who in {record[0] for record in lived.records()})
        assert [] == verified(lived).differences


def test_whose_change_is_in_flight_is_left_out(lived: Rig) -> None:
    """A message whose answer was lost has changed the platform: that is no difference before its outcome is known."""
    lived.peers.stage(2)
    lived.peers.servers[PLATFORM].faults.add("lost_answer", times=1000, where="L201")
    lived.run(2)
    lived.peers.servers[PLATFORM].faults.clear()
    seen = verified(lived)
    assert [] == seen.differences
    assert 0 < seen.counts["in_flight"]


def test_the_night_looks_once_and_reports_only(lived: Rig) -> None:
    """The daemon's comparison sends nothing, its night runs once, and the status shows what it found."""
    who, night = ours(lived.records())[0], now()
    write(lived, who)
    sent = len(lived.uploads())
    seen = schedule.verify_nightly(lived.site, night, patience=AT_ONCE)
    assert seen is not None and 1 == seen.counts["missing"]
    assert schedule.verify_nightly(lived.site, night, patience=AT_ONCE) is None
    assert sent == len(lived.uploads())
    shown = look.status(lived.site, actor="clerk").verified
    assert shown is not None
    assert (seen.report.run, dict(seen.counts)) == (shown.id, shown.detail["verified"])


def test_a_platform_that_is_away_is_told(lived: Rig) -> None:
    """Nothing was compared, and the report says why; the last comparison stays the one shown."""
    lived.peers.servers[PLATFORM].faults.add("drop", times=1000, where="L202")
    seen = verified(lived)
    assert (ExitCode.LATER, {}) == (seen.report.exit_code, dict(seen.counts))
    assert seen.report.faults
    assert look.status(lived.site, actor="clerk").verified is None


@pytest.mark.parametrize("what", ["repair", "replace"])
def test_who_lost_the_role_while_another_run_went_on_sends_nothing(lived: Rig, what: str) -> None:
    """Asked again in the run itself, they are refused, and that is written down."""
    site, who = lived.site, ours(lived.records())[0]
    write(lived, who)
    before, sent = lived.records(), len(lived.uploads())
    with overtaken(site, lambda: moved(site, "clerk", None)) as patience:
        if what == "repair":
            seen = acts.verify(site, repair=True, actor="clerk", patience=patience)
            report = seen.report if seen else None
        else:
            report = acts.decide(site, who, keep=False, actor="clerk", note="ours", patience=patience)
    assert report is not None and ExitCode.FAILED == report.exit_code
    assert (before, sent) == (lived.records(), len(lived.uploads()))
    assert [("clerk", f"verify.{what}")] == refused(lived)
