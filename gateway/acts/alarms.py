"""Alarms: a list that has not come by its day, until it comes; a sharing that ends, until it is renewed.

An alarm is worked out anew from calendar, clock and ledger each time, and stored nowhere: nobody need clear it.
"""

from collections.abc import Sequence
from datetime import date

from gateway.acts.advice import ending_sentence, overdue_sentence
from gateway.logs import log
from gateway.pipeline import calendar, sharing
from gateway.pipeline.calendar import Overdue
from gateway.pipeline.sharing import Ending
from gateway.plugin.forms import now
from gateway.site import Site
from gateway.words import _


def overdue(site: Site) -> list[Overdue]:
    """Lists that have not come by their day, now."""
    at = now()
    return calendar.overdue(site, calendar.newest(site, at.date()), at)


def endings(site: Site, today: date | None = None) -> list[Ending]:
    """Sharings that have ended, or end soon, on that day; None = now."""
    return sharing.endings(site.settings.sources.values(), today or now().date())


def tell_endings(site: Site, today: date) -> None:
    """Logs them."""
    for one in endings(site, today):
        action = "sharing.ended" if one.over else "sharing.ends"
        until = str(one.valid_until)
        log(" → ".join(ending_sentence(one)), action=action, instance=one.instance, until=until, contact=one.contact)


def tell(late: Sequence[Overdue], came: Sequence[str]) -> None:
    """Logs alarms, and those that are over."""
    for one in late:
        ids = {"expected": str(one.expected), "newest": str(one.newest or ""), "contact": one.contact}
        log(" → ".join(overdue_sentence(one)), action="list.overdue", instance=one.instance, **ids)
    for name in came:
        log(_("{name}:逾期的名单已到达").format(name=name), action="list.came", instance=name)


def watch(site: Site, told: Sequence[Overdue]) -> list[Overdue]:
    """What is overdue now; logs what was not among those `told` of, and which of these came since."""
    late = overdue(site)
    still = {one.instance for one in late}
    known = {(one.instance, one.expected) for one in told}
    fresh = [one for one in late if (one.instance, one.expected) not in known]
    tell(fresh, [one.instance for one in told if one.instance not in still])
    return late
