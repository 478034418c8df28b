"""When an identity ends: every sentence of the identity rules on a few rows."""

from datetime import date

import polars as pl
import pytest

from gateway.model.holds import Place
from gateway.settle import Fold, Limits, fold
from tests.settle.said import (
    ALLOWANCE,
    D1,
    ILL,
    MARGINAL,
    MONTHS,
    POOR,
    SEVERE,
    STABLE,
    UNSTABLE,
    day,
    doubt,
    everybody,
    folded,
    nobody,
    periods,
    row,
    said,
    stop,
)

D2, D3 = date(2026, 11, 2), date(2026, 11, 3)
OCT31 = date(2026, 10, 31)
MARCH = day("2024-03-01")
BEFORE_D1 = date(2026, 10, 31)


def many(n: int, *, start: int = 0) -> list[dict[str, object]]:
    return [row(i) for i in range(start, n)]


def test_a_row_gives_its_last_day() -> None:
    """An identity ends on the last day that a row gives for it; without one it goes on."""
    result = folded(said(1, D1, row(1, last="2026-06-30"), row(2), full=True))
    assert [(1, POOR, "", MARCH, day("06-30")), (2, POOR, "", MARCH, None)] == periods(result)


def test_a_full_list_ends_whom_it_leaves_out() -> None:
    """Whom an applied full list no longer names departs, on the day before its business date."""
    result = folded(said(1, D1, row(1), row(2), full=True), said(2, D3, row(2), full=True))
    assert [(1, POOR, "", MARCH, D2), (2, POOR, "", MARCH, None)] == periods(result)
    assert [(2, 1, POOR, D2, "released")] == result.departures.select(
        "delivery", "person_key", "identity", "last", "state"
    ).rows()


def test_a_delta_leaves_nobody_out() -> None:
    """A delta that names others ends nothing."""
    result = folded(said(1, D1, row(1), full=True), said(2, D2, row(2)))
    assert [1, 2] == [p[0] for p in periods(result) if p[4] is None]


def test_a_missing_county_says_nothing() -> None:
    """A full list speaks for its scopes only: people of a county whose workbook is missing keep what they have."""
    first = said(1, D1, row(1, scope="451022"), row(2, scope="451023"), full=True, scopes=("451022", "451023"))
    second = said(2, D2, full=True, scopes=("451022",))
    assert [(1, D1), (2, None)] == [(p[0], p[4]) for p in periods(folded(first, second))]


def test_what_is_missing_of_a_list_may_be_somebodys_other_row() -> None:
    """Who stands on a list of which rows are missing under one identity, keeps the other until a person says so."""
    both = said(1, D1, row(1), row(1, MARGINAL), *map(row, range(2, 9)), full=True)
    one = [row(1), *map(row, range(2, 9))]
    whole, short = (said(2, D2, *one, full=True, mistrusted=m) for m in ({}, {"": "incomplete"}))
    assert [(MARGINAL, D1), (POOR, None)] == [(p[1], p[4]) for p in periods(folded(both, whole)) if p[0] == 1]
    result = folded(both, short)
    assert [(MARGINAL, None), (POOR, None)] == [(p[1], p[4]) for p in periods(result) if p[0] == 1]
    assert [("incomplete", 1)] == [(breach.kind, breach.leaving) for breach in result.breaches]


def test_what_had_ended_does_not_depart() -> None:
    """Who is left out after the last day had come departs from nothing."""
    result = folded(said(1, D1, row(1, last="06-30"), full=True), said(2, D2, full=True))
    assert [] == result.departures.rows()
    assert [day("06-30")] == [p[4] for p in periods(result)]


def test_what_began_later_never_was() -> None:
    """An identity that would have begun on the business date or later, and is left out, never stood."""
    result = folded(said(1, D1, row(1, first="11-02"), full=True), said(2, D2, full=True))
    assert [] == periods(result)


