"""Whom a list's own rows take from what they hold: a stop, or a last day that has come, with nothing said to go on.

Takes a list's statements, its business date and who holds what; gives people and identities, to be judged by the
limits that hold for those whom a list leaves out. Pure.
"""

from collections.abc import Sequence
from datetime import date

import polars as pl

from gateway.settle.statements import last_words
from gateway.settle.turns import KEY


def endings(rows: pl.DataFrame, day: date) -> pl.DataFrame:
    """KEY, first, last, change, gives of what `STATEMENTS` of a list end by its business date `day`, whether somebody
    holds it or not; without those of people for whom the same list states an identity of the scope that goes on."""
    words = _words(rows)
    over = (pl.col("change") == "stop") | (pl.col("last") <= day).fill_null(value=False)
    goes_on = words.filter(~over | pl.col("next_identity").is_not_null()).select("scope", "person_key")
    return words.filter(over).join(goes_on.unique(), on=["scope", "person_key"], how="anti", maintain_order="left")


def holding(believed: pl.DataFrame, said: Sequence[pl.DataFrame], day: date) -> pl.DataFrame:
    """KEY and `begun` of what is held beyond `day`, by what is `believed` (`RECOGNITIONS`) and then by lists `said`
    (`STATEMENTS`), in their order, that are in use and not settled yet: the last word on each counts."""
    names = [*KEY, "first", "last"]
    words = believed.select(names).sort("last", nulls_last=True, maintain_order=True)
    words = words.unique(KEY, keep="last", maintain_order=True)
    for rows in said:
        known = words.select(*KEY, begun="first")
        new = _words(rows).join(known, on=KEY, how="left", maintain_order="left").filter(~_former())
        words = pl.concat([words, new.select(names)]).unique(KEY, keep="last", maintain_order=True)
    still = words.filter(pl.col("last").is_null() | (pl.col("last") > day))
    return still.select(*KEY, begun="first")


def of_held(ending: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """The `endings` of what is held (`holding`)."""
    both = ending.join(held, on=KEY, how="inner", maintain_order="left")
    return both.filter(~_former()).select(ending.columns)


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
