"""Files as departments really make them: encodings, headers, quotes, ragged rows, workbooks, empty lists."""

import json
from datetime import date

import pytest

from gateway.errors import DeliveryRefused
from gateway.normalise import number_rows
from gateway.normalise.entries import ROWS_AT_ONCE
from tests.normalise.lists import CIVIL, HOLDER, RURAL, Cell, civil_csv, failed, number, read, rural_rows, workbook

LIST = civil_csv([{"姓名": "覃某丽"}, {"姓名": "黄\U00020bb7"}])


def names(content: bytes, plugin: str = "civil_affairs") -> list[str | None]:
    return read(content, plugin).entries["raw_name"].to_list()


def refusal(content: bytes, plugin: str = "civil_affairs") -> str:
    with pytest.raises(DeliveryRefused) as caught:
        read(content, plugin)
    assert caught.value.where and caught.value.next_step
    return caught.value.code


@pytest.mark.parametrize(
    "content",
    [
        LIST.encode("gb18030"),
        LIST.encode(),
        LIST.encode("utf-8-sig"),
        LIST.replace("\r\n", "\n").encode("gb18030"),
        ("\ufeff" + LIST).encode("gb18030"),
        LIST.rstrip("\r\n").encode(),
    ],
    ids=["gb18030", "utf8", "bom", "lf", "gb-bom", "no-last-newline"],
)
def test_encodings_and_line_ends(content: bytes) -> None:
    """GB18030 with four-byte characters, UTF-8 with and without BOM, CRLF and LF read the same."""
    assert ["覃某丽", "黄\U00020bb7"] == names(content)


def test_headers_with_blanks_and_another_order() -> None:
    """A header cell may hold a BOM or blanks, columns come in any order, and an extra one is reported by name."""
    columns = ["备注", *reversed(CIVIL)]
    text = civil_csv([{"备注": "某某街道 12 号"}], columns).replace("姓名,", "\u200b姓 名\u3000,", 1)
    part = read(text.encode())
    assert [("unknown_column", "备注")] == list(part.remarks)
    assert [number()] == part.entries["number"].to_list()
    assert "某某街道 12 号" not in str(part.entries.to_dicts())


def test_unclaimed_columns_never_enter() -> None:
    """Addresses and phones stay outside the frame, whether the mapping knows them or not."""
    part = read(civil_csv([{"家庭住址": "某屯", "联系电话": "13800000000"}]).encode())
    assert [("unknown_column", "联系电话")] == list(part.remarks)
    assert not {"某屯", "13800000000"} & {str(cell) for row in part.entries.rows() for cell in row}


@pytest.mark.parametrize("column", ["姓名", "身份证号码", "救助类别", "认定日期", "停止日期", "保障类别"])
def test_a_missing_column_refuses(column: str) -> None:
    """A list without a column that its rows mean something by is refused, and the column is named."""
    text = civil_csv([{}], [name for name in CIVIL if name != column])
    with pytest.raises(DeliveryRefused, match=column) as caught:
        read(text.encode())
    assert "missing_column" == caught.value.code


def test_a_column_twice_refuses() -> None:
    """Two columns of one name: nobody can say which counts."""
    assert "column_twice" == refusal(civil_csv([{}], [*CIVIL, "姓名"]).encode())


def test_of_two_names_of_a_column_the_first_counts() -> None:
    """A list may call two columns by names of one field: the one that the mapping names first is read, the
    other told."""
    row = {"公民身份号码": "451022199013451234", "联系电话": "1"}
    for columns in ([*CIVIL, *row], [*row, *CIVIL]):
        part = read(civil_csv([row], columns).encode())
        assert [number()] == part.entries["number"].to_list()
        assert {("unknown_column", "公民身份号码"), ("unknown_column", "联系电话")} == set(part.remarks)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
@pytest.mark.parametrize(
    ("title", "above"),
    {
        "民政救助对象名单\r\n": 1,
        "民政救助对象名单,,,,,,,,,,,,\r\n\r\n单位:某局,,,日期:2026年11月,,,,,,,,,\r\n": 3,
        '"民政救助\n对象名单"\r\n': 1,
    }.items(),
)
def test_titles_above_the_header_of_a_text(title: str, above: int, encoding: str) -> None:
    """Titles, units and dates above the header of a text are no data, and each row keeps its place in the file."""
    for rows in ([{"姓名": "韦某一"}, {"姓名": "韦某二"}], [{"姓名": "韦某一"}, {"姓名": "韦,某"}]):
        text = title + civil_csv([dict(row) for row in rows])
        entries = read(text.encode(encoding)).entries
        assert [row["姓名"] for row in rows] == entries["raw_name"].to_list()
        assert [above + 2, above + 3] == entries["line"].to_list()
    uneven = (title + civil_csv([{}, {}])).rstrip() + ",extra\r\n"
    assert [None, "row_broken"] == read(uneven.encode(encoding)).entries["fault"].to_list()
    assert [above + 2, above + 3] == read(uneven.encode(encoding)).entries["line"].to_list()


