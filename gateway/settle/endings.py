"""Whom a list's own rows take from what they hold: a stop, or a last day that comes earlier than was said before, with
nothing said to go on.

Takes a list's statements, its business date and who holds what; gives people and identities, to be judged by the
limits that hold for those whom a list leaves out. Pure.
"""

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl

from gateway.settle.statements import last_words
from gateway.settle.turns import KEY

#: Days from a list's business date within which a last day is looked at; one further off will be said many times over.
AHEAD = 366
_ALWAYS = date(9999, 12, 31)
_WHOSE = ["scope", "person_key"]


def endings(rows: pl.DataFrame, day: date) -> pl.DataFrame:
    """KEY, first, last, change, gives of what `STATEMENTS` of a list of this business date end within `AHEAD` days of
    it, whether somebody holds it or not; without those of people for whom the same list states an identity of the scope
    that goes on after."""
    words = _words(rows)
    stops = pl.col("change") == "stop"
    ending = words.filter(stops | (pl.col("last") <= day + timedelta(AHEAD)).fill_null(value=False))
    forever, last = pl.lit(_ALWAYS), pl.col("last").fill_null(pl.lit(_ALWAYS))
    goes_on = pl.when(pl.col("next_identity").is_not_null()).then(forever).otherwise(pl.when(~stops).then(last))
    theirs = words.join(ending, on=_WHOSE, how="semi").group_by(_WHOSE).agg(goes_on=goes_on.max())
    ending = ending.join(theirs, on=_WHOSE, how="left", maintain_order="left")
    end = pl.max_horizontal("last", pl.lit(day))
    return ending.filter(~(pl.col("goes_on") > end).fill_null(value=False)).drop("goes_on")


def holding(believed: pl.DataFrame, said: Sequence[pl.DataFrame], day: date) -> pl.DataFrame:
    """KEY, `begun` and `until` (null = open) of what is held beyond `day`, by what is `believed` (`RECOGNITIONS`) and
    then by lists `said` (`STATEMENTS`), in their order, that are in use and not settled yet: the last word counts."""
    names = [*KEY, "first", "last"]
    words = believed.select(names).sort("last", nulls_last=True, maintain_order=True)
    words = words.unique(KEY, keep="last", maintain_order=True)
    for rows in said:
        known = words.select(*KEY, begun="first")
        new = _words(rows).join(known, on=KEY, how="left", maintain_order="left").filter(~_former())
        words = pl.concat([words, new.select(names)]).unique(KEY, keep="last", maintain_order=True)
    still = words.filter(pl.col("last").is_null() | (pl.col("last") > day))
    return still.select(*KEY, begun="first", until="last")


def of_held(ending: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """The `endings` of what is held (`holding`), earlier than it was to end."""
    both = ending.join(held, on=KEY, how="inner", maintain_order="left")
    earlier = pl.col("until").is_null() | (pl.col("last") < pl.col("until")) | pl.col("last").is_null()
    return both.filter(~_former(), earlier).select(ending.columns)


def _words(rows: pl.DataFrame) -> pl.DataFrame:
    """A list's last word on each person and identity, as it is folded: what it states, unless a stop comes after."""
    last = last_words(rows)
    stops = last.filter((pl.col("change") == "stop") & (pl.col("after") | pl.col("stated").is_null()))
    states = last.filter(pl.col("change") == "state").join(stops, on=KEY, how="anti", maintain_order="left")
    return pl.concat([states, stops]).select(*KEY, "first", "last", "change", "gives", "next_identity")


def _former() -> pl.Expr:
    """A stop of a period of its own that was over before what is held had `begun`: it ends nothing of it."""
    own = (pl.col("change") == "stop") & (pl.col("gives") != "none") & (pl.col("first") <= pl.col("last"))
    return (own & (pl.col("last") < pl.col("begun"))).fill_null(value=False)
