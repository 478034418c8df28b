"""Where the sites of the tests keep their ledgers: a file in SQLite, or with `DATABASE=postgresql` a server's.

Takes a site's folder; gives a ledger at the newest schema in it, a copy of a site's, and what stands in it, past the
gateway. The server is this test process's own, started when somebody first needs it.
"""

import os
import re
import shutil
import sqlite3
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import set_json_loads

from gateway.settings import FILE
from tests import sqlite
from tests.postgresql import Postgresql, migrated, postgresql

#: What a test's sites keep their ledgers in, where the test does not say: `sqlite`, or `postgresql`.
KIND = os.environ.get("DATABASE", "sqlite")

_stack = ExitStack()
_ADDRESS = re.compile(r'^database = "postgresql\+psycopg(://[^"]*)"\n', re.MULTILINE)


@cache
def server() -> Postgresql:
    """The PostgreSQL server of this test process."""
    return _stack.enter_context(postgresql())


@cache
def template() -> str:
    """A database at the newest schema, to be copied."""
    return migrated(server())


def close() -> None:
    """The server is gone, if there was one."""
    _stack.close()


def place(root: Path, database: str = "") -> None:
    """A new site's ledger is in that database; where none is named, in a new one of the kind this run is of."""
    if database:
        keep_in(root / FILE, database)
    elif KIND == "sqlite":
        sqlite.at_head(root / "var" / "ledger.db")
    else:
        keep_in(root / FILE, server().url(server().new(template())))


def keep_in(file: Path, database: str) -> None:
    """The site's ledger is in that database."""
    text = _ADDRESS.sub("", file.read_text("utf-8"))
    text = text.replace("[site]\n", f'[site]\ndatabase = "{database}"\n', 1)
    file.write_text(text, "utf-8")


def copied(site: Path, to: Path) -> Path:
    """A site once more, keys and ledger included. Nobody may be in the first one meanwhile."""
    shutil.copytree(site, to)
    if found := _address(to):
        keep_in(to / FILE, server().url(server().new(found.rpartition("/")[2])))
    return to


def gone(root: Path) -> None:
    """The site is no more; a server's database of its ledger neither."""
    if found := _address(root):
        server().drop(found.rpartition("/")[2])


def ask(root: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Rows of a site's ledger, past the gateway; a statement that writes is committed."""
    found = _address(root)
    if not found:
        with closing(sqlite3.connect(root / "var" / "ledger.db", timeout=30)) as connection, connection:
            return connection.execute(query, values).fetchall()
    with psycopg.connect("postgresql" + found) as there:
        set_json_loads(_as_text, there)
        cursor = there.execute(query.replace("%", "%%").replace("?", "%s").encode(), values)
        return cursor.fetchall() if cursor.description else []


def address(root: Path) -> str:
    """Of a site's ledger, as SQLAlchemy writes it."""
    found = _address(root)
    return f"postgresql+psycopg{found}" if found else f"sqlite:///{root / 'var' / 'ledger.db'}"


def undefended(root: Path, table: str) -> None:
    """Whoever may change the schema takes away what keeps a table's rows."""
    for event in ("row ON " + table,) if _address(root) else ("update", "delete"):
        ask(root, f"DROP TRIGGER {table}_no_{event}")


def files(root: Path) -> list[Path]:
    """Where what a site's ledger holds stands on the disk."""
    found = _address(root)
    if not found:
        return sorted((root / "var").glob("ledger.db*"))
    server().execute("CHECKPOINT")
    ((number,),) = ask(root, "SELECT oid FROM pg_database WHERE datname = current_database()")
    return sorted(path for path in (server().folder / "data" / "base" / str(number)).iterdir() if path.is_file())


def _as_text(value: str | bytes) -> str:
    """JSON as it stands, as SQLite gives it."""
    return value if isinstance(value, str) else value.decode()


def _address(root: Path) -> str:
    found = _ADDRESS.search((root / FILE).read_text("utf-8"))
    return found[1] if found else ""
