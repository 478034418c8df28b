"""The lease: among all hosts that share a ledger, one process works at a time, and one that lost it commits nothing."""

import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from threading import Thread

import pytest
import sqlalchemy as sa

from gateway.errors import StoreFault, TryLater
from gateway.store import Ledger, dialect, runs
from gateway.store import tables as t
from gateway.store.dialect import clock
from tests.conftest import NewDatabase
from tests.postgresql import Postgresql
from tests.processes import PROCESSES
from tests.store.test_schema import NOW, delivery

#: Seconds; long enough that a busy machine loses no three heartbeats, short enough to wait for its end.
SHORT = 3.0
#: Looks, and seconds between two, before a test gives up.
LOOKS, PAUSE = 300, 0.1
SLOT = "mz@2026-11-05T06:30:00+08:00"

Another = Callable[..., Ledger]


@pytest.fixture
def address(database: str, new_database: NewDatabase) -> str:
    return new_database(database, at_head=True)


@pytest.fixture
def another(address: str) -> Iterator[Another]:
    """Ledgers of other processes, on the same database."""
    made: list[Ledger] = []

    def ledger(seconds: float = SHORT) -> Ledger:
        made.append(Ledger(address, lease_seconds=seconds))
        made[-1].migrate()
        return made[-1]

    yield ledger
    for one in made:
        one.close()


def until(ask: Callable[[], bool]) -> None:
    """Waits until that is so; fails where it does not come to be."""
    for _look in range(LOOKS):
        if ask():
            return
        time.sleep(PAUSE)
    raise TimeoutError


def taken(ledger: Ledger, place: str) -> bool:
    """Whether somebody at that place can take the lease."""
    try:
        with ledger.lease(place):
            return True
    except TryLater:
        return False


def holder(ledger: Ledger) -> str:
    with ledger.begin() as tx:
        return str(tx.execute(sa.select(t.leases.c.holder)).scalar_one())


def test_one_at_a_time(another: Another) -> None:
    """While one place holds the lease no other takes it; given back, it is anybody's at once."""
    ours, theirs = another(60.0), another(60.0)
    with ours.lease("here"):
        assert "here" == holder(theirs)
        with pytest.raises(TryLater, match="60 秒后可接管"), theirs.lease("there"):
            pass
    assert taken(theirs, "there")
    assert "" == holder(ours)


def test_who_has_the_lock_need_not_wait(another: Another) -> None:
    """What a dead process left at a place is taken at once by who has that place's lock now."""
    with another(60.0).lease("here"):
        assert not taken(another(60.0), "there")
        assert taken(another(60.0), "here")


def test_it_is_held_while_its_holder_lives(another: Another) -> None:
    """Signs of life keep the lease beyond its time."""
    ours, theirs = another(), another()
    with ours.lease("here"):
        for _time in range(4):
            time.sleep(SHORT / 2)
            assert not taken(theirs, "there")


def test_the_clock_is_the_database_s(another: Another) -> None:
    """A lease ends by the clock of the database, to which its time is a time like any other."""
    ledger = another()
    with ledger.begin() as tx:
        now, ahead, again = tx.execute(sa.select(clock(tx), clock(tx, 1.5), clock(tx))).one()
        tx.execute(sa.update(t.heartbeats).values(until=clock(tx, 1.0)))
        later = tx.execute(sa.select(t.heartbeats.c.until > clock(tx))).scalar_one()
        earlier = tx.execute(sa.select(t.heartbeats.c.until > clock(tx, 3600.0))).scalar_one()
    assert (True, False) == (bool(later), bool(earlier))
    assert 1.0 < (ahead - now).total_seconds() < 2.0
    assert again >= now


def test_who_lost_it_commits_nothing(another: Another) -> None:
    """A transaction that began under the lease and ends after another has taken it is undone, and so is every later
    one; what was committed before stays."""
    ours, theirs = another(), another()
    with ours.lease("here"):
        with ours.begin() as tx:
            delivery(tx, "before")
        with pytest.raises(StoreFault, match="接管"), ours.begin() as tx:
            delivery(tx, "under way")
            lose(theirs, tx)
        with theirs.begin() as tx:
            lose(theirs, tx)
        with pytest.raises(StoreFault, match="接管"), ours.begin() as tx:
            delivery(tx, "after")
    with theirs.begin() as tx:
        assert ["before"] == list(tx.execute(sa.select(t.deliveries.c.content_digest)).scalars())


def lose(theirs: Ledger, under_way: sa.Connection) -> None:
    """Another takes the lease. SQLite has one writer, so there it happens as if just before that transaction began."""
    taking = sa.update(t.leases).values(holder="there", serial=t.leases.c.serial + 1)
    if under_way.dialect.name == "sqlite":
        under_way.execute(taking)
        return
    with theirs.begin() as tx:
        tx.execute(taking)


def test_who_lost_it_gives_nothing_back(another: Another) -> None:
    """A lease that another has taken stays the other's when the first is done, however often it says it lives."""
    ours, theirs = another(), another()
    with ours.lease("here"):
        with theirs.begin() as tx:
            lose(theirs, tx)
        time.sleep(SHORT / 2)
    assert "there" == holder(theirs)


