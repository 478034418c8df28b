"""What the demo holds to be true of rows, departures and the days' order."""

from dataclasses import replace
from datetime import date

import pytest

from gateway.demo.city import City, Person, Roster
from gateway.demo.rows import (
    ADDED,
    CHANGED,
    CIVIL,
    DIED,
    DISABLED,
    HOLDER,
    RURAL,
    STOPPED,
    Day,
    Delivery,
    Row,
    Standing,
)
from gateway.demo.timeline import Claim
from gateway.demo.truth import Truth, outcome, stated

FIRST, SECOND, THIRD = date(2026, 11, 1), date(2026, 11, 2), date(2026, 11, 3)
NOBODY_ODD = Roster()


def somebody(index: int, village: str = "451022100200") -> Person:
    return Person(
        index=index, number="451022198001010000", name="甲乙", male=True, born=date(1980, 1, 1),
        village=village, household=index, head=index, relation="本人", insured_in=village[:6], ethnicity="01",
    )  # fmt: skip


PEOPLE = [somebody(index) for index in range(60)]


def allowance(index: int = 0, level: str = "A", first: date = date(2025, 5, 1), **more: object) -> Row:
    row = Row(source=CIVIL, person=PEOPLE[index], category="低保对象", level=level, first=first)
    return replace(row, **more)  # type: ignore[arg-type]


def household(index: int = 0, category: str = "脱贫不稳定户", **more: object) -> Row:
    row = Row(source=RURAL, person=PEOPLE[index], category=category, first=date(2025, 5, 1))
    return replace(row, **more)  # type: ignore[arg-type]


def holder(grade: str = "1", **more: object) -> Row:
    row = Row(
        source=DISABLED, person=PEOPLE[0], category=HOLDER, level=grade, first=date(2025, 5, 1), suffix="11"
    )
    return replace(row, **more)  # type: ignore[arg-type]


def civil(day: date, sequence: int, *rows: Row, full: bool = False) -> Delivery:
    return Delivery(source=CIVIL, business=day, full=full, rows=list(rows), sequence=sequence)


def workbooks(day: date, *rows: Row, counties: tuple[str, ...] = ("451022",)) -> Delivery:
    return Delivery(source=RURAL, business=day, full=True, rows=list(rows), counties=counties)


def told(*deliveries: Delivery, roster: Roster = NOBODY_ODD, standing: tuple[Standing, ...] = ()) -> Truth:
    truth = Truth(City(people=PEOPLE, households=[], roster=NOBODY_ODD), standing)
    truth.live(Day(number=1, deliveries=list(deliveries), roster=roster))
    return truth


def held(truth: Truth, use: int = 1, index: int = 0) -> list[tuple[str, str, str]]:
    return [
        (
            record.code + record.level,
            record.first.isoformat(),
            "" if record.last is None else record.last.isoformat(),
        )
        for person, kind, record in truth.records()
        if kind == use and person.index == index
    ]


@pytest.mark.parametrize(
    ("expected", "row", "roster"),
    [
        ("matched", allowance(), NOBODY_ODD),
        ("matched_or_review", allowance(noise="id_typo"), NOBODY_ODD),
        ("review", allowance(noise="stranger_name"), Roster(dead=frozenset({0}))),
        ("review", allowance(noise="doubled"), Roster(twofold=frozenset({0}))),
        ("invalid", allowance(noise="bad_date"), Roster(twofold=frozenset({0}))),
        ("unmatched", allowance(noise="outside", number="451022198001010012"), Roster(absent=frozenset({0}))),
        ("review", allowance(noise="outside", number="451022198001010000"), Roster(absent=frozenset({0}))),
        ("matched", allowance(noise="outside"), NOBODY_ODD),
        ("unmatched_or_review", allowance(), Roster(misnumbered={0: "451022198001010019"})),
        ("duplicate", allowance(noise="doubled"), Roster(dead=frozenset({0}))),
        ("deceased", household(natural=DIED), NOBODY_ODD),
        ("deceased_or_review", holder("4", noise="id_swap"), Roster(dead=frozenset({0}))),
        ("no_identity", holder("3"), NOBODY_ODD),
        ("no_identity", holder("1", status="2", last=SECOND), NOBODY_ODD),
        ("no_identity", household(category="边缘易致贫户", cleared=True), NOBODY_ODD),
        ("matched", household(category="返贫致贫户", cleared=True), NOBODY_ODD),
        ("matched", household(category="稳定脱贫户", cleared=True), NOBODY_ODD),
    ],
)  # fmt: skip
def test_outcome(expected: str, row: Row, roster: Roster) -> None:
    """Of the outcomes that fit a row, the first in the contract's order is the one."""
    assert expected == outcome(row, roster)


def test_risk_removed() -> None:
    """A removed risk ends the identity on its day, or on the eve of the list; some are stable from the
    day after.
    """
    dated = stated(household(cleared=True, last=date(2026, 10, 20)), SECOND)
    assert [("7203", date(2026, 10, 20)), ("7200", None)] == [(one.code, one.last) for one in dated]
    assert [date(2025, 5, 1), date(2026, 10, 21)] == [one.first for one in dated]
    undated = stated(household(category="突发严重困难户", cleared=True), SECOND)
    assert [Claim("7205", "", date(2025, 5, 1), FIRST)] == undated


def test_certificate_ends() -> None:
    """A certificate no longer valid gave its identity to the eve of the update; grade 3 never gave one."""
    ended = stated(holder("2", status="3", last=SECOND), SECOND)
    assert [Claim("7069", "2", date(2025, 5, 1), FIRST)] == ended
    assert [] == stated(holder("3", status="3", last=SECOND), SECOND)


