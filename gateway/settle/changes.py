"""Timelines as lists of records, and what differs from what the platform last confirmed."""

import polars as pl

from gateway.model.frames import LISTS
from gateway.model.policy import OPEN_END


def lists(timelines: pl.DataFrame) -> pl.DataFrame:
    """`LISTS`: a person's whole list for one use as one text: `code|level|begin|end|source` lines, in order."""
    begin = pl.col("first").dt.strftime("%Y-%m-%d 00:00:00")
    end = (
        pl.when(pl.col("last") >= OPEN_END)
        .then(pl.lit(f"{OPEN_END:%Y-%m-%d} 00:00:00"))
        .otherwise(pl.col("last").dt.strftime("%Y-%m-%d 23:59:59"))
    )
    record = pl.concat_str(["code", "level", begin, end, "source"], separator="|")
    return (
        timelines.sort("person_key", "use", "first")
        .group_by("person_key", "use", maintain_order=True)
        .agg(records=record.str.join("\n"))
        .select(pl.col(n).cast(t) for n, t in LISTS.items())
    )


def changes(wanted: pl.DataFrame, confirmed: pl.DataFrame, *, silent: pl.DataFrame) -> pl.DataFrame:
    """`LISTS` to send: what is wanted and not confirmed, and what is confirmed and no longer wanted (empty list).

    `silent` (person_key, use): people on whom nothing may be sent: the dead, those who left the roster, and those
    whose records only others wrote.
    """
    key = ["person_key", "use"]
    both = wanted.join(confirmed, on=key, how="full", coalesce=True, suffix="_confirmed")
    differs = pl.col("records").fill_null("") != pl.col("records_confirmed").fill_null("")
    return (
        both.filter(differs)
        .join(silent, on=key, how="anti")
        .select(*key, records=pl.col("records").fill_null(""))
        .sort(key)
    )
