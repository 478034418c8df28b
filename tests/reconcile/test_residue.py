"""What the sure rules leave: settled where exactly one person is left, and never a twin, a namesake or a neighbour."""

from collections.abc import Mapping
from datetime import date

import polars as pl
import pytest

from gateway.model.outcomes import EVIDENCE
from gateway.reconcile import KNOWN, link, sure_sources
from gateway.reconcile.weigh import BITS
from tests.normalise.lists import number
from tests.reconcile.people import BORN, ELSE, A, Buckets, entries, person, roster, rounded

Row = Mapping[str, object]
VILLAGE, NEXT_VILLAGE, NEXT_COUNTY = "451022101201", "451022101202", "451023101201"
WEI = person(1, "韦伟", A)
CITY = roster(WEI, person(2, "覃丽", ELSE))
DATED = {"birth_from": BORN, "birth_to": BORN, "sex": "1"}
#: No number; name, birth date, sex and village are there.
MISSING = {"number": "", "name": "韦伟", **DATED}


def numbered(sequence: str, day: str = "19900307", area: str = "451022") -> str:
    """The number of that sequence."""
    return number(area + day + sequence)


def wrong(sound: str, at: int) -> str:
    """One digit is another one."""
    return sound[:at] + str((int(sound[at]) + 1) % 10) + sound[at + 1 :]


def power(sound: str, digits: int, sign: str = "E+") -> str:
    """As a spreadsheet or a program shows a number: so many digits, rounded."""
    kept = str(round(int(sound[:17]) / 10 ** (17 - digits)))
    return f"{kept[0]}.{kept[1:]}{sign}17"


def linked(city: Buckets, *rows: Row, known: pl.DataFrame | None = None) -> pl.DataFrame:
    """The rows' links. Rows are of one source and delivery unless they say otherwise."""
    said = [{"instance": "civil", "delivery": 1, **row} for row in rows]
    who = pl.DataFrame([{c: r[c] for c in ("instance", "delivery")} for r in said])
    return link(entries(*said).hstack(who), city, known=known)


def found(city: Buckets, *rows: Row, known: pl.DataFrame | None = None) -> list[tuple[object, ...]]:
    """(person, rule or reason) of the rows."""
    columns = ("person_key", pl.coalesce("rule", "reason"))
    return linked(city, *rows, known=known).select(*columns).rows()


def test_one_slip_in_the_number() -> None:
    """Whichever digit is wrong and whichever neighbours are swapped, the check character too: name and village say."""
    swaps = [A[:i] + A[i + 1] + A[i] + A[i + 2 :] for i in range(17) if A[i] != A[i + 1]]
    cells = [*(wrong(A, at) for at in range(18)), *swaps, A[:17] + "X", A[:8] + "?" + A[9:]]
    assert [(1, "weighed")] * len(cells) == found(CITY, *({"number": cell, "name": "韦伟"} for cell in cells))


@pytest.mark.parametrize(
    "cell", [A[:17], A[:16], A[:14], A[:15] + "000", *(power(A, n) for n in (15, 16, 17)), power(A, 15, "E")],
    ids=["17", "16", "14", "rounded", "power 15", "power 16", "power 17", "power as Java writes it"],
)  # fmt: skip
def test_a_number_that_lost_its_end(cell: str) -> None:
    """A cut or rounded number is settled by the very name and the village; one that sounds the same is a case."""
    rows: list[Row] = [{"number": cell, "name": "韦伟", "numeric": True}, {"number": cell, "name": "韦卫"}]
    assert [(1, "weighed"), (None, "number_damaged")] == found(CITY, *rows)


def masked(start: int, end: int, mark: str = "*") -> str:
    """A with what stands between hidden."""
    return A[:start] + mark * (end - start) + A[end:]


