"""CSV in which records differ in width: the few strange lines are mended, and then all of it is read fast.

Takes the text, the header's width, and the fast reader. Gives all records after the header as text, `line`, `broken`
and what is known of the broken ones, as the patient reader alone would. Refuses nothing; what that reader refuses is a
`csv.Error`.
"""

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from gateway.normalise.behind import RECORD, REST, record_of

#: A cell that ends where it seems to: without quotes, or in quotes altogether.
_CELL = r'(?:"(?:[^"]|"")*"|[^",\r]*)'
#: Cells of a record, at most: a pattern for ten thousand is refused, and no list has a hundred.
_WIDEST = 1000
#: A return that ends no line.
_STRAY = re.compile(rb"\r(?!\n)")
#: A line that says nothing.
_BLANK = b"\r\n"
#: Bytes that are looked through at once: larger blocks take more memory, and no less time.
_BLOCK = 1 << 21
#: Of all lines, those that may be for the patient reader: beyond, it reads the whole at once.
_FEW = 0.1
#: What a cell cannot hold without quotes.
_QUOTED = frozenset('",\r\n')

FastReader = Callable[[bytes, list[str]], pl.DataFrame | None]


@dataclass(frozen=True, kw_only=True)
class _Line:
    """Where a line begins: its byte, and the lines before it."""

    at: int
    line: int


@dataclass(frozen=True, kw_only=True)
class _Strange:
    """The lines that are no even record by themselves, of so many."""

    lines: Sequence[_Line]
    count: int


@dataclass(frozen=True, kw_only=True)
class _Mended:
    """The text below a header of its own, one even record for each record."""

    text: bytes
    records: int
    #: Which of them had another width -> their cells.
    broken: Mapping[int, Sequence[str]]


def uneven_frame(text: bytes, width: int, fast: FastReader) -> pl.DataFrame:
    """`c0` … as text, and OF_RECORD: a record with more or fewer cells than the header is broken. What it has too much
    of is the column after the header's last.

    `fast` reads records of one width below a header, or gives None. Raises csv.Error.
    """
    for every in (False, True) if 1 < width <= _WIDEST else ():
        strange = _strange(text, width, every=every)
        mended = _mended(text, width, strange) if len(strange.lines) <= max(_FEW * strange.count, 1) else None
        read = fast(mended.text, [""] * width) if mended else None
        if mended and read is not None and read.height == mended.records:
            # The first record is the text's header.
            return _with_broken(read.with_columns(pl.col("line") - 1), mended.broken, width).slice(1)
    return _patient_frame(text, width)


def _with_broken(read: pl.DataFrame, broken: Mapping[int, Sequence[str]], width: int) -> pl.DataFrame:
    """The records, and what the broken ones of them are."""
    rest = dict[int, bool]()
    for at, row in broken.items():
        if at - 1 in broken and at - 1 not in rest and len(broken[at - 1]) + len(row) == width + 1:
            rest[at] = True
    told: dict[str, tuple[type[pl.DataType], Mapping[int, object]]] = {
        "broken": (pl.Boolean, {at: True for at in broken}),
        f"c{width}": (pl.String, {at: ",".join(cells[width:]) for at, cells in broken.items()}),
        RECORD: (pl.String, {at: record_of(cells) for at, cells in broken.items()}),
        REST: (pl.Boolean, rest),
    }
    columns = [
        pl.repeat(None, read.height, dtype=kind, eager=True).scatter(list(said), list(said.values())).alias(name)
        for name, (kind, said) in told.items()
    ]
    return read.with_columns(columns).with_columns(pl.col("broken", REST).fill_null(value=False))


