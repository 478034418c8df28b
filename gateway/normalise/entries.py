"""One part's table becomes entries: fields, derived values, faults."""

from dataclasses import dataclass
from datetime import date

import polars as pl

from gateway.model.deliveries import FAILED
from gateway.model.frames import ENTRIES
from gateway.model.mapping import ListMapping
from gateway.normalise import nameless, numbers
from gateway.normalise.behind import RECORD, rows_behind
from gateway.normalise.fields import fields_of
from gateway.normalise.tables import NUMERIC, RawTable, read_table

#: Rows that become entries together. What they come to on the way is four times what is kept of them.
ROWS_AT_ONCE = 500_000


@dataclass(frozen=True, kw_only=True)
class NormalisedPart:
    """What one part came to."""

    #: `ENTRIES` columns, plus the mapping's kept ones.
    entries: pl.DataFrame
    #: Of these so many name nobody, are somebody's, and have no failed formula.
    lost: int
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
    remarks, errors, below, width, category = _remarks(table), table.errors, table.below, table.width, table.category
    del content, table  # a large list is a gigabyte: what was read goes as its entries come
    said = [
        pl.lit(business_date).alias("business_date"),
        pl.lit(delta).alias("delta"),
        pl.lit(part).alias("part"),
        pl.lit(scope).alias("scope"),
    ]
    parts, somebodys = [], []
    while slices:
        rows = slices.pop(0)
        parts.append(_entries(rows.with_columns(said), mapping))
        somebodys.append(nameless.somebodys(rows, parts[-1], mapping))
        if RECORD in rows.columns and category is not None:
            below += rows_behind(rows[RECORD], _categories(parts[-1], mapping), category, width)
        del rows
    entries, lost = pl.concat(parts), pl.concat(somebodys)
    if errors is not None:
        failed_there = errors & (entries["fault"] == "nobody_named").fill_null(value=False)
        below += int(failed_there.sum())
        lost &= ~failed_there
    failed = [(FAILED, str(below))] if below else []
    remarks += [*failed, *_damaged(entries)]
    return NormalisedPart(entries=entries, lost=int(lost.sum()), remarks=tuple(remarks))


def _categories(entries: pl.DataFrame, mapping: ListMapping) -> pl.Series:
    """The categories that were read, as they are written, and those that the mapping names."""
    read = entries.lazy().filter(pl.col("category").is_not_null()).select(pl.col("raw_category").str.strip_chars())
    named = pl.Series("raw_category", [*mapping.codes.get("category", {})], pl.String)
    return pl.concat([read.collect().to_series(), named]).unique()


def _entries(frame: pl.DataFrame, mapping: ListMapping) -> pl.DataFrame:
    # Lazily, since what nobody asks for is then not worked out, such as the worth of the head's number.
    rows = _with_fields(frame, mapping).lazy()
    rows = _without_cut(_with_worth(rows, mapping))
    for field, expression in mapping.derive:
        rows = rows.with_columns(pl.sql_expr(expression).alias(field))
    rows = _complete(rows)
    rows = rows.with_columns(_fault(rows, mapping).alias("fault"))
    return rows.select(*(pl.col(n).cast(t) for n, t in ENTRIES.items()), *mapping.keep).collect()


def number_rows(parts: list[pl.DataFrame]) -> pl.DataFrame:
    """All parts of a delivery as one frame, rows counted from 1 through the parts in their order."""
    return pl.concat(parts).with_columns((pl.int_range(pl.len(), dtype=pl.UInt32) + 1).alias("row"))


def _with_fields(frame: pl.DataFrame, mapping: ListMapping) -> pl.DataFrame:
    """Each column as received, and its fields by kind."""
    fields = [series for c in mapping.columns for series in fields_of(c, frame[c.field], mapping)]
    return frame.with_columns(pl.col(c.field).alias(f"raw_{c.field}") for c in mapping.columns).with_columns(fields)


def _with_worth(rows: pl.LazyFrame, mapping: ListMapping) -> pl.LazyFrame:
    """What numbers are worth."""
    numbered = [c.field for c in mapping.columns if c.kind == "number"]
    return rows.with_columns(e for f in numbered for e in _worth(f)).with_columns(_state(f) for f in numbered)


def _worth(field: str) -> list[pl.Expr]:
    number = pl.col(field)
    return [numbers.birth_of(number).alias(f"{field}__born"), numbers.is_checked(number).alias(f"{field}__checked")]


def _state(field: str) -> pl.Expr:
    sound = pl.col(f"{field}__checked") & pl.col(f"{field}__born").is_not_null()
    return numbers.state(pl.col(field), sound, pl.col(NUMERIC.format(field))).alias(f"{field}_state")


def _without_cut(rows: pl.LazyFrame) -> pl.LazyFrame:
    """A person's 15 digits that the row's birth date contradicts, or that may be 18 which were cut, are damaged."""
    present = rows.collect_schema().names()
    if "number__old" not in present:
        return rows
    birth_from, birth_to = (pl.col(n) if n in present else pl.lit(None, pl.Date) for n in ("birth_from", "birth_to"))
    doubtful = pl.col("number__old") & ~numbers.old_fits(pl.col("number__born"), birth_from, birth_to)
    return rows.with_columns(
        number=pl.when(doubtful).then(numbers.as_cut(pl.col("number"))).otherwise("number"),
        number_state=pl.when(doubtful).then(pl.lit("damaged")).otherwise("number_state"),
        number__born=pl.when(~doubtful).then("number__born"),
    )


def _complete(rows: pl.LazyFrame) -> pl.LazyFrame:
    """Fields of the schema that this list does not have, as nulls or their neutral value."""
    present = rows.collect_schema().names()
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
        "dup_key": pl.coalesce(pl.col("category"), pl.lit("")) if "category" in present else pl.lit(""),
    }
    absent = [n for n in (*ENTRIES, "number__born") if n not in present and n != "fault"]
    return rows.with_columns((neutral[n] if n in neutral else pl.lit(None, ENTRIES[n])).alias(n) for n in absent)


def _fault(rows: pl.LazyFrame, mapping: ListMapping) -> pl.Expr:
    """The first fault that a row has. Common ones first, then the mapping's own."""
    unreadable = [c for c in rows.collect_schema().names() if c.endswith("__bad")]
    dates_bad = [c for c in unreadable if _kind(mapping, c).startswith("date")]
    # A head's or a footer's broken cell counts; a date column that says nothing was made null by `derive`.
    nobody = pl.col("name_key").is_null() & pl.col("number").is_null()
    # A number that may be rounded is worth what its name says, which nobody knows here: then the roster's date counts.
    born = pl.coalesce(pl.col("birth_from"), pl.when(pl.col("number_state") == "sound").then(pl.col("number__born")))
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


def _remarks(table: RawTable) -> list[tuple[str, str]]:
    remarks = [("unknown_column", name) for name in table.unclaimed]
    if table.bad_bytes:
        remarks.append(("bad_bytes", ""))
    return remarks


def _damaged(entries: pl.DataFrame) -> list[tuple[str, str]]:
    """The remark that a spreadsheet has rounded the numbers of a column, where so many look like it."""
    state = pl.col("number_state")
    damaged = entries.lazy().filter(state.is_in(["damaged", "suspect"])).select(state, "number").collect()
    rounded = damaged.select(((state == "suspect") | pl.col("number").str.contains("E+", literal=True)).sum()).item()
    many = rounded >= 5 and rounded > entries.height * 0.05
    return [("damaged_column", str(rounded))] if many else []