def test_an_empty_file_is_no_empty_list() -> None:
    """A file without a header is refused; a header alone is a list of nobody."""
    assert ["empty_file"] * 3 == [refusal(content) for content in (b"", b"\r\n \r\n", b"\xef\xbb\xbf")]
    assert [] == names(civil_csv([]).encode()) == names(civil_csv([]).strip().encode("gb18030"))
    assert [] == names(workbook(rural_rows()), "rural_revitalization")
    assert [] == names(b"[]", "disabled_federation")


def test_rows_of_another_width_are_broken() -> None:
    """A row that is cut short or has a cell too many is invalid, wherever it stands, and the others go on."""
    lines = civil_csv([{"姓名": f"覃某{i}"} for i in "一二三四"]).splitlines()
    for broken in (lines[1].rsplit(",", 2)[0], lines[1] + ",x"):
        for place in range(1, 5):
            text = "\n".join([*lines[:place], broken, *lines[place:]])
            faults = read(text.encode()).entries["fault"].to_list()
            assert ["row_broken"] == [f for f in faults if f]
            assert "row_broken" == faults[place - 1]


def test_a_short_row_and_a_long_one_do_not_make_up_for_each_other() -> None:
    """Where one row lacks a cell and another has one too many, both are broken, with quotes in the file or without."""
    for name in ("覃某丽", "覃,某丽"):
        lines = civil_csv([{"姓名": name}] * 4).splitlines()
        for short, long in ((1, 2), (2, 1), (4, 1), (3, 4)):
            rows = list(lines)
            rows[short], rows[long] = rows[short].rsplit(",", 1)[0], rows[long] + ",x"
            faults = read("\n".join(rows).encode()).entries["fault"].to_list()
            assert {short, long} == {i for i, fault in enumerate(faults, start=1) if fault == "row_broken"}


def test_long_lists_keep_their_order() -> None:
    """A list longer than what becomes entries at once reads the same to its last row and line."""
    head, row = civil_csv([{"姓名": "覃某丽"}]).splitlines()
    count = ROWS_AT_ONCE + 2
    entries = read("\n".join([head, *[row] * (count - 1), row.replace("覃某丽", "黄某福")]).encode()).entries
    assert (count, count + 1, "黄某福") == (entries.height, entries["line"][-1], entries["raw_name"][-1])
    assert ["覃某丽", "黄某福"] == entries["name_key"].unique(maintain_order=True).to_list()


def test_quoted_cells() -> None:
    """Quoted commas, quotes and newlines belong to their cell; the rows after it are counted right."""
    text = civil_csv([{"户主姓名": '韦"某,\r\n山'}, {"姓名": "覃某丽"}])
    entries = read(text.encode("gb18030")).entries
    assert ["韦某山", "覃某丽"] == entries["raw_name"].to_list()
    assert [None, None] == entries["fault"].to_list()


@pytest.mark.parametrize("column", ["姓名", "身份证号码"])
def test_a_quote_that_is_never_closed_refuses_the_list(column: str) -> None:
    """A stray quote that makes several rows one cell refuses the list, since whoever stood there would be left out; one
    that takes in a comma or a line end of its own cell does not."""
    whole = [{"姓名": f"覃某{name}"} for name in "丽霞芳英兰"]
    text = civil_csv([{**row, column: f"<{at}"} if at in (1, 3) else row for at, row in enumerate(whole)])
    swallowed = text.replace("<1", '"覃某霞').replace("<3", '覃某英"')
    assert "unreadable" == refusal(swallowed.encode("gb18030"))
    assert 5 == len(names(text.replace("<1", '"覃某,霞\n"').replace("<3", "覃某英").encode("gb18030")))


SPELLED = [
    number(),
    f"\t{number()}",
    "451022 19900307 1239",
    number().translate({48 + digit: 0xFF10 + digit for digit in range(10)}),
    f"{number()}42",
    "4.51022E+17",
    "451022********1239",
    "",
]


