"""Quotes in a CSV: what stands in quoted cells, and whether one that was never closed has taken in rows.

Takes the text, and the frame of all its cells. Gives what the readers ask. Refuses nothing: who asks does.
"""

from collections.abc import Sequence

import polars as pl

#: Quoted cells of a text up to which they are looked at one by one, and not in every column.
_FEW = 10_000


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
    """Whether a quote that was never closed has made several rows one cell of those that say `who` somebody is: it has
    as many commas and line ends as a row."""
    width = cells.width
    if b'"' not in text or width < 2:
        return False
    quoted = quoted_cells(text)
    if quoted is not None and all(cell.count(b",") + cell.count(b"\n") < width for cell in quoted):
        return False
    of_who = (pl.col(name).str.count_matches("[,\n]") >= width for name in who)
    return bool(cells.select(pl.any_horizontal(pl.lit(value=False), *of_who).any()).item())
