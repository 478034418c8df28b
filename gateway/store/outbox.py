"""The outbox: changes on their way to the platform, and the messages that carry them.

A change is queued, sending (named by a message), then done or refused; one that was never sent is superseded by a
newer one. A message is written, sealed, before it leaves: after a crash it is repeated under its msgid.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from gateway.model.frames import LISTS
from gateway.store import tables as t
from gateway.store.dialect import insert_frame, read_frame, update_by_id, upsert_from
from gateway.store.ledger import Tx, now

#: `LISTS` with the change's id, how often it was tried, and what the last answer said.
QUEUE = pl.Schema([("id", pl.Int64()), *LISTS.items(), ("attempts", pl.Int64()), ("result", pl.Int64())])


@dataclass(frozen=True, kw_only=True)
class Message:
    """One upload request at rest."""

    msgid: str
    infno: str
    sealed_input: bytes
    created_at: datetime


def replace_queue(tx: Tx, wanted: pl.DataFrame, run: int) -> tuple[int, int]:
    """Queues what is to be sent. A queued change that is no longer wanted is superseded; people with a change in
    flight wait for its outcome. (queued anew, superseded)."""
    c = t.changes.c
    waiting = read_frame(tx, _queue().where(c.state == "queued"), QUEUE)
    flying = read_frame(tx, sa.select(c.person_key, c.use).where(c.state == "sending"), _PEOPLE)
    key = LISTS.names()
    stale = waiting.join(wanted, on=key, how="anti")
    update_by_id(tx, t.changes, stale["id"].to_list(), state="superseded", settled_at=now())
    fresh = wanted.join(waiting, on=key, how="anti").join(flying, on=["person_key", "use"], how="anti")
    insert_frame(tx, t.changes, fresh.select(key).with_columns(state=pl.lit("queued"), run_id=pl.lit(run, pl.Int64)))
    return fresh.height, stale.height


_PEOPLE = pl.Schema({"person_key": pl.Int64, "use": pl.String})


def _queue() -> sa.Select[Any]:
    c = t.changes.c
    return sa.select(c.id, c.person_key, c.use, c.records, c.attempts, c.result)


def due(tx: Tx, at: datetime) -> pl.DataFrame:
    """`QUEUE` rows that may be sent now."""
    c = t.changes.c
    query = _queue().where(c.state == "queued", sa.or_(c.next_try.is_(None), c.next_try <= at)).order_by(c.id)
    return read_frame(tx, query, QUEUE)


def refused_lists(tx: Tx, since: datetime) -> pl.DataFrame:
    """`LISTS` refused for good after `since` as the newest word on a person and use: not sent again as they are.

    `since` is when the roster in force arrived: another roster may have mended what was refused.
    """
    c = t.changes.c
    newest = sa.select(sa.func.max(c.id)).where(c.state.in_(["done", "refused"])).group_by(c.person_key, c.use)
    query = sa.select(c.person_key, c.use, c.records).where(
        c.id.in_(newest), c.state == "refused", c.settled_at >= since
    )
    return read_frame(tx, query, LISTS)


def refused_now(tx: Tx) -> pl.DataFrame:
    """person_key, use, result where the newest word of the platform on a person and use is a final refusal."""
    c = t.changes.c
    newest = sa.select(sa.func.max(c.id)).where(c.state.in_(["done", "refused"])).group_by(c.person_key, c.use)
    query = sa.select(c.person_key, c.use, c.result).where(c.id.in_(newest), c.state == "refused")
    return read_frame(tx, query, pl.Schema({"person_key": pl.Int64, "use": pl.String, "result": pl.Int64}))


def draw_messages(tx: Tx, numbers: Sequence[str]) -> None:
    """Keeps drawn message numbers. Raises StoreFault where one was drawn before."""
    row = {"infno": "", "sealed_input": b"", "state": "drawn", "created_at": now()}
    tx.execute(sa.insert(t.messages), [{"msgid": number, **row} for number in numbers])


def open_message(tx: Tx, *, msgid: str, infno: str, sealed_input: bytes, items: Sequence[int]) -> None:
    """A drawn message gets its input and its changes in their order; they are in flight from here on."""
    values = {"infno": infno, "sealed_input": sealed_input, "state": "open"}
    tx.execute(sa.update(t.messages).where(t.messages.c.msgid == msgid).values(**values))
    c = t.changes.c
    rows = [{"b_id": change, "b_seq": seq, "b_msgid": msgid} for seq, change in enumerate(items, start=1)]
    tx.execute(
        sa.update(t.changes)
        .where(c.id == sa.bindparam("b_id"))
        .values(state="sending", msgid=sa.bindparam("b_msgid"), seq=sa.bindparam("b_seq"), attempts=c.attempts + 1),
        rows,
    )


def open_messages(tx: Tx) -> list[Message]:
    """Messages whose outcome is not known, oldest first."""
    m = t.messages.c
    query = sa.select(m.msgid, m.infno, m.sealed_input, m.created_at).where(m.state == "open").order_by(m.msgid)
    return [Message(**row._mapping) for row in tx.execute(query)]


def last_msgid(tx: Tx, prefix: str) -> str | None:
    """The highest msgid drawn with this prefix."""
    m = t.messages.c.msgid
    return tx.execute(sa.select(sa.func.max(m)).where(m.startswith(prefix))).scalar_one_or_none()


def settle_message(
    tx: Tx, msgid: str, results: Sequence[tuple[int, str, int]], *, infcode: str, next_try: datetime
) -> None:
    """Per item (seq, state, result). «done» confirms the list, «queued» waits until `next_try`, «refused» is final."""
    at = now()
    groups: dict[tuple[str, int], list[int]] = {}
    for seq, state, result in results:
        groups.setdefault((state, result), []).append(seq)
    for (state, result), numbers in groups.items():
        _settle(tx, msgid, numbers, state, result, at=at, next_try=next_try)
    _settle(tx, msgid, None, "queued", None, at=at, next_try=next_try)
    _confirm(tx, msgid, at)
    # The input is needed only as long as it may have to be repeated.
    tx.execute(
        sa.update(t.messages)
        .where(t.messages.c.msgid == msgid)
        .values(state="answered", answered_at=at, infcode=infcode, sealed_input=b"")
    )


def _settle(
    tx: Tx, msgid: str, numbers: list[int] | None, state: str, result: int | None, *, at: datetime, next_try: datetime
) -> None:
    """The message's changes with these numbers, or all that have no answer, leave the flight."""
    c = t.changes.c
    flying = sa.update(t.changes).where(c.msgid == msgid, c.state == "sending")
    if numbers is not None:
        flying = flying.where(c.seq.in_(numbers))
    tx.execute(
        flying.values(state=state, result=result, next_try=next_try if state == "queued" else None, settled_at=at)
    )


def _confirm(tx: Tx, msgid: str, at: datetime) -> None:
    """What the platform accepted of the message is what it holds now."""
    c = t.changes.c
    lists = sa.select(c.person_key, c.use, c.records, sa.literal("receipt"), c.id, sa.literal(at))
    columns = ["person_key", "use", "records", "origin", "change_id", "confirmed_at"]
    upsert_from(tx, t.confirmed, columns, lists.where(c.msgid == msgid, c.state == "done"))


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
