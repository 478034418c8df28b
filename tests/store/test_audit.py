"""The audit chain at rest: one order whoever writes, together with what it records, and nothing of it changes again."""

from collections.abc import Callable
from datetime import datetime
from multiprocessing.connection import Connection
from threading import Thread

import pytest
import sqlalchemy as sa

from gateway.audit import Checked, check, entry_line, fingerprint, hash_of
from gateway.errors import StoreFault, TryLater
from gateway.store import Ledger, Tx, audit, runs
from gateway.store import tables as t
from gateway.store.dialect import make_engine
from gateway.store.ledger import acts, record_act, record_event
from gateway.vault import Sm2PrivateKey
from tests.conftest import NewDatabase
from tests.processes import PROCESSES
from tests.store.test_schema import NOW, delivery, upgrade

KEY = Sm2PrivateKey.generate()
#: Entries that each writer appends, and seconds that it is waited for.
EACH, LONGEST = 40, 120.0


def sign(ledger: Ledger, key: Sm2PrivateKey = KEY) -> None:
    with ledger.begin() as tx:
        audit.sign(tx, key.public.hex, key.sign)


def checked(ledger: Ledger) -> Checked:
    """The live chain, up to its last entry."""
    with ledger.begin() as tx:
        last, digest = audit.tip(tx)
    return check(audit.lines(ledger.begin, last), trusted={fingerprint(KEY.public.hex)}, tip=digest)


def told(ledger: Ledger) -> list[str]:
    return [found.text for found in checked(ledger).breaks]


def three(ledger: Ledger) -> None:
    """Three entries, signed."""
    for number in (1, 2, 3):
        with ledger.begin() as tx:
            record_act(tx, actor="clerk", act="case.same", case=number, note="电话核实")
    sign(ledger)


def test_a_chain_of_what_was_done_holds(ledger: Ledger) -> None:
    """Entries of one transaction and of several follow one another, signed or not; what says nothing new is not signed
    again."""
    three(ledger)
    sign(ledger)
    with ledger.begin() as tx:
        record_act(tx, actor="a", act="one", share=0.1, names=("x", None), deep={"b": 1, "a": [True]})
        record_act(tx, actor="b", act="two")
    found = checked(ledger)
    assert ([], 5, 1, 2) == (found.breaks, found.entries, found.checkpoints, found.unsigned)
    with ledger.begin() as tx:
        (one,) = acts(tx, "one")
        assert {"share": 0.1, "names": ["x", None], "deep": {"a": [True], "b": 1}} == one.detail


def test_an_entry_commits_with_what_it_records(ledger: Ledger) -> None:
    """What is undone leaves no entry, and no gap."""
    three(ledger)
    with pytest.raises(StoreFault), ledger.begin() as tx:
        record_act(tx, actor="clerk", act="lost")
        delivery(tx)
        delivery(tx)
    with pytest.raises(TypeError), ledger.begin() as tx:
        record_act(tx, actor="clerk", act="lost", said=object())
    with ledger.begin() as tx:
        delivery(tx)
        record_act(tx, actor="clerk", act="kept")
    with ledger.begin() as tx:
        assert ([], ["clerk"]) == (acts(tx, "lost"), [act.actor for act in acts(tx, "kept")])
    assert ([], 4) == ((found := checked(ledger)).breaks, found.entries)


def test_what_a_run_did_names_the_run(ledger: Ledger) -> None:
    """What came of a run is its starter's, with the run's number; outside runs it is the gateway's own."""
    with ledger.begin() as tx:
        record_event(tx, "before")
        number = runs.start(tx, kind="run", actor="clerk", today=NOW.date())
    with ledger.begin() as tx:
        record_event(tx, "within", rows=3)
    with ledger.begin() as tx:
        assert number is not None
        runs.end(tx, number, "done", {})
    with ledger.begin() as tx:
        record_event(tx, "after")
    with ledger.begin() as tx:
        said = [(row.actor, row.detail.get("run")) for act in ("before", "within", "after") for row in acts(tx, act)]
    assert [("gateway", None), ("clerk", number), ("gateway", None)] == said


