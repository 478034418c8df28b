"""Which instances' lists have not come by their day, as the delivery calendar and the ledger have it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from gateway import calendar
from gateway.calendar import Plan
from gateway.plugin.forms import now
from gateway.settings import Instance
from gateway.site import Site
from gateway.store import deliveries


@dataclass(frozen=True, kw_only=True)
class Overdue:
    """A list that has not come, although its grace is over."""

    instance: str
    #: The first expected day for which there is none.
    expected: date
    #: Business date of the newest list that came; None where none ever did.
    newest: date | None
    #: Whom to call; "" where the configuration names nobody.
    contact: str


def moment(today: date) -> datetime:
    """The time in China, on that day: a run may be told that it is another one."""
    return datetime.combine(today, now().timetz())


def newest(site: Site, today: date) -> dict[str, date]:
    """Instance -> business date of its newest list."""
    with site.ledger.begin() as tx:
        return deliveries.newest_dates(tx, today)


def overdue(site: Site, came: Mapping[str, date], at: datetime) -> list[Overdue]:
    """What is overdue at that time, where `came` (as `newest`) is what there is."""
    return list(_overdue(site, came, at))


def _overdue(site: Site, came: Mapping[str, date], at: datetime) -> Iterator[Overdue]:
    for name, instance in site.settings.sources.items():
        plan = _plan(site, instance)
        if plan and (day := plan.overdue(came.get(name), at)):
            contact = instance.settings.contact
            yield Overdue(instance=name, expected=day, newest=came.get(name), contact=contact)


def _plan(site: Site, instance: Instance) -> Plan | None:
    settings = instance.settings.calendar
    if settings is None:
        return None
    working = site.working_days if settings.working_days else None
    return Plan(line=settings.expected, grace=calendar.grace(settings.grace), working=working)
