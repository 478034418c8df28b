"""CSV in which records differ in width: what is even is read fast, and only the rest by the patient reader.

Takes the text, the header's width, and the fast reader. Gives all records after the header as text, `line` and
`broken`, as the patient reader alone would. Refuses nothing; what that reader refuses is a `csv.Error`.
"""

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import polars as pl

#: A line that is a whole record by itself, whatever stands before it: cells without quotes, or in quotes altogether.
_CELL = r'(?:"(?:[^"]|"")*"|[^",\r]*)'
_NEAT = rf"^{_CELL}(?:,{_CELL})*\r?$"
#: Of all lines, those that may be for the patient reader: beyond, it reads the whole at once.
_FEW = 0.1

FastReader = Callable[[bytes, list[str]], pl.DataFrame | None]


@dataclass(frozen=True, kw_only=True)
class _Record:
    """A record that the patient reader read: the line on which it begins, and its cells."""

    at: int
    cells: Sequence[str]


def uneven_frame(text: bytes, width: int, fast: FastReader) -> pl.DataFrame:
    """`c0` … as text, `line` and `broken`: a record with more or fewer cells than the header is broken.

    `fast` reads records of one width below a header, or gives None. Raises csv.Error.
    """
    lines = _lines(text)
    strange = lines.filter(~(pl.col("neat") & (pl.col("cells") == width)) & ~pl.col("text").str.contains(r"^\r*$"))
    if strange.height > max(_FEW * lines.height, 1) or width < 2:
        return _framed(_records(text), width).drop("at")
    records = list(_patiently(lines["text"], strange))
    inside = pl.Series(
        "at", [line for record, used in records for line in range(record.at, record.at + used)], pl.Int64
    )
    even = lines.filter(pl.col("neat"), pl.col("cells") == width).join(inside.to_frame(), on="at", how="anti")
    places, told = even["at"], _told(even["text"], width)
    del lines, even  # as large as the file, each
    read = fast(told, [""] * width) if places.len() else None
    if read is None or read.height != places.len():
        return _framed(_records(text), width).drop("at")
    framed = _framed([record for record, _used in records], width, first=0)
    both = pl.concat([read.with_columns(places).select(framed.columns), framed]).sort("at")
    return both.slice(1).with_columns(pl.int_range(2, pl.len() + 2, dtype=pl.UInt32).alias("line")).drop("at")


def _lines(text: bytes) -> pl.DataFrame:
    """The lines with `at`, `neat`, and of neat ones `cells`; without the newline."""
    quoted = b'"' in text
    frame = (_split(text) if quoted else _unquoted(text)).with_row_index("at")
    line = pl.col("text")
    bare = line.str.replace_all(r'"[^"]*"', "") if quoted else line
    return frame.with_columns(
        pl.col("at").cast(pl.Int64),
        neat=line.str.contains(_NEAT) if quoted else ~line.str.strip_suffix("\r").str.contains("\r", literal=True),
        cells=bare.str.count_matches(",", literal=True).cast(pl.Int64) + 1,
    )


def _split(text: bytes) -> pl.DataFrame:
    """With the carriage returns: within quotes they belong to a cell."""
    whole = pl.Series("text", [text], pl.Binary).cast(pl.String).to_frame()
    return whole.select(pl.col("text").str.split("\n").explode())


def _unquoted(text: bytes) -> pl.DataFrame:
    """The same in half the memory; a byte that no text has parts the cells, so that each line is one."""
    schema = {"text": pl.String()}
    return pl.read_csv(text, has_header=False, separator="\0", quote_char=None, schema=schema).fill_null("")


def _told(lines: pl.Series, width: int) -> bytes:
    """The lines below a header."""
    stream = io.BytesIO()
    stream.write(b"," * (width - 1) + b"\n")
    lines.to_frame().write_csv(stream, include_header=False, quote_style="never")
    return stream.getvalue()


def _patiently(lines: pl.Series, strange: pl.DataFrame) -> Iterator[tuple[_Record, int]]:
    """Each record that begins on a strange line, and how many lines it has. Between them every line is a record."""
    free = 0
    for at in strange["at"]:
        if at >= free:
            last = lines.len() - 1
            reader = csv.reader(lines[line] + ("\n" if line < last else "") for line in range(at, last + 1))
            cells = next(reader)
            free = at + reader.line_num
            yield _Record(at=at, cells=cells), reader.line_num


def _records(text: bytes) -> list[_Record]:
    """All records after the header, by the patient reader alone."""
    rows = [row for row in csv.reader(io.StringIO(text.decode())) if row][1:]
    return [_Record(at=at, cells=cells) for at, cells in enumerate(rows)]


def _framed(records: Sequence[_Record], width: int, first: int = 2) -> pl.DataFrame:
    """`at`, `c0` …, `line` and `broken`.

    A broken record says nothing, but what stands under name and number may still hold back a departure.
    """
    nothing: list[str | None] = [None] * width
    whole = [[*record.cells, *nothing][:width] for record in records]
    columns = list(zip(*whole, strict=True)) if whole else [()] * width
    return pl.DataFrame(
        [pl.Series("at", [record.at for record in records], pl.Int64)]
        + [pl.Series(f"c{i}", c, pl.String) for i, c in enumerate(columns)]
        + [
            pl.Series("line", range(first, len(records) + first), pl.UInt32),
            pl.Series("broken", [len(record.cells) != width for record in records], pl.Boolean),
        ]
    )
