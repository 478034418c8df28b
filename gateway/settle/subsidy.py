"""Which identities count for the premium subsidy, and when: the place's own order and conditions.

Source: the place's policy (`mappings/policies/<place>.toml`). A condition that begins or ends on a birthday cuts the
period; someone born on 29 February has it on 1 March in other years.
"""

from datetime import date

import polars as pl

from gateway.model.policy import OPEN_END, Condition, Policy
from gateway.settle.timeline import INTERVALS, adopted_intervals, clip, ranks


def subsidy_intervals(
    recognitions: pl.DataFrame, births: pl.DataFrame, adopted: pl.DataFrame, policy: Policy, flags_from: date
) -> pl.DataFrame:
    """`INTERVALS` of use 2. `births`: person_key and birth (the roster's)."""
    order = tuple(rule.identity for rule in policy.subsidies)
    table = ranks(order, policy)
    open_ended = recognitions.with_columns(last=pl.col("last").fill_null(OPEN_END))
    parts = []
    for rule in policy.subsidies:
        own = open_ended.filter(pl.col("identity") == rule.identity)
        windows = [_window(own, open_ended, births, condition) for condition in rule.when_any]
        parts.append(pl.concat(windows) if windows else own)
    counted = pl.concat(parts).join(table, on=["identity", "level"])
    own = clip(counted, flags_from)
    return pl.concat([own, adopted_intervals(adopted, "2", order, policy)]).select(INTERVALS.names())


def _window(own: pl.DataFrame, everything: pl.DataFrame, births: pl.DataFrame, condition: Condition) -> pl.DataFrame:
    """The parts of the periods during which the condition holds."""
    if condition.identity is not None:
        other = everything.filter(pl.col("identity") == condition.identity)
        spans = other.select("person_key", since="first", until="last")
    else:
        spans = _ages(births.join(own, on="person_key", how="semi"), condition)
    return (
        own.join(spans, on="person_key")
        .with_columns(first=pl.max_horizontal("first", "since"), last=pl.min_horizontal("last", "until"))
        .filter(pl.col("first") <= pl.col("last"))
        .select(own.columns)
    )


def _ages(births: pl.DataFrame, condition: Condition) -> pl.DataFrame:
    known = births.select("person_key", "birth").drop_nulls()
    if condition.age_from is not None:
        return known.select("person_key", since=birthday(condition.age_from), until=pl.lit(OPEN_END))
    below = condition.age_below or 0
    return known.select("person_key", since=pl.col("birth"), until=birthday(below).dt.offset_by("-1d"))


def birthday(age: int) -> pl.Expr:
    """The day on which someone born on `birth` reaches the age; for 29 February 1 March where there is none."""
    year = pl.col("birth").dt.year() + age
    leap_day = (pl.col("birth").dt.month() == 2) & (pl.col("birth").dt.day() == 29)
    is_leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    month = pl.when(leap_day & ~is_leap).then(3).otherwise(pl.col("birth").dt.month())
    day = pl.when(leap_day & ~is_leap).then(1).otherwise(pl.col("birth").dt.day())
    return pl.date(year, month, day)
