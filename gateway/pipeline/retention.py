"""The end of what was kept long enough: which is past its time and needed by nobody, and how it goes for good.

Originals are evidence; lists of payments are looked at once; what was refused is nothing to anybody. These go when
their time is over, by their keys: the wrapped data key is overwritten on the disk, then the file is removed, and a
signed certificate names keys and files. Of lists of people everything is derived anew: their rows go once they were
replaced for good, and what they said stays (`thinned`), as do flags and their history, which name nobody. Kept, however
old, are originals of lists in force for any scope, and all of lists that wait for anybody, with an open case or hold,
or without their receipt.
"""

from collections.abc import Iterator, Sequence, Set
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from gateway.errors import SealBroken
from gateway.model.deliveries import DeliveryState
from gateway.pipeline import thinned
from gateway.pipeline.certificates import certify
from gateway.pipeline.checkpoint import SITE, site_terms
from gateway.pipeline.known import on_disk
from gateway.pipeline.replaced import replaced
from gateway.pipeline.settlement import USABLE
from gateway.pipeline.work import in_doubt, in_force, mapping_of
from gateway.site import Site
from gateway.store import Tx, checkpoints, decisions, deliveries, destroyed, rosters, verdicts
from gateway.store.deliveries import DeliveryRow
from gateway.store.destroyed import ORIGINALS, ROWS, Going, Stays
from gateway.vault.rewrap import header_of, shred


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A delivery of which something is past its time."""

    delivery: int
    #: `store.destroyed.ORIGINALS` or `ROWS`.
    what: str
    instance: str
    name: str
    state: str
    arrived_at: datetime
    #: Names of its sealed files.
    files: tuple[str, ...]
    #: Of a list of people whose rows go: the list that was the last to replace it. None = nothing of it stays.
    replaced_by: int | None = None


def ended(site: Site, at: datetime) -> list[Ended]:
    """What may go, oldest delivery first. `at`: UTC without zone."""
    with site.ledger.begin() as tx:
        rows = deliveries.select(tx)
        waited_for = decisions.deliveries_waiting(tx)
        decided, settled = decisions.decided(tx), _is_settled(site, tx)
    doubted = in_doubt(decided)
    applied = [row for row in rows if row.state == DeliveryState.APPLIED]
    in_use = {row for row, scopes in in_force(applied, doubted).items() if scopes}
    by_arrival = [
        _ended(row, what)
        for row in rows
        if row.id not in waited_for
        for what, days in _periods(site, row, in_force=row.id in in_use)
        if days and row.arrived_at + timedelta(days=days) <= at and not destroyed.is_destroyed(row.landing, what)
    ]
    lists = _of_people(site, rows).values() if settled else ()
    of_people = [one for some in lists for one in _replaced(site, some, waited_for, doubted, at)]
    return sorted([*by_arrival, *of_people], key=lambda one: (one.delivery, one.what))


def _is_settled(site: Site, tx: Tx) -> bool:
    """Whether the last settlement worked with the roster and the decisions there are: a list whose rows end counts as
    it was resolved by them."""
    version = rosters.newest(tx)
    terms = site_terms(site, roster=version.digest if version else "", verdicts=verdicts.serial(tx))
    return checkpoints.read(tx).get(SITE, {}).get("terms") == terms


def _of_people(site: Site, rows: Sequence[DeliveryRow]) -> dict[str, list[DeliveryRow]]:
    """Instance -> its usable lists of people."""
    found: dict[str, list[DeliveryRow]] = {}
    for row in rows:
        if row.state in USABLE and mapping_of(site, row).statements:
            found.setdefault(row.instance, []).append(row)
    return found


def _replaced(
    site: Site, rows: Sequence[DeliveryRow], waited_for: Set[int], doubted: Set[tuple[int, str]], at: datetime
) -> Iterator[Ended]:
    """Lists of people of one instance whose rows may go: from the first on, in the order in which they count."""
    days = timedelta(days=site.settings.retention.people)
    for row, behind in replaced(rows, doubted) if days else ():
        if row.ended:
            continue
        quiet = max(one.arrived_at for one in (row, *behind))
        if row.id in waited_for or not _is_told(site, row) or quiet + days > at:
            return
        yield _ended(row, ROWS, replaced_by=behind[-1].id)


def _periods(site: Site, row: DeliveryRow, *, in_force: bool) -> list[tuple[str, int]]:
    """What of a delivery has a period, and how many days; 0 = none."""
    periods = site.settings.retention
    if row.state == DeliveryState.REFUSED:
        return [(ORIGINALS, periods.refused), (ROWS, periods.refused if row.entries_file else 0)]
    if row.state != DeliveryState.APPLIED:
        return []
    told = _is_told(site, row) and not mapping_of(site, row).statements
    return [(ORIGINALS, 0 if in_force else periods.originals), (ROWS, periods.payments if told else 0)]


def _is_told(site: Site, row: DeliveryRow) -> bool:
    """Whether the department has its receipt, or there is nobody any more who could have it."""
    here = row.instance in {*site.settings.sources, *site.settings.set_aside}
    return not here or row.receipt_digest == row.review_digest


def destroy(site: Site, some: Sequence[Ended]) -> str:
    """Destroys these files, and what an earlier try left: the certificate's name, "" where there was nothing.

    Under the site's lock. Raises DiskFault, StoreFault; the next call goes on where this one stopped.
    """
    with on_disk():
        keys = {(one.delivery, one.what): {n: _key_id(site, one.what, n) for n in one.files} for one in some}
        stays = _thinned(site, some)
        if stays:  # they are made of the rows that go, and have the sources' own numbers
            with site.ledger.begin() as tx:
                derived = checkpoints.files_in_use(tx)
            keys[min(stays), ROWS] |= {name: _key_id(site, ROWS, name) for name in sorted(derived)}
        with site.ledger.begin() as tx:
            destroyed.begin(tx, keys, stays)
        with site.ledger.begin() as tx:
            going = destroyed.under_way(tx)
        if not going:
            return ""
        for path in (_path(site, what, name) for (_delivery, what), files in going.items() for name in files):
            with suppress(FileNotFoundError):  # an earlier try came so far
                shred(path)
        certificate = certify(site, "files", deliveries=_told(going))
    with site.ledger.begin() as tx:
        destroyed.end(tx, going, certificate)
    return certificate


def _thinned(site: Site, some: Sequence[Ended]) -> dict[int, Stays]:
    """Delivery -> what stays of its rows, sealed."""
    going = {one.delivery: one.replaced_by for one in some if one.what == ROWS and one.replaced_by}
    with site.ledger.begin() as tx:
        rows = deliveries.select(tx)
    stays = {}
    for instance, lists in _of_people(site, rows).items():
        ends = [row for row in lists if row.id in going]
        if not ends:
            continue
        needed = thinned.needed(site, instance, [row for row in lists if not row.ended and row.id not in going])
        for row in ends:
            entries, resolutions = thinned.thin(site, row, needed)
            stays[row.id] = Stays(entries=entries, resolutions=resolutions, replaced_by=going[row.id])
    return stays


def _ended(row: DeliveryRow, what: str, replaced_by: int | None = None) -> Ended:
    originals = {file["sealed"] for file in row.landing.get("files", [])}
    read = {name for name in (row.entries_file, row.resolutions_file) if name}
    return Ended(
        delivery=row.id,
        what=what,
        instance=row.instance,
        name=row.name,
        state=row.state,
        arrived_at=row.arrived_at,
        files=tuple(sorted(originals if what == ORIGINALS else read)),
        replaced_by=replaced_by,
    )


def _path(site: Site, what: str, name: str) -> Path:
    return (site.archive if what == ORIGINALS else site.frames) / name


def _key_id(site: Site, what: str, name: str) -> str:
    """The id of a file's data key; "" of one that does not open, or is gone."""
    with suppress(SealBroken, FileNotFoundError):
        return header_of(site.keyring.sealer.epochs, _path(site, what, name)).key_id
    return ""


def _told(going: Going) -> list[dict[str, object]]:
    files = {at: [{"file": name, "key_id": key} for name, key in of.items()] for at, of in going.items()}
    return [{"delivery": delivery, "what": what, "files": told} for (delivery, what), told in files.items()]
