"""What people decided goes before every rule, for as long as rows say the same of who they are, and no further."""

from collections.abc import Mapping
from datetime import date

import polars as pl
import pytest

from gateway.model.frames import VERDICTS
from gateway.model.verdicts import WHO, who_says
from gateway.reconcile import link, resolve
from tests.normalise.lists import number
from tests.reconcile.people import BORN, ELSE, A, B, Buckets, entries, person, roster

Row = Mapping[str, object]
WEI, LI = person(1, "韦伟", A), person(2, "覃丽", ELSE)
CITY = roster(WEI, LI)
MISSING = {"number": "", "name": "韦伟", "birth_from": BORN, "birth_to": BORN, "sex": "1", "raw_household": "H1"}
#: A case: the number is one person's, the name another's.
OTHER_NAME = {"number": A, "name": "覃国"}


def verdict(row: Row, *, same: int | None = None, excluded: tuple[int, ...] = (), nobody: bool = False) -> pl.DataFrame:
    """What somebody decided about the row."""
    who = entries(row).select(who_says(pl.lit(str(row.get("instance", "civil"))))).select(WHO)
    said = {"same": same, "excluded": list(excluded), "nobody": nobody, "case_id": 1}
    decided = pl.DataFrame([said], schema={name: VERDICTS[name] for name in said})
    return who.hstack(decided).select(pl.col(n).cast(t) for n, t in VERDICTS.items())


def linked(city: Buckets, row: Row, *verdicts: pl.DataFrame, previous: int | None = None) -> dict[str, object]:
    """What the row comes to after these decisions."""
    frame = entries(row)
    claims = frame.with_columns(instance=pl.lit(str(row.get("instance", "civil"))), delivery=pl.lit(1))
    before = None
    if previous is not None:
        known = {"row": [1], "person_key": [previous], "decided": [False], "insured": [True]}
        before = pl.DataFrame(known).cast({"row": pl.UInt32})
    links = link(claims, city, verdicts=pl.concat(verdicts) if verdicts else None)
    return resolve(frame, links, statements=True, previous=before).row(0, named=True)


def brief(found: Mapping[str, object]) -> tuple[object, ...]:
    """Outcome, reason, person, and the rule."""
    return tuple(found[name] for name in ("outcome", "reason", "person_key", "rule"))


@pytest.mark.parametrize("row", [OTHER_NAME, {"number": A, "name": "韦伟"}, {"number": "", "name": "韦丽"}])
def test_who_was_named_is_the_person(row: Row) -> None:
    """The person named is linked whatever the rules say, also where they say somebody else."""
    assert ("matched", "", 2, "decided") == brief(linked(CITY, row, verdict(row, same=2)))


def test_who_was_named_and_left() -> None:
    """Where the person named is no longer on the roster, the rules say whom the row means."""
    row = {"number": A, "name": "韦伟"}
    assert ("matched", "", 1, "number+name") == brief(linked(CITY, row, verdict(row, same=9)))
    assert ("review", "name_differs", None, None) == brief(linked(CITY, OTHER_NAME, verdict(OTHER_NAME, same=9)))


@pytest.mark.parametrize("row", [{"number": A, "name": "韦伟"}, {"number": A, "name": "韦卫"}, MISSING, OTHER_NAME])
def test_who_was_ruled_out_is_neither_linked_nor_offered(row: Row) -> None:
    """Whom the row is not about is never linked, offered or kept, though the sure rules or an earlier link say so."""
    for previous in (None, 1):
        found = linked(CITY, row, verdict(row, excluded=(1,)), previous=previous)
        assert found["person_key"] is None
        assert 1 not in (found["candidate"], found["kept"], *(found["candidates"] or []))  # type: ignore[misc]


def test_what_is_decided_of_a_row_with_its_heads_number_says_nothing_of_the_head() -> None:
    """Whose name may be the very same; nor of another member of a household elsewhere."""
    son = {"number": A, "head_number": A, "name": "韦伟", "raw_household": "H1"}
    city = roster(WEI, person(2, "韦伟", number("45102220150307163")))
    assert ("matched", "", 2, "decided") == brief(linked(city, son, verdict(son, same=2)))
    for said in (verdict(son, same=2), verdict(son, excluded=(1,))):
        assert ("matched", "", 1, "number+name") == brief(linked(city, {"number": A, "name": "韦伟"}, said))
        assert "decided" != linked(city, {**son, "raw_household": "H2"}, said)["rule"]


