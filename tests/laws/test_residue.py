"""The laws of the second look: order says nothing, strangers change nothing, and nothing sure is made unsure."""

from datetime import date
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.reconcile import link
from gateway.reconcile.names import agree
from tests.normalise.lists import number
from tests.reconcile.people import entries, person, roster

BORN = (date(1990, 3, 7), date(1990, 3, 8))
VILLAGES = ("451022101201", "451022101202", "451023101201")
NUMBERS = [number(f"451022{day:%Y%m%d}{s}") for day in BORN for s in ("123", "124", "157")]
NAMES = ["韦伟", "韦卫", "覃丽", "韦国强", "韦?"]
SLIPS = [n[:15] + str((int(n[15]) + 1) % 10) + n[16:] for n in NUMBERS]
DAMAGED = [NUMBERS[0][:17] + NUMBERS[1][17], NUMBERS[0][:16], NUMBERS[2][:15] + "000", "4.51022199003071E+17"]
ODD = ["", "X", "1" * 17, NUMBERS[0] + "9", "\ufffd" * 18, "45102219900307?239", "９" * 18, "E12345678", "\x00"]

ROWS = st.fixed_dictionaries(
    {
        "number": st.sampled_from([*NUMBERS, *SLIPS, *DAMAGED, *ODD]) | st.none(),
        "name": st.sampled_from([*NAMES, "韦wei", "??", "", "韦" * 50]) | st.none(),
        "area": st.sampled_from([*VILLAGES, "451022", "", "451022000000"]) | st.none(),
        "sex": st.sampled_from(["1", "2", None]),
        "raw_household": st.sampled_from(["H1", "H2", "", None]),
        "raw_source_id": st.sampled_from(["S1", "S2", "", None]),
    },
    optional={"head_number": st.sampled_from(NUMBERS), "numeric": st.booleans()},
).flatmap(lambda row: st.sampled_from([None, *BORN]).map(lambda day: {**row, "birth_from": day, "birth_to": day}))
PEOPLE = st.lists(
    st.fixed_dictionaries(
        {
            "certno": st.sampled_from([*NUMBERS, SLIPS[0]]) | st.none(),
            "name": st.sampled_from(NAMES) | st.none(),
            "village": st.sampled_from(VILLAGES) | st.none(),
            "sex": st.sampled_from(["1", "2", "9", None]),
        }
    ),
    max_size=6,
)
LISTS = st.lists(ROWS, min_size=1, max_size=10)


def cast(people: list[Any]) -> list[dict[str, object]]:
    """People of the roster, with keys in their order."""
    return [person(key, **{"county": None, **one}) for key, one in enumerate(people, start=1)]


def linked(people: list[dict[str, object]], rows: list[Any]) -> pl.DataFrame:
    """The links of rows of one delivery."""
    return link(entries(*rows).with_columns(instance=pl.lit("civil"), delivery=pl.lit(1)), roster(*people))


@settings(max_examples=6)
@given(PEOPLE, LISTS, st.randoms(use_true_random=False))
def test_order_says_nothing(people: list[Any], rows: list[Any], random: Any) -> None:
    """What a row means does not hang on the order of the rows, nor on that of the roster."""
    known, places = cast(people), list(range(len(rows)))
    random.shuffle(places)
    shuffled = linked(random.sample(known, len(known)), [rows[i] for i in places])
    assert linked(known, rows)[places].equals(shuffled)


@settings(max_examples=6)
@given(PEOPLE, LISTS)
def test_nobody_is_linked_by_another_name(people: list[Any], rows: list[Any]) -> None:
    """Whoever is linked has a name that agrees; without a sound number of their own it is the very name."""
    keys = entries(*rows)["name_key"]
    names = {p["person_key"]: entries(p)["name_key"][0] for p in cast(people)}
    for sent, key, rule in zip(keys, *linked(cast(people), rows).select("person_key", "rule"), strict=True):
        if key is not None:
            assert sent == names[key] if rule == "weighed" else sent == names[key] or agree(sent, names[key])


@settings(max_examples=6)
@given(PEOPLE, LISTS)
def test_a_stranger_changes_nothing(people: list[Any], rows: list[Any]) -> None:
    """Somebody new on the roster with whom nothing in a row agrees changes nothing."""
    stranger = person(99, "陆明", number("45032519440808555"), village="450325100200", county="450325", sex="9")
    assert linked(cast(people), rows).equals(linked([*cast(people), stranger], rows))


@settings(max_examples=6)
@given(PEOPLE, LISTS)
def test_what_is_sure_stays_sure(people: list[Any], rows: list[Any]) -> None:
    """Whom number and name mean where they are alone, they mean among others; by form only a namesake may be better."""
    among = linked(cast(people), rows)
    for one in cast(people):
        if [p["certno"] for p in people].count(one["certno"]) > 1:
            continue
        alone = linked([one], rows).select("person_key", "rule", among_key=among["person_key"], doubt=among["reason"])
        for key, rule, among_key, doubt in alone.rows():
            if rule in ("number+name", "number+name_form"):
                assert key == among_key or (rule, doubt) == ("number+name_form", "near_namesake")


@settings(max_examples=5)
@given(LISTS)
def test_an_empty_roster_and_no_rows(rows: list[Any]) -> None:
    """With nobody on the roster nobody is linked, and no rows give no links of the same columns."""
    links = linked([], rows)
    assert [None] * len(rows) == links["person_key"].to_list()
    assert links.clear().equals(linked([], []))
