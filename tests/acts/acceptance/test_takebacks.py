"""A flag on the wrong person goes, is written down as never true, and what was settled with it is found."""

import csv
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from gateway.acts import cases, takebacks
from gateway.acts.explain import explain
from gateway.acts.takebacks import OnPlatform
from gateway.errors import ExitCode, NotAllowed, NotFound, TryLater
from gateway.model.verdicts import Verdict
from tests.acts.wronged import ALWAYS, DAY, NOTE, Somebody, Town, made_town
from tests.ledgers import ask
from tests.normalise.lists import number as composed
from tests.pipeline.rig import PLATFORM

TODAY, NEXT_YEAR = date(2026, 11, 20), date(2027, 2, 1)
A_DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with made_town(tmp_path_factory.mktemp("town")) as town:
        yield town


@pytest.fixture
def somebody(town: Town) -> Somebody:
    """Who was flagged, another one for every test."""
    return town.flagged.pop()


def test_a_flag_on_the_wrong_person_goes_and_is_written_down(town: Town, somebody: Somebody) -> None:
    """What a clerk decided is a takeback with its case and the clerk; the platform holds the flag no longer."""
    assert town.is_flagged(somebody)
    case = town.wrong(somebody)
    assert not town.is_flagged(somebody)
    seen = town.takeback(somebody)
    assert (case, "clerk", OnPlatform.OFF, None) == (seen.case, seen.decided_by, seen.platform, seen.restored_run)
    assert (somebody.delivery, somebody.row, None) == (seen.delivery, seen.row, seen.last)
    assert [] == seen.holds
    assert somebody.psn_no not in str(seen) and seen.psn_no


def test_the_wrong_person_s_history_says_so(town: Town, somebody: Somebody) -> None:
    """Whoever explains the wrong person sees that the identity was never true."""
    assert [] == explain(town.rig.site, somebody.psn_no, actor="clerk").taken_back
    case = town.wrong(somebody)
    (told,) = explain(town.rig.site, somebody.psn_no, actor="clerk").taken_back
    assert (case, town.takeback(somebody).identity) == (told.case_id, told.identity)


def test_who_was_meant_after_all_is_flagged_again(town: Town, somebody: Somebody) -> None:
    """A decision that is undone restores what it took back; its settlements are not looked for."""
    case = town.wrong(somebody)
    number = town.takeback(somebody).number
    cases.undo(town.rig.site, case, note=NOTE, actor="clerk", day=DAY)
    assert town.is_flagged(somebody)
    assert (number, "") == (town.takeback(somebody).number, town.takeback(somebody).decided_by)
    assert town.takeback(somebody).restored_run
    town.settled(("S1", somebody.psn_no, somebody.since, "10.00", ""))
    assert ([], []) == _found(town, number)


def test_a_settlement_s_day_decides(town: Town, somebody: Somebody) -> None:
    """From the flag's first day to the day on which the platform let go of it, both counted; nobody else's."""
    town.wrong(somebody)
    other = town.flagged[0].psn_no
    days = (somebody.since - A_DAY, somebody.since, TODAY, TODAY + A_DAY)
    own = [(f"S{at}", somebody.psn_no, day, "0.00", "") for at, day in enumerate(days)]
    town.settled(*own, ("S9", other, somebody.since, "10.00", ""))
    number = town.takeback(somebody).number
    assert ([number], ["S1", "S2"]) == _found(town, number)


def test_refunds_are_taken_off(town: Town, somebody: Somebody) -> None:
    """A refund stands behind what it takes back, whatever its year, and the totals are without it."""
    town.wrong(somebody)
    number, day, who = town.takeback(somebody).number, somebody.since, somebody.psn_no
    town.settled(
        ("R1", who, date(2027, 1, 5), "-10.50", "S1"),
        ("S2", who, day + A_DAY, "7.25", ""),
        ("S1", who, day, "10.50", ""),
        ("S3", who, day + A_DAY, "0.00", ""),
        ("R9", who, day, "-5.00", "S0"),
    )
    seen = takebacks.settlements(town.rig.site, number, day=NEXT_YEAR, actor="clerk")
    assert ["S1", "R1", "S2", "S3"] == [row.setl_id for row in seen.rows]
    assert [True, False, True, False] == [row.used for row in seen.rows]
    assert ["", "S1", "", ""] == [row.refund_of or "" for row in seen.rows]
    assert (3, 1, 2) == (seen.settlements, seen.refunds, seen.used)
    assert (Decimal("2000.00"), Decimal("7.25"), Decimal("0.00")) == (
        seen.medfee_sumamt, seen.maf_pay, seen.othfund_pay,
    )  # fmt: skip


def test_what_was_never_sent_cannot_have_been_used(tmp_path: Path) -> None:
    """A flag that never stood on the platform is taken back, and no settlement is asked for."""
    with made_town(tmp_path, away=True) as town:
        somebody = town.flagged.pop()
        town.wrong(somebody)
        town.settled(("S1", somebody.psn_no, somebody.since, "10.00", ""))
        seen = town.takeback(somebody)
        assert OnPlatform.NEVER == seen.platform
        assert ([], []) == _found(town, seen.number)


