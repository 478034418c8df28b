"""What releasing a hold would change: whose identities end, whose begin, and how the list differs from the one before.

Takes a hold; gives `HELD_SET` and `DIFFERS`, without a name or a number. Of departures the ledger has the set, as the
last settlement left it. Of a whole list, of which nothing counts yet, a dry settlement finds it. Raises TryLater where
a run goes on.
"""

from datetime import date

import polars as pl

from gateway.model.deliveries import DeliveryState, Mode
from gateway.model.frames import RECOGNITIONS, PersonKey
from gateway.model.holds import LEAVES, WHOLE, set_digest
from gateway.pipeline import roster
from gateway.pipeline.platform import PlatformChannel
from gateway.pipeline.settlement import settle_dry
from gateway.pipeline.standing import RECORDS_HEADER
from gateway.settle import looks
from gateway.settle.looks import SEEN
from gateway.site import Site
from gateway.store import deliveries, people
from gateway.store.decisions import HoldRow
from gateway.store.deliveries import DeliveryRow

#: One row per identity that somebody loses (`end`) or gains (`begin`), or that goes on in other words (`change`).
HELD_SET = pl.Schema(
    {
        "direction": pl.String(),
        "identity": pl.String(),
        "county": pl.String(),  # six digits; "" = unknown
        "person_key": PersonKey(),
    }
)
#: Rows of the list before and of this one, by identity and county.
DIFFERS = pl.Schema({"identity": pl.String(), "county": pl.String(), "before": pl.Int64(), "now": pl.Int64()})
#: What becomes of departures by what is said of their hold.
_STATES = {"open": "held", "void": "held", "released": "released", "cancelled": "cancelled"}


class Nobody(PlatformChannel):
    """A platform that is not asked: it holds nothing."""

    def __init__(self) -> None:  # nothing to connect to
        pass

    def export(self, what: str) -> bytes:
        """An export without a row."""
        return RECORDS_HEADER


def held_set(site: Site, hold: HoldRow) -> pl.DataFrame | None:
    """`HELD_SET`. None where the roster or the lists have changed since the last settlement, so that this is another
    set than the one that `hold.digest` stands for; where a whole list has been decided, or waits for one before it."""
    if hold.scope != WHOLE:
        return _departures(site, hold)
    return _whole(site, hold) if hold.state == "open" else None


def _departures(site: Site, hold: HoldRow) -> pl.DataFrame | None:
    leave = leaving(site, hold, _STATES[hold.state])
    if hold.state == "open" and set_digest(hold.place, leave.select(LEAVES)) != hold.digest:
        return None
    return leave.with_columns(direction=pl.lit("end")).select(HELD_SET.names())


def leaving(site: Site, hold: HoldRow, state: str) -> pl.DataFrame:
    """`LEAVES` and county of the departures in that state that the hold is of."""
    with site.ledger.begin() as tx:
        leave = people.departures_in(tx, hold.delivery_id, hold.scope, state)
    known = roster.people(site, ["person_key", "county"], leave["person_key"])
    leave = leave.join(known, on="person_key", how="left", maintain_order="left")
    if hold.scope:
        leave = leave.with_columns(county=pl.lit(hold.scope))
    leave = leave.with_columns(pl.col("county").fill_null(""))
    return leave.filter(identity=hold.identity, county=hold.county) if hold.identity else leave


def _whole(site: Site, hold: HoldRow) -> pl.DataFrame | None:
    with site.lock():
        settled = settle_dry(site, Nobody(), released=hold.place)
        with site.ledger.begin() as tx:
            before = people.recognitions(tx).filter(instance=hold.instance).select(RECOGNITIONS.names())
    (work,) = [work for work in settled.work if work.row.id == hold.delivery_id]
    if not settled.states.applied(hold.delivery_id) or set_digest(hold.place, work.lets_through()) != hold.digest:
        return None
    return moves(site, before, settled.recognitions.filter(instance=hold.instance))


def moves(site: Site, before: pl.DataFrame, after: pl.DataFrame) -> pl.DataFrame:
    """`HELD_SET` between two states of recognitions."""
    key = RECOGNITIONS.names()
    gone = before.join(after, on=key, how="anti", nulls_equal=True).select("person_key", "identity").unique()
    come = after.join(before, on=key, how="anti", nulls_equal=True)
    # One that a stop or a silence ended is lost; one that is said in other words, with an end of its own, goes on.
    goes_on = come.filter(~pl.col("ended_by").is_in(["stop", "departure"])).select("person_key", "identity").unique()
    both = gone.with_columns(gone=True).join(
        goes_on.with_columns(come=True), on=["person_key", "identity"], how="full", coalesce=True
    )
    direction = (
        pl.when("gone", "come").then(pl.lit("change")).when("come").then(pl.lit("begin")).otherwise(pl.lit("end"))
    )
    known = roster.people(site, ["person_key", "county"], both["person_key"])
    found = both.with_columns(direction=direction).join(known, on="person_key", how="left")
    return found.with_columns(pl.col("county").fill_null("")).select(HELD_SET.names()).sort(HELD_SET.names())


def differs(site: Site, hold: HoldRow) -> tuple[DeliveryRow | None, pl.DataFrame]:
    """The full list in use before the held one, and `DIFFERS`; None and nothing where it is the first, no full list, or
    its rows are gone.

    As far as both speak for the same scopes.
    """
    with site.ledger.begin() as tx:
        row = deliveries.get(tx, hold.delivery_id)
        known = deliveries.select(tx, instance=hold.instance, states=[DeliveryState.APPLIED])
    assert row is not None  # the hold names it
    scopes = set(row.scopes) if hold.scope == WHOLE else {hold.scope}
    earlier = [one for one in known if _comes_before(one, row) and scopes & set(one.scopes)]
    if row.mode != Mode.FULL or not earlier or not row.entries_file:
        return None, pl.DataFrame(schema=DIFFERS)
    before = max(earlier, key=lambda one: (one.business_date or date.min, one.sequence or 0, one.id))
    shared = sorted(scopes & set(before.scopes))
    sides = [
        looks(site.read_frame(one.entries_file or "", SEEN), shared)
        .group_by("identity", "county")
        .agg(pl.col("rows").sum().cast(pl.Int64).alias(name))
        for one, name in ((before, "before"), (row, "now"))
    ]
    both = sides[0].join(sides[1], on=["identity", "county"], how="full", coalesce=True)
    both = both.with_columns(pl.col("before", "now").fill_null(0)).sort("identity", "county")
    return before, both.select(DIFFERS.names())


def _comes_before(one: DeliveryRow, row: DeliveryRow) -> bool:
    """A full list of an earlier day."""
    return one.mode == Mode.FULL and (one.business_date or date.min) < (row.business_date or date.min)
