"""Workbooks as programs write them, and those that would fill the memory."""

import io
import re
import zipfile
from dataclasses import replace
from datetime import date
from random import Random

import pytest

from gateway.mappings import MappingFiles
from gateway.model.archives import stored
from gateway.model.deliveries import FAILED
from gateway.model.workbooks import Bomb, checked
from gateway.normalise import normalise
from tests.fuzz.workbooks import padded
from tests.normalise.lists import CIVIL, RURAL, TODAY, civil_csv, read, rural_rows, workbook
from tests.normalise.test_files import refusal


def test_workbooks_that_unpack_without_end() -> None:
    """A workbook of a thousandfold ratio is refused before it is unpacked."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", b"0" * (100 << 20))
    with pytest.raises(Bomb):
        checked(memory.getvalue())


@pytest.mark.parametrize(
    ("part", "before", "after"),
    [
        ("sheet2.xml", b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'),
        ("sheet2.xml", b"</sheetData>", b"<row><c  r = 'xfd999'><v>1</v></c></row></sheetData>"),
        ("sheet2.xml", b"</sheetData>", b'<row r="1048576"><c r="CZ1048576"><v>1</v></c></row></sheetData>'),
        ("sharedStrings.xml", b'uniqueCount="', b'uniqueCount="999999999'),
    ],
    ids=["far-cell", "far-cell-oddly", "far-row", "many-texts"],
)
def test_a_workbook_that_promises_too_much_is_refused(part: str, before: bytes, after: bytes) -> None:
    """A few bytes that make the reader reserve all memory refuse the workbook before it is opened."""
    assert "bomb" == refusal(changed(workbook(rural_rows({})), part, before, after), "rural_revitalization")


def changed(book: bytes, part: str, before: bytes, after: bytes) -> bytes:
    """The workbook, one of whose parts says something else wherever that stands."""
    plain, other = io.BytesIO(book), io.BytesIO()
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            content = old.read(member)
            if member.filename.endswith(part):
                assert before in content
                content = content.replace(before, after)
            new.writestr(member.filename, content)
    return other.getvalue()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"</row>", b"</row>\n"),  # as POI streams them
        (b"<c ", b"\n  <c "),
        (b"</sheetData>", b'<row r="20001"><c r="A20001" s="1"/></row></sheetData>'),
        (b"</sheetData>", b'<row r="1048576" s="1"><c r="XFD1048576" s="1"></c></row></sheetData>'),
    ],
    ids=["lines", "indented", "formatted-below", "formatted-far"],
)
def test_a_sheet_is_read_however_its_program_wrote_it(before: bytes, after: bytes) -> None:
    """Lines between the rows, and formatted cells with nothing in them, far below, change nothing."""
    book = workbook(rural_rows({}, {}))
    entries = read(book, "rural_revitalization").entries
    other = read(changed(book, "sheet2.xml", before, after), "rural_revitalization").entries
    assert entries.equals(other)


@pytest.mark.parametrize("error", ["#N/A", "#REF!", "#SPILL!", "#CALC!", "Err:502"])
@pytest.mark.parametrize("quote", ['"', "'"])
def test_an_error_in_a_cell_is_told_as_a_text_is(error: str, quote: str) -> None:
    """A formula that found nothing is no empty cell, which might end an identity without a word, and no reason to
    refuse a county."""
    book = workbook(rural_rows({"风险是否消除": "是", "风险消除时间": "出错"}))
    with zipfile.ZipFile(io.BytesIO(book)) as parts:
        texts = parts.read("xl/sharedStrings.xml").decode()
    at = len(re.findall("<si>", texts[: texts.index("出错")])) - 1
    cell = re.compile(rb't="s"><v>%d<' % at)
    with zipfile.ZipFile(io.BytesIO(book)) as parts:
        sheet = parts.read("xl/worksheets/sheet2.xml")
    (old,) = cell.findall(sheet)
    new = f"t={quote}e{quote}><f>VLOOKUP(A1,B:C,2,0)</f><v>{error}<".encode()
    as_text = read(book, "rural_revitalization").entries.select("fault", "first", "last", "gives")
    assert ["date_unreadable"] == as_text["fault"].to_list()
    errors = read(changed(book, "sheet2.xml", old, new), "rural_revitalization").entries
    assert as_text.equals(errors.select(as_text.columns))


@pytest.mark.parametrize("error", ["#N/A", "#REF!", "#SPILL!", "Err:502"])
def test_formulas_that_were_pulled_down_too_far_are_nobody(error: str) -> None:
    """Below the last person rows in which nothing stands but errors are no rows; between two people such a row is
    somebody's, and is told; and where all rows are such, nobody can say whose they are."""
    errors = {name: "" for name in RURAL} | {"省": error, "识别时间": error}
    rows = rural_rows({}, errors, {"识别时间": error}, errors, errors)
    some = read(workbook(rows), "rural_revitalization")
    assert [(4, None), (5, "nobody_named")] == some.entries.select("line", "fault").rows()[:2]
    assert [4, 5, 6] == some.entries["line"].to_list()
    assert ((FAILED, "3"),) == some.remarks
    alone = read(workbook(rural_rows(errors, errors)), "rural_revitalization")
    assert [4, 5] == alone.entries["line"].to_list()
    assert ((FAILED, "2"),) == alone.remarks
    many = read(workbook(rural_rows({}, *[errors] * 1500, {}, *[errors] * 1100)), "rural_revitalization")
    assert list(range(4, 1506)) == many.entries["line"].to_list()
    assert ((FAILED, "2600"),) == many.remarks


