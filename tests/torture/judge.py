"""What a tortured site must have in common with one that was left in peace.

Takes a rig, and what the platform and the ledger hold without any fault; gives every difference as a line without
anybody's name or number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.site import Site
from gateway.store import deliveries, outbox, runs
from tests.pipeline.rig import Records, Rig
from tests.torture.plan import CIVIL, RURAL

#: Departments whose deliveries have names of their own; the others' depend on the day and the way of asking.
NAMED = (CIVIL, RURAL)
#: What the ledger calls done.
DONE = "done"


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """What the ledger says of the deliveries."""

    #: (instance, delivery) → its state and its rows by outcome.
    rows: Mapping[tuple[str, str], tuple[str, Mapping[str, int]]] = field(default_factory=dict)
    #: Deliveries of which the outcomes do not add up to the rows.
    unaccounted: int = 0


def accounts(site: Site) -> Accounts:
    """The deliveries that were not refused."""
    with site.ledger.begin() as tx:
        known = [row for row in deliveries.select(tx) if row.state != "refused"]
    return Accounts(
        rows={(row.instance, row.name): (row.state, dict(row.outcomes)) for row in known if row.instance in NAMED},
        unaccounted=sum(row.rows != sum(row.outcomes.values()) for row in known),
    )


def differences(rig: Rig, records: Records, quiet: Accounts) -> list[str]:
    """All that is not as it should be."""
    lines = []
    held, own = rig.records(), accounts(rig.site)
    if held != records:
        few, many = len(set(records) - set(held)), len(set(held) - set(records))
        lines.append(f"{few} records are missing on the platform, {many} should not be there")
    if twice := rig.applied_twice():
        lines.append(f"{len(twice)} messages were applied twice")
    if own.unaccounted:
        lines.append(f"{own.unaccounted} deliveries have rows without an outcome")
    other = [name for name in own.rows.keys() | quiet.rows.keys() if own.rows.get(name) != quiet.rows.get(name)]
    lines += [f"{' '.join(name)}: {own.rows.get(name)} instead of {quiet.rows.get(name)}" for name in sorted(other)]
    with rig.site.ledger.begin() as tx:
        done = outbox.counts(tx).get(DONE, 0)
        if "running" in {run.state for run in runs.recent(tx, 1)}:
            lines.append("the last run is still running")
    if done != rig.changed():
        lines.append(f"{done} changes are done in the ledger, {rig.changed()} at the platform")
    return lines