def _strange(text: bytes, width: int, *, every: bool) -> _Strange:
    """The strange lines: of `every` block, or of those whose commas do not fit their lines. In a block where they do, a
    record may be as much too short as another is too long, which the fast reader then refuses."""
    found: list[_Line] = []
    lines = 0
    for at, end in _blocks(text):
        count = text.count(b"\n", at, end) + (text[end - 1 : end] != b"\n")
        plain = text.find(b'"', at, end) < 0 and not _STRAY.search(text, at, end)
        if every or not plain or text.count(b",", at, end) != (width - 1) * count:
            found += [
                _Line(at=at + place, line=lines + line) for place, line in _within(text[at:end], width, plain=plain)
            ]
        lines += count
    return _Strange(lines=found, count=lines)


def _blocks(text: bytes) -> Iterator[tuple[int, int]]:
    """Where blocks of whole lines begin and end."""
    at = 0
    while at < len(text):
        end = text.find(b"\n", at + _BLOCK) + 1 or len(text)
        yield at, end
        at = end


def _within(block: bytes, width: int, *, plain: bool) -> Iterator[tuple[int, int]]:
    """The bytes and the lines before each strange line of a block; `plain` where only commas and line ends matter."""
    split = pl.Series([block.removesuffix(b"\n")], dtype=pl.Binary).cast(pl.String).str.split("\n").explode()
    odd = split.str.count_matches(",", literal=True) != width - 1 if plain else ~split.str.contains(_even(width))
    at = (split.str.len_bytes().cast(pl.Int64) + 1).cum_sum().shift(1, fill_value=0)
    return zip(at.filter(odd).to_list(), odd.arg_true().to_list(), strict=True)


def _even(width: int) -> str:
    """What a line looks like that is an even record by itself, whatever stands before it."""
    return rf"^{_CELL}(?:,{_CELL}){{{width - 1}}}\r?$"


def _mended(text: bytes, width: int, strange: _Strange) -> _Mended:
    """Each record that begins on a strange line is read patiently and told evenly; blank lines are left out."""
    whole, broken = memoryview(text), dict[int, Sequence[str]]()
    pieces: list[bytes | memoryview] = [b"," * (width - 1) + b"\n"]
    records = done = lines_done = 0
    for one in strange.lines:
        if one.at < done:  # within the record before
            continue
        pieces.append(whole[done : one.at])
        records += one.line - lines_done
        done, lines_done = text.find(b"\n", one.at) + 1 or len(text), one.line + 1
        if text[one.at : done].strip(_BLANK):
            cells, done, lines_done = _patiently(text, one)
            if len(cells) != width:
                broken[records] = cells
            pieces.append(_told(cells, width))
            records += 1
    pieces.append(whole[done:])
    records += strange.count - lines_done
    return _Mended(text=b"".join(pieces), records=records, broken=broken)


def _patiently(text: bytes, one: _Line) -> tuple[list[str], int, int]:
    """The cells of the record that begins there; where it ends, and the lines up to there."""
    end, line = one.at, one.line

    def lines() -> Iterator[str]:
        nonlocal end, line
        while end < len(text):
            begin, end, line = end, text.find(b"\n", end) + 1 or len(text), line + 1
            yield text[begin:end].decode()

    return next(csv.reader(lines())), end, line


def _told(cells: Sequence[str], width: int) -> bytes:
    """The cells as an even record.

    A broken record says nothing, but what stands under name and number may still hold back a departure.
    """
    quoted = ['"' + cell.replace('"', '""') + '"' if _QUOTED & set(cell) else cell for cell in cells[:width]]
    return (",".join(quoted) + "," * (width - len(quoted)) + "\n").encode()


def _patient_frame(text: bytes, width: int) -> pl.DataFrame:
    """All of it by the patient reader alone."""
    rows = [row for row in csv.reader(io.StringIO(text.decode())) if row][1:]
    nothing: list[str | None] = [None] * width
    columns = list(zip(*([*row, *nothing][:width] for row in rows), strict=True)) if rows else [()] * width
    read = [pl.Series(f"c{i}", column, pl.String) for i, column in enumerate(columns)]
    frame = pl.DataFrame([*read, pl.Series("line", range(2, len(rows) + 2), pl.UInt32)])
    return _with_broken(frame, {at: row for at, row in enumerate(rows) if len(row) != width}, width)
