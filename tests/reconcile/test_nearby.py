"""Sound numbers next to a damaged one: exactly those at one wrong character or one swap, by an oracle's check digit."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stdnum.cn import ric

from gateway.reconcile.nearby import near_numbers
from tests.reconcile.people import A

WHOLE = st.from_regex(r"[0-9]{17}[0-9X]", fullmatch=True)


def is_right(number: str) -> bool:
    """The form, and the check character that the oracle calls for."""
    return number[:17].isdigit() and number[17] == ric.calc_check_digit(number)


def next_to(number: str) -> set[str]:
    """Every number at one other character or one swap of neighbours whose check character is right."""
    other = {number[:i] + c + number[i + 1 :] for i in range(18) for c in "0123456789X"}
    swapped = {number[:i] + number[i + 1] + number[i] + number[i + 2 :] for i in range(17)}
    return {n for n in other | swapped if is_right(n)}


def near(*numbers: str | None) -> list[set[str]]:
    """What the gateway finds next to each number."""
    claims = pl.DataFrame({"claim": range(len(numbers)), "number": numbers}, schema={"claim": int, "number": str})
    found = near_numbers(claims)
    assert found.is_unique().all()
    return [set(found.filter(pl.col("claim") == i)["number"]) for i in range(len(numbers))]


@settings(max_examples=30)
@given(st.lists(WHOLE.filter(lambda n: not is_right(n)), min_size=1, max_size=20))
def test_near_numbers_are_exactly_those_at_one_slip(damaged: list[str]) -> None:
    """Next to a damaged number are the sound ones at one substitution or one adjacent swap, and no others."""
    assert [next_to(number) for number in damaged] == near(*damaged)


def test_each_slip_leads_back() -> None:
    """Whichever single character is wrong, and whichever two neighbours are swapped, the true number is found."""
    wrong = [A[:i] + str((int(A[i]) + 3) % 10) + A[i + 1 :] for i in range(18)]
    swapped = [A[:i] + A[i + 1] + A[i] + A[i + 2 :] for i in range(17) if A[i] != A[i + 1]]
    assert all(A in numbers for numbers in near(*wrong, *swapped, A[:17] + "X"))


@pytest.mark.parametrize("cell", [A, None, "", A[:17], A + "1", "X" + A[1:], A[:8] + "?" + A[9:], "4.51022E+17"])
def test_other_numbers_have_no_neighbours(cell: str | None) -> None:
    """A sound number, and what is no number of 18 characters, has no neighbours."""
    assert [set()] == near(cell)


def test_no_numbers_have_no_neighbours() -> None:
    """Without claims nothing is found."""
    assert [] == near()
    assert {"claim", "number"} == set(near_numbers(pl.DataFrame(schema={"claim": pl.UInt32, "number": str})).columns)
