"""What differs between databases, and the bulk paths: the one module with dialect code."""

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

import polars as pl
import psycopg
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite

#: How long a transaction waits for a lock, as long as SQLite; for its turn: longer than a city's first settlement is
#: written down; and how long one may say nothing while others wait: then whoever has it stands still.
_LOCK, _TURN, SILENT = "30s", "10min", "8min"
#: Seconds; a host that is gone shows after half a minute, to either side.
_ALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4}
#: Settings of each session in PostgreSQL. A frame is read to its end, so a plan that is quick to begin is no good.
_SESSION = ("cursor_tuple_fraction=1", f"lock_timeout={_LOCK}", *(f"tcp_{name}={n}" for name, n in _ALIVE.items()))


def make_engine(url: str) -> sa.Engine:
    """An engine for the ledger; its transactions see one state of the database from beginning to end.

    SQLite: write-ahead log, waiting for locks, foreign keys, immediate transactions. PostgreSQL: repeatable reads, and
    connections that are looked at before they are used. Raises ArgumentError for any other address.
    """
    backend = sa.make_url(url).get_backend_name()
    if backend == "postgresql":
        session = " ".join(f"-c {one}" for one in (*_SESSION, f"idle_in_transaction_session_timeout={SILENT}"))
        options: dict[str, Any] = {"connect_args": {"connect_timeout": 10, **_ALIVE, "options": session}}
        return sa.create_engine(url, isolation_level="REPEATABLE READ", pool_pre_ping=True, **options)
    if backend != "sqlite":
        raise sa.exc.ArgumentError(backend)
    engine = sa.create_engine(url)
    event.listen(engine, "connect", _sqlite_connect)
    event.listen(engine, "begin", _sqlite_begin)
    return engine


def _is_sqlite(connection: sa.Connection) -> bool:
    return connection.dialect.name == "sqlite"


