"""The audit chain at rest: entries and checkpoints are appended, and never touched again.

An entry is noted while its transaction does what it records, and appended as the last thing before the commit: so both
commit or neither, and the chain has one order whoever writes. What an entry holds is in `gateway/audit/form.py`.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from gateway.audit import ORIGIN, Checkpoint, entry_line, hash_of
from gateway.audit.form import canonical
from gateway.redact import redacted
from gateway.store import tables as t
from gateway.store.dialect import appending
from gateway.vault import sm3_new

Begun = AbstractContextManager[sa.Connection]
#: Under which a transaction keeps what it noted.
_NOTED = "audit"
#: Under these names an entry keeps the keyed digest of a person, which has as many digits as an identity number.
SHOWN = frozenset({"person", "person_key"})
#: Entries that are read at once.
_SLICE = 20_000
_acts = t.acts.c


@dataclass(frozen=True, kw_only=True)
class ActEntry:
    """One entry, as people read it."""

    #: Its number in the chain.
    id: int
    #: UTC.
    at: datetime
    actor: str
    act: str
    detail: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Anchored:
    """How far checkpoints have left for a place outside."""

    place: str
    #: The last checkpoint that left; 0 = none.
    number: int
    #: When it left, or since when none could leave (UTC).
    at: datetime
    #: Why not; "" = it did.
    fault: str


@dataclass(frozen=True, kw_only=True)
class _Noted:
    at: datetime
    actor: str
    act: str
    detail: str


def digest_of(frame: pl.DataFrame) -> str:
    """SM3 of a frame's rows as CSV, in their order: what an entry says of what it does not repeat."""
    running = sm3_new()
    for part in frame.iter_slices(_SLICE):
        running.update(part.write_csv(include_header=False).encode())
    return running.hexdigest()


@contextmanager
def digesting(frame: pl.DataFrame) -> Iterator[Callable[[], str]]:
    """`digest_of`, beside what is done meanwhile: what is given waits for it."""
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(digest_of, frame).result


def begin(tx: sa.Connection) -> None:
    """Nothing is noted yet."""
    tx.info[_NOTED] = []


def note(tx: sa.Connection, at: datetime, actor: str, act: str, detail: dict[str, Any]) -> None:
    """An entry for the end of this transaction, as `detail` is now, redacted. Raises TypeError for what JSON has no
    form for."""
    said = redacted(json.loads(canonical(detail)), SHOWN)
    tx.info[_NOTED].append(_Noted(at=at, actor=actor, act=act, detail=canonical(said)))


def append(tx: sa.Connection) -> bool:
    """Appends what was noted, if anything was. The transaction does nothing after this but commit."""
    noted: list[_Noted] = tx.info[_NOTED]
    if not noted:
        return False
    with appending(tx) as newest:
        last, digest = tip(newest)
        rows = []
        for seq, one in enumerate(noted, last + 1):
            digest = hash_of(_line(seq, one.at, one.actor, one.act, one.detail, digest))
            rows.append({"id": seq, **vars(one), "hash": digest})
        tx.execute(sa.insert(t.acts), rows)
    return True


def tip(tx: sa.Connection) -> tuple[int, str]:
    """Number of the last entry, and the digest that it is said to have."""
    row = tx.execute(sa.select(_acts.id, _acts.hash).order_by(_acts.id.desc()).limit(1)).first()
    return (row.id, row.hash) if row else (0, ORIGIN)


def _line(seq: int, at: object, actor: object, act: object, detail: object, previous: str) -> bytes:
    # SQLite's own text of a time, where it is read as it stands.
    said = f"{at:%Y-%m-%dT%H:%M:%S.%f}" if isinstance(at, datetime) else str(at).replace(" ", "T")
    return entry_line(seq=seq, at=f"{said}Z", actor=str(actor), act=str(act), detail=str(detail), previous=previous)


