"""Holds and cases: what waits for a person, and what they said."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from gateway.store import tables as t
from gateway.store.dialect import insert_frame, read_frame, update_by_id
from gateway.store.ledger import Tx, now


@dataclass(frozen=True, kw_only=True)
class HoldRow:
    """Departures of one list and scope that wait for a person, or waited."""

    id: int
    delivery_id: int
    instance: str
    name: str
    business_date: date
    scope: str
    state: str
    leaving: int
    holding: int
    opened_at: datetime
    opened_by: str
    decided_at: datetime | None
    decided_by: str | None
    note: str


def holds(tx: Tx, *, state: str | None = None) -> list[HoldRow]:
    """Holds, oldest first."""
    h, d = t.holds.c, t.deliveries.c
    fields = (
        "id",
        "delivery_id",
        "scope",
        "state",
        "leaving",
        "holding",
        "opened_at",
        "opened_by",
        "decided_at",
        "decided_by",
        "note",
    )
    query = (
        sa.select(*(h[f] for f in fields), d.instance, d.name, d.business_date)
        .join_from(t.holds, t.deliveries, h.delivery_id == d.id)
        .order_by(h.id)
    )
    if state:
        query = query.where(h.state == state)
    return [HoldRow(**row._mapping) for row in tx.execute(query)]


def decided(tx: Tx) -> dict[tuple[int, str], str]:
    """(delivery, scope) -> released | cancelled, as people decided; held where they have not yet."""
    words = {"released": "released", "cancelled": "cancelled", "open": "held"}
    return {(h.delivery_id, h.scope): words[h.state] for h in holds(tx) if h.state in words}


def keep_holds(tx: Tx, breaches: Sequence[tuple[int, str, int, int]], actor: str) -> int:
    """Opens a hold for each breach (delivery, scope, leaving, holding) that has none; those that no longer breach
    are void. How many are open."""
    known = {(h.delivery_id, h.scope): h for h in holds(tx)}
    for delivery, scope, leaving, holding in breaches:
        values = {"leaving": leaving, "holding": holding}
        before = known.pop((delivery, scope), None)
        if before is None:
            tx.execute(
                sa.insert(t.holds).values(
                    delivery_id=delivery,
                    scope=scope,
                    state="open",
                    opened_at=now(),
                    opened_by=actor,
                    **values,
                )
            )
        elif before.state in ("open", "void"):
            tx.execute(sa.update(t.holds).where(t.holds.c.id == before.id).values(state="open", **values))
    for hold in known.values():
        if hold.state == "open":
            tx.execute(sa.update(t.holds).where(t.holds.c.id == hold.id).values(state="void"))
    return len(holds(tx, state="open"))


def decide_hold(tx: Tx, hold: int, state: str, *, actor: str, note: str) -> None:
    """Writes a person's decision on a hold: released or cancelled."""
    values = {"state": state, "decided_at": now(), "decided_by": actor, "note": note}
    tx.execute(sa.update(t.holds).where(t.holds.c.id == hold).values(**values))


#: Columns of a case that a run opens.
CASES = pl.Schema(
    {
        "subject": pl.String,
        "instance": pl.String,
        "code": pl.String,
        "delivery_id": pl.Int64,
        "row": pl.Int64,
        "person_key": pl.Int64,
    }
)


def keep_cases(tx: Tx, found: pl.DataFrame, prefix: str) -> tuple[int, int]:
    """Opens cases for new subjects, reopens closed ones, closes those of `prefix` that are no more. (opened, closed).

    `found`: `CASES`, one row per subject.
    """
    c = t.cases.c
    schema = pl.Schema({"id": pl.Int64, "subject": pl.String, "state": pl.String, "code": pl.String})
    query = sa.select(c.id, c.subject, c.state, c.code).where(c.subject.startswith(prefix))
    known = read_frame(tx, query, schema)
    again = known.filter(pl.col("state") == "closed").join(found, on="subject", how="semi")
    update_by_id(tx, t.cases, again["id"].to_list(), state="open", closed_at=None)
    over = known.filter(pl.col("state") == "open").join(found, on="subject", how="anti")
    update_by_id(tx, t.cases, over["id"].to_list(), state="closed", closed_at=now())
    new = open_cases(tx, found)
    return new + again.height, over.height


def open_cases(tx: Tx, found: pl.DataFrame) -> int:
    """Opens a case for each of the `CASES` whose subject has none yet. How many."""
    c = t.cases.c
    known = read_frame(tx, sa.select(c.subject), pl.Schema({"subject": pl.String}))
    new = found.join(known, on="subject", how="anti").select(CASES.names())
    insert_frame(tx, t.cases, new.with_columns(state=pl.lit("open"), opened_at=pl.lit(now())))
    return new.height


def cases(tx: Tx, *, state: str | None = "open", instance: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """Cases, oldest first."""
    c = t.cases.c
    query = sa.select(t.cases, t.deliveries.c.name.label("delivery")).outerjoin(
        t.deliveries, t.deliveries.c.id == c.delivery_id
    )
    if state:
        query = query.where(c.state == state)
    if instance:
        query = query.where(c.instance == instance)
    return [dict(row._mapping) for row in tx.execute(query.order_by(c.id).limit(limit))]


def case(tx: Tx, number: int) -> dict[str, Any] | None:
    """One case; None where there is none of that number."""
    row = tx.execute(sa.select(t.cases).where(t.cases.c.id == number)).first()
    return dict(row._mapping) if row else None


def cases_of(tx: Tx, person: int) -> list[dict[str, Any]]:
    """A person's open cases, oldest first."""
    c = t.cases.c
    query = sa.select(t.cases).where(c.person_key == person, c.state == "open").order_by(c.id)
    return [dict(row._mapping) for row in tx.execute(query)]


def case_counts(tx: Tx) -> list[tuple[str, str, int]]:
    """Open cases as (instance, code, count)."""
    c = t.cases.c
    query = (
        sa.select(c.instance, c.code, sa.func.count()).where(c.state == "open").group_by(c.instance, c.code)
    ).order_by(c.instance, c.code)
    return [(row[0], row[1], row[2]) for row in tx.execute(query)]
