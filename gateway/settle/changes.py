"""Timelines as lists of records, and what differs from what the platform last confirmed."""

import polars as pl

from gateway.model.frames import LISTS
from gateway.model.policy import OPEN_END


def lists(timelines: pl.DataFrame) -> pl.DataFrame:
    """`LISTS`: a person's whole list for one use as one text: `code|level|begin|end|source` lines, in order."""
    last = pl.col("last").cast(pl.String)
    end = pl.when(pl.col("last") >= OPEN_END).then(pl.lit(f"{OPEN_END} 00:00:00")).otherwise(last + " 23:59:59")
    begin = pl.col("first").cast(pl.String) + " 00:00:00"
    record = pl.concat_str(["code", "level", begin, end, "source"], separator="|")
    key = ["person_key", "use"]
    lines = timelines.select(*key, "first", records=record, alone=~pl.struct(key).is_duplicated())
    one = lines.filter("alone").select(LISTS.names())  # nearly everybody
    several = lines.filter(~pl.col("alone")).sort(*key, "first")
    joined = several.group_by(key, maintain_order=True).agg(records=pl.col("records").str.join("\n"))
    return pl.concat([one, joined]).sort(key).select(pl.col(n).cast(t) for n, t in LISTS.items())


def changes(wanted: pl.DataFrame, confirmed: pl.DataFrame) -> pl.DataFrame:
    """`LISTS` to send: what is wanted and not confirmed, and what is confirmed and no longer wanted (empty list)."""
    key = ["person_key", "use"]
    both = wanted.join(confirmed, on=key, how="full", coalesce=True, suffix="_confirmed")
    differs = pl.col("records").fill_null("") != pl.col("records_confirmed").fill_null("")
    return both.filter(differs).select(*key, records=pl.col("records").fill_null("")).sort(key)
