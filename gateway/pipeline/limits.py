"""The limits in force: how many people must approve what they hold, and whose run first used them.

Nobody tells the ledger who writes `gateway.toml`. So each settlement compares the limits of every source with those of
the settlement before it, at first with the usual ones, and a change is an act of whoever ran it, in which is what
differs from the usual: they approve no hold on which it bears (`acts.holds.makers`).
"""

from collections.abc import Sequence
from dataclasses import replace

from gateway.model.holds import Breach
from gateway.settings import LimitSettings
from gateway.settle import Limits
from gateway.site import Site
from gateway.store import Tx
from gateway.store.deliveries import DeliveryRow
from gateway.store.ledger import acts, record_act

#: The kind of a run that settles what somebody approved, and visits nobody.
APPROVAL = "approval"
#: The act of whose run first used other limits of a source than before, or than the usual ones.
CHANGED = "limits.change"


def limits_of(site: Site, instance: str) -> LimitSettings:
    """The limits of a source; the usual ones where it is no longer configured."""
    configured = site.settings.sources.get(instance)
    return configured.settings.limits if configured else LimitSettings()


def guard_limits(limits: LimitSettings) -> Limits:
    """A source's limits of who may leave, as the guard takes them."""
    return Limits(
        share=limits.share,
        number=limits.number,
        identity_share=limits.identity_share,
        identity_number=limits.identity_number,
    )


def weighed(site: Site, rows: Sequence[DeliveryRow], breaches: Sequence[Breach]) -> list[Breach]:
    """The breaches, each with the number of people who must approve it: two past the second limit."""
    instances = {row.id: row.instance for row in rows}
    needed = [approvals(limits_of(site, instances[breach.delivery]), breach) for breach in breaches]
    return [replace(b, approvals=max(b.approvals, number)) for b, number in zip(breaches, needed, strict=True)]


def approvals(limits: LimitSettings, breach: Breach) -> int:
    """How many people must approve what was held."""
    grave = breach.leaving > limits.second_number and breach.leaving > limits.second_share * breach.holding
    return 2 if grave else 1


def keep_limits(site: Site, tx: Tx, actor: str) -> None:
    """Writes down the limits that are used from now on, where they are others than before."""
    before = {act.detail["instance"]: act.detail["limits"] for act in acts(tx, CHANGED)}
    for name, instance in site.settings.sources.items():
        limits = instance.settings.limits.model_dump(exclude_defaults=True)
        if before.get(name, {}) != limits:
            record_act(tx, actor=actor, act=CHANGED, instance=name, limits=limits)
