"""Who plays which part in the days after the first: each person at most one, so that no two events meet
in one.

Takes the city and a random source; gives people and rows. Refuses nothing; gives fewer where there are
not enough.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from random import Random

from gateway.demo import dirt
from gateway.demo.city import City, Person
from gateway.demo.rows import Row

#: Dirt through which the person is still found for sure.
_SURE = frozenset({"clean", "name_format", "id_format", "id_invisible", "id_x", "id_15", "id_certificate"})


def is_doubtful(row: Row, city: City) -> bool:
    """Whether the row may end in review or unmatched, and so may name somebody who is left out."""
    return row.noise in dirt.UNSETTLED or city.roster.is_odd(row.person.index)


class Cast:
    """Hands out people, and remembers who was taken."""

    def __init__(self, city: City, insured: int, rng: Random) -> None:
        self.city, self.insured, self.rng = city, insured, rng
        odd = city.roster
        self._taken: set[int] = {*odd.absent, *odd.dead, *odd.twofold, *odd.misnumbered}

    def pick(self, rows: list[Row], count: int, fits: Callable[[Row], bool]) -> list[Row]:
        """Up to `count` rows about people found for sure, who stand on one row of the list and play no
        part yet.
        """
        often = Counter(row.person.index for row in rows)
        picked: list[Row] = []
        for place in self.rng.sample(range(len(rows)), len(rows)):
            row = rows[place]
            if len(picked) >= count:
                break
            if (
                row.noise in _SURE
                and often[row.person.index] == 1
                and self._is_free(row.person)
                and fits(row)
            ):
                self._taken.add(row.person.index)
                picked.append(row)
        return picked

    def newcomers(self, count: int, known: Iterable[Row], without: str = "") -> list[Person]:
        """Up to `count` insured people who stand on none of the rows and don't live in the county
        `without`.
        """
        named = {row.person.index for row in known}
        people: list[Person] = []
        for index in self.rng.sample(range(self.insured), self.insured):
            person = self.city.people[index]
            if len(people) >= count:
                break
            if index not in named and self._is_free(person) and person.county != without:
                self._taken.add(index)
                people.append(person)
        return people

    def stranger(self, known: Iterable[Row]) -> Person | None:
        """Somebody whom no roster knows and no row names; None where all are named."""
        named = {row.person.index for row in known} | self._taken - self.city.roster.absent
        free = (index for index in sorted(self.city.roster.absent) if index not in named)
        return next((self.city.people[index] for index in free), None)

    def clear_of_doubt(self, rows: list[Row]) -> Callable[[Row], bool]:
        """A test that no doubtful row of the list may mean the row's person, by name, number or household."""
        doubtful = [row for row in rows if is_doubtful(row, self.city)]
        called = {name for row in doubtful for name in (row.sent_name, row.person.name)}
        households = {row.person.household for row in doubtful}
        return lambda row: row.person.name not in called and row.person.household not in households

    def _is_free(self, person: Person) -> bool:
        return person.index not in self._taken
