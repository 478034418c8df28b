"""All keyed digests pass to another key of the blind index, and everything answers as before."""

import signal
import threading
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from gateway.acts import cases, holds, keys, undo
from gateway.acts.explain import explain
from gateway.acts.verify import verify
from gateway.bootstrap import open_site
from gateway.errors import ExitCode, StoreFault
from gateway.model.verdicts import Verdict
from gateway.store import Tx, decisions, indexkeys
from gateway.store import tables as t
from tests.conftest import on_both_databases
from tests.pipeline.conftest import NewRig
from tests.pipeline.digests import (
    found_in_frames,
    found_in_ledger,
    found_on_disk,
    lived,
    lived_a_day,
    numbers,
    old_keys,
    open_cases,
    reopened,
    told,
)
from tests.pipeline.dying import dies_after
from tests.pipeline.rig import PLATFORM, Rig, later
from tests.pipeline.test_guard import _wrong as wrong
from tests.processes import PROCESSES

#: What no run without anything new changes. Among candidates who are equally likely another may come to be the first,
#: so cases are compared right after.
SETTLED = {
    "recognitions", "departures", "past_departures", "confirmed", "adopted", "readbacks", "changes", "withdrawn",
    "takebacks", "holds", "approvals", "verdicts", "deliveries", "lists",
}  # fmt: skip
BY = "security"


@pytest.fixture
def rig(new_rig: NewRig) -> Rig:
    """Three departments of the small city."""
    return new_rig("civil_affairs", "disabled_federation", "rural_revitalization")


def test_everything_answers_as_before_under_the_new_key(rig: Rig) -> None:
    """People, cases, decisions, holds, history and rows of somebody who left are told as before, by number too; runs
    afterwards derive everything anew and change nothing, here or on the platform; no digest under the old key is left
    in the ledger, or in a frame."""
    gone = lived(rig)
    before, held, old = told(rig), rig.records(), old_keys(rig.site)
    people = [gone, *sorted({record[0] for record in held})[:20]]
    explained = {psn: replace(explain(rig.site, psn, actor="clerk"), person_key=0) for psn in people}
    done = keys.rotate_index(rig.site, actor=BY)
    assert (0, True) == (done.numberless, done.people > 100)
    assert before == told(rig)
    assert explained == {psn: replace(explain(rig.site, psn, actor="clerk"), person_key=0) for psn in people}
    assert set() == found_in_ledger(rig.site, old)
    uploads = len(rig.uploads())
    for day in (4, 5):
        report = rig.run(day)
        assert (0, [], uploads) == (report.pushed.sent, report.faults, len(rig.uploads()))
    assert held == rig.records()
    again = told(rig)
    assert set() == {name for name in before.keys() & SETTLED if before[name] != again[name]}
    with later(hours=1.1):
        rig.run(5)
    assert set() == found_in_frames(rig.site, old)


@pytest.mark.of_sqlite
def test_the_disk_has_no_key_of_before(rig: Rig) -> None:
    """Neither the database nor its journal holds a person key of before, once the command has ended."""
    lived(rig)
    old = old_keys(rig.site)
    assert found_on_disk(rig.site, old)
    keys.rotate_index(rig.site, actor=BY)
    assert set() == found_on_disk(rig.site, old)


#: Where a rotation of the index is killed, and whether it counts already.
MOMENTS = {
    "gateway.vault.ring.Ring.begin_index": False,
    "gateway.pipeline.roster.rekeyed": False,
    "gateway.pipeline.reindex._resolutions": False,
    "gateway.store.indexkeys.pass_people": False,
    "gateway.store.indexkeys.set_in_force": False,
    "gateway.vault.blind.BlindIndex.use": True,
}


def _rotate_and_die(root: Path, moment: str) -> None:
    """In a process of its own: killed when that has been done."""
    site = open_site(root)
    dies_after(moment)
    keys.rotate_index(site, actor=BY)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("moment", MOMENTS)
def test_whoever_is_killed_on_the_way_leaves_a_site_that_works(new_rig: NewRig, moment: str) -> None:
    """Either nothing has changed or everything; the command again ends the work, and the platform holds the same."""
    rig = new_rig("civil_affairs")
    rig.peers.stage(1)
    rig.run()
    before, held, index = told(rig), rig.records(), rig.site.keyring.index.key_id
    process = PROCESSES.Process(target=_rotate_and_die, args=(rig.site.settings.root, moment), daemon=True)
    process.start()
    process.join()
    assert -signal.SIGKILL == process.exitcode
    with reopened(rig) as again:
        assert MOMENTS[moment] == (again.site.keyring.index.key_id != index)
        assert before == told(again)
        pending = again.site.keyring.ring.file.index[-1].key_id
        assert MOMENTS[moment] == (keys.rotate_index(again.site, actor=BY).key_id != pending)
        assert before == told(again)
        assert 0 == again.run().pushed.sent
        assert held == again.records()


