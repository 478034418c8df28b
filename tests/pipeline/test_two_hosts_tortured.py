"""Two hosts on one ledger under faults, kills and freezes: each slot runs once, and the end is that of one in peace."""

import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa
import time_machine

from gateway.acts import schedule
from gateway.acts.runs import Patience
from gateway.errors import GatewayError
from gateway.peers import retry
from gateway.store import dialect, outbox, tables
from tests.pipeline.conftest import NewRig
from tests.pipeline.rig import Rig, impatient
from tests.pipeline.test_two_hosts import LONGEST, PLANNED, STEP, opened, second
from tests.processes import PROCESSES
from tests.torture import plan
from tests.torture.judge import Accounts, accounts, differences

__all__ = ["second"]

pytestmark = [pytest.mark.long, pytest.mark.parametrize("database", ["postgresql"])]

CIVIL = "civil_affairs"
DAYS, SLOTS_A_DAY = 3, 3
#: Seconds for which a transaction may say nothing here.
SILENT = 4
#: Faults in a slot, at most.
MOST_WRONGS = 3
#: Seconds in which an instant is drawn for a death, longer than a run in peace takes.
LIVES = 1.5
#: By how much each slot is later than the one before it, so that whatever waits for another try is due.
APART = timedelta(hours=8)
#: What becomes of the hosts while a slot runs.
FATES = ("both live", "one dies", "one dies", "both die", "one freezes")
WELL = ("DONE", "HELD")


@pytest.fixture
def rig(new_rig: NewRig) -> Iterator[Rig]:
    """A site with civil affairs."""
    with impatient(new_rig(CIVIL)) as hasty:
        yield hasty


def _serve(root: Path, wire: Connection) -> None:
    """Wakes for each slot that it is told of; tells how that ended."""
    retry.pause = lambda seconds: None
    dialect.SILENT = f"{SILENT}s"
    site = opened(root)
    wire.send("ready")
    while True:
        planned, ahead = wire.recv()
        with time_machine.travel(datetime.now(UTC) + ahead, tick=True):
            try:
                report = schedule.run_slot(site, CIVIL, planned, patience=Patience(longest=LONGEST, step=STEP))
                wire.send("nothing to do" if report is None else report.exit_code.name)
            except GatewayError as fault:
                wire.send(type(fault).__name__)


class Host:
    """A host's daemon, started again where it was killed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._process: BaseProcess | None = None
        self._start()

    def _start(self) -> None:
        self.wire, theirs = PROCESSES.Pipe()
        self._process = PROCESSES.Process(target=_serve, args=(self._root, theirs), daemon=True)
        self._process.start()
        theirs.close()

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None and self._process.pid is not None
        return self._process.pid

    def wake(self, planned: datetime, ahead: timedelta) -> None:
        """The slot's time has come, on a clock that is so far ahead."""
        self.wire.send((planned, ahead))

    def ready(self) -> None:
        """Waits until it is up."""
        assert "ready" == self.wire.recv()

    def dies(self) -> None:
        """SIGKILL, and it is started again."""
        self.close()
        self._start()
        self.ready()

    def close(self) -> None:
        """SIGKILL."""
        assert self._process is not None
        self._process.kill()
        self._process.join()
        self.wire.close()


@contextmanager
def hosts(*roots: Path) -> Iterator[list[Host]]:
    """Daemons on these hosts."""
    with ExitStack() as stack:
        both = [Host(root) for root in roots]
        for host in both:
            stack.callback(host.close)
            host.ready()
        yield both


def _slot(number: int) -> tuple[datetime, timedelta]:
    """When a slot is planned, and how far the clocks are ahead by then."""
    return PLANNED + number * APART, number * APART


def _heard(living: list[Host]) -> list[str]:
    """How it ended on each of them."""
    said, silent = [], list(living)
    while silent:
        ready = wait([host.wire for host in silent], timeout=2 * LONGEST)
        assert ready, "a host came to no end"
        for host in [one for one in silent if one.wire in ready]:
            said.append(str(host.wire.recv()))
            silent.remove(host)
    return said


