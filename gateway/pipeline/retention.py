"""The end of sealed originals: which are past their time and needed by nobody, and how they go for good.

What a list said rests in its entries, from which everything is derived anew, and these stay; so do flags and their
history, which name nobody. The original of a list is evidence, and goes when its time is over, by its key: the wrapped
data key is overwritten on the disk, then the file is removed, and a signed certificate names keys and files. Kept,
however old, are those of lists in force for any scope, of lists that wait for anybody, and with an open case or hold.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.errors import SealBroken
from gateway.model.deliveries import DeliveryState
from gateway.pipeline.certificates import certify
from gateway.pipeline.known import on_disk
from gateway.pipeline.work import in_force
from gateway.site import Site
from gateway.store import decisions, deliveries, destroyed
from gateway.store.deliveries import DeliveryRow
from gateway.vault.rewrap import header_of, shred


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A delivery whose originals are past their time."""

    delivery: int
    instance: str
    name: str
    state: str
    arrived_at: datetime
    #: Names of its sealed originals.
    files: tuple[str, ...]


def ended(site: Site, at: datetime) -> list[Ended]:
    """Deliveries whose originals may go, oldest first. `at`: UTC without zone."""
    limits = {
        DeliveryState.APPLIED: site.settings.retention.originals,
        DeliveryState.REFUSED: site.settings.retention.refused,
    }
    with site.ledger.begin() as tx:
        rows = deliveries.select(tx)
        needed = decisions.deliveries_waiting(tx)
    needed |= {row for row, scopes in in_force([r for r in rows if r.state == DeliveryState.APPLIED]).items() if scopes}
    return [
        _ended(row)
        for row in rows
        if (days := limits.get(DeliveryState(row.state), 0))
        and row.arrived_at + timedelta(days=days) <= at
        and row.id not in needed
        and not destroyed.is_destroyed(row.landing)
    ]


def destroy(site: Site, some: Sequence[Ended]) -> str:
    """Destroys these originals, and what an earlier try left: the certificate's name, "" where there was nothing.

    Under the site's lock. Raises DiskFault, StoreFault; the next call goes on where this one stopped.
    """
    with on_disk():
        keys = {one.delivery: {name: _key_id(site, name) for name in one.files} for one in some}
        with site.ledger.begin() as tx:
            destroyed.begin(tx, keys)
        with site.ledger.begin() as tx:
            going = destroyed.under_way(tx)
        if not going:
            return ""
        for name in (name for files in going.values() for name in files):
            with suppress(FileNotFoundError):  # an earlier try came so far
                shred(site.archive / name)
        certificate = certify(site, "files", deliveries=_told(going))
    with site.ledger.begin() as tx:
        destroyed.end(tx, list(going), certificate)
    return certificate


def _ended(row: DeliveryRow) -> Ended:
    files = tuple(sorted({file["sealed"] for file in row.landing.get("files", [])}))
    return Ended(
        delivery=row.id, instance=row.instance, name=row.name, state=row.state, arrived_at=row.arrived_at, files=files
    )


def _key_id(site: Site, name: str) -> str:
    """The id of a file's data key; "" of one that does not open, or is gone."""
    with suppress(SealBroken, FileNotFoundError):
        return header_of(site.keyring.sealer.epochs, site.archive / name).key_id
    return ""


def _told(going: Mapping[int, Mapping[str, str]]) -> list[dict[str, object]]:
    files = {number: [{"file": name, "key_id": key} for name, key in of.items()] for number, of in going.items()}
    return [{"delivery": number, "files": told} for number, told in files.items()]
