"""The schema: migrations make the tables, and the database itself keeps the laws."""

from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from gateway import store
from gateway.errors import ExitCode, StoreFault
from gateway.store import Ledger, Tx, lists, outbox, people
from gateway.store import tables as t
from gateway.store.dialect import make_engine

NOW = datetime(2026, 11, 1)


def delivery(tx: Tx, content: str = "c1", **more: Any) -> int:
    """A delivery as a raw row: whatever a careless writer may insert."""
    row = {
        "instance": "mz",
        "name": "n",
        "scopes": [],
        "content_digest": content,
        "manifest_digest": "",
        "landing": {},
        "state": "applied",
        "arrived_at": NOW,
        "rows": 0,
        **more,
    }
    key = tx.execute(sa.insert(t.deliveries).values(**row)).inserted_primary_key
    assert key is not None
    return int(key[0])


def run(tx: Tx) -> int:
    key = tx.execute(
        sa.insert(t.runs).values(
            kind="run", actor="a", today=date(2026, 11, 1), state="running", started_at=NOW, detail={}
        )
    ).inserted_primary_key
    assert key is not None
    return int(key[0])


def change(tx: Tx, state: str, *, person: int = 1, use: str = "1") -> None:
    number = run(tx)
    said = lists.numbered(tx, pl.DataFrame({"records": [""]}))["list_id"].item()
    tx.execute(sa.insert(t.changes).values(person_key=person, use=use, list_id=said, state=state, run_id=number))


def migrations() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(store.__file__).parent / "migrations"))
    return config


def upgrade(url: str, to: str) -> None:
    """A ledger as an earlier program left it."""
    engine, config = make_engine(url), migrations()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, to)
    engine.dispose()


HEADS = [script.revision for script in ScriptDirectory.from_config(migrations()).walk_revisions()][::-1]


def test_migrations_follow_one_another() -> None:
    """Each migration has one before it, so that there is one newest schema; its file begins with its number."""
    assert [f"{number:04}" for number in range(1, len(HEADS) + 1)] == HEADS
    files = sorted((Path(store.__file__).parent / "migrations" / "versions").glob("[0-9]*.py"))
    assert HEADS == [file.name.partition("_")[0] for file in files]


@pytest.mark.parametrize("earlier", [None, *HEADS])
def test_migrations_make_the_tables(url: str, earlier: str | None) -> None:
    """What alembic's migrations make of nothing, and of each earlier schema, is what the tables say; running them again
    changes nothing."""
    if earlier is not None:
        upgrade(url, earlier)
    for _time in range(2):
        made = Ledger(url)
        made.migrate()
        made.close()
    engine = make_engine(url)
    with engine.connect() as connection:
        assert [] == compare_metadata(MigrationContext.configure(connection), t.metadata)
        checks = {c["name"] for table in t.metadata.tables for c in sa.inspect(connection).get_check_constraints(table)}
    engine.dispose()
    assert {
        c.name for table in t.metadata.tables.values() for c in table.constraints if isinstance(c, sa.CheckConstraint)
    } == checks


def test_the_newest_schema_is_left_alone(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is to be done, what would do it is not even asked."""
    made = Ledger(url)
    made.migrate()
    asked: list[object] = []
    with monkeypatch.context() as patch:
        patch.setattr(command, "upgrade", lambda *what: asked.append(what))
        made.migrate()
    made.close()
    assert [] == asked


def test_a_newer_ledger_is_refused(url: str) -> None:
    """A program that does not know a ledger's schema says so, and changes nothing."""
    made = Ledger(url)
    made.migrate()
    engine = make_engine(url)
    with engine.begin() as tx:
        tx.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreFault, match="比本程序新"):
        made.migrate()
    with engine.connect() as connection:
        assert ["9999"] == list(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars())
    engine.dispose()
    made.close()


def test_texts_of_an_older_ledger_are_kept(url: str) -> None:
    """Changes and confirmed lists of a ledger from before texts were numbered say what they said, state for state."""
    upgrade(url, "0005")
    engine = make_engine(url)
    with engine.begin() as tx:
        number = run(tx)
        for person, records, state in ((1, "a", "done"), (1, "b", "queued"), (2, "a", "sending"), (3, "", "done")):
            tx.execute(
                sa.text(
                    "INSERT INTO changes (person_key, use, records, state, run_id, msgid, seq)"
                    " VALUES (:person, '1', :records, :state, :run, 'm', 1)"
                ),
                {"person": person, "records": records, "state": state, "run": number},
            )
        tx.exec_driver_sql("INSERT INTO confirmed VALUES (1, '1', 'a', 'receipt', 1, '2026-11-01 00:00:00.000000')")
    engine.dispose()
    made = Ledger(url)
    made.migrate()
    with made.begin() as tx:
        said = [(row["records"], row["state"], row["msgid"]) for row in outbox.changes_of(tx, 1)]
        assert [("a", "done", "m"), ("b", "queued", "m")] == said
        assert [(1, "1", "a", "receipt")] == people.confirmed(tx).rows()
        assert {"done": 2, "queued": 1, "sending": 1} == outbox.counts(tx)
    with pytest.raises(StoreFault), made.begin() as tx:
        tx.execute(sa.update(t.changes).values(state="sent"))
    made.close()


