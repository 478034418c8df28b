"""Who holds what on the first day: the three departments' lists and the platform's standing records,
still clean.

Takes a `City` and a random source; gives rows. Which people change on later days stands in `changes`.
Refuses nothing.
"""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from math import ceil
from random import Random

from gateway.demo.city import City, Person
from gateway.demo.rows import CIVIL, DISABLED, HOLDER, RURAL, RURAL_CATEGORIES, Row, Standing

#: Share of the people on each list, as in real cities of the region.
CIVIL_SHARE, RURAL_SHARE, DISABLED_SHARE = 0.086, 0.25, 0.03
#: Share of a list's rows about people whom no roster knows.
OUTSIDE_SHARE = 0.007
#: Share of each category among civil affairs' people.
_CIVIL_MIX = {
    "特困人员": 0.07, "孤儿": 0.006, "事实无人抚养儿童": 0.008,
    "低保边缘家庭成员": 0.186, "因病支出型困难家庭": 0.035, "低保对象": 0.695,
}  # fmt: skip
_RURAL_MIX = (0.82, 0.085, 0.065, 0.018, 0.012)
_EARLIEST, _LATEST = date(2021, 1, 1), date(2026, 9, 30)
#: Standing records, per thousand insured people; at least 15, at most 2000.
_STANDING_PER_THOUSAND, _STANDING_LEAST, _STANDING_MOST = 5, 15, 2000


def recognised_on(rng: Random, person: Person, earliest: date = _EARLIEST, latest: date = _LATEST) -> date:
    """A first day after the person's birth; never 29 February, whose "12 months later" nobody has defined."""
    start = max(earliest, person.born + timedelta(days=20))
    day = start + timedelta(days=int(rng.random() * max(1, (latest - start).days)))
    return day.replace(day=28) if (day.month, day.day) == (2, 29) else day


def civil(city: City, insured: int, rng: Random) -> list[Row]:
    """Civil affairs' full list, category by category; a few people stand in two categories."""
    rows = [
        _civil_row(rng, person, category, level)
        for category, share in _CIVIL_MIX.items()
        for person, level in _holders(city, category, ceil(insured * CIVIL_SHARE * share), insured, rng)
    ]
    rows += [_civil_row(rng, person, "低保对象", "B") for person in _outsiders(city, len(rows), insured, rng)]
    seen: set[tuple[int, str]] = set()
    return [row for row in rows if not _again(seen, (row.person.index, row.category))]


def _again(seen: set[tuple[int, str]], key: tuple[int, str]) -> bool:
    known = key in seen
    seen.add(key)
    return known


def _civil_row(rng: Random, person: Person, category: str, level: str) -> Row:
    first = recognised_on(rng, person)
    last = None
    if rng.random() < 0.03:
        last = first + timedelta(days=60 + int(rng.random() * 1500))
    return Row(
        source=CIVIL,
        person=person,
        category=category,
        level=level,
        first=first,
        last=last,
        urban=rng.random() < 0.2,
    )


def _holders(
    city: City, category: str, count: int, insured: int, rng: Random
) -> Iterator[tuple[Person, str]]:
    """`count` insured people who may hold `category`, with the level; whole households where it is the
    household's.
    """
    if category in ("低保对象", "低保边缘家庭成员", "因病支出型困难家庭"):
        yield from _of_households(city, category, count, insured, rng)
        return
    fits: Callable[[Person], bool] = _is_minor if category != "特困人员" else _is_old
    misses = 0
    while count > 0 and misses < 100 * insured:
        person = city.people[int(rng.random() * insured)]
        misses += 1
        if fits(person):
            count -= 1
            yield person, ""


def _of_households(
    city: City, category: str, count: int, insured: int, rng: Random
) -> Iterator[tuple[Person, str]]:
    while count > 0:
        level = "AABBC"[int(rng.random() * 5)] if category == "低保对象" else ""
        for index in city.households[int(rng.random() * len(city.households))]:
            if index < insured and count > 0 and rng.random() < 0.85:
                count -= 1
                yield city.people[index], level


def _is_minor(person: Person) -> bool:
    return person.born.year >= 2009


def _is_old(person: Person) -> bool:
    return person.born.year <= 1966