def test_a_masked_number_says_what_is_left_of_it() -> None:
    """Its last four digits, or area and birth date, speak for whom they fit, beside the rest of the row; a few digits
    say nothing; who has others is somebody else."""
    for mark in "*X×＊":
        ends, begins, less = masked(6, 14, mark), masked(14, 18, mark), masked(6, 16, mark)
        other = [wrong(ends, 17), wrong(ends, 0), wrong(begins, 13), wrong(less, 0), wrong(masked(14, 17, mark), 17)]
        rows: list[Row] = [
            *({**MISSING, "number": cell, "area": None} for cell in (ends, begins, less)),
            *({**MISSING, "number": cell} for cell in (ends, begins, less)),
            *({"number": cell, "name": "韦伟"} for cell in (ends, begins, less)),
            *({**MISSING, "number": cell} for cell in other),
        ]
        one, none = (1, "weighed"), (None, "number_damaged")
        assert [one, none, none, one, one, one, none, one, none, *[none] * 5] == found(CITY, *rows)


def test_the_last_digits_of_a_masked_number_may_be_zeros() -> None:
    """It is not one that a spreadsheet has rounded."""
    ending = next(n for n in (numbered(f"{at}") for at in range(100, 1000)) if n.endswith("000"))
    row = {**MISSING, "number": ending[:6] + "*" * 8 + ending[14:]}
    assert [(1, "weighed")] == found(roster(person(1, "韦伟", ending)), row)


@pytest.mark.parametrize("end", ["99B1", "99(失效)", "9*9"])
def test_what_follows_a_mask_is_not_passed_over(end: str) -> None:
    """Its beginning alone settles nothing."""
    assert [(None, "number_damaged")] == found(CITY, {"number": f"{A[:14]}***{end}", "name": "韦伟"})


@pytest.mark.parametrize("mask", [f"{A[:6]}****{A[10:14]}****", f"{A[0]}*****{A[6:9]}*****"])
def test_a_mask_of_several_pieces_on_the_roster_is_no_number(mask: str) -> None:
    """However it is masked, who has the same mask need not be the same."""
    last = max(at for at, sign in enumerate(mask) if sign.isdigit())
    cells = (mask, mask[:last] + str((int(mask[last]) + 1) % 10) + mask[last + 1 :])
    rows = [{"number": cell, "name": "韦伟", "area": area} for cell in cells for area in (None, VILLAGE)]
    assert [None] * 4 == [who for who, _why in found(roster(person(1, "韦伟", mask)), *rows)]


def test_a_mask_on_the_roster_is_no_number() -> None:
    """The very mask speaks for as much as is left of it: who has the whole number is not behind who has the mask."""
    hidden = person(1, "韦伟", masked(14, 18), village=NEXT_COUNTY, county="451023")
    city = roster(hidden, person(2, "韦伟", A))
    assert [None] == [who for who, _why in found(city, {"number": masked(14, 18), "name": "韦伟", "area": None})]
    assert [(2, "weighed")] == found(city, {"number": masked(14, 18), "name": "韦伟"})


@pytest.mark.parametrize("cell", [A[:12], A[:13], A[:15], A[1:], A + "1", "E12345678", "\ufffd1" * 9])
def test_too_little_or_too_much_of_a_number(cell: str) -> None:
    """What is no beginning of a number, or one short of the birth date, is a case, whatever else agrees."""
    assert [(None, "number_damaged")] == found(CITY, {**MISSING, "number": cell})


def test_a_filler_is_no_number() -> None:
    """One digit typed again and again is nobody's number, also where the roster has it."""
    filler = "1" * 18
    city = roster(person(1, "韦伟", filler, village=NEXT_COUNTY, county="451023"))
    assert [(None, "number_missing")] == found(city, {"number": filler, "name": "韦伟"})


def test_a_filled_column_brings_nobody() -> None:
    """A thousand rows may say the same of somebody; of more, none brings candidates, and memory stays small."""
    row = {"number": "", "name": "韦伟"}
    for rows, candidates in ((1_000, [1]), (1_001, None)):
        assert [candidates] * rows == linked(CITY, *[row] * rows)["candidates"].to_list()


def test_name_birth_and_village_stand_for_a_number() -> None:
    """Without a number the name, the whole birth date and the village are enough; less is not."""
    less: list[Row] = [{"area": "451022"}, {"area": None}, {"birth_from": None, "birth_to": None}, {"name": "覃伟"}]
    month: Row = {"birth_from": date(1990, 3, 1), "birth_to": date(1990, 3, 31)}
    assert [(1, "weighed")] == found(CITY, MISSING)
    assert [(None, "number_missing")] * 5 == found(CITY, *({**MISSING, **row} for row in (*less, month)))


