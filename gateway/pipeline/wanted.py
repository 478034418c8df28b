"""What the platform should hold and does not: from recognitions to the lists that are to be queued."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from gateway.model.frames import LISTS, RECOGNITIONS, TIMELINES, PersonKey, empty
from gateway.pipeline import roster
from gateway.pipeline.platform import PlatformChannel
from gateway.pipeline.standing import NOTHING, Standing, read_standing
from gateway.settle import benefit_intervals, changes, lists, subsidy_intervals, timelines
from gateway.site import Site
from gateway.store import outbox, people, rosters, withdrawals

_ALIVE = pl.Schema({"person_key": PersonKey, "birth": pl.Date})


@dataclass(frozen=True, kw_only=True)
class Seen:
    """All that decides what is wanted. Nobody has to be asked any more."""

    #: Use → intervals of what we recognise; and of what others wrote before us.
    own: Mapping[str, pl.DataFrame]
    theirs: Mapping[str, pl.DataFrame]
    #: person_key and birth of those who are alive on the roster.
    alive: pl.DataFrame
    #: `LISTS` with `origin` that the platform has confirmed, and has just shown.
    confirmed: pl.DataFrame
    #: `LISTS` that it refused, and `withdrawals.IN_FORCE`.
    refused: pl.DataFrame
    withdrawn: pl.DataFrame
    #: What of the platform's own records was newly seen.
    standing: Standing
    #: The day from which on records are ours.
    flags_from: date


def look(
    site: Site, channel: PlatformChannel, recognitions: pl.DataFrame, only: pl.Series | None, *, ours: Set[str]
) -> Seen | None:
    """What is known of the people; None = there is nobody.

    `only`: person keys; of nobody else anything changed, and `recognitions` are all of theirs. None = everybody.
    `ours`: instances whose records on the platform are not somebody else's.
    """
    if only is not None and only.is_empty():
        return None
    with site.ledger.begin() as tx:
        confirmed, adopted = people.confirmed(tx, people=only), people.adopted(tx, people=only)
        version = rosters.newest(tx)
        refused = outbox.refused_lists(tx, version.pulled_at, people=only) if version else empty(LISTS)
        withdrawn = withdrawals.in_force(tx, people=only)
    everybody = pl.concat([recognitions["person_key"], confirmed["person_key"]]).unique()
    insured = roster.people(site, ["person_key", "birth", "dead"], everybody)
    alive = insured.filter(~pl.col("dead"))
    living = recognitions.join(alive, on="person_key", how="semi")
    own = _intervals(site, living, adopted.clear(), alive)
    standing = _first_seen(site, channel, own, confirmed, alive, ours)
    return Seen(
        own=own,
        theirs=_intervals(site, living.clear(), pl.concat([adopted, standing.adopted]), alive),
        alive=alive,
        confirmed=pl.concat([confirmed, standing.confirmed]),
        refused=refused,
        withdrawn=withdrawn,
        standing=standing,
        flags_from=site.settings.site.flags_from,
    )


def wanted(seen: Seen | None) -> tuple[pl.DataFrame, Standing]:
    """`LISTS` that should be queued, and what of the platform's own records was newly seen."""
    if seen is None:
        return empty(LISTS), NOTHING
    own, theirs, alive = seen.own, seen.theirs, seen.alive
    listed = lists(timelines({use: pl.concat([own[use], theirs[use]]) for use in own}, seen.flags_from))
    # Of somebody who is not on the roster today nothing is wanted, which says nothing about what was withdrawn.
    listed, cancelled, lapsed = _without(seen.withdrawn.join(alive, on="person_key", how="semi"), listed)
    queue = _said_by_us(changes(listed, seen.confirmed.drop("origin")), seen.confirmed, own, alive)
    unwanted = pl.concat([seen.refused, cancelled])
    queue = queue.join(unwanted, on=["person_key", "use", "records"], how="anti")
    return queue, replace(seen.standing, lapsed=lapsed)


