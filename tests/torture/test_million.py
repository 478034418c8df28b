"""A long list with one bad place, small: nothing but the place is lost. `make torture-million` is the long one."""

import pytest

from tests.torture.million import CASES, lost, people, read

ROWS = 3000


@pytest.mark.parametrize("case", CASES)
def test_one_bad_place_costs_no_more_than_itself(case: str) -> None:
    """What can be used of a list with one bad byte, row or sheet is used, and the rest is told."""
    plugin, make = CASES[case]
    assert [] == lost(ROWS, {case: read(plugin, make(ROWS))})


def test_the_people_are_all_different_and_sound() -> None:
    """The lists are of people with numbers of their own, which reading finds no fault with."""
    assert ROWS == people(ROWS)["number"].n_unique()
