"""One part's table becomes entries: fields, codes, derived values, faults."""

from dataclasses import dataclass
from datetime import date

import polars as pl

from gateway.model.frames import ENTRIES
from gateway.model.mapping import Column, ListMapping
from gateway.normalise import dates, names, numbers
from gateway.normalise.cells import CELL, mend, per_value
from gateway.normalise.tables import NUMERIC, read_table, strip_blanks
from gateway.normalise.text import TRIMMED, packed, trimmed

#: Rows that become entries together. What they come to on the way is four times what is kept of them.
ROWS_AT_ONCE = 500_000


@dataclass(frozen=True, kw_only=True)
class NormalisedPart:
    """What one part came to."""

    #: `ENTRIES` columns, plus the mapping's kept ones.
    entries: pl.DataFrame
    #: Remarks as (code, detail), without any cell's value.
    remarks: tuple[tuple[str, str], ...]


def normalise(
    content: bytes, mapping: ListMapping, *, part: str, scope: str, business_date: date, delta: bool = False
) -> NormalisedPart:
    """Entries of one part. Raises DeliveryRefused as `tables.read_table` does.

    `delta` says that the delivery only tells what changed; a mapping's rules see it as a column of that name.
    """
    table = read_table(content, mapping, part)
    slices = [*table.frame.iter_slices(ROWS_AT_ONCE)] or [table.frame]
    unclaimed, bad_bytes = table.unclaimed, table.bad_bytes
    del content, table  # a large list is a gigabyte: what was read goes as its entries come
    said = [
        pl.lit(business_date).alias("business_date"),
        pl.lit(delta).alias("delta"),
        pl.lit(part).alias("part"),
        pl.lit(scope).alias("scope"),
    ]
    parts = []
    while slices:
        parts.append(_entries(slices.pop(0).with_columns(said), mapping))
    entries = pl.concat(parts)
    return NormalisedPart(entries=entries, remarks=_remarks(unclaimed, entries, bad_bytes=bad_bytes))


def _entries(frame: pl.DataFrame, mapping: ListMapping) -> pl.DataFrame:
    frame = _with_fields(frame, mapping)
    for field, expression in mapping.derive:
        frame = frame.with_columns(pl.sql_expr(expression).alias(field))
    frame = _complete(frame)
    frame = frame.with_columns(_fault(frame, mapping).alias("fault"))
    return frame.select(*(pl.col(n).cast(t) for n, t in ENTRIES.items()), *mapping.keep)