def _work(address: str, place: str, wire: Connection) -> None:
    """Holds the lease, says so, and goes on until it is killed; or works for the slot as a daemon does."""
    ledger = Ledger(address, lease_seconds=SHORT)
    wire.send("ready")
    if wire.recv() == "slot":
        wire.send(_slot(ledger, place))
        return
    with ledger.lease(place):
        with ledger.begin() as tx:
            runs.start(tx, kind="run", actor=place, today=NOW.date())
        wire.send("held")
        wire.recv()


def _slot(ledger: Ledger, place: str) -> int | None:
    for _look in range(LOOKS):
        try:
            with ledger.lease(place), ledger.begin() as tx:
                runs.close_orphans(tx)
                number = runs.start(tx, kind="scheduled", actor=place, today=NOW.date(), slot=SLOT)
                if number is not None:
                    time.sleep(PAUSE)  # there is something to do
                    runs.end(tx, number, "done", {})
                return number
        except TryLater:
            time.sleep(PAUSE)
    raise TimeoutError


def start(address: str, place: str) -> tuple[BaseProcess, Connection]:
    """A process that is ready to work there."""
    ours, theirs = PROCESSES.Pipe()
    process = PROCESSES.Process(target=_work, args=(address, place, theirs), daemon=True)
    process.start()
    theirs.close()
    assert "ready" == ours.recv()
    return process, ours


@pytest.mark.slow
def test_two_wake_for_one_slot(address: str, another: Another) -> None:
    """Two daemons on two hosts wake for one planned time: one runs, and the other finds it done."""
    another()
    both = [start(address, place) for place in ("here", "there")]
    for _process, wire in both:
        wire.send("slot")
    numbers = [wire.recv() for _process, wire in both]
    for process, _wire in both:
        process.join()
    assert [None, 1] == sorted(numbers, key=lambda number: number or 0)
    with another().begin() as tx:
        assert [(SLOT, "done")] == [tuple(row) for row in tx.execute(sa.select(t.runs.c.slot, t.runs.c.state))]


@pytest.mark.slow
def test_a_killed_holder_is_followed(address: str, another: Another) -> None:
    """Whoever is killed holds the lease until it ends; then another takes it over and closes what was left running."""
    ledger = another()
    process, wire = start(address, "there")
    wire.send("hold")
    assert "held" == wire.recv()
    process.kill()
    process.join()
    assert not taken(ledger, "here")
    until(lambda: taken(ledger, "here"))
    with ledger.lease("here"), ledger.begin() as tx:
        runs.close_orphans(tx)
        assert ["interrupted"] == list(tx.execute(sa.select(t.runs.c.state)).scalars())


@pytest.mark.parametrize("database", ["postgresql"])
def test_a_database_that_was_away_finds_the_lease_kept(another: Another, server: Postgresql) -> None:
    """A server that stops and comes back ends the transaction with a fault that says so; the holder goes on under its
    lease, without a new connection of its own making."""
    ours, theirs = another(60.0), another(60.0)
    with ours.lease("here"):
        with pytest.raises(StoreFault, match="gateway doctor"), ours.begin() as tx:
            delivery(tx, "lost")
            server.stop()
        with pytest.raises(StoreFault, match="OperationalError"), ours.begin():
            pass
        server.start()
        with ours.begin() as tx:
            delivery(tx, "kept")
        assert not taken(theirs, "there")
    with theirs.begin() as tx:
        assert ["kept"] == list(tx.execute(sa.select(t.deliveries.c.content_digest)).scalars())


def test_two_migrate_at_once(database: str, new_database: NewDatabase) -> None:
    """Two programs that open a new database at once both find it at the newest schema."""
    address, faults = new_database(database), []

    def migrate() -> None:
        ledger = Ledger(address)
        try:
            ledger.migrate()
            ledger.check()
        except StoreFault as fault:
            faults.append(fault)
        finally:
            ledger.close()

    both = [Thread(target=migrate) for _time in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert [] == faults


@pytest.mark.parametrize("database", ["postgresql"])
def test_who_stands_still_within_a_transaction_gives_its_turn_back(
    another: Another, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A transaction that has a turn and says nothing for long is ended: the next has its turn, and whoever stood still
    commits nothing of it."""
    monkeypatch.setattr(dialect, "SILENT", "1s")
    monkeypatch.setattr(dialect, "_TURN", "20s")
    frozen, other = another(), another()
    with pytest.raises(StoreFault), frozen.begin(turn=True) as tx:
        runs.start(tx, kind="run", actor="frozen", today=NOW.date())
        with other.begin(turn=True) as turn:
            runs.start(turn, kind="run", actor="other", today=NOW.date())
        runs.recent(tx, 1)
    with other.begin() as tx:
        assert ["other"] == [run.actor for run in runs.recent(tx, 10)]


@pytest.mark.parametrize("database", ["postgresql"])
def test_a_host_that_is_gone_holds_nothing_for_long(another: Another) -> None:
    """The server looks whether the other end is there still, and waits for a silent one less long than others for their
    turn."""
    names = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count")
    with another().begin() as tx:
        asked = [int(tx.execute(sa.text(f"SHOW {name}")).scalar_one()) for name in names]
        silent = str(tx.execute(sa.text("SHOW idle_in_transaction_session_timeout")).scalar_one())
    assert [10, 5, 4] == asked
    assert "8min" == silent
