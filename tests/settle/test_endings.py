"""Whom a list's own rows take from what they hold."""

from collections.abc import Mapping, Sequence

import pytest

from gateway.settle import Said, held, lost, may_end, nothing, told
from tests.settle.said import ALLOWANCE, D1, MONTHS, POOR, STABLE, UNSTABLE, row, said, stop

Row = Mapping[str, object]


def ending(now: Said, *before: Said) -> set[tuple[int, str]]:
    """People and identities that the last list ends, where those before it are in use."""
    holds = told(nothing().recognitions, before, MONTHS)
    found = lost(holds, told(holds, [now], MONTHS), now).select("person_key", "identity").rows()
    assert {person for person, _identity in found} <= set(may_end(now))  # nobody is looked at in vain, or overlooked
    return set(found)


def then(*rows: Row) -> list[Row]:
    """Rows in their places."""
    return [{**one, "row": at} for at, one in enumerate(rows, 1)]


@pytest.mark.parametrize(
    ("before", "now", "ends"),
    [
        pytest.param(row(1), [stop(1, on=D1)], True, id="stops"),
        pytest.param(row(1), [stop(1, last="2026-11-30")], True, id="stops on a day to come"),
        pytest.param(row(1), [row(1, last="2026-10-31")], True, id="had ended"),
        pytest.param(row(1), [row(1, last="2026-11-30")], True, id="ends on a day to come"),
        pytest.param(row(1), [row(1, last="2027-11-01")], True, id="ends within a year"),
        pytest.param(row(1), [row(1, last="2027-11-02")], False, id="ends after a year"),
        pytest.param(row(1), [row(1)], False, id="goes on"),
        pytest.param(row(1), [row(1, last="2026-10-31", stands=True)], False, id="names somebody only"),
        pytest.param(row(1), [stop(2, on=D1)], False, id="stops somebody else"),
        pytest.param(row(1), [stop(1, ALLOWANCE, on=D1)], False, id="stops what nobody holds"),
        pytest.param(row(1), then(row(1), stop(1, on=D1)), True, id="is stated, and stops"),
        pytest.param(row(1), then(stop(1, on=D1), row(1)), False, id="stops, and is stated"),
        pytest.param(row(1, last="2026-11-30"), [row(1, last="2026-11-30")], False, id="the same day again"),
        pytest.param(row(1, last="2026-11-30"), [row(1, last="2026-12-31")], False, id="a later day"),
        pytest.param(row(1, last="2026-12-31"), [row(1, last="2026-11-30")], True, id="an earlier day"),
        pytest.param(row(1), [row(1, first="2026-12-01")], True, id="begins later"),
        pytest.param(row(1), [row(1, first="2026-11-02")], False, id="begins without a gap"),
        pytest.param(row(1, first="2026-12-01"), [row(1, first="2026-11-15")], False, id="begins sooner"),
        pytest.param(
            row(1, last="2026-12-31"), [row(1, first="2027-01-01", last="2027-12-31")], False, id="is renewed"
        ),
        pytest.param(row(1), then(stop(1, on=D1), row(1, first="2026-12-01")), True, id="stops, and anew"),
        pytest.param(row(1), then(stop(1, last="2026-11-30"), row(1, first="2026-12-01")), False, id="stops, at once"),
        pytest.param(
            row(1, first="2026-03-01"),
            then(stop(1, POOR, "2024-01-01", "2025-12-31"), row(1, first="2027-03-01")),
            True,
            id="begins later, and a former period stopped",
        ),
        pytest.param(
            row(1, last="2027-08-28"),
            then(row(1, first="2026-11-03", last="2026-12-01"), stop(1, last="2027-08-28")),
            True,
            id="begins later, and stops",
        ),
        pytest.param(row(1), then(stop(1, on=D1), row(1, ALLOWANCE)), False, id="another"),
        pytest.param(row(1), then(stop(1, on=D1), row(1, ALLOWANCE, "2026-12-01")), True, id="another after a gap"),
        pytest.param(row(1), then(stop(1, on=D1), row(1, ALLOWANCE, "2026-11-02")), False, id="another at once"),
        pytest.param(row(1), then(stop(1, on=D1), row(1, ALLOWANCE, last="2026-11-10")), True, id="another for days"),
        pytest.param(
            row(1, last="2026-12-31"),
            then(stop(1, on=D1), row(1, ALLOWANCE, last="2026-12-31")),
            False,
            id="another for as long",
        ),
        pytest.param(
            row(1, UNSTABLE),
            [row(1, UNSTABLE, last="2026-10-31", next_identity=STABLE)],
            False,
            id="another follows",
        ),
        pytest.param(
            row(1, first="2026-12-01"), then(row(1), stop(1, POOR, "2026-11-02", "2026-11-10")), True, id="sooner"
        ),
        pytest.param(
            row(1, first="2026-01-01"), [stop(1, POOR, "2024-03-01", "2025-06-30")], False, id="a former period"
        ),
    ],
)
def test_who_has_a_day_less_than_before_counts(before: Row, now: Sequence[Row], ends: bool) -> None:
    """Whoever would have nothing on a day on which they had something: neither that nor what the list states."""
    assert bool(ending(said(2, D1, *now), said(1, D1, before))) == ends


def test_held_is_what_lists_in_use_said() -> None:
    """Open on the day; an end that has come, a stop of what nobody held and a row that only names somebody hold
    nothing."""
    rows = [row(1), row(2, last="2026-11-01"), row(3, last="2026-11-02"), stop(4, last="2027-01-01")]
    recognitions = told(nothing().recognitions, [said(1, D1, *rows, row(5, stands=True))], MONTHS)
    assert {1, 3} == set(held(recognitions, D1)["person_key"])


def test_of_lists_that_come_together_the_last_word_counts() -> None:
    """What one of them ended is not lost when the next is looked at, which says so again: a backlog is judged as lists
    that come one by one."""
    first = said(1, D1, *map(row, range(9)))
    second = said(2, D1, *(row(p, last="2026-10-31") for p in range(4)), *map(row, range(4, 9)))
    third = said(3, D1, *(row(p, last="2026-10-31") for p in range(5)))
    assert {(4, POOR)} == ending(third, first, second)
    later = said(3, D1, row(5, first="2026-12-15"))
    stops = said(2, D1, stop(5, last="2026-12-31"))
    assert {(5, POOR)} == ending(later, first, stops)
