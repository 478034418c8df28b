"""Workbooks that are small and would fill the memory, or take the time: cells far away, elements without end."""

import io
import re
import tracemalloc
import zipfile
from typing import ClassVar
from xml.parsers.expat import ExpatError

import pytest

from gateway.errors import DeliveryRefused
from gateway.model.cells import Cells
from gateway.model.workbooks import Bomb, _past, _Walk, checked
from tests.fuzz.bounds import taken
from tests.fuzz.hunt import BOUND, LONGEST
from tests.fuzz.parsers import books
from tests.fuzz.workbooks import SHEET, TEXTS, fault_of, last, padded, replaced, said, workbook


@pytest.mark.one_in(2)
@pytest.mark.parametrize("large", [False, True], ids=["small", "large"])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'r="A3"', b'r="A4294967295"'),  # 373 GB, and the end of the process
        (b'r="A3"', b'r="A1048576"'),  # 408 MB
        (b'r="A3"', b'r="Z1048576"'),  # 810 MB, and 8 s
        (b'r="A3"', b'r="cz20001"'),
        (b'r="A3"', b"r='A1048576'"),
        (b'r="A3"', b'r\n=\t"A1048576"'),
        (b'<row r="3" spans="1:13"><c r="A3"', b'<row r="1048576"><c'),
        (b'<row r="3" spans="1:13"><c r="A3"', b'<row r="3">' + b"<c/>" * 17_000 + b"<c"),  # 19 GB with 60 000 rows
        (b'<row r="3" spans="1:13"><c r="A3"', b'<row r="3">' + b"<c/><!--<row-->" * 17_000 + b"<c"),
        (b'r="A3"', b'r="AAAA3"'),
        # Rows without cells, or what looks like rows and is none, let a cell lie far away: 0.8 GB.
        (b"</sheetData>", b"<row/>" * 524_288 + last("Z1048576")),
        (b"</sheetData>", b"<row/>" * 150_000 + last("Z299999")),
        (b"</sheetData>", b'<row><c r="A1"/></row>' * 70_000 + last("Z99999")),
        # So does what looks like cells and is none.
        (b"</sheetData>", b"<!--" + b"<c r=" * 400_000 + b"-->" + last("Z99999")),
        (b"</sheetData>", b"<x>" + b":c r=" * 400_000 + b"</x>" + last("Z99999")),
        # What looks like the end of an empty cell.
        (b"</sheetData>", b'<row r="99999"><c r="Z99999" s="/>"><v>1</v></c></row></sheetData>'),
        (b"</sheetData>", b'<row r="99999"><c r="Z99999"></c><c r="AZ99999"><v>1</v></c></row></sheetData>'),
        (b"</sheetData>", last("Axfd999")),
        # Its reader counts from the first sheet on, and takes a name from its first colon on: the end of the process.
        (
            b"</sheetData>",
            b'<row r="99999"><c r="XFC1"/><sheetData><c><v>1</v></c></sheetData></row></sheetData>',
        ),
        (b"</sheetData>", b'<row r="999999"><c r="CZ1"/><a:b:row r="1"/><c><v>1</v></c></row></sheetData>'),
        # A column counts on where a row lies within another: 8.6 GB, and the end of the process.
        (b"</sheetData>", (b"<row>" + b"<c/>" * 9000) * 2 + b"<c><v>1</v></c>" + b"</row>" * 2 + b"</sheetData>"),
        # A row counts on from the row before, whatever a cell between says: 3.4 GB.
        (b"</sheetData>", b'<row r="999998"><c r="A1"/></row><row/><row><c><v>1</v></c></row></sheetData>'),
        # Nor does it count what stands above: 0.5 GB.
        (
            b"<sheetData>",
            b'<x><row r="-1000000"/></x><sheetData>'
            + b"<row/>" * 150_000
            + (b"<row>" + b"<c/>" * 20 + b"<c><v>1</v></c></row>"),
        ),
    ],
)
def test_a_cell_far_away_is_refused(old: bytes, new: bytes, large: bool) -> None:
    """A workbook of five kilobytes with a cell in a row that it does not have is a bomb, however the place is
    written."""
    bomb = workbook(SHEET, old, new, large=large)
    with pytest.raises(DeliveryRefused) as refused:
        books()["xlsx"].read(bomb)
    assert "bomb" == refused.value.code


