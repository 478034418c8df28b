"""Sealed values of the ledger, as far as one passes from key to key: which there are, and each replaced by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from gateway.store import tables as t
from gateway.store.ledger import Tx


@dataclass(frozen=True, kw_only=True)
class SealedValue:
    """One sealed value."""

    #: Its row's key.
    key: int | str
    sealed: bytes


def claims(tx: Tx) -> list[SealedValue]:
    """What rows said about which people decided."""
    return _values(tx, t.verdicts.c.id, t.verdicts.c.sealed_claim)


def inputs(tx: Tx) -> list[SealedValue]:
    """Inputs of messages that may have to be repeated; of an answered one nothing is kept."""
    return _values(tx, t.messages.c.msgid, t.messages.c.sealed_input, t.messages.c.state == "open")


def replace_claims(tx: Tx, anew: Mapping[int | str, bytes]) -> None:
    """Other seals of the same claims."""
    _replace(tx, t.verdicts.c.id, t.verdicts.c.sealed_claim, anew)


def replace_inputs(tx: Tx, anew: Mapping[int | str, bytes]) -> None:
    """Other seals of the same inputs. Under the site's lock only: a run writes these rows."""
    _replace(tx, t.messages.c.msgid, t.messages.c.sealed_input, anew)


def _values(
    tx: Tx, key: sa.Column[int] | sa.Column[str], sealed: sa.Column[bytes], *which: sa.ColumnElement[bool]
) -> list[SealedValue]:
    query = sa.select(key, sealed).where(*which).order_by(key)
    return [SealedValue(key=row[0], sealed=row[1]) for row in tx.execute(query)]  # type: ignore[arg-type]


def _replace(
    tx: Tx, key: sa.Column[int] | sa.Column[str], sealed: sa.Column[bytes], anew: Mapping[int | str, bytes]
) -> None:
    rows: Sequence[Mapping[str, object]] = [{"b_key": at, "b_sealed": value} for at, value in anew.items()]
    if rows:
        update = sa.update(key.table).where(key == sa.bindparam("b_key")).values({sealed: sa.bindparam("b_sealed")})
        tx.execute(update, list(rows))
