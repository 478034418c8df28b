"""Civil affairs after the first day: deltas, and a full list that names only half of its people.

Takes the list of the first day; gives the rows of later deliveries and keeps what the list says by then.
Refuses nothing.
"""

from dataclasses import replace
from datetime import date, timedelta

from gateway.demo import dirt
from gateway.demo.cast import Cast
from gateway.demo.city import Person
from gateway.demo.rows import ADDED, CHANGED, CIVIL, STOPPED, Row

_NEXT_LEVEL = {"A": "B", "B": "C", "C": "A"}
_ALLOWANCE, _MARGINAL, _EXPENSES = "低保对象", "低保边缘家庭成员", "因病支出型困难家庭"
_ONE_DAY = timedelta(days=1)


class CivilDays:
    """The list of civil affairs as it changes."""

    def __init__(self, cast: Cast, rows: list[Row], amount: float) -> None:
        self.cast, self.rows, self.amount = cast, rows, amount
        self.few = min(300, max(2, len(rows) // 100))

    def delta(self, day: date) -> list[Row]:
        """New, stopped (dated, undated, to come, unknown), changed and moved people; a little dirt among
        them.
        """
        rows = self._with_dirt(self.additions(day, max(8, 2 * self.few)))
        stranger = self.cast.stranger(self.rows)
        if stranger is not None and self.amount > 0:
            rows[0] = replace(rows[0], person=stranger, noise="outside")
        self._learn(rows)
        stops = self._stops(day)
        again = [replace(row, noise="doubled") for row in stops[:1] if self.amount > 0]
        return rows + stops + self._changes(day) + self._moves(day) + again

    def additions(self, day: date, count: int) -> list[Row]:
        """People newly recognised on `day` or shortly before, not on the list yet."""
        categories = (_ALLOWANCE, _MARGINAL, _EXPENSES, _ALLOWANCE)
        return [
            self._new(person, categories[place % 4], day if place % 3 else day - timedelta(days=17), ADDED)
            for place, person in enumerate(self.cast.newcomers(count, self.rows))
        ]

    def short_lived(self, begins: date, ends: date, count: int) -> tuple[list[Row], list[Row]]:
        """(additions of `begins`, the stops of `ends` that take two of them back)."""
        added = self.additions(begins, count)
        stops = [replace(row, action=STOPPED, last=ends) for row in added[:2]]
        self._learn(added[2:])
        return added, stops

    def half(self, day: date, renewed: bool) -> list[Row]:
        """A full list with half of the people; with `renewed`, also new people and other levels."""
        people = sorted({row.person.index for row in self.rows})
        named = set(self.cast.rng.sample(people, len(people) // 2))
        rows = [row for row in self.rows if row.person.index in named]
        if not renewed:
            return rows
        raised = self.cast.pick(rows, 3, _is_open_allowance)
        levels = {row.person.index: _NEXT_LEVEL[row.level] for row in raised}
        rows = [replace(row, level=levels.get(row.person.index, row.level)) for row in rows]
        return [replace(row, action="") for row in self.additions(day, 3)] + rows

    def _new(self, person: Person, category: str, first: date, action: str) -> Row:
        level = self.cast.rng.choice("ABC") if category == _ALLOWANCE else ""
        first = max(first, person.born + timedelta(days=20))
        return Row(source=CIVIL, person=person, category=category, level=level, first=first, action=action)

    def _with_dirt(self, rows: list[Row]) -> list[Row]:
        kinds = ("id_format", "id_typo", "name_format", "bad_date", "id_missing") if self.amount > 0 else ()
        for place, kind in enumerate(kinds, 1):
            rows[place] = dirt.damage(rows[place], kind, self.cast.city, self.cast.rng)
        return rows

    def _stops(self, day: date) -> list[Row]:
        lasts = (day, None, date(2026, 10, 15), date(2026, 11, 30))
        rows = self.cast.pick(self.rows, 4 * self.few, _may_stop)
        stops = [
            replace(row, action=STOPPED, last=last)
            for row, last in zip(rows, lasts * self.few, strict=False)
            if (last or day) >= row.first
        ]
        self._forget(stops, day)
        unknown = [
            replace(self._new(person, _ALLOWANCE, date(2026, 2, 1), STOPPED), last=date(2026, 9, 30))
            for person in self.cast.newcomers(2, self.rows)
        ]
        return stops + [row for row in unknown if row.first < date(2026, 9, 30)]

    def _changes(self, day: date) -> list[Row]:
        """Other levels, some with another first day too; and one change of somebody unknown, which counts
        as new.
        """
        rows = self.cast.pick(self.rows, 2 * self.few, _is_open_allowance)
        changed = [
            replace(
                row,
                level=_NEXT_LEVEL[row.level],
                first=row.first if place % 3 else max(row.first, date(2026, 10, 1)),
                action=CHANGED,
            )
            for place, row in enumerate(rows)
        ]
        now = {row.person.index: replace(row, action="") for row in changed}
        self.rows = [now.get(row.person.index, row) for row in self.rows]
        unknown = [
            self._new(person, _ALLOWANCE, day - _ONE_DAY, CHANGED)
            for person in self.cast.newcomers(1, self.rows)
        ]
        self._learn(unknown)
        return changed + unknown

    def _moves(self, day: date) -> list[Row]:
        rows = self.cast.pick(self.rows, self.few, lambda row: row.category == _MARGINAL and row.last is None)
        ended = [replace(row, action=STOPPED, last=day - _ONE_DAY) for row in rows]
        self._forget(ended, day)
        begun = [replace(row, category=_ALLOWANCE, level="B", first=day, action=ADDED) for row in rows]
        self._learn(begun)
        return ended + begun

    def _learn(self, rows: list[Row]) -> None:
        self.rows = self.rows + [replace(row, action="") for row in rows]

    def _forget(self, stops: list[Row], day: date) -> None:
        """Who was stopped leaves the list; who stops after `day` stays on it with that last day."""
        last = {row.person.index: row.last or day for row in stops}
        kept = [(row, last.get(row.person.index)) for row in self.rows]
        self.rows = [
            row if end is None else replace(row, last=end) for row, end in kept if end is None or end > day
        ]


def _is_open_allowance(row: Row) -> bool:
    return row.category == _ALLOWANCE and row.last is None


def _may_stop(row: Row) -> bool:
    return row.last is None and row.category != _EXPENSES