@contextmanager
def alone_migrating(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A transaction for migrations: a second process that begins one waits, and then sees what the first has made."""
    if engine.dialect.name == "sqlite":
        with engine.begin() as connection:
            yield connection
        return
    with engine.execution_options(isolation_level="READ COMMITTED").begin() as connection:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATING)))
        yield connection


#: Any number that no other program takes for a lock in this database.
_MIGRATING = 0x6761_7465_7761_79


@contextmanager
def appending(tx: sa.Connection) -> Iterator[sa.Connection]:
    """Whoever else appends to the chain waits until this transaction has ended. Gives a connection that sees what those
    before have committed, which in PostgreSQL a transaction that began earlier does not.

    Ask last of all: then nobody who appends waits for somebody who wants to. Raises DBAPIError after half a minute.
    Beside `take_turn`, which is asked first of all: docs/decisions/0048.
    """
    if _is_sqlite(tx):  # there is one writer at a time anyway
        yield tx
        return
    tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_APPENDING)))
    with tx.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as newest:
        yield newest


_APPENDING = 0x6175_6469_74


def append_only(connection: sa.Connection, table: str, key: str) -> None:
    """From now on the database refuses to change, replace or delete a row of the table."""
    if _is_sqlite(connection):
        no = f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        replaces = f"WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})"  # REPLACE fires no other trigger
        for event_, condition in (("UPDATE", ""), ("DELETE", ""), ("INSERT", replaces)):
            connection.exec_driver_sql(
                f"CREATE TRIGGER {table}_no_{event_.lower()} BEFORE {event_} ON {table} {condition} {no}"
            )
        return
    connection.exec_driver_sql(
        f"CREATE FUNCTION {table}_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is append-only'; END $$"
    )
    for name, when in (("row", "UPDATE OR DELETE"), ("all", "TRUNCATE")):
        each = "ROW" if name == "row" else "STATEMENT"
        connection.exec_driver_sql(
            f"CREATE TRIGGER {table}_no_{name} BEFORE {when} ON {table} "
            f"FOR EACH {each} EXECUTE FUNCTION {table}_append_only()"
        )


def said_of(fault: Exception) -> str:
    """What broke, in the driver's words: its class, and the rule or the server that it names.

    Never the statement, its parameters, or what PostgreSQL adds in further lines: that may be somebody.
    """
    origin: Any = getattr(fault, "orig", None) or fault  # the driver's own error
    words = [type(origin).__name__]
    if code := getattr(origin, "sqlstate", None):
        # Its sentence may quote a value, too.
        words += [code, origin.diag.constraint_name or origin.diag.table_name or ""]
    elif isinstance(origin, sqlite3.Error | psycopg.OperationalError):
        words += str(origin).splitlines()[:1]
    return " ".join(filter(None, words))[:160]


def take_turn(connection: sa.Connection) -> None:
    """Waits until no other transaction has a turn; the first word of one, which sees all that those before it did.

    Nothing that reads waits for it. SQLite has one transaction at a time anyway. Source: docs/decisions/0048.
    """
    if not _is_sqlite(connection):
        # Neither sets what the transaction sees; the lock is of no use to rows, and in nobody's way but its own.
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_TURN}'")
        connection.exec_driver_sql("LOCK TABLE leases IN SHARE UPDATE EXCLUSIVE MODE")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_LOCK}'")


def lock_out(connection: sa.Connection, table: sa.Table, *, alone: bool) -> None:
    """Until the transaction ends nobody else who asks for this has it `alone`; or nobody else has it at all. Asked
    first: a transaction's first query fixes what it sees. SQLite has one at a time anyway."""
    if not _is_sqlite(connection):
        mode = "ACCESS EXCLUSIVE" if alone else "ACCESS SHARE"
        connection.exec_driver_sql(f"LOCK TABLE {table.name} IN {mode} MODE")


def scrub(engine: sa.Engine) -> None:
    """SQLite's files hold nothing any more that was overwritten; in PostgreSQL the room of old rows is free."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.rollback()  # neither is done within a transaction, which SQLite's connections begin by themselves
        driver: Any = connection.connection.driver_connection
        driver.execute("VACUUM")
        if _is_sqlite(connection):
            driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def is_overtaken(fault: sa.exc.DBAPIError) -> bool:
    """Whether another transaction changed first what this one wanted to."""
    return getattr(fault.orig, "sqlstate", None) == "40001"


def clock(connection: sa.Connection, ahead: float = 0.0) -> sa.ColumnElement[datetime]:
    """The database's time, so many seconds ahead: UTC without zone."""
    if _is_sqlite(connection):
        # To the digit in the form in which SQLAlchemy writes times: they are compared as text.
        text = sa.func.strftime("%Y-%m-%d %H:%M:%f", "now", f"{ahead:+.3f} seconds").op("||")("000")
        return sa.type_coerce(text, sa.DateTime())
    at = sa.func.timezone("utc", sa.func.clock_timestamp(), type_=sa.DateTime())
    return at + sa.literal(timedelta(seconds=ahead))


def _sqlite_connect(connection: Any, _record: Any) -> None:  # the driver's own connection
    connection.isolation_level = None
    for pragma in (
        "busy_timeout=30000",  # first: two processes may open a new database at once
        "journal_mode=WAL",
        "synchronous=FULL",
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
#: So many rows to a thing that they say, and it is worth being told once.
_ALIKE = 4


def insert_frame(connection: sa.Connection, table: sa.Table, frame: pl.DataFrame, **same: str | int) -> None:
    """Many rows at once, through the driver's executemany, or COPY. Columns of the frame are columns of the table;
    `same`: those that say the same in every row.

    Rows sorted by the table's indexes are several times faster than rows in any order.
    """
    if not _is_sqlite(connection):
        _copy(connection, table, frame.with_columns(pl.lit(value).alias(name) for name, value in same.items()))
        return
    constants: dict[str, sa.ColumnElement[Any]] = {
        name: sa.literal_column(_literal(connection, value)) for name, value in same.items()
    }
    insert = sa.insert(table).values(constants)
    compiled = insert.compile(dialect=connection.dialect, column_keys=[*frame.columns, *same])
    one, order = str(compiled), compiled.positiontup or frame.columns
    head, values, row = one.rpartition(" VALUES ")
    portable = frame.lazy().select(_portable(frame)).select(order).collect()
    _in_groups(connection, portable, lambda rows: head + values + ", ".join([row] * rows))


def insert_alike(
    connection: sa.Connection, table: sa.Table, frame: pl.DataFrame, own: Sequence[str], **same: str | int
) -> None:
    """As `insert_frame`, for rows that differ in their `own` columns and else say one of a few things.

    SQLite gets what they say once: to hand over a text takes as long as to write it, row by row.
    """
    said = [name for name in frame.columns if name not in own]
    things = frame.select(said).unique(maintain_order=True).with_row_index("thing")
    if not _is_sqlite(connection) or things.height >= frame.height // _ALIKE:
        insert_frame(connection, table, frame, **same)
        return
    quoted = connection.dialect.identifier_preparer.quote
    columns = ", ".join(map(quoted, said))
    connection.exec_driver_sql(f"CREATE TEMP TABLE things (thing INTEGER PRIMARY KEY, {columns})")
    told = f"INSERT INTO things VALUES ({', '.join('?' * things.width)})"
    connection.exec_driver_sql(told, things.select(_portable(things)).rows())
    theirs = ", ".join(f"v.column{at}" for at in range(1, len(own) + 1))
    head = f"INSERT INTO {quoted(table.name)} ({', '.join(map(quoted, (*own, *same, *said)))}) SELECT " + ", ".join(
        [theirs, *(_literal(connection, value) for value in same.values()), *(f"t.{quoted(name)}" for name in said)]
    )
    row = f"({', '.join('?' * (len(own) + 1))})"
    numbered = frame.join(things, on=said, how="left", nulls_equal=True, maintain_order="left").select(*own, "thing")

    def many(rows: int) -> str:
        # CROSS keeps the planner from walking through the things first.
        values = ", ".join([row] * rows)
        return f"{head} FROM (VALUES {values}) v CROSS JOIN things t ON t.thing = v.column{len(own) + 1}"

    _in_groups(connection, numbered.select(_portable(numbered)), many)
    connection.exec_driver_sql("DROP TABLE temp.things")


def _in_groups(connection: sa.Connection, rows: pl.DataFrame, statement: Callable[[int], str]) -> None:
    """Rows into the statement for so many of them, slice by slice."""
    many, one = statement(_ROWS), statement(1)
    for part in rows.iter_slices(_SLICE):
        cells = part.rows()
        rest = len(cells) // _ROWS * _ROWS
        if rest:
            groups = (chain.from_iterable(cells[at : at + _ROWS]) for at in range(0, rest, _ROWS))
            connection.exec_driver_sql(many, [tuple(group) for group in groups])
        if rest < len(cells):
            connection.exec_driver_sql(one, cells[rest:])


def _copy(connection: sa.Connection, table: sa.Table, frame: pl.DataFrame) -> None:
    quoted = connection.dialect.identifier_preparer.quote
    columns = ", ".join(quoted(name) for name in frame.columns)
    # Text is quoted and NULL is not, so that a text of these two characters stays one.
    statement = rf"COPY {quoted(table.name)} ({columns}) FROM STDIN (FORMAT csv, NULL '\N')"
    driver: Any = connection.connection.driver_connection  # psycopg's own, which has COPY
    with driver.cursor() as cursor, cursor.copy(statement) as stream:
        for part in frame.iter_slices(_SLICE):
            stream.write(
                part.write_csv(
                    include_header=False,
                    null_value=r"\N",
                    quote_style="non_numeric",
                    date_format="%Y-%m-%d",
                    datetime_format="%Y-%m-%d %H:%M:%S.%6f",
                )
            )


def _literal(connection: sa.Connection, value: str | int) -> str:
    """The value as the statement's own text: to hand over a parameter takes as long as to write it."""
    return str(sa.literal(value).compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))


def _portable(frame: pl.DataFrame) -> list[pl.Expr]:
    """SQLite's driver takes dates and times as ISO text, in the form in which SQLAlchemy reads them back."""
    return [
        pl.col(name).dt.strftime("%Y-%m-%d") if kind == pl.Date
        else pl.col(name).dt.strftime("%Y-%m-%d %H:%M:%S.%6f") if isinstance(kind, pl.Datetime)
        else pl.col(name)
        for name, kind in frame.schema.items()
    ]  # fmt: skip


def read_frame(connection: sa.Connection, query: sa.Select[Any], schema: pl.Schema) -> pl.DataFrame:
    """The rows of a query as a frame of the schema, columns by position; slice by slice."""
    driver = _driver_schema(connection, schema)
    parts = [pl.DataFrame(schema=driver)]
    for rows in _slices(connection, query):
        parts.append(pl.DataFrame(rows, schema=driver, orient="row"))
    return pl.concat(parts).select(_from_driver(connection, schema))


def _slices(connection: sa.Connection, query: sa.Select[Any]) -> Iterator[Sequence[Any]]:  # rows as tuples
    if not _is_sqlite(connection):
        # The driver would hold the whole answer, did it not ask slice by slice.
        streamed = connection.execute(query, execution_options={"yield_per": _SLICE})
        yield from (list(map(tuple, part)) for part in streamed.partitions())
        return
    # The driver's own tuples: SQLAlchemy's rows, and dates made one by one, take three times as long.
    result = connection.execute(query)
    while rows := result.cursor.fetchmany(_SLICE):
        yield rows
    result.close()


def _driver_schema(connection: sa.Connection, schema: pl.Schema) -> pl.Schema:
    if not _is_sqlite(connection):
        return schema
    text = {name for name, kind in schema.items() if isinstance(kind, pl.Datetime) or kind in (pl.Date, pl.String)}
    return pl.Schema({name: pl.String() if name in text else pl.Int64() for name in schema})


def _from_driver(connection: sa.Connection, schema: pl.Schema) -> list[pl.Expr]:
    if not _is_sqlite(connection):
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
    if not _is_sqlite(connection):
        return column == sa.any_(given)
    return column.in_(sa.select(sa.func.json_each(given).table_valued("value").c.value))


def listed(connection: sa.Connection, **columns: Sequence[int] | Sequence[str]) -> sa.Subquery:
    """Values as a table within a statement: whole columns, by name.

    One statement over many rows keeps the interpreter's lock for none of them: an executemany asks for it row by row,
    and waits each time while other threads talk to a peer.
    """
    if not _is_sqlite(connection):
        kinds = [sa.BigInteger() if values and isinstance(values[0], int) else sa.Text() for values in columns.values()]
        arrays = [
            sa.literal(values, postgresql.ARRAY(kind)) for values, kind in zip(columns.values(), kinds, strict=True)
        ]
        names = [sa.column(name, kind) for name, kind in zip(columns, kinds, strict=True)]
        rows = sa.func.unnest(*arrays).table_valued(*names).render_derived()
        return sa.select(*rows.c).subquery()
    texts = sa.func.json_each(json.dumps(list(zip(*columns.values(), strict=True)))).table_valued("value")
    fields = [sa.func.json_extract(texts.c.value, f"$[{at}]").label(name) for at, name in enumerate(columns)]
    return sa.select(*fields).subquery()


def upsert_from(connection: sa.Connection, table: sa.Table, columns: list[str], rows: sa.Select[Any]) -> None:
    """Rows of a query into a table; where the key is there, the row is replaced."""
    insert = sqlite.insert if _is_sqlite(connection) else postgresql.insert
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
