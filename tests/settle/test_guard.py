"""The guard's limits: per scope, per identity and county; what a list looks like beside the one before it."""

from collections.abc import Mapping

import polars as pl
import pytest

from gateway.model.holds import Breach, Place
from gateway.settle import Fold, Limits, LookLimits, fold, looks, oddities
from gateway.settle.looks import SEEN, Oddity
from tests.settle.said import ALLOWANCE, D1, MARGINAL, POOR, folded, nobody, periods, row, said
from tests.settle.test_fold import D2

WEST, EAST = "451024", "451031"
#: People who hold 低保 in a whole list: 1–1000 live in the west, the others in the east.
LAST_OF_WEST = 1000
LOOK = LookLimits(mix_share=0.2, mix_number=20, arrivals_share=1.0, arrivals_number=100)


def _counties(keys: pl.Series) -> pl.DataFrame:
    west = pl.when(pl.col("person_key") <= LAST_OF_WEST).then(pl.lit(WEST)).otherwise(pl.lit(EAST))
    return keys.to_frame("person_key").with_columns(county=west)


def _lists(west: int, leaving: int, *, east: int = 900, identity: str = ALLOWANCE) -> Fold:
    return _folded(west, leaving, east=east, identity=identity, decided={})


def _folded(
    west: int, leaving: int, *, decided: Mapping[Place, str], east: int = 900, identity: str = ALLOWANCE,
    limits: Limits | None = None,
) -> Fold:  # fmt: skip
    """The west's first `leaving` of `west` people are not on the second list; the east's all are."""
    rows = [row(n, identity, level="A") for n in (*range(1, west + 1), *range(2001, 2001 + east))]
    lists = said(1, D1, *rows, full=True), said(2, D2, *rows[leaving:], full=True)
    return folded(*lists, decided=decided, limits=limits, counties=_counties)


def _states(result: Fold) -> dict[str, int]:
    return dict(result.departures["state"].value_counts().rows())


@pytest.mark.parametrize(
    ("west", "leaving", "held"), [(100, 21, True), (105, 21, False), (104, 21, True), (60, 20, False), (2, 1, False)]
)
def test_a_group_past_both_limits_is_held(west: int, leaving: int, held: bool) -> None:
    """More than 20 % and more than 20 people of an identity in a county are held, though the scope's limit is far."""
    result = _lists(west, leaving)
    assert {"held" if held else "released": leaving} == _states(result)
    breach = Breach(
        delivery=2, scope="", leaving=leaving, holding=west, kind="identity", identity=ALLOWANCE, county=WEST
    )
    assert ((breach,) if held else ()) == result.breaches
    assert (0 if held else leaving) == sum(period[4] == D1 for period in periods(result))


@pytest.mark.parametrize("decided", ["held", "cancelled"])
def test_who_moves_out_of_a_kept_group_stays(decided: str) -> None:
    """Whom the roster has in another county by now does not leave while the group is held, nor once it was rejected."""
    rows = [row(n, ALLOWANCE, level="A") for n in (*range(1, 101), *range(2001, 2901))]
    lists = said(1, D1, *rows, full=True), said(2, D2, *rows[30:], full=True)

    def moved(keys: pl.Series) -> pl.DataFrame:
        county = pl.when(pl.col("person_key") == 1).then(pl.lit(EAST)).otherwise("county")
        return _counties(keys).with_columns(county=county)

    result = folded(*lists, decided={Place(2, "", ALLOWANCE, WEST): decided}, counties=moved)
    assert 0 == _states(result).get("released", 0)
    assert [EAST] == [breach.county for breach in result.breaches if breach.county == EAST]


def test_a_group_does_not_leave_in_slices() -> None:
    """Fifteen who left by this list count with the ten who would leave by it now, since their doubts were decided."""
    rows = [row(n, ALLOWANCE, level="A") for n in (*range(1, 101), *range(2001, 2901))]
    lists = said(1, D1, *rows, full=True), said(2, D2, *rows[25:], full=True)
    left = {"delivery": [2] * 15, "scope": [""] * 15, "person_key": range(1, 16), "identity": [ALLOWANCE] * 15}
    result = fold(
        lists, limits=Limits(), decided={}, may_name=nobody, months={}, counties=_counties, released=pl.DataFrame(left)
    )
    assert {"released": 15, "held": 10} == _states(result)


