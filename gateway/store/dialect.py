"""What differs between databases, and the bulk paths: the one module with dialect code."""

import json
from collections.abc import Sequence
from itertools import chain
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
        "cache_size=-65536",  # KiB; 2 MiB, its own choice, is less than the indexes of a city need while they grow
        "wal_autocheckpoint=8000",  # pages; each checkpoint waits for the disk twice more than the commit does
    ):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


#: Rows of one INSERT: starting a statement costs SQLite more than a row does.
_ROWS = 500
#: Rows that are Python objects at once.
_SLICE = 20_000


def insert_frame(connection: sa.Connection, table: sa.Table, frame: pl.DataFrame) -> None:
    """Many rows at once, through the driver's executemany. Columns of the frame are columns of the table.

    Rows sorted by the table's indexes are several times faster than rows in any order.
    """
    compiled = sa.insert(table).compile(dialect=connection.dialect, column_keys=frame.columns)
    one, order = str(compiled), compiled.positiontup or frame.columns
    head, values, row = one.rpartition(" VALUES ")
    many = head + values + ", ".join([row] * _ROWS)
    portable = frame.lazy().select(_portable(connection, frame)).select(order).collect()
    for part in portable.iter_slices(_SLICE):
        rows = part.rows()
        rest = len(rows) // _ROWS * _ROWS
        if rest:
            groups = (chain.from_iterable(rows[at : at + _ROWS]) for at in range(0, rest, _ROWS))
            connection.exec_driver_sql(many, [tuple(group) for group in groups])
        if rest < len(rows):
            connection.exec_driver_sql(one, rows[rest:])


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
    """The rows of a query as a frame of the schema, columns by position.

    The driver's own tuples, slice by slice: SQLAlchemy's rows, and dates made one by one, take three times as long.
    """
    result = connection.execute(query)
    driver = _driver_schema(connection, schema)
    parts = [pl.DataFrame(schema=driver)]
    while rows := result.cursor.fetchmany(_SLICE):
        parts.append(pl.DataFrame(rows, schema=driver, orient="row"))
    result.close()
    return pl.concat(parts).select(_from_driver(connection, schema))


def _driver_schema(connection: sa.Connection, schema: pl.Schema) -> pl.Schema:
    if connection.dialect.name != "sqlite":
        return schema
    text = {name for name, kind in schema.items() if isinstance(kind, pl.Datetime) or kind in (pl.Date, pl.String)}
    return pl.Schema({name: pl.String() if name in text else pl.Int64() for name in schema})


def _from_driver(connection: sa.Connection, schema: pl.Schema) -> list[pl.Expr]:
    if connection.dialect.name != "sqlite":
        return [pl.all()]
    return [
        pl.col(name).str.to_date("%Y-%m-%d") if kind == pl.Date
        else pl.col(name).str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us") if isinstance(kind, pl.Datetime)
        else pl.col(name).cast(kind)
        for name, kind in schema.items()
    ]  # fmt: skip


class Numbers(sa.types.TypeDecorator[Sequence[int]]):
    """Whole numbers as one parameter, however many they are: JSON in SQLite, an array elsewhere."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """The column type of the parameter."""
        kind = sa.Text() if dialect.name == "sqlite" else postgresql.ARRAY(sa.BigInteger)
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: Sequence[int] | None, dialect: sa.Dialect) -> Any:  # text, or a list
        """What the driver gets."""
        numbers = value or ()
        return f"[{','.join(map(str, numbers))}]" if dialect.name == "sqlite" else list(numbers)


def among(
    connection: sa.Connection, column: sa.ColumnElement[Any], numbers: Sequence[int] | sa.BindParameter[Any]
) -> sa.ColumnElement[bool]:
    """Whether a column holds one of these whole numbers; or those that a parameter of type `Numbers` will give."""
    given = numbers if isinstance(numbers, sa.BindParameter) else sa.literal(numbers, Numbers())
    if connection.dialect.name != "sqlite":
        return column == sa.any_(given)
    return column.in_(sa.select(sa.func.json_each(given).table_valued("value").c.value))


def listed(connection: sa.Connection, **columns: Sequence[int] | Sequence[str]) -> sa.Subquery:
    """Values as a table within a statement: whole columns, by name.

    One statement over many rows keeps the interpreter's lock for none of them: an executemany asks for it row by row,
    and waits each time while other threads talk to a peer.
    """
    if connection.dialect.name != "sqlite":
        return sa.select(sa.func.unnest(*columns.values()).table_valued(*columns)).subquery()
    rows = sa.func.json_each(json.dumps(list(zip(*columns.values(), strict=True)))).table_valued("value")
    fields = [sa.func.json_extract(rows.c.value, f"$[{at}]").label(name) for at, name in enumerate(columns)]
    return sa.select(*fields).subquery()


def upsert_from(connection: sa.Connection, table: sa.Table, columns: list[str], rows: sa.Select[Any]) -> None:
    """Rows of a query into a table; where the key is there, the row is replaced."""
    insert = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    statement = insert(table).from_select(columns, rows)
    key = [column.name for column in table.primary_key]
    values = {name: statement.excluded[name] for name in columns if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=values))


def update_by_id(connection: sa.Connection, table: sa.Table, ids: list[int], **values: Any) -> None:
    """The same values for many rows."""
    if ids:
        connection.execute(sa.update(table).where(among(connection, table.c.id, ids)).values(**values))


def delete_by_id(connection: sa.Connection, table: sa.Table, ids: list[int]) -> None:
    """Takes many rows away."""
    if ids:
        connection.execute(sa.delete(table).where(among(connection, table.c.id, ids)))
