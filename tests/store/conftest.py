"""A migrated ledger on SQLite, new for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.store import Ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A ledger at the newest schema."""
    made = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    made.migrate()
    yield made
    made.close()