def test_a_long_transaction_comes_after_those_that_were_faster(url: str, ledger: Ledger, database: str) -> None:
    """A transaction that began before others appended does so behind them, and neither fails for it."""
    if database == "sqlite":  # one writer: the other waits for the first
        three(ledger)
        assert [] == told(ledger)
        return
    with ledger.begin() as long:
        delivery(long)
        three(ledger)
        record_act(long, actor="run", act="late")
    found = checked(ledger)
    assert ([], 4, 1) == (found.breaks, found.entries, found.checkpoints)
    with ledger.begin() as tx:
        assert "late" == tx.execute(sa.select(t.acts.c.act).order_by(t.acts.c.id.desc()).limit(1)).scalar_one()


def _write(address: str, who: str, scalar: str, wire: Connection) -> None:
    """Appends, signs and takes the lease by turns, as a daemon and a command line do beside one another."""
    ledger, key = Ledger(address), Sm2PrivateKey.from_hex(scalar)
    wire.send("ready")
    wire.recv()
    for number in range(EACH):
        try:
            with ledger.lease(who), ledger.begin() as tx:
                record_act(tx, actor=who, act="with the lease", number=number)
        except TryLater:
            with ledger.begin() as tx:
                delivery(tx, f"{who} {number}")
                record_act(tx, actor=who, act="without", number=number)
        if number % 8 == 0:
            sign(ledger, key)
    ledger.close()
    wire.send("done")


@pytest.mark.slow
def test_two_processes_write_one_chain(database: str, new_database: NewDatabase) -> None:
    """Two processes that append, sign and take the lease at once leave one chain, and none waits for ever."""
    address = new_database(database, at_head=True)
    ledger = Ledger(address)
    ledger.migrate()
    writers = []
    for who in ("daemon", "clerk"):
        ours, theirs = PROCESSES.Pipe()
        process = PROCESSES.Process(target=_write, args=(address, who, KEY.hex, theirs), daemon=True)
        process.start()
        assert "ready" == ours.recv()
        writers.append((process, ours))
    for _process, wire in writers:
        wire.send("go")
    assert [True, True] == [wire.poll(LONGEST) for _process, wire in writers]
    assert ["done", "done"] == [wire.recv() for _process, wire in writers]
    found = checked(ledger)
    assert ([], 2 * EACH) == (found.breaks, found.entries)
    assert found.checkpoints > 1
    with ledger.begin() as tx:
        order = tx.execute(sa.select(t.acts.c.actor, t.acts.c.detail).order_by(t.acts.c.id)).all()
    for who in ("daemon", "clerk"):
        assert list(range(EACH)) == [detail["number"] for actor, detail in order if actor == who]
    ledger.close()