@pytest.mark.parametrize("column", ["家庭住址", "备注", "救助证号"])
@pytest.mark.parametrize("opened", ['"老屋”屯', '"'])
def test_whatever_cell_a_quote_opens_that_is_never_closed(column: str, opened: str) -> None:
    """Rows that went into one cell are told of, however few, whether the others are even or not, and however numbers
    are written."""
    columns = list(dict.fromkeys(["救助证号", *CIVIL, "家庭住址", "备注"]))
    for spelled in SPELLED:
        whole = [{column: "<"}, {}, {}] * 6
        text = civil_csv([{**row, "身份证号码": spelled} for row in whole], columns)
        for times, code in ((1, "gb18030"), (2, "utf-8"), (6, "gb18030")):
            part = read(text.replace("<", opened, times).encode(code))
            assert 18 == part.entries.height + failed(part) > part.entries.height, spelled


def test_a_quote_that_the_next_column_closes_is_told_of() -> None:
    """The record is even, since what it lacks in one cell it has in the comma of the other."""
    columns = ["姓名", "身份证号码", "家庭住址", "致困原因", "救助类别", "保障类别", "认定日期", "停止日期"]
    rows = [{"家庭住址": "<"}, *[{}] * 6, {"致困原因": "因病,缺劳力"}, *[{}] * 4]
    part = read(civil_csv(rows, columns).replace("<", '"老屋').encode("gb18030"))
    assert (5, 7) == (part.entries.height, failed(part))


@pytest.mark.parametrize(
    "columns",
    [["姓名", "身份证号码", "救助类别", "保障类别", "认定日期", "停止日期", "备注"], [*CIVIL, "备注"]],
    ids=len,
)
def test_notes_of_several_lines_are_notes(columns: list[str]) -> None:
    """However many commas they have, also with telephone numbers, or with as many as a row."""
    notes = [
        "1、低保复核,收入核定\n2、家庭成员:韦某,覃某,黄某,农某,梁某\n3、联系电话:0776-2820000,13877600000",
        "家庭成员:\n" + ",".join(["韦某"] * len(columns)),
        "\n".join(["2024-01-01,450元,已发"] * 7),
        "百色市,德保县,城关镇,那坡村,3号,\n",
        "监护人:\n韦某," + number(),
        "家庭成员:\n" + f"韦某,{number()}\n" * 6,
        "家庭成员:\n" + f"韦某,长子,{number()}\n" * 7,
        "家庭成员:\n" + f"韦某,{number()}," * 4,
        f"韦某,妻,{number()},覃某,子,{number()},韦某,女\n合计3人",
    ]
    for place in (columns, ["备注", *columns[:-1]]):
        text = civil_csv([{"备注": note} for note in notes * 3] + [{}] * 14, place)
        part = read(text.encode("gb18030"))
        assert (len(notes) * 3 + 14, 0, 0) == (part.entries.height, part.lost, failed(part))


def test_blank_lines_are_no_rows() -> None:
    """Empty lines inside or below the list are nobody's; a row of empty cells is a row, and invalid."""
    lines = civil_csv([{"姓名": "覃某丽"}, {"姓名": "覃某霞"}]).splitlines()
    assert ["覃某丽", "覃某霞"] == names("\n".join([lines[0], lines[1], "", lines[2], "", ""]).encode())
    empty = "," * (len(CIVIL) - 1)
    faults = read("\n".join([*lines, empty]).encode()).entries["fault"].to_list()
    assert [None, None, "nobody_named"] == faults


def test_first_rows_with_an_empty_last_cell() -> None:
    """An empty last cell is an empty cell and no cut row."""
    text = civil_csv([{"停止日期": ""}, {"停止日期": "2026-01-01"}])
    assert [None, None] == read(text.encode()).entries["fault"].to_list()


def test_garbage_is_refused_or_invalid() -> None:
    """Bytes that are no text, a workbook that is none, records that are no JSON list: refused, without a traceback."""
    assert {"unreadable", "missing_column"} >= {refusal(bytes(range(256)) * 8), refusal(b"\x00\x01\x02")}
    assert "unreadable" == refusal(b"no zip", "rural_revitalization")
    assert ["unreadable"] * 3 == [refusal(c, "disabled_federation") for c in (b"{", b'{"a": 1}', b'[1, "x"]')]


