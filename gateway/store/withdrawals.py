"""Withdrawals: queued changes that a person cancelled, and pushed runs that two people undid.

Each names lists of people and uses that must not be sent, and, of an undo, what is to stand in their place. It holds
for a person and use as long as that very list is what should be sent; once something else should, it is over for good.

Where a function takes `people` (person keys), it reads of these people only; None means everybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from gateway.model.frames import PersonKey
from gateway.store import tables as t
from gateway.store.dialect import among, insert_frame, read_frame, update_by_id
from gateway.store.ledger import Tx, inserted_id, now
from gateway.store.lists import spelled
from gateway.store.people import of_people

#: What is withdrawn and holds: the list that must not be sent, and what is to stand instead (null = whatever stands).
IN_FORCE = pl.Schema(
    {"id": pl.Int64, "person_key": PersonKey, "use": pl.String, "records": pl.String, "instead": pl.String}
)
_ROWS = pl.Schema({"id": pl.Int64, "person_key": PersonKey, "use": pl.String, "list_id": pl.Int64, "instead": pl.Int64})
#: What a withdrawal is made of: numbers of texts, as the ledger has them.
ITEMS = pl.Schema({"person_key": PersonKey, "use": pl.String, "list_id": pl.Int64, "instead_id": pl.Int64})


@dataclass(frozen=True, kw_only=True)
class WithdrawalRow:
    """One withdrawal; an undo waits for a second person first."""

    id: int
    #: cancel | undo
    kind: str
    run_id: int | None
    #: open | released | rejected
    state: str
    asked_at: datetime
    asked_by: str
    note: str
    decided_at: datetime | None
    decided_by: str | None
    decided_note: str
    #: Lists in it, and those of them that hold still.
    lists: int
    in_force: int


def add(tx: Tx, items: pl.DataFrame, *, kind: str, run: int | None, actor: str, note: str) -> int:
    """Writes down a withdrawal of these `ITEMS`; its number. A cancellation counts at once, an undo once released."""
    values = {"kind": kind, "run_id": run, "asked_at": now(), "asked_by": actor, "note": note}
    state = "released" if kind == "cancel" else "open"
    queued = kind == "cancel"
    row = sa.insert(t.withdrawals).values(**values, state=state, queued=queued)
    number = inserted_id(tx.execute(row))
    insert_frame(tx, t.withdrawn, items.select(ITEMS.names()).sort("person_key", "use"), withdrawal_id=number)
    return number


def decide(tx: Tx, number: int, state: str, *, actor: str, note: str, queued: bool) -> None:
    """Released: its lists are withdrawn from now on. Rejected: they are not, or no longer. `queued`: nothing changes by
    it for anybody."""
    c = t.withdrawals.c
    values = {"state": state, "decided_at": now(), "decided_by": actor, "decided_note": note, "queued": queued}
    tx.execute(sa.update(t.withdrawals).where(c.id == number).values(**values))


def listed(tx: Tx, *, number: int | None = None, state: str | None = None) -> list[WithdrawalRow]:
    """Withdrawals, oldest first."""
    w, i = t.withdrawals.c, t.withdrawn.c
    names = [name for name in WithdrawalRow.__dataclass_fields__ if name not in ("lists", "in_force")]
    lists = sa.func.count(i.id).label("lists")
    in_force = (lists - sa.func.count(i.ended_at)).label("in_force")
    query = sa.select(*(w[name] for name in names), lists, in_force).select_from(t.withdrawals.outerjoin(t.withdrawn))
    query = query.where(w.id == number) if number is not None else query
    query = query.where(w.state == state) if state else query
    return [WithdrawalRow(**row._mapping) for row in tx.execute(query.group_by(*t.withdrawals.c).order_by(w.id))]


def in_force(tx: Tx, *, people: pl.Series | None = None) -> pl.DataFrame:
    """`IN_FORCE`: what was withdrawn and holds."""
    return _read(tx, t.withdrawals.c.state == "released", people)


def of(tx: Tx, number: int) -> pl.DataFrame:
    """`IN_FORCE` of one withdrawal, whether it was decided or not."""
    return _read(tx, t.withdrawals.c.id == number, None)


def of_list(tx: Tx, person: int, use: str) -> list[WithdrawalRow]:
    """The withdrawals in force of a person and use."""
    i = t.withdrawn.c
    numbers = sa.select(i.withdrawal_id).where(i.person_key == person, i.use == use, i.ended_at.is_(None))
    return [row for number in tx.execute(numbers).scalars() for row in listed(tx, number=number, state="released")]


def _read(tx: Tx, which: sa.ColumnElement[bool], people: pl.Series | None) -> pl.DataFrame:
    i = t.withdrawn.c
    query = sa.select(i.id, i.person_key, i.use, i.list_id, i.instead_id).join_from(t.withdrawn, t.withdrawals)
    rows = read_frame(tx, of_people(tx, query.where(which, i.ended_at.is_(None)), i.person_key, people), _ROWS)
    said = spelled(tx, rows).drop("list_id").rename({"instead": "list_id"})
    instead = spelled(tx, said.select("list_id").drop_nulls().unique()).rename({"records": "instead"})
    return said.join(instead, on="list_id", how="left").select(IN_FORCE.names())


def waiting(tx: Tx) -> pl.Series:
    """Person keys of released or taken back undos whose changes are not in the queue yet."""
    w, i = t.withdrawals.c, t.withdrawn.c
    query = sa.select(i.person_key).join_from(t.withdrawn, t.withdrawals).where(w.state != "open", ~w.queued)
    return read_frame(tx, query, pl.Schema({"person_key": PersonKey})).unique()["person_key"]


def queued(tx: Tx) -> None:
    """Everybody in a decided withdrawal was looked at. Call, as `decide`, under the site's lock."""
    w = t.withdrawals.c
    tx.execute(sa.update(t.withdrawals).where(w.state != "open", ~w.queued).values(queued=True))


def give_back(tx: Tx, items: Sequence[int]) -> None:
    """These withdrawn lists may be sent again, and their people are looked at until `queued`."""
    w, i = t.withdrawals.c, t.withdrawn.c
    theirs = sa.select(i.withdrawal_id).where(among(tx, i.id, items))
    tx.execute(sa.update(t.withdrawals).where(w.id.in_(theirs)).values(queued=False))
    end(tx, items)


def end(tx: Tx, items: Sequence[int]) -> None:
    """These withdrawn lists may be sent again, if they are wanted."""
    update_by_id(tx, t.withdrawn, list(items), ended_at=now())
