"""One instance's applied deliveries folded, from its checkpoint where that fits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import polars as pl

from gateway.model.deliveries import Mode
from gateway.model.holds import Approved, Breach, Place
from gateway.pipeline import roster
from gateway.pipeline.checkpoint import THIN, Checkpoint, detail, laid, layer, terms, upon
from gateway.pipeline.limits import guard_limits, limits_of
from gateway.pipeline.work import Work, said_before
from gateway.reconcile import may_name
from gateway.settings import LimitSettings
from gateway.settle import Fold, Said, State, Turn, fold, nothing
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
    #: The tip's state; its source numbers only where a whole list was folded.
    before: State
    #: Person keys of everybody whom what was folded now could change.
    named: pl.Series
    #: Deltas alone were folded: the fold has the state of `named` only.
    partly: bool

    @property
    def breaches(self) -> Sequence[Breach]:
        """Departures to hold."""
        return self.fold.breaches if self.fold else ()

    def recognitions(self) -> pl.DataFrame:
        """`RECOGNITIONS` without `instance`."""
        if self.fold is None:
            return self.before.recognitions
        now = self.fold.state.recognitions
        return laid(self.before.recognitions, layer(self.named, now)) if self.partly else now

    @cached_property
    def touched(self) -> pl.Series:
        """Person keys of those about whom something else is believed than before."""
        if self.fold is None or self.tip is None:
            return _everybody()
        named = self.named.to_frame("person_key")
        before, now = (
            state.recognitions.join(named, on="person_key", how="semi") for state in (self.before, self.fold.state)
        )
        ended = before.join(now, on=STATE, how="anti", nulls_equal=True)["person_key"]
        begun = now.join(before, on=STATE, how="anti", nulls_equal=True)["person_key"]
        return _everybody(ended, begun)

    def checkpoint(
        self, site: Site, decided: Mapping[Place, str], files: Mapping[str, Sequence[str]]
    ) -> dict[str, Any]:  # JSON
        """What the next fold may go on from. `files`: those of doubts and known."""
        state = {name: self.tip.files[name] for name in ("recognitions", "source_ids")} if self.tip else {}
        if self.fold:
            state = self._sealed(site, self.fold.state)
        return detail(self.order, terms(site, self.limits, self.order, decided), {**state, **files})

    def _sealed(self, site: Site, now: State) -> dict[str, Sequence[str]]:
        """The files of the state."""
        if self.tip is None:
            frames = {"recognitions": now.recognitions, "source_ids": now.source_ids}
            return {name: [site.write_frame(frame)] for name, frame in frames.items()}
        before, tip = self.before, self.tip
        changed = layer(self.touched, now.recognitions)
        lies_on = tip.files["recognitions"] if changed.height <= THIN * before.recognitions.height else ()
        new = now.source_ids.join(before.source_ids, on=now.source_ids.columns, how="anti")

        def all_ids() -> pl.DataFrame:
            return pl.concat([tip.source_ids(site), new])

        return {
            "recognitions": upon(site, lies_on, changed, self.recognitions),
            "source_ids": upon(site, tip.files["source_ids"], new, all_ids),
        }


def months(site: Site) -> dict[str, int]:
    """Identities that end by themselves, after so many months."""
    return {code.identity: code.months for code in site.policy.codes if code.months}


def fold_instance(
    site: Site,
    order: Sequence[Turn],
    rows: Mapping[int, DeliveryRow],
    work: Mapping[int, Work],
    tip: Checkpoint | None,
    *,
    decided: Mapping[Place, str],
    approved: Approved,
    released: pl.DataFrame,
    taken_back: pl.Series,
) -> Folded:
    """Folds an instance's applied deliveries, in their order. `work`: those that were looked at now."""
    limits = limits_of(site, rows[order[0].delivery].instance)
    earlier = order[: len(tip.turns)] if tip else []
    start = tip if tip and tip.fits(order, terms(site, limits, earlier, decided)) else None
    rest = order[len(start.turns) :] if start else order
    if start and not rest:
        before = State(recognitions=start.recognitions(site), source_ids=nothing().source_ids)
        return Folded(
            order=order, fold=None, judged=(), tip=tip, limits=limits, before=before, named=_everybody(), partly=False
        )
    said = [_said(site, turn, rows, work) for turn in rest]
    spoke = _everybody(*(one.rows["person_key"] for one in said))
    # A delta speaks of the people in its rows, and nobody else's state counts for it.
    partly = start is not None and all(turn.mode is Mode.DELTA for turn in rest)
    before = _state(site, start, whole=not partly)
    folded = fold(
        said,
        limits=guard_limits(limits),
        decided=decided,
        approved=approved,
        may_name=_namer(site),
        counties=lambda keys: roster.people(site, ["person_key", "county"], keys),
        months=months(site),
        released=released,
        taken_back=taken_back,
        since=_of(before, spoke) if partly else before,
    )
    return Folded(
        order=order,
        fold=folded,
        judged=[turn.delivery for turn in rest] if start else list(rows),
        tip=start,
        limits=limits,
        before=before,
        named=_everybody(folded.departures["person_key"], spoke),
        partly=partly,
    )


def _state(site: Site, tip: Checkpoint | None, *, whole: bool) -> State:
    """The state after the tip. Source numbers tell who departs, which only a whole list asks."""
    if tip is None:
        return nothing()
    ids = tip.source_ids(site) if whole else nothing().source_ids
    return State(recognitions=tip.recognitions(site), source_ids=ids)


def _of(state: State, people: pl.Series) -> State:
    """What the state has of these people."""
    theirs = state.recognitions.join(people.to_frame("person_key"), on="person_key", how="semi", maintain_order="left")
    return State(recognitions=theirs, source_ids=state.source_ids)


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