def test_bad_bytes_are_marks_and_reported() -> None:
    """A byte that fits no encoding stands for an unreadable character of that name only, and is reported."""
    content = civil_csv([{"姓名": "覃某丽"}]).encode("gb18030").replace("某丽".encode("gb18030"), b"\xff\xff")
    part = read(content)
    assert ("bad_bytes", "") in part.remarks
    assert "?" in part.entries["name_key"].item()


def test_bad_bytes_of_a_column_that_nobody_reads_are_reported() -> None:
    """They may be the trace of a broken transfer, however far down they stand; the row is usable all the same."""
    rows = [{"姓名": "黄某", "家庭住址": "甲屯"}] * 2_000
    content = civil_csv([*rows, {"姓名": "覃某", "家庭住址": "某屯"}]).encode("gb18030")
    part = read(content.replace("某屯".encode("gb18030"), b"\xc4\xff"))
    assert [("bad_bytes", "")] == list(part.remarks)
    assert ["黄某", "覃某"] == part.entries["raw_name"].tail(2).to_list()


def test_bad_bytes_of_a_cell_too_many_are_reported() -> None:
    """A record with more cells than the header is broken, and what does not fit in them is told all the same."""
    content = civil_csv([{"姓名": "黄某"}] * 2_000).encode("gb18030")
    cells = civil_csv([{"姓名": "覃某"}]).encode("gb18030").splitlines()[1]
    assert [("bad_bytes", "")] == list(read(content + cells + b",\xff\r\n").remarks)
    assert [] == list(read(content + cells + ",甲\r\n".encode("gb18030")).remarks)


def test_titles_merged_cells_and_footers() -> None:
    """Title rows and merged cells above the header, 合计 and 填表人 below, hidden sheets: only data rows count."""
    foot: list[list[Cell]] = [["合  计", "2"], ["填表人:某某"], ["", "合计", 2.0], [" ", "\u3000"]]
    rows = [*rural_rows({"姓名": "黄某福"}, {"姓名": "黄某贵"}), *foot]
    part = read(workbook(rows, merged=["A1:O1", "A2:B2"], hidden="上月"), "rural_revitalization")
    assert ["黄某福", "黄某贵"] == part.entries["raw_name"].to_list()
    assert [4, 5] == part.entries["line"].to_list()


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
@pytest.mark.parametrize(
    "foot", ["合计,,2\r\n", "合 计,,,,,,,,,,,,\r\n填表人:某,,\r\n", '"","合计"\r\n\r\n']
)
def test_sums_below_a_text_are_no_data(foot: str, encoding: str) -> None:
    """合计 and 填表人 below the data of a text are no rows; whatever stands in it."""
    rows = [{"姓名": "韦某一"}, {"姓名": "合计某"}, {"姓名": "韦,某"}]
    for some in (rows[:2], rows):
        text = civil_csv([dict(row) for row in some])
        assert [row["姓名"] for row in some] == names((text + foot).encode(encoding))


def test_a_sum_between_rows_is_a_row() -> None:
    """Only what stands below the last row is no data: 合计 above it is a row that nobody can read."""
    text = civil_csv([{}]) + "合计,,2\r\n" + civil_csv([{}]).splitlines()[1]
    assert [None, "row_broken", None] == read(text.encode()).entries["fault"].to_list()


def test_cells_merged_downwards_are_of_each_row() -> None:
    """What a household's rows share in one merged cell is said of each of them, but not who they are; a blank row under
    it stays blank, and the row after it is none of them."""
    shared: dict[str, Cell] = {"户编号": "", "户类型": "", "识别时间": "", "风险是否消除": "", "证件号码": ""}
    blank: dict[str, Cell] = dict.fromkeys(RURAL, "")
    rows = rural_rows({"姓名": "黄某福"}, {"姓名": "黄某贵", **shared}, blank, {"姓名": "覃某丽", **shared})
    head = list(rows[2])
    places = [chr(ord("A") + head.index(name)) for name in shared]
    merged = [f"{place}4:{place}6" for place in places]
    entries = read(workbook(rows, merged=merged), "rural_revitalization").entries
    assert ["黄某福", "黄某贵", "覃某丽"] == entries["raw_name"].to_list()
    assert [None, None, "category_unknown"] == entries["fault"].to_list()
    assert ["sound", "missing", "missing"] == entries["number_state"].to_list()
    assert 2 == entries.filter(raw_household="4500001", identity="脱贫不稳定人口").height
    shifted: list[list[Cell]] = [["", *row] for row in rows]
    moved = [f"{chr(ord(place) + 1)}4:{chr(ord(place) + 1)}6" for place in places]
    assert entries.equals(read(workbook(shifted, merged=moved), "rural_revitalization").entries)