def test_a_scope_does_not_leave_in_slices() -> None:
    """The same of a whole scope, whatever the limits of its groups."""
    rows = [row(n, ALLOWANCE, level="A") for n in range(1, 101)]
    lists = said(1, D1, *rows, full=True), said(2, D2, *rows[25:], full=True)
    left = {"delivery": [2] * 15, "scope": [""] * 15, "person_key": range(1, 16), "identity": [ALLOWANCE] * 15}
    limits = Limits(identity_number=1000)
    result = fold(lists, limits=limits, decided={}, may_name=nobody, months={}, released=pl.DataFrame(left))
    assert {"released": 15, "held": 10} == _states(result)


def test_others_leave_while_a_group_is_held() -> None:
    """Another identity's departures of the same county, and the same identity's of another, take place all the same."""
    west = [row(n, ALLOWANCE, level="A") for n in range(1, 101)]
    others = [row(n, MARGINAL) for n in range(101, 151)] + [row(n, ALLOWANCE) for n in range(2001, 2600)]
    first = said(1, D1, *west, *others, full=True)
    second = said(2, D2, *west[30:], *others[1:-1], full=True)
    result = folded(first, second, counties=_counties)
    held = result.departures.filter(pl.col("state") == "held")
    assert {"held": 30, "released": 2} == _states(result)
    assert set(range(1, 31)) == set(held["person_key"])


def test_a_scope_that_is_a_county_names_the_group() -> None:
    """Where each list speaks for a county, nobody asks the roster where people live."""
    first = [row(n, POOR, scope=WEST) for n in range(1, 101)] + [row(n, MARGINAL, scope=WEST) for n in range(200, 700)]
    lists = [
        said(number, on, *rows, full=True, scopes=(WEST,)) for number, on, rows in ((1, D1, first), (2, D2, first[30:]))
    ]
    assert [(WEST, POOR, WEST, 30, 100)] == [
        (b.scope, b.identity, b.county, b.leaving, b.holding) for b in folded(*lists).breaches
    ]


def test_a_county_that_did_not_come_is_no_breach() -> None:
    """Of a county for which the list does not speak nobody leaves, and nothing is held."""
    first = said(1, D1, *(row(n, scope=WEST) for n in range(90)), full=True, scopes=(WEST, EAST))
    second = said(2, D2, row(500, scope=EAST), full=True, scopes=(EAST,))
    result = folded(first, second)
    assert ((), 0) == (result.breaches, result.departures.height)


@pytest.mark.parametrize(("word", "states"), [("released", {"released": 30}), ("cancelled", {"cancelled": 30})])
def test_a_person_decides_on_a_group(word: str, states: dict[str, int]) -> None:
    """What a person said of a group stays said when it is judged again, and nothing is held any more."""
    result = _folded(100, 30, decided={Place(2, "", ALLOWANCE, WEST): word})
    assert (states, ()) == (_states(result), result.breaches)


def test_a_group_that_was_held_waits_for_a_person() -> None:
    """Fewer leavers than the limit, or a limit that was raised, let nobody through who was held before."""
    held = {Place(2, "", ALLOWANCE, WEST): "held"}
    fewer = _folded(100, 5, decided=held)
    raised = _folded(100, 30, decided=held, limits=Limits(identity_share=1, share=1))
    assert ({"held": 5}, {"held": 30}) == (_states(fewer), _states(raised))
    assert [5, 30] == [result.breaches[0].leaving for result in (fewer, raised)]


def test_a_group_of_a_held_scope_has_no_hold_of_its_own() -> None:
    """Where the whole scope is past its limit, one hold covers all; what was said of a group before stands."""
    result = _folded(200, 100, decided={}, east=100)
    assert ["scope"] == [breach.kind for breach in result.breaches]
    decided = _folded(200, 100, decided={Place(2, "", ALLOWANCE, WEST): "cancelled"}, east=100)
    assert {"cancelled": 100} == _states(decided)