#: Somebody else's birth date and sex.
OTHER: Row = {"birth_from": date(1985, 1, 1), "birth_to": date(1985, 1, 1), "sex": "2"}


@pytest.mark.parametrize(
    ("row", "score", "evidence"),
    [
        ({"number": A}, 36, "number_same,name_same"),
        ({"number": A, "name": "韦卫"}, 34, "number_same,name_form"),
        ({**OTHER, "number": A, "name": "韦卫"}, 31, "number_same,name_form,birth_other,sex_other,village_same"),
        (MISSING, 34, "name_same,birth_same,sex_same,village_same"),
        ({**DATED, "number": wrong(A, 15)}, 45, "number_near,name_same,birth_same,sex_same,village_same"),
        ({"number": wrong(A, 15), "name": "韦?"}, 38, "number_near,name_mark,village_same"),
        ({"number": A[:15] + "000", "area": "451022"}, 31, "number_front,name_same,county_same"),
        ({"number": A[:14], "name": "韦卫"}, 33, "number_date,name_form,village_same"),
        ({"number": A[:17] + "X"}, 43, "number_near,name_same,village_same"),
        ({"number": masked(6, 14)}, 27, "number_mask,name_same,village_same"),
        ({"number": masked(14, 18)}, 35, "number_date,name_same,village_same"),
        ({"number": wrong(A, 15), "area": NEXT_VILLAGE}, 30, "number_near,name_same,village_other"),
        ({"number": wrong(A, 15), "area": NEXT_COUNTY}, 30, "number_near,name_same,area_other"),
    ],
    ids=[
        "number", "form", "form contradicted", "no number", "near", "mark", "rounded", "date", "last", "mask", "end",
        "village", "county",
    ],
)  # fmt: skip
def test_what_speaks_for_somebody_is_kept(row: Row, score: int, evidence: str) -> None:
    """Each link says in codes what spoke for it, and how many bits that is; a date in the number counts once."""
    columns = ("score", "evidence")
    first = pl.coalesce("person_key", pl.col("candidates").list.first())
    assert [(1, score, evidence)] == linked(CITY, {"name": "韦伟", **row}).select(first, *columns).rows()


def test_every_piece_of_evidence_has_words() -> None:
    """What is weighed can be read by a clerk."""
    assert EVIDENCE.keys() == BITS.keys()


def test_twins_of_similar_names() -> None:
    """Twins whose names sound the same are not told apart without a number, nor by a rounded one; other names are, and
    one of the twins alone on the roster is not taken for the other."""
    one, two = person(1, "韦国强", numbered("157")), person(2, "韦国墙", numbered("159"))
    cells = ["", numbered("157")[:15] + "000", power(numbered("157"), 15)]
    rows = [{**DATED, "number": cell, "name": name} for cell in cells for name in ("韦国强", "韦国?")]
    assert [(None, "several_persons")] * 3 == found(roster(one, two), *rows)[::2]
    for city in (roster(one, two), roster(two)):
        assert [None] * 6 == linked(city, *rows)["person_key"].to_list()
    other = roster(one, person(2, "韦国红", numbered("159")))
    assert [(1, "weighed")] * 3 == found(other, *rows[::2])


def test_a_power_rounded_to_the_twins_number() -> None:
    """A number that a program rounded up to the twin's first digits is not the twin's."""
    city = roster(person(1, "韦伟", numbered("159")), person(2, "韦卫", numbered("160")))
    cell = power(numbered("159"), 16)
    assert numbered("160").startswith(cell.replace(".", "")[:16])
    assert [(None, "several_persons")] == found(city, {**DATED, "number": cell, "name": "韦伟"})


