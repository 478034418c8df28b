"""Whom a row means, beyond reasonable doubt: every sentence of the identity rules on an example."""

from datetime import date

import pytest

from tests.normalise.lists import number
from tests.reconcile.people import BORN, ELSE, A, B, outcomes, person, roster, rounded, settled

WEI = person(1, "韦伟", A)
CITY = roster(WEI, person(2, "覃丽", ELSE))
SURE = ("matched", "", 1)
OTHER = person(3, "覃国强", B)


@pytest.mark.parametrize(
    "name", ["韦伟", "韦\u3000伟", "韋偉", "韦卫", "韦?", "韦□", "韦*", "韦\ue123", "韦wei", "韦 WEI"]
)
def test_number_and_name_are_sure(name: str) -> None:
    """A valid number whose name agrees, be it in form only, is sure."""
    assert [SURE] == outcomes(CITY, {"number": A, "name": name})


@pytest.mark.parametrize("name", ["覃丽", "韦国", "韦伟国", "??", "wei wei", "□□"])
def test_another_name_is_never_sure(name: str) -> None:
    """A valid number with another name, or one of marks or pinyin only, is for a person to decide."""
    assert [("review", "name_differs", None)] == outcomes(CITY, {"number": A, "name": name})


def test_marks_on_both_sides_are_no_name() -> None:
    """A whole name of marks is no agreement, even where the roster has the same marks."""
    city = roster(person(1, "□□", A), person(2, "覃?", ELSE))
    rows = [{"number": A, "name": "**"}, {"number": A, "name": "韦伟"}, {"number": ELSE, "name": "覃*"}]
    assert ["review", "review", "matched"] == [row[0] for row in outcomes(city, *rows)]


def test_a_number_alone_is_not_sure() -> None:
    """A valid number without a name is for a person to decide."""
    assert [("review", "name_missing", None)] == outcomes(CITY, {"number": A, "name": "-"})


def test_nobody_of_the_number_is_a_gap() -> None:
    """A sound number that nobody on the roster has is a gap in coverage."""
    assert [("unmatched", "not_on_roster", None)] == outcomes(CITY, {"number": B, "name": "韦国强"})


def test_damaged_and_missing_numbers_are_reviewed() -> None:
    """A damaged or missing number with no more than a name beside it is a case, and so is another name."""
    rows = [{"number": n, "name": "韦伟", "sex": None} for n in (A[:12], A + "1", "4.51022E+17")]
    assert [("review", "number_damaged", None)] * 3 == outcomes(CITY, *rows)
    wrong = A[:16] + str((int(A[16]) + 1) % 10) + A[17]
    rows = [{"number": n, "name": "覃丽"} for n in (wrong, A[:17], A[:15] + "000")]
    assert [("review", "number_damaged", None)] * 3 == outcomes(CITY, *rows)
    assert [("review", "number_missing", None)] == outcomes(CITY, {"number": "无", "name": "韦伟"})


def test_rounded_numbers_need_a_name() -> None:
    """A number ending in 000 without an agreeing name is damaged, whatever its checksum; with one it is sure."""
    number = rounded()
    city = roster(person(1, "韦伟", number))
    assert [SURE] == outcomes(city, {"number": number, "name": "韦伟"})
    assert [SURE] == outcomes(city, {"number": number, "name": "韦卫"})
    rows = [{"number": number, "name": name} for name in ("覃丽", "", "??")]
    assert [("review", "number_damaged", None)] * 3 == outcomes(city, *rows)
    assert [("review", "number_damaged", None)] == outcomes(CITY, {"number": number, "name": "韦伟"})


def test_the_heads_number_needs_the_name_exactly() -> None:
    """A number equal to the head's, on a row that isn't 本人, needs the head's name without any difference in form."""

    def row(name: str) -> dict[str, object]:
        return {"number": A, "head_number": A, "name": name}

    assert [SURE] == outcomes(CITY, row("韦伟"))
    assert [("review", "head_number", None)] * 4 == outcomes(CITY, *map(row, ("韦卫", "韦?", "韦wei", "韦小宝")))
    marked = roster(person(1, "韦?", A))
    assert [("review", "head_number", None)] == outcomes(marked, row("韦*"))
    assert [SURE] == outcomes(CITY, {"number": A, "head_number": ELSE, "name": "韦卫"})


