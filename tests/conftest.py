"""What every test gets: its tier's marker, the same hypothesis examples in every run of CI, databases on request."""

import gc
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import settings

from tests import ledgers, sqlite
from tests.postgresql import Postgresql, program

TESTS = Path(__file__).parent
TIERS = {"contract", "integration", "acceptance", "laws", "golden", "house"}

# No deadline: an example's time says how busy the machine is, not whether the law holds.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test with the tier whose folder it lies in; a folder that names none is a unit's. Where sites keep
    their ledgers in PostgreSQL, what is of SQLite alone is not asked again."""
    of_sqlite = [item for item in items if ledgers.KIND != "sqlite" and _is_of_sqlite(item)]
    config.hook.pytest_deselected(items=of_sqlite)
    items[:] = [item for item in items if item not in of_sqlite]
    _leave_for_long(items)
    for item in items:
        folders = item.path.relative_to(TESTS).parts if item.path.is_relative_to(TESTS) else ()
        item.add_marker(next((folder for folder in folders if folder in TIERS), "unit"))


def _leave_for_long(items: Iterable[pytest.Item]) -> None:
    """Of a test `one_in(n)` each n-th case is for `make test`, the first too; the others are for `make test-long`. Of
    two lists of values it is every n-th diagonal, so that each value of either is met."""
    places: dict[tuple[object, ...], dict[tuple[int, ...], int]] = defaultdict(dict)
    for item in items:
        if (mark := item.get_closest_marker("one_in")) and isinstance(item, pytest.Function):
            at = 0
            for names in (said.args[0] for said in item.iter_markers("parametrize")):
                met = places[item.path, item.originalname, names]
                which = [names] if isinstance(names, str) else names
                at += met.setdefault(tuple(id(item.callspec.params[name]) for name in which), len(met))
            if at % mark.args[0]:
                item.add_marker("long")


def _is_of_sqlite(item: pytest.Item) -> bool:
    drawn = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    return item.get_closest_marker("of_sqlite") is not None or drawn.get("database") == "sqlite"


def pytest_unconfigure() -> None:
    """The server that sites kept their ledgers in goes with the tests."""
    ledgers.close()


def pytest_collection_finish() -> None:
    """What was collected stays: to look through it for garbage again and again takes a tenth of the time."""
    gc.freeze()


#: A test of a whole site that is worth its time on each database in `make test`; all are, in `make test-postgresql`.
on_both_databases = pytest.mark.parametrize("database", ["sqlite", "postgresql"])


class NewDatabase(Protocol):
    """Makes a database of a kind, «sqlite» or «postgresql», and gives its address."""

    def __call__(self, kind: str, *, at_head: bool = False) -> str: ...


@pytest.fixture(scope="session")
def server() -> Postgresql:
    """The PostgreSQL server of this test process."""
    if program("initdb") is None:
        pytest.skip("PostgreSQL's server is not installed (apt-get install postgresql)")
    return ledgers.server()


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NewDatabase]:
    """Databases that are gone after the test: empty ones, or at the newest schema."""
    names: list[str] = []

    def make(kind: str, *, at_head: bool = False) -> str:
        if kind == "sqlite":
            file = tmp_path_factory.mktemp("database") / "ledger.db"
            return f"sqlite:///{sqlite.at_head(file) if at_head else file}"
        at: Postgresql = request.getfixturevalue("server")
        names.append(at.new(ledgers.template()) if at_head else at.new())
        return at.url(names[-1])

    yield make
    for name in names:
        request.getfixturevalue("server").drop(name)
