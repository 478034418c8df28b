"""What is believed of people: recognitions with history, departures, adopted records, confirmed lists.

Where a function takes `people` (person keys), it reads and writes of these people only; None means everybody.
"""

from collections.abc import Sequence
from typing import Any

import polars as pl
import sqlalchemy as sa

from gateway.model.frames import DEPARTURES, LISTS, RECOGNITIONS, TIMELINES
from gateway.store import audit, past
from gateway.store import tables as t
from gateway.store.dialect import (
    among,
    delete_by_id,
    insert_alike,
    insert_frame,
    listed,
    read_frame,
    update_by_id,
    upsert_from,
)
from gateway.store.ledger import Tx, now, record_event
from gateway.store.lists import NUMBERED, numbered, spelled


def recognitions(tx: Tx, *, person: int | None = None, people: pl.Series | None = None) -> pl.DataFrame:
    """`RECOGNITIONS` that are believed now, with their `id`; of one person, of these people, or all."""
    c = t.recognitions.c
    # As an expression: a planner takes «known_to IS NULL» for rare and walks its index, where nearly every row is.
    believed = sa.func.coalesce(c.known_to, 0) == 0
    query = of_people(tx, sa.select(c.id, *(c[name] for name in RECOGNITIONS)).where(believed), c.person_key, people)
    if person is not None:
        query = query.where(c.person_key == person)
    return read_frame(tx, query, pl.Schema([("id", pl.Int64()), *RECOGNITIONS.items()]))


def of_people(tx: Tx, query: sa.Select[Any], column: sa.ColumnElement[Any], people: pl.Series | None) -> sa.Select[Any]:
    """The query, of these people only, in the order of the indexes: so each page of one is read once."""
    return query if people is None else query.where(among(tx, column, people.sort().to_list()))


def replace_recognitions(
    tx: Tx, believed: pl.DataFrame, run: int, *, people: pl.Series | None = None
) -> tuple[int, int]:
    """Writes what changed: new rows are known from this run, rows no longer believed until it. (added, ended).

    `believed`: `RECOGNITIONS` of everybody, or of `people`, of whom it is then the whole truth.
    """
    before = recognitions(tx, people=people)
    key = RECOGNITIONS.names()
    ended = before.join(believed, on=key, how="anti", nulls_equal=True)
    added = believed.join(before, on=key, how="anti", nulls_equal=True).sort("person_key")
    added = added.select(key)
    with audit.digesting(added) as digest:
        update_by_id(tx, t.recognitions, ended["id"].to_list(), known_to=run)
        insert_alike(tx, t.recognitions, added, ["person_key", "row"], known_from=run)
        digests = {"added_digest": digest(), "ended_digest": audit.digest_of(ended.select("id"))}
    record_event(tx, "settled", added=added.height, ended=ended.height, **digests)
    tx.execute(sa.update(t.runs).where(t.runs.c.id == run).values(settled_at=now()))
    return added.height, ended.height


def history(tx: Tx, person: int) -> list[dict[str, Any]]:
    """Every recognition of a person that was ever believed, oldest first."""
    c = t.recognitions.c
    return [
        dict(row._mapping) for row in tx.execute(sa.select(t.recognitions).where(c.person_key == person).order_by(c.id))
    ]


def replace_departures(tx: Tx, departures: pl.DataFrame, *, deliveries: Sequence[int] | None = None) -> None:
    """Writes what changed among the departures of all applied lists, or of these deliveries only."""
    c = t.departures.c
    schema = pl.Schema([("id", pl.Int64()), *DEPARTURES.items()])
    query = sa.select(c.id, *(c[name] for name in DEPARTURES))
    if deliveries is not None:
        query = query.where(among(tx, c.delivery, deliveries))
    before = read_frame(tx, query, schema)
    key = DEPARTURES.names()
    ended = before.join(departures, on=key, how="anti")["id"].to_list()
    past.end_departures(tx, ended)
    delete_by_id(tx, t.departures, ended)
    added = departures.join(before, on=key, how="anti").sort("delivery", "person_key")
    insert_frame(tx, t.departures, added.select(key).with_columns(since=pl.lit(now())))
    if added.height or ended:
        counts = {row[0]: row[1] for row in added.group_by("state").len().sort("state").iter_rows()}
        record_event(tx, "departures", ended=len(ended), added=counts, digest=audit.digest_of(added.select(key)))


def departures_of(tx: Tx, person: int) -> list[dict[str, Any]]:
    """A person's departures, oldest first."""
    c = t.departures.c
    return [
        dict(row._mapping) for row in tx.execute(sa.select(t.departures).where(c.person_key == person).order_by(c.id))
    ]


def departures_in(tx: Tx, delivery: int, scope: str, state: str) -> pl.DataFrame:
    """scope, person_key, identity of one list's departures of a scope in a state."""
    c = t.departures.c
    names = ("scope", "person_key", "identity")
    query = sa.select(*(c[name] for name in names)).where(c.delivery == delivery, c.scope == scope, c.state == state)
    return read_frame(tx, query, pl.Schema({name: DEPARTURES[name] for name in names}))


