"""CSV in which records differ in width: the few strange lines are mended, and then all of it is read fast.

Takes the text, the header's width, and the fast reader. Gives all records after the header as text, `line` and
`broken`, as the patient reader alone would. Refuses nothing; what that reader refuses is a `csv.Error`.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

#: A cell that ends where it seems to: without quotes, or in quotes altogether.
_CELL = r'(?:"(?:[^"]|"")*"|[^",\r]*)'
#: Cells of a record, at most: a pattern for ten thousand is refused, and no list has a hundred.
_WIDEST = 1000
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
class _Mended:
    """The text below a header of its own, one even record for each record."""

    text: bytes
    records: int
    #: Which of them had another width.
    broken: Sequence[int]


def uneven_frame(text: bytes, width: int, fast: FastReader) -> pl.DataFrame:
    """`c0` … as text, `line` and `broken`: a record with more or fewer cells than the header is broken.

    `fast` reads records of one width below a header, or gives None. Raises csv.Error.
    """
    strange = _strange(text, width) if 1 < width <= _WIDEST else None
    if strange is None:
        return _patient_frame(text, width)
    mended = _mended(text, width, strange)
    read = fast(mended.text, [""] * width)
    if read is None or read.height != mended.records:
        return _patient_frame(text, width)
    broken = pl.repeat(False, read.height, dtype=pl.Boolean, eager=True).scatter(mended.broken, True)
    # The first record is the text's header.
    return read.with_columns(broken.alias("broken"), pl.col("line") - 1).slice(1)


def _strange(text: bytes, width: int) -> list[int] | None:
    """Where the lines begin that are no even record by themselves; None where they are too many to be mended."""
    found: list[int] = []
    lines = 0
    for start, block in _blocks(text):
        split = pl.Series([block.removesuffix(b"\n")], dtype=pl.Binary).cast(pl.String).str.split("\n").explode()
        lines += split.len()
        odd = _odd(split, block, width)
        if odd.any():
            ends = (split.str.len_bytes().cast(pl.Int64) + 1).cum_sum()
            found += (ends.shift(1, fill_value=0).filter(odd) + start).to_list()
    return found if len(found) <= max(_FEW * lines, 1) else None


def _blocks(text: bytes) -> Iterator[tuple[int, bytes]]:
    """The text in blocks of whole lines, each with its place."""
    at = 0
    while at < len(text):
        end = text.find(b"\n", at + _BLOCK) + 1 or len(text)
        yield at, text[at:end]
        at = end


def _odd(lines: pl.Series, block: bytes, width: int) -> pl.Series:
    """Whether each line of the block is no even record by itself, whatever stands before it."""
    if b'"' not in block and block.count(b"\r") == lines.str.ends_with("\r").sum():
        return lines.str.count_matches(",", literal=True) != width - 1
    return ~lines.str.contains(rf"^{_CELL}(?:,{_CELL}){{{width - 1}}}\r?$")


def _mended(text: bytes, width: int, strange: Sequence[int]) -> _Mended:
    """Each record that begins on a strange line is read patiently and told evenly; blank lines are left out."""
    whole, broken = memoryview(text), list[int]()
    pieces: list[bytes | memoryview] = [b"," * (width - 1) + b"\n"]
    records = done = 0
    for at in strange:
        if at < done:  # within the record before
            continue
        pieces.append(whole[done:at])
        records += text.count(b"\n", done, at)
        done = text.find(b"\n", at) + 1 or len(text)
        if text[at:done].strip(_BLANK):
            cells, done = _patiently(text, at)
            if len(cells) != width:
                broken.append(records)
            pieces.append(_told(cells, width))
            records += 1
    pieces.append(whole[done:])
    records += text.count(b"\n", done) + (done < len(text) and not text.endswith(b"\n"))
    return _Mended(text=b"".join(pieces), records=records, broken=broken)


def _patiently(text: bytes, at: int) -> tuple[list[str], int]:
    """The cells of the record that begins there, and where it ends."""
    end = at

    def lines() -> Iterator[str]:
        nonlocal end
        while end < len(text):
            begin, end = end, text.find(b"\n", end) + 1 or len(text)
            yield text[begin:end].decode()

    return next(csv.reader(lines())), end


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
    return pl.DataFrame(
        [pl.Series(f"c{i}", c, pl.String) for i, c in enumerate(columns)]
        + [
            pl.Series("line", range(2, len(rows) + 2), pl.UInt32),
            pl.Series("broken", [len(row) != width for row in rows], pl.Boolean),
        ]
    )
