"""Rows that name nobody: which hide somebody, and how many an ordinary list has."""

import pytest

from gateway.model.deliveries import FAILED
from tests.normalise.lists import CIVIL, RURAL, civil_csv, read, rural_rows, workbook


@pytest.mark.parametrize(
    ("people", "blank", "told"),
    [(2000, 6, 0), (2000, 7, 7), (500, 4, 0), (500, 5, 5), (250, 3, 0), (250, 4, 4), (50, 2, 0), (50, 3, 3), (5, 2, 2)],
)
def test_more_rows_that_name_nobody_than_a_list_has_are_told(people: int, blank: int, told: int) -> None:
    """Formulas that give an empty text where they find nothing leave no error; a few such rows are any list's."""
    rows: list[dict[str, str]] = [{}] * (people - blank) + [{"姓名": "", "身份证号码": " "}] * blank
    part = read(civil_csv(rows).encode("gb18030"))
    assert blank == part.entries.filter(fault="nobody_named").height
    assert ([(FAILED, str(told))] if told else []) == [remark for remark in part.remarks if remark[0] == FAILED]


@pytest.mark.parametrize(
    ("columns", "blank"),
    [
        (None, ["性别", "出生日期"]),
        (None, ["性别", "出生日期", "与户主关系", "救助证号", "保障类别"]),
        (["姓名", "身份证号码", "救助类别", "保障类别", "认定日期", "停止日期", "行政区划代码"], []),
    ],
    ids=["what a number says", "and what a household says", "the fewest columns"],
)
def test_a_row_of_somebody_is_known_by_what_the_others_say(columns: list[str] | None, blank: list[str]) -> None:
    """Not by all that a list may have: sex and birth are worked out from the number that is gone, and many a list lacks
    half of the columns."""
    gone = dict.fromkeys(["姓名", "身份证号码", *blank], "")
    part = read(civil_csv([{}] * 60 + [gone] * 60, columns).encode("gb18030"))
    assert ((FAILED, "60"),) == part.remarks


@pytest.mark.parametrize("kept", ["户编号", "人编号"])
def test_a_row_with_a_number_of_the_source_is_somebodys(kept: str) -> None:
    """Whatever else was lost; a note that stands there, and two cells that were filled in below, are nobody's."""
    lost: dict[str, str | float] = {**dict.fromkeys(RURAL, ""), kept: "4500009"}
    part = read(workbook(rural_rows({}, lost, lost, {})), "rural_revitalization")
    assert ((FAILED, "2"),) == part.remarks
    notes = [{**lost, kept: f"{n}、2026年11月无变动"} for n in range(3)]
    assert () == read(workbook(rural_rows({}, *notes, {})), "rural_revitalization").remarks
    columns = ["姓名", "身份证号码", "救助类别", "保障类别", "认定日期", "停止日期", "行政区划代码"]
    below = dict.fromkeys(columns, "") | {"救助类别": "低保对象", "行政区划代码": "451022101201"}
    assert () == read(civil_csv([{}] * 3 + [below] * 5, columns).encode("gb18030")).remarks


def test_an_answer_below_a_list_is_nobodys_row() -> None:
    """A condition that was pulled down in a column that says who nobody is leaves FALSE; in a number it would be
    somebody's."""
    for column, told in (("户编号", None), ("姓名", "2")):
        below: dict[str, str | float] = {**dict.fromkeys(RURAL, ""), column: "FALSE"}
        part = read(workbook(rural_rows({}, below, below)), "rural_revitalization")
        assert told == dict(part.remarks).get(FAILED)


def test_what_is_filled_in_below_a_list_is_nobodys_row() -> None:
    """Area codes and defaults that were pulled down, notes and signatures, dashes, and commas alone hide nobody."""
    list_of = civil_csv([{}] * 3).splitlines(keepends=True)
    filled = [["本人" if name == "与户主关系" else "451022101201" if name == "行政区划代码" else "" for name in CIVIL]]
    dashes = [["-"] * len(CIVIL)]
    below = [["说明:本表按月报送"], ["审核人:某某"], ["联系电话"], *filled * 20, *dashes * 20, *[[""]] * 50]
    rows = [",".join(row + [""] * (len(CIVIL) - len(row))) + "\r\n" for row in below]
    part = read("".join([*list_of, *rows]).encode("gb18030"))
    assert 3 == part.entries["fault"].null_count()
    assert FAILED not in dict(part.remarks)


@pytest.mark.parametrize("cell", [0, "0.0"])
def test_zeros_below_the_list_may_be_people(cell: float | str) -> None:
    """Where a formula gave an empty text for the name, and others 0, for the number or the household."""
    for column in ("证件号码", "户编号", "人编号"):
        lost: dict[str, str | float] = {**dict.fromkeys(RURAL, ""), column: cell}
        part = read(workbook(rural_rows({}, lost, {}, lost, lost)), "rural_revitalization")
        assert [4, 5, 6] == part.entries["line"].to_list()
        # Between two people it is a row like any other; a number that is 0 is nobody's there too.
        assert ("3" if column == "证件号码" else "2") == dict(part.remarks)[FAILED]
