"""Worklists: which cases went to which clerk, and what was shown of each, as a digest."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from gateway.store import tables as t
from gateway.store.ledger import Tx, inserted_id, now


@dataclass(frozen=True, kw_only=True)
class WorklistRow:
    """One worklist that left the site."""

    id: int
    county: str
    #: The one clerk who may answer.
    clerk: str
    #: UTC.
    exported_at: datetime
    exported_by: str
    #: Case -> keyed digest of what was shown of it, 63 bits.
    cases: Mapping[int, int]


def add(tx: Tx, *, county: str, clerk: str, actor: str, cases: Mapping[int, int]) -> int:
    """Writes down a worklist whose file is yet to be made; its number, which the file carries."""
    values = {"county": county, "clerk": clerk, "exported_at": now(), "exported_by": actor}
    shown = {str(case): digest for case, digest in cases.items()}
    return inserted_id(tx.execute(sa.insert(t.worklists).values(**values, file_digest="", cases=shown)))


def made(tx: Tx, number: int, file_digest: str) -> None:
    """Writes down which file it became."""
    tx.execute(sa.update(t.worklists).where(t.worklists.c.id == number).values(file_digest=file_digest))


def get(tx: Tx, number: int) -> WorklistRow | None:
    """One worklist; None where there is none of that number."""
    c = t.worklists.c
    query = sa.select(c.id, c.county, c.clerk, c.exported_at, c.exported_by, c.cases).where(c.id == number)
    row = tx.execute(query).first()
    if row is None:
        return None
    values = dict(row._mapping)
    return WorklistRow(**{**values, "cases": {int(case): digest for case, digest in values["cases"].items()}})
