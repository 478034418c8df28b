"""What stood at a past time, where the table itself only says what stands now: departures, cases, read-backs.

Whoever changes one of these keeps here, in the same transaction, what it was before. Times are UTC without zone. What
changed before a ledger kept its past is not known: it counts as having stood since ever.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from gateway.store import tables as t
from gateway.store.dialect import among
from gateway.store.ledger import Tx, now


def end_departures(tx: Tx, numbers: list[int]) -> None:
    """Keeps these departures, which are about to be deleted."""
    c = t.departures.c
    names = [column.name for column in t.past_departures.c if column.name not in ("id", "until")]
    rows = sa.select(*(c[name] for name in names), sa.literal(now(), sa.DateTime)).where(among(tx, c.id, numbers))
    if numbers:
        tx.execute(sa.insert(t.past_departures).from_select([*names, "until"], rows))


def remember_cases(tx: Tx) -> None:
    """Keeps whom each case is about that is not closed, and how it stands, where that changed."""
    c, p = t.cases.c, t.case_states.c
    same = sa.and_(p.case_id == c.id, p.person_key == c.person_key, p.state == c.state)
    over = ~sa.exists().where(same, c.state != "closed")
    tx.execute(sa.update(t.case_states).where(p.until.is_(None), over).values(until=now()))
    known = sa.exists().where(same, p.until.is_(None))
    fresh = sa.select(c.id, c.person_key, c.state, sa.literal(now(), sa.DateTime))
    fresh = fresh.where(c.person_key.is_not(None), c.state != "closed", ~known)
    tx.execute(sa.insert(t.case_states).from_select(["case_id", "person_key", "state", "since"], fresh))


def last_settled(tx: Tx, at: datetime) -> int:
    """The newest run that had settled by then; 0 where none had."""
    c = t.runs.c
    return tx.execute(sa.select(sa.func.max(c.id)).where(c.settled_at <= at)).scalar_one() or 0


def departures_of(tx: Tx, person: int, at: datetime) -> list[dict[str, Any]]:
    """A person's departures as they stood then, in the order of the lists."""
    columns = [column.name for column in t.past_departures.c if column.name not in ("id", "since", "until")]
    found = []
    for table, ended in ((t.departures, sa.true()), (t.past_departures, t.past_departures.c.until > at)):
        c = table.c
        since = sa.func.coalesce(c.since, at) <= at
        query = sa.select(*(c[name] for name in columns)).where(c.person_key == person, since, ended)
        found += [dict(row._mapping) for row in tx.execute(query)]
    return sorted(found, key=lambda row: (row["last"], row["delivery"], row["identity"]))


def cases_of(tx: Tx, person: int, at: datetime) -> list[tuple[int, str]]:
    """(number, code) of the cases about a person that were open or put off then."""
    c, p = t.cases.c, t.case_states.c
    query = sa.select(c.id, c.code).join_from(t.case_states, t.cases, p.case_id == c.id)
    stood = sa.and_(sa.func.coalesce(p.since, at) <= at, sa.func.coalesce(p.until, datetime.max) > at)
    query = query.where(p.person_key == person, stood).order_by(c.id)
    return [(row.id, row.code) for row in tx.execute(query)]


def confirmed_of(tx: Tx, person: int, at: datetime) -> list[dict[str, Any]]:
    """What the platform had confirmed of a person by then: of each use the newest receipt or read-back."""
    c, r = t.changes.c, t.readbacks.c
    accepted = sa.select(c.use, c.settled_at.label("at"), sa.literal("receipt").label("origin"), t.lists.c.records)
    accepted = accepted.join_from(t.changes, t.lists, c.list_id == t.lists.c.id)
    accepted = accepted.where(c.person_key == person, sa.text(f"changes.{t.OVER}"), c.state == "done")
    seen = sa.select(r.use, r.at, sa.literal("readback").label("origin"), t.lists.c.records)
    seen = seen.join_from(t.readbacks, t.lists, r.list_id == t.lists.c.id).where(r.person_key == person)
    newest: dict[str, dict[str, Any]] = {}
    queries = (seen.where(r.at <= at).order_by(r.id), accepted.where(c.settled_at <= at).order_by(c.settled_at))
    for row in sorted((row for query in queries for row in tx.execute(query)), key=lambda row: row.at):
        newest[row.use] = {**row._mapping, "confirmed_at": row.at}
    return [newest[use] for use in sorted(newest)]
