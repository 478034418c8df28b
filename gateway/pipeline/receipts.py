"""Receipts for the departments: written when a delivery is applied, and again when a case of it is decided, or the
roster knows better of its people."""

from collections.abc import Sequence
from datetime import date

from gateway.errors import GatewayError, PeerUnreachable
from gateway.feedback import receipt_rows
from gateway.model.deliveries import DeliveryState
from gateway.pipeline.intake import open_session
from gateway.pipeline.known import known
from gateway.pipeline.work import in_doubt, in_force, place
from gateway.plugin.api import Receipt
from gateway.settings import Instance
from gateway.site import Site
from gateway.store import decisions, deliveries
from gateway.store.deliveries import DeliveryRow
from gateway.vault.sm import sm3_hex


def write_receipts(site: Site, instance: Instance, today: date) -> GatewayError | None:
    """Writes the receipts of an instance that are new or changed, and after each those of later lists that may say
    something else of the same people: lists of the same name, and those in force for the same scopes. The last word
    stays the last. The first fault, if there was one: where the department cannot be reached, the others wait with it.
    """
    with site.ledger.begin() as tx:
        applied = deliveries.select(tx, instance=instance.name, states=[DeliveryState.APPLIED])
        forces = in_force(applied, in_doubt(decisions.decided(tx)))
    rows = _in_order(applied)
    due = {row.id for row in rows if row.receipt_digest != row.review_digest}
    if not due:
        return None
    source, first = site.plugins.source(instance.settings.plugin)(instance.options), None
    with open_session(site, instance, today) as session:
        with site.ledger.begin() as tx:
            deliveries.receipts_begun(tx, sorted(due))
        for at, row in enumerate(rows):
            if row.id not in due:
                continue
            later = [one.id for one in rows[at + 1 :] if one.name == row.name or forces[one.id] & set(row.scopes)]
            said: list[int] = []
            try:
                with known(f"{instance.name} {row.name}"):
                    receipt = _receipt(site, row)
                    said = later
                    source.feedback(session, receipt)
            except GatewayError as fault:
                first = first or fault
                if isinstance(fault, PeerUnreachable):
                    break
            else:
                with site.ledger.begin() as tx:
                    deliveries.receipt_written(tx, row.id, row.review_digest, later=later)
            # Also where only a part of it came: that is the last word on somebody now.
            due.update(said)
    return first


def _in_order(applied: Sequence[DeliveryRow]) -> list[DeliveryRow]:
    """Deliveries of which a receipt may be written, in the order in which they count: of one whose rows ended nothing
    is written, nor of one that it replaced."""
    ended = {row.name: row.id for row in applied if row.ended}
    return sorted((row for row in applied if row.id > ended.get(row.name, 0)), key=place)


def _receipt(site: Site, row: DeliveryRow) -> Receipt:
    assert row.entries_file and row.resolutions_file and row.business_date
    rows = receipt_rows(site.read_frame(row.entries_file), site.read_frame(row.resolutions_file))
    return Receipt(delivery=row.name, business_date=row.business_date, issue=_issue(row), rows=rows)


def _issue(row: DeliveryRow) -> str:
    """The same until the department has it. Two deliveries of a day may have one name, and say the same of their rows;
    and what a person takes back is said once more."""
    before = row.receipt_at.isoformat() if row.receipt_at else ""
    return sm3_hex(f"{row.content_digest} {before} {row.review_digest}".encode())[:12]
