"""The laws of reconciling: each row one outcome, and nobody ever taken for somebody else."""

from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model.outcomes import Outcome
from tests.normalise.lists import number
from tests.reconcile.people import person, roster, settled

NUMBERS = [number(f"4510221990030712{i}") for i in range(4)]
NAMES = ["韦伟", "韦卫", "覃丽", "韦?", "??", "", "韦wei", "黄国强"]
CELLS = st.sampled_from([*NUMBERS, NUMBERS[0][:17], NUMBERS[1] + "42", "", "无", "4.51022E+17"])
ROWS = st.fixed_dictionaries(
    {"number": CELLS, "name": st.sampled_from(NAMES)},
    optional={
        "level": st.sampled_from("AB"),
        "fault": st.just("date_unreadable"),
        "gives": st.just("past"),
        "said_dead": st.just(value=True),
        "head_number": st.sampled_from(NUMBERS),
        "numeric": st.booleans(),
    },
)
PEOPLE = st.lists(
    st.tuples(st.sampled_from(NUMBERS), st.sampled_from(["韦伟", "韦卫", "覃丽", "黄国强"]), st.booleans()), max_size=5
)


@settings(max_examples=12)
@given(PEOPLE, st.lists(ROWS, min_size=1, max_size=12))
def test_every_row_comes_to_one_outcome(people: list[Any], rows: list[Any]) -> None:
    """Each row, whatever stands in it, comes to exactly one outcome, with a person only where it is sure."""
    city = roster(*(person(i, name, certno, dead=dead) for i, (certno, name, dead) in enumerate(people)))
    found = settled(city, *rows)
    assert list(range(1, len(rows) + 1)) == found["row"].to_list()
    assert set(found["outcome"]) <= set(Outcome)
    nobody = pl.col("outcome").is_in(["invalid", "review", "unmatched"])
    assert found.filter(nobody == pl.col("person_key").is_not_null()).is_empty()


@settings(max_examples=12)
@given(PEOPLE, st.lists(ROWS, min_size=1, max_size=12))
def test_nobody_is_taken_for_somebody_else(people: list[Any], rows: list[Any]) -> None:
    """A row is linked only to a person whose number begins as its own and whose name is like it; of two, to none."""
    city = roster(*(person(i, name, certno) for i, (certno, name, _dead) in enumerate(people)))
    linked = settled(city, *rows).select("row", "person_key").drop_nulls()
    for at, key in linked.rows():
        sent, (certno, name, _dead) = rows[at - 1], people[key]
        assert sent["number"] and certno.startswith(sent["number"][:18])
        assert sent["name"] and (sent["name"][0] in (name[0], "?")) and sent["name"] != "??"
        assert 1 == sum(known == certno and other == name for known, other, _dead in people)


@settings(max_examples=8)
@given(PEOPLE, st.lists(ROWS, min_size=1, max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_the_roster_does_not_matter(people: list[Any], rows: list[Any], random: Any) -> None:
    """Whom a row means does not hang on the order in which the roster lists its people."""
    known = [person(i, name, certno, dead=dead) for i, (certno, name, dead) in enumerate(people)]
    other = random.sample(known, len(known))
    columns = ["row", "outcome", "reason", "person_key"]
    assert settled(roster(*known), *rows).select(columns).equals(settled(roster(*other), *rows).select(columns))
