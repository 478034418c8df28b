"""The outbox: changes on their way to the platform, and the messages that carry them.

A change is queued, sending (named by a message), then done or refused; one that was never sent is superseded by a
newer one. A message is written, sealed, before it leaves: after a crash it is repeated under its msgid.

Where a function takes `people` (person keys), it reads and writes of these people only; None means everybody.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import polars as pl
import sqlalchemy as sa

from gateway.model.frames import LISTS
from gateway.store import audit
from gateway.store import tables as t
from gateway.store.dialect import among, insert_frame, listed, read_frame, update_by_id, upsert_from
from gateway.store.ledger import Tx, now, record_event
from gateway.store.lists import NUMBERED, numbered, spelled
from gateway.store.people import of_people

K = TypeVar("K")

_LAST = [("attempts", pl.Int64()), ("result", pl.Int64()), ("msgid", pl.String())]
#: `LISTS` with the change's id, how often it was tried, what the last answer said, and to which message.
QUEUE = pl.Schema([("id", pl.Int64()), *LISTS.items(), *_LAST])
#: A change on its way, or refused for good: `LISTS` with all that became of it. Times are UTC.
ITEMS = pl.Schema(
    [
        *QUEUE.items(),
        ("state", pl.String()),
        ("next_try", pl.Datetime("us")),
        ("settled_at", pl.Datetime("us")),
        ("run_id", pl.Int64()),
    ]
)


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

    «done» confirms the list; «queued» waits, as does an item without answer; «refused» is final.
    """

    msgid: str
    results: Sequence[tuple[str, int, Sequence[int]]]
    infcode: str
    #: When what must wait is tried again, after its first attempt, its second, and so on. After one attempt more than
    #: there are times it is refused.
    next_tries: Sequence[datetime]


@dataclass(frozen=True, kw_only=True)
class Pause:
    """Since when nothing is sent, and by whose word."""

    #: UTC.
    at: datetime
    actor: str
    note: str


_UNDER_WAY, _OVER = sa.text(f"changes.{t.UNDER_WAY}"), sa.text(f"changes.{t.OVER}")
_PEOPLE = pl.Schema({"person_key": pl.Int64, "use": pl.String})
_WAITING = pl.Schema([("id", pl.Int64()), *NUMBERED.items(), *_LAST])
#: The acts that stop and start sending; the newest of them counts.
PAUSE, RESUME = "outbox.pause", "outbox.resume"


def replace_queue(tx: Tx, wanted: pl.DataFrame, run: int, *, people: pl.Series | None = None) -> tuple[int, int]:
    """Queues what is to be sent. A queued change that is no longer wanted is superseded; people with a change in
    flight wait for its outcome. (queued anew, superseded).

    `wanted`: `LISTS` of everybody, or of `people`, of whom it is then all that is wanted.
    """
    c = t.changes.c
    # The sum keeps a planner from the index by person, which leads through all that was ever sent.
    person = c.person_key + 0
    waiting = read_frame(tx, of_people(tx, _queue().where(c.state == "queued", _UNDER_WAY), person, people), _WAITING)
    sending = sa.select(c.person_key, c.use).where(c.state == "sending", _UNDER_WAY)
    flying = read_frame(tx, of_people(tx, sending, person, people), _PEOPLE)
    wanted = numbered(tx, wanted)
    key = NUMBERED.names()
    stale = waiting.join(wanted, on=key, how="anti")
    update_by_id(tx, t.changes, stale["id"].to_list(), state="superseded", settled_at=now())
    fresh = wanted.join(waiting, on=key, how="anti").join(flying, on=["person_key", "use"], how="anti")
    # In the order of the indexes: they grow at their end, now and when the platform confirms.
    fresh = fresh.select(key).sort("person_key", "use")
    with audit.digesting(fresh) as digest:
        insert_frame(tx, t.changes, fresh, state="queued", run_id=run)
        if fresh.height or stale.height:
            record_event(tx, "changes.queued", queued=fresh.height, superseded=stale.height, digest=digest())
    return fresh.height, stale.height


def under_way(tx: Tx, state: str | None = None) -> pl.Series:
    """Person keys with a change that is queued or in flight, or in this one state."""
    c = t.changes.c
    query = sa.select(c.person_key).where(_UNDER_WAY)
    query = query.where(c.state == state) if state else query
    return read_frame(tx, query, pl.Schema({"person_key": pl.Int64})).unique()["person_key"]


