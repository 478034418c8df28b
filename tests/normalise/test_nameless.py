"""Rows that name nobody: which hide somebody, and how many an ordinary list has."""

import math

import pytest

from gateway.errors import DeliveryRefused
from gateway.model.deliveries import FAILED
from gateway.normalise import usual
from tests.normalise.lists import CIVIL, RURAL, civil_csv, failed, number, read, rural_rows, workbook


@pytest.mark.parametrize(
    ("rows", "ordinary"),
    [(49, 1), (50, 2), (239, 2), (240, 3), (480, 4), (799, 4), (800, 5), (1600, 7), (7000, 21), (1_000_000, 3000)],
)
def test_a_few_rows_that_name_nobody_are_any_list_s(rows: int, ordinary: int) -> None:
    """One in a thousand is."""
    assert ordinary == usual(rows)


def test_one_list_in_five_hundred_has_more_by_chance() -> None:
    """Of whatever size."""

    def more(rows: int) -> float:
        share = rows / 1000
        return 1 - math.exp(-share) * sum(share**n / math.factorial(n) for n in range(usual(rows) + 1))

    assert all(more(rows) < 1 / 500 for rows in range(1, 10_000, 7))


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
    assert 60 == part.lost


@pytest.mark.parametrize(("before", "behind", "lost"), [("", ",x", 0), (",", "", 30), ("x,", "", 30), ("", "", 0)])
def test_a_row_of_other_columns_is_somebodys(before: str, behind: str, lost: int) -> None:
    """A comma too many behind name and number leaves them what they are; one before them makes others of them."""
    lines = civil_csv([{}] * 60).splitlines()
    lines = [f"{before}{line}{behind}" if at % 2 else line for at, line in enumerate(lines)]
    assert lost == read("\n".join(lines).encode("gb18030")).lost


@pytest.mark.parametrize(
    ("cells", "lost"),
    [
        ({"姓名": ""}, 0),
        ({"姓名": "韦某山1"}, 0),
        ({"身份证号码": ""}, 0),
        ({"身份证号码": "4.51022E+17"}, 0),
        ({"身份证号码": "4.51022E17"}, 0),
        ({"身份证号码": number("45102219900307222")[:14]}, 0),
        ({"身份证号码": "451022********1239"}, 0),
        ({"身份证号码": "45102219900307123?"}, 0),
        ({"身份证号码": "E12345678"}, 0),
        ({"姓名": "女", "身份证号码": ""}, 30),
        ({"姓名": "特困人员", "身份证号码": "", "保障类别": number()}, 30),
        ({"姓名": "451022101201", "身份证号码": "6217001234567890123"}, 30),
        ({"姓名": "2", "身份证号码": "20240301120000"}, 30),
        ({"身份证号码": "覃丽"}, 30),
        ({"身份证号码": "19900307"}, 30),
        ({"身份证号码": "451022101201"}, 30),
        ({"姓名": "451022", "身份证号码": ""}, 30),
        ({"姓名": "0", "身份证号码": "0"}, 30),
    ],
    ids=repr,
)
def test_a_row_of_other_columns_is_known_by_name_and_number(cells: dict[str, str], lost: int) -> None:
    """By what looks like a number, or a name that stands alone; a row of as many cells as the header is not asked."""
    even, *odd = civil_csv([{}, *[cells] * 30]).splitlines()[1:]
    header = civil_csv([]).splitlines()[0]
    part = read("\n".join([header, *[even] * 30, *(f"{line},x" for line in odd)]).encode("gb18030"))
    assert (lost, []) == (part.lost, [code for code, _detail in part.remarks if code == FAILED])
    whole = read("\n".join([header, *[even] * 30, *odd]).encode("gb18030"))
    assert 0 == whole.lost


@pytest.mark.parametrize("first", ["姓名", "救助证号", "不认识的列"])
@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_a_row_within_one_cell_is_somebodys(encoding: str, first: str) -> None:
    """Of whichever column, and whatever parts its cells; a note is nobody's."""
    columns = list(dict.fromkeys([first, "姓名", "身份证号码", "救助类别", "保障类别", "认定日期", "停止日期"]))
    header, even = civil_csv([{first: "韦某山"}], columns).splitlines()

    def lost(row: str) -> int:
        return read("\r\n".join([header, *[even] * 20, *[row, even] * 5, ""]).encode(encoding)).lost

    rows = [f'"{even}"', *(even.replace(",", mark) for mark in "，；\t|")]
    assert [5] * 5 == [lost(row) for row in rows]
    others = ["451022900307123", "451022****1239", "4.5E+17", "4.51022E17", number()[:14], "451022-19900307-123×"]
    assert [5] * 6 == [lost(rows[3].replace(number(), other)) for other in others]
    spaced = ["451022\u300019900307\u00a01239", "451022 19900307\u200b1239"]
    assert [5] * 2 == [lost(rows[1].replace(number(), n)) for n in spaced]
    notes = [
        "说明：本表按月报送；联系电话 0776-2820000，13877600000",
        "开户行农行，账号6228480831234567",
        "单位统一社会信用代码：114510220078654321，联系人：韦某",
        "依据桂民发〔2024〕12号，批次 MZ_451000_20261103_F_0003，补助标准100000*12，生成 20240301120000",
    ]
    assert [0] * 4 == [lost(note) for note in notes]


