"""What a column's cells say, by the column's kind.

Takes a column of text and what the mapping says of it. Gives its values, `<field>__bad` where something stands that is
none, and what follows from them. Refuses nothing: a fault is the row's.
"""

import polars as pl

from gateway.model.mapping import Column, ListMapping
from gateway.normalise import dates, names, numbers
from gateway.normalise.cells import CELL, Reading, Steps, mend, read_cells, read_values
from gateway.normalise.text import PLAIN, packed, trimmed


def fields_of(column: Column, cells: pl.Series, mapping: ListMapping) -> list[pl.Series]:
    """What one column gives, row by row: its values, and what follows from them."""
    match column.kind:
        case "number":
            return _number(column, cells)
        case "name":
            key = "name_key" if column.field == "name" else f"{column.field}_key"
            return [mend(cells, *names.UNIFYING, clean=names.clean()).alias(key)]
        case "text":
            return [mend(cells, trimmed, clean=PLAIN)]
        case "date_birth":  # a list's people hardly share one
            return read_cells(cells, reading_of(column, mapping)).get_columns()
        case _:
            return read_values(cells, reading_of(column, mapping)).get_columns()


def _number(column: Column, cells: pl.Series) -> list[pl.Series]:
    """The number, brought to 18, and `<field>__old`, whether it had 15 digits."""
    bare = mend(cells, *numbers.CLEANING, clean=numbers.CLEAN)
    old = (bare.str.len_bytes() == numbers.OLD_LENGTH).fill_null(value=False).alias(f"{column.field}__old")
    if not old.any():
        return [bare, old]
    whole = mend(bare.filter(old), numbers.eighteen, clean=numbers.CLEAN)
    return [bare.clone().scatter(old.arg_true(), whole), old]


def reading_of(column: Column, mapping: ListMapping) -> Reading:
    """How cells of a column are read that is neither a number, nor a name, nor free text."""
    return Reading(
        usual=_usual(column),
        quick=[[CELL.alias(column.field)], *_parsed(column, mapping, usual=True)],
        patient=[[_cleaned(column).alias(column.field)], *_parsed(column, mapping)],
    )


def _cleaned(column: Column) -> pl.Expr:
    """A cell of the column without its dirt."""
    match column.kind:
        case "digits":
            return packed(CELL).str.extract(r"^([0-9]+)")
        case "amount":
            return packed(CELL).str.replace_all(",", "")
        case "date_first" | "date_last" | "date_birth":
            return dates.bare(CELL)
        case _:
            return packed(CELL)


def _usual(column: Column) -> str:
    """A pattern of the column's cells in which there is no dirt."""
    match column.kind:
        case "digits":
            return r"^[0-9]+$"
        case "amount":
            return r"^[0-9]+(?:\.[0-9]+)?$"
        case "date_first" | "date_last" | "date_birth":
            return dates.PLAIN
        case _:
            return PLAIN


def _parsed(column: Column, mapping: ListMapping, *, usual: bool = False) -> Steps:
    """The values of a cleaned column, and `<field>__bad` where something stands that is none."""
    text, field = pl.col(column.field), column.field
    first_day, last_day = (dates.plain_day,) * 2 if usual else (dates.first_day, dates.last_day)
    match column.kind:
        case "date_first":
            return _marked(first_day(text), text, field, field)
        case "date_last":
            return _marked(last_day(text), text, field, field)
        case "date_birth":
            until = pl.col("birth_from") if usual else last_day(text)
            return [*_marked(first_day(text), text, field, "birth_from"), [until.alias("birth_to")]]
        case "code":
            known = text.replace_strict(dict(mapping.codes[field]), default=None, return_dtype=pl.String)
            return _marked(known, text, field, field)
        case "amount":
            return _marked(text.cast(pl.Decimal(12, 2), strict=False), text, field, field)
        case _:
            return []


def _marked(value: pl.Expr, text: pl.Expr, field: str, name: str) -> Steps:
    bad = f"{field}__bad"
    marks = (pl.col(bad) & pl.col(name).is_null()).alias(bad)
    return [[value.alias(name), text.is_not_null().alias(bad)], [marks]]
