"""Whom a list's own rows take from what they hold: a stop, or a last day that has come, with nothing said to go on.

Takes a list's statements, its business date and who holds what; gives people and identities, to be judged by the
limits that hold for those whom a list leaves out. Pure.
"""

from collections.abc import Sequence
from datetime import date

import polars as pl

from gateway.settle.turns import KEY


def endings(rows: pl.DataFrame, day: date) -> pl.DataFrame:
    """KEY, first, last, change, gives of what `STATEMENTS` of a list end by its business date `day`, whether somebody
    holds it or not; without those of people for whom the same list states an identity of the scope that goes on."""
    said = rows.filter(~pl.col("stands") & pl.col("identity").is_not_null())
    over = (pl.col("change") == "stop") | (pl.col("last") <= day).fill_null(value=False)
    goes_on = said.filter(~over | pl.col("next_identity").is_not_null()).select("scope", "person_key")
    ended = said.filter(over).unique(KEY, keep="last", maintain_order=True)
    ended = ended.select(*KEY, "first", "last", "change", "gives")
    return ended.join(goes_on.unique(), on=["scope", "person_key"], how="anti", maintain_order="left")


def holding(believed: pl.DataFrame, said: Sequence[pl.DataFrame], day: date) -> pl.DataFrame:
    """KEY and `begun` of what is held beyond `day`, by what is `believed` (`RECOGNITIONS`) and then by lists `said`
    (`STATEMENTS`), in their order, that are in use and not settled yet: the last word on each counts."""
    names = [*KEY, "first", "last"]
    frames = [believed.select(names).sort("last", nulls_last=True, maintain_order=True)]
    frames += [rows.filter(~pl.col("stands") & pl.col("identity").is_not_null()).select(names) for rows in said]
    words = pl.concat(frames).unique(KEY, keep="last", maintain_order=True)
    still = words.filter(pl.col("last").is_null() | (pl.col("last") > day))
    return still.select(*KEY, begun="first")


def of_held(ending: pl.DataFrame, held: pl.DataFrame) -> pl.DataFrame:
    """The `endings` of what is held (`holding`): a stop of a period of its own that was over before that began ends
    nothing of it."""
    both = ending.join(held, on=KEY, how="inner", maintain_order="left")
    former = (pl.col("change") == "stop") & (pl.col("gives") != "none")
    former &= (pl.col("first") <= pl.col("last")) & (pl.col("last") < pl.col("begun"))
    return both.filter(~former.fill_null(value=False)).select(ending.columns)