def _queue() -> sa.Select[Any]:
    c = t.changes.c
    return sa.select(c.id, c.person_key, c.use, c.list_id, c.attempts, c.result, c.msgid)


def due(tx: Tx, at: datetime, *, people: pl.Series | None = None) -> pl.DataFrame:
    """`QUEUE` rows that may be sent now."""
    c = t.changes.c
    ready = sa.or_(c.next_try.is_(None), c.next_try <= at)
    waiting = _queue().where(c.state == "queued", _UNDER_WAY, ready)
    # Sorted here: to read in the order of ids, the database would walk through all that was ever sent.
    queue = read_frame(tx, of_people(tx, waiting, c.person_key, people), _WAITING).sort("id")
    return spelled(tx, queue).select(QUEUE.names())


def refused_lists(tx: Tx, since: datetime, *, people: pl.Series | None = None) -> pl.DataFrame:
    """`LISTS` refused for good after `since` as the newest word on a person and use: not sent again as they are.

    `since` is when the roster in force arrived: another roster may have mended what was refused.
    """
    c = t.changes.c
    query = sa.select(c.person_key, c.use, c.list_id).where(_refused_last(), c.settled_at >= since)
    return spelled(tx, read_frame(tx, of_people(tx, query, c.person_key, people), NUMBERED)).select(LISTS.names())


def _refused_last() -> sa.ColumnElement[bool]:
    """A final refusal after which the platform said nothing more on the person and use."""
    c, later = t.changes.c, t.changes.alias("later")
    newer = sa.select(later.c.id).where(
        later.c.person_key == c.person_key,
        later.c.use == c.use,
        later.c.id > c.id,
        later.c.state.in_(["done", "refused"]),
        sa.text(f"later.{t.OVER}"),
    )
    return sa.and_(sa.text(f"changes.{t.REFUSED}"), ~newer.exists())


def refused_now(tx: Tx) -> pl.DataFrame:
    """person_key, use, result where the newest word of the platform on a person and use is a final refusal."""
    c = t.changes.c
    query = sa.select(c.person_key, c.use, c.result).where(_refused_last())
    return read_frame(tx, query, pl.Schema({"person_key": pl.Int64, "use": pl.String, "result": pl.Int64}))


def items(tx: Tx, state: str) -> pl.DataFrame:
    """`ITEMS` that are queued, sending, or refused as the newest word on a person and use; oldest first."""
    c = t.changes.c
    which = _refused_last() if state == "refused" else sa.and_(c.state == state, _UNDER_WAY)
    more = [name for name in ITEMS if name not in QUEUE]
    found = read_frame(tx, _queue().add_columns(*(c[name] for name in more)).where(which), _ITEMS).sort("id")
    return spelled(tx, found).select(ITEMS.names())


_ITEMS = pl.Schema([*_WAITING.items(), *((name, kind) for name, kind in ITEMS.items() if name not in QUEUE)])


def change(tx: Tx, number: int) -> dict[str, Any] | None:
    """One change with its list; None where there is none of that number."""
    query = sa.select(*t.changes.c, t.lists.c.records).select_from(t.changes.join(t.lists))
    row = tx.execute(query.where(t.changes.c.id == number)).first()
    return dict(row._mapping) if row else None


def supersede(tx: Tx, changes: Sequence[int]) -> None:
    """These changes, queued or refused, are not sent as they are."""
    update_by_id(tx, t.changes, list(changes), state="superseded", settled_at=now())


def requeue(tx: Tx, refused: Sequence[int]) -> None:
    """These refused changes are queued anew, but for those behind which another one waits or is in flight."""
    c, other = t.changes.c, t.changes.alias("other")
    same = (other.c.person_key == c.person_key, other.c.use == c.use)
    waits = sa.select(other.c.id).where(*same, sa.text(f"other.{t.UNDER_WAY}")).exists()
    fresh = {"state": "queued", "attempts": 0, "next_try": None, "result": None}
    tx.execute(sa.update(t.changes).where(among(tx, c.id, refused), ~waits).values(fresh))


def hasten(tx: Tx, changes: Sequence[int]) -> None:
    """These queued changes are due now."""
    update_by_id(tx, t.changes, list(changes), next_try=None)


