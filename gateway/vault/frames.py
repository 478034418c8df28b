"""Frames at rest: blocks of one column and some rows, each compressed and sealed, and a name that commits to them.

Takes a frame and a folder, gives a file name; opens of a file only the columns, and the rows, that are asked for.
`SealBroken` for a file that isn't what its name says, does not open, or holds no such frame. What is
written is never changed. No plain byte reaches the disk. All numbers are big-endian:

```
header     164  as in `header.py`, with the magic GWSEAL2T; the blocks have lengths of their own
block        n  a record as in `header.py`, numbers from 1: up to 32 768 rows of one column, an Arrow stream with zstd.
                All columns of the first rows in the frame's order, then of the next
directory    n  a record, number 0, the last one: JSON. `columns`, and `ranges` of rows, each with the `lengths` of its
                blocks' records, and `bounds`: the least and the greatest value of its first column, null = not known
length       4  bytes of the directory's record
```

The name is the SM3 of the header's first 44 bytes and the directory: see docs/decisions/0024 and 0060.
"""

import io
import json
import os
import secrets
import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeVar

import polars as pl

from gateway.vault.header import HEADER_BYTES, NAMED_BYTES, PREFIX_BYTES, FileHeader, broken
from gateway.vault.seal import Sealer
from gateway.vault.sm import sm3_hex
from gateway.vault.streams import SIDE_BY_SIDE, sync_folder
from gateway.words import _

SUFFIX = ".sealed"
#: Sweepers know an unfinished file by it.
PARTIAL_SUFFIX = ".partial"
MAGIC = b"GWSEAL2T"
#: Rows of a block. Of 812 000 entries: 43 MB as one buffer, 45 MB in these; with twice as many 2 % less, but for one
#: row twice the bytes are opened.
BLOCK_ROWS = 32_768
#: Blocks that may wait to be written: each is at most a quarter of a megabyte or so.
_WAITING = 4 * SIDE_BY_SIDE
_LENGTH = struct.Struct(">I")

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True)
class _Range:
    """Consecutive rows of a frame."""

    #: The number of its first column's block, and where in the file that begins.
    number: int
    begin: int
    #: Bytes of each column's record.
    lengths: list[int]
    #: No value of the first column is less or greater; None = nobody knows, a null may be among them.
    bounds: tuple[int | str, int | str] | None

    @property
    def end(self) -> int:
        """Where in the file the next ones begin."""
        return self.begin + sum(self.lengths)


def write_sealed_frame(sealer: Sealer, folder: Path, frame: pl.DataFrame) -> str:
    """Writes the frame into the folder and returns the file's name, `<sm3 of header and directory>.sealed`.

    When it returns, file and name are on the disk. An `OSError` of the disk passes, and leaves no partial. A frame that
    is sorted by its first column opens quickly for `read_sealed_rows`.
    """
    partial = folder / f"{secrets.token_hex(8)}{PARTIAL_SUFFIX}"
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            digest = _write(FileHeader.new(sealer.epochs.newest(), 0, MAGIC), file, frame)
            file.flush()
            os.fsync(file.fileno())
        name = f"{digest}{SUFFIX}"
        os.replace(partial, folder / name)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(folder)
    return name


