"""One run of the gateway in a process of its own, which waits for its order with everything imported.

Takes a site's folder and a wire; hears one `Order`, runs, and tells the exit code and the faults of the run. What is
wrong with the machine is wrong with this process only: its clock, and the room that its files have.
"""

import os
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Timer

import time_machine

from gateway import logs, pipeline
from gateway.bootstrap import open_site
from gateway.errors import ExitCode, GatewayError
from gateway.peers import retry
from tests.processes import PROCESSES

#: The file beside the site into which everything goes that runs print and log.
SAID = "said.txt"
#: Seconds in which a process comes up, on a machine that is busy.
_PATIENCE = 120.0


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to run."""

    today: date
    #: Seconds that the clock is ahead when it starts.
    clock: float = 0.0
    #: Seconds by which it jumps, and after how many.
    jump: float = 0.0
    jumps_at: float = 0.0
    #: Bytes beyond which no file can grow; None where there is room.
    room: int | None = None


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a run says that lived to its end."""

    exit_code: ExitCode
    faults: Sequence[str]
    #: Changes that were sent.
    sent: int
    seconds: float


class Child:
    """A process that waits for its order."""

    def __init__(self, root: Path) -> None:
        self._wire, theirs = PROCESSES.Pipe()
        self._process: BaseProcess = PROCESSES.Process(target=_wait, args=(root, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def go(self, order: Order) -> None:
        """Starts the run. Raises EOFError where the process did not come up."""
        if not self._wire.poll(_PATIENCE):
            raise EOFError("the gateway's process did not come up")
        self._wire.recv()
        self._wire.send(order)

    def told(self, seconds: float) -> Told | None:
        """What the run says if it ends within so many seconds. Raises EOFError where it ended without a word."""
        return self._wire.recv() if self._wire.poll(max(seconds, 0.0)) else None

    def close(self) -> None:
        """SIGKILL, wherever it is."""
        self._process.kill()
        self._process.join()
        self._wire.close()


def _wait(root: Path, wire: Connection) -> None:
    with (root.parent / SAID).open("ab") as said:
        for stream in (1, 2):
            os.dup2(said.fileno(), stream)
    logs.configure()
    retry.pause = lambda seconds: None
    wire.send("here")
    order: Order = wire.recv()
    if order.room is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (order.room, order.room))
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=order.clock), tick=True) as clock:
        jump = Timer(order.jumps_at, clock.shift, [order.jump])
        jump.daemon = True
        jump.start()
        wire.send(_run(root, order.today))


def _run(root: Path, today: date) -> Told:
    start = time.perf_counter()
    try:
        site = open_site(root)
        report = pipeline.run(site, list(site.settings.sources), today, actor="torture")
    except GatewayError as fault:
        return Told(exit_code=fault.exit_code, faults=[str(fault)], sent=0, seconds=time.perf_counter() - start)
    assert report is not None
    faults = [*report.faults, *(f for one in report.instances.values() for f in one.faults)]
    seconds = time.perf_counter() - start
    return Told(exit_code=report.exit_code, faults=faults, sent=report.pushed.sent, seconds=seconds)