def paused(tx: Tx) -> Pause | None:
    """The pause in force; None where sending goes on."""
    c = t.acts.c
    query = sa.select(c.act, c.at, c.actor, c.detail).where(c.act.in_([PAUSE, RESUME])).order_by(c.id.desc()).limit(1)
    row = tx.execute(query).first()
    return Pause(at=row.at, actor=row.actor, note=row.detail["note"]) if row and row.act == PAUSE else None


def draw_messages(tx: Tx, numbers: Sequence[str]) -> None:
    """Keeps drawn message numbers. Raises StoreFault where one was drawn before."""
    row = {"infno": "", "sealed_input": b"", "state": "drawn", "created_at": now()}
    tx.execute(sa.insert(t.messages), [{"msgid": number, **row} for number in numbers])


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
    if wave:
        ends = {"first": wave[0].msgid, "last": wave[-1].msgid}
        record_event(tx, "messages.sent", messages=len(wave), changes=sum(len(one.items) for one in wave), **ends)
    flight = {"state": "sending", "msgid": items.c.msgid, "seq": items.c.seq, "attempts": c.attempts + 1}
    tx.execute(sa.update(t.changes).where(c.id == items.c.id).values(flight))


def open_messages(tx: Tx) -> list[Message]:
    """Messages whose outcome is not known, oldest first."""
    m = t.messages.c
    query = sa.select(m.msgid, m.infno, m.sealed_input, m.created_at).where(m.state == "open").order_by(m.msgid)
    return [Message(**row._mapping) for row in tx.execute(query)]


def flying(tx: Tx, msgids: Sequence[str]) -> pl.DataFrame:
    """msgid, seq and `LISTS` of the changes that are in flight in these messages."""
    c = t.changes.c
    query = sa.select(c.msgid, c.seq, c.person_key, c.use, c.list_id)
    query = query.where(c.msgid.in_(msgids), c.state == "sending", _UNDER_WAY)
    schema = pl.Schema([("msgid", pl.String()), ("seq", pl.Int64()), *NUMBERED.items()])
    return spelled(tx, read_frame(tx, query, schema)).select("msgid", "seq", *LISTS)


def last_msgid(tx: Tx, prefix: str) -> str | None:
    """The highest msgid drawn with this prefix."""
    m = t.messages.c.msgid
    return tx.execute(sa.select(sa.func.max(m)).where(m.startswith(prefix))).scalar_one_or_none()


def settle_wave(tx: Tx, answers: Sequence[Answered]) -> None:
    """Takes the messages' changes out of flight, by what was answered; accepted lists are confirmed.

    Messages of which the same was said share a statement: mostly all of a wave.
    """
    c, at = t.changes.c, now()
    if answers:
        counts: Counter[str] = Counter()
        for answer in answers:
            for state, result, numbers in answer.results:
                counts[f"{state} {result}"] += len(numbers)
        record_event(tx, "messages.answered", messages=len(answers), first=answers[0].msgid, results=dict(counts))
    flying = sa.update(t.changes).where(c.state == "sending")
    said = _together(
        ((state, result, tuple(one.next_tries) if state == "queued" else (), tuple(numbers)), one.msgid)
        for one in answers
        for state, result, numbers in one.results
    )
    for (state, result, tries, numbers), msgids in said.items():
        items = flying.where(c.msgid.in_(msgids), among(tx, c.seq, numbers))
        now_is = _again(tries) if state == "queued" else {"state": state, "next_try": None}
        tx.execute(items.values(**now_is, result=result, settled_at=at))
    for tries, msgids in _together((tuple(one.next_tries), one.msgid) for one in answers).items():
        rest = flying.where(c.msgid.in_(msgids))
        tx.execute(rest.values(**_again(tries), result=None, settled_at=at))
    _confirm(tx, [one.msgid for one in answers], at)
    for infcode, msgids in _together((one.infcode, one.msgid) for one in answers).items():
        _close(tx, msgids, infcode, at)


def _again(tries: Sequence[datetime]) -> dict[str, Any]:
    """Waits longer after each attempt; after the last it is refused."""
    attempts = t.changes.c.attempts
    times = {number: sa.literal(until) for number, until in enumerate(tries, 1)}
    return {
        "state": sa.case((attempts <= len(tries), "queued"), else_="refused"),
        "next_try": sa.case(times, value=attempts, else_=sa.null()) if times else sa.null(),
    }


