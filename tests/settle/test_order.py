"""The order in which lists and rows count: dates, sequence numbers, and two lists for one date."""

from datetime import date

import pytest

from tests.settle.said import ALLOWANCE, D1, POOR, day, folded, periods, row, said, stop

D2, D3 = date(2026, 11, 2), date(2026, 11, 3)
MARCH, BEFORE_D1 = day("2024-03-01"), date(2026, 10, 31)
CHANGED, STOPPED = row(1, ALLOWANCE, level="C"), stop(1, ALLOWANCE, "2024-03-01", "2026-11-02")


def many(n: int, *, start: int = 0) -> list[dict[str, object]]:
    return [row(i) for i in range(start, n)]


def test_an_older_full_list_takes_its_place_in_history() -> None:
    """A full list for an older date, whenever it comes, never changes what a later list says."""
    newer = said(1, D3, row(1), full=True)
    older = said(2, D1, row(1, first="2023-01-01"), row(2), full=True)
    assert [(1, POOR, "", MARCH, None), (2, POOR, "", MARCH, D2)] == periods(folded(newer, older))


def test_a_later_list_of_one_date_speaks_for_its_scopes_only() -> None:
    """Of two full lists for one date the later has the last word on its scopes; on the others the earlier has."""
    whole = said(1, D1, row(1, scope="451022"), row(2, scope="451024"), full=True, scopes=("451022", "451024"))
    county = said(2, D1, row(3, scope="451022"), full=True, scopes=("451022",))
    assert [(1, BEFORE_D1), (2, None), (3, None)] == [(p[0], p[4]) for p in periods(folded(whole, county))]


def test_the_later_list_of_a_date_is_its_word() -> None:
    """Of two full lists for one date the later has the last word: whom it leaves out departs on the day before."""
    result = folded(said(1, D1, row(1), row(2, level="A"), full=True), said(2, D1, row(2, level="B"), full=True))
    assert [(1, "", BEFORE_D1), (2, "B", None)] == [(p[0], p[2], p[4]) for p in periods(result)]


@pytest.mark.parametrize("later", [many(30), []], ids=["half of them", "nobody"])
def test_the_later_list_of_a_date_is_guarded(later: list[dict[str, object]]) -> None:
    """A second list for one date that leaves out more than the limits ends nobody until a person says so."""
    mistrusted = {} if later else {"": "empty"}
    result = folded(said(1, D1, *many(60), full=True), said(2, D1, *later, full=True, mistrusted=mistrusted))
    assert [None] * 60 == [p[4] for p in periods(result)]
    assert [(2, 60 - len(later))] == [(breach.delivery, breach.leaving) for breach in result.breaches]


def test_deltas_go_by_their_sequence() -> None:
    """A delta applies to what went before in order of its sequence, even where its business date is older."""
    full, stopped = said(1, D1, row(1), full=True), said(2, D3, stop(1, last="2026-11-02"))
    again = said(3, D2, row(1, first="2026-11-03"))
    assert [(MARCH, D2), (D3, None)] == [p[3:] for p in periods(folded(full, stopped, again))]


def test_a_delta_follows_a_full_list_of_a_smaller_sequence() -> None:
    """A delta applies to what went before by its sequence, also where a full list before it is of a later day."""
    full, stopped = said(5, D3, row(1), full=True), said(6, D2, stop(1, last="2026-10-31"))
    assert [(MARCH, BEFORE_D1)] == [p[3:] for p in periods(folded(full, stopped))]


@pytest.mark.parametrize(
    ("rows", "level", "last"),
    [
        pytest.param([CHANGED, {**STOPPED, "row": 2}], "C", D2, id="changed, then stopped"),
        pytest.param([STOPPED, {**CHANGED, "row": 2}], "C", None, id="stopped, then stated anew"),
        pytest.param([row(1, ALLOWANCE, level="A"), {**CHANGED, "row": 2}], "C", None, id="new, then changed"),
    ],
)
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_several_rows_of_one_person_in_a_delta(
    rows: list[dict[str, object]], level: str, last: date | None, known: bool
) -> None:
    """What a delta says several times of one person and identity counts in the order of its rows."""
    before = [said(1, D1, row(1, ALLOWANCE, level="B"), full=True)] if known else []
    result = folded(*before, said(2, D2, *rows))
    assert (level, last) == periods(result)[-1][2::2] and len(periods(result)) == 1


@pytest.mark.parametrize(
    ("stopped", "expected"),
    [
        (("2024-03-01", "2026-10-31"), [("B", BEFORE_D1), ("A", None)]),
        ((None, "2026-10-31"), [("B", BEFORE_D1), ("A", None)]),
        # Of a day after the next one begins it ends that, whatever recognition it names.
        (("2024-03-01", "2026-11-30"), [("A", date(2026, 11, 30))]),
    ],
)
def test_a_stop_of_an_earlier_period_does_not_end_the_next(
    stopped: tuple[str | None, str], expected: list[tuple[str, date | None]]
) -> None:
    """A stop below a statement that begins after its day is of the period before; one of a later day ends what was
    stated."""
    anew = row(1, ALLOWANCE, "2026-11-03", level="A")
    old = {**stop(1, ALLOWANCE, *stopped), "row": 2}
    result = folded(said(1, D1, row(1, ALLOWANCE, level="B"), full=True), said(2, D3, anew, old))
    assert expected == [p[2::2] for p in periods(result)]