@pytest.mark.parametrize(
    "oddly",
    [b' s="1"r="A20001"', b' s="1"\x0cr="A20001"', b" r=A20001", b' r="A3" s="\xff"', b' r="Z99999" a"/>"=""'],
    ids=ascii,
)
def test_a_place_that_no_xml_writes_so_is_refused(oddly: bytes) -> None:
    """Whatever the reader would make of it, a large sheet that is neither as programs write it nor XML is damaged."""
    with pytest.raises(DeliveryRefused) as refused:
        books()["xlsx"].read(workbook(SHEET, b' r="A3"', oddly, large=True))
    assert "unreadable" == refused.value.code


@pytest.mark.one_in(2)
@pytest.mark.parametrize("piece", [
    b"<row>", b"<f/>", b'<c r="A1"/>', b'<c r="A1"><v>1</v></c>', b"<c/>", b"<row><c><v>1</v></c></row>",
])  # fmt: skip
@pytest.mark.parametrize("parser", ["xlsx", "worklist"])
def test_six_megabytes_of_elements_take_no_hundreds(parser: str, piece: bytes) -> None:
    """As many as a workbook of 64 KiB may have, each within the one before, or one behind the other: looked at in time,
    and in some times their size; rows that lie within each other are no list."""
    filling = piece * (6 * 2**20 // len(piece))
    bomb = workbook(SHEET, b"</sheetData>", filling + b"</sheetData>", parser=parser)
    read = []
    took = taken(lambda: read.append(said(parser, bomb)))
    assert took.seconds < LONGEST
    assert took.mib < 2 * BOUND
    assert piece not in {b"<row>", b"<c/>"} or read == [None]


@pytest.mark.one_in(2)
@pytest.mark.parametrize("piece", [
    b"<f>", b"<row>", b"<f>/>", b'<f a="</f>">', b"<f a='</f>'>", b"<f><!--</f>-->", b"<f </f>", b"<f <f/>/>",
    b'<f a="></f></f><" b="">',
])  # fmt: skip
@pytest.mark.parametrize("part", [SHEET, TEXTS])
def test_elements_that_stay_open_are_no_list(part: str, piece: bytes) -> None:
    """The reader remembers each, thirty bytes of three, whatever makes them look as if they were closed."""
    filling = piece * (12 * 2**20 // len(piece))
    bomb = padded(workbook(part, b"</sheetData>" if part == SHEET else b"</sst>", filling))
    faults: list[Exception | None] = []
    assert taken(lambda: faults.append(fault_of(bomb))).mib < 2 * BOUND
    assert isinstance(faults[0], ExpatError | Bomb)


@pytest.mark.parametrize(("part", "begin", "piece", "end", "most"), [
    ("xl/sharedStrings.xml", b"<sst>", b"<si/>", b"</sst>", 6_000_000),
    ("xl/styles.xml", b"<styleSheet>", b"<xf/>", b"</styleSheet>", 2_000_000),
    ("xl/part.xml", b"<sheetData>", b'<c r="A1"><v>1</v></c>', b"</sheetData>", 5_000_000),
    ("xl/part.xml", b"<x><sheetData/>", b"<a/>", b"</x>", 25_000_000),
    ("xl/part.xml", b"<sheetData>", b'<c r="A1" t="e"/>', b"</sheetData>", 5_000_000),
    ("xl/part.xml", b"<x><sheetData/>", b"a", b"</x>", 700_000),
    ("xl/part.xml", b"<x><sheetData/><a>", b"a" * 60_000 + b"</a><a>", b"</a></x>", 2240),
    ("xl/part.xml", b"<x><sheetData/><!-- ", b"a" * 60_000 + b"--><!-- ", b"--></x>", 2240),
    ("xl/part.xml", b"<x><mergeCells>", b'<mergeCell ref="A1:A2"/>', b"</mergeCells><sheetData/></x>", 500_000),
    ("xl/part.xml", b"<sheets>", b"<sheet/>", b"</sheets>", 250_000),
], ids=range(10))  # fmt: skip
def test_more_than_any_list_has_is_refused(part: str, begin: bytes, piece: bytes, end: bytes, most: int) -> None:
    """Texts, cells and merged ranges that are there take memory as those do that are only promised; without the texts
    or the formats no sheet is read as it is meant."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as book:
        book.writestr(part, begin + piece * (most + 1) + end)
    assert isinstance(fault_of(memory.getvalue()), Bomb)
    if part != "xl/part.xml":
        with pytest.raises(Bomb):
            checked(memory.getvalue())


def test_a_long_text_that_many_cells_share_is_refused() -> None:
    """It is copied for each of them: eleven kilobytes took a gigabyte."""
    text = b"<si><t>" + b"a" * 90_000 + b"</t></si>"
    cells = b"".join(b'<row r="%d"><c r="A%d" t="s"><v>%%d</v></c></row>' % (row, row) for row in range(4, 2404))
    for at, end, more in (
        (15, b"</sst>", b""),
        (15, b"</sst>", b"<!-- -->"),
        (15, b"</sst>", b"<!--" + b't="s"><v>3<' * 2400 + b"-->"),  # where cells seem to be, and those are not seen
        (15, b"<sheetData></sheetData></sst>", b""),  # no sheet
        (16, b"</sst>", b""),  # behind an empty one, which counts as well
        (99, b"</sst>", b""),  # whatever that is
    ):
        book = workbook(TEXTS, b"</sst>", b"<si/>" * (at == 16) + text + end)
        plain = cells.replace(b"%d", b"%d" % at) + more + b"</sheetData>"
        content = plain.replace(b"<v>15", b"<v  >15") if b't="s"' in more else plain
        with pytest.raises(Bomb):
            checked(padded(replaced(book, SHEET, b"</sheetData>", content)))
    damaged = replaced(replaced(book, SHEET, b"</sheetData>", content), SHEET, b"<sheetData>", b"\xff<sheetData>")
    assert fault_of(padded(damaged))  # above the cells, where nobody looks for them
    few = cells.replace(b"%d", b"3") + b"</sheetData>"
    assert fault_of(padded(replaced(book, SHEET, b"</sheetData>", few))) is None


@pytest.mark.parametrize(
    ("texts", "value"),
    [
        (b"<si><t>a</t></si><si>%s</si>", b"<v>15</v><v>16</v>"),  # the last one counts
        (b"<si><t>a</t></si><si>%s</si>", b"<v>15</v><v>16</v><!-- -->"),
        (b"<si>%s</si>", b"<v>15</v><v>3</v>"),
        (b"</si><si><t>a</t><si>%s</si>", b"<v>15</v>"),
        (b"<si><t>a</t></si></si><si>%s</si>", b"<v>16</v>"),  # an end that ends nothing
        (b"<si><t>a</t></x:si><si><t>b</t></si><si>%s</si><si><t>c</t></si>", b"<v>16</v>"),  # or something else
        (b"<x><si><t>a</t></si></x><si>%s<si><t>b</t></si></si>", b"<v>16</v>"),
        (b"<!-- --><si><t>a<si/></t></si><si>%s</si>", b"<v>16</v>"),
        (b"<!-- <si> --><si><t>a</t></si><si>%s</si>", b"<v>16</v>"),
    ],
)
def test_which_text_a_cell_has_is_no_guess(texts: bytes, value: bytes) -> None:
    """Where what looks at a workbook and what reads it could count otherwise, each cell has the longest text: 24 kB
    took three gigabytes."""
    book = workbook(TEXTS, b"</sst>", texts % (b"<t>" + b"a" * 90_000 + b"</t>") + b"</sst>")
    cells = b"".join(b'<row r="%d"><c r="A%d" t="s">%s</c></row>' % (row, row, value) for row in range(4, 2404))
    full = padded(replaced(book, SHEET, b"</sheetData>", cells + b"</sheetData>"))
    assert fault_of(full)
    assert fault_of(replaced(full, TEXTS, b"sst", b"x:sst", every=True))


def test_a_workbook_has_its_texts_once() -> None:
    """Each of several parts with six million might be the one that is read."""
    (sound,) = books()["xlsx"].sounds
    memory = io.BytesIO(sound)
    with zipfile.ZipFile(memory, "a") as book:
        book.writestr("XL\\SharedStrings.xml", b"<sst><si><t>a</t></si></sst>")
    assert isinstance(fault_of(memory.getvalue()), ExpatError)


@pytest.mark.parametrize(("sheets", "piece"), [(1, b"7" * 100_000 + b"<!---->"), (400, b"<f/>")], ids=["long", "many"])
def test_what_cells_copy_is_found_in_time(sheets: int, piece: bytes) -> None:
    """A number of megabytes, and sheets that share a text of one, were looked at for half a minute."""
    text = b"<si>" + (b"<t>" + b"a" * 90_000 + b"</t>") * 10 + b"</si>"
    cells = b'<row r="4"><c r="A4" t="s"><v>' + piece * 300 + b"</v></c>" + b'<c r="B4" t="s"><v>3</v></c>' * 120
    book = replaced(workbook(TEXTS, b"</sst>", text + b"</sst>"), SHEET, b"</sheetData>", cells + b"</row></sheetData>")
    memory = io.BytesIO(padded(book))
    with zipfile.ZipFile(memory) as one, zipfile.ZipFile(memory, "a", zipfile.ZIP_DEFLATED) as more:
        sheet = one.read(SHEET)
        for at in range(1, sheets):
            more.writestr(f"xl/worksheets/{at}.xml", sheet)
    faults = []
    assert taken(lambda: faults.append(fault_of(memory.getvalue()))).seconds < LONGEST
    assert [None] == faults


@pytest.mark.parametrize("parser", ["xlsx", "worklist"])
def test_a_part_in_two_encodings_is_damaged(parser: str) -> None:
    """What is Chinese to a parser of XML are cells to a reader that knows UTF-8 only."""
    (sound,) = books()[parser].sounds
    with zipfile.ZipFile(io.BytesIO(sound)) as book:
        part = book.read(SHEET)
    cells = part[part.index(b"<sheetData>") : part.index(b"</sheetData>")] + last("Z1048576")
    both = "<a>".encode("utf-16-le") + cells + b" " * (len(cells) % 2) + "</a>".encode("utf-16-le")
    assert said(parser, workbook(SHEET, part, both, parser=parser)) is None


def test_an_encoding_that_a_part_claims_is_none() -> None:
    """Its reader takes all for UTF-8."""

    class Found(Cells):
        places: ClassVar[list[tuple[int, int]]] = []

        def place(self, row: int, column: int) -> None:
            self.places.append((row, column))

    Found().walk(b'<?xml version="1.0" encoding="iso-8859-1"?><sheetData><c r="B7"><v>\xe7\x94\xb2</v></c></sheetData>')
    with pytest.raises(ExpatError):
        Found().walk(b'<?xml version="1.0" encoding="iso-8859-1"?><sheetData><c r="C7"><v>\xe7</v></c></sheetData>')
    assert (7, 2) in Found.places


def test_a_part_that_nobody_reads_is_left_out() -> None:
    """However many elements it has: what pivot tables remember, or drawings."""
    (sound,) = books()["xlsx"].sounds
    memory = io.BytesIO(padded(sound))
    with zipfile.ZipFile(memory, "a", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/pivotCache/records.xml", b"<x>" + b"<a/>" * 250_000 + b"</x>")
    assert said("xlsx", sound) == said("xlsx", memory.getvalue())


def test_no_more_is_looked_at_than_in_some_seconds() -> None:
    walk = _Walk()
    walk.most = 10
    walk.walk(b"<a>" + b"<b/>" * 9 + b"</a>")
    with pytest.raises(Bomb):
        walk.walk(b"<a/>")


@pytest.mark.parametrize("most", [1, 9, 26, 99, 100, 1048, 19230, 76923, 999_999, 1_048_576])
def test_what_is_past_a_number_is_found_to_the_unit(most: int) -> None:
    pattern = re.compile(_past(most))
    some = [0, 1, most - 1, most, most + 1, 10 * most - 1, 10 * most, 2 * most, *range(0, 2_000_000, 997)]
    assert [number > most for number in some] == [pattern.fullmatch(str(number)) is not None for number in some]


@pytest.mark.parametrize("parser", ["xlsx", "worklist"])
@pytest.mark.parametrize(("old", "new"), [
    (b'<row r="1"', b"<row r='1048576'"),
    (b"</sheetData>", b'<row r="1048576"><c r="XFD1048576" s="1"/></row></sheetData>'),
    (b"<sheetData>", b"<sheetData><row" + b" " * 9000 + b"r='20001'/>"),
    (b"</sheetData>", b'<row r="1048575"/><row r="1048576" hidden="1"/></sheetData>'),
])  # fmt: skip
def test_what_is_empty_may_be_far_away(old: bytes, new: bytes, parser: str) -> None:
    """Programs write such rows and cells for their height or colour; a cell's own place goes before its row's."""
    (sound,) = books()[parser].sounds
    assert said(parser, sound)
    assert said(parser, sound) == said(parser, workbook(SHEET, old, new, parser=parser))


def test_a_long_place_is_not_kept() -> None:
    """Of a place of a hundred thousand letters nothing is remembered."""
    first, *others = (workbook(SHEET, b'r="A3"', b'r="' + b"A" * (100_000 + more) + b'3"') for more in range(4))
    said("xlsx", first)
    tracemalloc.start()
    try:
        assert [None] * 3 == [said("xlsx", bomb) for bomb in others]
        kept, _most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 100_000


def test_elements_without_end_are_no_list() -> None:
    """A sheet of 78 MB of elements that say nothing, in 76 kB, was looked at for twenty seconds."""
    bomb = workbook(SHEET, b'<row r="3" spans="1:13">', b"<row><c/>" + b"<f/>" * 4_000_000 + b'</row><row r="3">')
    with pytest.raises(DeliveryRefused) as refused:
        books()["xlsx"].read(bomb)
    assert "bomb" == refused.value.code
