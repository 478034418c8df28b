"""Cells of a workbook's sheet: as text, and where one was merged over several rows.

Takes cells as the reader gives them. Gives text, and rows of which each says what it is covered by. Refuses nothing.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any

#: Whole numbers up to here are each a cell's own (IEEE 754): 16 digits, as household and person numbers may have.
_EXACT_WHOLE = 2.0**53

#: First and last cell of a merged range, each as (row, column) from 0.
Merged = tuple[tuple[int, int], tuple[int, int]]


def cell_text(cell: Any) -> str:  # a cell is whatever the workbook's author typed
    """The cell as a department would write it."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) <= _EXACT_WHOLE:
        return str(int(cell))
    return "" if cell is None else str(cell)


def filled(
    rows: Iterable[list[Any]], merged: Sequence[Merged], *, first: int, left: int, columns: Collection[int]
) -> Iterator[list[Any]]:
    """The rows, the first of them in row `first` and their cells from column `left` on, with what was merged downwards
    in each row that it covers: of the `columns` (places in a row), and where the row says something itself."""
    down: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for (top, begins), (bottom, ends) in merged:
        if begins == ends and begins - left in columns:
            down[top].append((begins - left, bottom))
    covering: dict[int, tuple[int, Any]] = {}
    for at, row in enumerate(rows, start=first):
        if covering and any(str(cell).strip() for cell in row if cell is not None):
            for column, (bottom, cell) in covering.items():
                row[column] = cell if at <= bottom else row[column]
        covering |= {column: (bottom, row[column]) for column, bottom in down.get(at, ())}
        yield row
