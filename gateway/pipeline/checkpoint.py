"""How far settling has come: the state after an instance's deliveries, so that the next one need not fold them anew.

Each of its frames rests as a whole one and what later settlements changed of it: a delta writes only what it changed.
It is used only where it fits: the roster, the rules and what people decided are the same, and the deliveries up to it,
in their order, are those that it was folded from. It is never the truth: without it everything is derived anew, and
comes to the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from gateway.model.holds import Place
from gateway.pipeline.work import DOUBTS
from gateway.reconcile import KNOWN
from gateway.settings import LimitSettings
from gateway.settle import Turn, nothing
from gateway.site import Site
from gateway.vault.sm import sm3_hex

#: Of the whole site: what the last settlement worked with.
SITE = ""
#: What reconcile and settle come to for the same rows. Another number, and everything is derived anew.
RULES = 9
#: Changes that lie upon a whole frame before it is written anew …
MOST_LAYERS = 8
#: … and the share of its rows that one of them may have.
THIN = 0.1


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The state after an instance's applied deliveries."""

    #: (delivery, scopes for which it speaks), in their order.
    turns: list[list[Any]]  # JSON
    #: What else the state rests on: `terms`.
    terms: list[Any]  # JSON
    #: Sealed frames of recognitions, source_ids, doubts, known: the whole one, then what changed of it, in order.
    files: Mapping[str, Sequence[str]]

    def fits(self, order: Sequence[Turn], terms: Sequence[Any]) -> bool:
        """Whether a fold of these deliveries may go on from here."""
        return self.turns == places(order)[: len(self.turns)] and self.terms == list(terms)

    def recognitions(self, site: Site) -> pl.DataFrame:
        """`State.recognitions`. Raises SealBroken."""
        under, *changed = self._frames(site, "recognitions") or [nothing().recognitions]
        for layer in changed:
            under = laid(under, layer)
        return under

    def source_ids(self, site: Site) -> pl.DataFrame:
        """`State.source_ids`. Raises SealBroken."""
        said = pl.concat([nothing().source_ids, *self._frames(site, "source_ids")])
        return said.unique() if len(self.files["source_ids"]) > 1 else said

    def known(self, site: Site) -> pl.DataFrame:
        """`reconcile.KNOWN` of the applied deliveries. Raises SealBroken."""
        return pl.concat([pl.DataFrame(schema=KNOWN), *self._frames(site, "known")])

    def doubts(self, site: Site) -> pl.DataFrame:
        """`DOUBTS` of the deliveries in force, and of others where a source's number may settle them."""
        return pl.concat([pl.DataFrame(schema=DOUBTS), *self._frames(site, "doubts")])

    def _frames(self, site: Site, name: str) -> list[pl.DataFrame]:
        return [site.read_frame(file) for file in self.files[name]]


def layer(people: pl.Series, recognitions: pl.DataFrame) -> pl.DataFrame:
    """All recognitions of these people, as they lie upon what was before; of whom has none, a row without identity."""
    some = people.unique().to_frame("person_key")
    rows = recognitions.join(some, on="person_key", how="semi", maintain_order="left")
    none = some.join(rows, on="person_key", how="anti")
    return pl.concat([rows, none], how="diagonal")


def laid(recognitions: pl.DataFrame, changed: pl.DataFrame) -> pl.DataFrame:
    """The recognitions, with those of the people of a `layer` in the place of what was theirs."""
    stay = recognitions.join(changed, on="person_key", how="anti", maintain_order="left")
    return pl.concat([stay, changed.filter(pl.col("identity").is_not_null())])


def upon(site: Site, files: Sequence[str], changed: pl.DataFrame, whole: Callable[[], pl.DataFrame]) -> list[str]:
    """The names of a frame's files, with what changed of it sealed, or the whole of it anew."""
    if files and changed.is_empty():
        return list(files)
    if files and len(files) <= MOST_LAYERS:
        return [*files, site.write_frame(changed)]
    return [site.write_frame(whole())]


def places(order: Sequence[Turn]) -> list[list[Any]]:
    """Deliveries in their order, as JSON has them."""
    return [[turn.delivery, list(turn.scopes)] for turn in order]


def terms(
    site: Site, limits: LimitSettings, order: Sequence[Turn], decided: Mapping[Place, str]
) -> list[Any]:
    """What else the state after these deliveries rests on: limits, decisions about departures, how long identities
    last. A hold that nobody decided is no decision."""
    known = {turn.delivery for turn in order}
    said = sorted([*place, word] for place, word in decided.items() if place.delivery in known and word != "held")
    months = sorted([code.identity, code.months] for code in site.policy.codes if code.months)
    numbers = [limits.share, limits.number, limits.identity_share, limits.identity_number]
    return [*numbers, said, months]


def detail(order: Sequence[Turn], rests_on: Sequence[Any], files: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """A checkpoint as the ledger has it."""
    return {"turns": places(order), "terms": list(rests_on), "files": dict(files)}


def site_terms(site: Site, *, roster: str, verdicts: str) -> dict[str, Any]:  # JSON
    """What the last settlement of the whole site worked with."""
    policy = sm3_hex(repr((site.policy, site.settings.site.flags_from)).encode())
    return {"rules": RULES, "roster": roster, "verdicts": verdicts, "policy": policy}