def put_back(tx: Tx, msgids: Sequence[str], *, result: int | None, infcode: str) -> None:
    """Takes all changes of these messages out of flight, as if they had not been sent: they are due at once."""
    c, at = t.changes.c, now()
    record_event(tx, "messages.put_back", messages=len(msgids), first=msgids[0], infcode=infcode)
    back = {"state": "queued", "result": result, "next_try": None, "attempts": c.attempts - 1, "settled_at": at}
    tx.execute(sa.update(t.changes).where(c.state == "sending", c.msgid.in_(msgids)).values(back))
    _close(tx, msgids, infcode, at)


def _close(tx: Tx, msgids: Sequence[str], infcode: str, at: datetime) -> None:
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
    lists = sa.select(c.person_key, c.use, c.list_id, sa.literal("receipt"), c.id, sa.literal(at))
    columns = ["person_key", "use", "list_id", "origin", "change_id", "confirmed_at"]
    upsert_from(tx, t.confirmed, columns, lists.where(c.msgid.in_(msgids), c.state == "done"))


def counts(tx: Tx) -> dict[str, int]:
    """Changes by state."""
    c = t.changes.c
    return {row[0]: row[1] for row in tx.execute(sa.select(c.state, sa.func.count()).group_by(c.state))}


def before_run(tx: Tx, run: int) -> pl.DataFrame:
    """What a run's accepted changes replaced, where they are still the platform's newest word: person_key, use, list_id
    (what stands), instead_id (what stood before: the newest of our lists and of what was read back, else nothing), kept
    (whether a person has kept since what others wrote beside them)."""
    c, other, f, r = t.changes.c, t.changes.alias("other"), t.confirmed.c, t.readbacks.c
    mine = sa.select(c.id, c.person_key, c.use, f.list_id, c.settled_at, c.list_id.label("sent_id"))
    mine = mine.where(c.run_id == run, c.state == "done", _OVER)
    stands = mine.join_from(t.changes, t.confirmed, sa.and_(f.person_key == c.person_key, f.use == c.use))
    now_is = read_frame(tx, stands.where(f.change_id == c.id), pl.Schema([*_CHANGED.items(), ("sent_id", pl.Int64())]))
    people = now_is["person_key"].unique().to_list()
    before = sa.select(other.c.id, other.c.person_key, other.c.use, other.c.list_id, other.c.settled_at)
    before = before.where(among(tx, other.c.person_key, people), other.c.state == "done", sa.text(f"other.{t.OVER}"))
    read = sa.select(r.id, r.person_key, r.use, r.list_id, r.at).where(among(tx, r.person_key, people))
    key = ["person_key", "use"]
    stood = pl.concat([read_frame(tx, query, _CHANGED) for query in (before, read)])
    earlier = stood.join(now_is.select(*key, at_now="at"), on=key).filter(pl.col("at") < pl.col("at_now"))
    known = earlier.sort("at", maintain_order=True).unique(key, keep="last", maintain_order=True)
    known = known.select(*key, instead_id="list_id")
    nothing = int(numbered(tx, pl.DataFrame({"records": [""]}))["list_id"].item())
    both = now_is.join(known, on=key, how="left").with_columns(pl.col("instead_id").fill_null(nothing))
    kept = pl.col("list_id") != pl.col("sent_id")
    return both.filter(pl.col("list_id") != pl.col("instead_id")).select(*key, "list_id", "instead_id", kept=kept)


_CHANGED = pl.Schema([("id", pl.Int64()), *NUMBERED.items(), ("at", pl.Datetime("us"))])


def sent_by_run(tx: Tx, run: int) -> pl.DataFrame:
    """`LISTS` with their state that a run queued."""
    c = t.changes.c
    query = sa.select(c.person_key, c.use, c.list_id, c.state).where(c.run_id == run)
    sent = read_frame(tx, query, pl.Schema([*NUMBERED.items(), ("state", pl.String())]))
    return spelled(tx, sent).select(*LISTS, "state")


def changes_of(tx: Tx, person: int) -> list[dict[str, Any]]:
    """Every change of a person, oldest first."""
    c, records = t.changes.c, t.lists.c.records
    of_person = sa.select(*c, records).select_from(t.changes.join(t.lists)).where(c.person_key == person)
    # One at a time: a query that asks for both finds neither index.
    rows = [row._mapping for part in (_UNDER_WAY, _OVER) for row in tx.execute(of_person.where(part))]
    return [dict(row) for row in sorted(rows, key=lambda row: int(row["id"]))]
