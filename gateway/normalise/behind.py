"""Rows that stand behind another one in its record: a line's end was lost, or a quote that is never closed took them.

Takes the cells below a header, and then the records that may hold several rows, with the categories that the list
has. Gives how many rows stand there: a row has a category where the header has it. Refuses nothing.
"""

from collections.abc import Sequence

import polars as pl

#: Of a record that is broken, has text beyond the header, or a cell of several lines: all of it as text, in which only
#: such a cell has commas. Whether it may be the rest of the one before, which a line break has cut in two: together
#: they have as many cells as the header. And whether it has text beyond the header.
RECORD, REST, BEYOND = "broken__record", "broken__rest", "broken__beyond"
#: What is no cell of a record; the last three only where one is broken, or may have been.
OF_RECORD = ("line", "broken", RECORD, REST, BEYOND)
#: Cells by which a row may be too short, and those by which a comma in one has moved the others.
_TRIMMED, _MOVED = 3, 3


def record_of(cells: Sequence[str]) -> str:
    """A record's text."""
    return ",".join(cell if "\n" in cell else cell.replace(",", ";") for cell in cells)


def with_records(frame: pl.DataFrame, *, quoted: bool, beyond: pl.Series | None) -> pl.DataFrame:
    """The frame, RECORD also of what has a cell of several lines, or text `beyond` the header."""
    cells = frame.select(pl.exclude(OF_RECORD))
    several = pl.any_horizontal(pl.all().str.contains("\n", literal=True).fill_null(value=False))
    asked = cells.select(several).to_series() if quoted else pl.repeat(False, frame.height, eager=True)
    asked = asked if beyond is None else asked | beyond
    frame = frame if beyond is None else frame.with_columns(beyond.alias(BEYOND))
    at = asked.arg_true() if RECORD not in frame.columns else (asked & frame[RECORD].is_null()).arg_true()
    if at.is_empty():
        return frame
    has = frame[RECORD] if RECORD in frame.columns else pl.repeat(None, frame.height, dtype=pl.String, eager=True)
    cell = pl.all().fill_null("")
    one = pl.when(cell.str.contains("\n", literal=True)).then(cell).otherwise(cell.str.replace_all(",", ";"))
    said = cells[at].select(one).select(pl.concat_str(pl.all(), separator=",")).to_series()
    return frame.with_columns(has.scatter(at, said).alias(RECORD))


def rows_behind(records: pl.Series, categories: pl.Series, at: int, width: int) -> int:
    """How many rows stand behind the first of these records. `categories`: as they are written in the list; `at`: the
    column in which they are, of so many."""
    split = pl.col("line").str.split(",").list.eval(pl.element().str.strip_chars(" \t\r\"'"))
    lines = records.drop_nulls().str.split("\n").rename("line").to_frame().with_row_index("record").explode("line")
    cells = lines.with_columns(cells=split)
    places = (pl.col("cells").list.get(place, null_on_oob=True) for place in _around(at))
    here = pl.any_horizontal(cell.is_in(categories.implode()) for cell in places).fill_null(value=False)
    whole = pl.col("cells").list.len() >= max(width - _TRIMMED, _MOVED)
    # A note of several lines begins in a row, and none of its lines is one; a quote takes in what follows a whole line.
    rows = cells.group_by("record").agg(first=(here & whole).first(), rows=(here & whole).sum())
    taken = rows.filter("first").select((pl.col("rows") - 1).sum()).item()
    long = cells.filter(here & (pl.col("cells").list.len() >= 2 * width - 1 - _TRIMMED))["cells"].to_list()
    known = set(categories)
    return int(taken) + sum(_in_a_row(one, known, at, width) - 1 for one in long)


def _around(at: int) -> range:
    return range(max(at - 1, 0), at + _MOVED + 1)


def _in_a_row(cells: Sequence[str], categories: set[str], at: int, width: int) -> int:
    """How many rows a line has, each after the last cell of the one before, or in it."""
    places, rows = _around(at), 0
    while (place := next((p for p in places if p < len(cells) and cells[p] in categories), None)) is not None:
        rows += 1
        places = range(max(place + width - 1 - _TRIMMED, place + 1), place + width + 1)
    return rows