def test_one_person_under_two_numbers_is_review() -> None:
    """Same number and same name under two psn_no: nobody can say which is right, in form too."""
    twice = roster(WEI, person(4, "韦伟", A))
    assert [("review", "several_persons", None)] == outcomes(twice, {"number": A, "name": "韦伟"})
    in_form = roster(WEI, person(4, "韦卫", A))
    assert [("review", "several_persons", None)] * 2 == outcomes(
        in_form, {"number": A, "name": "韦伟"}, {"number": A, "name": "韦?"}
    )


def test_one_number_under_two_names_goes_by_the_name() -> None:
    """Two people with one number and other names: the agreeing name is sure, any other is a case."""
    shared = roster(WEI, person(4, "覃国强", A))
    assert [SURE, ("matched", "", 4)] == outcomes(
        shared, {"number": A, "name": "韦伟"}, {"number": A, "name": "覃国强"}
    )
    assert [("review", "several_persons", None)] == outcomes(shared, {"number": A, "name": "黄某"})


def test_twins_and_families_are_not_mixed() -> None:
    """Twins with neighbouring numbers and similar names, father and son of one name: the number says who."""
    father, son = A, ELSE
    city = roster(person(1, "韦伟", father), person(2, "韦卫", B), person(3, "韦伟", son))
    rows = [{"number": father, "name": "韦伟"}, {"number": B, "name": "韦卫"}, {"number": son, "name": "韦伟"}]
    assert [("matched", "", 1), ("matched", "", 2), ("matched", "", 3)] == outcomes(city, *rows)


def test_a_better_namesake_makes_doubt() -> None:
    """A name that agrees in form only is a case where another person of that birth date has it exactly (twins)."""
    city = roster(WEI, person(2, "韦卫", B))
    assert [("review", "near_namesake", None)] == outcomes(city, {"number": A, "name": "韦卫"})


@pytest.mark.parametrize(
    "area", ["451022101201", "451022101000", "451022101", "451022000000", "451022", "451000000000", None]
)
def test_a_better_namesake_makes_doubt_however_much_is_said_of_the_place(area: str | None) -> None:
    """A county or a town filled up with zeros is the place of all who live in it; a son with his father's number and
    name is looked for there too."""
    city = roster(WEI, person(2, "韦卫", B))
    row = {"number": A, "name": "韦卫", "area": area}
    assert [("review", "near_namesake", None)] == outcomes(city, row)


@pytest.mark.parametrize("birth", [BORN, date(1990, 7, 3)])
@pytest.mark.parametrize("area", ["451022101201", "451022", None])
def test_a_better_namesake_is_found_by_either_birth_date(area: str | None, birth: date) -> None:
    """The number's, or the row's where they differ: the number of a sibling is not worth more than all the rest."""
    row = {"number": A, "name": "韦卫", "area": area, "birth_from": birth, "birth_to": birth}
    assert [("review", "near_namesake", None)] == outcomes(roster(WEI, person(2, "韦卫", B)), row)
    sister = person(2, "韦卫", number("45102219900703222"), sex="2")
    assert [("review", "near_namesake", None) if birth != BORN else SURE] == outcomes(roster(WEI, sister), row)


@pytest.mark.parametrize("area", ["0", "000000000000", "999999", "451099", "451001", "无", ""])
def test_an_area_that_is_none_is_not_elsewhere(area: str) -> None:
    """Zeros, fillers and the city's own code say nothing of where somebody lives."""
    row = {"number": A, "name": "韦卫", "area": area}
    assert [("review", "near_namesake", None)] == outcomes(roster(WEI, person(2, "韦卫", B)), row)


@pytest.mark.parametrize(
    "home",
    [
        {"village": None},
        {"village": None, "county": None},
        *({"village": None, "county": city} for city in ("451000", "451001", "451099", "459900")),
        *({"village": v} for v in ("451022000000", "451022101000", "451000000000", "451099", "-", "0", "无", "")),
    ],
    ids=repr,
)
def test_whose_home_is_hardly_known_may_live_there(home: dict[str, object]) -> None:
    """A better namesake of whom the roster says the county or town alone, or nothing; or the city or the province in
    which they are insured."""
    areas = ["451022101201", "451022101000", "451022", None]
    rows = [{"number": A, "name": "韦卫", "area": area} for area in areas]
    assert [("review", "near_namesake", None)] * 4 == outcomes(roster(WEI, person(2, "韦卫", B, **home)), *rows)


@pytest.mark.parametrize("elsewhere", [{"village": "451022101202"}, {"village": None, "county": "451081"}])
def test_a_better_namesake_of_another_place_makes_no_doubt(elsewhere: dict[str, object]) -> None:
    """In a large city some share name and birth date: who is known to live elsewhere is somebody else."""
    row = {"number": A, "name": "韦卫", "area": "451022101201"}
    assert [SURE] == outcomes(roster(WEI, person(2, "韦卫", B, **elsewhere)), row)


