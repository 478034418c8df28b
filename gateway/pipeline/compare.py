"""What the platform shows beside what it confirmed to us: every person and use on which the two differ.

Takes the read-back and the ledger; gives frames, and changes nothing. Whose change is in flight is left out: its
outcome is not known yet. What others wrote before our first upload, and nobody here added to, is counted, and no
difference.
"""

from collections.abc import Set
from dataclasses import dataclass

import polars as pl

from gateway.model.deliveries import DeliveryState
from gateway.model.frames import PersonKey
from gateway.pipeline.platform import PlatformChannel
from gateway.pipeline.standing import shown
from gateway.settle import lists
from gateway.site import Site
from gateway.store import deliveries, outbox, people

#: missing: confirmed, and nothing stands there; other: something else stands there; unknown: a record in our name that
#: the ledger knows nothing of. `foreign`: somebody else wrote, or took away, what differs.
DIFFERENCES = pl.Schema(
    {
        "person_key": PersonKey,
        "use": pl.String,
        "kind": pl.String,
        "foreign": pl.Boolean,
        "confirmed": pl.String,  # null = nothing is known
        "shown": pl.String,  # "" = nothing stands there
        "evidence": pl.String,  # the change's reference on the first record that stands there
    }
)
_KEY = ["person_key", "use"]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What comparing came to."""

    differences: pl.DataFrame
    #: `TIMELINES` of all that the platform shows of these people.
    shown: pl.DataFrame
    #: Lists that were compared, lists left out since a change is in flight, and lists that only others wrote.
    lists: int
    in_flight: int
    theirs: int


def compare(site: Site, channel: PlatformChannel) -> Compared:
    """Everything that differs. Raises TryLater where the platform is away, PeerBroken where its file is none."""
    records = shown(site, channel)
    with site.ledger.begin() as tx:
        confirmed, flying = people.confirmed(tx), outbox.items(tx, "sending").select(_KEY)
        spoke = {row.instance for row in deliveries.select(tx, states=[DeliveryState.APPLIED])}
    there = lists(records).rename({"records": "shown"})
    evidence = records.sort("first").group_by(_KEY).agg(pl.col("evidence").first())
    both = confirmed.rename({"records": "confirmed"}).join(there, on=_KEY, how="full", coalesce=True)
    settled = both.join(flying, on=_KEY, how="anti")
    differ = pl.col("confirmed").is_null() | (pl.col("confirmed") != pl.col("shown").fill_null(""))
    found = settled.filter(differ).with_columns(pl.col("shown").fill_null(""), kind=_KIND).join(
        _strange(settled.filter(differ), {*site.settings.sources, *spoke}), on=_KEY, how="left"
    )
    # Without a word of ours, a list that only others wrote is theirs alone.
    alone = pl.col("confirmed").is_null() & (pl.col("of_ours").fill_null(0) == 0)
    foreign = pl.col("of_others").fill_null(0).gt(0) | (pl.col("origin").fill_null("") == "readback")
    named = found.filter(~alone).with_columns(foreign=foreign).join(evidence, on=_KEY, how="left")
    differences = named.select(pl.col(n).cast(t) for n, t in DIFFERENCES.items()).sort("kind", *_KEY)
    return Compared(
        differences=differences,
        shown=records.join(differences, on=_KEY, how="semi"),
        lists=settled.height,
        in_flight=both.height - settled.height,
        theirs=found.filter(alone).height,
    )


_KIND = (
    pl.when(pl.col("confirmed").is_null()).then(pl.lit("unknown"))
    .when(pl.col("shown").fill_null("") == "").then(pl.lit("missing"))
    .otherwise(pl.lit("other"))
)  # fmt: skip


def _strange(differing: pl.DataFrame, ours: Set[str]) -> pl.DataFrame:
    """person_key, use, of_ours, of_others: how many of our records stand there unconfirmed, and how many of others', by
    their src_dept, came or went."""
    def lines(column: str) -> pl.DataFrame:
        said = differing.select(*_KEY, line=pl.col(column).fill_null("").str.split("\n")).explode("line")
        return said.filter(pl.col("line") != "")

    there, known = lines("shown"), lines("confirmed")
    new = there.join(known, on=[*_KEY, "line"], how="anti").with_columns(new=pl.lit(value=True))
    gone = known.join(there, on=[*_KEY, "line"], how="anti").with_columns(new=pl.lit(value=False))
    mine = pl.col("line").str.split("|").list.last().is_in(sorted(ours))
    return pl.concat([new, gone]).group_by(_KEY).agg(of_ours=(mine & pl.col("new")).sum(), of_others=(~mine).sum())
