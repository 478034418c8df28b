"""The lease: one process at a time works for the site, whatever hosts share the ledger.

It has a holder, a serial that each taking counts up, and a time until which it holds without another heartbeat, by the
database's clock. The time is in a table of its own: a transaction locks the lease's row before it commits, and its view
of that row must not be outdated by every heartbeat.
"""

import sqlalchemy as sa

from gateway.store import tables as t
from gateway.store.dialect import clock

#: The one lease there is.
RUN = "run"
_lease, _beat = t.leases.c, t.heartbeats.c


def take(tx: sa.Connection, place: str, seconds: float) -> int | None:
    """Takes the lease for so long; its serial. None where somebody at another place holds it.

    `place`: where at most one process takes it at a time, since it holds a lock there: whoever took it there before is
    gone, and what they left needs no waiting for.
    """
    row = tx.execute(sa.select(_lease.holder, _lease.serial).where(_lease.name == RUN).with_for_update()).one()
    until = sa.select(_beat.until > clock(tx)).where(_beat.name == RUN)
    if row.holder not in ("", place) and tx.execute(until).scalar_one():
        return None
    serial = int(row.serial) + 1
    tx.execute(sa.update(t.leases).where(_lease.name == RUN).values(holder=place, serial=serial))
    tx.execute(sa.update(t.heartbeats).where(_beat.name == RUN).values(until=clock(tx, seconds)))
    return serial


def renew(tx: sa.Connection, serial: int, seconds: float) -> None:
    """Holds it for so long from now; does nothing where another has taken it."""
    mine = sa.exists().where(_lease.name == RUN, _lease.serial == serial)
    tx.execute(sa.update(t.heartbeats).where(_beat.name == RUN, mine).values(until=clock(tx, seconds)))


def release(tx: sa.Connection, serial: int) -> None:
    """Gives it back; does nothing where another has taken it."""
    tx.execute(sa.update(t.leases).where(_lease.name == RUN, _lease.serial == serial).values(holder=""))


def held(tx: sa.Connection, serial: int) -> bool:
    """Whether nobody has taken it since; until the transaction ends, nobody can."""
    query = sa.select(_lease.serial).where(_lease.name == RUN).with_for_update(read=True)
    return int(tx.execute(query).scalar_one()) == serial
