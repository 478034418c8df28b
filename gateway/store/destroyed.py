"""Which sealed files of deliveries were destroyed at the end of their time, as each delivery's row keeps it.

What is to go is written down before it goes, with the ids of its keys, and how it went afterwards: whoever is killed in
between leaves a row that says what is left to do.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from gateway.store import tables as t
from gateway.store.ledger import Tx

#: Where in a delivery's landing it stands: `files`, name -> id of the data key, and `certificate`, "" = not yet.
_FIELD = "destroyed"


def begin(tx: Tx, files: Mapping[int, Mapping[str, str]]) -> None:
    """Delivery -> name and key id of each of its files that is to be destroyed."""
    for delivery, keys in files.items():
        _set(tx, delivery, {"files": dict(keys), "certificate": ""})


def under_way(tx: Tx) -> dict[int, Mapping[str, str]]:
    """What was begun and has no certificate yet, as for `begin`."""
    found = {}
    for row in tx.execute(sa.select(t.deliveries.c.id, t.deliveries.c.landing)):
        told = row.landing.get(_FIELD)
        if told and not told["certificate"]:
            found[int(row.id)] = told["files"]
    return found


def end(tx: Tx, deliveries: Sequence[int], certificate: str) -> None:
    """They are gone; which certificate says so."""
    for delivery in deliveries:
        _set(tx, delivery, {**_landing(tx, delivery)[_FIELD], "certificate": certificate})


def is_destroyed(landing: Mapping[str, Any]) -> bool:  # JSON
    """Whether a delivery's originals are gone, or going."""
    return _FIELD in landing


def _landing(tx: Tx, delivery: int) -> dict[str, Any]:  # JSON
    landing = tx.execute(sa.select(t.deliveries.c.landing).where(t.deliveries.c.id == delivery)).scalar_one()
    return dict(landing)


def _set(tx: Tx, delivery: int, told: Mapping[str, Any]) -> None:
    landing = {**_landing(tx, delivery), _FIELD: told}
    tx.execute(sa.update(t.deliveries).where(t.deliveries.c.id == delivery).values(landing=landing))
