"""Whom a list's own rows take from what they hold."""

from collections.abc import Mapping
from datetime import date

import polars as pl
import pytest

from gateway.settle import endings, holding, nothing, of_held
from tests.settle.said import ALLOWANCE, D1, POOR, UNSTABLE, row, said, stop

Row = Mapping[str, object]
STOPPED = stop(1, ALLOWANCE, on=D1)
FORMER = stop(1, ALLOWANCE, "2024-03-01", "2025-06-30")
HELD = (1, ALLOWANCE)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([STOPPED], [HELD]),
        ([stop(1, ALLOWANCE, last="2026-11-30")], [HELD]),
        ([row(1, ALLOWANCE, last="2026-11-01")], [HELD]),
        ([row(1, ALLOWANCE, last="2026-11-02")], [HELD]),
        ([row(1, ALLOWANCE, last="2027-11-02")], [HELD]),
        ([row(1, ALLOWANCE, last="2027-11-03")], []),
        ([row(1, ALLOWANCE, "2027-11-01")], [HELD]),
        ([row(1, ALLOWANCE, "2026-11-02")], []),
        ([row(1, ALLOWANCE)], []),
        ([STOPPED, row(1, POOR)], []),
        ([STOPPED, row(1, POOR, last="2026-10-31")], [HELD, (1, POOR)]),
        ([row(1, UNSTABLE, last="2026-10-31", next_identity="稳定脱贫人口")], []),
        ([STOPPED, row(2, ALLOWANCE)], [HELD]),
        ([row(1, ALLOWANCE, last="2026-10-31", stands=True)], []),
        ([STOPPED, STOPPED], [HELD]),
        ([row(1, ALLOWANCE), {**STOPPED, "row": 2}], [HELD]),
        ([STOPPED, {**row(1, ALLOWANCE), "row": 2}], []),
        ([row(1, ALLOWANCE, "2026-01-01", "2026-10-31"), {**FORMER, "row": 2}], [HELD]),
    ],
)
def test_a_stop_or_a_last_day_ends(rows: list[Row], expected: list[tuple[int, str]]) -> None:
    """A stop, a last day no later than a year after the list's date, and a first day to come end an identity, unless
    the same list states one that goes on for that person."""
    found = endings(said(1, D1, *rows).rows, D1)
    assert sorted(expected) == sorted(found.select("person_key", "identity").unique().rows())


def test_held_is_what_is_believed_and_what_lists_say_that_are_in_use() -> None:
    """Open on the list's date by the ledger, or by a list that is in use and not settled yet; an end that has come, a
    stop and a row that only names somebody hold nothing."""
    believed = pl.DataFrame(
        [("", 1, POOR, None), ("", 2, POOR, D1), ("", 3, POOR, D1.replace(day=2))],
        schema={n: nothing().recognitions.schema[n] for n in ("scope", "person_key", "identity", "last")},
        orient="row",
    ).with_columns(first=date(2024, 3, 1))
    rows = [row(4), row(5, last="2026-10-31"), stop(6, on=D1), row(7, stands=True), row(1)]
    held = holding(believed, [said(1, D1, *rows).rows], D1)
    assert [1, 3, 4] == sorted(held["person_key"].to_list())


def test_of_lists_that_come_together_the_last_word_counts() -> None:
    """What one of them ended is not held when the next is looked at, which says so again: a backlog is judged as lists
    that come one by one."""
    first = said(1, D1, *map(row, range(9)))
    second = said(2, D1, *(row(p, last="2026-10-31") for p in range(4)), *map(row, range(4, 9)))
    held = holding(nothing().recognitions, [first.rows, second.rows], D1)
    assert [4, 5, 6, 7, 8] == sorted(held["person_key"].to_list())


def test_a_stop_of_a_former_period_ends_nothing_that_is_held() -> None:
    """It says nothing of the period that began after it; without a period of its own it does."""
    latest = said(1, D1, row(1, first="2026-01-01"), row(2, first="2026-01-01"))
    held = holding(nothing().recognitions, [latest.rows], D1)
    stops = [stop(1, first="2024-03-01", last="2025-06-30"), stop(2, last="2026-10-31")]
    both = holding(nothing().recognitions, [latest.rows, said(2, D1, *stops).rows], D1)
    assert [1] == both["person_key"].to_list()
    assert [2] == of_held(endings(said(2, D1, *stops).rows, D1), held)["person_key"].to_list()


@pytest.mark.parametrize(
    ("before", "now", "ends"),
    [
        (None, "2026-11-30", True),
        ("2026-12-31", "2026-11-30", True),
        ("2026-11-30", "2026-11-30", False),
        ("2026-11-30", "2026-12-31", False),
        ("2026-11-30", "2026-10-31", True),
    ],
)
def test_a_last_day_ends_what_was_to_last_longer(before: str | None, now: str, ends: bool) -> None:
    """A list that says the same day again, or a later one, takes nothing from anybody."""
    held = holding(nothing().recognitions, [said(1, D1, row(1, last=before)).rows], D1)
    found = of_held(endings(said(2, D1, row(1, last=now)).rows, D1), held)
    assert found.height == ends


@pytest.mark.parametrize(
    ("before", "now", "ends"),
    [
        pytest.param([row(1)], [row(1, first="2026-12-01")], True, id="begins later"),
        pytest.param([row(1)], [row(1, first="2026-11-02")], False, id="begins without a gap"),
        pytest.param([row(1, first="2026-12-01")], [row(1, first="2026-11-15")], False, id="begins sooner"),
        pytest.param(
            [row(1, last="2026-12-31")], [row(1, first="2027-01-01", last="2027-12-31")], False, id="is renewed"
        ),
        pytest.param([row(1)], [stop(1, on=D1), {**row(1, first="2026-12-01"), "row": 2}], True, id="stops, and anew"),
        pytest.param(
            [row(1)], [stop(1, last="2026-11-30"), {**row(1, first="2026-12-01"), "row": 2}], False, id="stops, at once"
        ),
        pytest.param([row(1)], [stop(1, on=D1), row(1, ALLOWANCE, "2026-12-01")], True, id="another after a gap"),
        pytest.param([row(1)], [stop(1, on=D1), row(1, ALLOWANCE, "2026-11-02")], False, id="another at once"),
        pytest.param([row(1)], [stop(1, on=D1), row(1, ALLOWANCE, last="2026-11-10")], True, id="another for days"),
        pytest.param(
            [row(1, last="2026-12-31")],
            [stop(1, on=D1), row(1, ALLOWANCE, last="2026-12-31")],
            False,
            id="another for as long",
        ),
        pytest.param(
            [row(1, first="2026-12-01")],
            [row(1), {**stop(1, POOR, "2026-11-02", "2026-11-10"), "row": 2}],
            True,
            id="stated sooner, and stopped",
        ),
    ],
)
def test_what_goes_on_leaves_no_gap(before: list[Row], now: list[Row], ends: bool) -> None:
    """Whoever would hold nothing for a time, or not as long as before, has lost something."""
    held = holding(nothing().recognitions, [said(1, D1, *before).rows], D1)
    assert of_held(endings(said(2, D1, *now).rows, D1), held).is_empty() != ends
