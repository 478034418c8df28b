"""Checkpoints: how far settling has come, per instance, and ("") what the last settlement worked with.

They are no truth of their own: everything in them can be derived anew, and is where they do not fit.
"""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from gateway.store import tables as t
from gateway.store.ledger import Tx


def read(tx: Tx) -> dict[str, dict[str, Any]]:  # JSON
    """Instance → checkpoint."""
    c = t.checkpoints.c
    return {row.instance: row.detail for row in tx.execute(sa.select(c.instance, c.detail))}


def write(tx: Tx, checkpoints: Mapping[str, Mapping[str, Any]]) -> None:
    """Replaces those of these instances; the others stay."""
    c = t.checkpoints.c
    for instance, detail in checkpoints.items():
        tx.execute(sa.delete(t.checkpoints).where(c.instance == instance))
        tx.execute(sa.insert(t.checkpoints).values(instance=instance, detail=dict(detail)))


def clear(tx: Tx) -> None:
    """Forgets them all."""
    tx.execute(sa.delete(t.checkpoints))


def files_in_use(tx: Tx) -> set[str]:
    """Names of the sealed files that they hold."""
    return {name for detail in read(tx).values() for names in detail.get("files", {}).values() for name in names}
