"""Grants of roles: asked for by one, approved by another, revoked. Nothing is deleted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from gateway.model.roles import Grant, Role
from gateway.store import tables as t
from gateway.store.ledger import Tx, inserted_id, now


@dataclass(frozen=True, kw_only=True)
class GrantRow:
    """A grant and what became of it. Times are UTC."""

    id: int
    person: str
    role: Role
    #: Six digits; "" = all.
    county: str
    #: "" = all.
    instance: str
    first: date
    last: date | None
    #: asked | granted | rejected | revoked
    state: str
    asked_by: str
    asked_at: datetime
    note: str
    #: Who approved or rejected it; None while it waits.
    decided_by: str | None
    decided_at: datetime | None
    decided_note: str
    revoked_by: str | None
    revoked_at: datetime | None
    revoked_note: str

    @property
    def grant(self) -> Grant:
        """What it gives once it is approved."""
        names = ("person", "role", "county", "instance", "first", "last")
        return Grant(**{name: getattr(self, name) for name in names})


def ask(tx: Tx, grant: Grant, *, actor: str, note: str) -> int:
    """Writes down what is asked for; its number."""
    values = {**vars(grant), "role": grant.role.value, "state": "asked", "asked_at": now(), "asked_by": actor}
    return inserted_id(tx.execute(sa.insert(t.grants).values(**values, note=note)))


def decide(tx: Tx, number: int, state: str, *, actor: str, note: str) -> None:
    """The answer: granted or rejected."""
    values = {"state": state, "decided_at": now(), "decided_by": actor, "decided_note": note}
    tx.execute(sa.update(t.grants).where(t.grants.c.id == number).values(**values))


def revoke(tx: Tx, number: int, *, actor: str, note: str) -> None:
    """It counts no longer."""
    values = {"state": "revoked", "revoked_at": now(), "revoked_by": actor, "revoked_note": note}
    tx.execute(sa.update(t.grants).where(t.grants.c.id == number).values(**values))


def of_person(tx: Tx, person: str, *, lock: bool = False) -> list[GrantRow]:
    """What somebody was granted and still has, whatever its days. With `lock`, of two transactions that look at once
    the later fails, or sees what the earlier wrote."""
    if lock:
        tx.execute(sa.update(t.grants).where(t.grants.c.person == person).values(state=t.grants.c.state))
    return _rows(tx, t.grants.c.person == person, t.grants.c.state == "granted")


def listed(tx: Tx, states: Sequence[str] = ()) -> list[GrantRow]:
    """All grants in these states (none named = every one there ever was), oldest first."""
    return _rows(tx, *([t.grants.c.state.in_(states)] if states else []))


def get(tx: Tx, number: int) -> GrantRow | None:
    """One of them; None where there is none of that number."""
    return next(iter(_rows(tx, t.grants.c.id == number)), None)


def _rows(tx: Tx, *where: sa.ColumnElement[bool]) -> list[GrantRow]:
    query = sa.select(t.grants).where(*where).order_by(t.grants.c.id)
    return [GrantRow(**{**row._mapping, "role": Role(row.role)}) for row in tx.execute(query)]