@pytest.mark.parametrize(
    ("name", "number"),
    [("#N/A", "无"), ("-", "#N/A"), ("0", "0"), ("错误:502", "")],
    ids=["name", "number", "zero", "chinese"],
)
def test_who_is_nobody_since_a_formula_failed_is_told(name: str, number: str) -> None:
    """Also where the other cell holds what stands for nothing; a name that is 0 is what nobody worked out."""
    part = read(workbook(rural_rows({}, {"姓名": name, "证件号码": number})), "rural_revitalization")
    assert [None, "nobody_named"] == part.entries["fault"].to_list()
    assert ((FAILED, "1"),) == part.remarks


def test_a_name_that_is_0_is_nobodys_in_a_text_too() -> None:
    """As a workbook that nobody worked out is exported."""
    rows = [{}, {"姓名": "0", "身份证号码": "0"}, {"姓名": "", "身份证号码": "0"}]
    part = read(civil_csv(rows).encode("gb18030"))
    assert [None, "nobody_named", "nobody_named"] == part.entries["fault"].to_list()
    assert ((FAILED, "2"),) == part.remarks


def test_rows_of_zeros_below_the_list_are_not_read() -> None:
    """Formulas that were pulled down further than the list they look at."""
    zeros = dict.fromkeys(RURAL, 0) | {"证件号码": 0}
    part = read(workbook(rural_rows({}, zeros, {}, *[zeros] * 30)), "rural_revitalization")
    assert [4, 5, 6] == part.entries["line"].to_list()
    assert ((FAILED, "31"),) == part.remarks


def test_zeros_below_the_list_that_are_no_names_are_no_errors() -> None:
    """A sum that was pulled down, in a column that is somebody's or nobody's, hides nobody, below as between people."""
    zeros = dict.fromkeys(RURAL, "") | {"年收入合计": 0, "识别时间": 0}
    rows = rural_rows({"年收入合计": 1200}, zeros, {"年收入合计": 1200}, *[zeros] * 30)
    part = read(workbook(rows), "rural_revitalization")
    assert [4, 5, 6] == part.entries["line"].to_list()
    assert FAILED not in dict(part.remarks)


@pytest.mark.parametrize("cell", ["\u200b#N/A", "'#n/a", "\u200b0", "'0", "00", "０", "FALSE", "true"])
def test_what_stands_around_an_error_does_not_hide_it(cell: str) -> None:
    """Nor around a name that is 0."""
    part = read(workbook(rural_rows({}, {"姓名": cell, "证件号码": ""})), "rural_revitalization")
    assert [None, "nobody_named"] == part.entries["fault"].to_list()
    assert ((FAILED, "1"),) == part.remarks


