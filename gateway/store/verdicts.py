"""What people decided about cases. Nothing is deleted: a decision is undone, and both stay."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl
import sqlalchemy as sa

from gateway.model.verdicts import Verdict
from gateway.store import tables as t
from gateway.store.ledger import Tx, inserted_id, now


@dataclass(frozen=True, kw_only=True)
class VerdictRow:
    """One decision."""

    id: int
    case_id: int
    #: 63-bit keyed digest of who the row says it is.
    digest: int
    #: `model.verdicts.WHO` as sealed JSON.
    sealed_claim: bytes
    verdict: str
    #: same: whom the row is about; different: whom it is not about.
    person_key: int | None
    #: Whom the row is not about.
    excluded: Sequence[int]
    #: later: the day on which the case is open again.
    until: date | None
    actor: str
    at: datetime
    note: str
    undone_at: datetime | None
    undone_by: str | None


def add(
    tx: Tx,
    *,
    case: int,
    digest: int,
    sealed_claim: bytes,
    verdict: Verdict,
    person: int | None,
    excluded: Sequence[int],
    until: date | None,
    actor: str,
    note: str,
) -> int:
    """Writes a decision; its number."""
    values = {
        "case_id": case,
        "digest": digest,
        "sealed_claim": sealed_claim,
        "verdict": verdict.value,
        "person_key": person,
        "excluded": list(excluded),
        "until": until,
        "actor": actor,
        "at": now(),
        "note": note,
    }
    return inserted_id(tx.execute(sa.insert(t.verdicts).values(**values)))


def of_case(tx: Tx, case: int) -> list[VerdictRow]:
    """Every decision about a case, oldest first, those undone too."""
    return _rows(tx, t.verdicts.c.case_id == case)


def in_force(tx: Tx) -> list[VerdictRow]:
    """Every decision about whom rows mean that was not undone, oldest first."""
    c = t.verdicts.c
    return _rows(tx, c.undone_at.is_(None), c.verdict != Verdict.LATER.value)


def first_of_claims(tx: Tx) -> dict[int, int]:
    """Digest of who a row says it is -> the first decision about it, those undone too: its number stays whatever the
    digest comes to be."""
    c = t.verdicts.c
    return {int(row[0]): int(row[1]) for row in tx.execute(sa.select(c.digest, sa.func.min(c.id)).group_by(c.digest))}


def serial(tx: Tx) -> str:
    """Another text whenever another set of decisions is in force."""
    c = t.verdicts.c
    query = sa.select(sa.func.max(c.id), sa.func.count()).where(c.undone_at.is_(None), c.verdict != Verdict.LATER.value)
    newest, number = tx.execute(query).one()
    return f"{newest or 0}/{number}"


def taken_back(tx: Tx) -> pl.Series:
    """Person keys of those about whom a decision that was undone had said that a row means somebody else, or nobody."""
    c = t.verdicts.c
    query = sa.select(c.excluded, t.cases.c.person_key).join_from(t.verdicts, t.cases, t.cases.c.id == c.case_id)
    rows = tx.execute(query.where(c.undone_at.is_not(None), c.verdict != Verdict.LATER.value))
    keys = {key for row in rows for key in (*row.excluded, row.person_key) if key is not None}
    return pl.Series("person_key", sorted(keys), pl.Int64)


def undo(tx: Tx, number: int, *, actor: str) -> None:
    """A decision holds no longer."""
    tx.execute(sa.update(t.verdicts).where(t.verdicts.c.id == number).values(undone_at=now(), undone_by=actor))


def _rows(tx: Tx, *which: sa.ColumnElement[bool]) -> list[VerdictRow]:
    query = sa.select(t.verdicts).where(*which).order_by(t.verdicts.c.id)
    return [VerdictRow(**row._mapping) for row in tx.execute(query)]
