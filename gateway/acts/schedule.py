"""Slots: the planned times of an instance's runs, each of which runs once, whoever wakes up for it.

Takes an open site, an instance and a planned time. A slot is a unique text in the ledger; one whose run was cut short
by a crash gets one more.
"""

from datetime import UTC, datetime

from gateway.acts import keys, retention, runs, who
from gateway.acts.runs import Patience
from gateway.acts.verify import Verified, verify
from gateway.pipeline import RunReport
from gateway.plugin.forms import now
from gateway.site import Site
from gateway.store import outbox
from gateway.store import runs as rows
from gateway.store.ledger import now as ledger_now

#: Runs looked back through for the last visit of an instance; three months of a daily run and a busy outbox.
_LOOK_BACK = 20_000


def run_slot(site: Site, instance: str, planned: datetime, *, patience: Patience) -> RunReport | None:
    """Runs the instance for its planned time. None where that has been done. Raises TryLater after the patience."""
    slot = f"{instance}@{planned.isoformat()}"
    return runs.run(site, [instance], actor=who.DAEMON, kind="scheduled", slot=slot, patience=patience)


def missed(site: Site, instance: str, planned: datetime) -> bool:
    """Whether the slot passed while nobody was there: the instance ran before it, and not since."""
    with site.ledger.begin() as tx:
        if rows.slot_state(tx, f"{instance}@{planned.isoformat()}") not in (None, "running", "interrupted"):
            return False
        visits = [r for r in rows.recent(tx, _LOOK_BACK) if instance in r.detail.get("instances", {})]
    return bool(visits) and visits[0].started_at < _utc(planned)


def send_due(site: Site, *, patience: Patience) -> RunReport | None:
    """Sends what is due without visiting the departments; None where nothing is, or sending is paused."""
    with site.ledger.begin() as tx:
        due = not outbox.due(tx, ledger_now()).is_empty() or bool(outbox.open_messages(tx))
        due = due and outbox.paused(tx) is None
    if not due:
        return None
    return runs.run(site, [], now().date(), actor=who.DAEMON, kind="outbox", pull=False, patience=patience)


def verify_nightly(site: Site, planned: datetime, *, patience: Patience) -> Verified | None:
    """Compares the ledger with the platform, and changes nothing; the night is a slot. None where it was done."""
    return verify(site, actor=who.DAEMON, slot=f"verify@{planned.isoformat()}", patience=patience)


def pass_on(site: Site) -> None:
    """Passes to the newest epoch's key what a rotation left; nothing to do where there is one epoch."""
    keys.pass_on(site)


def end_retention(site: Site, *, patience: Patience) -> str:
    """Destroys originals that are past their time: the certificate's name, "" where nothing is due."""
    return retention.destroy(site, actor=who.DAEMON, patience=patience)


def _utc(at: datetime) -> datetime:
    """As the ledger keeps times: UTC without zone."""
    return at.astimezone(UTC).replace(tzinfo=None)
