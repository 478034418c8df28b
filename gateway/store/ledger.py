"""Opening the ledger, its transactions, and who works with it: one process at a time, by a lease."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Any

import sqlalchemy as sa

from gateway.errors import SettingsFault, StoreFault, TryLater
from gateway.store import audit, indexkeys, leases, schema
from gateway.store import tables as t
from gateway.store.dialect import alone_migrating, is_overtaken, make_engine, said_of, scrub, take_turn
from gateway.words import _

Tx = sa.Connection

#: Seconds that a lease holds without a sign of life: how long a host that is gone keeps the others waiting.
LEASE_SECONDS = 60.0
#: Signs of life within that time: two may be lost.
BEATS = 3


class Ledger:
    """A site's ledger. One per process; threads take transactions of their own."""

    def __init__(self, url: str, *, lease_seconds: float = LEASE_SECONDS) -> None:
        """Raises SettingsFault for an address that names no database that is known here."""
        try:
            self._engine = make_engine(url)
        except sa.exc.ArgumentError:
            # The fault's own text may repeat a password.
            what, step = _("台账数据库地址不对"), _("应为 sqlite:///… 或 postgresql://…;请更正 [site] database")
            raise SettingsFault(what, where="gateway.toml", next_step=step) from None
        self._lease_seconds = lease_seconds
        #: The serial of the lease that this process holds.
        self._lease: int | None = None
        #: The key of the blind index that this process works with; "" = it works with none.
        self.index_key = ""
        #: Whether this process appended something to the audit chain since it was last asked.
        self._appended = False

    def migrate(self) -> None:
        """Brings the database to the newest schema; does nothing where it is."""
        with self._translated(), alone_migrating(self._engine) as connection:
            schema.upgrade(connection)

    @contextmanager
    def begin(self, *, turn: bool = False, alone: bool = False) -> Iterator[Tx]:
        """A transaction: all of it commits, or none. Raises StoreFault, also where this process held the lease and
        another has taken it, or another has changed the key of the blind index: then it commits nothing any more.

        `turn`: one at a time among all processes, for what people and runs change alike, such as a case, a hold or the
        queue; without, the later of two that change one row fails. `alone`: no other transaction goes on meanwhile. Not
        within another.
        """
        with self._transaction() as connection:
            if turn:
                take_turn(connection)
            if self.index_key:
                indexkeys.check(connection, self.index_key, alone=alone)
            audit.begin(connection)
            yield connection
            if self._lease is not None and not self._still_held(connection, self._lease):
                raise StoreFault(
                    _("运行权已由另一台主机接管,本次运行到此为止"),
                    next_step=_("无需处理:由接管者从已提交处继续;可用 gateway runs 查看"),
                )
            appended = audit.append(connection)
        self._appended |= appended

    def _still_held(self, tx: Tx, serial: int) -> bool:
        try:
            return leases.held(tx, serial)
        except sa.exc.DBAPIError as fault:
            if is_overtaken(fault):  # the lease changed since the transaction began
                return False
            raise

    @contextmanager
    def lease(self, place: str) -> Iterator[None]:
        """Nobody else works meanwhile, on whatever host. Raises TryLater where somebody does.

        `place`: where the caller holds a lock that no second process has.
        """
        serial = self._take(place)
        if serial is None:
            what = _("另一台主机上的运行正在进行")
            step = _("请等它结束后再试;那台主机若已停机,{n} 秒后可接管").format(n=round(self._lease_seconds))
            raise TryLater(what, next_step=step)
        self._lease, over = serial, Event()
        beats = Thread(target=self._beat, args=(serial, over), name="lease", daemon=True)
        beats.start()
        try:
            yield
        finally:
            over.set()
            beats.join()
            self._lease = None
            # Where the database is away, the lease runs out by itself.
            with suppress(StoreFault), self._transaction() as tx:
                leases.release(tx, serial)

    def _take(self, place: str) -> int | None:
        with self._transaction() as tx:
            try:
                return leases.take(tx, place, self._lease_seconds)
            except sa.exc.DBAPIError as fault:
                if is_overtaken(fault):  # another was faster
                    return None
                raise

    def _beat(self, serial: int, over: Event) -> None:
        while not over.wait(self._lease_seconds / BEATS):
            # A database that is away may be back for the next one.
            with suppress(StoreFault), self._transaction() as tx:
                leases.renew(tx, serial, self._lease_seconds)

    def works_under(self, key_id: str) -> str:
        """The key of the blind index in force, under which this process works from now on: that one where the ledger
        has named none yet."""
        with self._transaction() as tx:
            known, _since = indexkeys.in_force(tx)
        if not known:
            with self._transaction() as tx:
                take_turn(tx)
                known = indexkeys.in_force(tx)[0] or key_id
                indexkeys.set_in_force(tx, known)
        self.index_key = known
        return known

    def scrub(self) -> None:
        """What was overwritten is on the disk no longer (`dialect.scrub`). Not within a transaction."""
        with self._translated():
            scrub(self._engine)

    def appended(self) -> bool:
        """Whether something was recorded since this was last asked."""
        appended, self._appended = self._appended, False
        return appended

    def check(self) -> None:
        """Asks the database for one thing. Raises StoreFault when it does not answer."""
        with self.begin() as tx:
            tx.execute(sa.select(sa.func.count()).select_from(t.runs)).scalar_one()

    def close(self) -> None:
        """Gives back all connections."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[Tx]:
        with self._translated(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error) as fault:
            what = _("台账数据库出错:{detail}").format(detail=said_of(fault))
            raise StoreFault(what, next_step=_("请运行 gateway doctor 检查数据库与磁盘")) from None


def now() -> datetime:
    """The time as the ledger stores it: UTC without zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def inserted_id(result: sa.CursorResult[Any]) -> int:
    """The key of the row that an insert made."""
    assert result.inserted_primary_key is not None
    return int(result.inserted_primary_key[0])


def record_act(tx: Tx, *, actor: str, act: str, **detail: Any) -> None:
    """Writes down what somebody did, in the transaction in which it is done. No names, no numbers in `detail`.

    It is in the audit chain, and can be read, once the transaction has committed.
    """
    audit.note(tx, now(), actor, act, detail)


#: Whoever did what no run and nobody else did.
GATEWAY = "gateway"


def record_event(tx: Tx, act: str, **detail: Any) -> None:
    """Writes down what came of somebody's run, with its number: what was taken, sent, answered. Otherwise as
    `record_act`; counts, ids and digests only."""
    c = t.runs.c
    run = tx.execute(sa.select(c.id, c.actor, c.state).order_by(c.id.desc()).limit(1)).first()
    if run is not None and run.state == "running":  # there is one at a time
        record_act(tx, actor=run.actor, act=act, **{"run": run.id, **detail})
    else:
        record_act(tx, actor=GATEWAY, act=act, **detail)


@dataclass(frozen=True, kw_only=True)
class ActRow:
    """What somebody did."""

    #: The entry's number in the audit chain.
    id: int
    at: datetime
    actor: str
    act: str
    detail: dict[str, Any]


def acts(tx: Tx, *kinds: str) -> list[ActRow]:
    """All that was done of these kinds, oldest first."""
    c = t.acts.c
    query = sa.select(c.id, c.at, c.actor, c.act, c.detail).where(c.act.in_(kinds)).order_by(c.id)
    return [ActRow(**row._mapping) for row in tx.execute(query)]
