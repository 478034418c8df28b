"""Takebacks: recognitions that were never true, since their row meant somebody else or nobody.

One row for each recognition that a settlement stopped believing for that reason, with the period for which it was
believed: what several lists repeat is one. One that is believed again, because a decision was undone, is marked.
"""

from dataclasses import dataclass
from datetime import date, datetime

import polars as pl
import sqlalchemy as sa

from gateway.model.frames import RECOGNITIONS, PersonKey
from gateway.store import people
from gateway.store import tables as t
from gateway.store.dialect import insert_frame, read_frame, update_by_id
from gateway.store.ledger import Tx, now, record_event

#: What rows once said of whom they no longer mean, and the case where a person decided so; null = nobody did.
TAKEN_BACK = pl.Schema(
    {"instance": pl.String(), "person_key": PersonKey(), "identity": pl.String(), "case_id": pl.Int64()}
)
_KEY = ["instance", "person_key", "identity"]
_BELIEVED = pl.Schema({name: RECOGNITIONS[name] for name in (*_KEY, "level", "first", "last", "delivery", "row")})


@dataclass(frozen=True, kw_only=True)
class TakebackRow:
    """One recognition that was never true."""

    id: int
    #: The run that found it, and when that was (UTC).
    run_id: int
    found_at: datetime
    instance: str
    person_key: int
    identity: str
    level: str
    #: The period for which it was believed; None = still, when it was found.
    first: date
    last: date | None
    #: The row that said it first.
    delivery: int
    row: int
    #: None where nobody decided: the roster changed.
    case_id: int | None
    #: The run from which on it is believed again.
    restored_run: int | None


def keep(tx: Tx, rows: pl.DataFrame, run: int) -> int:
    """Writes down which recognitions the run took back, and which earlier ones it restored; how many it took back.

    `rows`: `TAKEN_BACK`. Called after `people.replace_recognitions` of the same run: what is still believed in the
    same words, since another row says it too, was not taken back.
    """
    _restore(tx, run)
    if rows.is_empty():
        return 0
    c = t.recognitions.c
    gone = read_frame(tx, sa.select(*(c[name] for name in _BELIEVED)).where(c.known_to == run), _BELIEVED)
    cases = rows.group_by(_KEY).agg(pl.col("case_id").max())
    taken = _not_believed(tx, gone.join(cases, on=_KEY))
    fresh = taken.with_columns(run_id=pl.lit(run, pl.Int64), found_at=pl.lit(now()))
    insert_frame(tx, t.takebacks, fresh)
    if fresh.height:
        record_event(tx, "takebacks", found=fresh.height)
    return fresh.height


def _restore(tx: Tx, run: int) -> None:
    c = t.takebacks.c
    schema = pl.Schema([("id", pl.Int64()), *_BELIEVED.items()])
    query = sa.select(c.id, *(c[name] for name in _BELIEVED)).where(c.restored_run.is_(None))
    standing = read_frame(tx, query, schema)
    again = standing.join(_not_believed(tx, standing).select("id"), on="id", how="anti")
    update_by_id(tx, t.takebacks, again["id"].to_list(), restored_run=run)


def _not_believed(tx: Tx, periods: pl.DataFrame) -> pl.DataFrame:
    """Those of the `_BELIEVED` that no recognition covers now in identity, level and period."""
    periods = periods.with_row_index("at")
    believed = people.recognitions(tx, people=periods["person_key"].unique())
    pairs = periods.join(believed, on=[*_KEY, "level"], suffix="_now")
    to_the_end = pl.col("last_now").is_null() | (pl.col("last_now") >= pl.col("last")).fill_null(value=False)
    covered = pairs.filter((pl.col("first_now") <= pl.col("first")) & to_the_end)
    return periods.join(covered.select("at"), on="at", how="anti").drop("at")


def listed(tx: Tx, *, person: int | None = None) -> list[TakebackRow]:
    """Takebacks, those restored too, oldest first; of everybody, or of a person."""
    query = sa.select(t.takebacks).order_by(t.takebacks.c.id)
    if person is not None:
        query = query.where(t.takebacks.c.person_key == person)
    return [TakebackRow(**row._mapping) for row in tx.execute(query)]