def test_without_the_ruled_out_nobody_may_be_left() -> None:
    """A row that was sure of the one ruled out is nobody's where no other comes into question, else a case."""
    row = {"number": A, "name": "韦伟"}
    assert ("unmatched", "decided_nobody", None, None) == brief(linked(CITY, row, verdict(row, excluded=(1,))))
    city = roster(WEI, person(3, "韦伟", number("45102219900307163")))
    found = linked(city, row, verdict(row, excluded=(1,)))
    assert ("review", "decided_other", None, None) == brief(found)
    assert [3] == found["candidates"]


def test_ruling_one_out_may_leave_one() -> None:
    """Of two who fit a row without a number, the one not ruled out is settled."""
    city = roster(WEI, person(3, "韦伟", number("45102219900307163")))
    assert ("review", "several_persons", None, None) == brief(linked(city, MISSING))
    assert ("matched", "", 3, "weighed") == brief(linked(city, MISSING, verdict(MISSING, excluded=(1,))))


def test_nobody_in_sight() -> None:
    """A row that is nobody's is a gap in coverage and offers nobody, until somebody newly enrolled is sure."""
    row = {"number": B, "name": "韦伟"}
    decided = verdict(row, excluded=(1,), nobody=True)
    found = linked(CITY, row, decided)
    assert ("unmatched", "decided_nobody", None, None, None) == (*brief(found), found["candidate"])
    assert found["candidates"] is None
    assert ("matched", "", 3, "number+name") == brief(linked(roster(WEI, person(3, "韦伟", B)), row, decided))
    decided = verdict(OTHER_NAME, excluded=(1,), nobody=True)
    assert ("unmatched", "decided_nobody", None, None) == brief(linked(CITY, OTHER_NAME, decided))


@pytest.mark.parametrize(
    "change", [{"name": "覃国强"}, {"number": ELSE}, {"birth_from": BORN, "birth_to": BORN}, {"number": A[:17]}]
)
def test_new_evidence_opens_a_decision(change: Row) -> None:
    """Another name, number or birth date, and the decision says nothing about the row any more."""
    found = linked(CITY, {**OTHER_NAME, **change}, verdict(OTHER_NAME, same=1))
    assert "decided" != found["rule"]
    assert ("review", None) == (found["outcome"], found["person_key"])


def test_a_full_number_is_one_row_everywhere() -> None:
    """A decision about a full number holds for every department and place that sends number, name and birth date."""
    row = {**OTHER_NAME, "instance": "rural", "area": "451023", "raw_household": "H7"}
    assert ("matched", "", 1, "decided") == brief(linked(CITY, row, verdict(OTHER_NAME, same=1)))


#: Cells that are no full number: missing, rounded, and what people type to fill the field.
NO_NUMBER = ["", "无", A[:15] + "000", "1" * 18, "4.51022E+17"]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("cell", NO_NUMBER, ids=["empty", "none", "rounded", "filler", "power"])
@pytest.mark.parametrize(
    "change", [{"raw_household": "H2"}, {"area": "451023101201"}, {"instance": "rural"}, {"raw_source_id": "S2"}]
)
def test_a_name_without_a_number_is_no_one_else(cell: str, change: Row) -> None:
    """Without a full number a decision never reaches a namesake in another household, place, list or record."""
    row = {"number": cell, "name": "韦丽", "raw_household": "H1"}
    decided = verdict(row, same=2)
    assert "decided" == linked(CITY, row, decided)["rule"]
    assert "decided" != linked(CITY, {**row, **change}, decided)["rule"]


def test_exclusions_of_one_row_do_not_touch_another() -> None:
    """What was decided about one row is nothing about the next."""
    row = {"number": A, "name": "韦伟"}
    other = {"number": A, "name": "韦伟", "birth_from": date(1990, 3, 8), "birth_to": date(1990, 3, 8)}
    assert ("matched", "", 1, "number+name") == brief(linked(CITY, row, verdict(other, excluded=(1,))))
