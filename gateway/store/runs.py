"""Runs: one row each, with a state; a scheduled slot runs once."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from gateway.redact import redacted
from gateway.store import tables as t
from gateway.store.ledger import GATEWAY, Tx, inserted_id, now, record_act, record_event

#: Of a run's detail, what is a number.
_COUNTS = ("sent", "done", "later", "refused", "holds")


@dataclass(frozen=True, kw_only=True)
class RunRow:
    """A run as the ledger knows it."""

    id: int
    kind: str
    actor: str
    today: date
    state: str
    started_at: datetime
    ended_at: datetime | None
    detail: dict[str, Any]


def start(tx: Tx, *, kind: str, actor: str, today: date, slot: str | None = None) -> int | None:
    """The new run's id; None where the slot has been taken already.

    A slot whose run a crash cut short is given once more. Call under the site's lock, after `close_orphans`.
    """
    if slot is not None and slot_state(tx, slot) == "interrupted":
        slot = f"{slot} again"
    if slot is not None and slot_state(tx, slot) is not None:
        return None
    values = {"kind": kind, "actor": actor, "today": today, "slot": slot, "started_at": now()}
    run = inserted_id(tx.execute(sa.insert(t.runs).values(**values, state="running", detail={})))
    record_act(tx, actor=actor, act="run.start", run=run, kind=kind, today=today.isoformat(), slot=slot)
    return run


def end(tx: Tx, run: int, state: str, detail: dict[str, Any]) -> None:
    """Closes a run: done, failed, held or later."""
    record_event(tx, "run.end", run=run, state=state, **{name: detail[name] for name in _COUNTS if name in detail})
    told = redacted(detail)
    tx.execute(sa.update(t.runs).where(t.runs.c.id == run).values(state=state, ended_at=now(), detail=told))


def close_orphans(tx: Tx) -> None:
    """Runs that a crash left «running» are marked; their work is repeated from what is committed."""
    c = t.runs.c
    for run in tx.execute(sa.select(c.id).where(c.state == "running")).scalars().all():
        record_act(tx, actor=GATEWAY, act="run.interrupted", run=run)
    tx.execute(sa.update(t.runs).where(c.state == "running").values(state="interrupted", ended_at=now()))


def kind(tx: Tx, run: int) -> str:
    """What a run was started for."""
    return str(tx.execute(sa.select(t.runs.c.kind).where(t.runs.c.id == run)).scalar_one())


def slot_state(tx: Tx, slot: str) -> str | None:
    """The state of the run that took the slot; None where it is free."""
    return tx.execute(sa.select(t.runs.c.state).where(t.runs.c.slot == slot)).scalar_one_or_none()


def kind_of(tx: Tx, run: int) -> str | None:
    """What kind of run it was; None where there was none of that number."""
    return tx.execute(sa.select(t.runs.c.kind).where(t.runs.c.id == run)).scalar_one_or_none()


def last_verified(tx: Tx) -> RunRow | None:
    """The newest run that compared the ledger with the platform to its end."""
    c = t.runs.c
    columns = (c.id, c.kind, c.actor, c.today, c.state, c.started_at, c.ended_at, c.detail)
    newest = sa.select(*columns).where(c.kind == "verify", c.state.in_(["done", "held"])).order_by(c.id.desc())
    row = tx.execute(newest.limit(1)).first()
    return RunRow(**row._mapping) if row else None


def started(tx: Tx, numbers: Collection[int]) -> dict[int, datetime]:
    """When these runs started (UTC)."""
    c = t.runs.c
    query = sa.select(c.id, c.started_at).where(c.id.in_(list(numbers)))
    return {row.id: row.started_at for row in tx.execute(query)}


def recent(tx: Tx, limit: int) -> list[RunRow]:
    """The newest runs, newest first."""
    c = t.runs.c
    columns = (c.id, c.kind, c.actor, c.today, c.state, c.started_at, c.ended_at, c.detail)
    rows = tx.execute(sa.select(*columns).order_by(c.id.desc()).limit(limit))
    return [RunRow(**row._mapping) for row in rows]
