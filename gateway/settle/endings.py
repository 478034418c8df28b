"""Whom a list's own rows take from what they hold: a stop, a last day that comes earlier than was said before, or a
first day that is still to come, with nothing said to go on.

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
_STOPS = pl.col("change") == "stop"
_UNTIL = pl.col("last").fill_null(pl.lit(_ALWAYS))


def endings(rows: pl.DataFrame, day: date) -> pl.DataFrame:
    """What `STATEMENTS` of a list of this business date end within `AHEAD` days of it, or let begin only later, whether
    somebody holds it or not: KEY, first, last, change, `own` (a stop that gives a period of its own), `late`, and
    `goes_to`: until when the same list states an identity of the scope for that person, without a gap; null = no day.
    Without those for whom that is longer than `AHEAD`."""
    words = _words(rows)
    ending = _ending(words, day).with_row_index("at")
    ending = ending.join(_going_on(ending, words, day), on="at", how="left", maintain_order="left")
    beyond = (pl.col("goes_to") > day + timedelta(AHEAD)).fill_null(value=False)
    return ending.filter(~beyond).select(*KEY, "first", "last", "change", "own", "late", "goes_to")


def _ending(words: pl.DataFrame, day: date) -> pl.DataFrame:
    """The words that end something within `AHEAD` days, and those that let it begin only later: these are `late`."""
    parted = words.filter("over").select(*KEY, parted="last")  # what was held ends where the list says so
    words = words.join(parted, on=KEY, how="left", maintain_order="left")
    parts = (pl.col("parted") < pl.col("first")).fill_null(value=False)
    late = ~_STOPS & ~parts & (pl.col("first") > day + timedelta(1))
    ends = (pl.col("last") <= day + timedelta(AHEAD)).fill_null(value=False)
    return words.filter(_STOPS | late | ends).with_columns(late=late)


def _going_on(ending: pl.DataFrame, words: pl.DataFrame, day: date) -> pl.DataFrame:
    """at, goes_to: until when the words state an identity for that person, from the day after the end on; and what
    begins late goes on after that where no day is between."""
    to = pl.when(pl.col("next_identity").is_null()).then(_UNTIL).otherwise(pl.lit(_ALWAYS))
    states = words.filter(~_STOPS).select(*_WHOSE, since="first", to=to)
    end = pl.when("late").then(pl.lit(day)).otherwise(pl.max_horizontal("last", pl.lit(day)))
    on = ending.join(states, on=_WHOSE).filter(pl.col("since") <= end.dt.offset_by("1d"))
    bridged = pl.col("late") & (pl.col("to") >= pl.col("first").dt.offset_by("-1d"))
    goes_to = pl.when(bridged).then(pl.max_horizontal("to", _UNTIL)).otherwise("to")
    return on.group_by("at").agg(goes_to=goes_to.max())


def holding(believed: pl.DataFrame, said: Sequence[pl.DataFrame], day: date) -> pl.DataFrame:
    """KEY, `begun` and `until` (null = open) of what is held beyond `day`, by what is `believed` (`RECOGNITIONS`) and
    then by lists `said` (`STATEMENTS`), in their order, that are in use and not settled yet: the last word counts."""
    names = [*KEY, "first", "last"]
    words = believed.select(names).sort("last", nulls_last=True, maintain_order=True)
    words = words.unique(KEY, keep="last", maintain_order=True)
    for rows in said:
        known = words.select(*KEY, begun="first")
        new = _words(rows).filter(~pl.col("over"))
        new = new.join(known, on=KEY, how="left", maintain_order="left").filter(~_former())
        words = pl.concat([words, new.select(names)]).unique(KEY, keep="last", maintain_order=True)
    still = words.filter(pl.col("last").is_null() | (pl.col("last") > day))
    return still.select(*KEY, begun="first", until="last")


def of_held(ending: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """The `endings` of what is held (`holding`), and was to end later, or to have begun."""
    both = ending.join(held, on=KEY, how="inner", maintain_order="left")
    until = pl.col("until").fill_null(pl.lit(_ALWAYS))
    takes = (pl.col("last") < until) | (pl.col("late") & (pl.col("begun") < pl.col("first")))
    # What ends before a statement begins stays beside it.
    beside = (pl.col("change") == "state") & (until < pl.col("first"))
    goes_on = (pl.col("goes_to") >= until).fill_null(value=False)
    return both.filter(takes.fill_null(value=False), ~_former(), ~beside, ~goes_on).select(ending.columns)


def _words(rows: pl.DataFrame) -> pl.DataFrame:
    """A list's last word on each person and identity, as it is folded: what it states, unless a stop comes after; and
    stops that are `over` before that begins."""
    last = last_words(rows)
    stopped = last.filter(_STOPS & pl.col("after"))
    words = pl.concat([last.join(stopped, on=KEY, how="anti", maintain_order="left"), stopped])
    before = _STOPS & ~pl.col("after")
    own = before & (pl.col("gives") != "none") & (pl.col("first") <= pl.col("last"))
    words = words.with_columns(own=own.fill_null(value=False), over=before & pl.col("stated").is_not_null())
    return words.select(*KEY, "first", "last", "change", "own", "over", "next_identity")


def _former() -> pl.Expr:
    """A stop of a period of its own that was over before what is held had `begun`: it ends nothing of it."""
    return (pl.col("own") & (pl.col("last") < pl.col("begun"))).fill_null(value=False)
