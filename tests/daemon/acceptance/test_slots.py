"""Slots: each planned time is run once, whoever wakes up for it."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from gateway.acts import holds, schedule
from gateway.acts.runs import AT_ONCE
from gateway.calendar import ZONE
from gateway.errors import TryLater
from gateway.store import runs
from tests.acts.lived import Lived, copy, opened
from tests.ledgers import ask

NAME = "civil_affairs"
PLANNED = datetime(2026, 11, 5, 6, 30, tzinfo=ZONE)
SLOTS = "SELECT slot, state FROM runs WHERE slot IS NOT NULL ORDER BY id"


def test_a_slot_runs_once(lived: Lived, tmp_path: Path) -> None:
    """A planned time that has been run is not run again; the next one is."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        first = schedule.run_slot(site, NAME, PLANNED, patience=AT_ONCE)
        again = schedule.run_slot(site, NAME, PLANNED, patience=AT_ONCE)
        next_day = schedule.run_slot(site, NAME, PLANNED + timedelta(days=1), patience=AT_ONCE)
    assert (False, True, False) == (first is None, again is None, next_day is None)
    assert ["daemon"] * 2 == [row[0] for row in ask(root, "SELECT actor FROM runs WHERE kind = 'scheduled'")]


def test_a_slot_that_a_crash_cut_short_gets_one_more(lived: Lived, tmp_path: Path) -> None:
    """What a crash left «running» is run again, once: then the slot is done with."""
    root = copy(lived.site, tmp_path)
    slot = f"{NAME}@{PLANNED.isoformat()}"
    with opened(root) as site:
        with site.ledger.begin() as tx:
            runs.start(tx, kind="scheduled", actor="daemon", today=PLANNED.date(), slot=slot)
        more = schedule.run_slot(site, NAME, PLANNED, patience=AT_ONCE)
        again = schedule.run_slot(site, NAME, PLANNED, patience=AT_ONCE)
    assert (False, True) == (more is None, again is None)
    assert [(slot, "interrupted"), (f"{slot} again", "held")] == ask(root, SLOTS)


def test_a_slot_waits_for_another_process(lived: Lived, tmp_path: Path) -> None:
    """While another process runs, a slot is neither run nor taken, so that the next look finds it free."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site, opened(root) as other:
        with other.lock(), pytest.raises(TryLater):
            schedule.run_slot(site, NAME, PLANNED, patience=AT_ONCE)
        assert [] == ask(root, SLOTS)
        assert schedule.run_slot(site, NAME, PLANNED, patience=AT_ONCE)


def test_what_was_missed_is_what_nobody_ran(lived: Lived, tmp_path: Path) -> None:
    """A slot was missed if the instance ran before it and not since; a new site has missed nothing."""
    root, new = copy(lived.site, tmp_path / "old"), copy(lived.fresh, tmp_path / "new")
    now = datetime.now(ZONE)
    with opened(root) as site:
        assert not schedule.missed(site, NAME, now - timedelta(days=1))
        assert schedule.missed(site, NAME, now + timedelta(minutes=1))
        assert not schedule.missed(site, "another", now + timedelta(minutes=1))
        schedule.run_slot(site, NAME, now + timedelta(minutes=1), patience=AT_ONCE)
        assert not schedule.missed(site, NAME, now + timedelta(minutes=1))
    with opened(new) as site:
        assert not schedule.missed(site, NAME, now)


def test_nothing_due_is_no_run(lived: Lived, tmp_path: Path) -> None:
    """The outbox is looked at without a run; what is due is then sent without visiting any department."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        assert schedule.send_due(site, patience=AT_ONCE) is None
        runs_before = ask(root, "SELECT count(*) FROM runs")
        # A settlement holds one person at the platform: what is to be sent about them passes later.
        lived.peers.fault("insurance_platform", "lock", times=1)
        digest = holds.shown(site, 1, actor="colleague").digest
        released = holds.release(site, 1, digest=digest, actor="colleague", note="已核实", day=date(2026, 11, 3))
        lived.peers.well_behaved()
        assert schedule.send_due(site, patience=AT_ONCE) is None
        assert [(runs_before[0][0] + 1,)] == ask(root, "SELECT count(*) FROM runs")
        ask(root, "UPDATE changes SET next_try = NULL")
        report = schedule.send_due(site, patience=AT_ONCE)
    assert released is not None
    assert 1 == released.pushed.later
    assert report is not None
    assert ({}, 1) == (report.instances, report.pushed.done)
