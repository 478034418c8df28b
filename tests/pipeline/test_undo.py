"""What a run pushed is undone by new changes, once a second person says so, and is not pushed again by itself."""

from collections.abc import Callable
from datetime import date

import pytest

from gateway.acts import runs, undo, verify
from gateway.acts.rights import MAKER
from gateway.errors import ExitCode, NotAllowed, NotFound
from gateway.model.frames import RECOGNITIONS
from gateway.model.roles import Role
from gateway.site import Site
from gateway.store import checkpoints, people, withdrawals
from gateway.testing.platform import PlatformServer
from tests.acts.lived import moved
from tests.pipeline.rig import PLATFORM, Records, Rig, overtaken, refused
from tests.pipeline.test_person import believe, key_of
from tests.pipeline.test_verify import verified

CIVIL = "civil_affairs"
NOTE = "the department sent the wrong list"


def undone(rig: Rig, run: int) -> int:
    """Asked for by one, released by another; the number of the undo."""
    number = undo.ask(rig.site, run, actor="clerk", note=NOTE).row.id
    report = undo.release(rig.site, number, actor="colleague", note="seen")
    assert report is not None and ExitCode.DONE == report.exit_code
    return number


def test_the_lists_before_the_run_stand_again(civil_rig: Rig) -> None:
    """Everything is as before the run, what others had written included; settling again, from checkpoints or anew,
    pushes nothing back."""
    before = civil_rig.records()
    civil_rig.peers.stage(1)
    run = civil_rig.run().run
    assert before != civil_rig.records()
    undone(civil_rig, run)
    assert before == civil_rig.records()
    assert 0 == civil_rig.run().pushed.sent
    with civil_rig.site.ledger.begin() as tx:
        checkpoints.clear(tx)
    assert 0 == civil_rig.run().pushed.sent
    assert before == civil_rig.records()


def test_a_later_run_alone_is_undone(civil_rig: Rig) -> None:
    """Of two runs, undoing the second leaves what the first pushed; what was pushed since for a person stays."""
    civil_rig.peers.stage(1)
    civil_rig.run()
    first = civil_rig.records()
    civil_rig.peers.stage(2)
    run = civil_rig.run(2).run
    assert first != civil_rig.records()
    undone(civil_rig, run)
    assert first == civil_rig.records()


def test_what_others_wrote_in_between_stays(civil_rig: Rig, who: str) -> None:
    """A record of theirs that was kept beside ours before the run stands there after its undo."""
    civil_rig.peers.stage(1)
    civil_rig.run()
    theirs = ("7069", "1", "2025-01-01 00:00:00", "2025-12-31 23:59:59", "CLERK-YB")
    server = civil_rig.peers.servers[PLATFORM]
    assert isinstance(server, PlatformServer)
    mine = [record for record in civil_rig.records() if record[:2] == (who, "1")]
    records = [(code, level, begin, end, by) for _who, _use, code, level, begin, end, by in mine]
    server.write(who, "1", [theirs, *records])
    verify.decide(civil_rig.site, who, keep=True, actor="clerk", note="the clerk is right")
    before = civil_rig.records()
    row = {"identity": "突发严重困难人口", "first": date(2026, 1, 1), "delivery": 1, "row": 1, "ended_by": ""}
    believe(civil_rig, who, row)
    run = runs.resync_person(civil_rig.site, who, actor="clerk").run
    assert before != civil_rig.records()
    undone(civil_rig, run)
    assert theirs in [record[2:] for record in civil_rig.records() if record[0] == who]
    assert before == civil_rig.records()


def test_what_others_wrote_since_and_a_person_kept_stays(civil_rig: Rig, who: str) -> None:
    """Kept beside ours after the run, a record of theirs stands there after its undo, and ours is gone."""
    before = [record for record in civil_rig.records() if record[0] == who]
    civil_rig.peers.stage(1)
    run = civil_rig.run().run
    theirs = ("7069", "1", "2025-01-01 00:00:00", "2025-12-31 23:59:59", "CLERK-YB")
    server = civil_rig.peers.servers[PLATFORM]
    assert isinstance(server, PlatformServer)
    mine = [record for record in civil_rig.records() if record[:2] == (who, "1")]
    server.write(who, "1", [theirs, *((one[2], one[3], one[4], one[5], one[6]) for one in mine)])
    verify.decide(civil_rig.site, who, keep=True, actor="clerk", note="the clerk is right")
    undone(civil_rig, run)
    expected = sorted([*before, (who, "1", *theirs)])
    assert mine and expected == sorted(record for record in civil_rig.records() if record[0] == who)
    assert 0 == civil_rig.run().pushed.sent
    assert [] == verified(civil_rig).differences


