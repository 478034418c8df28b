"""What is believed of people: recognitions with history, departures, adopted records, confirmed lists."""

from typing import Any

import polars as pl
import sqlalchemy as sa

from gateway.model.frames import DEPARTURES, LISTS, RECOGNITIONS, TIMELINES
from gateway.store import tables as t
from gateway.store.dialect import insert_frame, read_frame, update_by_id
from gateway.store.ledger import Tx, now


def recognitions(tx: Tx, *, person: int | None = None) -> pl.DataFrame:
    """`RECOGNITIONS` that are believed now, with their `id`."""
    c = t.recognitions.c
    query = sa.select(c.id, *(c[name] for name in RECOGNITIONS)).where(c.known_to.is_(None))
    if person is not None:
        query = query.where(c.person_key == person)
    return read_frame(tx, query, pl.Schema([("id", pl.Int64()), *RECOGNITIONS.items()]))


def replace_recognitions(tx: Tx, believed: pl.DataFrame, run: int) -> tuple[int, int]:
    """Writes what changed: new rows are known from this run, rows no longer believed until it. (added, ended)."""
    before = recognitions(tx)
    key = RECOGNITIONS.names()
    ended = before.join(believed, on=key, how="anti", nulls_equal=True)
    added = believed.join(before, on=key, how="anti", nulls_equal=True)
    update_by_id(tx, t.recognitions, ended["id"].to_list(), known_to=run)
    insert_frame(tx, t.recognitions, added.select(key).with_columns(known_from=pl.lit(run, pl.Int64)))
    return added.height, ended.height


def history(tx: Tx, person: int) -> list[dict[str, Any]]:
    """Every recognition of a person that was ever believed, oldest first."""
    c = t.recognitions.c
    return [
        dict(row._mapping) for row in tx.execute(sa.select(t.recognitions).where(c.person_key == person).order_by(c.id))
    ]


def replace_departures(tx: Tx, departures: pl.DataFrame) -> None:
    """Writes what changed among the departures of all applied lists."""
    c = t.departures.c
    schema = pl.Schema([("id", pl.Int64()), *DEPARTURES.items()])
    before = read_frame(tx, sa.select(c.id, *(c[name] for name in DEPARTURES)), schema)
    key = DEPARTURES.names()
    gone = before.join(departures, on=key, how="anti")["id"].to_list()
    for at in range(0, len(gone), 500):
        tx.execute(sa.delete(t.departures).where(c.id.in_(gone[at : at + 500])))
    insert_frame(tx, t.departures, departures.join(before, on=key, how="anti").select(key))


def departures_of(tx: Tx, person: int) -> list[dict[str, Any]]:
    """A person's departures, oldest first."""
    c = t.departures.c
    return [
        dict(row._mapping) for row in tx.execute(sa.select(t.departures).where(c.person_key == person).order_by(c.id))
    ]


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


def adopted(tx: Tx) -> pl.DataFrame:
    """`TIMELINES` of records that others wrote before our first upload."""
    c = t.adopted.c
    return read_frame(tx, sa.select(*(c[name] for name in TIMELINES)), TIMELINES)


def adopt(tx: Tx, standing: pl.DataFrame) -> None:
    """Keeps what others wrote on the platform: `TIMELINES` rows of people not uploaded by us before."""
    insert_frame(tx, t.adopted, standing.select(TIMELINES.names()))


def confirmed(tx: Tx) -> pl.DataFrame:
    """`LISTS` that the platform last confirmed, with `origin`."""
    c = t.confirmed.c
    return read_frame(
        tx, sa.select(c.person_key, c.use, c.records, c.origin), pl.Schema([*LISTS.items(), ("origin", pl.String())])
    )


def confirm_readback(tx: Tx, seen: pl.DataFrame) -> None:
    """`LISTS` that L202 showed for people who have no confirmed state yet."""
    if seen.height:
        insert_frame(
            tx, t.confirmed,
            seen.select(LISTS.names()).with_columns(origin=pl.lit("readback"), confirmed_at=pl.lit(now())),
        )  # fmt: skip


def confirmed_of(tx: Tx, person: int) -> list[dict[str, Any]]:
    """What the platform confirmed of a person, per use."""
    c = t.confirmed.c
    return [
        dict(row._mapping) for row in tx.execute(sa.select(t.confirmed).where(c.person_key == person).order_by(c.use))
    ]
