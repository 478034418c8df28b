"""What a settlement would change, without changing it: no ledger row, no message to anybody, and no file that stays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from gateway.model.deliveries import DeliveryState
from gateway.model.frames import DEPARTURES, RECOGNITIONS, empty
from gateway.model.holds import Breach
from gateway.pipeline.bring import Brought, brought_dry
from gateway.pipeline.heldset import Nobody, moves
from gateway.pipeline.person import differences
from gateway.pipeline.settlement import USABLE, Settled, settle_dry
from gateway.settings import Instance
from gateway.site import Site
from gateway.store import deliveries, people
from gateway.store.deliveries import DeliveryRow
from gateway.vault.sm import sm3_hex


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What settling now would come to."""

    #: (instance, identity, recognitions added, recognitions no longer believed)
    recognitions: list[tuple[str, str, int, int]]
    #: Departures by (instance, state).
    departures: list[tuple[str, str, int]]
    #: (use, kind, people): kind is first, changed or emptied.
    changes: list[tuple[str, str, int]]
    #: What would be held.
    holds: list[Breach]
    #: Deliveries by state.
    deliveries: Mapping[str, int]
    #: (direction, identity, county, people), as `acts.holds.shown` counts them.
    moves: list[tuple[str, str, str, int]]
    #: Of the exact recognitions, departures and lists that would change: two previews of one digest are the same.
    digest: str


def preview(site: Site, *, instance: str | None = None) -> Preview:
    """A dry settlement of the site, shown for one instance or for all. Raises TryLater where a run goes on.

    The platform is not asked, so what stands there of people who were never uploaded is taken to be nothing.
    """
    with site.lock():
        return _preview(site, instance, None)


def preview_import(site: Site, instance: Instance, brought: Brought, today: date) -> tuple[Preview, str] | None:
    """The same as if a list that came by hand had been taken in, shown for its instance, and the list's digest; None
    where it is known. Raises DeliveryRefused for a list that would be refused, TryLater where a run goes on."""
    with site.lock(), brought_dry(site, instance, brought, today) as row:
        return None if row is None else (_preview(site, instance.name, row), row.content_digest)


def _preview(site: Site, instance: str | None, extra: DeliveryRow | None) -> Preview:
    settled = settle_dry(site, Nobody(), extra=extra)
    with site.ledger.begin() as tx:
        before, confirmed = people.recognitions(tx), people.confirmed(tx)
        rows = [row for row in deliveries.select(tx, states=USABLE) if instance in (None, row.instance)]
    numbers = {row.id for row in rows} | ({extra.id} if extra else set())
    # What is no list of people, but of payments, is applied as it is.
    applied = (DeliveryState.APPLIED, "", "")
    states = [settled.states.of.get(number, applied)[0].value for number in numbers]
    key = RECOGNITIONS.names()
    own = pl.lit(value=True) if instance is None else pl.col("instance") == instance
    then, now = before.select(key).filter(own), settled.recognitions.filter(own)
    found = moves(site, then, now)
    folds = [folded.fold for name, folded in settled.folds.items() if folded.fold and instance in (None, name)]
    exact = [
        then.join(now, on=key, how="anti", nulls_equal=True),
        now.join(then, on=key, how="anti", nulls_equal=True),
        pl.concat([empty(DEPARTURES), *(fold.departures for fold in folds)]),
        settled.wanted[0],
    ]
    return Preview(
        recognitions=_recognitions(then, now),
        departures=_departures(settled, instance),
        moves=found.group_by("direction", "identity", "county").len().sort("direction", "identity", "county").rows(),
        digest=_digest(exact),
        changes=_changes(settled.wanted[0], confirmed),
        holds=[breach for breach in settled.breaches if breach.delivery in numbers],
        deliveries={state: states.count(state) for state in sorted(set(states))},
    )


def preview_person(site: Site, person: int) -> Preview:
    """The same for one person (key), by what is believed of them now. Raises TryLater where a run goes on."""
    only = pl.Series("person_key", [person], pl.Int64)
    with site.lock():
        queue, _standing = differences(site, Nobody(), only)
        with site.ledger.begin() as tx:
            confirmed = people.confirmed(tx, people=only)
    return Preview(
        recognitions=[],
        departures=[],
        changes=_changes(queue, confirmed),
        holds=[],
        deliveries={},
        moves=[],
        digest=_digest([queue]),
    )


def _digest(frames: Sequence[pl.DataFrame]) -> str:
    """The same for the same rows, in whatever order."""
    return sm3_hex("\n\n".join(frame.sort(frame.columns).write_csv() for frame in frames).encode())


def _recognitions(before: pl.DataFrame, after: pl.DataFrame) -> list[tuple[str, str, int, int]]:
    key = RECOGNITIONS.names()
    added = after.join(before, on=key, how="anti", nulls_equal=True).with_columns(added=1, ended=0)
    ended = before.join(after, on=key, how="anti", nulls_equal=True).with_columns(added=0, ended=1)
    columns = ["instance", "identity", "added", "ended"]
    both = pl.concat([added.select(columns), ended.select(columns)])
    return both.group_by("instance", "identity").sum().sort("instance", "identity").rows()


def _departures(settled: Settled, instance: str | None) -> list[tuple[str, str, int]]:
    counts = []
    for name, folded in settled.folds.items():
        if folded.fold and instance in (None, name):
            by_state = folded.fold.departures.group_by("state").len().sort("state")
            counts += [(name, state, number) for state, number in by_state.iter_rows()]
    return counts


def _changes(wanted: pl.DataFrame, confirmed: pl.DataFrame) -> list[tuple[str, str, int]]:
    seen = confirmed.select("person_key", "use", known=pl.lit(value=True))
    kind = (
        pl.when(pl.col("records") == "")
        .then(pl.lit("emptied"))
        .when(pl.col("known").is_null())
        .then(pl.lit("first"))
        .otherwise(pl.lit("changed"))
    )
    kinds = wanted.join(seen, on=["person_key", "use"], how="left").with_columns(kind=kind)
    return kinds.group_by("use", "kind").len().sort("use", "kind").rows()