def test_a_roster_may_show_that_it_was_another(town: Town, somebody: Somebody) -> None:
    """Where number and name turn out to be another person's, the flag moves over; without a case, as nobody decided."""
    another = {"psn_no": f"{somebody.psn_no}9"}
    town.roster(somebody, {"psn_name": "诸葛测试", "certno": composed("45102219500101331")}, another)
    town.rig.run(2, only=[])
    seen = town.takeback(somebody)
    assert (None, "", OnPlatform.OFF) == (seen.case, seen.decided_by, seen.platform)
    assert not town.is_flagged(somebody)
    assert another["psn_no"] in {record[0] for record in town.rig.records()}


def test_another_number_is_not_another_person(town: Town, somebody: Somebody) -> None:
    """Who stands on the roster under a new person number is flagged there, and nothing was taken back."""
    before = takebacks.listed(town.rig.site, actor="clerk")
    another = {"psn_no": f"{somebody.psn_no}8"}
    town.roster(somebody, another)
    town.rig.run(3, only=[])
    assert before == takebacks.listed(town.rig.site, actor="clerk")
    assert another["psn_no"] in {record[0] for record in town.rig.records()}


def test_until_the_platform_lets_go_the_flag_can_be_used(town: Town, somebody: Somebody) -> None:
    """While the corrected list cannot be sent, the flag stands, and every settlement until today counts."""
    town.rig.peers.servers[PLATFORM].faults.add("status", times=ALWAYS, where="L201", code=503)
    town.wrong(somebody)
    town.rig.peers.well_behaved()
    number = town.takeback(somebody).number
    assert (OnPlatform.STANDING, None) == (town.takeback(somebody).platform, town.takeback(somebody).off_at)
    town.settled(("S1", somebody.psn_no, TODAY + A_DAY, "10.00", ""))
    assert ([number], ["S1"]) == _found(town, number)
    town.rig.run(only=[])
    assert OnPlatform.OFF == town.takeback(somebody).platform
    assert ([number], []) == _found(town, number)


def test_without_the_platform_it_is_tried_later(town: Town, somebody: Somebody) -> None:
    """A platform that is away is named, with the command to repeat; what was taken back can be listed all the same."""
    town.wrong(somebody)
    town.rig.peers.servers[PLATFORM].faults.add("status", times=ALWAYS, where="L302", code=503)
    with pytest.raises(TryLater, match="gateway takebacks settlements") as caught:
        _found(town, town.takeback(somebody).number)
    town.rig.peers.well_behaved()
    assert ExitCode.LATER == caught.value.exit_code


def test_who_sees_whole_numbers_says_why_first(town: Town, somebody: Somebody) -> None:
    """Numbers are masked until somebody gives a reason, which is written down; without one nothing is shown."""
    town.wrong(somebody)
    number = town.takeback(somebody).number
    town.settled(("S1", somebody.psn_no, somebody.since, "10.00", ""))
    masked = takebacks.settlements(town.rig.site, number, day=TODAY, actor="clerk")
    assert [] == [row for row in masked.rows if row.psn_no == somebody.psn_no]
    whole = takebacks.unmasked(town.rig.site, number, reason="追回资金", actor="clerk", day=TODAY)
    assert [somebody.psn_no] == [row.psn_no for row in whole.rows]
    acts = ask(town.root, "SELECT actor, detail FROM acts WHERE act = 'takebacks.unmask'")
    assert [("clerk", True)] == [(actor, f'"takeback":{number}' in detail) for actor, detail in acts]
    for reason, actor in ((" ", "clerk"), ("追回资金", "")):
        with pytest.raises(NotAllowed):
            takebacks.unmasked(town.rig.site, number, reason=reason, actor=actor, day=TODAY)
    with pytest.raises(NotFound):
        takebacks.settlements(town.rig.site, 1_000_000, day=TODAY, actor="clerk")


def test_the_file_is_its_owner_s(town: Town, somebody: Somebody, tmp_path: Path) -> None:
    """A spreadsheet reads it, nobody but its owner can, and it never takes another file's place."""
    town.wrong(somebody)
    number, out = town.takeback(somebody).number, tmp_path / "settled.csv"
    town.settled(("=S1", somebody.psn_no, somebody.since, "10.50", ""), ("R1", somebody.psn_no, TODAY, "-10.50", "=S1"))
    billed = takebacks.settlements(town.rig.site, number, day=TODAY, actor="clerk")
    takebacks.save(town.rig.site, billed, out)
    assert 0o600 == out.stat().st_mode & 0o777
    assert out.read_bytes().startswith("\ufeff".encode())
    rows = list(csv.DictReader(out.read_text("utf-8-sig").splitlines()))
    assert [("'=S1", "10.50", "是"), ("R1", "-10.50", "")] == [
        (row["结算编号"], row["医疗救助支付"], row["用到"]) for row in rows
    ]
    with pytest.raises(NotAllowed):
        takebacks.save(town.rig.site, billed, out)


def test_a_clerk_may_find_that_it_was_right(town: Town, somebody: Somebody) -> None:
    """A report that comes to nothing takes nothing back."""
    case = town.report(somebody)
    before = takebacks.listed(town.rig.site, actor="clerk")
    cases.decide(town.rig.site, case, Verdict.SAME, note=NOTE, actor="clerk", day=DAY)
    assert before == takebacks.listed(town.rig.site, actor="clerk")
    assert town.is_flagged(somebody)


def _found(town: Town, number: int) -> tuple[list[int], list[str]]:
    """Takebacks that were looked at, and settlements that were found."""
    seen = takebacks.settlements(town.rig.site, number, day=TODAY, actor="clerk")
    return list(seen.looked_at), [row.setl_id for row in seen.rows]
