"""A run that is killed at any instant loses nothing and doubles nothing; two runs never go on at once."""

import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import ExitCode, TryLater
from gateway.store import runs
from tests.pipeline.conftest import NewRig
from tests.pipeline.dying import moments, run_until
from tests.pipeline.rig import PLATFORM, Records, Rig

CIVIL, FEDERATION, TAX = "civil_affairs", "disabled_federation", "tax"
DAY = date(2026, 11, 1)
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
#: Every commit of a run that writes, by the module of the pipeline that makes it, with its number.
COMMITS = (
    "run 1",
    "run 2",
    "roster 1",
    "roster 2",
    "roster 3",
    "intake 1",
    "intake 2",
    "intake 3",
    "intake 4",
    "payments 1",
    "payments 2",
    "standing 1",
    "settlement 1",
    "push 1",
    "audit 1",
    "push 2",
    "push 3",
    "receipts 1",
    "receipts 2",
    "receipts 3",
    "receipts 4",
    "receipts 5",
    "receipts 6",
    "receipts 7",
    "run 3",
    "run 4",
)
#: Every boundary between rooms: the room, and the module of the pipeline that comes out of it.
BOUNDARIES = (
    "out of normalise in roster",
    "out of land in intake",
    "out of normalise in reading",
    "out of reconcile in work",
    "out of settle in work",
    "out of settle in settlement",
    "out of settle in folding",
    "out of settle in wanted",
    "out of settle in standing",
    "out of settle in suspicion",
    "out of deliver in push",
    "out of feedback in receipts",
)
MOMENTS = [*(f"{side} {commit}" for commit in COMMITS for side in ("before", "after")), *BOUNDARIES]


def _kept_short(moment: str) -> Any:  # pytest keeps its class to itself
    """Before a commit the ledger is as it was after the one before, and what a module commits again is like its first:
    those are for `make test-long`."""
    is_again = moment != MOMENTS[0] and (moment.startswith("before ") or moment.endswith(tuple("23456789")))
    return pytest.param(moment, marks=pytest.mark.long if is_again else ())


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
    """A site with two departments."""
    rig = new_rig(CIVIL, FEDERATION)
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


@pytest.fixture
def three(new_rig: NewRig) -> Rig:
    """A site with two departments' lists, and with payments."""
    rig = new_rig(CIVIL, FEDERATION, TAX)
    rig.peers.stage(1)
    return rig


@pytest.fixture(scope="session")
def receipts_of_three(city: Path, quiet: Callable[..., Records]) -> Records:
    """What the platform holds after a run of all three that nobody killed."""
    return quiet(CIVIL, FEDERATION, TAX)


def test_the_table_of_moments_is_whole(three: Rig) -> None:
    """Every commit that a run makes and every boundary between rooms that it crosses is in the table below which it
    is killed."""
    made = moments(three.site.settings.root, DAY)
    assert (set(), set()) == (set(MOMENTS) - set(made), set(made) - set(MOMENTS))
    assert sorted(MOMENTS) == sorted(made)


@pytest.mark.slow
@pytest.mark.parametrize("moment", [*map(_kept_short, MOMENTS)])
def test_a_run_killed_at_a_boundary_is_made_good_by_the_next(
    three: Rig, receipts_of_three: Records, moment: str
) -> None:
    """Killed around any one commit, or between any two rooms, a plain run ends where an undisturbed one ends."""
    process = run_until(three.site.settings.root, DAY, moment)
    process.join(2 * PATIENCE)
    assert -signal.SIGKILL == process.exitcode
    assert (ExitCode.DONE, "") == three.told()
    _whole(three, receipts_of_three, TAX)


def _whole(rig: Rig, wanted: Records, *more: str) -> None:
    """All that an undisturbed run leaves: records, deliveries, receipts, and no message applied twice."""
    assert wanted == rig.records()
    assert [] == rig.applied_twice()
    # A full list of holders that was landed before the kill is followed by what changed since: an empty delta.
    assert {"applied"} == {row.state for row in rig.rows()}
    assert {CIVIL, FEDERATION, *more} == {row.instance for row in rig.rows()}
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
