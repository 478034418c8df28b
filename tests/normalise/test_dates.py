"""Dates in all the forms of the contract, and those that are none."""

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.normalise import dates
from tests.normalise.lists import civil, rural

DAY = date(2026, 1, 2)


def read(cells: list[str], rule: str = "first") -> list[date | None]:
    text = dates.bare(pl.col("cell"))
    value = dates.first_day(text) if rule == "first" else dates.last_day(text)
    return pl.DataFrame({"cell": cells}).select(value.alias("day"))["day"].to_list()


@pytest.mark.parametrize(
    "cell",
    [
        "20260102",
        "2026-01-02",
        "2026/1/2",
        "2026年1月2日",
        "2026-1-2",
        "2026.1.2",
        "２０２６－０１－０２",
        " 2026/1/2 ",
        "2026-01-02 00:00:00",
        "2026/1/2 23:00",
        "2026/1/2 3:00:00",
        "2026-01-02T00:00:00+08:00",
        "20260102000000",
        "46024",
        "46024.0",
        "2026 年 1 月 2 日",
        "2026年1月2号",
        "'2026-01-02",
        '="2026/1/2"',
        "2026–01–02",
        "2026—1—2",
    ],
)
def test_all_forms_are_one_day(cell: str) -> None:
    """Every form of the contract, with blanks, widths, quotes, any dash and a time of day, is the same day."""
    assert [DAY] == read([cell])


def test_a_month_is_its_first_or_its_last_day() -> None:
    """yyyyMM is the 1st as a first day and the month's last as a last day, leap years too."""
    cells = ["202602", "202402", "2026-02", "2026年2月", "202612"]
    assert [date(2026, 2, 1), date(2024, 2, 1), date(2026, 2, 1), date(2026, 2, 1), date(2026, 12, 1)] == read(cells)
    last = [date(2026, 2, 28), date(2024, 2, 29), date(2026, 2, 28), date(2026, 2, 28), date(2026, 12, 31)]
    assert last == read(cells, "last")


@pytest.mark.parametrize(
    "cell",
    [
        "2024/2/30",
        "20260229",
        "2026-13-01",
        "202613",
        "00000000",
        "2026",
        "1951",
        "长期",
        "2026-1-32",
        "99999999",
        "451022",
        "18491231",
        "2026//1/2",
    ],
)
def test_what_is_no_day_is_none(cell: str) -> None:
    """An impossible day, a lone year, or anything else is no date: it is never guessed."""
    assert [None] == read([cell])


def test_open_ends_are_days() -> None:
    """9999-12-31 is a possible last day, as departments write «still»."""
    assert [date(9999, 12, 31)] * 2 == read(["9999-12-31", "99991231"], "last")


def test_one_column_holds_several_forms() -> None:
    """Each row is read by its own form; sheets give date cells, serials and texts side by side."""
    entries = rural(
        {"识别时间": date(2026, 1, 2)}, {"识别时间": 46024.0}, {"识别时间": "2026年1月2日"}, {"识别时间": "202601"}
    )
    assert [DAY, DAY, DAY, date(2026, 1, 1)] == entries["first"].to_list()


def test_a_month_of_birth_only_narrows() -> None:
    """A birth month spans its days; a recognition inside it is not before birth, one before it is."""
    entries = civil({"出生日期": "202403", "认定日期": "2024-03-01"}, {"出生日期": "202403", "认定日期": "2024-02-28"})
    assert [(date(2024, 3, 1), date(2024, 3, 31))] * 2 == entries.select("birth_from", "birth_to").rows()
    assert [None, "before_birth"] == entries["fault"].to_list()


@settings(max_examples=40)
@given(st.dates(date(1928, 1, 1), date(2100, 12, 31)))
def test_every_day_is_read_back(day: date) -> None:
    """Any day written in any form is that day, and its serial number too."""
    cells = [
        f"{day:%Y%m%d}",
        f"{day:%Y-%m-%d}",
        f"{day.year}/{day.month}/{day.day}",
        f"{day.year}年{day.month}月{day.day}日",
        str((day - date(1899, 12, 30)) // timedelta(days=1)),
    ]
    assert [day] * 5 == read(cells) == read(cells, "last")


@settings(max_examples=30)
@given(st.lists(st.text("0123456789-/.年月日 T:", max_size=20) | st.text(max_size=30), min_size=1, max_size=30))
def test_any_cell_is_a_day_or_none(cells: list[str]) -> None:
    """Whatever stands in a date cell is read without a fault: a last day is never before the first of the same cell."""
    days = zip(read(cells), read(cells, "last"), strict=True)
    assert all((one is None) == (last is None) and (one is None or last is None or one <= last) for one, last in days)
