"""Deliveries in the order in which they count, and the state that they lead to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TypeVar

import polars as pl

from gateway.model.deliveries import Mode
from gateway.model.frames import RECOGNITIONS

KEY = ["scope", "person_key", "identity"]
#: Columns of the state that is folded.
STATE = ["scope", "person_key", "identity", "level", "first", "last", "delivery", "row", "ended_by"]


@dataclass(frozen=True, kw_only=True)
class Turn:
    """One applied delivery, as far as its place in the order goes."""

    delivery: int
    mode: Mode
    business_date: date
    sequence: int
    #: Scopes for which a full list speaks.
    scopes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Said(Turn):
    """One applied delivery, as settle sees it."""

    #: `statements.STATEMENTS`
    rows: pl.DataFrame
    #: `statements.UNRESOLVED`
    unresolved: pl.DataFrame
    #: Scopes for which it has no row at all: that everybody left is never believed without a person.
    empty_scopes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class State:
    """What all deliveries up to one of them come to: from here a fold goes on."""

    #: `RECOGNITIONS` without `instance`.
    recognitions: pl.DataFrame
    #: source_id and person_key (`named`) of rows that were sure.
    source_ids: pl.DataFrame


def nothing() -> State:
    """The state before the first delivery."""
    return State(
        recognitions=pl.DataFrame(schema={n: RECOGNITIONS[n] for n in STATE}),
        source_ids=pl.DataFrame(schema={"source_id": pl.String, "named": pl.Int64}),
    )


T = TypeVar("T", bound=Turn)


def in_order(deliveries: Sequence[T]) -> list[T]:
    """By business date. Of two full lists for one date the later is that date's word on the scopes that it covers;
    the earlier still says what it said of the others. A delta never comes before one of a smaller sequence number,
    whatever its own date."""
    turns, latest = {}, date.min
    for said in sorted(deliveries, key=lambda d: d.sequence):
        turns[said.delivery] = said.business_date
        if said.mode is Mode.DELTA and said.sequence:
            turns[said.delivery] = latest = max(latest, said.business_date)
    ordered = sorted(deliveries, key=lambda d: (turns[d.delivery], d.sequence, d.delivery))
    spoken: dict[date, set[str]] = {}
    heard = []
    for said in reversed(ordered):
        if said.mode is Mode.FULL:
            covered = spoken.setdefault(said.business_date, set())
            left = tuple(scope for scope in said.scopes if scope not in covered)
            covered.update(said.scopes)
            if not left:
                continue
            said = replace(said, scopes=left) if left != said.scopes else said
        heard.append(said)
    return heard[::-1]


def spoken(said: Said) -> Said:
    """A full list, as far as it speaks for its scopes."""
    inside = pl.col("scope").is_in(said.scopes)
    empty_scopes = tuple(scope for scope in said.empty_scopes if scope in said.scopes)
    rows, unresolved = said.rows.filter(inside), said.unresolved.filter(inside)
    return replace(said, rows=rows, unresolved=unresolved, empty_scopes=empty_scopes)