@pytest.mark.parametrize(
    ("before", "lost"),
    [("覃丽", 5), ("覃丽华,43102319", 5), ("韦某", 10), ("韦某山,4510", 5), ("低保", 0), ("低保对象,B,2024-03", 0)],
)
@pytest.mark.parametrize("between", [0, 1])
def test_a_row_that_a_line_break_cuts_in_two_is_lost_or_not(before: str, lost: int, between: int) -> None:
    """Where the first part has name and number, the second is nobody else's; also where such rows stand together. Where
    no number of the source's tells that two parts are one row, both may count."""
    head, rest = ["不认识的列", "户主姓名", "户主身份证号"], ["救助类别", "保障类别", "认定日期", "停止日期"]
    of_head = {"户主姓名": "覃丽华", "户主身份证号": number("43102319700101321")}
    header, even = civil_csv([of_head], [*head, "姓名", "身份证号码", *rest]).splitlines()
    rows = [even] * 20 + ([even.replace(before, f"{before}\n")] + [even] * between) * 5
    assert lost == read("\n".join([header, *rows, ""]).encode("gb18030")).lost


@pytest.mark.parametrize("between", [0, 1])
def test_rows_that_were_cut_short_are_as_many_people(between: int) -> None:
    """Also where two that stand together have as many cells as one that a line break has cut in two."""
    columns = ["救助证号", "救助类别", "保障类别", "行政区划代码", "认定日期", "停止日期", "性别", "姓名", "身份证号码"]
    header, even = civil_csv([{"救助证号": "4510220001"}], columns).splitlines()
    short = ",".join(even.split(",")[:5])
    rows = [even] * 20 + ([short] + [even] * between) * 4
    assert 4 == read("\n".join([header, *rows, ""]).encode("gb18030")).lost


@pytest.mark.parametrize("kept", [7, 9, 13])
def test_a_row_cut_short_is_no_rest_of_the_one_before(kept: int) -> None:
    """A spreadsheet leaves out empty cells at the ends of rows: where the list's kind stands in its column, the row is
    one of its own, though it has as many cells as the rest of the one before would."""
    people = [{"救助证号": f"451022{at:04}", "停止日期": "", "认定日期": ""} for at in range(40)]
    gone = [{**row, "姓名": "", "身份证号码": ""} if at % 2 else row for at, row in enumerate(people)]
    columns = ["姓名", "身份证号码", "救助证号", "救助类别", "保障类别", "性别", "出生日期", "与户主关系", "户主姓名"]
    columns += ["行政区划代码", "认定日期", "停止日期", "户主身份证号"]
    header, *lines = civil_csv(gone, columns).splitlines()
    short = [",".join(line.split(",")[:kept]) if 16 <= at < 32 else line for at, line in enumerate(lines)]
    for some in (short, [",".join(line.split(",")[:kept]) for line in lines]):
        assert 20 == read("\n".join([header, *some, ""]).encode("gb18030")).lost


@pytest.mark.parametrize("next_one", ['"那坡村,东屯"', "那坡村"])
def test_a_row_within_the_last_cell_of_another_is_somebodys(next_one: str) -> None:
    """A quote that is closed by the next one, in the row below, takes in that row's beginning alone."""
    columns = ["姓名", "身份证号码", "家庭住址", "救助类别", "保障类别", "认定日期", "停止日期", "备注"]
    header, row = civil_csv([{"家庭住址": "<"}], columns).splitlines()
    even, below = row.replace("<", next_one), row.replace("<", '"那坡村,东屯"')
    rows = [*[even] * 5, f'{below}"老屋', below, *[even] * 4]
    assert 5 == failed(read("\n".join([header, *rows * 5, ""]).encode("gb18030")))
    rows = [*[even] * 5, even.replace("低保对象", '"低保对象'), f'"韦某山"{even[3:]}', *[even] * 4]
    assert 5 == failed(read("\n".join([header, *rows * 5, ""]).encode("gb18030")))