def test_nothing_is_sent_before_a_second_person_says_so(civil_rig: Rig) -> None:
    """Who asked does not release; an undo that was rejected changes nothing, and is decided once."""
    civil_rig.peers.stage(1)
    run = civil_rig.run().run
    after = civil_rig.records()
    seen = undo.ask(civil_rig.site, run, actor="clerk", note=NOTE)
    assert seen.row.lists == sum(number for *_kind, number in seen.changes) > 0
    assert {"emptied", "changed"} >= {kind for _use, kind, _number in seen.changes}
    with pytest.raises(NotAllowed, match="clerk"):
        undo.release(civil_rig.site, seen.row.id, actor="clerk", note="I am sure")
    with pytest.raises(NotAllowed):
        undo.ask(civil_rig.site, run, actor="second-clerk", note=NOTE)
    moved(civil_rig.site, "clerk", Role.APPROVER)
    with pytest.raises(NotAllowed) as refused:
        undo.release(civil_rig.site, seen.row.id, actor="clerk", note="I am an approver now")
    assert MAKER == refused.value.code
    moved(civil_rig.site, "clerk", Role.CLERK)
    assert 0 == civil_rig.run().pushed.sent
    undo.reject(civil_rig.site, seen.row.id, actor="clerk", note="it was right")
    with pytest.raises(NotAllowed):
        undo.release(civil_rig.site, seen.row.id, actor="colleague", note="seen")
    assert 0 == civil_rig.run().pushed.sent
    assert after == civil_rig.records()
    assert [] == undo.listed(civil_rig.site, actor="clerk")
    assert ["rejected"] == [row.state for row in undo.listed(civil_rig.site, every=True, actor="clerk")]


def revoked(site: Site, _number: int) -> None:
    moved(site, "colleague", None)


def rejected(site: Site, number: int) -> None:
    undo.reject(site, number, actor="second-colleague", note="it was right")


@pytest.mark.parametrize(("meanwhile", "state"), [(revoked, "open"), (rejected, "rejected")])
def test_who_waited_for_another_run_is_asked_again(
    civil_rig: Rig, meanwhile: Callable[[Site, int], None], state: str
) -> None:
    """Who lost the role, or was overtaken by a second one's no, while another run went on, releases nothing."""
    civil_rig.peers.stage(1)
    site, run = civil_rig.site, civil_rig.run().run
    after = civil_rig.records()
    number = undo.ask(site, run, actor="clerk", note=NOTE).row.id
    with overtaken(site, lambda: meanwhile(site, number)) as patience:
        report = undo.release(site, number, actor="colleague", note="seen", patience=patience)
    assert report is not None and ExitCode.FAILED == report.exit_code
    assert [state] == [row.state for row in undo.listed(site, every=True, actor="clerk")]
    assert after == civil_rig.records()
    assert [("colleague", "outbox.release")] == refused(civil_rig)


def test_a_released_undo_can_be_taken_back(civil_rig: Rig, quiet: Callable[..., Records]) -> None:
    """Rejected after its release, the lists that the rules come to are sent again."""
    civil_rig.peers.stage(1)
    number = undone(civil_rig, civil_rig.run().run)
    undo.reject(civil_rig.site, number, actor="second-colleague", note="the list was right after all")
    assert quiet(CIVIL) == civil_rig.records()


def test_an_undo_ends_when_something_else_is_believed(civil_rig: Rig, who: str) -> None:
    """Once the rules come to another list for a person, that one is sent; and if they come to the undone one again
    later, that is news, and is sent too."""
    civil_rig.peers.stage(1)
    run = civil_rig.run().run
    standing = [record for record in civil_rig.records() if record[0] == who]
    with civil_rig.site.ledger.begin() as tx:
        said = people.recognitions(tx, people=key_of(civil_rig, who)).select(RECOGNITIONS.names()).to_dicts()
    number = undone(civil_rig, run)
    assert standing != [record for record in civil_rig.records() if record[0] == who]
    row = {"identity": "突发严重困难人口", "first": date(2026, 1, 1), "delivery": 1, "row": 1, "ended_by": ""}
    believe(civil_rig, who, row)
    runs.resync_person(civil_rig.site, who, actor="clerk")
    assert "7205" in {record[2] for record in civil_rig.records() if record[0] == who}
    believe(civil_rig, who, *said)
    runs.resync_person(civil_rig.site, who, actor="clerk")
    assert standing == [record for record in civil_rig.records() if record[0] == who]
    with civil_rig.site.ledger.begin() as tx:
        (of,) = withdrawals.listed(tx, number=number)
    assert 0 < of.in_force < of.lists


def test_a_decision_that_a_crash_cut_off_is_carried_out(civil_rig: Rig) -> None:
    """Released, and the process died before anything was queued: the next run sends it."""
    before = civil_rig.records()
    civil_rig.peers.stage(1)
    run = civil_rig.run().run
    number = undo.ask(civil_rig.site, run, actor="clerk", note=NOTE).row.id
    with civil_rig.site.ledger.begin() as tx:
        withdrawals.decide(tx, number, "released", actor="colleague", note="seen", queued=False)
    assert 0 < civil_rig.run().pushed.done
    assert before == civil_rig.records()


def test_what_cannot_be_undone_says_so(civil_rig: Rig) -> None:
    """A run that nobody knows, one that pushed nothing, the run of an undo, and an undo that is none."""
    civil_rig.peers.stage(1)
    run = civil_rig.run().run
    for nothing in (10**6, civil_rig.run().run):
        with pytest.raises(NotFound):
            undo.ask(civil_rig.site, nothing, actor="clerk", note=NOTE)
    number = undo.ask(civil_rig.site, run, actor="clerk", note=NOTE).row.id
    report = undo.release(civil_rig.site, number, actor="colleague", note="seen")
    assert report is not None
    with pytest.raises(NotAllowed):
        undo.ask(civil_rig.site, report.run, actor="clerk", note=NOTE)
    with pytest.raises(NotFound):
        undo.show(civil_rig.site, number + 1, actor="clerk")
