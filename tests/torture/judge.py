"""What a tortured site must have in common with one that was left in peace.

Takes a rig, and what the platform and the ledger hold without any fault; gives every difference as a line without
anybody's name or number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.store import deliveries, outbox, runs
from tests.pipeline.rig import Records, Rig
from tests.torture.plan import CIVIL, RURAL

#: Departments whose deliveries have names of their own; the others' depend on the day and the way of asking.
NAMED = (CIVIL, RURAL)
#: Where departments find their receipts.
INBOXES = ("mz/inbox", "xczx/inbox")
#: What the ledger calls done.
DONE = "done"


@dataclass(frozen=True, kw_only=True)
class Accounts:
    """What the ledger says of the deliveries."""

    #: (instance, delivery) → its state, its rows, and these by outcome.
    rows: Mapping[tuple[str, str], tuple[str, int, Mapping[str, int]]] = field(default_factory=dict)
    #: (instance, delivery, state) of those of which the outcomes do not add up to the rows.
    unaccounted: frozenset[tuple[str, str, str]] = frozenset()
    #: Files with receipts that departments have.
    receipts: frozenset[str] = frozenset()
    #: What the federation was told last of each holder.
    answers: Mapping[str, str] = field(default_factory=dict)


def accounts(rig: Rig) -> Accounts:
    """Of the deliveries that were not refused."""
    with rig.site.ledger.begin() as tx:
        known = [row for row in deliveries.select(tx) if row.state != "refused"]
    return Accounts(
        rows={
            (row.instance, row.name): (row.state, row.rows, dict(row.outcomes))
            for row in known
            if row.instance in NAMED
        },
        unaccounted=frozenset(
            (row.instance, row.name, row.state) for row in known if row.rows != sum(row.outcomes.values())
        ),
        receipts=frozenset(path.name for name in INBOXES for path in (rig.peers.workdir / name).rglob("*.*")),
        answers={row["cert_no"]: f"{row['result']} {row['reason']}" for row in rig.peers.feedback()},
    )


def differences(rig: Rig, records: Records, quiet: Accounts) -> list[str]:
    """All that is not as it should be."""
    lines = []
    held, own = rig.records(), accounts(rig)
    if held != records:
        few, many = len(set(records) - set(held)), len(set(held) - set(records))
        lines.append(f"{few} records are missing on the platform, {many} should not be there")
    if twice := rig.applied_twice():
        lines.append(f"{len(twice)} messages were applied twice")
    if other := rig.applied_otherwise():
        lines.append(f"items of {len(other)} messages were applied before with another content")
    # The rows of a list that is held as a whole, there as here, wait for a person.
    waiting = {one for one in quiet.unaccounted if one[-1] == "held"}
    lines += [f"{' '.join(one)}: rows without an outcome" for one in sorted(own.unaccounted - waiting)]
    names = [name for name in own.rows.keys() | quiet.rows.keys() if own.rows.get(name) != quiet.rows.get(name)]
    lines += [f"{' '.join(name)}: {own.rows.get(name)} instead of {quiet.rows.get(name)}" for name in sorted(names)]
    if told := own.receipts ^ quiet.receipts:
        few, many = len(told & quiet.receipts), len(told & own.receipts)
        lines.append(f"{few} receipts are missing, {many} should not be there")
    if own.answers != quiet.answers:
        few = sum(own.answers.get(who) != said for who, said in quiet.answers.items())
        lines.append(f"the federation knows something else of {few} holders, of {len(own.answers)}")
    with rig.site.ledger.begin() as tx:
        done = outbox.counts(tx).get(DONE, 0)
        if "running" in {run.state for run in runs.recent(tx, 1)}:
            lines.append("the last run is still running")
    if done != rig.changed():
        lines.append(f"{done} changes are done in the ledger, {rig.changed()} at the platform")
    return lines