@pytest.mark.parametrize("below", [1, 2])
@pytest.mark.parametrize("opened", range(8))
def test_nobody_is_lost_without_a_word_to_a_quote(opened: int, below: int) -> None:
    """In whichever cell one is opened that is never closed, and in whichever, a row or two below, the next one stands:
    the list is refused, or whoever was swallowed is counted."""
    columns = ["姓名", "身份证号码", "家庭住址", "救助类别", "保障类别", "认定日期", "停止日期", "备注"]
    numbers = [number(f"451022199003{1 + at % 28:02}{100 + at}") for at in range(40)]
    people = [{"身份证号码": one, "家庭住址": "那坡村", "停止日期": "2026-12-31", "备注": "外出"} for one in numbers]
    header, *lines = civil_csv(people, columns).splitlines()
    for closed in range(8):
        rows = [line.split(",") for line in lines]
        for at in range(5, 35, 10):
            rows[at][opened] = '"' + rows[at][opened]
            rows[at + below][closed] = f'"{rows[at + below][closed]},x"'
        try:
            part = read("\n".join([header, *map(",".join, rows), ""]).encode("gb18030"))
        except DeliveryRefused:
            continue
        told = set(part.entries["number"].drop_nulls())
        assert failed(part) + part.lost >= len(set(numbers) - told), columns[closed]


def test_a_row_that_ends_in_many_commas_is_one_person() -> None:
    """An unquoted note of a family, without anybody's number."""
    columns = ["姓名", "身份证号码", "救助类别", "保障类别", "认定日期", "停止日期", "备注"]
    header, even = civil_csv([{}], columns).splitlines()
    long = f"{even}家庭成员:{','.join(['韦某'] * 8)}"
    guardian = [f"{even}监护人韦某,{number()}", f"{even}监护人,韦某,{number()},13877600000"]
    part = read("\n".join([header, *[even] * 20, *[long] * 5, *guardian * 5, ""]).encode("gb18030"))
    assert (0, 0) == (part.lost, failed(part))


def test_a_number_under_a_header_of_two_lines_is_an_account_s() -> None:
    """Of whom the account is, and who is called, stands beside rows that are whole."""
    columns = ["姓名", "身份证号码", "救助类别", "保障类别", "认定日期", "停止日期"]
    first, *rows = civil_csv([{}] * 30, columns).splitlines()
    of_account = f"韦某,{number('43102319700101321')},农行,6228480831234567"
    lines = [f"{first},发放账户信息,,,", f"{',' * 6}开户人,开户人身份证号,开户行,账号"]
    lines += [f"{row},{of_account}" for row in rows]
    assert 0 == read("\n".join([*lines, ""]).encode("gb18030")).lost
    note = [number("43102319700101321"), *[""] * 6]  # where the number of the next row would be
    lines = [f"{first}{',' * 7}", *(",".join([row, *note]) for row in rows)]
    assert 0 == read("\n".join([*lines, ""]).encode("gb18030")).lost
    lines = [f"{first},,,", *(f"{row},监护人韦某,{number('43102319700101321')}," for row in rows)]
    assert 0 == read("\n".join([*lines, ""]).encode("gb18030")).lost


@pytest.mark.parametrize("end", ["", ",", ",,,", ",\u3000", ",\u00a0"])
def test_a_faulty_row_of_a_list_whose_lines_end_in_commas(end: str) -> None:
    """What has nothing under the header's empty cells has not been pushed there."""
    head = {"户主身份证号": number("43102319700101321")}
    wrong = [{"救助类别": "低收入人口"}, {"认定日期": "待定"}, {"身份证号码": "E12345678", "救助类别": "其他"}]
    rows = [{**head, "身份证号码": "", **wrong[at % 3]} if at % 9 == 0 else head for at in range(90)]
    text = "".join(f"{line}{end}\r\n" for line in civil_csv(rows).splitlines())
    assert 0 == read(text.encode("gb18030")).lost


@pytest.mark.parametrize(("together", "joint"), [(2, ""), (2, ","), (3, ""), (3, ","), (10, "")])
def test_rows_that_run_together_are_as_many_people(together: int, joint: str) -> None:
    """Files that were put one behind the other, the last line of one without an end; empty cells behind are nobody."""
    header, even = civil_csv([{}]).splitlines()
    rows = [joint.join([even] * together), even] * 6
    for end in ("", ",", "," * 20):
        part = read("\r\n".join([header, *(f"{row}{end}" for row in rows), ""]).encode("gb18030"))
        assert (6 * (together - 1), 0) == (failed(part), part.lost)
    whole = read("\r\n".join([header, *[f"{even}{',' * 20}", even] * 6, ""]).encode("gb18030"))
    assert (0, 0) == (failed(whole), whole.lost)