def beside(site: Site, before: pl.DataFrame, theirs: pl.DataFrame) -> pl.DataFrame:
    """`LISTS` of what stood `before` (`LISTS`), with what others wrote since (`TIMELINES`) beside it; of whom nothing
    stands, the empty list."""
    fields = (
        pl.col("records").str.split_exact("|", 4).struct.rename_fields(["code", "level", "first", "last", "source"])
    )
    lines = before.filter(pl.col("records") != "").with_columns(pl.col("records").str.split("\n")).explode("records")
    stood = lines.select("person_key", "use", fields).unnest("records")
    stood = stood.with_columns(pl.col("first", "last").str.slice(0, 10).str.to_date("%Y-%m-%d"))
    both = pl.concat([stood.select(TIMELINES.names()), theirs.select(TIMELINES.names())]).unique()
    intervals = _intervals(site, empty(RECOGNITIONS), both, empty(_ALIVE))
    there = lists(timelines(intervals, site.settings.site.flags_from))
    every = before.select("person_key", "use").join(there, on=["person_key", "use"], how="left")
    return every.with_columns(pl.col("records").fill_null(""))


def _first_seen(
    site: Site,
    channel: PlatformChannel,
    own: Mapping[str, pl.DataFrame],
    confirmed: pl.DataFrame,
    alive: pl.DataFrame,
    ours: Set[str],
) -> Standing:
    """What stands on the platform for a person and use before our first word on them; of others nothing is taken."""
    key = ["person_key", "use"]
    begun = pl.concat([frame.select("person_key", use=pl.lit(use)) for use, frame in own.items()]).unique()
    first = begun.join(confirmed, on=key, how="anti")
    unknown = alive.join(first, on="person_key", how="semi")["person_key"]
    seen = read_standing(channel, roster.people(site, ["person_key", "psn_no"], unknown), ours)
    new = {name: getattr(seen, name).join(confirmed, on=key, how="anti") for name in ("adopted", "confirmed")}
    return replace(seen, **new)


def _without(withdrawn: pl.DataFrame, listed: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, list[int]]:
    """The lists with what stands in the place of undone ones; `LISTS` that were cancelled; and what of `withdrawn`
    (`IN_FORCE`) is over, since something else is wanted by now."""
    key = ["person_key", "use"]
    undone, undone_not = _matching(withdrawn.drop_nulls("instead"), listed)
    undone = undone.sort("id").unique(key, keep="last", maintain_order=True)  # of several undos the newest counts
    instead = undone.select(*key, records="instead")
    kept = pl.concat([listed.join(undone, on=key, how="anti"), instead])
    cancelled, cancelled_not = _matching(withdrawn.filter(pl.col("instead").is_null()), kept)
    return kept, cancelled.select(LISTS.names()), [*undone_not["id"], *cancelled_not["id"]]


def _matching(withdrawn: pl.DataFrame, listed: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What of `withdrawn` is just what is listed, and what is not."""
    seen = withdrawn.join(listed, on=["person_key", "use"], how="left", suffix="_now")
    same = pl.col("records") == pl.col("records_now").fill_null("")
    return seen.filter(same), seen.filter(~same)


def _intervals(
    site: Site, recognitions: pl.DataFrame, adopted: pl.DataFrame, alive: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    """Use → the intervals that count for it."""
    flags_from, policy = site.settings.site.flags_from, site.policy
    return {
        "1": benefit_intervals(recognitions, adopted, policy, flags_from),
        "2": subsidy_intervals(recognitions, alive, adopted, policy, flags_from),
    }


def _said_by_us(
    queue: pl.DataFrame, confirmed: pl.DataFrame, own: Mapping[str, pl.DataFrame], alive: pl.DataFrame
) -> pl.DataFrame:
    """What may be sent of the queue: of people alive on the roster, and no list that only others wrote."""
    sent = confirmed.filter(pl.col("origin") == "receipt")
    parts = []
    for use, frame in own.items():
        of_use = pl.col("use") == use
        known = pl.concat([frame["person_key"], sent.filter(of_use)["person_key"]])
        parts.append(queue.filter(of_use).join(known.to_frame(), on="person_key", how="semi"))
    return pl.concat(parts).join(alive, on="person_key", how="semi")
