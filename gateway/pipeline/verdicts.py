"""What people decided, for reconciling: one line per who a row says it is."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import polars as pl

from gateway.model.frames import VERDICTS
from gateway.model.verdicts import WHO, Verdict, who_says
from gateway.site import Site
from gateway.store import verdicts as store
from gateway.store.verdicts import VerdictRow

PURPOSE = "verdict"
_DATES = ("birth_from", "birth_to")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """Who a row says it is, as a decision about it is kept."""

    digest: int
    sealed: bytes


def claim(site: Site, entry: pl.DataFrame, instance: str) -> Claim:
    """Of one entry (one row of `ENTRIES`) of the instance."""
    said = _said(entry, instance)
    sealed = site.keyring.sealer.seal_bytes(json.dumps(said, ensure_ascii=False).encode(), PURPOSE)
    return Claim(digest=_digest(site, said), sealed=sealed)


def claim_digest(site: Site, entry: pl.DataFrame, instance: str) -> int:
    """The digest of `claim` alone: equal where rows say the same of who they are."""
    return _digest(site, _said(entry, instance))


def claim_text(entry: pl.DataFrame, instance: str) -> str:
    """What `claim_digest` is the digest of: a person's number and name in the clear."""
    return _text(_said(entry, instance))


def sealed_text(site: Site, sealed: bytes) -> str:
    """The same of a sealed claim. Raises SealBroken."""
    return _text(json.loads(site.keyring.sealer.open_bytes(sealed, PURPOSE)))


def _said(entry: pl.DataFrame, instance: str) -> dict[str, str | None]:
    who = entry.select(who_says(pl.lit(instance))).row(0, named=True)
    return {name: str(value) if isinstance(value, date) else value for name, value in who.items()}


def _digest(site: Site, said: Mapping[str, str | None]) -> int:
    return site.keyring.person_digest([_text(said)])[0]


def _text(said: Mapping[str, str | None]) -> str:
    return "|".join(said[name] or "" for name in WHO)


def verdicts(site: Site) -> pl.DataFrame:
    """`VERDICTS`: every decision in force; of several about one claim the latest person counts, exclusions add up."""
    return pl.DataFrame([_one(site, same_claim) for same_claim in _by_claim(site).values()], schema=VERDICTS)


def _by_claim(site: Site) -> dict[int, list[VerdictRow]]:
    with site.ledger.begin() as tx:
        rows = store.in_force(tx)
    known: dict[int, list[VerdictRow]] = {}
    for row in rows:
        known.setdefault(row.digest, []).append(row)
    return known


@dataclass(kw_only=True)
class Standing:
    """What several decisions about one claim come to."""

    #: Person key of whom it is about; None = nobody said so.
    same: int | None = None
    nobody: bool = False
    #: Person keys of whom it is not about.
    excluded: set[int] = field(default_factory=set)

    def add(self, row: VerdictRow) -> None:
        """A later decision."""
        self.excluded |= set(row.excluded)
        if row.verdict == Verdict.SAME:
            self.same, self.nobody = row.person_key, False
            self.excluded.discard(row.person_key or 0)
        elif row.verdict == Verdict.NOBODY or self.same in self.excluded:
            self.same, self.nobody = None, row.verdict == Verdict.NOBODY


def standing(site: Site) -> dict[int, Standing]:
    """Digest of a claim -> what the decisions in force about it come to."""
    return {digest: _total(rows) for digest, rows in _by_claim(site).items()}


def _total(rows: Sequence[VerdictRow]) -> Standing:
    total = Standing()
    for row in rows:
        total.add(row)
    return total


def _one(site: Site, rows: Sequence[VerdictRow]) -> dict[str, Any]:  # JSON's values
    total = _total(rows)
    who = json.loads(site.keyring.sealer.open_bytes(rows[-1].sealed_claim, PURPOSE))
    dates = {name: date.fromisoformat(who[name]) if who[name] else None for name in _DATES}
    return {
        **{name: who[name] for name in WHO},
        **dates,
        "same": total.same,
        "excluded": sorted(total.excluded),
        "nobody": total.nobody,
        "case_id": rows[-1].case_id,
    }
