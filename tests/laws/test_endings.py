"""The law of lists that end many: who counts is who loses something, by the fold of all lists, day by day."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from random import Random

import polars as pl
import pytest

from gateway.settle import Said, lost, may_end, told
from tests.settle.said import ALLOWANCE, D1, MONTHS, POOR, folded, row, said, stop

PEOPLE = 1500
#: Days around a list's date, most of them near enough to touch each other.
OFFSETS = [-300, -40, -10, -1, 0, 1, 2, 9, 30, 90, 300]


def statement(draw: Random, person: int, on: date, *, stops: bool) -> dict[str, object]:
    """Something said of somebody."""
    identity = draw.choice([POOR, ALLOWANCE])
    first, last = (str(day) for day in sorted(on + timedelta(draw.choice(OFFSETS)) for _time in range(2)))
    if stops and draw.random() < 0.5:
        return stop(person, identity, draw.choice([None, first]), last)
    return row(person, identity, first, draw.choice([None, last]))


def history(seed: int) -> list[Said]:
    """A full list of everybody, and deltas of one or two rows for each."""
    draw, on, made = Random(seed), D1, list[Said]()
    for number in range(1, draw.randint(2, 4) + 1):
        rows = [
            statement(draw, person, on, stops=number > 1)
            for person in range(PEOPLE)
            for _time in range(draw.randint(1, 2) if number > 1 else 1)
        ]
        made.append(said(number, on, *({**one, "row": at} for at, one in enumerate(rows)), full=number == 1))
        on += timedelta(draw.choice([0, 1, 30]))
    return made


def periods(recognitions: pl.DataFrame) -> dict[int, list[tuple[str, date, date]]]:
    found = defaultdict(list)
    for person, identity, first, last in recognitions.select("person_key", "identity", "first", "last").rows():
        found[person].append((identity, first, last or date.max))
    return found


def losses(before: pl.DataFrame, after: pl.DataFrame, last: Said) -> set[tuple[int, str]]:
    """Who has nothing on a day within a year on which they had something: neither that nor what the list states."""
    had, has, found = periods(before), periods(after), set[tuple[int, str]]()
    stated = defaultdict(set)
    for person, identity in last.rows.filter(change="state").select("person_key", "identity").rows():
        stated[person].add(identity)
    for day in (last.business_date + timedelta(ahead) for ahead in range(1, 367)):
        for person, theirs in had.items():
            now = {identity for identity, first, end in has[person] if first <= day <= end}
            if not now & stated[person]:
                found |= {(person, name) for name, first, end in theirs if first <= day <= end and name not in now}
    return found


@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize("seed", range(4))
def test_who_loses_something_counts_and_nobody_else(seed: int, settled: bool) -> None:
    """Where the lists before are settled, and where all but the first still are in use only."""
    *earlier, last = history(seed)
    believed: Sequence[Said] = earlier if settled else earlier[:1]
    known, between = folded(*believed).state.recognitions, earlier[len(believed) :]
    spoken = may_end(last)
    before = told(known, between, MONTHS, spoken)
    counted = set(lost(before, told(before, [last], MONTHS), last).select("person_key", "identity").rows())
    expected = losses(folded(*earlier).state.recognitions, folded(*earlier, last).state.recognitions, last)
    assert expected == counted
    assert len(counted) > PEOPLE / 10