def test_another_identity_on_the_list_ends_the_old_one() -> None:
    """Who stands on the next full list under another identity loses the old one on its eve, past any limit."""
    result = folded(
        said(1, D1, row(1), full=True),
        said(2, D2, row(1, ALLOWANCE, "11-02", level="A"), full=True),
        limits=Limits(share=0, number=0),
    )
    assert [(1, ALLOWANCE, "A", D2, None), (1, POOR, "", MARCH, D1)] == periods(result)
    assert [] == list(result.breaches)


def test_a_stop_ends_on_its_day() -> None:
    """停发 ends the identity of that category on 停止日期, or on the business date where that is empty."""
    known = said(1, D1, row(1), row(1, ALLOWANCE, level="B"), full=True)
    assert [(ALLOWANCE, None), (POOR, OCT31)] == [
        (p[1], p[4]) for p in periods(folded(known, said(2, D2, stop(1, last="2026-10-31"))))
    ]
    assert [(ALLOWANCE, None), (POOR, D2)] == [
        (p[1], p[4]) for p in periods(folded(known, said(2, D2, stop(1, on=D2))))
    ]


def test_a_stop_without_a_day_lengthens_nothing() -> None:
    """停发 without 停止日期, of an identity that had ended, does not bring it back; a day that it gives is its word."""
    known = said(1, D1, row(1, last="2026-06-30"), full=True)
    assert [day("06-30")] == [p[4] for p in periods(folded(known, said(2, D2, stop(1, on=D2))))]
    assert [day("07-31")] == [p[4] for p in periods(folded(known, said(2, D2, stop(1, last="2026-07-31"))))]


def test_an_unknown_stop_counts_for_its_own_period() -> None:
    """停发 of an unknown identity counts for 认定日期 to 停止日期, and is a finding; without 认定日期 for nothing."""
    result = folded(said(1, D1, stop(1, first="2025-01-01", last="2026-10-31"), stop(2, on=D1)))
    assert [(1, POOR, "", day("2025-01-01"), OCT31)] == periods(result)
    assert [(1, 1), (1, 2)] == result.unknown_stops.sort("row").rows()


def test_moving_between_categories() -> None:
    """停发 of the old and 新增 of the new: both stand, each for its time."""
    result = folded(
        said(1, D1, row(1), full=True),
        said(2, D2, stop(1, last="2026-11-01"), row(1, ALLOWANCE, "11-02", level="C")),
    )
    assert [(1, ALLOWANCE, "C", D2, None), (1, POOR, "", MARCH, D1)] == periods(result)


def test_a_new_beginning_after_an_end() -> None:
    """An earlier period that had ended before the new one begins stays as history."""
    result = folded(
        said(1, D1, row(1, first="2024-01-01", last="2025-06-30"), full=True), said(2, D2, row(1, first="11-02"))
    )
    assert [(day("2024-01-01"), day("2025-06-30")), (D2, None)] == [p[3:] for p in periods(result)]


def test_a_row_replaces_wholly() -> None:
    """变更 and the next full list replace a person's row of the same identity: the level was always that."""
    for full in (True, False):
        result = folded(
            said(1, D1, row(1, ALLOWANCE, level="A"), full=True), said(2, D2, row(1, ALLOWANCE, level="B"), full=full)
        )
        assert [(1, ALLOWANCE, "B", MARCH, None)] == periods(result)


def test_a_change_of_somebody_unknown_is_new() -> None:
    """变更 of somebody unknown counts as 新增."""
    assert [(7, POOR, "", MARCH, None)] == periods(folded(said(1, D1, row(7))))


def test_a_period_without_a_day_replaces_too() -> None:
    """Who lost it on the day on which it began never had it, whatever an earlier list said."""
    result = folded(
        said(1, D1, row(1, SEVERE, "2026-11-01", level="1"), full=True),
        said(2, D2, row(1, SEVERE, "2026-11-01", "2026-10-31", level="1", gives="past"), full=True),
    )
    assert [] == periods(result)