def test_a_contradiction_is_no_reason_for_the_next_best() -> None:
    """Where the sex in the row fits only a sibling whose name sounds the same, nobody is sure."""
    city = roster(WEI, person(2, "韦卫", numbered("164"), sex="2"))
    assert [(None, "number_missing")] == found(city, {**MISSING, "sex": "2"})
    twice = roster(person(1, "韦伟", A, sex="1"), person(2, "韦伟", numbered("164"), sex="2"))
    assert [(None, "several_persons")] == found(twice, {**MISSING, "sex": "2"})


def test_a_number_near_to_two_people() -> None:
    """A number one slip from two people's is the one's whose name it is, and nobody's where both have it."""
    between = numbered("124")[:17] + A[17]
    row = {"number": between, "name": "韦伟"}
    assert [(1, "weighed")] == found(roster(WEI, person(2, "覃丽", numbered("124"))), row)
    for name in ("韦伟", "韦卫"):
        assert [(None, "several_persons")] == found(roster(WEI, person(2, name, numbered("124"))), row)


def test_father_and_son_of_similar_names() -> None:
    """Only the birth date tells them apart where the number is missing; the father's number says nothing of the son."""
    city = roster(person(1, "韦伟", numbered("123", "19600101")), person(2, "韦卫", A))
    son = {**MISSING, "name": "韦卫"}
    undated = {**son, "birth_from": None, "birth_to": None}
    head = {**son, "number": numbered("123", "19600101"), "head_number": numbered("123", "19600101")}
    assert [(2, "weighed"), (None, "number_missing"), (None, "head_number")] == found(city, son, undated, head)


def test_a_son_of_his_fathers_name() -> None:
    """The head's number and name on a row with another birth date are not the head's; without one they are, unless
    somebody else of that name lives there."""
    father, row = numbered("123", "19600101"), {**MISSING, "number": numbered("123", "19600101")}
    plain: Row = {"number": father, "name": "韦伟", "head_number": father}
    dated: Row = {**plain, "birth_from": date(1960, 1, 1), "birth_to": date(1960, 1, 1)}
    rows: list[Row] = [{**row, "head_number": father}, dated, row, plain]
    far = person(1, "韦伟", A, village=NEXT_VILLAGE)
    for others, said in (([WEI], (None, "near_namesake")), ([far], (2, "number+name")), ([], (2, "number+name"))):
        city = roster(person(2, "韦伟", father), *others)
        assert [(None, "head_number"), (2, "number+name"), (2, "number+name"), said] == found(city, *rows)


def test_namesakes_in_one_village() -> None:
    """Two people of one name in one village are told apart by the birth date, and by nothing less."""
    city = roster(WEI, person(2, "韦伟", numbered("123", "19850607")))
    undated = {**MISSING, "birth_from": None, "birth_to": None}
    assert [(1, "weighed"), (None, "number_missing")] == found(city, MISSING, undated)
    assert {1, 2} == set(linked(city, undated)["candidates"][0])


@pytest.mark.parametrize("where", [{"village": NEXT_VILLAGE}, {"village": NEXT_COUNTY, "county": "451023"}])
@pytest.mark.parametrize("cell", ["", A[:15] + "000", A[:14], "4.51022E+17"], ids=["none", "rounded", "cut", "power"])
def test_a_namesake_elsewhere_is_somebody_else(where: Row, cell: str) -> None:
    """Who is not on the roster is not taken for a namesake of the same birth date in another village or county."""
    assert [None] == linked(roster(person(1, "韦伟", A, **where)), {**MISSING, "number": cell})["person_key"].to_list()


def test_a_county_filled_up_is_no_village() -> None:
    """A county's or town's code with zeros to twelve digits on both sides is not the same village."""
    for padded in ("451022000000", "451022101000"):
        assert [(None, "number_missing")] == found(
            roster(person(1, "韦伟", A, village=padded)), {**MISSING, "area": padded}
        )


def test_somebody_elses_number() -> None:
    """A sound number of another person is never settled by the rest of the row, nor is a changed name or number."""
    rows = [
        {**MISSING, "number": ELSE},
        {**MISSING, "number": A, "name": "韦国"},
        {**MISSING, "number": numbered("321")},
    ]
    assert [(None, "name_differs")] * 2 + [(None, "number_changed")] == found(CITY, *rows)