def test_rows_that_run_together_and_lost_an_empty_cell_or_were_saved_again() -> None:
    """The first row's end was trimmed; or all lines have been made as wide as the two."""
    header, even = civil_csv([{}]).splitlines()
    trimmed = f"{even.removesuffix(',')}{even}"
    assert 6 == failed(read("\r\n".join([header, *[trimmed, even] * 6, ""]).encode("gb18030")))
    columns = ["姓名", "身份证号码", "救助类别", "保障类别", "认定日期", "停止日期", "备注"]
    for spelled in (number(), f"\u3000{number()}\t", "4.51022E+17", "451022****1239", ""):
        first, row = civil_csv([{"身份证号码": spelled}], columns).splitlines()
        rows = [f"{row.removesuffix(',')}{row}", row, f"{row.removesuffix(',,')}{row}"] * 3
        told = [failed(read("\n".join([first, *rows, ""]).encode(code))) for code in ("gb18030", "utf-8")]
        assert [6, 6] == told
    wide = [f"{line}{',' * (24 - line.count(','))}" for line in (header, even + even, even)]
    assert 6 == failed(read("\r\n".join([wide[0], *wide[1:] * 6, ""]).encode("gb18030")))


def test_a_row_of_other_columns_that_a_spreadsheet_saved_again() -> None:
    """All rows are then as wide as the widest, with a header cell that says nothing."""
    header, even = civil_csv([{"停止日期": "2026-12-31"}]).splitlines()
    missing = even.replace(number(), "").replace(",,韦", f",{number()},韦")
    for many in (1, 3):
        beyond = "," * many
        rows = [f"{'村东,' * many}{even}", f"{even}{beyond}"] * 10
        assert 10 == read("\r\n".join([f"{header}{beyond}", *rows, ""]).encode("gb18030")).lost
        sound = [f"{even}{beyond}已核", f"{even}{beyond}", f"{missing}{beyond}"] * 10
        assert 0 == read("\r\n".join([f"{header}{beyond}", *sound, ""]).encode()).lost


@pytest.mark.parametrize("between", [{"银行账号": "6217001234567890123"}, {"联系电话": ""}])
@pytest.mark.parametrize(
    "theirs", [number(), number()[:17], number()[:14], number()[:17] + "?", number()[:17] + "Х", "451022-19900307-1239"]
)
def test_a_name_that_is_an_address_names_nobody(between: dict[str, str], theirs: str) -> None:
    """Where a number stands elsewhere in the row, be it cut, illegible, or with dashes in it."""
    columns = ["家庭住址", "姓名", *between, "身份证号码", "救助类别", "保障类别", "认定日期", "停止日期"]
    header, even = civil_csv([{"家庭住址": "那坡村,东屯", **between, "身份证号码": theirs}], columns).splitlines()
    broken = even.replace('"', "")
    assert 5 == read("\n".join([header, *[even] * 20, *[broken] * 5, ""]).encode("gb18030")).lost


def test_the_rest_of_a_row_says_nothing_of_how_numbers_are_written() -> None:
    """What a line break cut off an address, and now stands under the household's number, is no number."""
    header, even = civil_csv([{"救助证号": "H1"}]).splitlines()
    below = dict.fromkeys(CIVIL, "") | {"救助证号": "12号"}
    blank = civil_csv([below]).splitlines()[1]
    cut = even.replace("451022101201", "村东\n3号")
    assert 0 == read("\n".join([header, *[even] * 20, cut, even, *[blank] * 5, ""]).encode()).lost


@pytest.mark.parametrize("kept", ["户编号", "人编号"])
def test_a_row_with_a_number_of_the_source_is_somebodys(kept: str) -> None:
    """Whatever else was lost; a note that stands there, and two cells that were filled in below, are nobody's."""
    lost: dict[str, str | float] = {**dict.fromkeys(RURAL, ""), kept: "4500009"}
    part = read(workbook(rural_rows({}, lost, lost, {})), "rural_revitalization")
    assert 2 == part.lost
    notes = [{**lost, kept: f"{n}、2026年11月无变动"} for n in range(3)]
    assert 0 == read(workbook(rural_rows({}, *notes, {})), "rural_revitalization").lost
    columns = ["姓名", "身份证号码", "救助类别", "保障类别", "认定日期", "停止日期", "行政区划代码"]
    below = dict.fromkeys(columns, "") | {"救助类别": "低保对象", "行政区划代码": "451022101201"}
    assert 0 == read(civil_csv([{}] * 3 + [below] * 5, columns).encode("gb18030")).lost