def test_a_grade_no_longer_severe_takes_away() -> None:
    """A holder whose grade is 3 or 4 now loses the identity on the eve of the change; it is never given by that row."""
    none = row(1, SEVERE, "2020-05-06", "2026-10-31", level="3", change="stop", gives="none")
    known = said(1, D1, row(1, SEVERE, "2020-05-06", level="2"), full=True)
    assert [(1, SEVERE, "2", day("2020-05-06"), OCT31)] == periods(folded(known, said(2, D2, none, full=True)))
    assert [] == periods(folded(said(1, D1, none, full=True)))


def test_what_follows_a_removed_risk() -> None:
    """The old identity ends on 风险消除时间, with 稳定脱贫 from the day after."""
    gone = row(1, UNSTABLE, last="2026-06-30", next_identity=STABLE)
    result = folded(said(1, D1, row(1, UNSTABLE), full=True), said(2, D2, gone, full=True))
    assert [(1, STABLE, "", day("07-01"), None), (1, UNSTABLE, "", MARCH, day("06-30"))] == periods(result)
    again = folded(said(1, D1, row(1, UNSTABLE), full=True), said(2, D2, gone, full=True), said(3, D3, gone, full=True))
    assert periods(result) == periods(again)


def test_an_inferred_end_stays_where_it_was() -> None:
    """A removed risk without a day ended on the eve of the first list that said so, however often it is said again."""

    def gone(last: str) -> dict[str, object]:
        return row(1, UNSTABLE, last=last, last_inferred=True, next_identity=STABLE)

    lists = [
        said(1, D1, row(1, UNSTABLE), full=True),
        said(2, D2, gone("2026-11-01"), full=True),
        said(3, D3, gone("2026-11-02"), full=True),
    ]
    assert [(1, STABLE, "", D2, None), (1, UNSTABLE, "", MARCH, D1)] == periods(folded(*lists))


def test_the_dead_keep_what_they_hold() -> None:
    """死亡 by the row: what the person holds stands, and nothing new begins."""
    dead = row(1, UNSTABLE, stands=True, said_dead=True)
    result = folded(said(1, D1, row(1, STABLE), full=True), said(2, D2, dead, full=True))
    assert [(1, STABLE, "", MARCH, None)] == periods(result)
    assert [] == periods(folded(said(1, D1, dead, full=True)))


@pytest.mark.parametrize(
    ("first", "last"),
    [
        ("2026-02-10", "2027-02-09"),
        ("2026-01-01", "2026-12-31"),
        ("2024-02-29", "2025-02-28"),
        ("2025-03-01", "2026-02-28"),
        ("2023-03-01", "2024-02-29"),
        ("2025-12-31", "2026-12-30"),
    ],
)
def test_expenses_last_twelve_months(first: str, last: str) -> None:
    """因病支出型 lasts 12 months from its recognition; from 29 February until the day before 1 March."""
    assert [day(last)] == [p[4] for p in periods(folded(said(1, D1, row(1, ILL, first), full=True)))]


def test_an_earlier_end_of_expenses_counts() -> None:
    """An earlier end goes first; a later one, or 停发 after the 12 months, lengthens nothing."""
    assert [day("06-30")] == [p[4] for p in periods(folded(said(1, D1, row(1, ILL, "2026-02-10", "2026-06-30"))))]
    assert [day("2027-02-09")] == [p[4] for p in periods(folded(said(1, D1, row(1, ILL, "2026-02-10", "2028-01-01"))))]
    stopped = said(2, D2, stop(1, ILL, first="2025-02-10", last="2026-11-02"))
    assert [day("2026-02-09")] == [p[4] for p in periods(folded(said(1, D1, row(1, ILL, "2025-02-10")), stopped))]
    assert [day("2026-02-09")] == [p[4] for p in periods(folded(stopped))]


@pytest.mark.parametrize(
    ("people", "leaving", "held"),
    [(210, 21, False), (209, 21, True), (100, 20, False), (150, 21, True), (20, 20, False)],
)
def test_departures_past_the_limits_are_held(people: int, leaving: int, held: bool) -> None:
    """More than 10 % and more than 20 people of the scope: held, and nobody's identity ends."""
    result = folded(said(1, D1, *many(people), full=True), said(2, D2, *many(people, start=leaving), full=True))
    assert ["held" if held else "released"] == result.departures["state"].unique().to_list()
    assert (0 if held else leaving) == sum(p[4] is not None for p in periods(result))
    assert ([(2, "", leaving, people)] if held else []) == [
        (b.delivery, b.scope, b.leaving, b.holding) for b in result.breaches
    ]