def _outsiders(city: City, rows: int, insured: int, rng: Random) -> list[Person]:
    outside = city.people[insured:]
    return rng.sample(outside, min(len(outside) // 3, max(3, ceil(rows * OUTSIDE_SHARE))))


def rural(city: City, insured: int, rng: Random) -> list[Row]:
    """Rural revitalization's list, household by household; those whom the roster has wrong are on it."""
    rows: list[Row] = []
    wanted = ceil(insured * RURAL_SHARE)
    order = rng.sample(range(len(city.households)), len(city.households))
    order.sort(key=lambda household: not _has_odd(city, household, insured))
    for household in order:
        members = [city.people[index] for index in city.households[household] if index < insured]
        category = rng.choices(RURAL_CATEGORIES, _RURAL_MIX)[0]
        rows += [_rural_row(rng, person, category) for person in members if rng.random() < 0.93]
        if len(rows) >= wanted:
            break
    return rows + [
        _rural_row(rng, person, "稳定脱贫户") for person in _outsiders(city, len(rows), insured, rng)
    ]


def _has_odd(city: City, household: int, insured: int) -> bool:
    """Whether one of the household is insured, and twice on the roster or under a wrong number."""
    return any(index < insured and city.roster.is_odd(index) for index in city.households[household])


def _rural_row(rng: Random, person: Person, category: str) -> Row:
    first = recognised_on(rng, person)
    cleared = rng.random() < (0.03 if category == "稳定脱贫户" else 0.1)
    last = recognised_on(rng, person, first, date(2026, 10, 20)) if cleared else None
    draw = rng.random()
    natural = "迁出" if draw < 0.001 else "失联" if draw < 0.0015 else ""
    return Row(
        source=RURAL,
        person=person,
        category=category,
        first=first,
        last=last,
        cleared=cleared,
        natural=natural,
    )


def holders(city: City, insured: int, dead: frozenset[int], rng: Random) -> list[Row]:
    """The federation's holders, whatever their status, grade 1 to 4; status 6 only for who is dead on the
    roster.
    """
    people = [city.people[index] for index in rng.sample(range(insured), ceil(insured * DISABLED_SHARE))]
    return [holder(rng, person, dead) for person in people + _outsiders(city, len(people), insured, rng)]


def holder(rng: Random, person: Person, dead: frozenset[int] = frozenset()) -> Row:
    """One holder; about one in twenty-five is no longer valid."""
    issued, grade = recognised_on(rng, person), rng.choice("11222233444")
    digit = grade if rng.random() < 0.97 else rng.choice("1234")
    status = "6" if person.index in dead else rng.choice("2345") if rng.random() < 0.04 else "1"
    return Row(
        source=DISABLED,
        person=person,
        category=HOLDER,
        level=grade,
        first=issued,
        last=None
        if status == "1"
        else recognised_on(rng, person, issued + timedelta(days=1), date(2026, 10, 28)),
        status=status,
        suffix=rng.choice("1234567") + digit + ("B1" if rng.random() < 0.04 else ""),
        urban=rng.random() < 0.25,
    )


def standing(city: City, insured: int, rng: Random) -> list[Standing]:
    """Records that clerks and an older system wrote; never of the dead or of those under two psn_no."""
    count = min(_STANDING_MOST, max(_STANDING_LEAST, insured * _STANDING_PER_THOUSAND // 1000), insured // 4)
    drawn = rng.sample(range(insured), count)
    picks = [index for index in drawn if city.roster.may_hold(index) and city.people[index].born.year < 2024]
    return [_standing_record(city.people[index], place) for place, index in enumerate(picks)]


def _standing_record(person: Person, place: int) -> Standing:
    """Mostly 7110 as the sample city has it; every tenth began earlier, and so on."""
    first, last = date(2026, 3, 1), date(2027, 2, 28)
    use, code, level, src_dept = 1, "7110", "", "451000-YB"
    match place % 10:
        case 1:
            first, last = date(2025, 6, 1), date(2026, 5, 31)
        case 3:
            code, level, first, last = "7019", "B", date(2025, 7, 1), date(2026, 12, 31)
        case 5:
            use, code, first, last = 2, "7203", date(2026, 1, 1), date(2026, 12, 31)
        case 7:
            use, code, level, first, last = 2, "7019", "C", date(2025, 9, 1), date(2026, 8, 31)
        case 9 if place % 20 == 9:
            first, last, src_dept = date(2024, 5, 1), date(2025, 4, 30), "451022-YB"
    return Standing(person=person, use=use, code=code, level=level, first=first, last=last, src_dept=src_dept)
