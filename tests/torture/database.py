"""The two databases that a torture takes away: a file that somebody else holds, and a server that stops and starts.

Gives a site's address, and lets a site be without its database for a while; then it is there again.
"""

import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tests.postgresql import Postgresql, postgresql
from tests.scan import files_of, written_out
from tests.torture.plan import Outage

#: How PostgreSQL's server is told to stop: it ends every session, or it dies as it stands and recovers from its log.
STOPS = {"fast": signal.SIGINT, "immediate": signal.SIGQUIT}


class Database(Protocol):
    """Where sites keep their ledgers."""

    def new(self) -> str:
        """A new ledger's address; empty where it is a file of the site's own."""

    def leave(self, root: Path, outage: Outage) -> str:
        """The site of that folder is without its ledger for so long, from now. What happened, in words."""

    def files(self, folder: Path) -> list[Path]:
        """All that it keeps elsewhere than in the sites' folders; what is written out for it goes into the folder."""


class Sqlite:
    """A file in the site's folder."""

    def new(self) -> str:
        """The site's own."""
        return ""

    def leave(self, root: Path, outage: Outage) -> str:
        """Somebody else has it, as when its disk is away."""
        other = sqlite3.connect(root / "var" / "ledger.db", isolation_level=None, timeout=60)
        try:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(outage.seconds)
            other.execute("ROLLBACK")
        finally:
            other.close()
        return "SQLite held by another"

    def files(self, folder: Path) -> list[Path]:
        """None."""
        return []


class Server:
    """A PostgreSQL server that nobody else uses."""

    def __init__(self, server: Postgresql) -> None:
        self._server = server
        self._names: list[str] = []

    def new(self) -> str:
        """An empty database, which the site migrates."""
        self._names.append(self._server.new())
        return self._server.url(self._names[-1])

    def leave(self, root: Path, outage: Outage) -> str:
        """It stops, under whatever is going on there, and starts again."""
        self._server.stop(STOPS[outage.stop])
        time.sleep(outage.seconds)
        self._server.start()
        return f"PostgreSQL stopped, {outage.stop}"

    def files(self, folder: Path) -> list[Path]:
        """Its data with the write-ahead log, its own log, and each database's rows as text."""
        for name in self._names:
            written_out(self._server, name, folder / f"{name}.txt")
        return [*files_of(self._server.folder), *folder.glob("*.txt")]


@contextmanager
def database(kind: str) -> Iterator[Database]:
    """«sqlite», or «postgresql» with a server that is gone afterwards. Raises ValueError for any other."""
    match kind:
        case "sqlite":
            yield Sqlite()
        case "postgresql":
            with postgresql() as server:
                yield Server(server)
        case _:
            raise ValueError(f"DATABASE is sqlite or postgresql, not {kind}")
