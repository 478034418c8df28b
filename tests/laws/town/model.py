"""What the departments' lists come to for each person, told by the contracts and by nothing of the gateway.

Takes what was said, whom the roster has, and what people decided; gives the records that the platform should hold.
Kept so simple that it can be checked by reading it.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date, timedelta

from tests.laws.town.people import RURAL, Row, first

OPEN = date(2099, 12, 31)
FLAGS_FROM = date(2026, 1, 1)
ALLOWANCE, AT_RISK = "7019", "7204"
DAY = timedelta(days=1)
#: use, code, level, first, last
Record = tuple[str, str, str, str, str]


@dataclass(frozen=True, kw_only=True)
class Listed:
    """One list of civil affairs."""

    sequence: int
    day: date
    full: bool
    rows: Mapping[int, Row]


@dataclass(frozen=True, kw_only=True)
class Books:
    """Rural revitalization's workbooks of one day: county -> of whom each speaks, and when whose risk was removed."""

    day: date
    counties: Mapping[str, Mapping[int, date | None]]


@dataclass
class Holding:
    """One identity of one person."""

    level: str
    first: date
    last: date | None = None

    def holds_on(self, day: date) -> bool:
        """Whether it goes on beyond that day."""
        return self.last is None or self.last > day


@dataclass(kw_only=True)
class Told:
    """All that counts besides the lists themselves."""

    #: Who is on the roster now. What lists say of those who are not counts once they are.
    roster: Set[int]
    #: Whom a misnamed row means, as people decided: True they are meant, False they are not.
    decided: Mapping[int, bool]
    #: Sequence numbers of full lists whose departures wait for a person, or were rejected.
    kept: Set[int]
    #: (sequence, person): departures that took place, which no changed roster takes back, nor a hold.
    over: set[tuple[int, int]] = field(default_factory=set)


Holdings = dict[int, Holding]


def in_order(lists: Iterable[Listed]) -> list[Listed]:
    """By business date, then by number; a delta never before a list of a smaller number."""
    at, latest = {}, date.min
    for one in sorted(lists, key=lambda one: one.sequence):
        latest = max(latest, one.day)
        at[one.sequence] = one.day if one.full else latest
    return sorted(lists, key=lambda one: (at[one.sequence], one.sequence))


def civil(lists: Iterable[Listed], told: Told) -> tuple[Holdings, dict[int, int]]:
    """What people hold by the applied lists of civil affairs, and how many each full list ended."""
    state: Holdings = {}
    ended: dict[int, int] = {}
    for one in in_order(lists):
        means = {person: row for person, row in one.rows.items() if not row.misnamed or told.decided.get(person)}
        doubt = {person for person, row in one.rows.items() if row.misnamed and person not in told.decided}
        if one.full:
            told.over -= {(one.sequence, person) for person in doubt}
            stay = set(state) if one.sequence in told.kept else doubt
            ended[one.sequence] = _depart(state, one, {*means}, stay, told)
        for person, row in means.items():
            _said(state, person, row)
    return state, ended


def _depart(state: Holdings, one: Listed, named: Set[int], stay: Set[int], told: Told) -> int:
    """Ends what those hold whom a full list leaves out; how many of the roster it has ended."""
    eve, ended = one.day - DAY, 0
    for person, holding in state.items():
        gone = person not in named and holding.holds_on(eve)
        if gone and (person not in stay or (one.sequence, person) in told.over):
            holding.last = eve
            if person in told.roster:
                told.over.add((one.sequence, person))
                ended += 1
    return ended


def _said(state: Holdings, person: int, row: Row) -> None:
    known = state.get(person)
    if row.change == "停发" and known is not None:
        known.last = row.last
    else:
        state[person] = Holding(level=row.level, first=first(person), last=row.last)


def rural(days: Sequence[Books]) -> Holdings:
    """What people hold by the workbooks; in the order of days, and as they came within a day."""
    state: Holdings = {}
    words = [(county, books.day, rows) for books in days for county, rows in books.counties.items()]
    for county, day, rows in sorted(words, key=lambda word: word[1]):
        for person, holding in state.items():
            if person in RURAL[county] and holding.holds_on(day - DAY) and person not in rows:
                holding.last = day - DAY
        for person, removed in rows.items():
            state[person] = Holding(level="", first=first(person), last=removed)
    return state


def records(allowance: Holding | None, at_risk: Holding | None) -> list[Record]:
    """What should stand on the platform of one person: the allowance goes before the risk, and alone pays a premium."""
    spans = [
        (code, holding.level, max(holding.first, FLAGS_FROM), holding.last or OPEN)
        for code, holding in ((ALLOWANCE, allowance), (AT_RISK, at_risk))
        if holding and (holding.last or OPEN) >= max(holding.first, FLAGS_FROM)
    ]
    paid = [("2", *_written(span)) for span in spans if span[0] == ALLOWANCE]
    return sorted([*(("1", *_written(span)) for span in _highest(spans)), *paid])


Span = tuple[str, str, date, date]


def _highest(spans: list[Span]) -> list[Span]:
    """The first span whole, the second where the first is not. Both begin before the flags do, or as they do."""
    if len(spans) < 2:
        return spans
    (code, level, begin, end), second = spans
    left = [(second[0], second[1], second[2], min(begin - DAY, second[3]))]
    right = [(second[0], second[1], max(end + DAY, second[2]), second[3])] if end < OPEN else []
    return [(code, level, begin, end), *(span for span in left + right if span[2] <= span[3])]


def _written(span: Span) -> tuple[str, str, str, str]:
    code, level, begin, end = span
    return code, level, begin.isoformat(), end.isoformat()