def test_a_county_may_be_the_one_of_the_insurance() -> None:
    """As that of a payment is: who is insured there is meant, wherever they live."""
    city = roster(WEI, person(2, "韦卫", B, village="451081101001"))
    rows = [{"number": A, "name": "韦卫", "area": area} for area in ("451022", "451022000000", "451000")]
    assert [("review", "near_namesake", None)] * 3 == outcomes(city, *rows)
    elsewhere = roster(WEI, person(2, "韦卫", B, village="451081101001", county="451081"))
    row = {"number": A, "name": "韦卫", "area": "451022"}
    assert [SURE] == outcomes(elsewhere, row)


def test_a_changed_number_makes_doubt() -> None:
    """An unknown sound number with the name, birth date and home of somebody on the roster is a case."""
    fresh = {"number": B, "name": "韦伟"}
    assert [("review", "number_changed", None)] == outcomes(CITY, fresh)
    assert [("unmatched", "not_on_roster", None)] == outcomes(CITY, {**fresh, "area": "450102001001"})


@pytest.mark.parametrize(
    ("area", "home", "county"),
    [
        ("451071101201", "451071101201", "451071"),
        ("451071101201", "451071101201", "451099"),
        ("451071", "451071101201", "451071"),
        ("451099", "451022101201", "451099"),
        ("451001101201", "451001101201", "451001"),
        ("451022000000", "451022101201", "451022"),
        ("45102210120101", "451022101201", "451022"),
    ],
)
def test_a_changed_number_is_seen_wherever_they_live(area: str, home: str, county: str) -> None:
    """In a zone, by the city's own code, by a code that goes on after the village."""
    city = roster(person(1, "韦伟", A, village=home, county=county))
    assert [("review", "number_changed", None)] == outcomes(city, {"number": B, "name": "韦伟", "area": area})


def test_old_and_opaque_numbers_of_the_roster() -> None:
    """The roster's 15-digit numbers meet their 18 digits; opaque numbers of other documents need the name exactly."""
    city = roster(person(1, "韦伟", A[:6] + A[8:17]), person(2, "ANNA MARIA", "E12345678"))
    assert [SURE, ("matched", "", 2)] == outcomes(
        city, {"number": A, "name": "韦卫"}, {"number": "e1234 5678", "name": "Anna Maria"}
    )
    assert [("review", "number_damaged", None)] == outcomes(city, {"number": "E12345678", "name": "ANNA"})


def test_a_damaged_number_of_the_roster_needs_the_rest() -> None:
    """A wrong number that stands so on the roster too is sure by its name, unless birth date or sex speak against; one
    of a few characters says nothing. In whose county they live is no word against the very number."""
    wrong = A[:17] + ("1" if A[17] != "1" else "2")
    city = roster(person(1, "韦伟", wrong), person(2, "覃丽", "12345"))
    row: dict[str, object] = {"number": wrong, "name": "韦伟"}
    other = {"birth_from": date(1985, 1, 1), "birth_to": date(1985, 1, 1)}
    assert [SURE] == outcomes(city, row) == outcomes(city, {**row, "area": "451081101201"})
    assert [("review", "number_damaged", None)] * 3 == outcomes(
        city, {**row, **other}, {**row, "sex": "2"}, {"number": "12345", "name": "覃丽"}
    )


@pytest.mark.parametrize("filler", ["123456789", A[:6] + "000000000000", "45000019900101"])
def test_what_stands_on_several_people_for_want_of_a_number_is_nobodys(filler: str) -> None:
    """As a number of one person it is theirs by name, wherever they live; as one of several it says nothing."""
    row = {"number": filler, "name": "韦伟", "area": "451081101201"}
    others = person(2, "覃丽", filler), person(3, "黄国", filler)
    assert [SURE] == outcomes(roster(person(1, "韦伟", filler)), row)
    assert [None] == [person for _outcome, _reason, person in outcomes(roster(person(1, "韦伟", filler), *others), row)]


def test_a_column_of_fillers_is_nobodys() -> None:
    """Where more rows have it than are looked at for it, who else has it is known all the same."""
    city = roster(*(person(key, name, "123456789") for key, name in enumerate(("韦伟", "覃丽", "黄国"), 1)))
    rows = [{"number": "123456789", "name": "韦伟" if n % 2 else f"莫{chr(0x4E00 + n)}"} for n in range(1_100)]
    assert {None} == {person for _outcome, _reason, person in outcomes(city, *rows)}


