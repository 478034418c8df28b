"""Which sealed files of deliveries were destroyed at the end of their time, as each delivery's row keeps it.

What is to go is written down before it goes, with the ids of its keys, and how it went afterwards: whoever is killed in
between leaves a row that says what is left to do.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from gateway.store import checkpoints
from gateway.store import tables as t
from gateway.store.deliveries import ROWS_ENDED
from gateway.store.ledger import Tx

#: What of a delivery goes: its originals, or its rows, which are its entries and resolutions; and where in its landing
#: that stands: `files`, name -> id of the data key, and `certificate`, "" = not yet.
ORIGINALS, ROWS = "originals", "rows"
_FIELDS = {ORIGINALS: "destroyed", ROWS: ROWS_ENDED}
#: (delivery, what of it) -> name and key id of each file.
Going = Mapping[tuple[int, str], Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class Stays:
    """What takes the place of a list's rows that go."""

    #: Names of the sealed files.
    entries: str
    resolutions: str
    #: The list that was the last to replace it.
    replaced_by: int


def begin(tx: Tx, files: Going, stays: Mapping[int, Stays]) -> None:
    """What is to be destroyed; of a delivery's rows no row of the ledger names the files any more. What was derived
    from lists of which something `stays` is derived anew."""
    for (delivery, what), keys in files.items():
        told: dict[str, Any] = {"files": dict(keys), "certificate": ""}
        if what == ROWS:
            left = stays.get(delivery)
            if left:
                told["replaced_by"] = left.replaced_by
            named = (left.entries, left.resolutions) if left else (None, None)
            gone = sa.update(t.deliveries).where(t.deliveries.c.id == delivery)
            tx.execute(gone.values(entries_file=named[0], resolutions_file=named[1]))
        _set(tx, delivery, what, told)
    if stays:
        checkpoints.clear(tx)


def under_way(tx: Tx) -> dict[tuple[int, str], Mapping[str, str]]:
    """What was begun and has no certificate yet, as for `begin`."""
    found = {}
    for row in tx.execute(sa.select(t.deliveries.c.id, t.deliveries.c.landing)):
        for what, field in _FIELDS.items():
            told = row.landing.get(field)
            if told and not told["certificate"]:
                found[int(row.id), what] = told["files"]
    return found


def end(tx: Tx, gone: Iterable[tuple[int, str]], certificate: str) -> None:
    """They are gone; which certificate says so."""
    for delivery, what in gone:
        _set(tx, delivery, what, {**_landing(tx, delivery)[_FIELDS[what]], "certificate": certificate})


def is_destroyed(landing: Mapping[str, Any], what: str) -> bool:  # JSON
    """Whether this of a delivery is gone, or going."""
    return _FIELDS[what] in landing


def _landing(tx: Tx, delivery: int) -> dict[str, Any]:  # JSON
    landing = tx.execute(sa.select(t.deliveries.c.landing).where(t.deliveries.c.id == delivery)).scalar_one()
    return dict(landing)


def _set(tx: Tx, delivery: int, what: str, told: Mapping[str, Any]) -> None:
    landing = {**_landing(tx, delivery), _FIELDS[what]: told}
    tx.execute(sa.update(t.deliveries).where(t.deliveries.c.id == delivery).values(landing=landing))