def number_rows(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """All parts of a delivery as one frame, rows counted from 1 through the parts in their order."""
    return pl.concat(parts).with_columns((pl.int_range(pl.len(), dtype=pl.UInt32) + 1).alias("row"))


def _with_fields(frame: pl.DataFrame, mapping: ListMapping) -> pl.DataFrame:
    """Each column as received, and its fields by kind; then what numbers are worth."""
    fields = [series for c in mapping.columns for series in _fields(c, frame[c.field], mapping)]
    frame = frame.with_columns(pl.col(c.field).alias(f"raw_{c.field}") for c in mapping.columns).with_columns(fields)
    numbered = [c.field for c in mapping.columns if c.kind == "number"]
    worth = [e for f in numbered for e in _worth(f)]
    # Lazily, since what the rules have in common is then worked out once.
    return frame.lazy().with_columns(worth).with_columns(_state(f) for f in numbered).collect()


def _worth(field: str) -> list[pl.Expr]:
    number = pl.col(field)
    return [numbers.birth_of(number).alias(f"{field}__born"), numbers.is_checked(number).alias(f"{field}__checked")]


def _state(field: str) -> pl.Expr:
    sound = pl.col(f"{field}__checked") & pl.col(f"{field}__born").is_not_null()
    return numbers.state(pl.col(field), sound, pl.col(NUMERIC.format(field))).alias(f"{field}_state")


def _fields(column: Column, cells: pl.Series, mapping: ListMapping) -> list[pl.Series]:
    """What one column gives."""
    clean = _cleaned(column)
    match column.kind:
        case "number":
            return [mend(cells, clean, clean=numbers.CLEAN)]
        case "name":
            key = "name_key" if column.field == "name" else f"{column.field}_key"
            return [mend(cells, clean, clean=names.clean()).alias(key)]
        case "text":
            return [mend(cells, clean, clean=TRIMMED)]
        case _:
            parsed = _parsed(column, mapping)
            return per_value(cells, [clean.alias(column.field)], parsed).get_columns()


def _cleaned(column: Column) -> pl.Expr:
    """A cell of the column without its dirt."""
    match column.kind:
        case "number":
            return numbers.eighteen(numbers.cleaned(CELL))
        case "name":
            return names.key(CELL)
        case "text":
            return trimmed(CELL)
        case "digits":
            return strip_blanks(CELL).str.extract(r"^(\d+)")
        case "amount":
            return packed(CELL).str.replace_all(",", "")
        case "date_first" | "date_last" | "date_birth":
            return packed(dates.day_part(CELL))
        case _:
            return packed(CELL)


def _parsed(column: Column, mapping: ListMapping) -> list[pl.Expr]:
    """The values of a cleaned column, and `<field>__bad` where something stands that is none."""
    text, field = pl.col(column.field), column.field
    match column.kind:
        case "date_first":
            return _marked(dates.first_day(text), text, field, field)
        case "date_last":
            return _marked(dates.last_day(text), text, field, field)
        case "date_birth":
            born = _marked(dates.first_day(text), text, field, "birth_from")
            return [*born, dates.last_day(text).alias("birth_to")]
        case "code":
            known = text.replace_strict(dict(mapping.codes[field]), default=None, return_dtype=pl.String)
            return _marked(known, text, field, field)
        case "amount":
            return _marked(text.cast(pl.Decimal(12, 2), strict=False), text, field, field)
        case _:
            return []


def _marked(value: pl.Expr, text: pl.Expr, field: str, name: str) -> list[pl.Expr]:
    return [value.alias(name), (text.is_not_null() & value.is_null()).alias(f"{field}__bad")]


def _complete(frame: pl.DataFrame) -> pl.DataFrame:
    """Fields of the schema that this list does not have, as nulls or their neutral value."""
    neutral = {
        "row": pl.lit(0),
        "number": pl.lit(None, pl.String),
        "number_state": pl.lit("missing"),
        "number__born": pl.lit(None, pl.Date),
        "level": pl.lit(""),
        "change": pl.lit("state"),
        "gives": pl.lit("current"),
        "last_inferred": pl.lit(value=False),
        "stands": pl.lit(value=False),
        "said_dead": pl.lit(value=False),
        "dup_key": pl.coalesce(pl.col("category"), pl.lit("")) if "category" in frame.columns else pl.lit(""),
    }
    absent = [n for n in (*ENTRIES, "number__born") if n not in frame.columns and n != "fault"]
    return frame.with_columns((neutral[n] if n in neutral else pl.lit(None, ENTRIES[n])).alias(n) for n in absent)


def _fault(frame: pl.DataFrame, mapping: ListMapping) -> pl.Expr:
    """The first fault that a row has. Common ones first, then the mapping's own."""
    unreadable = [c for c in frame.columns if c.endswith("__bad")]
    dates_bad = [c for c in unreadable if _kind(mapping, c).startswith("date")]
    # A head's or a footer's broken cell counts; a date column that says nothing was made null by `derive`.
    nobody = pl.col("name_key").is_null() & pl.col("number").is_null()
    sound = pl.col("number_state").is_in(["sound", "suspect"])
    born = pl.coalesce(pl.col("birth_from"), pl.when(sound).then(pl.col("number__born")))
    checks: list[tuple[str, pl.Expr]] = [
        ("row_broken", pl.col("broken")),
        ("nobody_named", nobody),
        *((f.code, pl.sql_expr(f.when)) for f in mapping.faults),
        ("date_unreadable", pl.any_horizontal(dates_bad) if dates_bad else pl.lit(value=False)),
        ("before_birth", pl.col("first") < born),
    ]
    fault = pl.lit(None, pl.String)
    for code, when in reversed(checks):
        fault = pl.when(when.fill_null(value=False)).then(pl.lit(code)).otherwise(fault)
    return fault


def _kind(mapping: ListMapping, bad: str) -> str:
    field = bad.removesuffix("__bad")
    return next(c.kind for c in mapping.columns if c.field == field)


def _remarks(unclaimed: tuple[str, ...], entries: pl.DataFrame, *, bad_bytes: bool) -> tuple[tuple[str, str], ...]:
    remarks = [("unknown_column", name) for name in unclaimed]
    if bad_bytes:
        remarks.append(("bad_bytes", ""))
    rounded = entries.filter(pl.col("raw_number").str.contains("(?i)e\\+") | (pl.col("number_state") == "suspect"))
    if rounded.height >= 5 and rounded.height > entries.height * 0.05:
        remarks.append(("damaged_column", str(rounded.height)))
    return tuple(remarks)