def departures_at(tx: Tx, deliveries: Sequence[int]) -> pl.DataFrame:
    """delivery, scope, person_key, identity, state of the departures of these lists."""
    c = t.departures.c
    names = ("delivery", "scope", "person_key", "identity", "state")
    query = sa.select(*(c[name] for name in names)).where(among(tx, c.delivery, deliveries))
    return read_frame(tx, query, pl.Schema({name: DEPARTURES[name] for name in names}))


def released(tx: Tx) -> pl.DataFrame:
    """delivery, scope, person_key, identity of departures that took place."""
    c = t.departures.c
    names = ("delivery", "scope", "person_key", "identity")
    schema = pl.Schema({name: DEPARTURES[name] for name in names})
    return read_frame(tx, sa.select(*(c[name] for name in names)).where(c.state == "released"), schema)


def departure_counts(tx: Tx) -> list[tuple[int, str, int]]:
    """People whom applied full lists leave out: (delivery, state, number of people)."""
    c = t.departures.c
    query = sa.select(c.delivery, c.state, sa.func.count(sa.distinct(c.person_key))).group_by(c.delivery, c.state)
    return [(row[0], row[1], row[2]) for row in tx.execute(query.order_by(c.delivery, c.state))]


def adopted(tx: Tx, *, people: pl.Series | None = None) -> pl.DataFrame:
    """`TIMELINES` of records that others wrote before our first upload."""
    c = t.adopted.c
    query = sa.select(*(c[name] for name in TIMELINES))
    return read_frame(tx, of_people(tx, query, c.person_key, people), TIMELINES)


def adopt(tx: Tx, standing: pl.DataFrame) -> None:
    """Keeps what others wrote on the platform: `TIMELINES` rows of people not uploaded by us before."""
    insert_frame(tx, t.adopted, standing.select(TIMELINES.names()).sort("person_key"))
    if standing.height:
        record_event(tx, "platform.adopted", records=standing.height)


def confirmed(tx: Tx, *, people: pl.Series | None = None) -> pl.DataFrame:
    """`LISTS` that the platform last confirmed, with `origin`."""
    c = t.confirmed.c
    query = of_people(tx, sa.select(c.person_key, c.use, c.list_id, c.origin), c.person_key, people)
    found = read_frame(tx, query, pl.Schema([*NUMBERED.items(), ("origin", pl.String())]))
    return spelled(tx, found).select(*LISTS, "origin")


def confirm_readback(tx: Tx, seen: pl.DataFrame) -> None:
    """`LISTS` that L202 showed for people who have no confirmed state yet."""
    rows = numbered(tx, seen.select(LISTS.names())).sort("person_key", "use")
    insert_frame(tx, t.confirmed, rows.with_columns(confirmed_at=pl.lit(now())), origin="readback")
    insert_frame(tx, t.readbacks, rows.with_columns(at=pl.lit(now())))
    if rows.height:
        record_event(tx, "platform.read", lists=rows.height, digest=audit.digest_of(seen.select(LISTS.names())))


def reconfirm(tx: Tx, seen: pl.DataFrame, *, origin: str) -> None:
    """`LISTS` that the platform shows take the place of what it had confirmed; which change it came by stays."""
    if seen.is_empty():
        return
    rows = numbered(tx, seen.select(LISTS.names()))
    told = listed(tx, **{name: rows[name].to_list() for name in NUMBERED})
    # SQLite needs a condition between a query and its ON CONFLICT, to tell it from a join's.
    now_is = sa.select(*(told.c[name] for name in NUMBERED), sa.literal(origin), sa.literal(now())).where(sa.true())
    upsert_from(tx, t.confirmed, [*NUMBERED, "origin", "confirmed_at"], now_is)
    insert_frame(tx, t.readbacks, rows.with_columns(at=pl.lit(now())))
    digest = audit.digest_of(seen.select(LISTS.names()))
    record_event(tx, "platform.read", lists=rows.height, origin=origin, digest=digest)


def readopt(tx: Tx, places: pl.DataFrame, records: pl.DataFrame) -> None:
    """What others wrote of these people and uses (person_key, use) is now `records` (`TIMELINES`), and nothing else."""
    c = t.adopted.c
    for (use,), group in places.group_by("use"):
        people = among(tx, c.person_key, group["person_key"].to_list())
        tx.execute(sa.delete(t.adopted).where(c.use == use, people))
    adopt(tx, records)


def confirmed_of(tx: Tx, person: int) -> list[dict[str, Any]]:
    """What the platform confirmed of a person, per use."""
    c = t.confirmed.c
    query = sa.select(*c, t.lists.c.records).select_from(t.confirmed.join(t.lists)).where(c.person_key == person)
    return [dict(row._mapping) for row in tx.execute(query.order_by(c.use))]
