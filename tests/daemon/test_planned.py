"""Planned times: what a cron line last planned."""

from datetime import datetime, timedelta

import pytest
from apscheduler.triggers.cron import CronTrigger
from hypothesis import given
from hypothesis import strategies as st

from gateway.calendar import ZONE
from gateway.daemon.service import last_planned

AT = datetime(2026, 11, 4, 12, 0, 30, tzinfo=ZONE)  # a Wednesday


@pytest.mark.parametrize(
    ("line", "planned"),
    [
        ("* * * * *", datetime(2026, 11, 4, 12, 0, tzinfo=ZONE)),
        ("30 6 * * *", datetime(2026, 11, 4, 6, 30, tzinfo=ZONE)),
        ("30 18 * * *", datetime(2026, 11, 3, 18, 30, tzinfo=ZONE)),
        ("0 7 * * mon-tue", datetime(2026, 11, 3, 7, 0, tzinfo=ZONE)),
        ("0 7 10,20 * *", datetime(2026, 10, 20, 7, 0, tzinfo=ZONE)),
        ("0 0 1 1 *", datetime(2026, 1, 1, 0, 0, tzinfo=ZONE)),
        ("0 0 30 2 *", None),
    ],
)
def test_the_last_planned_time_is_found(line: str, planned: datetime | None) -> None:
    """The newest time that a cron line planned, up to a year back; none for a day that no year has."""
    assert planned == last_planned(CronTrigger.from_crontab(line, timezone=ZONE), AT)


@given(minute=st.integers(0, 59), hour=st.integers(0, 23), ahead=st.integers(0, 10_000_000))
def test_nothing_is_planned_between_the_last_time_and_now(minute: int, hour: int, ahead: int) -> None:
    """The last planned time is not after now, and the one that follows it is."""
    trigger = CronTrigger.from_crontab(f"{minute} {hour} * * *", timezone=ZONE)
    at = AT + timedelta(seconds=ahead)
    planned = last_planned(trigger, at)
    assert planned is not None
    assert planned <= at < planned + timedelta(days=1)
    assert (hour, minute) == (planned.hour, planned.minute)