def test_a_damaged_number_that_is_sound() -> None:
    """A rounded number that is by chance somebody's is not theirs where the name differs, but the person's of both."""
    chance = rounded()
    own = person(1, "韦伟", number(chance[:15] + "12"))
    row = {"number": chance, "name": "韦伟"}
    assert [(1, "weighed")] == found(roster(own, person(2, "覃丽", chance, village=NEXT_VILLAGE)), row)
    assert [(None, "number_damaged")] == found(roster(person(2, "覃丽", chance)), row)
    homophone = roster(own, person(2, "韦卫", chance))
    areas = (VILLAGE, VILLAGE[:9], VILLAGE[:6], None)
    assert [(None, "near_namesake")] * 4 == found(homophone, *({**row, "area": area} for area in areas))


def test_a_whole_damaged_column() -> None:
    """A column that went through a spreadsheet: everybody is found by the rest, numbers in X as they are."""
    cast = [
        person(i, "韦覃黄李陆"[i % 5] + "国强华明"[i % 4], numbered(f"{i:03}", f"19{50 + i}0307")) for i in range(40)
    ]
    certs = [str(p["certno"]) for p in cast]
    cells = [c if c.endswith("X") else c[:15] + "000" for c in certs]
    rows = [{"number": c, "name": p["name"], "numeric": not c.endswith("X")} for c, p in zip(cells, cast, strict=True)]
    assert list(range(40)) == linked(roster(*cast), *rows)["person_key"].to_list()


def test_the_heads_number_on_each_member() -> None:
    """With the head's number members are cases with the right candidate, be the head on the roster or not."""
    wife = person(3, "覃丽", numbered("124", "19911112"), sex="2")
    row = {**MISSING, "name": "覃丽", "number": A, "head_number": A, "sex": "2"}
    row |= {"birth_from": date(1991, 11, 12), "birth_to": date(1991, 11, 12)}
    for city in (roster(WEI, wife), roster(wife)):
        assert [(None, "head_number", 3)] == [
            (*pair, linked(city, row)["candidates"][0][0]) for pair in found(city, row)
        ]


def test_one_person_twice_and_one_number_twice() -> None:
    """A damaged number of a person with two psn_no is a case; of two people who share it the name says who."""
    row = {"number": wrong(A, 15), "name": "韦伟"}
    assert [(None, "several_persons")] == found(roster(WEI, person(2, "韦伟", A)), row)
    assert [(1, "weighed")] == found(roster(WEI, person(2, "覃国强", A)), row)


@pytest.mark.parametrize(
    "area", ["452601", "452621", "452632", "451021", "451025", "810000", "820000", "830000", "911156"]
)
def test_withdrawn_areas_and_permits(area: str) -> None:
    """Numbers of withdrawn areas, residence permits and foreigners' cards are looked at like all others."""
    sound = numbered("123", area=area)
    rows = [{"number": cell, "name": "韦伟"} for cell in (sound, wrong(sound, 3), sound[:15] + "000")]
    assert [1, 1, 1] == linked(roster(person(1, "韦伟", sound)), *rows)["person_key"].to_list()


@pytest.mark.parametrize(
    "more", [{"sex": "2"}, {"birth_from": date(1990, 3, 8), "birth_to": date(1990, 3, 8)}, {"name": "覃伟"}]
)
@pytest.mark.parametrize("cell", ["", wrong(A, 15), A[:15] + "000"], ids=["none", "near", "rounded"])
def test_what_contradicts_is_never_settled(more: Row, cell: str) -> None:
    """Another sex, birth date or name, and a person must decide."""
    assert [None] == linked(CITY, {**MISSING, "number": cell, **more})["person_key"].to_list()


def test_a_mark_hides_what_tells_people_apart() -> None:
    """With a damaged number or none a name with an unreadable character is a case, on either side or both."""
    city = roster(person(1, "韦国强", A), person(2, "覃?", ELSE))
    rows = [{**DATED, "number": cell, "name": "韦国?"} for cell in ("", wrong(A, 15), A[:15] + "000")]
    rows += [{"number": wrong(ELSE, 15), "name": name} for name in ("覃?", "覃丽")]
    assert [None] * 5 == linked(city, *rows)["person_key"].to_list()
    assert [1, 1, 1, 2, 2] == linked(city, *rows)["candidates"].list.first().to_list()


