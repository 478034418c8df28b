"""Workbooks as programs write them, and those that would fill the memory."""

import io
import zipfile
from datetime import date

import pytest

from gateway.errors import DeliveryRefused
from gateway.normalise.bombs import checked_workbook
from tests.normalise.lists import read, rural_rows, workbook
from tests.normalise.test_files import refusal


def test_workbooks_that_unpack_without_end() -> None:
    """A workbook of a thousandfold ratio is refused before it is unpacked."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/sharedStrings.xml", b"0" * (100 << 20))
    with pytest.raises(DeliveryRefused) as caught:
        checked_workbook(memory.getvalue(), "a part")
    assert "bomb" == caught.value.code


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
    _book, without = checked_workbook(memory.getvalue(), "a part")
    assert not without


@pytest.mark.parametrize("cell", [b"45102219900307", b"-1e12", b"1e400"])
def test_a_number_that_a_format_makes_a_time_of_is_told(cell: bytes) -> None:
    """A column of numbers that somebody formatted as hours: more than any day counts, where a reader gives up."""
    book = workbook(rural_rows({"识别时间": date(2021, 3, 4)}))
    hours = changed(book, "styles.xml", b'formatCode="yyyy-mm-dd"', b'formatCode="[h]:mm:ss"')
    number = changed(hours, "sheet2.xml", b"<v>44259</v>", b"<v>" + cell + b"</v>")
    assert "unreadable" == refusal(number, "rural_revitalization")
