"""Whom a list's own rows take from what they hold: by stops, by last days, or by first days that are still to come.

Takes a list, what was believed before it, and lists in use between; folds them, and compares day by day. Gives people
and identities, to be judged by the limits that hold for those whom a list leaves out. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

import polars as pl

from gateway.model.deliveries import Mode
from gateway.settle.fold import fold
from gateway.settle.guard import Limits
from gateway.settle.turns import KEY, STATE, Said, State, nothing

#: Days after a list's business date that are compared; what ends later will be said many times over.
AHEAD = 366
_ALWAYS = date(9999, 12, 31)
_WHOSE = ["scope", "person_key"]
_DAY = timedelta(1)


def may_end(said: Said) -> pl.Series:
    """Person keys of those from whom a list's own rows may take something."""
    day = said.business_date
    ends = (pl.col("change") == "stop") | (pl.col("last") <= day + timedelta(AHEAD)) | (pl.col("first") > day + _DAY)
    return said.rows.filter(ends.fill_null(value=False))["person_key"].unique()


def told(
    believed: pl.DataFrame, said: Sequence[Said], months: Mapping[str, int], people: pl.Series | None = None
) -> pl.DataFrame:
    """What the rows of these lists, in their order, make of what is `believed` (RECOGNITIONS), of all or of these
    `people`; whom they leave out stays. `months`: see `fold`."""
    since = State(recognitions=_of(believed.select(STATE), people), source_ids=nothing().source_ids)
    rows_only = [replace(one, mode=Mode.DELTA, rows=_of(one.rows, people)) for one in said]
    return fold(
        rows_only, limits=Limits(), decided={}, may_name=lambda gone, _rows: gone, months=months, since=since
    ).state.recognitions


def _of(frame: pl.DataFrame, people: pl.Series | None) -> pl.DataFrame:
    if people is None:
        return frame
    return frame.join(people.to_frame("person_key"), on="person_key", how="semi", maintain_order="left")


def held(recognitions: pl.DataFrame, day: date) -> pl.DataFrame:
    """KEY of what is held, or will be, beyond a day."""
    return recognitions.filter(pl.col("last").is_null() | (pl.col("last") > day)).select(KEY).unique()


def lost(before: pl.DataFrame, after: pl.DataFrame, said: Said) -> pl.DataFrame:
    """KEY of what recognitions of `before` the list hold on any day, within `AHEAD` days of its business date, on which
    those `after` it have neither that nor any identity that it states for that person."""
    stated = said.rows.filter(pl.col("change") == "state")
    stated = pl.concat([stated.select(KEY), stated.select(*_WHOSE, identity="next_identity")]).drop_nulls().unique()
    periods = _ahead(before, said.business_date).with_row_index("at").rename({"first": "from", "last": "to"})
    goes_on = _ahead(after, said.business_date)
    others = goes_on.join(stated, on=KEY, how="semi").select(*_WHOSE, "first", "last")
    itself = periods.join(goes_on, on=KEY).select(*periods.columns, "first", "last")
    parts = pl.concat([itself, periods.join(others, on=_WHOSE)]).sort("at", "first")
    reached = pl.max_horizontal(pl.col("last").cum_max().shift(1).over("at"), pl.col("from") - 1)
    gap = (pl.col("first") > reached + 1) & (reached < pl.col("to"))
    whole = parts.group_by("at").agg(gap=gap.any(), last=pl.col("last").max(), to=pl.col("to").first())
    whole = whole.filter(~pl.col("gap"), pl.col("last") >= pl.col("to"))
    return periods.join(whole, on="at", how="anti").select(KEY).unique(maintain_order=True)


def _ahead(recognitions: pl.DataFrame, day: date) -> pl.DataFrame:
    """KEY, first, last of the days that are compared, as numbers of days."""
    first = pl.max_horizontal("first", pl.lit(day + _DAY))
    last = pl.min_horizontal(pl.col("last").fill_null(pl.lit(_ALWAYS)), pl.lit(day + timedelta(AHEAD)))
    frame = recognitions.select(*KEY, first=first.cast(pl.Int32), last=last.cast(pl.Int32))
    return frame.filter(pl.col("first") <= pl.col("last"))
