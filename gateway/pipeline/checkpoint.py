"""How far settling has come: the state after an instance's deliveries, so that the next one need not fold them anew.

It is used only where it fits: the roster, the rules and what people decided are the same, and the deliveries up to it,
in their order, are those that it was folded from. It is never the truth: without it everything is derived anew, and
comes to the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from gateway.settings import LimitSettings
from gateway.settle import State, Turn
from gateway.site import Site
from gateway.vault.sm import sm3_hex

#: Of the whole site: what the last settlement worked with.
SITE = ""
#: What reconcile and settle come to for the same rows. Another number, and everything is derived anew.
RULES = 2


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The state after an instance's applied deliveries."""

    #: (delivery, scopes for which it speaks), in their order.
    turns: list[list[Any]]  # JSON
    #: What else the state rests on: `terms`.
    terms: list[Any]  # JSON
    #: Sealed frames: recognitions, source_ids, doubts, known.
    files: Mapping[str, str]

    def fits(self, order: Sequence[Turn], terms: Sequence[Any]) -> bool:
        """Whether a fold of these deliveries may go on from here."""
        return self.turns == places(order)[: len(self.turns)] and self.terms == list(terms)

    def state(self, site: Site) -> State:
        """The state. Raises SealBroken."""
        frames = [site.read_frame(self.files[name]) for name in ("recognitions", "source_ids")]
        return State(recognitions=frames[0], source_ids=frames[1])

    def known(self, site: Site) -> pl.DataFrame:
        """`reconcile.KNOWN` of the applied deliveries."""
        return site.read_frame(self.files["known"])

    def doubts(self, site: Site) -> pl.DataFrame:
        """`DOUBTS` of the deliveries in force, and of others where a source's number may settle them."""
        return site.read_frame(self.files["doubts"])


def places(order: Sequence[Turn]) -> list[list[Any]]:
    """Deliveries in their order, as JSON has them."""
    return [[turn.delivery, list(turn.scopes)] for turn in order]


def terms(
    site: Site, limits: LimitSettings, order: Sequence[Turn], decided: Mapping[tuple[int, str], str]
) -> list[Any]:
    """What else the state after these deliveries rests on: limits, decisions about departures, how long identities
    last. A hold that nobody decided is no decision."""
    known = {turn.delivery for turn in order}
    said = sorted([d, scope, word] for (d, scope), word in decided.items() if d in known and word != "held")
    months = sorted([code.identity, code.months] for code in site.policy.codes if code.months)
    return [limits.share, limits.number, said, months]


def detail(order: Sequence[Turn], rests_on: Sequence[Any], files: Mapping[str, str]) -> dict[str, Any]:  # JSON
    """A checkpoint as the ledger has it."""
    return {"turns": places(order), "terms": list(rests_on), "files": dict(files)}


def sealed(site: Site, state: State) -> dict[str, str]:
    """The names of the state's frames, sealed."""
    return {
        "recognitions": site.write_frame(state.recognitions),
        "source_ids": site.write_frame(state.source_ids),
    }


def site_terms(site: Site, *, roster: str, verdicts: str) -> dict[str, Any]:  # JSON
    """What the last settlement of the whole site worked with."""
    policy = sm3_hex(repr((site.policy, site.settings.site.flags_from)).encode())
    return {"rules": RULES, "roster": roster, "verdicts": verdicts, "policy": policy}
