"""A PostgreSQL server of the tests' own: on loopback, in a new folder, without a password, and not one that syncs.

Takes nothing; gives fresh databases at the newest schema, by copying one; stops, dies and starts again on request.
"""

import glob
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import psycopg

from gateway.store import Ledger

#: Who runs it where the tests are root's: the server refuses root.
USER = "postgres"
#: Looks, and seconds between two, until a server that was started or stopped has done so.
LOOKS, PAUSE = 600, 0.05
#: Nothing here outlives the tests, so nothing is synced.
_OPTIONS = ("fsync=off", "full_page_writes=off", "unix_socket_directories=", "shared_buffers=32MB")


def program(name: str) -> str | None:
    """Where one of PostgreSQL's programs is; None where it is not installed."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"))
    return shutil.which(name) or (found[-1] if found else None)


class Postgresql:
    """One server. `with postgresql() as server: server.new()`."""

    def __init__(self, folder: Path) -> None:
        #: With its data, write-ahead log, and what it logs.
        self.folder = folder
        self._data = folder / "data"
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self._names = (f"test_{number}" for number in count(1))
        self._process: subprocess.Popen[bytes] | None = None
        make = ("initdb", "-D", str(self._data), "-N", "-A", "trust", "-U", USER, "-E", "UTF8", "--locale=C")
        _as_user(make, folder).wait()

    def url(self, name: str) -> str:
        """SQLAlchemy address of a database."""
        return f"postgresql+psycopg://{USER}@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        """Starts, and waits until it lets somebody in."""
        options = [word for option in (*_OPTIONS, f"port={self.port}") for word in ("-c", option)]
        command = ("postgres", "-D", str(self._data), "-h", "127.0.0.1", *options)
        self._process = _as_user(command, self._data.parent)
        for _look in range(LOOKS):
            if self._process.poll() is not None:  # while it was away, its port was a client's for a moment
                self._process = _as_user(command, self._data.parent)
            try:
                psycopg.connect(self._admin, connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                time.sleep(PAUSE)
        raise TimeoutError("PostgreSQL did not start")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Ends every connection, and the server. By SIGQUIT it writes nothing down any more, as in a crash."""
        assert self._process is not None
        self._process.send_signal(how)
        self._process.wait(LOOKS * PAUSE)

    @property
    def _admin(self) -> str:
        return f"host=127.0.0.1 port={self.port} user={USER} dbname={USER}"

    def execute(self, statement: str, name: str = USER) -> list[tuple[object, ...]]:
        """One statement in a database, committed by itself; its rows."""
        with psycopg.connect(self._admin, dbname=name, autocommit=True) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def new(self, template: str = "template0") -> str:
        """The name of a new database, empty or a copy."""
        name = next(self._names)
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        """Takes a database away, whoever is still in it."""
        self.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def postgresql() -> Iterator[Postgresql]:
    """A running server; its folder goes with it."""
    folder = Path(tempfile.mkdtemp(prefix="gateway-postgresql-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(folder, USER)
        server = Postgresql(folder)
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def migrated(server: Postgresql) -> str:
    """The name of a database at the newest schema, to be copied."""
    name = server.new()
    ledger = Ledger(server.url(name))
    ledger.migrate()
    ledger.close()
    return name


def _as_user(command: tuple[str, ...], folder: Path) -> subprocess.Popen[bytes]:
    found = program(command[0])
    assert found is not None
    user = USER if os.geteuid() == 0 else None
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            (found, *command[1:]), user=user, group=user, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
