"""The truth: what each row should come to, and what each person should hold after each day.

Takes the days as `days` wrote them (whom each row means, and how it was spoilt); gives outcomes, records
and the people about whom the truth is open because a person must decide. Statements are kept per person
whether or not a roster knows them, so that a roster that changes later brings them to light by itself. It
shares nothing with the gateway's own rules. Refuses nothing.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from gateway.demo import dirt, timeline
from gateway.demo.city import City, Person, Roster
from gateway.demo.rows import CIVIL, DIED, DISABLED, PLATFORM, RURAL, STOPPED, Day, Delivery, Row, Standing
from gateway.demo.timeline import Claim

CODES = {
    "特困人员": timeline.EXTREME, "孤儿": timeline.ORPHAN, "事实无人抚养儿童": timeline.UNSUPPORTED,
    "低保对象": timeline.ALLOWANCE, "低保边缘家庭成员": timeline.MARGINAL,
    "因病支出型困难家庭": timeline.EXPENSES,
    "稳定脱贫户": timeline.STABLE, "脱贫不稳定户": timeline.UNSTABLE, "边缘易致贫户": timeline.CLOSE,
    "突发严重困难户": timeline.SUDDEN, "返贫致贫户": timeline.BACK,
}  # fmt: skip
#: Households of these kinds are stable out of poverty once the risk is removed.
_STABLE_AFTER = (timeline.UNSTABLE, timeline.BACK)
_SEVERE = ("1", "2")
#: Departures of more people than both of these are held (the default limits).
HELD_ABOVE_PEOPLE, HELD_ABOVE_SHARE = 20, 0.1
_UNHEARD = dirt.UNUSABLE | dirt.DISPUTED | {"doubled"}
_ONE_DAY = timedelta(days=1)


def outcome(row: Row, roster: Roster) -> str:
    """What the row should come to, `…_or_review` where a gateway may also leave it to a person."""
    index = row.person.index
    if row.noise in dirt.UNUSABLE:
        return "invalid"
    if row.noise in dirt.DISPUTED or index in roster.twofold:
        return "review"
    if index in roster.misnumbered:
        return "unmatched_or_review"
    if index in roster.absent:
        # Ends as a spreadsheet leaves a number: damaged, unless a name on the roster agrees.
        return "review" if row.sent_number.endswith("000") else "unmatched"
    return _found(row, roster) + ("_or_review" if row.noise in dirt.DOUBTFUL else "")


def _found(row: Row, roster: Roster) -> str:
    if row.noise == "doubled":
        return "duplicate"
    if row.person.index in roster.dead or row.natural == DIED:
        return "deceased"
    return "no_identity" if _gives_nothing(row) else "matched"


def _gives_nothing(row: Row) -> bool:
    if row.source == DISABLED:
        return row.status != "1" or row.level not in _SEVERE
    if row.source == RURAL:
        code = CODES[row.category]
        return row.cleared and code != timeline.STABLE and code not in _STABLE_AFTER
    return False


def stated(row: Row, business: date) -> list[Claim]:
    """What a row recognises, had it come alone; empty periods are left out."""
    if row.source == DISABLED:
        claims = _of_holder(row)
    elif row.source == RURAL:
        claims = _of_household(row, business)
    else:
        claims = [_of_civil(row)]
    return [claim for claim in claims if claim.last is None or claim.first <= claim.last]


def _of_holder(row: Row) -> list[Claim]:
    if row.level not in _SEVERE:
        return []
    last = None if row.status == "1" or row.last is None else row.last - _ONE_DAY
    return [Claim(timeline.DISABLED, row.level, row.first, last)]


def _of_household(row: Row, business: date) -> list[Claim]:
    code = CODES[row.category]
    if not row.cleared or code == timeline.STABLE:
        return [Claim(code, "", row.first, None)]
    last = row.last or business - _ONE_DAY
    old = Claim(code, "", row.first, last)
    return [old, Claim(timeline.STABLE, "", last + _ONE_DAY, None)] if code in _STABLE_AFTER else [old]


def _of_civil(row: Row) -> Claim:
    code, last = CODES[row.category], row.last
    if code == timeline.EXPENSES:
        latest = timeline.twelve_months(row.first)
        last = latest if last is None else min(last, latest)
    return Claim(code, row.level, row.first, last)


@dataclass(kw_only=True)
class Book:
    """What one department has said so far, by `Person.index`."""

    people: list[Person]
    claims: dict[int, list[Claim]] = field(default_factory=dict)
    #: Why the truth about somebody is open.
    open: dict[int, str] = field(default_factory=dict)
    #: Business dates of full lists whose departures were held.
    held: list[date] = field(default_factory=list)

    def hear(self, delivery: Delivery) -> None:
        """Apply a delivery whose turn it is."""
        if delivery.full:
            self._hear_departures(delivery)
        for row in delivery.rows:
            self._note_doubt(row, delivery.business)
            if is_counted(row):
                self._hear_row(row, delivery.business)

    def _hear_row(self, row: Row, business: date) -> None:
        known = self.claims.setdefault(row.person.index, [])
        for claim in [_of_civil(row)] if row.action == STOPPED else stated(row, business):
            if row.action == STOPPED:
                known[:] = _stopped(known, claim, row.last or business)
            else:
                known[:] = _replaced(known, claim)

    def _note_doubt(self, row: Row, business: date) -> None:
        index = row.person.index
        known = self.claims.get(index, [])
        if row.noise in dirt.DOUBTFUL and (row.action == STOPPED or not _is_known(row, business, known)):
            self.open.setdefault(index, row.noise)
        if row.noise in dirt.DISPUTED and any(claim.code == CODES.get(row.category) for claim in known):
            self.open.setdefault(index, row.noise)
        if row.source == DISABLED and row.level not in _SEVERE and known:
            self.open.setdefault(index, "grade_no_longer_severe")

    def _hear_departures(self, delivery: Delivery) -> None:
        eve = delivery.business - _ONE_DAY
        named, shielded = _named(delivery)
        scopes = Counter(self._scope(index, delivery) for index in self._holding(eve))
        leaving: dict[str, list[int]] = defaultdict(list)
        for index in self._holding(eve):
            if index not in shielded and any(
                self._leaves(index, claim, eve, named) for claim in self.claims[index]
            ):
                leaving[self._scope(index, delivery)].append(index)
        for scope, people in leaving.items():
            if scope == "":
                continue
            if len(people) > HELD_ABOVE_PEOPLE and len(people) > HELD_ABOVE_SHARE * scopes[scope]:
                self.held.append(delivery.business)
                continue
            for index in people:
                self._depart(index, eve, named)

    def _holding(self, day: date) -> Iterable[int]:
        """Who holds something after that day, so that a list may leave them out."""
        return [
            index
            for index, claims in self.claims.items()
            if any(claim.last is None or claim.last > day for claim in claims)
        ]

    def _scope(self, index: int, delivery: Delivery) -> str:
        """The scope that a person stands in; empty where the delivery says nothing about them."""
        if delivery.source != RURAL:
            return delivery.source
        county = self.people[index].county
        return county if county in delivery.counties else ""

    def _leaves(self, index: int, claim: Claim, eve: date, named: set[tuple[int, str]]) -> bool:
        return (claim.last is None or claim.last > eve) and (index, claim.code) not in named

    def _depart(self, index: int, eve: date, named: set[tuple[int, str]]) -> None:
        self.claims[index] = [
            Claim(claim.code, claim.level, claim.first, eve)
            if self._leaves(index, claim, eve, named)
            else claim
            for claim in self.claims[index]
            if claim.first <= eve or (index, claim.code) in named
        ]


def is_counted(row: Row) -> bool:
    """Whether the row, settled, says something about its person."""
    return row.noise not in _UNHEARD and row.natural != DIED


def _named(delivery: Delivery) -> tuple[set[tuple[int, str]], set[int]]:
    """((person, identity) that the list names, people whom an unresolved row of it protects from
    departing).
    """
    named: set[tuple[int, str]] = set()
    shielded: set[int] = set()
    for row in delivery.rows:
        index = row.person.index
        if row.noise in dirt.UNSETTLED or row.noise == "lost" or row.natural == DIED:
            shielded.add(index)
        if is_counted(row):
            named.update((index, claim.code) for claim in stated(row, delivery.business))
    return named, shielded


def _is_known(row: Row, business: date, known: list[Claim]) -> bool:
    return all(claim in known for claim in stated(row, business))


def _replaced(known: list[Claim], claim: Claim) -> list[Claim]:
    """A row replaces what was said of the same identity wholly, but for a period that had ended before it
    begins.
    """
    kept = [
        old for old in known if old.code != claim.code or (old.last is not None and old.last < claim.first)
    ]
    return [*kept, claim]


def _stopped(known: list[Claim], claim: Claim, last: date) -> list[Claim]:
    """The identity ends on `last`; one that was never known counts for its own period."""
    same = [old for old in known if old.code == claim.code]
    if not same:
        return [*known, Claim(claim.code, claim.level, claim.first, last)]
    latest = max(same, key=lambda old: old.first)
    kept = [old for old in known if old is not latest]
    return [*kept, Claim(latest.code, latest.level, latest.first, last)] if latest.first <= last else kept


class Truth:
    """Everything said so far, day by day."""

    def __init__(self, city: City, standing: Iterable[Standing]) -> None:
        self.books = {source: Book(people=city.people) for source in (CIVIL, RURAL, DISABLED)}
        self.standing: dict[int, list[Standing]] = defaultdict(list)
        for record in standing:
            self.standing[record.person.index].append(record)
        self._people, self._first_dead = city.people, city.roster.dead
        self._waiting: dict[int, Delivery] = {}
        self._applied = 0
        self._roster = city.roster
        self._known: dict[int, tuple[list[Claim], list[tuple[int, Claim]]]] = {}

    def live(self, day: Day) -> None:
        """Let a day pass."""
        self._roster = day.roster
        for delivery in day.deliveries:
            if delivery.source == CIVIL:
                self._in_turn(delivery)
            else:
                self.books[delivery.source].hear(delivery)

    def _in_turn(self, delivery: Delivery) -> None:
        """A delta waits for the one before it."""
        self._waiting[delivery.sequence] = delivery
        while (following := self._waiting.pop(self._applied + 1, None)) is not None:
            self.books[CIVIL].hear(following)
            self._applied = following.sequence

    def records(self) -> list[tuple[Person, int, Claim]]:
        """(person, use, record) of all that the platform should hold now, in order; the dead hold nothing."""
        everybody = sorted(
            {index for book in self.books.values() for index in book.claims} | self.standing.keys()
        )
        return [
            (self._people[index], use, record)
            for index in everybody
            if self._roster.may_hold(index)
            for use, record in self._of_person(index)
        ]

    def _of_person(self, index: int) -> list[tuple[int, Claim]]:
        """(use, record) of one person; worked out anew only where what was said of them changed."""
        claims = [claim for book in self.books.values() for claim in book.claims.get(index, ())]
        known = self._known.get(index)
        if known is not None and known[0] == claims:
            return known[1]
        born, standing = self._people[index].born, self.standing.get(index, ())
        found = []
        for use in (1, 2):
            own = [Claim(one.code, one.level, one.first, one.last) for one in standing if one.use == use]
            found += [(use, record) for record in timeline.timeline(claims, own, born, use)]
        self._known[index] = (claims, found)
        return found

    def open_people(self) -> dict[int, str]:
        """Why the records of somebody are not to be compared, by `Person.index`."""
        reasons = {index: reason for book in self.books.values() for index, reason in book.open.items()}
        died = self._roster.dead - self._first_dead
        return reasons | {index: "died_since" for index in died}


PLATFORM_CATEGORIES = {
    timeline.EXPENSES: "因病支出型困难家庭", timeline.ALLOWANCE: "低保对象",
    timeline.UNSTABLE: "脱贫不稳定户",
}  # fmt: skip


def standing_lines(standing: Iterable[Standing]) -> Iterable[tuple[str, str, str, date, Person]]:
    """(source, category, level, first day, person) of the records that stand already, as rows of the
    truth.
    """
    for record in standing:
        yield PLATFORM, PLATFORM_CATEGORIES[record.code], record.level, record.first, record.person
