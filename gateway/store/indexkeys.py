"""Which key of the blind index the ledger's digests are under, and all person keys passing to another.

Every transaction of a process that works with digests asks first: what was worked out under a key that is in force no
longer is never written. Takes transactions and mappings from old keys to new; refuses with `StoreFault`.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from gateway.errors import StoreFault
from gateway.store import tables as t
from gateway.store.dialect import among, insert_frame, lock_out, read_frame
from gateway.words import _

#: Code of the fault that ends whoever opened the site under a key that is in force no longer.
CHANGED = "index_changed"
_KEY = pl.Schema({"person_key": pl.Int64()})
_TEMPORARY = sa.MetaData()
_passing = sa.Table(
    "passing",
    _TEMPORARY,
    sa.Column("old", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("new", sa.BigInteger, nullable=False, unique=True),
    prefixes=["TEMPORARY"],
)


def tables_of_people() -> list[sa.Table]:
    """Every table that names people by their keys."""
    return [table for table in t.metadata.sorted_tables if "person_key" in table.c]


def check(tx: sa.Connection, key_id: str, *, alone: bool) -> None:
    """Whether that key is in force, and stays so until the transaction ends; `alone`: nobody else's goes on beside this
    one. The first thing that a transaction asks: what it sees of the rest is of after that. Raises StoreFault."""
    lock_out(tx, t.index_key, alone=alone)
    if in_force(tx)[0] != key_id:
        what = _("索引密钥已更换,本进程不能继续")
        raise StoreFault(what, next_step=_("什么也没有写入;请重新运行该命令"), code=CHANGED)


def in_force(tx: sa.Connection) -> tuple[str, datetime | None]:
    """The id of the key in force, "" = nobody has said so yet; and since when, None = since the ledger is there."""
    row = tx.execute(sa.select(t.index_key.c.key_id, t.index_key.c.since)).one()
    return str(row.key_id), row.since


def set_in_force(tx: sa.Connection, key_id: str, since: datetime | None = None) -> None:
    """From now on the ledger's digests are under that key."""
    tx.execute(sa.update(t.index_key).values(key_id=key_id, since=since))


def people(tx: sa.Connection) -> pl.Series:
    """All person keys that the ledger has, each once."""
    keys = sa.union(*(sa.select(table.c.person_key) for table in tables_of_people())).subquery()
    return read_frame(tx, sa.select(keys.c.person_key).where(keys.c.person_key.is_not(None)), _KEY)["person_key"]


def named(tx: sa.Connection, keys: pl.Series) -> pl.Series:
    """Those of these person keys that the ledger has."""
    asked = keys.sort().to_list()
    found = [pl.DataFrame(schema=_KEY)]
    for table in tables_of_people() if asked else ():
        query = sa.select(table.c.person_key).where(among(tx, table.c.person_key, asked)).distinct()
        found.append(read_frame(tx, query, _KEY))
    return pl.concat(found)["person_key"].unique()


def pass_people(tx: sa.Connection, passing: pl.DataFrame) -> None:
    """Every person key becomes its new one; `passing`: old and new of all that the ledger has. Raises StoreFault where
    one is left."""
    _passing.create(tx)
    insert_frame(tx, _passing, passing.select("old", "new").sort("old"))
    for table in tables_of_people():
        now = sa.update(table).where(table.c.person_key == _passing.c.old).values(person_key=_passing.c.new)
        tx.execute(now)
        new = sa.exists().where(_passing.c.new == table.c.person_key)
        if tx.execute(sa.select(sa.exists().where(table.c.person_key.is_not(None), ~new))).scalar_one():
            what = _("台账中还有旧索引密钥的人员编号({table}),没有更换").format(table=table.name)
            raise StoreFault(what, next_step=_("什么也没有改变;请联系维护人员"))
    _passing.drop(tx)


def cases(tx: sa.Connection) -> list[dict[str, Any]]:
    """id, subject, instance, delivery_id and row of every case."""
    c = t.cases.c
    query = sa.select(c.id, c.subject, c.instance, c.delivery_id, c.row).order_by(c.id)
    return [dict(row._mapping) for row in tx.execute(query)]


def set_subjects(tx: sa.Connection, subjects: Mapping[int, str]) -> None:
    """Case -> its subject."""
    _each(tx, t.cases, ({"b_id": case, "subject": subject} for case, subject in subjects.items()))


def verdicts(tx: sa.Connection) -> list[dict[str, Any]]:
    """id, digest, sealed_claim and excluded of every decision, those undone too."""
    c = t.verdicts.c
    return [dict(r._mapping) for r in tx.execute(sa.select(c.id, c.digest, c.sealed_claim, c.excluded).order_by(c.id))]


def set_verdicts(tx: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """id, digest and excluded of decisions."""
    _each(tx, t.verdicts, ({"b_id": r["id"], "digest": r["digest"], "excluded": r["excluded"]} for r in rows))


def set_hold_digests(tx: sa.Connection, digests: Mapping[int, tuple[str, str]]) -> None:
    """Hold -> the digest of its set before and now; what people approved of it stays approved."""
    for hold, (before, now) in digests.items():
        h, a = t.holds.c, t.approvals.c
        tx.execute(sa.update(t.holds).where(h.id == hold, h.digest == before).values(digest=now))
        tx.execute(sa.update(t.approvals).where(a.hold_id == hold, a.digest == before).values(digest=now))


def set_resolutions(tx: sa.Connection, files: Mapping[int, str]) -> None:
    """Delivery -> the file of its resolutions."""
    _each(tx, t.deliveries, ({"b_id": number, "resolutions_file": name} for number, name in files.items()))


def set_roster(tx: sa.Connection, files: list[str], former: str | None) -> None:
    """The files of the roster in force, and of those who left."""
    newest = sa.select(sa.func.max(t.rosters.c.id)).scalar_subquery()
    tx.execute(sa.update(t.rosters).where(t.rosters.c.id == newest).values(files=files, former=former))


def _each(tx: sa.Connection, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
    given = list(rows)
    if given:
        values: dict[str, Any] = {name: sa.bindparam(name) for name in given[0] if name != "b_id"}
        tx.execute(sa.update(table).where(table.c.id == sa.bindparam("b_id")).values(**values), given)