def test_whoever_has_the_site_open_writes_nothing_any_more(civil_rig: Rig) -> None:
    """What another process worked out under the old key is refused, whatever it is; opened again, it goes on."""
    lived_a_day(civil_rig)
    with reopened(civil_rig) as other:
        (case, *_more) = open_cases(other.site)
        keys.rotate_index(civil_rig.site, actor=BY)
        before = told(civil_rig)
        with pytest.raises(StoreFault) as fault:
            cases.decide(other.site, case.id, Verdict.NOBODY, note="核对过户口簿", actor="clerk")
        assert indexkeys.CHANGED == fault.value.code
        with pytest.raises(StoreFault):
            other.run()
        assert before == told(civil_rig)
    with reopened(civil_rig) as other:
        assert 0 == other.run().pushed.sent


@on_both_databases
def test_what_somebody_writes_at_that_moment_passes_too(
    civil_rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that began under the old key ends before anything passes, and what it wrote is found."""
    lived_a_day(civil_rig)
    (key, number), *_more = numbers(civil_rig.site).items()
    with reopened(civil_rig) as other:
        arrived, begin = threading.Event(), other.site.ledger.begin

        def begins(**kind: bool) -> AbstractContextManager[Tx]:
            if kind.get("alone"):
                arrived.set()
            return begin(**kind)

        monkeypatch.setattr(other.site.ledger, "begin", begins)
        turning = threading.Thread(target=keys.rotate_index, args=(other.site,), kwargs={"actor": BY})
        with civil_rig.site.ledger.begin() as tx:
            turning.start()
            arrived.wait(5.0)  # SQLite does not even let it come so far
            turning.join(3.0)
            assert turning.is_alive()
            case = {"subject": f"item:{key}:1", "instance": "platform", "code": "platform_1", "person_key": key}
            decisions.open_case(tx, delivery_id=None, row=None, county="", **case)
        turning.join()
        (now,) = other.site.keyring.person_digest([number])
        with other.site.ledger.begin() as tx:
            found = decisions.case_of_subject(tx, f"item:{now}:1")
    assert now != key
    assert found is not None and now == found["person_key"]


def test_a_hold_that_was_half_approved_stays_so(rig: Rig) -> None:
    """An open hold is of the same set under its new digest: what one approved counts, and the second releases it."""
    lived(rig)
    with rig.site.ledger.begin() as tx:
        (hold,) = decisions.holds(tx, state="open")
        tx.execute(sa.update(t.holds).values(approvals=2))
    assert holds.shown(rig.site, hold.id, actor="clerk").current
    holds.release(rig.site, hold.id, digest=hold.digest, actor="colleague", note="核对过")
    keys.rotate_index(rig.site, actor=BY)
    seen = holds.shown(rig.site, hold.id, actor="clerk")
    assert (True, ["colleague"], False) == (seen.current, seen.approved_by, hold.digest == seen.hold.digest)
    rig.run(4)
    assert ["colleague"] == holds.shown(rig.site, hold.id, actor="clerk").approved_by
    report = holds.release(rig.site, hold.id, digest=seen.digest, actor="second-colleague", note="核对过")
    assert report is not None
    with rig.site.ledger.begin() as tx:
        assert [] == decisions.holds(tx, state="open")


def test_a_list_that_is_held_whole_is_released_as_it_was_seen(guarded: Rig, civil_csv: bytes) -> None:
    """A whole list waits under its new digest; what one approved of it before counts afterwards."""
    wrong(civil_csv, "mix_changed").put(guarded.outbox)
    guarded.run(2)
    with guarded.site.ledger.begin() as tx:
        (hold,) = decisions.holds(tx, state="open")
        decisions.decide_hold(tx, hold.id, "released", actor="li", note="n")
    keys.rotate_index(guarded.site, actor=BY)
    assert ExitCode.DONE == guarded.run(2).exit_code
    assert "applied" == guarded.rows()[-1].state


def test_a_run_of_before_is_undone_afterwards(civil_rig: Rig) -> None:
    """What a run pushed under the old key is undone under the new one: the platform holds what it held before it."""
    before = civil_rig.records()
    lived_a_day(civil_rig)
    with civil_rig.site.ledger.begin() as tx:
        run = tx.execute(sa.select(sa.func.max(t.changes.c.run_id))).scalar_one()
    keys.rotate_index(civil_rig.site, actor=BY)
    number = undo.ask(civil_rig.site, run, actor="clerk", note="误传").row.id
    undo.release(civil_rig.site, number, actor="colleague", note="核对过")
    assert before == civil_rig.records()
    assert 0 == civil_rig.run().pushed.sent


def test_what_was_sent_and_not_answered_is_answered_afterwards(civil_rig: Rig) -> None:
    """A message that was open is repeated under its number, and its answer lands with the people whom it was of."""
    civil_rig.peers.stage(1)
    civil_rig.peers.servers[PLATFORM].faults.add("lost_answer", times=10_000, where="L201")
    civil_rig.told(1)
    keys.rotate_index(civil_rig.site, actor=BY)
    civil_rig.peers.well_behaved()
    assert (ExitCode.DONE, "") == civil_rig.told(1)
    assert [] == civil_rig.applied_twice()
    compared = verify(civil_rig.site, actor="clerk")
    assert compared is not None and [] == list(compared.differences)