@pytest.mark.parametrize(
    ("theirs", "kept"),
    [
        ("低保字第00123号", "低保字第9号"),
        ("451022/00123", "451022/7"),
        ("桂(2024)00123", "桂（２０２３）４４"),
        ("H1", "H2"),
        ("JZ451022", "ＪＺ４５１０２２"),
        ("JZ451022", "4.50102E+17"),
        ("JZ451022", "4.50102E17"),
    ],
)
def test_a_number_is_known_by_how_the_others_are_written(theirs: str, kept: str) -> None:
    """Whatever stands in it beside digits and letters, of whatever width; or rounded."""
    lost = dict.fromkeys(CIVIL, "") | {"救助证号": kept, "行政区划代码": "451022101201"}
    rows: list[dict[str, str]] = [{"救助证号": theirs}] * 10 + [lost] * 2
    assert 2 == read(civil_csv(rows).encode("gb18030")).lost
    rows = [{"救助证号": theirs}] * 10 + [lost | {"救助证号": "2026年11月无变动"}] * 2
    assert 0 == read(civil_csv(rows).encode("gb18030")).lost


@pytest.mark.parametrize(
    ("theirs", "kept"), [("12", "19"), ("待定", "待定"), ("JZ451022", "----"), ("JZ451022", "第12号")]
)
def test_what_tells_rows_is_no_number_of_somebodys(theirs: str, kept: str) -> None:
    """A form that is numbered further down than it is filled in, a subtotal; and words that stand for nothing."""
    below = dict.fromkeys(CIVIL, "") | {"救助证号": kept}
    assert 0 == read(civil_csv([{"救助证号": theirs}] * 10 + [below] * 5).encode("gb18030")).lost


@pytest.mark.parametrize(
    "of_head",
    [
        number(),
        f"'{number()}",
        "451022900307123",
        number()[:17],
        "4.51022E+17",
        "4.51022E17",
        *("451022" + mark * 8 + "1234" for mark in "*Xx×"),
    ],
)
def test_a_row_with_the_number_of_its_head_is_somebodys(of_head: str) -> None:
    """No note has an identity number."""
    lost = dict.fromkeys(CIVIL, "") | {"户主身份证号": of_head}
    assert 2 == read(civil_csv([{}] * 10 + [lost] * 2).encode("gb18030")).lost
    calls = lost | {"户主身份证号": "经办人电话 0776282000 13877600000"}
    assert 0 == read(civil_csv([{}] * 10 + [calls] * 2).encode("gb18030")).lost


def test_what_a_row_says_is_measured_by_rows_from_all_over_the_list() -> None:
    """Thousands with a birth date and an end at the top say nothing of those below."""
    few = dict.fromkeys(CIVIL, "") | {"救助类别": "孤儿", "认定日期": "2024-03-01", "行政区划代码": "451022101201"}
    full = {"停止日期": "2027-01-01", "出生日期": "1990-03-07"}
    named = few | {"姓名": "韦某山", "身份证号码": number()}
    rows: list[dict[str, str]] = [full] * 4500 + [named] * 2000 + [few] * 100
    assert 100 == read(civil_csv(rows).encode("gb18030")).lost
    filled = few | {"认定日期": ""}
    assert 0 == read(civil_csv([full] * 60 + [named | {"认定日期": ""}] * 30 + [filled] * 9).encode("gb18030")).lost


def test_a_list_that_says_little_of_anybody() -> None:
    """Two things are as much as its rows say; a row without anything is nobody's wherever it stands."""
    columns = ["姓名", "身份证号码", "救助类别", "保障类别", "认定日期", "停止日期"]
    said = {"救助类别": "孤儿", "保障类别": "", "停止日期": ""}
    lost = {"姓名": "", "身份证号码": ""}
    part = read(civil_csv([said] * 20 + [said | lost] * 5, columns).encode("gb18030"))
    assert 5 == part.lost
    nothing = dict.fromkeys(columns, "")
    named = nothing | {"姓名": "韦某山", "身份证号码": number()}
    assert 0 == read(civil_csv([named] * 20 + [nothing] * 5, columns).encode("gb18030")).lost


def test_an_answer_below_a_list_is_nobodys_row() -> None:
    """A condition that was pulled down in a column that says who nobody is leaves FALSE; in a number it would be
    somebody's."""
    for column, told in (("户编号", None), ("姓名", "2"), ("证件号码", "2")):
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
