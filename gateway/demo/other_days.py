"""The second day of rural revitalization, of the federation and of the roster.

Takes the lists of the first day; gives those of the second. Refuses nothing.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

from gateway.demo import dirt, lists
from gateway.demo.cast import Cast
from gateway.demo.city import Roster
from gateway.demo.rows import DIED, LOST, MOVED, RURAL, RURAL_CATEGORIES, Row

_ONE_DAY = timedelta(days=1)
_DATED = date(2026, 10, 20)
_STABLE, _UNSTABLE, _MARGINAL, _SUDDEN, _BACK = RURAL_CATEGORIES
#: Out of so many people one leaves a list: far under the limits at which departures are held.
_ONE_LEAVES_OF = 100
#: No kind of event happens to more people than this.
_MOST = 400


def renew_rural(cast: Cast, rows: list[Row], day: date, missing: str, amount: float) -> list[Row]:
    """All that happens on a rural list in a month, but in the county whose workbook is missing."""
    here = [row for row in rows if row.person.county != missing]
    few = min(_MOST, max(2, len(here) // 200))
    now: dict[int, Row | None] = {}
    for row in cast.pick(here, min(_MOST, max(2, len(here) // _ONE_LEAVES_OF)), cast.clear_of_doubt(here)):
        now[row.person.index] = None
    for row in cast.pick(here, few, _may_clear):
        now[row.person.index] = replace(row, cleared=True, last=_DATED)
    for row in cast.pick(here, few, _may_clear):
        now[row.person.index] = replace(row, cleared=True, last=None)
    for natural, count in ((DIED, 3), (MOVED, 2), (LOST, 1)):
        for row in cast.pick(here, count, lambda row: row.last is None and row.natural == ""):
            now[row.person.index] = replace(row, natural=natural)
    now |= _reclassified(cast, here, day) | _damaged(cast, here, amount)
    kept = [now.get(row.person.index, row) for row in rows]
    return [row for row in kept if row is not None] + _new_rural(cast, rows, day, missing, few)


def _may_clear(row: Row) -> bool:
    return row.category != _STABLE and not row.cleared and row.natural == "" and row.first < date(2026, 10, 1)


def _reclassified(cast: Cast, rows: list[Row], day: date) -> dict[int, Row | None]:
    """Households that came into another kind: the old identity is no longer named, and departs."""
    clear = cast.clear_of_doubt(rows)
    sudden = cast.pick(rows, 2, lambda row: clear(row) and row.category == _MARGINAL and not row.cleared)
    unstable = cast.pick(rows, 2, lambda row: clear(row) and row.category == _STABLE and not row.cleared)
    now: dict[int, Row | None] = {}
    for row in sudden:
        now[row.person.index] = replace(row, category=_SUDDEN, first=day)
    for row in unstable:
        now[row.person.index] = replace(row, category=_UNSTABLE, first=date(2026, 10, 28))
    return now


def _damaged(cast: Cast, rows: list[Row], amount: float) -> dict[int, Row | None]:
    """Rows that were sound on the first day and are not now; nobody may depart for it."""
    kinds = ("id_typo", "id_missing", "id_excel", "lost", "stranger_name") if amount > 0 else ()
    damaged: dict[int, Row | None] = {}
    for kind in kinds:
        for row in cast.pick(rows, 1, _can_be_damaged(kind)):
            clean = replace(row, name=None, number=None)
            damaged[row.person.index] = dirt.damage(clean, kind, cast.city, cast.rng)
    return damaged


def _can_be_damaged(kind: str) -> Callable[[Row], bool]:
    return lambda row: row.natural == "" and dirt.may_befall(kind, row)


def _new_rural(cast: Cast, rows: list[Row], day: date, missing: str, few: int) -> list[Row]:
    fresh = []
    for place, person in enumerate(cast.newcomers(3 * few, rows, without=missing)):
        first = max(day if place % 2 else date(2026, 9, 15), person.born + timedelta(days=20))
        fresh.append(Row(source=RURAL, person=person, category=RURAL_CATEGORIES[place % 5], first=first))
    return fresh


def renew_holders(cast: Cast, rows: list[Row], day: date, amount: float) -> list[Row]:
    """Certificates cancelled, graded anew, reissued, issued; one holder gone, one row damaged."""
    few = min(_MOST, max(2, len(rows) // 60))
    now: dict[int, Row | None] = {}
    for place, row in enumerate(cast.pick(rows, 2 * few, _is_severe)):
        last = day if place % 2 else max(date(2026, 10, 25), row.first + _ONE_DAY)
        now[row.person.index] = replace(row, status="2345"[place % 4], last=last)
    for grade, fresh in (("1", "2"), ("2", "1"), ("3", "2"), ("2", "3")):
        for row in cast.pick(rows, 1 if fresh == "3" else 2, _has_grade(grade)):
            now[row.person.index] = replace(row, level=fresh, updated=day)
    for row in cast.pick(rows, 1, cast.clear_of_doubt(rows)):
        now[row.person.index] = None
    for row in cast.pick(rows, 1, lambda row: _is_severe(row) and not row.suffix.endswith("B1")):
        now[row.person.index] = replace(row, suffix=row.suffix + "B1", updated=day)
    for row in cast.pick(rows, 1 if amount > 0 else 0, _is_severe):
        clean = replace(row, name=None, number=None)
        now[row.person.index] = dirt.damage(clean, "id_typo", cast.city, cast.rng)
    kept = [now.get(row.person.index, row) for row in rows]
    fresh_rows = [
        replace(lists.holder(cast.rng, person), first=date(2026, 10, 30), status="1", last=None)
        for person in cast.newcomers(3, rows)
    ]
    return [row for row in kept if row is not None] + fresh_rows


def _is_severe(row: Row) -> bool:
    return row.status == "1" and row.level in ("1", "2")


def _has_grade(grade: str) -> Callable[[Row], bool]:
    return lambda row: row.status == "1" and row.level == grade


def second_roster(cast: Cast, rows: list[Row]) -> Roster:
    """Half of those whom lists named in vain enrol, numbers are corrected, two die, one double entry is
    merged.
    """
    roster = cast.city.roster
    waiting = sorted({row.person.index for row in rows if row.noise == "outside"})
    enrolled = set(cast.rng.sample(waiting, len(waiting) // 2))
    died = {row.person.index for row in cast.pick(rows, 2, lambda row: True)}
    still_wrong = sorted(roster.misnumbered)[:1]
    return replace(
        roster,
        absent=roster.absent - enrolled,
        dead=roster.dead | died,
        twofold=roster.twofold - set(sorted(roster.twofold)[:1]),
        misnumbered={index: roster.misnumbered[index] for index in still_wrong},
    )
