"""A SQLite database at the newest schema, made once by each test process, and copied."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.store import Ledger


def at_head(file: Path) -> Path:
    """Puts a copy there, and gives its path."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.write_bytes(_content())
    return file


@cache
def _content() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.db"
        ledger = Ledger(f"sqlite:///{file}")
        ledger.migrate()
        ledger.close()
        assert [file] == list(file.parent.iterdir())  # all of it is in the one file
        return file.read_bytes()
