"""The invented people: sound numbers, and the odd cases that real rosters have."""

from collections import Counter
from random import Random

import pytest
from pypinyin import Style, pinyin
from stdnum.cn import ric

from gateway.demo import names
from gateway.demo.city import City, build, check_character

PEOPLE = 4000


@pytest.fixture(scope="module")
def city() -> City:
    return build(PEOPLE, Random(5))


def test_numbers_are_sound(city: City) -> None:
    """Every number is unique, ends in its check character, and carries the birth day and the sex."""
    assert len(city.people) == len({person.number for person in city.people})
    for person in city.people:
        assert person.number[17] == check_character(person.number[:17]) == ric.calc_check_digit(person.number)
        assert f"{person.born:%Y%m%d}" == person.number[6:14]
        assert person.male == (int(person.number[16]) % 2 == 1)


def test_households(city: City) -> None:
    """Everybody lives in one household and one village with its head, who stands first."""
    assert Counter(range(len(city.people))) == Counter(
        index for members in city.households for index in members
    )
    for members in city.households:
        people = [city.people[index] for index in members]
        assert {members[0]} == {person.head for person in people}
        assert 1 == len({person.village for person in people})
        assert "本人" == people[0].relation


def test_oddities(city: City) -> None:
    """The roster has dead, doubled, wrongly numbered, 15-digit and absent people; no two of the first
    three meet.
    """
    roster = city.roster
    groups = [roster.dead, roster.twofold, frozenset(roster.misnumbered)]
    assert all(len(group) >= 3 for group in (*groups, roster.fifteen, roster.absent))
    assert sum(map(len, groups)) == len(frozenset().union(*groups))
    assert all(person.index in roster.absent for person in city.people[PEOPLE:])


def test_twins(city: City) -> None:
    """There are twins with neighbouring numbers, and people of one name in one village."""
    numbers = {person.number[:17]: person for person in city.people}
    after = (
        numbers.get(f"{int(person.number[:17]) + 2}") for person in city.people if person.born.year > 1950
    )
    assert any(twin is not None for twin in after)
    called = Counter((person.village, person.name) for person in city.people)
    assert max(called.values()) >= 2


def test_homophones() -> None:
    """The table's groups are syllables as a dictionary knows them, and no character stands in two groups."""
    for syllable, chars in names.SYLLABLES.items():
        for char in chars:
            assert [[syllable]] == pinyin(char, style=Style.NORMAL)
    assert len(names.GIVEN) == len(set(names.GIVEN))