def test_a_list_without_names_is_read() -> None:
    """A site's own mapping may know people by their numbers alone."""
    mapping = MappingFiles().list_mapping("civil_affairs")
    nameless = replace(mapping, columns=tuple(c for c in mapping.columns if c.kind != "name"))
    header, row = civil_csv([{}], columns=[name for name in CIVIL if "姓名" not in name]).split("\r\n")[:2]
    part = normalise(f"{header}\r\n{row}\r\n".encode(), nameless, part="a part", scope="", business_date=TODAY)
    assert [None] == part.entries["fault"].to_list()


def test_a_workbook_that_is_not_packed_is_looked_at_too() -> None:
    """What its bytes show before they are looked at says nothing of formulas that nobody worked out."""
    rows = rural_rows({}, {"姓名": "谁", "证件号码": "谁"})
    book = workbook(rows)
    with zipfile.ZipFile(io.BytesIO(book)) as parts:
        texts = re.findall("<si>.*?</si>", parts.read("xl/sharedStrings.xml").decode(), re.DOTALL)
        at = next(i for i, text in enumerate(texts) if ">谁<" in text)
        sheet = parts.read("xl/worksheets/sheet2.xml").replace(b' t="s"><v>%d</v>' % at, b"><f>A1</f>")
        memory = io.BytesIO()
        with zipfile.ZipFile(memory, "w", zipfile.ZIP_STORED) as stored_book:
            for name in parts.namelist():
                stored_book.writestr(name, sheet if name.endswith("sheet2.xml") else parts.read(name))
    part = read(memory.getvalue(), "rural_revitalization")
    assert [None, "nobody_named"] == part.entries["fault"].to_list()
    assert ((FAILED, "1"),) == part.remarks


@pytest.mark.parametrize("mapping", ["rural_revitalization", "civil_affairs"])
def test_a_failed_formula_is_nobodys_name_or_number(mapping: str) -> None:
    """Two rows in which it failed are not of one household, person or name; in a text that a program exported too."""
    if mapping == "rural_revitalization":
        book = workbook(rural_rows({"户编号": "#N/A", "人编号": "#N/A", "姓名": "#REF!", "户主身份证号": "Err:502"}))
    else:
        book = civil_csv([{"救助证号": "#N/A", "姓名": " #REF! "}]).encode("gb18030")
    said = read(book, mapping)
    whose = said.entries.select("raw_household", "raw_source_id", "name_key", "head_number", "fault").fill_null("")
    assert [("", "", "", "", "")] == whose.rows()
    assert () == said.remarks


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        (b"<f>DATE(2021,3,4)</f>", "empty"),
        (b"<f>DATE(2021,3,4)</f><v/>", "empty"),
        (b"<f>DATE(2021,3,4)</f>\n<v></v>", "empty"),
        (b'<f>DATE(2021,3,4)</f><v xml:space="preserve"> </v>', "empty"),
        (b'<f t="shared" si="0"/>', "empty"),
        (b't="str"><f>DATE(2021,3,4)</f>', "empty"),
        (b't="n"><f>DATE(2021,3,4)</f><v/>', "empty"),
        (b"<f>DATE(2021,3,4)</f><v>44259</v>", "2021-03-04"),
    ],
    ids=["none", "closed", "ended", "blank", "shared", "typed", "number", "worked"],
)
def test_a_formula_that_nobody_worked_out_is_no_empty_cell(cell: bytes, value: str) -> None:
    """As programs write it that work nothing out: the day on which a risk ended is not the list's, but unknown."""
    book = workbook(rural_rows({"风险是否消除": "是", "风险消除时间": date(2021, 3, 4)}))
    with zipfile.ZipFile(io.BytesIO(book)) as parts:
        sheet = parts.read("xl/worksheets/sheet2.xml")
    (old,) = re.findall(rb'(<c r="[A-Z]+4" s="[0-9]+">)(<v>44259</v>)', sheet)
    begun = old[0].removesuffix(b">") + b" " if cell.startswith(b"t=") else old[0]
    entries = read(changed(book, "sheet2.xml", b"".join(old), begun + cell), "rural_revitalization").entries
    if value == "empty":
        assert ["date_unreadable"] == entries["fault"].to_list()
    else:
        assert [date.fromisoformat(value)] == entries["last"].to_list()