def _look(rows: int, *, category: str = "低保对象", identity: str = ALLOWANCE, area: str = WEST, scope: str = "",
          level: str = "A") -> pl.DataFrame:  # fmt: skip
    cells = {"scope": scope, "category": category, "level": level, "identity": identity, "area": f"{area}001001"}
    return pl.DataFrame([cells] * rows, schema=dict.fromkeys(SEEN, pl.String))


def _odd(now: list[pl.DataFrame], before: list[pl.DataFrame], scopes: tuple[str, ...] = ("",)) -> list[Oddity]:
    return oddities(looks(pl.concat(now), scopes), looks(pl.concat(before), scopes), LOOK)


def test_another_mix_is_odd() -> None:
    """A list of which over a fifth and over 20 rows stand in other categories or levels than before."""
    before = [_look(80), _look(20, category="孤儿", identity="孤儿")]
    same = [_look(96), _look(24, category="孤儿", identity="孤儿")]
    levels = [_look(20, level="A"), _look(60, level="B"), _look(20, category="孤儿", identity="孤儿")]
    few = [_look(5), _look(15, category="孤儿", identity="孤儿")]
    assert [] == _odd(same, before)
    assert [Oddity(code="mix_changed", rows=60, of=100)] == _odd(levels, before)
    assert [] == _odd(few, before)
    many, fewer = [_look(800), _look(200, level="B")], [_look(770), _look(230, level="B")]
    assert [] == _odd(fewer, many)


def test_too_many_new_of_an_identity_in_a_county_are_odd() -> None:
    """More than as many again, and more than 100; where nobody held it before, nothing is compared."""
    before = [_look(150), _look(2000, area=EAST)]
    assert [] == _odd([_look(300), _look(2000, area=EAST)], before)
    found = [Oddity(code="many_arrivals", rows=151, of=301, identity=ALLOWANCE, county=WEST)]
    assert found == _odd([_look(301), _look(2000, area=EAST)], before)
    assert [] == _odd([_look(150), _look(2000, area=EAST), _look(301, area="451081")], before)
    assert [] == _odd([_look(105), _look(2000, area=EAST)], [_look(5), _look(2000, area=EAST)])


def test_only_scopes_of_both_lists_are_compared() -> None:
    """A county without a workbook changes no mix: what only one of the lists speaks for is left out."""
    west, east = _look(200, scope=WEST), _look(300, scope=EAST, category="孤儿", identity="孤儿")
    other = _look(300, scope=EAST)
    assert [] == _odd([west, other], [west, east], (WEST,))
    assert ["mix_changed"] == [odd.code for odd in _odd([west, other], [west, east], (WEST, EAST))]


def test_a_list_cut_short_is_no_other_list() -> None:
    """Where rows are only missing, be it all of a category, departures are to be judged and not the list: as far as
    categories have more rows than before, it is another."""
    orphans = {"category": "孤儿", "identity": "孤儿"}
    before = [_look(180), _look(50, category="低保边缘家庭成员", identity=MARGINAL), _look(30, **orphans)]
    assert [] == _odd([_look(110), _look(20, **orphans)], before)
    assert [] == _odd([_look(130), _look(20, **orphans), _look(5, level="B")], before)
    shifted = [_look(110), _look(60, **orphans), _look(30, level="B")]
    assert [Oddity(code="mix_changed", rows=60, of=200)] == _odd(shifted, before)


def test_the_law_needs_no_county() -> None:
    """Where no county is known an identity is one group."""
    rows = [row(n, POOR) for n in range(60)] + [row(n, MARGINAL) for n in range(100, 700)]
    lists = said(1, D1, *rows, full=True), said(2, D2, *rows[30:], full=True)
    assert [(POOR, "")] == [(b.identity, b.county) for b in folded(*lists, may_name=nobody).breaches]
