"""A run in a process of its own that kills itself at a named moment, or tells the moments that it passes.

Takes a site and a day; gives the process. Moments:

- `before intake 1`, `after intake 1`: around the first commit that a module of the pipeline made, of those that wrote;
- `out of land in intake`: when a module of the pipeline first comes out of a room.

The run itself is the real one, watched through SQLAlchemy's events and through wrappers that call what they wrap.
"""

import inspect
import os
import pkgutil
import signal
import sys
from collections import Counter
from collections.abc import Callable
from datetime import date
from functools import wraps
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Lock
from typing import Any

import sqlalchemy as sa

from gateway import pipeline
from gateway.bootstrap import open_site
from gateway.peers import retry
from gateway.store import Ledger
from tests.processes import PROCESSES

ROOMS = ("acquire", "land", "normalise", "reconcile", "settle", "deliver", "feedback")
WRITES = ("INSERT", "UPDATE", "DELETE")
Reached = Callable[[str], None]


def dies_after(moment: str) -> None:
    """From now on this process is killed when that function of the gateway (module and name) has been called."""
    place, _dot, name = moment.rpartition(".")
    owner = pkgutil.resolve_name(place)
    done = getattr(owner, name)

    def die(*args: object, **kwargs: object) -> None:
        done(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, die)


def run_until(root: Path, day: date, moment: str) -> BaseProcess:
    """A run that was started and dies at that moment, at the latest when it is done."""
    process = PROCESSES.Process(target=_die_at, args=(root, day, moment), daemon=True)
    process.start()
    return process


def moments(root: Path, day: date) -> list[str]:
    """All moments of a run, in order. Raises EOFError where the run failed."""
    ours, theirs = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=_tell, args=(root, day, theirs), daemon=True)
    process.start()
    theirs.close()
    told: list[str] = ours.recv()
    process.join()
    return told


def _die_at(root: Path, day: date, moment: str) -> None:
    def reached(here: str) -> None:
        if here == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    _run(root, day, reached)


def _tell(root: Path, day: date, wire: Connection) -> None:
    passed: list[str] = []
    _run(root, day, passed.append)
    wire.send(list(dict.fromkeys(passed)))


def _run(root: Path, day: date, reached: Reached) -> None:
    retry.pause = lambda seconds: None
    site = open_site(root)
    _watch_rooms(reached)
    _watch_commits(site.ledger, reached)
    pipeline.run(site, list(site.settings.sources), day, actor="dying")


def _watch_rooms(reached: Reached) -> None:
    """Whenever a module of the pipeline comes out of a room, it is told."""
    for module in [m for name, m in sys.modules.items() if name.startswith("gateway.pipeline.")]:
        for name, value in list(vars(module).items()):
            room = getattr(value, "__module__", "").split(".")[1:2]
            if inspect.isfunction(value) and room and room[0] in ROOMS:
                moment = f"out of {room[0]} in {module.__name__.rpartition('.')[2]}"
                setattr(module, name, _told(value, moment, reached))


def _told(function: Callable[..., Any], moment: str, reached: Reached) -> Callable[..., Any]:
    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        reached(moment)
        return result

    return call


def _watch_commits(ledger: Ledger, reached: Reached) -> None:
    engine, times, lock = ledger._engine, Counter[str](), Lock()

    def wrote(connection: sa.Connection, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.lstrip().upper().startswith(WRITES):
            connection.info["wrote"] = True

    def before(connection: sa.Connection) -> None:
        if connection.info.pop("wrote", False):
            who = _who()
            with lock:
                times[who] += 1
                connection.info["commit"] = f"{who} {times[who]}"
            reached(f"before {connection.info['commit']}")

    def after(_connection: object, record: Any) -> None:
        commit = record.info.pop("commit", None)
        if commit is not None:
            reached(f"after {commit}")

    sa.event.listen(engine, "before_cursor_execute", wrote)
    sa.event.listen(engine, "commit", before)
    sa.event.listen(engine, "checkin", after)


def _who() -> str:
    """The module of the pipeline that commits; for message numbers, the one that draws them."""
    frame = sys._getframe()
    while frame.f_back:
        frame = frame.f_back
        file = Path(frame.f_code.co_filename)
        if file.parent.name == "pipeline" and file.parent.parent.name == "gateway" and file.stem != "platform":
            return file.stem
    return "another"
