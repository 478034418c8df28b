"""What the platform should hold and does not: from recognitions to the lists that are to be queued."""

from collections.abc import Mapping

import polars as pl

from gateway.model.frames import LISTS, empty
from gateway.pipeline import roster
from gateway.pipeline.platform import PlatformChannel
from gateway.pipeline.standing import NOTHING, Standing, read_standing
from gateway.settle import benefit_intervals, changes, lists, subsidy_intervals, timelines
from gateway.site import Site
from gateway.store import outbox, people, rosters


def wanted(
    site: Site, channel: PlatformChannel, recognitions: pl.DataFrame, only: pl.Series | None
) -> tuple[pl.DataFrame, Standing]:
    """`LISTS` that should be queued, and what of the platform's own records was newly seen.

    `only`: person keys; of nobody else anything changed, and `recognitions` are all of theirs. None = everybody.
    """
    if only is not None and only.is_empty():
        return empty(LISTS), NOTHING
    flags_from, policy = site.settings.site.flags_from, site.policy
    with site.ledger.begin() as tx:
        confirmed, adopted, version = (
            people.confirmed(tx, people=only),
            people.adopted(tx, people=only),
            rosters.newest(tx),
        )
        refused = outbox.refused_lists(tx, version.pulled_at) if version else confirmed.clear()
    everybody = pl.concat([recognitions["person_key"], confirmed["person_key"]]).unique()
    insured = roster.people(site, ["person_key", "birth", "dead"], everybody)
    alive = insured.filter(~pl.col("dead"))
    living = recognitions.join(alive, on="person_key", how="semi")
    own = _intervals(living, adopted.clear(), alive, site)
    fresh = pl.concat(list(own.values())).select("person_key").unique().join(confirmed, on="person_key", how="anti")
    ours = {*site.settings.sources, *recognitions["instance"].unique()}
    unknown = alive.join(fresh, on="person_key", how="semi")["person_key"]
    standing = read_standing(channel, roster.people(site, ["person_key", "psn_no"], unknown), ours)
    adopted = pl.concat([adopted, standing.adopted])
    confirmed = pl.concat([confirmed, standing.confirmed])
    uses = {
        "1": benefit_intervals(living, adopted, policy, flags_from),
        "2": subsidy_intervals(living, alive, adopted, policy, flags_from),
    }
    listed = lists(timelines(uses))
    silent = _silent(listed, confirmed, own, alive)
    queue = changes(listed, confirmed.drop("origin"), silent=silent)
    return queue.join(refused, on=["person_key", "use", "records"], how="anti"), standing


def _intervals(living: pl.DataFrame, nobody: pl.DataFrame, alive: pl.DataFrame, site: Site) -> dict[str, pl.DataFrame]:
    flags_from, policy = site.settings.site.flags_from, site.policy
    return {
        "1": benefit_intervals(living, nobody, policy, flags_from),
        "2": subsidy_intervals(living, alive, nobody, policy, flags_from),
    }


def _silent(
    listed: pl.DataFrame, confirmed: pl.DataFrame, own: Mapping[str, pl.DataFrame], alive: pl.DataFrame
) -> pl.DataFrame:
    """(person_key, use) of whom nothing is sent: not alive on the roster, or a list that only others wrote."""
    key = ["person_key", "use"]
    all_lists = pl.concat([listed.select(key), confirmed.select(key)]).unique()
    ours = pl.concat([f.select("person_key", use=pl.lit(use)).unique() for use, f in own.items()])
    uploaded = confirmed.filter(pl.col("origin") == "receipt").select(key)
    gone = all_lists.join(alive, on="person_key", how="anti")
    foreign = all_lists.join(ours, on=key, how="anti").join(uploaded, on=key, how="anti")
    return pl.concat([gone, foreign]).unique()
