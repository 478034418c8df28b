"""The outbox: changes on their way to the platform, and the messages that carry them.

A change is queued, sending (named by a message), then done or refused; one that was never sent is superseded by a
newer one. A message is written, sealed, before it leaves: after a crash it is repeated under its msgid.

Where a function takes `people` (person keys), it reads and writes of these people only; None means everybody.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import polars as pl
import sqlalchemy as sa

from gateway.model.frames import LISTS
from gateway.store import tables as t
from gateway.store.dialect import among, insert_frame, listed, read_frame, update_by_id, upsert_from
from gateway.store.ledger import Tx, now
from gateway.store.people import of_people

K = TypeVar("K")

#: `LISTS` with the change's id, how often it was tried, and what the last answer said.
QUEUE = pl.Schema([("id", pl.Int64()), *LISTS.items(), ("attempts", pl.Int64()), ("result", pl.Int64())])


@dataclass(frozen=True, kw_only=True)
class Message:
    """One upload request at rest."""

    msgid: str
    infno: str
    sealed_input: bytes
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class Opening:
    """A message that is about to leave under a drawn number, with its changes in the order of their seq."""

    msgid: str
    infno: str
    sealed_input: bytes
    items: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Answered:
    """What the platform said to a message: (state, result, the seqs of which it was said).

    «done» confirms the list, «queued» waits until `next_try`, as does an item without answer; «refused» is final.
    """

    msgid: str
    results: Sequence[tuple[str, int, Sequence[int]]]
    infcode: str
    next_try: datetime


#: What the index of waiting changes is of: a query that says so, in these words, reads only them.
_UNDER_WAY = sa.text("changes.state IN ('queued', 'sending')")
_PEOPLE = pl.Schema({"person_key": pl.Int64, "use": pl.String})


def replace_queue(tx: Tx, wanted: pl.DataFrame, run: int, *, people: pl.Series | None = None) -> tuple[int, int]:
    """Queues what is to be sent. A queued change that is no longer wanted is superseded; people with a change in
    flight wait for its outcome. (queued anew, superseded).

    `wanted`: `LISTS` of everybody, or of `people`, of whom it is then all that is wanted.
    """
    c = t.changes.c
    # The sum keeps a planner from the index by person, which leads through all that was ever sent.
    person = c.person_key + 0
    waiting = read_frame(tx, of_people(tx, _queue().where(c.state == "queued", _UNDER_WAY), person, people), QUEUE)
    sending = sa.select(c.person_key, c.use).where(c.state == "sending", _UNDER_WAY)
    flying = read_frame(tx, of_people(tx, sending, person, people), _PEOPLE)
    key = LISTS.names()
    stale = waiting.join(wanted, on=key, how="anti")
    update_by_id(tx, t.changes, stale["id"].to_list(), state="superseded", settled_at=now())
    fresh = wanted.join(waiting, on=key, how="anti").join(flying, on=["person_key", "use"], how="anti")
    # In the order of the indexes: they grow at their end, now and when the platform confirms.
    rows = fresh.select(key).sort("person_key", "use")
    insert_frame(tx, t.changes, rows.with_columns(state=pl.lit("queued"), run_id=pl.lit(run, pl.Int64)))
    return fresh.height, stale.height


def under_way(tx: Tx, state: str | None = None) -> pl.Series:
    """Person keys with a change that is queued or in flight, or in this one state."""
    c = t.changes.c
    query = sa.select(c.person_key).where(_UNDER_WAY)
    query = query.where(c.state == state) if state else query
    return read_frame(tx, query, pl.Schema({"person_key": pl.Int64})).unique()["person_key"]


def _queue() -> sa.Select[Any]:
    c = t.changes.c
    return sa.select(c.id, c.person_key, c.use, c.records, c.attempts, c.result)


def due(tx: Tx, at: datetime) -> pl.DataFrame:
    """`QUEUE` rows that may be sent now."""
    c = t.changes.c
    ready = sa.or_(c.next_try.is_(None), c.next_try <= at)
    # Sorted here: to read in the order of ids, the database would walk through all that was ever sent.
    return read_frame(tx, _queue().where(c.state == "queued", _UNDER_WAY, ready), QUEUE).sort("id")


def refused_lists(tx: Tx, since: datetime, *, people: pl.Series | None = None) -> pl.DataFrame:
    """`LISTS` refused for good after `since` as the newest word on a person and use: not sent again as they are.

    `since` is when the roster in force arrived: another roster may have mended what was refused.
    """
    c = t.changes.c
    query = sa.select(c.person_key, c.use, c.records).where(_refused_last(), c.settled_at >= since)
    return read_frame(tx, of_people(tx, query, c.person_key, people), LISTS)


def _refused_last() -> sa.ColumnElement[bool]:
    """A final refusal after which the platform said nothing more on the person and use."""
    c, later = t.changes.c, t.changes.alias("later")
    newer = sa.select(later.c.id).where(
        later.c.person_key == c.person_key,
        later.c.use == c.use,
        later.c.id > c.id,
        later.c.state.in_(["done", "refused"]),
    )
    return sa.and_(c.state == "refused", ~newer.exists())


def refused_now(tx: Tx) -> pl.DataFrame:
    """person_key, use, result where the newest word of the platform on a person and use is a final refusal."""
    c = t.changes.c
    query = sa.select(c.person_key, c.use, c.result).where(_refused_last())
    return read_frame(tx, query, pl.Schema({"person_key": pl.Int64, "use": pl.String, "result": pl.Int64}))


def draw_messages(tx: Tx, numbers: Sequence[str]) -> None:
    """Keeps drawn message numbers. Raises StoreFault where one was drawn before."""
    row = {"infno": "", "sealed_input": b"", "state": "drawn", "created_at": now()}
    tx.execute(sa.insert(t.messages).values([{"msgid": number, **row} for number in numbers]))


def open_wave(tx: Tx, wave: Sequence[Opening]) -> None:
    """Drawn messages get their inputs and their changes, which are in flight from here on."""
    m, c = t.messages.c, t.changes.c
    inputs = {"infno": sa.bindparam("b_infno"), "sealed_input": sa.bindparam("b_input"), "state": "open"}
    tx.execute(
        sa.update(t.messages).where(m.msgid == sa.bindparam("b_msgid")).values(inputs),
        [{"b_msgid": one.msgid, "b_infno": one.infno, "b_input": one.sealed_input} for one in wave],
    )
    items = listed(
        tx,
        id=[change for one in wave for change in one.items],
        seq=[seq for one in wave for seq in range(1, len(one.items) + 1)],
        msgid=[one.msgid for one in wave for _change in one.items],
    )
    flight = {"state": "sending", "msgid": items.c.msgid, "seq": items.c.seq, "attempts": c.attempts + 1}
    tx.execute(sa.update(t.changes).where(c.id == items.c.id).values(flight))


def open_messages(tx: Tx) -> list[Message]:
    """Messages whose outcome is not known, oldest first."""
    m = t.messages.c
    query = sa.select(m.msgid, m.infno, m.sealed_input, m.created_at).where(m.state == "open").order_by(m.msgid)
    return [Message(**row._mapping) for row in tx.execute(query)]


def last_msgid(tx: Tx, prefix: str) -> str | None:
    """The highest msgid drawn with this prefix."""
    m = t.messages.c.msgid
    return tx.execute(sa.select(sa.func.max(m)).where(m.startswith(prefix))).scalar_one_or_none()


def settle_wave(tx: Tx, answers: Sequence[Answered]) -> None:
    """Takes the messages' changes out of flight, by what was answered; accepted lists are confirmed.

    Messages of which the same was said share a statement: mostly all of a wave.
    """
    c, at = t.changes.c, now()
    flying = sa.update(t.changes).where(c.state == "sending")
    said = _together(
        ((state, result, one.next_try if state == "queued" else None, tuple(numbers)), one.msgid)
        for one in answers
        for state, result, numbers in one.results
    )
    for (state, result, until, numbers), msgids in said.items():
        items = flying.where(c.msgid.in_(msgids), among(tx, c.seq, numbers))
        tx.execute(items.values(state=state, result=result, next_try=until, settled_at=at))
    for until, msgids in _together((one.next_try, one.msgid) for one in answers).items():
        rest = flying.where(c.msgid.in_(msgids))
        tx.execute(rest.values(state="queued", result=None, next_try=until, settled_at=at))
    _confirm(tx, [one.msgid for one in answers], at)
    for infcode, msgids in _together((one.infcode, one.msgid) for one in answers).items():
        # The input is needed only as long as it may have to be repeated.
        closed = {"state": "answered", "answered_at": at, "infcode": infcode, "sealed_input": b""}
        tx.execute(sa.update(t.messages).where(t.messages.c.msgid.in_(msgids)).values(closed))


def _together(said: Iterable[tuple[K, str]]) -> dict[K, list[str]]:
    """Message numbers by what was said of them."""
    groups: dict[K, list[str]] = {}
    for key, msgid in said:
        groups.setdefault(key, []).append(msgid)
    return groups


def _confirm(tx: Tx, msgids: Sequence[str], at: datetime) -> None:
    """What the platform accepted of the messages is what it holds now."""
    c = t.changes.c
    lists = sa.select(c.person_key, c.use, c.records, sa.literal("receipt"), c.id, sa.literal(at))
    columns = ["person_key", "use", "records", "origin", "change_id", "confirmed_at"]
    upsert_from(tx, t.confirmed, columns, lists.where(c.msgid.in_(msgids), c.state == "done"))


def counts(tx: Tx) -> dict[str, int]:
    """Changes by state."""
    c = t.changes.c
    return {row[0]: row[1] for row in tx.execute(sa.select(c.state, sa.func.count()).group_by(c.state))}


def sent_by_run(tx: Tx, run: int) -> pl.DataFrame:
    """`LISTS` with their state that a run queued."""
    c = t.changes.c
    query = sa.select(c.person_key, c.use, c.records, c.state).where(c.run_id == run)
    return read_frame(tx, query, pl.Schema([*LISTS.items(), ("state", pl.String())]))


def changes_of(tx: Tx, person: int) -> list[dict[str, Any]]:
    """Every change of a person, oldest first."""
    c = t.changes.c
    return [dict(row._mapping) for row in tx.execute(sa.select(t.changes).where(c.person_key == person).order_by(c.id))]
