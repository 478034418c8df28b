"""What differs between databases, and the bulk paths: the one module with dialect code."""

from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite


def make_engine(url: str) -> sa.Engine:
    """An engine for the ledger. SQLite: write-ahead log, waiting for locks, foreign keys, immediate transactions."""
    engine = sa.create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
    return engine


def _sqlite_connect(connection: Any, _record: Any) -> None:  # the driver's own connection
    connection.isolation_level = None
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "busy_timeout=30000",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "secure_delete=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def insert_frame(connection: sa.Connection, table: sa.Table, frame: pl.DataFrame) -> None:
    """Many rows at once, through the driver's executemany. Columns of the frame are columns of the table."""
    if frame.is_empty():
        return
    statement = sa.insert(table).compile(
        dialect=connection.dialect, column_keys=frame.columns, compile_kwargs={"render_postcompile": True}
    )
    order = statement.positiontup or frame.columns
    connection.exec_driver_sql(str(statement), frame.select(_portable(connection, frame)).select(order).rows())


def _portable(connection: sa.Connection, frame: pl.DataFrame) -> list[pl.Expr]:
    """SQLite's driver takes dates and times as ISO text, in the form in which SQLAlchemy reads them back."""
    if connection.dialect.name != "sqlite":
        return [pl.all()]
    return [
        pl.col(name).dt.strftime("%Y-%m-%d") if kind == pl.Date
        else pl.col(name).dt.strftime("%Y-%m-%d %H:%M:%S.%6f") if isinstance(kind, pl.Datetime)
        else pl.col(name)
        for name, kind in frame.schema.items()
    ]  # fmt: skip


def read_frame(connection: sa.Connection, query: sa.Select[Any], schema: pl.Schema) -> pl.DataFrame:
    """The rows of a query as a frame of the schema, columns by position."""
    rows = connection.execute(query).fetchall()
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    return pl.DataFrame(
        [pl.Series(name, column, dtype=kind) for (name, kind), column in zip(schema.items(), columns, strict=True)]
    )


def upsert_from(connection: sa.Connection, table: sa.Table, columns: list[str], rows: sa.Select[Any]) -> None:
    """Rows of a query into a table; where the key is there, the row is replaced."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(table).from_select(columns, rows)
    key = [column.name for column in table.primary_key]
    values = {name: statement.excluded[name] for name in columns if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=values))


def update_by_id(connection: sa.Connection, table: sa.Table, ids: list[int], **values: Any) -> None:
    """The same values for many rows; in slices, since databases bound the parameters of a statement."""
    for at in range(0, len(ids), 500):
        connection.execute(sa.update(table).where(table.c.id.in_(ids[at : at + 500])).values(**values))
