"""Files that the platform has prepared, and the numbers under which they are fetched.

Takes the data folder; gives prepared files, read again whenever one changes; refuses nothing: a number that
isn't known (any more) is None. Only the newest files lie ready, as on a real platform, which clears them
away.
"""

import gzip
import secrets
from dataclasses import dataclass
from pathlib import Path

from gateway.testing.folder import Watched
from gateway.vault.sm import sm3_hex

#: files that lie ready at once; an older one is gone (404), and the client asks again
MOST_READY = 64


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A gzip file of UTF-8 CSV."""

    filename: str
    content: bytes
    #: of the gzip file
    sm3: str
    #: data rows
    rows: int


class Shelf:
    """The prepared files. Not safe to use from several threads but for `find`."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self._watched: dict[str, Watched[Prepared]] = {}
        self._ready: dict[str, Prepared] = {}

    def roster(self) -> Prepared:
        """The roster as it is on disk. Raises FileNotFoundError where there is none."""
        return self._watch("roster.csv.gz").now()

    def yearly(self, filename: str, columns: str, year: int) -> Prepared:
        """A year of a file of the data folder, by its column `…setl_date`; no rows where there is no file."""
        try:
            content = self._watch(filename).now().content
        except FileNotFoundError:
            return prepare(filename, columns.encode() + b"\n")
        header, *rows = gzip.decompress(content).splitlines(keepends=True)
        names = header.decode().rstrip().split(",")
        day = next(at for at, name in enumerate(names) if name.endswith("setl_date"))
        kept = (row for row in rows if row.split(b",")[day].startswith(b"%d-" % year))
        return prepare(filename, b"".join([header, *kept]))

    def put_out(self, prepared: Prepared) -> str:
        """A new number under which the file can be fetched."""
        number = secrets.token_hex(16)
        self._ready[number] = prepared
        for old in list(self._ready)[:-MOST_READY]:
            del self._ready[old]
        return number

    def take_away(self, number: str) -> None:
        """The file is gone."""
        self._ready.pop(number, None)

    def find(self, number: str) -> Prepared | None:
        """The file of that number; None if it is gone or never was."""
        return self._ready.get(number)

    def _watch(self, filename: str) -> Watched[Prepared]:
        return self._watched.setdefault(filename, Watched(self._data / filename, _read))


def prepare(filename: str, text: bytes) -> Prepared:
    """CSV with a header row as a prepared file."""
    return _described(filename, gzip.compress(text, compresslevel=1, mtime=0), text)


def _read(path: Path) -> Prepared:
    content = path.read_bytes()
    return _described(path.name, content, gzip.decompress(content))


def _described(filename: str, content: bytes, text: bytes) -> Prepared:
    rows = text.count(b"\n") - 1 + (not text.endswith(b"\n"))
    return Prepared(filename=filename, content=content, sm3=sm3_hex(content), rows=rows)