def test_outcomes_that_do_not_add_up_are_refused(ledger: Ledger) -> None:
    """An applied delivery whose outcomes do not add up to its rows is refused by the database, insert or update."""
    with pytest.raises(StoreFault), ledger.begin() as tx:
        delivery(tx, rows=3, matched=1, review=1)
    with ledger.begin() as tx:
        delivery(tx, rows=3, matched=1, review=1, invalid=1)
        landed = delivery(tx, "c2", rows=3, state="landed")
    for values in ({"state": "applied"}, {"state": "applied", "matched": 4}, {"state": "applied", "matched": 2}):
        with pytest.raises(StoreFault), ledger.begin() as tx:
            tx.execute(sa.update(t.deliveries).where(t.deliveries.c.id == landed).values(**values))


def test_the_same_content_is_one_delivery(ledger: Ledger) -> None:
    """The same content of one instance is taken once; another instance's is another delivery."""
    with ledger.begin() as tx:
        delivery(tx)
        delivery(tx, instance="cl")
    with pytest.raises(StoreFault), ledger.begin() as tx:
        delivery(tx)


@pytest.mark.parametrize("state", ["queued", "sending"])
def test_one_change_waits_and_one_is_in_flight(ledger: Ledger, state: str) -> None:
    """Of a person and use at most one change is queued and at most one is in flight; past ones are many."""
    with ledger.begin() as tx:
        for past in ("done", "done", "refused", "superseded", "superseded", state):
            change(tx, past)
        change(tx, state, use="2")
        change(tx, state, person=2)
    with pytest.raises(StoreFault), ledger.begin() as tx:
        change(tx, state)


@pytest.mark.parametrize(("table", "values"), [("deliveries", {"state": "lost"}), ("changes", {"state": "sent"})])
def test_unknown_states_are_refused(ledger: Ledger, table: str, values: dict[str, Any]) -> None:
    """A state that nobody knows is refused by the database."""
    with ledger.begin() as tx:
        delivery(tx)
        change(tx, "done")
    with pytest.raises(StoreFault), ledger.begin() as tx:
        tx.execute(sa.update(t.metadata.tables[table]).values(**values))


def test_what_is_named_must_be_there(ledger: Ledger) -> None:
    """A finding of a delivery that is not there is refused: foreign keys are on."""
    with pytest.raises(StoreFault), ledger.begin() as tx:
        tx.execute(sa.insert(t.findings).values(delivery_id=7, code="c", detail="", count=1))


def test_a_fault_shows_no_value(ledger: Ledger) -> None:
    """A refused write says which rule it broke and what to do, and nothing of what was to be written."""
    with ledger.begin() as tx:
        delivery(tx, "secret-content", name="secret-name")
    with pytest.raises(StoreFault) as caught, ledger.begin() as tx:
        delivery(tx, "secret-content", name="secret-name")
    said = f"{caught.value} {caught.value!r} {caught.value.__cause__}"
    assert ("UNIQUE" in said or "uq_deliveries_instance" in said) and "gateway doctor" in said
    assert "secret" not in said
    assert ExitCode.LATER == caught.value.exit_code


def test_a_fault_undoes_the_whole_transaction(ledger: Ledger) -> None:
    """An act and its record commit together, or not at all."""
    with pytest.raises(StoreFault), ledger.begin() as tx:
        delivery(tx)
        delivery(tx)
    with ledger.begin() as tx:
        assert 0 == tx.execute(sa.select(sa.func.count()).select_from(t.deliveries)).scalar_one()


@pytest.mark.parametrize("database", ["sqlite"])
def test_nothing_is_left_of_what_is_deleted(ledger: Ledger) -> None:
    """Deleted rows are overwritten, and no temporary table reaches the disk; PostgreSQL's files are its host's."""
    with ledger.begin() as tx:
        pragmas = {
            name: tx.execute(sa.text(f"PRAGMA {name}")).scalar_one()
            for name in ("secure_delete", "temp_store", "foreign_keys")
        }
    assert {"secure_delete": 1, "temp_store": 2, "foreign_keys": 1} == pragmas