def test_threads_write_one_chain(ledger: Ledger) -> None:
    """So do the threads of one process."""

    def write(who: str) -> None:
        for _time in range(EACH):
            with ledger.begin() as tx:
                record_act(tx, actor=who, act="one")

    threads = [Thread(target=write, args=(f"t{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONGEST)
    found = checked(ledger)
    assert ([], 4 * EACH) == (found.breaks, found.entries)


REFUSED: list[Callable[[Tx], object]] = [
    lambda tx: tx.execute(sa.update(t.acts).values(actor="nobody")),
    lambda tx: tx.execute(sa.update(t.acts).where(t.acts.c.id == 1).values(actor="nobody")),
    lambda tx: tx.execute(sa.delete(t.acts).where(t.acts.c.id == 3)),
    lambda tx: tx.execute(sa.delete(t.audit_checkpoints)),
    lambda tx: tx.execute(sa.update(t.audit_checkpoints).values(seq=1)),
    lambda tx: tx.exec_driver_sql(
        "REPLACE INTO acts VALUES (1, '2026-11-01 00:00:00.000000', 'a', 'b', '{}', 'c')"
        if tx.dialect.name == "sqlite"
        else "TRUNCATE acts CASCADE"
    ),
]


@pytest.mark.parametrize("change", range(len(REFUSED)))
def test_the_database_refuses_to_change_an_entry(ledger: Ledger, change: int) -> None:
    """No entry and no checkpoint is changed, replaced or deleted, not even by mistake."""
    three(ledger)
    with pytest.raises(StoreFault), ledger.begin() as tx:
        REFUSED[change](tx)
    found = checked(ledger)
    assert ([], 3, 1) == (found.breaks, found.entries, found.checkpoints)


def bare(ledger: Ledger) -> None:
    """Somebody who owns the database takes its refusals away."""
    with ledger.begin() as tx:
        if tx.dialect.name == "sqlite":
            names = tx.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'").scalars().all()
            for name in names:
                tx.exec_driver_sql(f"DROP TRIGGER {name}")
            return
        for table in ("acts", "audit_checkpoints"):
            tx.exec_driver_sql(f"ALTER TABLE {table} DISABLE TRIGGER USER")


EDITS = {
    "actor": "UPDATE acts SET actor = 'nobody' WHERE id = 2",
    "act": "UPDATE acts SET act = 'case.nobody' WHERE id = 3",
    "time": "UPDATE acts SET at = '2026-11-01 00:00:00.000000' WHERE id = 1",
    "detail": """UPDATE acts SET detail = '{"case":3,"note":""}' WHERE id = 2""",
    "space": """UPDATE acts SET detail = replace(detail, ':', ': ') WHERE id = 2""",
    "no JSON": "UPDATE acts SET detail = 'x' WHERE id = 2",
    "hash": "UPDATE acts SET hash = (SELECT other.hash FROM acts AS other WHERE other.id = 1) WHERE id = 3",
    "first gone": "DELETE FROM acts WHERE id = 1",
    "middle gone": "DELETE FROM acts WHERE id = 2",
    "number": "UPDATE acts SET id = 7 WHERE id = 2",
    "swapped": "UPDATE acts SET detail = (SELECT detail FROM acts AS other WHERE other.id = 5 - acts.id) WHERE id > 1",
    "before all": "INSERT INTO acts SELECT -1, at, actor, act, detail, hash FROM acts WHERE id = 1",
    "behind all": "INSERT INTO acts SELECT 4, at, actor, act, detail, hash FROM acts WHERE id = 3",
    "unsigned": "DELETE FROM audit_checkpoints",
    "signature": """UPDATE audit_checkpoints SET line = substr(line, 1, length(line) - 18) || '0123456789abcdef"}'""",
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_of_a_row_is_found(ledger: Ledger, edit: str) -> None:
    """Whoever owns the database and changes a row of it is found out by what the chain says."""
    three(ledger)
    bare(ledger)
    with ledger.begin() as tx:
        tx.exec_driver_sql(EDITS[edit])
    found = checked(ledger)
    if edit == "unsigned":  # that is what anchors are for
        assert ([], 3) == (found.breaks, found.unsigned)
    else:
        assert found.breaks
        assert edit != "signature" or "签名不符" in found.breaks[0].text


def test_a_chain_made_anew_without_the_key_is_found(ledger: Ledger) -> None:
    """Who changes an entry and every digest behind it has no signature for what comes out."""
    three(ledger)
    bare(ledger)
    with ledger.begin() as tx:
        rows = tx.execute(sa.select(t.acts).order_by(t.acts.c.id)).all()
        digest = "0" * 64
        for row in rows:
            line = entry_line(
                seq=row.id,
                at=f"{row.at:%Y-%m-%dT%H:%M:%S.%fZ}",
                actor="nobody",
                act=row.act,
                detail=tx.execute(
                    sa.select(sa.type_coerce(t.acts.c.detail, sa.Text())).where(t.acts.c.id == row.id)
                ).scalar_one(),
                previous=digest,
            )
            digest = hash_of(line)
            tx.execute(sa.update(t.acts).where(t.acts.c.id == row.id).values(actor="nobody", hash=digest))
    assert ["检查点 1 签的不是此处的记录(签到第 3 条):此前有记录被改动、增加或删除"] == told(ledger)


def test_what_was_done_before_begins_the_chain(url: str) -> None:
    """Acts of an older ledger are the first entries, as they were, and are read as before."""
    upgrade(url, "0012")
    engine = make_engine(url)
    with engine.begin() as tx:
        for number in (1, 2):
            statement = "INSERT INTO acts (at, actor, act, detail) VALUES (:at, 'clerk', 'preview', :detail)"
            given = {"at": datetime(2026, 11, number), "detail": f'{{"b": "名", "a": {number}}}'}
            tx.execute(sa.text(statement).bindparams(sa.bindparam("at", type_=sa.DateTime())), given)
    engine.dispose()
    made = Ledger(url)
    made.migrate()
    with made.begin() as tx:
        record_act(tx, actor="clerk", act="preview", a=3)
    with made.begin() as tx:
        assert [{"a": 1, "b": "名"}, {"a": 2, "b": "名"}, {"a": 3}] == [act.detail for act in acts(tx, "preview")]
    assert ([], 3) == ((found := checked(made)).breaks, found.entries)
    made.close()
