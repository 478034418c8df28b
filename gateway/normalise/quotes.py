"""Quotes in a CSV: what stands in quoted cells, and whether one that was never closed has taken in whole rows.

Takes the text, and the frame of all its cells. Gives what the readers ask. Refuses nothing: who asks does.
"""

from collections.abc import Sequence

import polars as pl

from gateway.normalise.numbers import OF_CELL

#: Quoted cells of a text up to which they are looked at one by one, and not in every column.
_FEW = 10_000
#: Commas of a cell, fewer than.
_COMMAS = 4


def quoted_cells(text: bytes) -> list[bytes] | None:
    """What stands in quoted cells, where they are few, and no quote stands within a cell; else None."""
    cells, start = list[bytes](), text.find(b'"')
    while start >= 0:
        end = text.find(b'"', start + 1)
        begins = text.endswith((b",", b"\n"), 0, start)
        if end < 0 or not begins or len(cells) == _FEW:
            return None
        cells.append(text[start + 1 : end])
        start = text.find(b'"', end + 1)
    return cells


def commas_within(text: bytes, header: Sequence[str], cells: pl.DataFrame) -> int:
    """The commas that part no cells: only a quoted cell can hold one."""
    quoted = quoted_cells(text)
    if quoted is not None:
        return sum(cell.count(b",") for cell in quoted)
    commas = cells.select(pl.all().str.count_matches(",", literal=True).sum())
    return sum(cell.count(",") for cell in header) + int(sum(commas.row(0)))


def swallowed_rows(text: bytes, cells: pl.DataFrame, who: Sequence[str]) -> bool:
    """Whether a quote that was never closed has made several rows one cell: somebody's number is in it, its first line
    is the rest of a row, and its last the beginning of one, or a whole one at the list's end. Where the cell says `who`
    somebody is, as many commas and line ends as a row has are enough.

    `cells`: as text, column by column.
    """
    width = cells.width
    if b'"' not in text or width < 2:
        return False
    quoted = quoted_cells(text)
    if quoted is not None and all(cell.count(b",") + cell.count(b"\n") < width for cell in quoted):
        return False
    several = cells.filter(cells.select(pl.any_horizontal(pl.all().str.contains("\n", literal=True))).to_series())
    of_who = (pl.col(name).str.count_matches("[,\n]") >= width for name in who)
    rows = (_is_rows(pl.col(name), at, width) for at, name in enumerate(cells.columns))
    return bool(several.select(pl.any_horizontal(*rows, *of_who).any()).item())


def _is_rows(cell: pl.Expr, at: int, width: int) -> pl.Expr:
    """Whether the cell, of the column at that place, holds the end of one row and the beginning of another."""
    lines = cell.str.split("\n")
    first, last = lines.list.first(), lines.list.last()
    # The cell that closes it may have commas of its own, and be as many columns further on.
    ends = last.str.count_matches(",", literal=True).is_in([*range(at, at + _COMMAS), width - 1])
    row = lines.list.get(-2, null_on_oob=True).str.count_matches(",", literal=True) == width - 1
    whole = (last == "") & row
    begins = first.str.count_matches(",", literal=True) == width - 1 - at
    return (lines.list.len() > 1) & begins & (ends | whole) & cell.str.contains(OF_CELL)