def test_each_scope_has_its_own_limit() -> None:
    """A county past its limits is held; the others' departures go on."""
    first = said(
        1,
        D1,
        *(row(i, scope="451022") for i in range(50)),
        *(row(100 + i, scope="451023") for i in range(50)),
        full=True,
        scopes=("451022", "451023"),
    )
    second = said(2, D2, *(row(100 + i, scope="451023") for i in range(1, 50)), full=True, scopes=("451022", "451023"))
    states = folded(first, second).departures.group_by("scope").agg(states="state").sort("scope")
    assert [("451022", {"held"}), ("451023", {"released"})] == [(s, set(v)) for s, v in states.rows()]


def test_a_person_decides_on_held_departures() -> None:
    """Released departures end, cancelled ones never do; the list's statements went on all the time."""
    lists = (said(1, D1, *many(60), full=True), said(2, D2, *many(60, start=30), row(77), full=True))
    ended = {
        verdict: sum(p[4] == D1 for p in periods(folded(*lists, decided={Place(2, ""): verdict} if verdict else {})))
        for verdict in ("", "released", "cancelled")
    }
    assert {"": 0, "released": 30, "cancelled": 0} == ended
    assert 77 in {p[0] for p in periods(folded(*lists))}


def test_what_was_held_waits_for_a_person() -> None:
    """A changed roster that leaves fewer leavers than the limits does not let the rest through: they were held."""
    lists = (said(1, D1, *many(60), full=True), said(2, D2, *many(60, start=18), full=True))
    assert {"released"} == set(folded(*lists).departures["state"])
    still = folded(*lists, decided={Place(2, ""): "held"})
    assert ({"held"}, [18]) == (set(still.departures["state"]), [b.leaving for b in still.breaches])


def test_a_scope_without_any_row_is_held() -> None:
    """That everybody of a scope is gone is never believed without a person, however few they are."""
    result = folded(said(1, D1, row(1), full=True), said(2, D2, full=True, mistrusted={"": "empty"}))
    assert [(2, "", 1, 1)] == [(b.delivery, b.scope, b.leaving, b.holding) for b in result.breaches]
    assert [None] == [p[4] for p in periods(result)]


def test_departures_wait_for_doubtful_rows() -> None:
    """Who may be named by an unresolved row waits: nothing ends, and the next clear list decides."""
    lists = [said(1, D1, row(1), full=True), said(2, D2, full=True, doubts=[doubt(name_key="x")])]
    waiting = folded(*lists, may_name=everybody)
    assert [None] == [p[4] for p in periods(waiting)]
    assert ["waiting"] == waiting.departures["state"].to_list()
    assert [D1] == [p[4] for p in periods(folded(*lists, may_name=nobody))]
    cleared = folded(*lists, said(3, D3, full=True), may_name=everybody)
    assert [D2] == [p[4] for p in periods(cleared)]


def test_a_candidate_waits() -> None:
    """The person whom a row in review seems to mean does not depart; another scope's row holds back nobody."""
    first = said(1, D1, row(1, scope="451022"), full=True, scopes=("451022",))
    for scope, last in (("451022", None), ("451023", D1)):
        second = said(2, D2, full=True, scopes=("451022",), doubts=[doubt(scope, candidate=1)])
        assert [last] == [p[4] for p in periods(folded(first, second))]