def test_long_sheets_keep_their_order() -> None:
    """Rows, footers and numeric cells are found as well behind the first thousand rows."""
    foot: list[list[Cell]] = [["合计"], ["", " "]]
    many: list[dict[str, Cell]] = [{"姓名": "黄某福"}] * 2300
    last: dict[str, Cell] = {"姓名": "覃某丽", "证件号码": 4.5e17}
    entries = read(workbook([*rural_rows(*many, last), *foot]), "rural_revitalization").entries
    assert (2301, 2304) == (entries.height, entries["line"][-1])
    assert [("黄某福", "sound"), ("覃某丽", "damaged")] == [
        (entries["raw_name"][i], entries["number_state"][i]) for i in (-2, -1)
    ]


def test_long_numbers_of_a_sheet_are_whole() -> None:
    """A person number of 16 digits that the sheet holds as a number is read digit by digit."""
    rows = rural_rows({"人编号": 4586383133581776.0, "户编号": float(2**53)})
    entries = read(workbook(rows), "rural_revitalization").entries
    assert ["4586383133581776"] == entries["raw_source_id"].to_list()
    assert [str(2**53)] == entries["raw_household"].to_list()


def test_nameless_rows_are_rows() -> None:
    """A row without name and number is a data row: it is invalid, and counted."""
    part = read(workbook(rural_rows({}, {"姓名": "", "证件号码": "-"})), "rural_revitalization")
    assert [None, "nobody_named"] == part.entries["fault"].to_list()


def test_a_shifted_table_is_found() -> None:
    """Empty columns to the left of the table move no cell."""
    rows: list[list[Cell]] = [["", *row] for row in rural_rows({"姓名": "黄某福"})] + [["", "合计"]]
    assert ["黄某福"] == names(workbook(rows), "rural_revitalization")


def test_workbooks_without_the_sheet_or_the_header() -> None:
    """A workbook without the sheet, or with a sheet without header, is refused, each with its own code."""
    assert "no_sheet" == refusal(workbook(rural_rows({}), sheet="Sheet1"), "rural_revitalization")
    assert "missing_column" == refusal(workbook([["合计"]]), "rural_revitalization")
    lacking = [[cell for cell in row if cell not in ("户类型",)] for row in rural_rows()]
    assert "missing_column" == refusal(workbook(lacking), "rural_revitalization")


def test_records_lack_keys() -> None:
    """A record without a key that others have is read with an empty cell; a key that none has refuses."""
    first = {**HOLDER, "cert_no": number() + "42"}
    second = {k: v for k, v in first.items() if k != "grade"}
    entries = read(json.dumps([first, second]).encode(), "disabled_federation").entries
    assert [None, "level_unknown"] == entries["fault"].to_list()
    assert "missing_column" == refusal(json.dumps([second]).encode(), "disabled_federation")


def test_records_give_numbers_as_numbers() -> None:
    """JSON numbers for grade and status are the same as their texts."""
    entries = read(
        json.dumps([{**HOLDER, "cert_no": number() + "42", "grade": 2, "status": 1}]).encode(), "disabled_federation"
    ).entries
    assert [("2", None)] == entries.select("level", "fault").rows()


def test_rows_are_counted_through_the_parts() -> None:
    """行号 runs from 1 through the parts in their order; lines count within each part."""
    one, two = (read(civil_csv([{}] * n).encode()).entries for n in (2, 3))
    whole = number_rows([one, two])
    assert [1, 2, 3, 4, 5] == whole["row"].to_list()
    assert [2, 3, 2, 3, 4] == whole["line"].to_list()


def test_a_damaged_column_is_told() -> None:
    """Where many numbers of a list are in a spreadsheet's form, the column is reported, not only the cells."""
    part = read(civil_csv([{"身份证号码": "4.51022E+17"}] * 6 + [{}] * 20).encode())
    assert [("damaged_column", "6")] == list(part.remarks)
    assert [] == list(read(civil_csv([{}] * 20).encode()).remarks)


def test_dates_of_the_sheet_are_dates() -> None:
    """A date cell is its day, whatever the sheet shows."""
    rows = rural_rows({"识别时间": date(2021, 3, 4)})
    assert [date(2021, 3, 4)] == read(workbook(rows), "rural_revitalization").entries["first"].to_list()
    assert "识别时间" in RURAL
