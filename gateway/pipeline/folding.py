"""One instance's applied deliveries folded, from its checkpoint where that fits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from gateway.pipeline import roster
from gateway.pipeline.checkpoint import Checkpoint, detail, sealed, terms
from gateway.pipeline.work import Work, said_before
from gateway.reconcile import may_name
from gateway.settings import LimitSettings
from gateway.settle import Fold, Limits, Said, Turn, fold
from gateway.settle.turns import STATE
from gateway.site import Site
from gateway.store.deliveries import DeliveryRow


@dataclass(frozen=True, kw_only=True)
class Folded:
    """Where an instance stands."""

    order: Sequence[Turn]
    #: What was folded now; None = the tip is as it was.
    fold: Fold | None
    #: Deliveries on whose departures and holds this has the last word: those that were folded now, or replaced.
    judged: Sequence[int]
    #: The checkpoint from which it went on, and which says what was believed; None = there was none.
    tip: Checkpoint | None
    limits: LimitSettings
    #: Person keys of everybody whom what was folded now could change.
    named: pl.Series

    @property
    def breaches(self) -> list[tuple[int, str, int, int]]:
        """Departures to hold: (delivery, scope, leaving, holding)."""
        return [(b.delivery, b.scope, b.leaving, b.holding) for b in self.fold.breaches] if self.fold else []

    def recognitions(self, site: Site) -> pl.DataFrame:
        """`RECOGNITIONS` without `instance`."""
        if self.fold:
            return self.fold.state.recognitions
        return self.tip.state(site).recognitions if self.tip else pl.DataFrame(schema=dict.fromkeys(STATE))

    def touched(self, site: Site) -> pl.Series:
        """Person keys of those about whom something else is believed than before."""
        if self.fold is None or self.tip is None:
            return pl.Series("person_key", [], pl.Int64)
        named = self.named.to_frame("person_key")
        before, now = (
            frame.join(named, on="person_key", how="semi")
            for frame in (self.tip.state(site).recognitions, self.fold.state.recognitions)
        )
        ended = before.join(now, on=STATE, how="anti", nulls_equal=True)["person_key"]
        begun = now.join(before, on=STATE, how="anti", nulls_equal=True)["person_key"]
        return pl.concat([ended, begun]).unique()

    def checkpoint(
        self, site: Site, decided: Mapping[tuple[int, str], str], doubts: pl.DataFrame, known: pl.DataFrame
    ) -> dict[str, Any]:  # JSON
        """What the next fold may go on from. `doubts` and `known` as a checkpoint has them."""
        files = sealed(site, self.fold.state) if self.fold else dict(self.tip.files if self.tip else {})
        files |= {"doubts": site.write_frame(doubts), "known": site.write_frame(known)}
        return detail(self.order, terms(site, self.limits, self.order, decided), files)


def fold_instance(
    site: Site,
    order: Sequence[Turn],
    rows: Mapping[int, DeliveryRow],
    work: Mapping[int, Work],
    tip: Checkpoint | None,
    *,
    decided: Mapping[tuple[int, str], str],
    released: pl.DataFrame,
) -> Folded:
    """Folds an instance's applied deliveries, in their order. `work`: those that were looked at now."""
    configured = site.settings.sources.get(rows[order[0].delivery].instance)
    limits = configured.settings.limits if configured else LimitSettings()
    before = order[: len(tip.turns)] if tip else []
    start = tip if tip and tip.fits(order, terms(site, limits, before, decided)) else None
    rest = order[len(start.turns) :] if start else order
    if start and not rest:
        return Folded(order=order, fold=None, judged=(), tip=tip, limits=limits, named=_everybody())
    said = [_said(site, turn, rows, work) for turn in rest]
    folded = fold(
        said,
        limits=Limits(share=limits.share, number=limits.number),
        decided=decided,
        may_name=_namer(site),
        months={code.identity: code.months for code in site.policy.codes if code.months},
        released=released,
        since=start.state(site) if start else None,
    )
    named = _everybody(folded.departures["person_key"], *(one.rows["person_key"] for one in said))
    judged = [turn.delivery for turn in rest] if start else list(rows)
    return Folded(order=order, fold=folded, judged=judged, tip=start and tip, limits=limits, named=named)


def _everybody(*keys: pl.Series) -> pl.Series:
    return pl.concat([pl.Series("person_key", [], pl.Int64), *keys]).unique()


def _said(site: Site, turn: Turn, rows: Mapping[int, DeliveryRow], work: Mapping[int, Work]) -> Said:
    one = work.get(turn.delivery)
    said = one.said if one else said_before(site, rows[turn.delivery])
    return replace(said, scopes=turn.scopes)


def _namer(site: Site) -> Any:  # settle.fold.MayName
    def named(leaving: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
        known = roster.people(site, ["person_key", "number", "name_key", "birth", "sex"], leaving["person_key"])
        return may_name(leaving.join(known, on="person_key"), rows)

    return named