def test_a_formula_that_gives_an_empty_text_is_an_empty_cell() -> None:
    """Its program has worked it out."""
    book = workbook(rural_rows({"风险是否消除": "否", "风险消除时间": "出错"}))
    with zipfile.ZipFile(io.BytesIO(book)) as parts:
        sheet = parts.read("xl/worksheets/sheet2.xml")
        texts = parts.read("xl/sharedStrings.xml").decode()
    at = len(re.findall("<si>", texts[: texts.index("出错")])) - 1
    (old,) = re.findall(rb't="s"><v>%d</v>' % at, sheet)
    for empty in (b"<v/>", b"<v></v>"):
        entries = read(changed(book, "sheet2.xml", old, b't="str"><f>A1</f>' + empty), "rural_revitalization").entries
        assert [None] == entries["fault"].to_list()


def test_a_month_in_a_workbook_that_counts_from_1904_is_one() -> None:
    """It is no day counted from anywhere."""
    book = workbook(rural_rows({"识别时间": 202103}))
    mac = changed(book, "workbook.xml", b"<workbookPr ", b'<workbookPr date1904="1" ')
    assert [date(2021, 3, 1)] == read(mac, "rural_revitalization").entries["first"].to_list()


def test_a_day_since_1904_that_is_a_text_is_none() -> None:
    """As a formula gives it that makes a text of a date."""
    book = workbook(rural_rows({"识别时间": "44259"}))
    assert [date(2021, 3, 4)] == read(book, "rural_revitalization").entries["first"].to_list()
    mac = changed(book, "workbook.xml", b"<workbookPr ", b'<workbookPr date1904="1" ')
    assert ["date_unreadable"] == read(mac, "rural_revitalization").entries["fault"].to_list()


@pytest.mark.parametrize("plain", [False, True])
def test_days_since_1904_are_not_taken_for_others(plain: bool) -> None:
    """A day of an old Mac's workbook is told by its format; a number that has none is no day: it would be another."""
    book = workbook(rural_rows({"识别时间": date(2021, 3, 4)}))
    mac = changed(book, "workbook.xml", b"<workbookPr ", b'<workbookPr date1904="1" ')
    if plain:
        mac = changed(mac, "sheet2.xml", b's="1"><v>44259<', b"><v>44259<")
    entries = read(mac, "rural_revitalization").entries
    assert ["date_unreadable" if plain else None] == entries["fault"].to_list()
    assert plain or [date(2025, 3, 5)] == entries["first"].to_list()


def test_formats_without_number_are_read() -> None:
    """Sixty thousand formats, as a workbook that was copied for years has: a date stays one."""
    book = workbook(rural_rows({"识别时间": date(2021, 3, 4)}))
    formats = b"<xf><alignment/><protection/><x/></xf>" * 62_000
    more = changed(book, "styles.xml", b"</cellXfs>", formats + b"</cellXfs>")
    assert [date(2021, 3, 4)] == read(padded(more), "rural_revitalization").entries["first"].to_list()


