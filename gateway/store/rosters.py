"""Roster versions: which sealed buckets hold the insured people, and since when."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from gateway.store import tables as t
from gateway.store.ledger import Tx, now, record_event


@dataclass(frozen=True, kw_only=True)
class RosterVersion:
    """One pulled roster."""

    id: int
    digest: str
    people: int
    #: Sealed files, one per bucket, in the buckets' order.
    files: list[str]
    pulled_on: date
    #: When this content first arrived (UTC).
    pulled_at: datetime
    #: Sealed file of `FORMER`; None = nobody.
    former: str | None


def newest(tx: Tx) -> RosterVersion | None:
    """The roster in force; None before the first pull."""
    c = t.rosters.c
    row = tx.execute(
        sa.select(c.id, c.digest, c.people, c.files, c.pulled_on, c.pulled_at, c.former).order_by(c.id.desc()).limit(1)
    ).first()
    return RosterVersion(**row._mapping) if row else None


def add(
    tx: Tx, *, digest: str, people: int, files: list[str], pulled_on: date, former: str | None = None
) -> None:  # fmt: skip
    """A newly pulled roster; older versions are forgotten, their files are swept."""
    tx.execute(sa.delete(t.rosters))
    values: dict[str, Any] = {"digest": digest, "people": people, "files": files, "pulled_on": pulled_on}
    values["former"] = former
    tx.execute(sa.insert(t.rosters).values(**values, pulled_at=now()))
    record_event(tx, "roster.taken", digest=digest, people=people)


def touch(tx: Tx, version: int, pulled_on: date) -> None:
    """The same roster was pulled again on another day."""
    tx.execute(sa.update(t.rosters).where(t.rosters.c.id == version).values(pulled_on=pulled_on))
    record_event(tx, "roster.unchanged")
