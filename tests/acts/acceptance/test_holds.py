"""Releasing and rejecting a hold, by whom, and what it does to people's records."""

from datetime import date
from pathlib import Path

import pytest

from gateway.acts import holds, lists, look, runs
from gateway.acts.rights import MAKER
from gateway.errors import ExitCode, NotAllowed, NotFound, TryLater
from gateway.model.deliveries import Mode
from gateway.pipeline.bring import Brought
from gateway.site import Site
from tests.acts.lived import HELD, OPENER, Lived, copy, opened
from tests.ledgers import ask

DAY = date(2026, 11, 3)
PENDING = "SELECT state FROM holds"
ENDED = "SELECT count(*) FROM recognitions WHERE known_to IS NULL AND ended_by = 'departure' AND delivery IS NOT NULL"


def seen(site: Site, number: int = 1) -> str:
    """What `holds show` gives to whoever looks."""
    return holds.shown(site, number, actor="clerk").digest


def test_a_release_ends_identities_and_a_rejection_keeps_them(lived: Lived, tmp_path: Path) -> None:
    """Rejected departures change nothing for anybody; released ones end the identity and reach the platform."""
    before = lived.records()
    rejected = copy(lived.site, tmp_path / "rejected")
    ended = ask(rejected, ENDED)
    with opened(rejected) as site:
        kept = holds.reject(site, 1, actor="colleague", note="名单有误", day=DAY)
        assert [] == holds.held(site, actor="clerk")
    assert kept is not None
    assert (ExitCode.DONE, 0) == (kept.exit_code, kept.pushed.sent)
    assert [("cancelled",)] == ask(rejected, PENDING)
    assert {"cancelled"} == {row[0] for row in ask(rejected, f"SELECT state FROM departures WHERE delivery = {HELD}")}
    assert ended == ask(rejected, ENDED)
    assert before == lived.records()

    released = copy(lived.site, tmp_path / "released")
    with opened(released) as site:
        done = holds.release(site, 1, digest=seen(site), actor="colleague", note="已核实", day=DAY)
    assert done is not None
    assert ExitCode.DONE == done.exit_code
    assert 0 < done.pushed.sent == done.pushed.done
    assert {"released"} == {row[0] for row in ask(released, f"SELECT state FROM departures WHERE delivery = {HELD}")}
    gone = ask(released, f"SELECT count(*) FROM departures WHERE delivery = {HELD} AND left_out")[0][0]
    assert ended[0][0] + gone == ask(released, ENDED)[0][0]
    assert before != lived.records()


def test_who_made_a_change_does_not_approve_it(lived: Lived, tmp_path: Path) -> None:
    """A hold is not released by the one whose run opened it, and of the attempt only the attempt is left."""
    root = copy(lived.site, tmp_path)
    acts = ask(root, "SELECT max(id) FROM acts")
    with opened(root) as site, pytest.raises(NotAllowed) as refused:
        holds.release(site, 1, digest=seen(site), actor=OPENER, note="自己批准")
    assert MAKER == refused.value.code
    assert [("open",)] == ask(root, PENDING)
    assert [(OPENER, "refused")] == ask(root, "SELECT actor, act FROM acts WHERE id > ?", *acts[0])


def test_one_may_reject_ones_own(lived: Lived, tmp_path: Path) -> None:
    """Rejecting changes nothing for anybody, so who opened the hold may do it; it is written down, and final."""
    root = copy(lived.site, tmp_path)
    number = "451002" + "19900307" + "1232"
    with opened(root) as site:
        holds.reject(site, 1, actor=OPENER, note=f"名单少了一半,如{number}", day=DAY)
        with pytest.raises(NotAllowed):
            holds.release(site, 1, digest=seen(site), actor="colleague", note="又改主意")
    assert [("cancelled", OPENER, "名单少了一半,如***")] == ask(root, "SELECT state, decided_by, note FROM holds")
    assert [(OPENER, "hold.reject")] == ask(root, "SELECT actor, act FROM acts WHERE act LIKE 'hold.re%'")