def test_the_sources_own_number() -> None:
    """A source's number that was sure in another row, or before, stands for a number; another source's does not."""
    sure = {"number": A, "name": "韦伟", "raw_source_id": "S1"}
    row = {"number": "", "name": "韦伟", "area": None, "raw_source_id": "S1"}
    assert [(1, "number+name"), (1, "weighed")] == found(CITY, sure, row)
    assert [(None, "number_missing")] == found(CITY, {**sure, "instance": "tax"}, row)[1:]
    before = pl.DataFrame([("civil", "S1", 1)], schema=KNOWN, orient="row")
    moved = {**row, "area": "451081101201"}
    assert [(1, "weighed")] == found(CITY, row, known=before) == found(CITY, moved, known=before)
    two = pl.concat([before, before.with_columns(person_key=pl.lit(2, pl.Int64))])
    assert [(None, "number_missing")] == found(CITY, row, known=two)
    assert [(None, "number_missing")] == found(CITY, {**row, "name": "覃国"}, known=before)
    son = roster(WEI, person(3, "韦卫", numbered("321", "20100101")))
    assert [None] == linked(son, {**row, "name": "韦卫", "area": VILLAGE}, known=before)["person_key"].to_list()


@pytest.mark.one_in(3)
@pytest.mark.parametrize("nothing", ["", " ", "0", " 000 ", "0.0", "０", "无", "-", "待定", "4.5E+17", "4.5E17"])
def test_a_word_is_not_the_sources_number(nothing: str) -> None:
    """What means nothing, or what programs write that work nothing out, is no number that two rows could share."""
    sure = {"number": A, "name": "韦伟", "raw_source_id": nothing}
    row = {"number": "", "name": "韦伟", "area": None, "raw_source_id": nothing}
    assert [(None, "number_missing")] == found(CITY, sure, row)[1:]
    assert 0 == sure_sources(entries(sure).with_columns(instance=pl.lit("civil")), linked(CITY, sure)).height
    member = {"number": ELSE, "name": "覃丽", "raw_household": nothing}
    assert [(None, "number_missing")] == found(CITY, member, {**MISSING, "area": None, "raw_household": nothing})[1:]


def test_the_household_is_not_said_twice() -> None:
    """Once in place of the village that the row does not say, or once beside it."""
    member = {"number": ELSE, "name": "覃丽", "raw_household": "H1"}
    month = {**MISSING, "raw_household": "H1", "birth_from": date(1990, 3, 1), "birth_to": date(1990, 3, 31)}
    assert [(None, "number_missing")] == found(CITY, member, {**month, "area": None})[1:]
    assert [(1, "weighed")] == found(CITY, member, month)[1:]


def test_the_household_fills_in_the_village() -> None:
    """Where the row has no village, it is the one in which all sure members of its household live."""
    member = {"number": ELSE, "name": "覃丽", "raw_household": "H1"}
    row = {**MISSING, "area": None, "raw_household": "H1"}
    assert [(1, "weighed")] == found(CITY, member, row)[1:]
    assert [(None, "number_missing")] == found(CITY, {**member, "delivery": 2}, row)[1:]
    third = person(3, "黄国", numbered("555"), village=NEXT_VILLAGE)
    apart = roster(WEI, person(2, "覃丽", ELSE), third)
    another = {**member, "number": numbered("555"), "name": "黄国"}
    assert [(None, "number_missing")] == found(apart, member, another, row)[2:]


def test_a_candidate_of_a_link_is_nobody() -> None:
    """Whom a row is linked to is all that it says: no candidate stands beside them."""
    links = linked(roster(WEI, person(2, "韦伟", ELSE)), MISSING, {"number": A, "name": "韦卫", "area": NEXT_COUNTY})
    assert [(1, None, None)] * 2 == links.select("person_key", "candidate", "candidates").rows()
