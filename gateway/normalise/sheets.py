"""Cells of a workbook's sheet: as text, where one was merged over several rows, and where a formula failed.

Takes cells as the reader gives them. Gives text, and rows of which each says what it is covered by. Refuses nothing.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import polars as pl

from gateway.model.cells import ERROR
from gateway.model.mapping import ListMapping
from gateway.normalise.dates import SERIAL_RANGE
from gateway.normalise.text import BLANKS, MARKS

#: Kinds of columns whose cells say whose a row is, or something of nobody else.
_WHOSE = ("name", "number", "text")
#: What else says nothing in such a cell: what programs write that work nothing out.
_ZERO = r"|[0０]+(?:\.0+)?"
#: And what a condition leaves in a cell that says who somebody is; in another it is an answer.
_CONDITION = {"name": "|true|false", "number": "|true|false"}
#: A text that may be a day's number.
_SERIAL = re.compile(r"\s*[0-9]{5}(?:\.[0-9]*)?\s*")
#: What stands around a cell that says nothing else.
_AROUND = f"(?:{BLANKS}|{MARKS})"
#: Whole numbers up to here are each a cell's own (IEEE 754): 16 digits, as household and person numbers may have.
_EXACT_WHOLE = 2.0**53

#: First and last cell of a merged range, each as (row, column) from 0.
Merged = tuple[tuple[int, int], tuple[int, int]]


def cell_text(cell: Any, *, of_1904: bool = False) -> str:  # a cell is whatever the workbook's author typed
    """The cell as a department would write it. `of_1904`: a number may be a day counted from 1904 on, whose format its
    reader does not know; as a day since 1900 it would be four years before."""
    if isinstance(cell, str):
        return f"{cell} (1904)" if of_1904 and _SERIAL.fullmatch(cell) else cell
    if isinstance(cell, datetime):
        return cell.date().isoformat()
    if isinstance(cell, date):
        return cell.isoformat()
    if of_1904 and isinstance(cell, int | float) and cell <= SERIAL_RANGE[1]:
        return f"{cell} (1904)"
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


def without_errors(
    frame: pl.DataFrame, mapping: ListMapping, kinds: Collection[str] | None = None
) -> tuple[pl.DataFrame, pl.Series | None]:
    """The rows, in which a failed formula is no name, number or text of anybody's, since two of them are not the same;
    in other cells it is no date and no code; a name or number that is 0 is what programs write that work nothing out.
    And in which rows one failed; None = in no row. `kinds`: of columns that are looked at; None = all."""
    failed = _failed(mapping, frame.columns, kinds, zeros=("name", "number"))
    errors = _any_of(frame, failed)
    if not errors.any():
        return frame, None
    said = [c.field for c in mapping.columns if c.field in failed and c.kind in _WHOSE]
    return frame.with_columns(pl.when(failed[n]).then(pl.lit("")).otherwise(n).alias(n) for n in said), errors


def rows_with_errors(frame: pl.DataFrame, mapping: ListMapping) -> int:
    """In how many rows a formula failed, or came to 0 in a cell that says whose the row is."""
    return int(_any_of(frame, _failed(mapping, frame.columns, None, zeros=_WHOSE)).sum())


def _failed(
    mapping: ListMapping, columns: Collection[str], kinds: Collection[str] | None, *, zeros: Collection[str]
) -> dict[str, pl.Expr]:
    looked_at = [c for c in mapping.columns if c.field in columns and (kinds is None or c.kind in kinds)]
    said = {c.field: f"{ERROR}{_ZERO if c.kind in zeros else ''}{_CONDITION.get(c.kind, '')}" for c in looked_at}
    return {name: pl.col(name).str.contains(rf"(?i)^{_AROUND}*(?:{what}){_AROUND}*$") for name, what in said.items()}


def _any_of(frame: pl.DataFrame, failed: Mapping[str, pl.Expr]) -> pl.Series:
    none = pl.repeat(value=False, n=pl.len())  # a mapping may have no such column
    return frame.select(pl.any_horizontal(none, *failed.values()).fill_null(value=False)).to_series()
