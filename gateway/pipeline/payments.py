"""Lists of payments: they move no identity, so each is looked at once, by itself, and its cases wait for a person.

A city's list has millions of rows: their claims are cut in parts; nothing of one list is held while the next is read.
"""

from gateway.model.deliveries import DeliveryState
from gateway.pipeline import roster
from gateway.pipeline.states import keep_delivery, states_of
from gateway.pipeline.work import mapping_of, resolve_payments, subjects
from gateway.site import Site
from gateway.store import decisions, deliveries
from gateway.store.deliveries import DeliveryRow

_WAITING = (DeliveryState.LANDED, DeliveryState.WAITING, DeliveryState.HELD)


def settle_payments(site: Site) -> None:
    """Resolves every list of payments that is not applied yet; each is committed. Raises TryLater without a roster."""
    with site.ledger.begin() as tx:
        waiting = deliveries.select(tx, states=_WAITING)
    for row in sorted((row for row in waiting if not mapping_of(site, row).statements), key=_in_sequence):
        roster.needed(site)
        _settle(site, row)


def _in_sequence(row: DeliveryRow) -> tuple[int, int]:
    return row.sequence or 0, row.id


def _settle(site: Site, row: DeliveryRow) -> None:
    work = resolve_payments(site, row)
    with site.ledger.begin() as tx:
        before = deliveries.select(tx, instance=row.instance, states=(DeliveryState.APPLIED,))
    states = states_of(site, [*before, row], {row.id: work}, {})
    file = work.resolutions_file(site) if states.applied(row.id) else None
    with site.ledger.begin(turn=True) as tx:
        keep_delivery(tx, work, states, file, current=False)
        if file is not None:
            decisions.open_cases(tx, subjects(work.doubts, {row.id: set(row.scopes)}))