def _live(rng: Random, both: list[Host], planned: datetime, ahead: timedelta) -> tuple[str, list[str]]:
    """One slot on both hosts, and what became of them: fate, and how it ended on those that lived."""
    fate = rng.choice(FATES)
    order = rng.sample(both, 2)
    for host in order:
        host.wake(planned, ahead)
    time.sleep(rng.uniform(0, LIVES))
    match fate:
        case "one dies":
            order[0].dies()
            return fate, _heard(order[1:])
        case "both die":
            for host in order:
                host.dies()
            return fate, []
        case "one freezes":
            os.kill(order[0].pid, signal.SIGSTOP)
            told = _heard(order[1:])
            os.kill(order[0].pid, signal.SIGCONT)
            return fate, [*told, *_heard(order[:1])]
    return fate, _heard(order)


def _misled(rig: Rig, seed: int, number: int) -> None:
    """Up to three faults of the department and the platform."""
    drawn = [wrong for each in plan.rounds(seed, number, 4) for wrong in each.wrongs]
    for wrong in [one for one in drawn if one.server in (CIVIL, plan.PLATFORM)][:MOST_WRONGS]:
        rig.peers.servers[wrong.server].faults.add(wrong.name, **wrong.order)


def _in_peace(rig: Rig) -> tuple[list[tuple[str, ...]], Accounts]:
    """What the days come to on one host without any fault."""
    for number in range(DAYS):
        rig.peers.stage(number + 1)
        planned, ahead = _slot(number * SLOTS_A_DAY)
        with time_machine.travel(datetime.now(UTC) + ahead, tick=True):
            report = schedule.run_slot(rig.site, CIVIL, planned, patience=Patience())
        assert report is not None and report.exit_code.name in WELL
    return rig.records(), accounts(rig)


def _by_slot(rig: Rig) -> dict[str, list[str]]:
    """Planned slot -> the states of its runs, oldest first."""
    found = defaultdict[str, list[str]](list)
    c = tables.runs.c
    with rig.site.ledger.begin() as tx:
        for slot, state in tx.execute(sa.select(c.slot, c.state).where(c.slot.is_not(None)).order_by(c.id)):
            found[slot.removesuffix(" again")].append(state)
    return dict(found)


def _waiting(rig: Rig) -> int:
    """Changes that are under way."""
    with rig.site.ledger.begin() as tx:
        return sum(number for state, number in outbox.counts(tx).items() if state in ("queued", "sending"))


def _until_all_is_said(rig: Rig, both: list[Host], day: int, numbers: Iterator[int]) -> list[str]:
    """A day ends in peace, as in `make torture`: the platform takes nothing for who has died before it heard of them.
    Gives how the last slot ended on both."""
    rig.peers.well_behaved()
    rig.peers.stage(day)  # the department puts right what was damaged
    told: list[str] = []
    # What was locked again and again waits for days.
    for number in islice(numbers, 20):
        planned, ahead = _slot(number)
        with time_machine.travel(datetime.now(UTC) + ahead, tick=True):
            for host in both:
                host.wake(planned, ahead)
            told = _heard(both)
        if sorted(told) in (["DONE", "nothing to do"], ["HELD", "nothing to do"]) and not _waiting(rig):
            break
    return told


@pytest.mark.parametrize("seed", [4])
def test_two_hosts_under_torture_end_where_one_in_peace_ends(
    rig: Rig, second: Path, new_rig: NewRig, seed: int
) -> None:
    """Whatever the peers do, whichever host is killed or stands still for longer than its lease: each slot has one run
    that came to an end, at most one more that a death cut short, and in the end the platform holds what it would have
    held, nothing was applied twice, and every row has its outcome."""
    records, quiet = _in_peace(new_rig(CIVIL))
    rng, fates, numbers = Random(seed), Counter[str](), count()
    with hosts(rig.site.settings.root, second) as both:
        for day in range(1, DAYS + 1):
            rig.peers.stage(day)
            for number in islice(numbers, SLOTS_A_DAY):
                planned, ahead = _slot(number)
                _misled(rig, seed, number)
                with time_machine.travel(datetime.now(UTC) + ahead, tick=True):
                    fate, _told = _live(rng, both, planned, ahead)
                fates[fate] += 1
            told = _until_all_is_said(rig, both, day, numbers)
    assert set(FATES) == set(fates)
    assert set(told) & set(WELL)
    assert [] == differences(rig, records, quiet)
    runs = _by_slot(rig)
    assert {} == {slot: states for slot, states in runs.items() if len(states) > 2 or "running" in states}
    assert {} == {slot: states for slot, states in runs.items() if len([s for s in states if s != "interrupted"]) > 1}