@pytest.mark.parametrize("sign", [b"<sst>", b"<si>", b"<si/>", b"<a:si>"])
def test_a_picture_is_no_part_of_the_list(sign: bytes) -> None:
    """Whatever its bytes look like; nor are a printer's settings, and a comment that speaks of business."""
    book = workbook(rural_rows({}))
    memory = io.BytesIO(book)
    with zipfile.ZipFile(memory, "a", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("xl/media/image1.png", Random(1).randbytes(100_000) + sign + Random(2).randbytes(100_000))
        parts.writestr("xl/comments1.xml", b"<comments>" + sign.replace(b"/", b"") * 9 + b"businesstype" * 9000)
        parts.writestr("docProps/pagecontent.xml", b"<x/>")
    entries = read(memory.getvalue(), "rural_revitalization").entries
    assert read(book, "rural_revitalization").entries.equals(entries)


@pytest.mark.parametrize(
    ("part", "before", "after"),
    [
        ("sharedStrings.xml", b"<?xml", b"\xef\xbb\xbf<?xml"),  # as .NET writes it
        ("sharedStrings.xml", b"<sst xmlns=", b"<sst\n  a='1' xmlns="),
        ("sharedStrings.xml", b"</sst>", b"<!-- that is all --></sst>"),
        ("sharedStrings.xml", b"<si><t>", b"<si><t><![CDATA[]]>"),
        ("sheet2.xml", b"<?xml", b"\xef\xbb\xbf<?xml"),
        ("sheet2.xml", b"><v>", b">\n<v>"),
        ("sheet2.xml", b"</sheetData>", b"<!-- that is all --></sheetData>"),
    ],
    ids=["bom", "head", "comment", "cdata", "bom-sheet", "indented", "comment-sheet"],
)
def test_texts_are_counted_however_they_are_written(part: str, before: bytes, after: bytes) -> None:
    """What many short texts and a long note come to is no bomb: each cell has its own, not the longest."""
    book = workbook(rural_rows({"省": "记" * 20_000}, *[{}] * 500))
    entries = read(book, "rural_revitalization").entries
    assert entries.equals(read(changed(book, part, before, after), "rural_revitalization").entries)


@pytest.mark.parametrize(("sheet", "outcome"), [("sheet1.xml", ""), ("sheet2.xml", "bomb")])
def test_what_stands_in_another_sheet_is_nothing(sheet: str, outcome: str) -> None:
    """Words for drop-downs or a note far below in a sheet that nobody reads refuse no list; in the list itself they
    do."""
    row = b'<row r="1048576"><c r="Z1048576"><v>1</v></c></row></sheetData>'
    book = changed(workbook(rural_rows({})), sheet, b"</sheetData>", row)
    if outcome:
        assert outcome == refusal(book, "rural_revitalization")
    else:
        assert 1 == read(book, "rural_revitalization").entries.height


@pytest.mark.parametrize("columns", [19, 40])
def test_a_wide_sheet_of_a_whole_county_keeps_its_bounds(columns: int) -> None:
    """Sixty thousand rows, whatever columns a department adds."""
    letters = [f"{a}{b}" for a in ("", "A", "B") for b in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"][:columns]
    row = "".join(f'<c r="{letter}%d" s="1" t="s"><v>1</v></c>' for letter in letters)
    numbers = range(1, 60_001)
    rows = "".join(f'<row r="{at}">{row.replace("%d", str(at))}</row>\n' for at in numbers)
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        book.writestr("xl/worksheets/sheet1.xml", f"<worksheet><sheetData>\n{rows}</sheetData></worksheet>")
    assert checked(memory.getvalue()).without is None


@pytest.mark.parametrize("cell", [b"45102219900307", b"-1e12", b"1e400"])
def test_a_number_that_a_format_makes_a_time_of_is_told(cell: bytes) -> None:
    """A column of numbers that somebody formatted as hours: more than any day counts, where a reader gives up."""
    book = workbook(rural_rows({"识别时间": date(2021, 3, 4)}))
    hours = changed(book, "styles.xml", b'formatCode="yyyy-mm-dd"', b'formatCode="[h]:mm:ss"')
    number = changed(hours, "sheet2.xml", b"<v>44259</v>", b"<v>" + cell + b"</v>")
    assert "unreadable" == refusal(number, "rural_revitalization")


def test_what_cannot_be_packed_is_unpacked_whole() -> None:
    """A member that is longer packed than unpacked comes in several pieces."""
    content, seen = Random(1).randbytes(1 << 20), []
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/media/image1.png", content)
    with zipfile.ZipFile(memory) as book:
        assert book.infolist()[0].compress_size > len(content)
        stored(book, lambda _name, part: seen.append(part))
    assert [content] == seen