def read_sealed_frame(sealer: Sealer, path: Path, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """The frame, or these columns of it, in this order. `SealBroken` if the file or its name was changed."""
    with _opened(sealer, path) as stored:
        return stored.read(stored.columns if columns is None else columns, stored.ranges)


def read_sealed_rows(
    sealer: Sealer, path: Path, values: pl.Series, columns: Sequence[str] | None = None
) -> pl.DataFrame:
    """The rows whose first column has one of these values (of its type; null is one too), as `read_sealed_frame`.

    Opens only blocks of rows among which they can be.
    """
    with _opened(sealer, path) as stored:
        key, columns = stored.columns[0], stored.columns if columns is None else columns
        ranges = [one for one in stored.ranges if _may_hold(one, values)] or stored.ranges[:1]
        rows = stored.read(list(dict.fromkeys([key, *columns])), ranges)
        return rows.filter(pl.col(key).is_in(values.implode(), nulls_equal=True)).select(columns)


def _write(header: FileHeader, file: BinaryIO, frame: pl.DataFrame) -> str:
    """Blocks, directory and its length. Gives the digest of the name."""
    prefix, lengths = secrets.token_bytes(PREFIX_BYTES), []
    parts = list(frame.iter_slices(BLOCK_ROWS)) if frame.height else [frame]
    columns = (column for part in parts for column in part.get_columns())
    file.write(header.raw)
    for record in _side_by_side(lambda one: _block(header, prefix, *one), enumerate(columns, 1)):
        lengths.append(len(record))
        file.write(record)
    ranges, number, begin = [], 0, HEADER_BYTES
    for part in parts:
        own = lengths[number : number + part.width]
        ranges.append(_Range(number=number + 1, begin=begin, lengths=own, bounds=_bounds(part.to_series(0))))
        number, begin = number + part.width, ranges[-1].end
    directory = {"columns": frame.columns, "ranges": [asdict(one) for one in ranges]}
    record = prefix + header.seal(prefix, 0, json.dumps(directory).encode(), last=True)
    file.write(record + _LENGTH.pack(len(record)))
    return sm3_hex(header.named + record)


def _block(header: FileHeader, prefix: bytes, number: int, column: pl.Series) -> bytes:
    plain = io.BytesIO()
    column.to_frame().write_ipc_stream(plain, compression="zstd")
    return prefix + header.seal(prefix, number, plain.getbuffer(), last=False)


def _bounds(first: pl.Series) -> tuple[int | str, int | str] | None:
    sortable = first.dtype.is_integer() or first.dtype == pl.String
    if not sortable or first.is_empty() or first.null_count():
        return None
    return first.min(), first.max()  # type: ignore[return-value]  # of a column of numbers or of texts


def _may_hold(part: _Range, values: pl.Series) -> bool:
    return part.bounds is None or bool(values.is_between(*part.bounds).any())


def _side_by_side(work: Callable[[T], R], things: Iterable[T]) -> Iterator[R]:
    """What each comes to, in their order, two at a time. Cipher and compression let the other thread run."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        under_way: deque[Future[R]] = deque()
        for thing in things:
            under_way.append(pool.submit(work, thing))
            if len(under_way) > _WAITING:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


@contextmanager
def _opened(sealer: Sealer, path: Path) -> Iterator["_Stored"]:
    """The file's frame, once its name holds."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise broken(path.name, _("封存文件不存在")) from None
    with file:
        number, size = file.fileno(), os.fstat(file.fileno()).st_size
        head, end = os.pread(number, HEADER_BYTES, 0), max(size - _LENGTH.size, 0)
        length = int.from_bytes(os.pread(number, _LENGTH.size, end))
        directory = os.pread(number, length, max(end - length, 0))
        if f"{sm3_hex(head[:NAMED_BYTES] + directory)}{SUFFIX}" != path.name:
            raise broken(path.name, _("文件内容与文件名里的摘要不符"))
        header = FileHeader.parse(head, sealer.epochs, path.name, MAGIC)
        listed = json.loads(header.open(0, directory, last=True, where=path.name))
        ranges = [_Range(**one) for one in listed["ranges"]]
        if ranges[-1].end + length != end:
            raise broken(path.name, _("文件没有写完,或已被截断"))
        yield _Stored(header=header, file=number, name=path.name, columns=listed["columns"], ranges=ranges)


@dataclass(frozen=True, kw_only=True)
class _Stored:
    """A sealed frame that is open."""

    header: FileHeader
    #: The file's descriptor.
    file: int
    name: str
    columns: list[str]
    ranges: list[_Range]

    def read(self, columns: Sequence[str], ranges: Sequence[_Range]) -> pl.DataFrame:
        """These columns of these rows."""
        try:
            blocks = [(part, self.columns.index(name)) for name in columns for part in ranges]
            opened = _side_by_side(lambda one: self._block(*one), blocks)
            return pl.DataFrame([pl.concat(islice(opened, len(ranges)), rechunk=True) for _name in columns])
        except (ValueError, pl.exceptions.PolarsError):
            raise broken(self.name, _("内容不是数据表,或缺少所需的列")) from None

    def _block(self, part: _Range, column: int) -> pl.Series:
        begin, length = part.begin + sum(part.lengths[:column]), part.lengths[column]
        record = os.pread(self.file, length, begin)
        plain = self.header.open(part.number + column, record, last=False, where=self.name)
        return pl.read_ipc_stream(plain).to_series()
