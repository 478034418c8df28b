"""The days in order: which delivery arrives when, for each shape of a run.

`standard`: full lists; a delta and the second lists; a full list that names half of its people.
`samples`: a delta that comes before the one it follows, then that one, then the half list. `long`: two working
weeks of news from everybody each day, with a second full list, and the half list on the last day. Takes
spoilt first-day lists; gives `Day`s. Refuses an unknown shape, and more days than the shape has, with
ValueError.
"""

from dataclasses import dataclass
from datetime import date, timedelta

from gateway.demo.cast import Cast
from gateway.demo.civil_days import CivilDays
from gateway.demo.other_days import renew_holders, renew_rural, second_roster
from gateway.demo.rows import CIVIL, DISABLED, RURAL, Day, Delivery, Row

FIRST_DAY = date(2026, 11, 1)
#: Days that each shape has.
SHAPES = {"standard": 3, "samples": 5, "long": 10}
#: Of the long shape, the day on which civil affairs sends a full list instead of a delta.
_SECOND_FULL = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Lists:
    """The three lists of the first day, spoilt."""

    civil: list[Row]
    rural: list[Row]
    holders: list[Row]


def play(cast: Cast, lists: Lists, amount: float, shape: str, count: int) -> list[Day]:
    """The first `count` days of a shape."""
    if shape not in SHAPES:
        raise ValueError(f"unknown shape; one of {', '.join(SHAPES)}")
    if not 1 <= count <= SHAPES[shape]:
        raise ValueError(f"the shape {shape} has {SHAPES[shape]} days")
    days = [_first_day(cast, lists)]
    if count > 1:
        civil = CivilDays(cast, lists.civil, amount)
        days.append(_second_day(cast, lists, civil, amount, shape))
        if shape == "long":
            return days + _news(cast, lists, civil, amount, days[1], count)
        days += _half_list(civil, days[1]) if shape == "standard" else _late_delta(civil, days[1])
    return days[:count]


def _on(number: int) -> date:
    return FIRST_DAY + timedelta(days=number - 1)


def _first_day(cast: Cast, lists: Lists) -> Day:
    deliveries = [
        Delivery(source=CIVIL, business=FIRST_DAY, full=True, rows=lists.civil, sequence=1),
        _workbooks(FIRST_DAY, lists.rural, ""),
        Delivery(source=DISABLED, business=FIRST_DAY, full=True, rows=lists.holders),
    ]
    return Day(number=1, deliveries=deliveries, roster=cast.city.roster, new_roster=True)


def _second_day(cast: Cast, lists: Lists, civil: CivilDays, amount: float, shape: str) -> Day:
    day = _on(2)
    counties = sorted({row.person.county for row in lists.rural})
    missing = cast.rng.choice(counties)
    everybody = lists.civil + lists.rural + lists.holders
    roster = second_roster(cast, everybody) if shape != "samples" else cast.city.roster
    deliveries = [
        Delivery(source=CIVIL, business=day, full=False, rows=civil.delta(day), sequence=2),
        _workbooks(day, renew_rural(cast, lists.rural, day, missing, amount), missing),
        Delivery(
            source=DISABLED, business=day, full=True, rows=renew_holders(cast, lists.holders, day, amount)
        ),
    ]
    return Day(number=2, deliveries=deliveries, roster=roster, new_roster=shape != "samples")


def _workbooks(day: date, rows: list[Row], without: str) -> Delivery:
    """The rural delivery of a day, county by county."""
    present = sorted((row for row in rows if row.person.county != without), key=lambda row: row.person.county)
    counties = tuple(sorted({row.person.county for row in present}))
    return Delivery(source=RURAL, business=day, full=True, rows=present, counties=counties)


def _news(cast: Cast, lists: Lists, civil: CivilDays, amount: float, second: Day, count: int) -> list[Day]:
    """Every day from the third to `count`: news of all three; each second day a county's workbook is missing."""
    sent = {delivery.source: delivery for delivery in second.deliveries}
    rural = sent[RURAL].rows + [row for row in lists.rural if row.person.county not in sent[RURAL].counties]
    holders = sent[DISABLED].rows
    counties = sorted({row.person.county for row in rural})
    days = []
    for number in range(3, count + 1):
        day, missing = _on(number), cast.rng.choice(counties) if number % 2 else ""
        rural = renew_rural(cast, rural, day, missing, amount)
        holders = renew_holders(cast, holders, day, amount)
        deliveries = [
            _civil_of(civil, day, number),
            _workbooks(day, rural, missing),
            Delivery(source=DISABLED, business=day, full=True, rows=holders),
        ]
        days.append(Day(number=number, deliveries=deliveries, roster=second.roster))
    return days


def _civil_of(civil: CivilDays, day: date, number: int) -> Delivery:
    if number == SHAPES["long"]:
        full, rows = True, civil.half(day, renewed=True)
    elif number == _SECOND_FULL:
        full, rows = True, civil.rows
    else:
        full, rows = False, civil.delta(day)
    return Delivery(source=CIVIL, business=day, full=full, rows=rows, sequence=number)


def _half_list(civil: CivilDays, second: Day) -> list[Day]:
    rows = civil.half(_on(3), renewed=True)
    delivery = Delivery(source=CIVIL, business=_on(3), full=True, rows=rows, sequence=3)
    return [Day(number=3, deliveries=[delivery], roster=second.roster)]


def _late_delta(civil: CivilDays, second: Day) -> list[Day]:
    added, stopped = civil.short_lived(_on(3), _on(4), 4)
    late = Delivery(source=CIVIL, business=_on(4), full=False, rows=stopped, sequence=4)
    missed = Delivery(source=CIVIL, business=_on(3), full=False, rows=added, sequence=3)
    half = Delivery(
        source=CIVIL, business=_on(5), full=True, rows=civil.half(_on(5), renewed=False), sequence=5
    )
    return [
        Day(number=number, deliveries=[delivery], roster=second.roster)
        for number, delivery in enumerate((late, missed, half), 3)
    ]