def test_too_few_characters_for_a_number_say_nothing() -> None:
    """Nor do they where several people have them: name, birth date and village go on telling who it is."""
    born = date(1990, 3, 7)
    alike = person(1, "韦伟", "12345", birth=born), person(2, "覃丽", "12345")
    row = {"number": "12345", "name": "韦伟", "birth_from": born, "birth_to": born}
    assert [SURE] == outcomes(roster(*alike), row)


@pytest.mark.parametrize("sent", [A[:17] + str((int(A[17]) + 1) % 10) if A[17] != "X" else A[:17] + "0", A[:17]])
@pytest.mark.parametrize("area", ["451022101201", "451022", None])
def test_who_has_the_very_number_is_a_rival_of_who_has_a_similar_one(sent: str, area: str | None) -> None:
    """Though it stands on others too: it settles nothing, and nobody else either; also where one is ruled out."""
    city = roster(person(1, "韦伟", sent), person(2, "覃丽", sent), person(3, "韦伟", A, village="451022999201"))
    assert [None] == [found for *_said, found in outcomes(city, {"number": sent, "name": "韦伟", "area": area})]


def test_a_damaged_number_of_another_place_is_for_a_person() -> None:
    """One digit wrong and the very name are not enough where the row says that they live in another county."""
    wrong = A[:16] + str((int(A[16]) + 1) % 10) + A[17]
    row = {"number": wrong, "name": "韦伟"}
    for area in ("451022101201", "451022101202", "451022000000", "451000000000", "451099000000"):
        assert [SURE] == outcomes(CITY, {**row, "area": area})
    there = {**row, "area": "451081101201"}
    assert [("review", "number_damaged", None)] == outcomes(CITY, there)
    assert [SURE] == outcomes(roster(person(1, "韦伟", A, county="451081")), there)  # who is insured there lives there


def test_a_certificate_number_is_its_persons() -> None:
    """A disability certificate number stands for the number with which it begins."""
    assert [SURE] == outcomes(CITY, {"number": A + "42B1", "name": "韦伟"})


def test_links_stay_when_the_roster_changes() -> None:
    """A row that was sure before and is in doubt now keeps its person, and a case says so."""

    def look(*people: dict[str, object]) -> tuple[object, ...]:
        columns = ("outcome", "reason", "person_key", "kept", "candidate")
        return settled(roster(*people), {"number": A, "name": "韦伟"}, previous={1: 1}).select(columns).row(0)

    lost = ("review", "link_lost", None, 1, 1)
    assert lost == look(person(1, "韦国", A))
    assert lost == look(person(1, "韦伟", ELSE), OTHER)
    assert lost == look(WEI, person(4, "韦伟", A))
    assert ("matched", "", 1, None, None) == look(WEI)


def test_who_leaves_the_roster_is_remembered() -> None:
    """Of somebody who is not on the roster nothing is said, and whom the row meant is known when they come back under
    another name."""
    columns = ("outcome", "reason", "person_key", "kept", "candidate")
    row = {"number": A, "name": "韦伟"}
    gone = settled(roster(OTHER), row, previous={1: 1}, insured=False)
    assert ("unmatched", "not_on_roster", None, 1, None) == gone.select(columns).row(0)
    sure = dict(gone.select("row", "kept").rows())
    back = settled(roster(person(1, "韦国", A)), row, previous=sure)
    assert ("review", "link_lost", None, 1, 1) == back.select(columns).row(0)


def test_a_corrected_roster_moves_the_row() -> None:
    """A row that turns out to be another person's is that person's from now on, without a case."""
    moved = settled(
        roster(person(1, "韦伟", ELSE), person(5, "韦伟", A)), {"number": A, "name": "韦伟"}, previous={1: 1}
    )
    assert [("matched", 5, None)] == moved.select("outcome", "person_key", "kept").rows()


def test_newly_enrolled_people_are_found() -> None:
    """A row that was a gap in coverage is sure as soon as the roster has its person."""
    row = {"number": B, "name": "覃国强"}
    assert [("unmatched", "not_on_roster", None)] == outcomes(CITY, row)
    assert [("matched", "", 3)] == outcomes(roster(WEI, OTHER), row)


def test_an_empty_roster_matches_nobody() -> None:
    """Without anybody on the roster nobody is matched, and no row is lost."""
    rows = [{"number": A, "name": "韦伟"}, {"number": "", "name": "韦伟"}]
    assert ["unmatched", "review"] == [row[0] for row in outcomes(roster(), *rows)]
