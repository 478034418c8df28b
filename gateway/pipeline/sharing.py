"""By what right an instance's data are shared, and until when (政务数据共享条例).

Takes instances; gives how long each may still be pulled. Refuses with SharingEnded after its last day: then nothing is
pulled, and what was said stays in force, since silence ends nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from gateway.errors import SharingEnded
from gateway.settings import Instance
from gateway.words import _

#: Days before the end from which people are reminded: a renewal goes through two offices.
REMIND_DAYS = 30
#: Why an act was refused, in its record.
ENDED = "sharing"


@dataclass(frozen=True, kw_only=True)
class Ending:
    """A sharing that ends soon, or has ended."""

    instance: str
    valid_until: date
    #: Days for which it may still be pulled, today included; none or fewer = it has ended.
    left: int
    contact: str

    @property
    def over(self) -> bool:
        """Whether nothing is pulled any more."""
        return self.left <= 0


def endings(instances: Iterable[Instance], today: date) -> list[Ending]:
    """Sharings that have ended, or will within `REMIND_DAYS`."""
    found = []
    for one in instances:
        until = one.settings.sharing.valid_until
        left = (until - today).days + 1
        if left <= REMIND_DAYS:
            found.append(Ending(instance=one.name, valid_until=until, left=left, contact=one.settings.contact))
    return found


def require(instance: Instance, today: date) -> None:
    """Raises SharingEnded after the last day."""
    for ending in endings([instance], today):
        if ending.over:
            what = _("共享期限已于 {day} 届满,不再收取;此前的身份不变").format(day=ending.valid_until)
            step = _("请与 {contact} 续签共享,再更新 gateway.toml 的 sharing").format(contact=ending.contact)
            raise SharingEnded(what, where=instance.name, next_step=step, code=ENDED)
