"""Two hosts that share a ledger and its sealed files: each slot runs once, and one takes over where the other dies.

A host is a folder of its own here, with its own lock; processes are real.
"""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from gateway.acts import schedule
from gateway.acts.runs import Patience
from gateway.bootstrap import open_site
from gateway.calendar import ZONE
from gateway.errors import ExitCode, StoreFault, TryLater
from gateway.peers import retry
from gateway.site import Site
from gateway.store import Ledger, runs
from tests.pipeline.conftest import NewRig
from tests.pipeline.rig import PLATFORM, Records, Rig, impatient
from tests.postgresql import Postgresql
from tests.processes import PROCESSES

pytestmark = [pytest.mark.slow, pytest.mark.parametrize("database", ["postgresql"])]

CIVIL = "civil_affairs"
PLANNED = datetime(2026, 11, 1, 6, 30, tzinfo=ZONE)
#: Seconds that a lease holds here, that a run is waited for, and between two looks.
LEASE, LONGEST, STEP = 3.0, 60.0, 0.05


@pytest.fixture
def rig(new_rig: NewRig) -> Iterator[Rig]:
    """A site with civil affairs, which waits for its peers for longer than a lease holds."""
    made = new_rig(CIVIL)
    made.peers.stage(1)
    with impatient(made, 3 * LEASE) as hasty:
        yield hasty


@pytest.fixture
def second(rig: Rig, tmp_path: Path) -> Path:
    """The same site on another host: the same settings, keys and sealed files, its own lock."""
    first, root = rig.site.settings.root, tmp_path / "second"
    (root / "var").mkdir(parents=True)
    shutil.copy(first / "gateway.toml", root)
    shutil.copytree(first / "keys", root / "keys")
    for shared in ("archive", "frames", "incoming"):
        (root / "var" / shared).symlink_to(first / "var" / shared)
    return root


def opened(root: Path) -> Site:
    """The site, with a lease that does not last long."""
    site = open_site(root)
    site.ledger.close()
    return replace(site, ledger=Ledger(site.settings.database, lease_seconds=LEASE))


def _serve(root: Path, wire: Connection) -> None:
    """Wakes up for the slot when told, as the daemon does; tells how the run ended, None where there was none."""
    retry.pause = lambda seconds: None
    site = opened(root)
    wire.send("ready")
    wire.recv()
    try:
        report = schedule.run_slot(site, CIVIL, PLANNED, patience=Patience(longest=LONGEST, step=STEP))
        wire.send(None if report is None else report.exit_code)
    except StoreFault as fault:
        wire.send(str(fault))


def host(root: Path) -> tuple[BaseProcess, Connection]:
    """A process on that host, which is ready to wake."""
    ours, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(target=_serve, args=(root, theirs), daemon=True)
    process.start()
    theirs.close()
    assert "ready" == ours.recv()
    return process, ours


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST
    while not true():
        assert time.monotonic() < deadline
        time.sleep(STEP)


def states(rig: Rig) -> list[str]:
    """How the runs ended, oldest first."""
    with rig.site.ledger.begin() as tx:
        return [run.state for run in reversed(runs.recent(tx, 10))]


def test_both_wake_and_one_runs(rig: Rig, second: Path, quiet: Callable[..., Records]) -> None:
    """Two daemons on two hosts wake for the same planned time: one runs, the other waits and finds it done."""
    both = [host(root) for root in (rig.site.settings.root, second)]
    for _process, wire in both:
        wire.send("wake")
    told = [wire.recv() for _process, wire in both]
    assert {None, ExitCode.DONE} == set(told)
    assert ["done"] == states(rig)
    assert ([], quiet(CIVIL)) == (rig.applied_twice(), rig.records())


def test_a_host_that_dies_is_followed(rig: Rig, second: Path, quiet: Callable[..., Records]) -> None:
    """The holder is killed while the platform has its message: the other host waits until the lease ends, and then
    makes the run good; no message is applied twice."""
    faults = rig.peers.servers[PLATFORM].faults
    faults.add("stall", where="L201")
    process, wire = host(rig.site.settings.root)
    wire.send("wake")
    until(lambda: faults.happened["stall"] > 0)
    other = opened(second)
    with pytest.raises(TryLater, match="另一台主机"):
        schedule.run_slot(other, CIVIL, PLANNED, patience=Patience())
    process.kill()
    process.join()
    assert -signal.SIGKILL == process.exitcode
    rig.peers.well_behaved()
    report = schedule.run_slot(other, CIVIL, PLANNED, patience=Patience(longest=LONGEST, step=STEP))
    other.ledger.close()
    assert report is not None
    assert (ExitCode.DONE, ["interrupted", "done"]) == (report.exit_code, states(rig))
    assert ([], quiet(CIVIL)) == (rig.applied_twice(), rig.records())


def test_a_host_that_was_frozen_commits_nothing(rig: Rig, second: Path, quiet: Callable[..., Records]) -> None:
    """A holder that stood still for longer than its lease, and goes on, finds that another has taken over: nothing of
    what it does is committed any more, and the other's result stands."""
    faults = rig.peers.servers[PLATFORM].faults
    faults.add("stall", where="L201")
    process, wire = host(rig.site.settings.root)
    wire.send("wake")
    until(lambda: faults.happened["stall"] > 0)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    rig.peers.well_behaved()
    other = opened(second)
    report = schedule.run_slot(other, CIVIL, PLANNED, patience=Patience(longest=LONGEST, step=STEP))
    other.ledger.close()
    assert report is not None
    stands = rig.rows()
    os.kill(process.pid, signal.SIGCONT)
    said = wire.recv()
    assert "接管" in str(said)
    assert (ExitCode.DONE, ["interrupted", "done"], stands) == (report.exit_code, states(rig), rig.rows())
    assert ([], quiet(CIVIL)) == (rig.applied_twice(), rig.records())


def test_the_database_goes_away_under_a_run(
    rig: Rig, server: Postgresql, quiet: Callable[..., Records]
) -> None:
    """A server that is stopped under a run ends the run with a fault that says what to do; once it is back, the run
    counts as interrupted, and the next one comes to what an undisturbed one does."""
    faults = rig.peers.servers[PLATFORM].faults
    faults.add("stall", where="L201")
    fault: list[StoreFault] = []

    def run() -> None:
        with pytest.raises(StoreFault, match="gateway doctor") as caught:
            rig.run()
        fault.append(caught.value)

    running = threading.Thread(target=run)
    running.start()
    until(lambda: faults.happened["stall"] > 0)
    server.stop()
    rig.peers.well_behaved()
    running.join(LONGEST)
    server.start()
    assert [ExitCode.LATER] == [one.exit_code for one in fault]
    assert (ExitCode.DONE, "") == rig.told()
    assert ["interrupted", "done"] == states(rig)
    assert ([], quiet(CIVIL)) == (rig.applied_twice(), rig.records())
