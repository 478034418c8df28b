"""Whom a list's own rows take from what they hold: a stop, or a last day that has come, with nothing said to go on.

Takes a list's statements, its business date and who holds what; gives people and identities, to be judged by the
limits that hold for those whom a list leaves out. Pure.
"""

from collections.abc import Sequence
from datetime import date

import polars as pl

from gateway.settle.turns import KEY


def endings(rows: pl.DataFrame, day: date) -> pl.DataFrame:
    """(scope, person_key, identity) that `STATEMENTS` of a list end by its business date `day`, whether somebody holds
    them or not; without those of people for whom the same list states an identity of the scope that goes on."""
    said = rows.filter(~pl.col("stands") & pl.col("identity").is_not_null())
    over = (pl.col("change") == "stop") | (pl.col("last") <= day).fill_null(value=False)
    goes_on = said.filter(~over | pl.col("next_identity").is_not_null()).select("scope", "person_key")
    ended = said.filter(over).select(KEY).unique(maintain_order=True)
    return ended.join(goes_on.unique(), on=["scope", "person_key"], how="anti", maintain_order="left")


def holding(believed: pl.DataFrame, said: Sequence[pl.DataFrame], day: date) -> pl.DataFrame:
    """(scope, person_key, identity) held beyond `day` by what is `believed` (`RECOGNITIONS`), and by what lists `said`
    (`STATEMENTS`) that are in use and not settled yet."""
    still = pl.col("last").is_null() | (pl.col("last") > day)
    stated = (rows.filter((pl.col("change") == "state") & ~pl.col("stands")) for rows in said)
    frames = [frame.filter(still & pl.col("identity").is_not_null()).select(KEY) for frame in (believed, *stated)]
    return pl.concat(frames).unique(maintain_order=True)
