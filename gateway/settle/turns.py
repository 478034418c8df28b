"""Deliveries in the order in which they count, and the state that they lead to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    #: Scopes of which nobody is believed to have left until a person says so -> why: `empty`, without a row at all;
    #: `incomplete`, since not all of the list came; `wrong_county`, since its rows are of another scope.
    mistrusted: Mapping[str, str] = field(default_factory=dict)


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
    """By business date, then by sequence number: of two full lists for one date the later has the last word, and whom
    it leaves out departs as from any list before it. A delta never comes before a list of a smaller sequence number,
    whatever its own date."""
    turns, latest = {}, date.min
    for said in sorted(deliveries, key=lambda d: d.sequence):
        turns[said.delivery] = said.business_date
        if said.sequence:
            latest = max(latest, said.business_date)
            if said.mode is Mode.DELTA:
                turns[said.delivery] = latest
    return sorted(deliveries, key=lambda d: (turns[d.delivery], d.sequence, d.delivery))
