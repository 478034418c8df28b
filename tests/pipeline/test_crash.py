"""A run that is killed at any instant loses nothing and doubles nothing; two runs never go on at once."""

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.errors import ExitCode, TryLater
from gateway.store import runs
from tests.pipeline.conftest import NewRig
from tests.pipeline.rig import PLATFORM, Records, Rig

CIVIL, FEDERATION = "civil_affairs", "disabled_federation"
HERE = Path(__file__).parents[2]
#: Seconds until the child is where it shall die.
PATIENCE = 30.0
#: (server that stalls, at what, after how many): where a run is when it is killed.
PLACES = {
    "roster_on_its_way": (PLATFORM, "/fsi/file/", 0),
    "archive_read": (CIVIL, ".zip", 0),
    "standing_asked": (PLATFORM, "L202", 0),
    "first_upload_carried_out_but_not_answered": (PLATFORM, "L201", 0),
    "later_upload_carried_out_but_not_answered": (PLATFORM, "L201", 1),
    "feedback_given_but_not_answered": (FEDERATION, "/feedback", 0),
}


@contextmanager
def child(rig: Rig) -> Iterator[subprocess.Popen[bytes]]:
    """A run in another process that has just begun."""
    command = [sys.executable, "-m", "tests.pipeline.child", str(rig.site.settings.root), "1"]
    with subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert b"ready\n" == process.stdout.readline()
            yield process
        finally:
            process.kill()


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def two(new_rig: NewRig) -> Rig:
    """A site with two departments, which waits long for its peers."""
    rig = new_rig(CIVIL, FEDERATION, timeout=30.0)
    rig.peers.stage(1)
    return rig


@pytest.fixture(scope="session")
def receipts(city: Path, quiet: Callable[..., Records]) -> Records:
    """What the platform holds after a run of both that nobody killed."""
    return quiet(CIVIL, FEDERATION)


@pytest.mark.parametrize("place", PLACES)
def test_a_killed_run_is_made_good_by_the_next(two: Rig, receipts: Records, place: str) -> None:
    """Wherever it is killed, the next run ends where an undisturbed one ends, and no message was applied twice."""
    server, where, after = PLACES[place]
    faults = two.peers.servers[server].faults
    faults.add("stall", where=where, after=after)
    with child(two) as process:
        _until(lambda: faults.happened["stall"] > 0)
        process.send_signal(signal.SIGKILL)
        process.wait()
    two.peers.well_behaved()
    assert (ExitCode.DONE, "") == two.told()
    _whole(two, receipts)


@pytest.mark.parametrize("seconds", [0.2, 0.5])
def test_a_run_killed_at_any_time_is_made_good_by_the_next(two: Rig, receipts: Records, seconds: float) -> None:
    """The same without a peer that holds the run up: it dies wherever it happens to be."""
    with child(two) as process:
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert (ExitCode.DONE, "") == two.told()
    _whole(two, receipts)


def _whole(rig: Rig, wanted: Records) -> None:
    """All that an undisturbed run leaves: records, deliveries, receipts, and no message applied twice."""
    assert wanted == rig.records()
    assert [] == rig.applied_twice()
    # A full list of holders that was landed before the kill is followed by what changed since: an empty delta.
    assert {"applied"} == {row.state for row in rig.rows()}
    assert {CIVIL, FEDERATION} == {row.instance for row in rig.rows()}
    assert all(row.rows == sum(row.outcomes.values()) for row in rig.rows())
    assert 1 == len(list((rig.peers.workdir / "mz" / "inbox").glob("*.receipt.zip")))
    told = Counter(row["cert_no"] for row in rig.peers.feedback())
    assert {1} == set(told.values())
    with rig.site.ledger.begin() as tx:
        assert "running" not in {run.state for run in runs.recent(tx, 10)}


def test_a_second_run_is_told_to_wait(two: Rig) -> None:
    """While a run goes on in another process, a second one is refused with what to do, and harms nothing."""
    two.peers.servers[PLATFORM].faults.add("stall", where="L101")
    with child(two):
        _until(lambda: two.peers.servers[PLATFORM].faults.happened["stall"] > 0)
        with pytest.raises(TryLater, match=r"另一个运行正在进行.*→"):
            two.run()
    two.peers.well_behaved()
    assert (ExitCode.DONE, "") == two.told()
