"""A run that dies around a commit, in this process: from then on its ledger does nothing more, as if it were killed."""

from threading import Lock
from typing import Any

import sqlalchemy as sa

from gateway.store import Ledger

WRITES = ("INSERT", "UPDATE", "DELETE")


class Killed(BaseException):
    """The run is dead; no code of the gateway catches this."""


def dies_at(ledger: Ledger, commit: int, *, after: bool) -> None:
    """Kills whoever uses this ledger before or after so many commits that write."""
    engine, lock = ledger._engine, Lock()
    state = {"commits": 0, "dead": False}

    def wrote(connection: sa.Connection, _cursor: object, statement: str, *_rest: Any) -> None:
        if statement.lstrip().upper().startswith(WRITES):
            connection.info["wrote"] = True

    def commits(connection: sa.Connection) -> None:
        if not connection.info.pop("wrote", False):
            return
        with lock:
            state["commits"] += 1
            if state["commits"] == commit:
                state["dead"] = True
        if state["dead"] and (state["commits"] > commit or not after):
            raise Killed

    def begins(_connection: sa.Connection) -> None:
        if state["dead"]:
            raise Killed

    sa.event.listen(engine, "before_cursor_execute", wrote)
    sa.event.listen(engine, "commit", commits)
    sa.event.listen(engine, "begin", begins, insert=True)