def test_expenses_last_a_year() -> None:
    """An impoverished family's identity lasts twelve months, unless the row ends it earlier."""
    row = allowance(level="", category="因病支出型困难家庭", first=date(2026, 3, 1))
    assert [date(2027, 2, 28)] == [one.last for one in stated(row, FIRST)]
    assert [SECOND] == [one.last for one in stated(replace(row, last=SECOND), FIRST)]


def test_delta() -> None:
    """A delta's stop ends on its day or the business date, a change replaces wholly, an unknown stop is a
    period.
    """
    first = civil(FIRST, 1, allowance(0), allowance(1), allowance(2), full=True)
    second = civil(
        SECOND,
        2,
        allowance(0, action=STOPPED, last=date(2026, 10, 15)),
        allowance(1, action=STOPPED),
        allowance(2, "B", action=CHANGED),
        allowance(3, first=date(2026, 2, 1), last=date(2026, 9, 30), action=STOPPED),
        allowance(4, "C", first=SECOND, action=CHANGED),
    )
    truth = told(first, second)
    assert [("7019A", "2026-01-01", "2026-10-15")] == held(truth, index=0)
    assert [("7019A", "2026-01-01", "2026-11-02")] == held(truth, index=1)
    assert [("7019B", "2026-01-01", "")] == held(truth, index=2)
    assert [("7019A", "2026-02-01", "2026-09-30")] == held(truth, index=3)
    assert [("7019C", "2026-11-02", "")] == held(truth, index=4)


def test_out_of_order() -> None:
    """A delta that comes before the one it follows waits, and then both count."""
    first = civil(FIRST, 1, allowance(0), full=True)
    late = civil(THIRD, 3, allowance(1, first=SECOND, action=STOPPED, last=THIRD))
    missed = civil(SECOND, 2, allowance(1, first=SECOND, action=ADDED))
    truth = told(first, late)
    assert [] == held(truth, index=1)
    truth.live(Day(number=2, deliveries=[missed], roster=NOBODY_ODD))
    assert [("7019A", "2026-11-02", "2026-11-03")] == held(truth, index=1)


def test_departure() -> None:
    """Whom a full list leaves out departs on the eve; a county without a workbook says nothing."""
    elsewhere = replace(household(1), person=somebody(1, "451031100200"))
    PEOPLE[1] = elsewhere.person
    both = workbooks(FIRST, household(0), elsewhere, counties=("451022", "451031"))
    truth = told(both, workbooks(SECOND, household(2)))
    PEOPLE[1] = somebody(1)
    assert [("7203", "2026-01-01", "2026-11-01")] == held(truth, index=0)
    assert [("7203", "2026-01-01", "")] == held(truth, index=1)


@pytest.mark.parametrize("more", [{"noise": "id_missing"}, {"noise": "lost"}, {"natural": DIED}])
def test_nobody_departs_by_dirt(more: dict[str, str]) -> None:
    """A row that is damaged today keeps its person from departing, and leaves the truth about them
    certain.
    """
    truth = told(workbooks(FIRST, household(0)), workbooks(SECOND, household(0, **more)))
    assert [("7203", "2026-01-01", "")] == held(truth)
    assert {} == truth.open_people()


def test_too_many_departures() -> None:
    """A list that leaves out more than 20 people and a tenth ends nothing, and what it says of the others
    counts.
    """
    everybody = civil(FIRST, 1, *(allowance(index) for index in range(60)), full=True)
    truth = told(everybody, civil(SECOND, 2, *(allowance(index, "B") for index in range(39)), full=True))
    assert [SECOND] == truth.books[CIVIL].held
    assert [("7019B", "2026-01-01", "")] == held(truth, index=0)
    assert [("7019A", "2026-01-01", "")] == held(truth, index=59)
    twenty = told(everybody, civil(SECOND, 2, *(allowance(index) for index in range(40)), full=True))
    assert [] == twenty.books[CIVIL].held
    assert [("7019A", "2026-01-01", "2026-11-01")] == held(twenty, index=59)


def test_roster_changes() -> None:
    """Who enrols, is merged or gets the right number holds what was said before; who dies holds nothing,
    openly.
    """
    first = civil(FIRST, 1, *(allowance(index) for index in range(4)), full=True)
    before = Roster(absent=frozenset({0}), twofold=frozenset({1}), misnumbered={2: "x"})
    truth = told(first, roster=before)
    assert [[], [], [], 1] == [
        held(truth, index=0),
        held(truth, index=1),
        held(truth, index=2),
        len(held(truth, 1, 3)),
    ]
    truth.live(Day(number=2, deliveries=[], roster=Roster(dead=frozenset({3}))))
    assert [1, 1, 1, 0] == [len(held(truth, index=index)) for index in range(4)]
    assert {3: "died_since"} == truth.open_people()


def test_doubt_is_open() -> None:
    """Records are not to be compared where a doubtful row is the only word about somebody."""
    truth = told(civil(FIRST, 1, allowance(0, noise="id_typo"), allowance(1), full=True))
    assert {0: "id_typo"} == truth.open_people()


def test_standing_use() -> None:
    """A record that stands for the subsidy counts for the subsidy only."""
    standing = Standing(
        person=PEOPLE[0],
        use=2,
        code="7203",
        level="",
        first=date(2026, 1, 1),
        last=date(2026, 12, 31),
        src_dept="YB",
    )
    truth = told(civil(FIRST, 1, allowance(0, first=date(2026, 7, 1)), full=True), standing=(standing,))
    assert [("7019A", "2026-07-01", "")] == held(truth)
    assert [("7203", "2026-01-01", "2026-06-30"), ("7019A", "2026-07-01", "")] == held(truth, use=2)
