"""Stops of a period that was over before the latest one of the identity began."""

from datetime import date

import pytest

from tests.settle.said import D1, day, folded, periods, row, said, stop

D2, D3 = date(2026, 11, 2), date(2026, 11, 3)


@pytest.mark.parametrize(
    ("began", "ended", "expected"),
    [
        ("2024-03-01", "2025-06-30", [("2024-03-01", "2025-06-30"), ("2026-01-01", None)]),
        ("2024-03-01", "2025-12-31", [("2024-03-01", "2025-12-31"), ("2026-01-01", None)]),
        ("2024-03-01", "2026-01-01", [("2026-01-01", "2026-01-01")]),
        ("2026-01-01", "2025-12-31", []),
        (None, "2025-12-31", []),
    ],
)
def test_a_stop_is_of_the_period_that_it_gives(
    began: str | None, ended: str, expected: list[tuple[str, str | None]]
) -> None:
    """A stop whose own period was over before the latest one began ends that former period only; one that gives no
    period, or one that would begin with the latest, ends the latest."""
    latest = said(1, D1, row(1, first="2026-01-01"), full=True)
    found = periods(folded(latest, said(2, D2, stop(1, first=began, last=ended))))
    stands = [(p[3], p[4]) for p in found if p[4] is None or p[3] <= p[4]]  # type: ignore[operator]  # dates
    assert expected == [(str(first), last and str(last)) for first, last in stands]


def test_a_stop_corrects_a_former_period() -> None:
    """A former period that is known ends on the day that the stop gives, and the latest stands."""
    result = folded(
        said(1, D1, row(1, first="2024-03-01", last="2025-06-30"), full=True),
        said(2, D2, row(1, first="2026-01-01")),
        said(3, D2, stop(1, first="2024-03-01", last="2025-03-31")),
    )
    expected = [(day("2024-03-01"), day("2025-03-31")), (day("2026-01-01"), None)]
    assert expected == [(p[3], p[4]) for p in periods(result)]
    assert result.unknown_stops.is_empty()


def test_a_stop_of_a_former_period_that_nobody_knew_is_told() -> None:
    """Whose latest period stands though a stop came is a finding, as for a stop of an identity that nobody knew."""
    latest = said(1, D1, row(1, first="2026-01-01"), full=True)
    result = folded(latest, said(2, D2, stop(1, first="2024-03-01", last="2025-06-30")))
    assert [(2, 1)] == result.unknown_stops.rows()
