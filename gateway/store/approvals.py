"""Approvals of holds: who let which set through. Nothing is deleted: one whose set changed is void, and stays."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from gateway.store import tables as t
from gateway.store.ledger import Tx, now


@dataclass(frozen=True, kw_only=True)
class ApprovalRow:
    """One person's approval."""

    hold_id: int
    #: `model.holds.set_digest` of what was approved.
    digest: str
    actor: str
    at: datetime
    note: str
    #: When the set had changed.
    void_at: datetime | None


def add(tx: Tx, hold: int, digest: str, *, actor: str, note: str) -> None:
    """Writes an approval down, one of a hold at a time: of two at once the later sees the earlier, or fails."""
    tx.execute(sa.update(t.holds).where(t.holds.c.id == hold).values(state=t.holds.c.state))
    tx.execute(sa.insert(t.approvals).values(hold_id=hold, digest=digest, actor=actor, at=now(), note=note))


def of_hold(tx: Tx, hold: int) -> list[ApprovalRow]:
    """Every approval of a hold, oldest first, void ones too."""
    c = t.approvals.c
    query = sa.select(*(c[name] for name in ApprovalRow.__dataclass_fields__)).where(c.hold_id == hold)
    return [ApprovalRow(**row._mapping) for row in tx.execute(query.order_by(c.id))]


def void(tx: Tx, hold: int) -> int:
    """The approvals of a hold count no longer. How many did."""
    c = t.approvals.c
    counts = sa.update(t.approvals).where(c.hold_id == hold, c.void_at.is_(None))
    return tx.execute(counts.values(void_at=now())).rowcount