def lines(opened: Callable[[], Begun], last: int) -> Iterator[bytes]:
    """The chain up to an entry, lines with their ends: each checkpoint behind the entry up to which it covers.

    Read as it stands, whatever was done to it; in short transactions (`opened`: `Ledger.begin`), so that nobody waits.
    """
    c = t.audit_checkpoints.c
    with opened() as tx:
        query = sa.select(c.seq, c.line).where(c.seq <= last).order_by(c.number)
        signed = [(row.seq, f"{row.line}\n".encode()) for row in tx.execute(query)]
    previous, at = ORIGIN, 0
    for row in _rows(opened, last):
        yield _line(row.id, row.at, row.actor, row.act, row.detail, previous) + b"\n"
        previous = str(row.hash)
        while at < len(signed) and signed[at][0] <= row.id:
            yield signed[at][1]
            at += 1
    yield from (line for _seq, line in signed[at:])


def _rows(opened: Callable[[], Begun], last: int) -> Iterator[Any]:  # SQLAlchemy's rows
    raw = [sa.type_coerce(_acts[name], sa.Text()).label(name) for name in ("actor", "act", "detail", "hash")]
    at = sa.type_coerce(_acts.at, sa.types.NullType()).label("at")
    query = sa.select(_acts.id, at, *raw).where(_acts.id <= last).order_by(_acts.id).limit(_SLICE)
    page = query
    while True:
        with opened() as tx:
            rows = tx.execute(page).all()
        yield from rows
        if len(rows) < _SLICE:
            return
        page = query.where(_acts.id > rows[-1].id)


def sign(tx: sa.Connection, key: str, signature: Callable[[bytes], bytes]) -> None:
    """A checkpoint over all that was committed, where something came since the last one. `key`: the public one.

    The transaction does nothing after this but commit."""
    with appending(tx) as newest:
        number, covered, before = _last_signed(newest)
        seq, digest = tip(newest)
        if seq == covered:
            return
        found = Checkpoint(
            number=number + 1,
            seq=seq,
            hash=digest,
            at=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
            previous=before,
            key=key,
        )
        signed = replace(found, signature=signature(found.signed()).hex())
        row = {"number": signed.number, "seq": seq, "line": signed.line().decode()}
        tx.execute(sa.insert(t.audit_checkpoints).values(row))


def _last_signed(tx: sa.Connection) -> tuple[int, int, str]:
    """Number of the last checkpoint, the entry up to which it covers, and its digest."""
    c = t.audit_checkpoints.c
    row = tx.execute(sa.select(c.number, c.seq, c.line).order_by(c.number.desc()).limit(1)).first()
    return (row.number, row.seq, hash_of(row.line.encode())) if row else (0, 0, ORIGIN)


def signed_to(tx: sa.Connection) -> tuple[int, int]:
    """The entry up to which the chain is signed, and by how many checkpoints."""
    number, covered, _digest = _last_signed(tx)
    return covered, number


def newest_checkpoint(tx: sa.Connection) -> tuple[int, str] | None:
    """Number and line of the last checkpoint; None where there is none."""
    c = t.audit_checkpoints.c
    row = tx.execute(sa.select(c.number, c.line).order_by(c.number.desc()).limit(1)).first()
    return (row.number, row.line) if row else None


def entries(tx: sa.Connection, *, act: str, actor: str, limit: int) -> list[ActEntry]:
    """The newest entries, newest first: those whose act begins so, and of this actor; "" = of any."""
    query = sa.select(*(_acts[name] for name in ("id", "at", "actor", "act", "detail"))).order_by(_acts.id.desc())
    query = query.where(_acts.act.startswith(act, autoescape=True)) if act else query
    query = query.where(_acts.actor == actor) if actor else query
    return [ActEntry(**row._mapping) for row in tx.execute(query.limit(limit))]


def anchored(tx: sa.Connection) -> list[Anchored]:
    """Every place to which checkpoints were sent."""
    c = t.audit_anchors.c
    return [Anchored(**row._mapping) for row in tx.execute(sa.select(t.audit_anchors).order_by(c.place))]


def keep_anchored(tx: sa.Connection, now_is: Anchored) -> None:
    """How far checkpoints have left for that place now."""
    c = t.audit_anchors.c
    values = {name: value for name, value in vars(now_is).items() if name != "place"}
    if not tx.execute(sa.update(t.audit_anchors).where(c.place == now_is.place).values(values)).rowcount:
        tx.execute(sa.insert(t.audit_anchors).values(vars(now_is)))
