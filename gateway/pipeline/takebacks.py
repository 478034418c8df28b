"""Takebacks: what rows said of somebody whom they no longer mean.

A flag on the wrong person ends by itself: the row is resolved anew, the recognitions are derived anew, and the platform
gets the corrected list. This says which of them were never true, so that they can be written down.
"""

from collections.abc import Iterable

import polars as pl

from gateway.model.frames import empty
from gateway.model.verdicts import WHO, who_says
from gateway.pipeline import roster
from gateway.site import Site
from gateway.store.takebacks import TAKEN_BACK

#: Outcomes whose rows count; a row in review only where its person is kept from before.
_COUNTED = ("matched", "no_identity", "deceased", "review")


def taken_back(
    instance: str, entries: pl.DataFrame, before: pl.DataFrame | None, resolutions: pl.DataFrame, verdicts: pl.DataFrame
) -> pl.DataFrame:
    """`TAKEN_BACK` of a delivery (its `ENTRIES`) whose `RESOLUTIONS` were others before; None = it is new.

    `verdicts` (`VERDICTS`): those it was resolved with. A row that cannot be used any more, or contradicts another, but
    still seems to mean the same person, takes nothing back.
    """
    if before is None:
        return empty(TAKEN_BACK)
    was_sure = before.filter(pl.col("outcome").is_in(_COUNTED))
    meant = was_sure.select("row", was=pl.coalesce("person_key", "kept")).drop_nulls()
    means = resolutions.select("row", "person_key", "kept", "candidate")
    still = pl.any_horizontal(pl.col("was").eq_missing(pl.col(name)) for name in ("person_key", "kept", "candidate"))
    changed = meant.join(means, on="row", how="left").filter(~still).select("row", person_key="was")
    rows = entries.join(changed, on="row")
    said = rows.with_columns(_case(instance, rows, verdicts))
    return (
        said.select(
            instance=pl.lit(instance),
            person_key="person_key",
            identity=pl.concat_list("identity", "next_identity"),
            case_id="case_id",
        )
        .explode("identity")
        .drop_nulls("identity")
        .select(pl.col(name).cast(kind) for name, kind in TAKEN_BACK.items())
    )


def told_apart(site: Site, parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """`TAKEN_BACK` of several deliveries together, without whom nobody decided and the roster has no more.

    They may be the same person, who stands there under another person number.
    """
    rows = pl.concat([empty(TAKEN_BACK), *parts])
    undecided = rows.filter(pl.col("case_id").is_null())
    if undecided.is_empty():
        return rows
    here = roster.people(site, ["person_key"], undecided["person_key"])
    return rows.filter(pl.col("case_id").is_not_null() | pl.col("person_key").is_in(here["person_key"].implode()))


def _case(instance: str, rows: pl.DataFrame, verdicts: pl.DataFrame) -> pl.Series:
    """`case_id` where somebody decided that the row is not about `person_key`."""
    who = rows.select("person_key", *who_says(pl.lit(instance)))
    told = who.join(verdicts, on=list(WHO), how="left", nulls_equal=True, maintain_order="left")
    other = pl.col("same").is_not_null() & (pl.col("same") != pl.col("person_key"))
    ruled_out = pl.col("excluded").list.contains(pl.col("person_key")) | other
    return told.select(pl.when(ruled_out).then("case_id").alias("case_id")).to_series()
