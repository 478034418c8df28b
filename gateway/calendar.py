"""The delivery calendar: for which days a list is expected, and when one has not come by its day.

Takes cron lines, the table of working days, and business dates; gives days. Knows no site and no clock. Refuses
(ValueError) a cron line that plans more than one time a day, and a length of time that is none. With the daemon the
door to apscheduler.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

#: Departments and the platform keep China's time.
ZONE = ZoneInfo("Asia/Shanghai")
#: How far back an expected day is looked for: of a list that comes once a year, the last and the one before it.
LOOK_BACK = timedelta(days=800)
#: No holiday with its weekends is longer, so that a day put off is found from its own.
_LONGEST_BREAK = timedelta(days=31)
_NUMERIC_DAY = re.compile(r"(?:^|[,-])\d")
_GRACE = re.compile(r"(\d{1,3})([hd])")


@dataclass(frozen=True, kw_only=True)
class WorkingDays:
    """Which days are worked: weekdays, but for holidays, and the weekend days that make up for them."""

    #: Holidays; those on weekends may be among them.
    off: frozenset[date]
    #: Days of a weekend that are worked.
    on: frozenset[date]
    #: Years for which the table speaks; in any other, weekdays are worked.
    years: frozenset[int]

    def worked(self, day: date) -> bool:
        """Whether that day is worked."""
        return day in self.on or (day.weekday() < 5 and day not in self.off)

    def after(self, day: date, number: int) -> date:
        """The working day so many after that day."""
        while number:
            day += timedelta(days=1)
            number -= self.worked(day)
        return day


@dataclass(frozen=True, kw_only=True)
class Grace:
    """How long after its time a list may come."""

    #: Hours, or days.
    number: int
    days: bool


def grace(text: str) -> Grace:
    """`36h` or `3d`. Raises ValueError."""
    match = _GRACE.fullmatch(text)
    if not match:
        raise ValueError("hours or days, as 36h or 3d")
    return Grace(number=int(match[1]), days=match[2] == "d")


def cron(line: str) -> str:
    """The cron line, if it can be followed. Raises ValueError."""
    fields = line.split()
    if len(fields) != 5 or _NUMERIC_DAY.search(fields[4]):
        # Numeric weekdays mean different days to different programs.
        raise ValueError("five cron fields, weekdays by name (mon-fri)")
    CronTrigger.from_crontab(line, timezone=ZONE)
    return line


def daily(line: str) -> str:
    """The cron line, if it plans at most one time a day. Raises ValueError."""
    if not all(field.isdigit() for field in cron(line).split()[:2]):
        raise ValueError("five cron fields, minute and hour one number each, weekdays by name (mon-fri)")
    return line


@dataclass(frozen=True, kw_only=True)
class Plan:
    """When lists of one instance are expected."""

    #: Cron line, as `daily` wants it.
    line: str
    grace: Grace
    #: The table by which lists are expected on working days only; None = on every day of the line.
    working: WorkingDays | None

    def expected(self, until: datetime) -> list[datetime]:
        """Times at which a list was expected, oldest first, not after `until`. One on a day off is expected at the
        same time of the next working day."""
        moved = {self._put_off(time) for time in self._planned(until)}
        return sorted(time for time in moved if until - LOOK_BACK <= time <= until)

    def overdue(self, newest: date | None, at: datetime) -> date | None:
        """The first expected day whose list has not come although its grace is over; None where all came.

        `newest`: business date of the newest list, None where none ever came; then only the last expected day is
        asked for. A list counts for an expected day if its business date is after the expected day before that.
        """
        over = [time for time in self.expected(at) if self._deadline(time) <= at]
        if newest is None:
            return over[-1].date() if over else None
        missing = (time.date() for before, time in pairwise(over) if newest <= before.date())
        return next(missing, None)

    def _planned(self, until: datetime) -> Iterator[datetime]:
        trigger = CronTrigger.from_crontab(self.line, timezone=ZONE)
        time = trigger.get_next_fire_time(None, until - LOOK_BACK - _LONGEST_BREAK)
        while time is not None and time <= until:
            yield time
            time = trigger.get_next_fire_time(time, time)

    def _put_off(self, time: datetime) -> datetime:
        if self.working is None or self.working.worked(time.date()):
            return time
        return datetime.combine(self.working.after(time.date(), 1), time.timetz())

    def _deadline(self, time: datetime) -> datetime:
        if not self.grace.days:
            return time + timedelta(hours=self.grace.number)
        if self.working is None:
            return time + timedelta(days=self.grace.number)
        return datetime.combine(self.working.after(time.date(), self.grace.number), time.timetz())
