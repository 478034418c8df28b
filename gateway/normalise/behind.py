"""Other records behind the first of a line: its end was lost, or a quote was closed by another record's.

Takes a record's cells, or all cells below a header. Gives how many stand there, by whose number is where the next
record's would be, and what is known of a record that is broken, or may have been. Refuses nothing.
"""

import re
from collections.abc import Sequence

import polars as pl

from gateway.normalise.numbers import OF_CELL

#: Of a record that is broken, or may have been: all of it as text. Of a broken one, whether it may be the rest of the
#: one before, which a line break has cut in two: together they have as many cells as the header; and how many other
#: records stand behind it in its line.
RECORD, REST, BEHIND = "broken__record", "broken__rest", "broken__behind"
#: What is no cell of a record; the last three only where one is broken, or may have been.
OF_RECORD = ("line", "broken", RECORD, REST, BEHIND)
#: By what it is known that somebody else stands there.
_WHOSE = re.compile(OF_CELL)
#: Cells of a record that say something, at least: a note in the margin has one.
_SAYS = 3
#: Empty cells that a record may have lost at its end.
_TRIMMED = 3


def records_behind(cells: Sequence[str], width: int, number: int | None) -> int:
    """How many records stand behind the first of a line, whose end was lost: so many have somebody's number where the
    next one's would be. Or in a cell, or begin in it, since a quote was closed by another record's."""
    if several := [at for at, cell in enumerate(cells) if "\n" in cell]:
        return sum(_in_cell(cells, at, number or 0) for at in several)
    beside, at = 0, len(cells) if number is None else number
    while at + width - 1 - _TRIMMED < len(cells):
        # The record before may have lost empty cells at its end, or have a comma there.
        places = range(max(at + width - 1 - _TRIMMED, at + 1), min(at + width + 1, len(cells)))
        found = next((p for p in places if _WHOSE.search(cells[p])), None)
        beside += found is not None
        at = found or at + max(width - 1, 1)
    return beside


def _in_cell(cells: Sequence[str], at: int, number: int) -> int:
    """How many records stand in a cell of several lines; the last that begins there may have its number behind it."""
    return len(_WHOSE.findall(cells[at])) + (at > number and any(map(_WHOSE.search, cells[at + 1 :])))


def with_beyond(frame: pl.DataFrame, said: pl.Series, named: int, number: int) -> pl.DataFrame:
    """The frame, with RECORD and BEHIND of even records, too, where something is `said` beyond the `named` cells of the
    header: a spreadsheet that saves a broken list again makes all as wide as the widest."""
    cells = frame.select(pl.exclude(OF_RECORD))
    at = said.arg_true()
    if at.is_empty():
        return frame
    wide = cells[at].fill_null("")
    told = {RECORD: wide.select(pl.concat_str(pl.all(), separator=",")).to_series()}
    if cells.width >= 2 * named - 1 and BEHIND not in frame.columns:
        whose = pl.col(f"c{named - 1 + number}").str.contains(_WHOSE.pattern)
        says = pl.sum_horizontal(pl.col(wide.columns[named:]) != "") >= _SAYS
        told[BEHIND] = wide.select((whose & says).cast(pl.Int64)).to_series()
    had = frame.columns
    return frame.with_columns(
        (frame[name] if name in had else pl.repeat(None, frame.height, dtype=new.dtype, eager=True))
        .scatter(at, new)
        .alias(name)
        for name, new in told.items()
    )