def test_an_older_certificate_that_never_gave_an_identity_takes_away_no_newer_one() -> None:
    """A delta of the old certificate alone: only a full list says that there is no other."""
    known = said(1, D1, row(1, SEVERE, "2026-10-10", level="1"), full=True)
    lower = row(1, SEVERE, "2015-05-06", "2026-10-31", level="3", change="stop", gives="none")
    assert [(1, SEVERE, "1", day("2026-10-10"), None)] == periods(folded(known, said(2, D2, lower)))
    assert [(1, SEVERE, "1", day("2026-10-10"), OCT31)] == periods(folded(known, said(2, D2, lower, full=True)))
    doubts = [doubt(source_id=None, candidate=1)]
    named = folded(known, said(2, D2, lower, full=True, doubts=doubts))
    assert [(1, SEVERE, "1", day("2026-10-10"), None)] == periods(named)
    newer = lower | {"first": day("2026-10-12")}
    assert [(1, SEVERE, "1", day("2026-10-10"), OCT31)] == periods(folded(known, said(2, D2, newer)))


def test_what_never_gave_an_identity_takes_none_away_that_the_list_gives() -> None:
    """A certificate of a lower grade beside the one that counts, above it or below."""
    lower = row(1, SEVERE, level="3", last="2026-09-30", change="stop", gives="none")
    counts = row(1, SEVERE, level="1")
    for rows in ([lower, counts], [counts, lower]):
        assert [(1, SEVERE, "1", MARCH, None)] == periods(folded(said(1, D1, *rows, full=True)))


def test_a_doubtful_row_keeps_one_of_two_identities() -> None:
    """Who stands on the list, but whose other identity's rows are in review, keeps that one too."""
    first = said(1, D1, row(1), row(1, ALLOWANCE, level="A"), full=True)
    second = said(2, D2, row(1), full=True, doubts=[doubt(candidate=1)])
    assert [None, None] == [p[4] for p in periods(folded(first, second))]
    assert [D1, None] == [p[4] for p in periods(folded(first, said(2, D2, row(1), full=True)))]


def test_waiting_people_count_for_no_limit() -> None:
    """Those who wait do not push the others over the limit."""

    def half(people: pl.DataFrame, _rows: pl.DataFrame) -> pl.DataFrame:
        return people.filter(pl.col("person_key") < 15).select("scope", "person_key")

    lists = (
        said(1, D1, *many(60), full=True),
        said(2, D2, *many(60, start=30), full=True, doubts=[doubt(name_key="x")]),
    )
    states = folded(*lists, may_name=half).departures["state"].value_counts().sort("state").rows()
    assert [("released", 15), ("waiting", 15)] == states


def test_what_was_released_is_not_judged_again() -> None:
    """Departures that took place stay, though a changed roster counts more people among those who left; they count with
    the others, so that a list's departures cannot pass the limits in slices."""
    before = [said(1, D1, *many(100), full=True), said(2, D2, *many(100, start=19), full=True)]
    once = folded(*before)
    released = once.departures.filter(pl.col("state") == "released").select(
        "delivery", "scope", "person_key", "identity"
    )
    assert 19 == released.height
    more = [said(1, D1, *many(105), full=True), said(2, D2, *many(100, start=19), full=True)]
    again = fold(more, limits=Limits(), decided={}, may_name=nobody, months=MONTHS, released=released)
    assert {"released": 19, "held": 5} == _states(again)
    one = [said(1, D1, *many(101), full=True), said(2, D2, *many(100, start=19), full=True)]
    within = fold(one, limits=Limits(), decided={}, may_name=nobody, months=MONTHS, released=released)
    assert {"released": 20} == _states(within)
    wider = [said(1, D1, *many(130), full=True), said(2, D2, *many(100, start=19), full=True)]
    most = fold(wider, limits=Limits(), decided={}, may_name=nobody, months=MONTHS, released=released)
    assert {"released": 19, "held": 30} == _states(most)


def test_a_rejection_stands_where_fewer_would_leave_by_now() -> None:
    """What a person rejected is not released because a changed roster brings it under the limits."""
    lists = [said(1, D1, *many(100), full=True), said(2, D2, *many(100, start=15), full=True)]
    assert {"cancelled": 15} == _states(folded(*lists, decided={Place(2, ""): "cancelled"}))


def _states(result: Fold) -> dict[str, int]:
    counts = result.departures.group_by("state").len()
    return dict(zip(counts["state"].to_list(), counts["len"].to_list(), strict=True))
