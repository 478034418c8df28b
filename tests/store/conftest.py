"""A migrated ledger, new for every test, on each database in turn."""

from collections.abc import Iterator

import pytest

from gateway.store import Ledger
from tests.conftest import NewDatabase


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str:
    """Every test that touches the store runs on both."""
    return str(request.param)


@pytest.fixture
def url(database: str, new_database: NewDatabase) -> str:
    """The address of an empty database."""
    return new_database(database)


@pytest.fixture
def ledger(database: str, new_database: NewDatabase) -> Iterator[Ledger]:
    """A ledger at the newest schema."""
    made = Ledger(new_database(database, at_head=True))
    made.migrate()
    yield made
    made.close()
