"""What a settlement would change, without changing it: no ledger row, no file, no message to anybody."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import polars as pl

from gateway.model.deliveries import DeliveryState
from gateway.model.frames import RECOGNITIONS
from gateway.pipeline.platform import PlatformChannel
from gateway.pipeline.settlement import USABLE, Settled, settle_site
from gateway.pipeline.standing import RECORDS_HEADER
from gateway.site import Site
from gateway.store import deliveries, people


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What settling now would come to."""

    #: (instance, identity, recognitions added, recognitions no longer believed)
    recognitions: list[tuple[str, str, int, int]]
    #: Departures by (instance, state).
    departures: list[tuple[str, str, int]]
    #: (use, kind, people): kind is first, changed or emptied.
    changes: list[tuple[str, str, int]]
    #: (delivery, scope, leaving, holding) of lists that would be held, decided ones included.
    holds: list[tuple[int, str, int, int]]
    #: Deliveries by state.
    deliveries: Mapping[str, int]


def preview(site: Site, today: date, actor: str, *, instance: str | None = None) -> Preview:
    """A dry settlement of the site, shown for one instance or for all. Raises TryLater where a run goes on.

    The platform is not asked, so what stands there of people who were never uploaded is taken to be nothing.
    """
    with site.lock():
        settled = settle_site(site, _Nobody(), 0, today, actor, dry=True)
        with site.ledger.begin() as tx:
            before, confirmed = people.recognitions(tx), people.confirmed(tx)
            rows = [row for row in deliveries.select(tx, states=USABLE) if instance in (None, row.instance)]
    numbers = {row.id for row in rows}
    # What is no list of people, but of payments, is applied as it is.
    applied = (DeliveryState.APPLIED, "", "")
    states = [settled.states.of.get(number, applied)[0].value for number in numbers]
    return Preview(
        recognitions=_recognitions(before, settled.recognitions, instance),
        departures=_departures(settled, instance),
        changes=_changes(settled.wanted, confirmed),
        holds=[breach for breach in settled.breaches if breach[0] in numbers],
        deliveries={state: states.count(state) for state in sorted(set(states))},
    )


class _Nobody(PlatformChannel):
    """A platform that is not asked: it holds nothing."""

    def __init__(self) -> None:  # nothing to connect to
        pass

    def export(self, what: str) -> bytes:
        """An export without a row."""
        return RECORDS_HEADER


def _recognitions(before: pl.DataFrame, after: pl.DataFrame, instance: str | None) -> list[tuple[str, str, int, int]]:
    key = RECOGNITIONS.names()
    added = after.join(before, on=key, how="anti", nulls_equal=True).with_columns(added=1, ended=0)
    ended = before.join(after, on=key, how="anti", nulls_equal=True).with_columns(added=0, ended=1)
    columns = ["instance", "identity", "added", "ended"]
    both = pl.concat([added.select(columns), ended.select(columns)])
    if instance is not None:
        both = both.filter(pl.col("instance") == instance)
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
