"""Releasing and rejecting a hold, by whom, and what it does to people's records."""

from datetime import date
from pathlib import Path

import pytest

from gateway.acts import holds
from gateway.errors import ExitCode, NotAllowed, NotFound
from tests.acts.lived import OPENER, Lived, ask, copy, opened

DAY = date(2026, 11, 3)
PENDING = "SELECT state FROM holds"
ENDED = "SELECT count(*) FROM recognitions WHERE known_to IS NULL AND ended_by = 'departure' AND delivery IS NOT NULL"


def test_a_release_ends_identities_and_a_rejection_keeps_them(lived: Lived, tmp_path: Path) -> None:
    """Rejected departures change nothing for anybody; released ones end the identity and reach the platform."""
    before = lived.records()
    rejected = copy(lived.site, tmp_path / "rejected")
    ended = ask(rejected, ENDED)
    with opened(rejected) as site:
        kept = holds.reject(site, 1, actor="colleague", note="名单有误", day=DAY)
        assert [] == holds.held(site)
    assert kept is not None
    assert (ExitCode.DONE, 0) == (kept.exit_code, kept.pushed.sent)
    assert [("cancelled",)] == ask(rejected, PENDING)
    assert {"cancelled"} == {row[0] for row in ask(rejected, "SELECT state FROM departures WHERE delivery = 9")}
    assert ended == ask(rejected, ENDED)
    assert before == lived.records()

    released = copy(lived.site, tmp_path / "released")
    with opened(released) as site:
        done = holds.release(site, 1, actor="colleague", note="已核实", day=DAY)
    assert done is not None
    assert ExitCode.DONE == done.exit_code
    assert 0 < done.pushed.sent == done.pushed.done
    assert {"released"} == {row[0] for row in ask(released, "SELECT state FROM departures WHERE delivery = 9")}
    gone = ask(released, "SELECT count(*) FROM departures WHERE delivery = 9 AND left_out")[0][0]
    assert ended[0][0] + gone == ask(released, ENDED)[0][0]
    assert before != lived.records()


def test_who_made_a_change_does_not_approve_it(lived: Lived, tmp_path: Path) -> None:
    """A hold is not released by the one whose run opened it, and nothing is changed by the attempt."""
    root = copy(lived.site, tmp_path)
    acts = ask(root, "SELECT count(*) FROM acts")
    with opened(root) as site, pytest.raises(NotAllowed):
        holds.release(site, 1, actor=OPENER, note="自己批准")
    assert [("open",)] == ask(root, PENDING)
    assert acts == ask(root, "SELECT count(*) FROM acts")


def test_one_may_reject_ones_own(lived: Lived, tmp_path: Path) -> None:
    """Rejecting changes nothing for anybody, so who opened the hold may do it; it is written down, and final."""
    root = copy(lived.site, tmp_path)
    number = "451002" + "19900307" + "1232"
    with opened(root) as site:
        holds.reject(site, 1, actor=OPENER, note=f"名单少了一半,如{number}", day=DAY)
        with pytest.raises(NotAllowed):
            holds.release(site, 1, actor="colleague", note="又改主意")
    assert [("cancelled", OPENER, "名单少了一半,如***")] == ask(root, "SELECT state, decided_by, note FROM holds")
    assert [(OPENER, "hold.reject")] == ask(root, "SELECT actor, act FROM acts")


@pytest.mark.parametrize("note", ["", "  ", "长" * 501])
def test_a_decision_has_a_reason(lived: Lived, tmp_path: Path, note: str) -> None:
    """A decision without a note, or with one that the ledger cannot hold, is refused."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site, pytest.raises(NotAllowed):
        holds.reject(site, 1, actor="colleague", note=note)
    assert [("open",)] == ask(root, PENDING)


def test_nobody_decides_nothing(lived: Lived, tmp_path: Path) -> None:
    """A hold that does not exist is not found, and an act without an actor is refused."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        with pytest.raises(NotFound):
            holds.release(site, 99, actor="colleague", note="理由")
        with pytest.raises(NotAllowed):
            holds.reject(site, 1, actor=" ", note="理由")
    assert [("open",)] == ask(root, PENDING)
