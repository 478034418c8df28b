"""The delivery calendar: which days are worked, for which a list is expected, and when it is overdue."""

from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.calendar import ZONE, Plan, daily, grace
from gateway.errors import SettingsFault
from gateway.mappings import MappingFiles
from gateway.settings import SharingSettings, SourceSettings

DAYS = MappingFiles().working_days()


def plan(line: str, length: str, *, working: bool = True) -> Plan:
    """A calendar by the shipped table."""
    return Plan(line=line, grace=grace(length), working=DAYS if working else None)


def at(day: str, time: str = "12:00") -> datetime:
    """A time in China."""
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=ZONE)


@pytest.mark.parametrize(
    ("day", "worked"),
    [
        ("2026-11-02", True),  # a Monday
        ("2026-11-07", False),  # a Saturday
        ("2026-10-05", False),  # National Day, a Monday
        ("2026-10-10", True),  # a Saturday that makes up for it
        ("2026-02-14", True),
        ("2026-02-23", False),
        ("2025-09-28", True),
        ("2099-10-01", True),  # nobody knows that year: a Thursday
    ],
)
def test_which_days_are_worked(day: str, worked: bool) -> None:
    """Weekdays are worked but for holidays, and weekends are not but where they make up for one."""
    assert worked == DAYS.worked(date.fromisoformat(day))


def test_a_site_adds_years(tmp_path: Path) -> None:
    """A site's own file adds a year to the shipped ones, or says one of them better."""
    text = "[2099]\nsource = 'x'\noff = [[2099-10-01, 2099-10-07]]\nwork = []\n"
    (tmp_path / "holidays.toml").write_text(text, "utf-8")
    known = MappingFiles(tmp_path).working_days()
    assert DAYS.years | {2099} == known.years
    assert (False, False) == (known.worked(date(2099, 10, 1)), known.worked(date(2026, 10, 5)))


@pytest.mark.parametrize(
    "text",
    [
        "[2099]\nsource = 'x'\noff = [[2099-10-07, 2099-10-01]]\nwork = []\n",
        "[2099]\nsource = 'x'\noff = []\nwork = [2099-10-01]\n",
        "[soon]\nsource = 'x'\noff = []\nwork = []\n",
        "[2099]\nsource = 'x'\n",
    ],
)
def test_a_table_that_cannot_be_is_a_fault(tmp_path: Path, text: str) -> None:
    """A holiday that ends before it begins, a weekday that makes up for one, and a year that is none are told."""
    (tmp_path / "holidays.toml").write_text(text, "utf-8")
    with pytest.raises(SettingsFault, match=r"holidays\.toml"):
        MappingFiles(tmp_path).working_days()


@pytest.mark.parametrize(
    ("line", "length", "newest", "now", "missing"),
    [
        # Every working day, a working day's grace: Friday's list may come until Monday noon.
        ("0 12 * * *", "1d", "2026-11-05", at("2026-11-09", "11:59"), None),
        ("0 12 * * *", "1d", "2026-11-05", at("2026-11-09", "12:00"), "2026-11-06"),
        ("0 12 * * *", "1d", "2026-11-06", at("2026-11-09", "12:00"), None),
        # In hours, the weekend counts.
        ("0 12 * * *", "24h", "2026-11-05", at("2026-11-07"), "2026-11-06"),
        # The first of October is a holiday: it is the eighth, and its list may come until the twelfth; the tenth, a
        # Saturday, is worked.
        ("0 0 1 * *", "2d", "2026-09-01", at("2026-10-08"), None),
        ("0 0 1 * *", "2d", "2026-09-01", at("2026-10-09", "23:59"), None),
        ("0 0 1 * *", "2d", "2026-09-01", at("2026-10-10", "00:00"), "2026-10-08"),
        # A list of the last day of the month before is the month's.
        ("0 0 1 * *", "2d", "2026-09-30", at("2026-10-10", "00:00"), None),
        # The first of those missing is told.
        ("0 0 1 * *", "2d", "2026-06-30", at("2026-10-31"), "2026-08-03"),
        # A site where no list ever came.
        ("0 0 1 * *", "2d", None, at("2026-10-31"), "2026-10-08"),
        ("0 0 1 1 *", "5d", "2025-01-02", at("2026-01-12"), "2026-01-04"),
    ],
)
def test_what_is_overdue(line: str, length: str, newest: str | None, now: datetime, missing: str | None) -> None:
    """A list is overdue when its grace is over and none came with a business date after the expected day before."""
    known = date.fromisoformat(newest) if newest else None
    expected = date.fromisoformat(missing) if missing else None
    assert expected == plan(line, length).overdue(known, now)


def test_where_every_day_counts_a_holiday_does() -> None:
    """Without working days, a list is expected on each day of the line."""
    every = plan("0 0 * * *", "1d", working=False)
    assert date(2026, 10, 4) == every.overdue(date(2026, 10, 3), at("2026-10-05"))
    assert plan("0 0 * * *", "1d").overdue(date(2026, 10, 3), at("2026-10-05")) is None


@given(st.integers(0, 3000), st.sampled_from(["0 9 * * *", "0 9 1 * *", "0 9 1,11,21 * *", "0 9 * * fri"]))
def test_lists_are_expected_on_working_days_only(ahead: int, line: str) -> None:
    """Whatever the line says, each expected day is a working day, and each day of the line has one not before it."""
    until = at("2020-01-01") + timedelta(days=ahead)
    expected = plan(line, "1d").expected(until)
    assert all(DAYS.worked(time.date()) for time in expected)
    assert expected == sorted(set(expected))
    own = plan(line, "1d", working=False).expected(until)
    assert {time for time in own if DAYS.worked(time.date())} <= set(expected)


@pytest.mark.parametrize("line", ["* * * * *", "0 */2 * * *", "0 9 * * 1", "0 9 * *", "0 9 32 * *", "0 9 * * someday"])
def test_a_line_plans_once_a_day(line: str) -> None:
    """A line with several times a day, a numeric weekday or no such day is refused."""
    with pytest.raises(ValueError):
        daily(line)


@pytest.mark.parametrize("line", ["99 6 * * *", "0 6 * * mon,3", "0 6 * * 1-5", "0 6 * *", "0 6 * * ５", "someday"])
def test_a_plan_that_nobody_can_follow_is_no_setting(line: str) -> None:
    """It is told with the other faults of the file, and not by a daemon that cannot start."""
    sharing = SharingSettings(catalogue="ML-1", purpose="救助", basis="协议", valid_until=date(2030, 1, 1))
    with pytest.raises(ValueError):
        SourceSettings(plugin="civil_affairs", schedule=line, sharing=sharing, contact="李")
    for followed in ("*/15 6-20 * * mon-fri", "0 6 1,15 * *", "0 6 * * mon,wed", "0 6 * * */2"):
        SourceSettings(plugin="civil_affairs", schedule=followed, sharing=sharing, contact="李")


@pytest.mark.parametrize("length", ["", "2", "1w", "-1d", "1.5h", "2000d"])
def test_a_grace_is_hours_or_days(length: str) -> None:
    """A grace that is neither hours nor days is refused."""
    with pytest.raises(ValueError):
        grace(length)