@pytest.mark.parametrize("note", ["", "  ", "长" * 501])
def test_a_decision_has_a_reason(lived: Lived, tmp_path: Path, note: str) -> None:
    """A decision without a note, or with one that the ledger cannot hold, is refused."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site, pytest.raises(NotAllowed):
        holds.reject(site, 1, actor="colleague", note=note)
    assert [("open",)] == ask(root, PENDING)


def test_a_decision_outlives_a_busy_site(lived: Lived, tmp_path: Path) -> None:
    """While another run goes on, the decision is written down and says so; the next run acts on it."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site, opened(root) as other:
        with other.lock(), pytest.raises(TryLater):
            holds.reject(site, 1, actor="colleague", note="名单有误", day=DAY, patience=runs.AT_ONCE)
        assert [("cancelled",)] == ask(root, PENDING)
        report = runs.run(site, [], DAY, actor="second-clerk", pull=False)
    assert report is not None
    assert ExitCode.DONE == report.exit_code


def strangers(file: Path, rows: int) -> Path:
    """A civil affairs list of people whom no roster has: the wrong list, it seems."""
    lines = [f"陌生{chr(0x4E00 + at)},{_number(at)},特困人员,,2026-10-01," for at in range(rows)]
    file.write_text("\r\n".join(["姓名,身份证号码,救助类别,保障类别,认定日期,停止日期", *lines, ""]), "gb18030")
    return file


def _number(at: int) -> str:
    front = f"999999{19400101 + at}{at:03d}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return front + "10X98765432"[sum(w * int(d) for w, d in zip(weights, front, strict=True)) % 11]


def test_a_list_of_strangers_is_held_as_a_whole(lived: Lived, tmp_path: Path) -> None:
    """A list that is mostly unusable says nothing until a colleague releases it; then it is in use like any other."""
    root = copy(lived.site, tmp_path)
    brought = Brought(
        file=strangers(tmp_path / "list.csv", 25), mode=Mode.DELTA, business_date=DAY, scope="", sequence=4
    )
    with opened(root) as site:
        lists.import_list(site, "civil_affairs", brought, actor="clerk", day=DAY)
        (whole,) = [h for h in holds.held(site, actor="clerk") if h.scope == "*"]
        assert ("clerk", 25, 25) == (whole.opened_by, whole.leaving, whole.holding)
        assert "held" == look.received(site, actor="clerk")[-1].state
        with pytest.raises(NotAllowed):
            holds.release(site, whole.id, digest=whole.digest, actor="clerk", note="没错", day=DAY)
        holds.release(site, whole.id, digest=whole.digest, actor="colleague", note="确是新参保人员", day=DAY)
        seen = look.received(site, actor="clerk")[-1]
    assert ("applied", 25) == (seen.state, seen.rows)
    assert 25 == sum(seen.outcomes[name] for name in ("unmatched", "review", "invalid"))


def test_a_rejected_list_is_refused(lived: Lived, tmp_path: Path) -> None:
    """A list that was rejected as a whole is refused, says by whom and what to do, and never comes back by itself."""
    root = copy(lived.site, tmp_path)
    brought = Brought(
        file=strangers(tmp_path / "list.csv", 25), mode=Mode.DELTA, business_date=DAY, scope="", sequence=4
    )
    with opened(root) as site:
        lists.import_list(site, "civil_affairs", brought, actor="clerk", day=DAY)
        (whole,) = [h for h in holds.held(site, actor="clerk") if h.scope == "*"]
        holds.reject(site, whole.id, actor="colleague", note="别市的名单", day=DAY)
        runs.run(site, [], DAY, actor="second-clerk", pull=False)
        seen = look.received(site, actor="clerk")[-1]
    assert "refused" == seen.state
    assert "colleague" in seen.reason and "别市的名单" in seen.reason
    assert seen.advice


def test_nobody_decides_nothing(lived: Lived, tmp_path: Path) -> None:
    """A hold that does not exist is not found, and an act without an actor is refused."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        with pytest.raises(NotFound):
            holds.release(site, 99, digest="", actor="colleague", note="理由")
        with pytest.raises(NotAllowed):
            holds.reject(site, 1, actor=" ", note="理由")
    assert [("open",)] == ask(root, PENDING)
