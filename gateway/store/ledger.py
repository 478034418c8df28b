"""Opening the ledger, and its transactions."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from gateway.errors import StoreFault
from gateway.store import tables as t
from gateway.store.dialect import make_engine
from gateway.words import _

Tx = sa.Connection


class Ledger:
    """A site's ledger. One per process; threads take transactions of their own."""

    def __init__(self, url: str) -> None:
        self._engine = make_engine(url)

    def migrate(self) -> None:
        """Brings the database to the newest schema; does nothing where it is."""
        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        with self._translated(), self._engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @contextmanager
    def begin(self) -> Iterator[Tx]:
        """A transaction: all of it commits, or none. Raises StoreFault."""
        with self._translated(), self._engine.begin() as connection:
            yield connection

    def check(self) -> None:
        """Asks the database for one thing. Raises StoreFault when it does not answer."""
        with self.begin() as tx:
            tx.execute(sa.select(sa.func.count()).select_from(t.runs)).scalar_one()

    def close(self) -> None:
        """Gives back all connections."""
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error) as fault:
            # Only the driver's class and short message: statements and parameters may be somebody.
            origin = getattr(fault, "orig", None) or fault
            detail = f"{type(origin).__name__} {str(origin).splitlines()[0][:120] if origin is not fault else ''}"
            what = _("台账数据库出错:{detail}").format(detail=detail.strip())
            raise StoreFault(what, next_step=_("请运行 gateway doctor 检查数据库与磁盘")) from None


def now() -> datetime:
    """The time as the ledger stores it: UTC without zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def inserted_id(result: sa.CursorResult[Any]) -> int:
    """The key of the row that an insert made."""
    assert result.inserted_primary_key is not None
    return int(result.inserted_primary_key[0])


def record_act(tx: Tx, *, actor: str, act: str, **detail: Any) -> None:
    """Writes down what somebody did, in the transaction in which it is done. No names, no numbers in `detail`."""
    tx.execute(sa.insert(t.acts).values(at=now(), actor=actor, act=act, detail=detail))
