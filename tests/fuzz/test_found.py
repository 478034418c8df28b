"""What the fuzzers found, each by itself: small inputs that crashed, hung or filled a process once."""

import gzip
import io
import re
import struct
import tracemalloc
import zipfile
from pathlib import Path
from random import Random

import pytest
import python_calamine

from gateway.acts import sheets
from gateway.errors import DeliveryRefused, GatewayError, PeerBroken, SettingsFault
from gateway.mappings import MappingFiles
from gateway.normalise import normalise
from gateway.normalise.bombs import _past, checked_workbook
from gateway.settings import load_settings
from gateway.testing.site import new_site, write_site
from tests.fuzz.bounds import taken
from tests.fuzz.hunt import BOUND, LONGEST
from tests.fuzz.parsers import DAY, LISTS, PLUGINS, answers, books, headers, texts

SHEET, TEXTS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
#: As many bytes as a sheet of some thousand rows has.
LARGE = b"<!--" + b"a" * (2 << 20) + b"-->"


def workbook(
    member: str, old: bytes, new: bytes, *, large: bool = False, every: bool = False, parser: str = "xlsx"
) -> bytes:
    """The sound workbook, of which one member says something else, once or in `every` place."""
    (sound,), memory = books()[parser].sounds, io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(sound)) as book, zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as other:
        for name in book.namelist():
            content = book.read(name)
            if name == member:
                assert old in content
                content = content.replace(old, new, -1 if every else 1) + LARGE * large
            other.writestr(name, content)
    return memory.getvalue()


def padded(book: bytes) -> bytes:
    """The workbook with a picture in it, so that it does not unpack to so many times its size."""
    memory = io.BytesIO(book)
    with zipfile.ZipFile(memory, "a") as other:
        other.writestr("xl/media/image1.png", Random(1).randbytes(300_000))
    return memory.getvalue()


def last(place: str) -> bytes:
    """A row at the end of a sheet, of one filled cell."""
    row = "".join(letter for letter in place if letter.isdigit())
    return f'<row r="{row}"><c r="{place}"><v>1</v></c></row></sheetData>'.encode()


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
    "oddly", [b' s="1"r="A20001"', b' s="1"\x0cr="A20001"', b" r=A20001", b' r="A3" s="\xff"'], ids=ascii
)
def test_a_place_that_no_xml_writes_so_is_refused(oddly: bytes) -> None:
    """Whatever the reader would make of it, a large sheet that is neither as programs write it nor XML is damaged."""
    with pytest.raises(DeliveryRefused) as refused:
        books()["xlsx"].read(workbook(SHEET, b' r="A3"', oddly, large=True))
    assert "unreadable" == refused.value.code


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
    assert piece != b"<row>" or read == [None]


@pytest.mark.parametrize("piece", [
    b"<f>", b"<row>", b"<f>/>", b'<f a="</f>">', b"<f a='</f>'>", b"<f><!--</f>-->", b"<f </f>", b"<f <f/>/>",
    b'<f a="></f></f><" b="">',
])  # fmt: skip
@pytest.mark.parametrize("part", [SHEET, TEXTS])
def test_elements_that_stay_open_are_no_list(part: str, piece: bytes) -> None:
    """The reader remembers each, thirty bytes of three, whatever makes them look as if they were closed."""
    filling = piece * (12 * 2**20 // len(piece))
    bomb = padded(workbook(part, b"</sheetData>" if part == SHEET else b"</sst>", filling))

    def looked_at() -> None:
        with pytest.raises(DeliveryRefused, match="已损坏"):
            checked_workbook(bomb, "a part")

    assert taken(looked_at).mib < 2 * BOUND


@pytest.mark.parametrize(("begin", "piece", "most"), [
    (b"<sst>", b"<si/>", 10_000_000),
    (b"<sheetData/>", b'<c r="A1"/>', 5_000_000),
    (b"<sheetData/>", b'<mergeCell ref="A1:A2"/>', 500_000),
])  # fmt: skip
def test_more_than_any_list_has_is_refused(begin: bytes, piece: bytes, most: int) -> None:
    """Texts, cells and merged ranges that are there take memory as those do that are only promised."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as book:
        book.writestr("xl/part.xml", begin + piece * (most + 1))
    try:
        _book, without = checked_workbook(memory.getvalue(), "a part")
    except DeliveryRefused as refused:
        assert ("bomb", b"<si/>") == (refused.code, piece)
    else:
        assert without


@pytest.mark.parametrize("most", [1, 9, 26, 99, 100, 1048, 19230, 76923, 999_999, 1_048_576])
def test_what_is_past_a_number_is_found_to_the_unit(most: int) -> None:
    pattern = re.compile(_past(most))
    some = [0, 1, most - 1, most, most + 1, 10 * most - 1, 10 * most, 2 * most, *range(0, 2_000_000, 997)]
    assert [number > most for number in some] == [pattern.fullmatch(str(number)) is not None for number in some]


@pytest.mark.parametrize(("old", "new"), [
    (b'<row r="1"', b"<row r='1048576'"),
    (b"<sheetData>", b"<sheetData><row" + b" " * 9000 + b"r='20001'/>"),
    (b"</sheetData>", b'<row r="1048575"/><row r="1048576" hidden="1"/></sheetData>'),
])  # fmt: skip
def test_a_row_far_away_without_a_cell_is_nothing(old: bytes, new: bytes) -> None:
    """Programs write such rows for their height or colour; a cell's own place goes before its row's."""
    (sound,) = books()["xlsx"].sounds
    assert said("xlsx", sound) == said("xlsx", workbook(SHEET, old, new))


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


@pytest.mark.parametrize(("at", "number"), [(4, 1), (6, 1), (8, 0), (10, 0), (12, 0)])
@pytest.mark.parametrize("parser", ["xlsx", "worklist"])
def test_only_what_was_looked_at_is_read(parser: str, at: int, number: int) -> None:
    """Of two workbooks one behind the other, whose end is such that one reader of archives finds the first and another
    the second, none is read that was not looked at: a bomb stood before a sound one, and took the process with it."""
    (sound,) = books()[parser].sounds
    other = bytearray(sound)
    struct.pack_into("<H", other, other.rfind(b"PK\5\6") + at, number)
    first = workbook(TEXTS, "甲".encode(), "丙".encode(), parser=parser)
    read = said(parser, first + other)
    assert read is None or said(parser, sound) == read


@pytest.mark.parametrize("parser", ["xlsx", "worklist"])
def test_what_stands_before_a_workbook_is_not_read(parser: str) -> None:
    """What begins as an old Excel's file is one to who reads spreadsheets, and fills any memory; to who looks into
    archives it is nothing."""
    (sound,) = books()[parser].sounds
    assert said(parser, sound) == said(parser, old_excel() + sound)


def said(parser: str, content: bytes) -> object:
    """What the rows of a workbook say; None where it is refused."""
    try:
        if parser == "worklist":
            return sheets.read(content)
        normal = normalise(content, LISTS["rural_revitalization"], part="part", scope="", business_date=DAY)
        return normal.entries.rows()
    except GatewayError:
        return None


def old_excel() -> bytes:
    """A workbook of Excel 97 with one sheet, and in it one number: [MS-CFB] 2, [MS-XLS] 2.4."""
    begin = struct.pack("<HHHH12x", 0x0809, 16, 0x0600, 0x0005)
    sheet = struct.pack("<HHHH12x", 0x0809, 16, 0x0600, 0x0010)
    end = struct.pack("<HH", 0x000A, 0)
    name = struct.pack("<HHIHBB", 0x0085, 14, len(begin) + 18 + len(end), 0, 6, 0) + b"Sheet1"
    cell = struct.pack("<HHHHHd", 0x0203, 14, 0, 0, 0, 1.5)
    stream = (begin + name + end + sheet + cell + end).ljust(8 * 512, b"\0")
    free, last = 0xFFFFFFFF, 0xFFFFFFFE
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + struct.pack("<16xHHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<9I", 0, 1, 1, 0, 4096, last, 0, last, 0)
    table = [0xFFFFFFFD, last, *range(3, 10), last]

    def entry(of: str, kind: int, child: int, start: int, size: int) -> bytes:
        text = of.encode("utf-16-le")
        return text.ljust(64, b"\0") + struct.pack(
            "<HBBIII16x4x16xIQ", len(text) + 2, kind, 1, free, free, child, start, size
        )

    entries = entry("Root Entry", 5, 1, last, 0) + entry("Workbook", 2, free, 2, len(stream))
    return b"".join(
        [
            (head + struct.pack("<I", 0)).ljust(512, b"\xff"),
            struct.pack("<10I", *table).ljust(512, b"\xff"),
            entries.ljust(512, b"\0"),
            stream,
        ]
    )


def test_an_old_excel_file_is_one() -> None:
    """What stands before the workbook above is read by itself: it is no mere noise."""
    book = python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(old_excel()))
    assert [[1.5]] == book.get_sheet_by_name("Sheet1").to_python()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'r="A2"', b'r="A20001"'),
        (b'r="A2"', b'r="XFD2"'),
        (b"</sheetData>", (b"<row>" + b"<c/>" * 200) * 2 + b"</row>" * 2 + b"</sheetData>"),
    ],
)
def test_a_worklist_with_a_cell_far_away_is_refused(old: bytes, new: bytes) -> None:
    """As of a department's list."""
    with pytest.raises(GatewayError, match="异常巨大"):
        books()["worklist"].read(workbook(SHEET, old, new, parser="worklist"))


@pytest.mark.parametrize("way", [12, 14, 93])
@pytest.mark.parametrize("parser", ["xlsx", "worklist"])
def test_members_that_are_packed_as_no_workbook_is_are_refused(parser: str, way: int) -> None:
    """bzip2, LZMA, zstd: each has faults of its own, of which some are no archive's."""
    sound = bytearray(books()[parser].sounds[0])
    for signature, at in ((b"PK\1\2", 10), (b"PK\3\4", 8)):
        struct.pack_into("<H", sound, sound.find(signature) + at, way)
    with pytest.raises(GatewayError):
        books()[parser].read(bytes(sound))


@pytest.mark.parametrize("way", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("parser", ["xlsx", "worklist"])
def test_no_workbook_is_packed_so(parser: str, way: int) -> None:
    """Nor is one that is soundly packed in such a way: no program that fills in a sheet does."""
    memory = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(books()[parser].sounds[0])) as book, zipfile.ZipFile(memory, "w", way) as other:
        for name in book.namelist():
            other.writestr(name, book.read(name))
    assert said(parser, memory.getvalue()) is None


@pytest.mark.parametrize("parser", ["xlsx", "worklist"])
def test_cells_that_say_no_place_begin_anew_in_each_row(parser: str) -> None:
    """Three hundred rows of thirteen cells are no row of four thousand."""
    (sound,) = books()[parser].sounds
    rows = (b"<row>" + b"<c/>" * 13 + b"</row>") * 300
    read = said(parser, workbook(SHEET, b"</sheetData>", rows + b"</sheetData>", parser=parser))
    assert said(parser, sound) == read is not None


@pytest.mark.parametrize("parser", ["xlsx", "worklist"])
def test_a_name_that_grows_when_it_is_written_is_refused(parser: str) -> None:
    """A name of 30 000 bytes in an old code page has 90 000 in UTF-8, and no archive holds it."""
    memory = io.BytesIO(books()[parser].sounds[0])
    with zipfile.ZipFile(memory, "a") as book:
        book.writestr("Q" * 30_000, b"")
    with pytest.raises(GatewayError):
        books()[parser].read(memory.getvalue().replace(b"Q" * 30_000, b"\xc4" * 30_000))


@pytest.mark.parametrize("member", ["xl/workbook.bin", "content.xml"])
@pytest.mark.parametrize("parser", ["xlsx", "worklist"])
def test_a_workbook_of_another_kind_is_refused(parser: str, member: str) -> None:
    """What the reader may take for xlsb or ods, and reserve half a terabyte for, is refused: of departments as of those
    who fill in worklists."""
    memory = io.BytesIO(books()[parser].sounds[0])
    with zipfile.ZipFile(memory, "a") as book:
        book.writestr(member, b"")
    with pytest.raises(GatewayError, match="不是 xlsx"):
        books()[parser].read(memory.getvalue())


@pytest.mark.parametrize(("old", "new"), [(b"<row", b"\n <row"), (b"<c ", b"<c  "), (b' r="', b' r = "')])
def test_a_workbook_that_is_written_otherwise_is_read(old: bytes, new: bytes) -> None:
    """Blanks and lines between and within its elements change nothing of what a sheet says."""
    (sound,) = books()["xlsx"].sounds
    normal, other = (
        normalise(book, LISTS["rural_revitalization"], part="part", scope="", business_date=DAY)
        for book in (sound, workbook(SHEET, old, new, every=True))
    )
    assert normal.entries.equals(other.entries)


@pytest.mark.parametrize("filling", [b" ", b'""', b"a=''"], ids=["blanks", "quotes", "attributes"])
def test_a_tag_of_megabytes_takes_no_hundred_times_as_much(filling: bytes) -> None:
    """Two megabytes in the tag of the texts, two kilobytes packed, took 243 MB to look through."""
    bomb = workbook(TEXTS, b"<sst", b"<sst " + filling * ((2 << 20) // len(filling)))
    assert taken(lambda: said("xlsx", bomb)).mib < 2 * BOUND


@pytest.mark.parametrize("before", [b"<!--" + b"a" * 6000 + b"--><sst", b'<sst a=">"'], ids=["comment", "quoted"])
def test_more_texts_than_there_are_is_refused(before: bytes) -> None:
    """A table of texts that says it has ten thousand million of them is a bomb, whatever stands before."""
    bomb = workbook(TEXTS, b"<sst", before + b' uniqueCount="9999999999"')
    with pytest.raises(DeliveryRefused) as refused:
        books()["xlsx"].read(bomb)
    assert "bomb" == refused.value.code


def test_a_long_sheet_is_read() -> None:
    """Rows that are there are no bomb, however many."""
    rows = b"".join(b'<row r="%d"><c r="A%d"><v>1</v></c></row>' % (n, n) for n in range(4, 40_000))
    book = workbook(SHEET, b"</sheetData>", rows + b"</sheetData>")
    normal = normalise(book, LISTS["rural_revitalization"], part="part", scope="", business_date=DAY)
    assert 39_998 == normal.entries.height


@pytest.mark.parametrize("head", [b"\x1f\x8b", b"x\x01", b"x^", b"x\x9c", b"x\xda", b"\x28\xb5\x2f\xfd"])
def test_a_text_that_seems_packed_is_not_unpacked(head: bytes) -> None:
    """What the reader of tables would unpack by itself, past all bounds, is refused of the platform; a list is read as
    it stands, or refused."""
    with pytest.raises(PeerBroken):
        texts()["roster"].read(head + texts()["roster"].sounds[0])
    try:
        of_list = head + b"," + ",".join(headers("civil_affairs")).encode() + b"\n,1\n"
        normalise(of_list, LISTS["civil_affairs"], part="part", scope="", business_date=DAY)
    except DeliveryRefused as refusal:
        assert refusal.what


def test_a_bomb_within_a_packed_export_is_not_unpacked() -> None:
    """Gzip in gzip is refused before the inner one takes any memory."""
    bomb = gzip.compress(bytes(200 << 20))

    def read() -> None:
        with pytest.raises(PeerBroken):
            texts()["roster"].read(bomb)

    assert taken(read).mib < 2 * BOUND


@pytest.mark.parametrize("text", ["a = " + "1" * 5000, "a = " + "[" * 5000, 'a = "\ud800"'])
def test_toml_that_its_parser_chokes_on_is_a_fault_of_the_file(tmp_path: Path, text: str) -> None:
    """A number of five thousand digits, brackets without end: the file is named, in settings and in mappings."""
    for name in ("gateway.toml", "tax.toml"):
        (tmp_path / name).write_text(text, "utf-8", "surrogatepass")
    with pytest.raises(SettingsFault):
        load_settings(tmp_path, PLUGINS)
    with pytest.raises(SettingsFault):
        MappingFiles(tmp_path).list_mapping("tax")


def test_a_holiday_that_is_no_date_is_a_fault_of_the_file(tmp_path: Path) -> None:
    """A number where a day should be names the file."""
    (tmp_path / "holidays.toml").write_text('[2026]\nsource = "a"\noff = []\nwork = [20260104]\n', "utf-8")
    with pytest.raises(SettingsFault):
        MappingFiles(tmp_path).working_days()


def test_an_address_that_is_none_is_a_fault_of_the_file(tmp_path: Path) -> None:
    """A bracket that nobody closes, in the address of a site on trial, names the section."""
    new_site(tmp_path)
    write_site(tmp_path, {"insurance_platform": {"base": "http://127.0.0.1:1/[", "sm4_key": "00", "public_key": "0"}})
    file = tmp_path / "gateway.toml"
    file.write_text(file.read_text("utf-8").replace("http://127.0.0.1:1/[", "http://[127.0.0.1/"), "utf-8")
    with pytest.raises(SettingsFault):
        load_settings(tmp_path, PLUGINS)


@pytest.mark.parametrize("seconds", ["1e12", "1e400", "-1e12", "NaN", '"x"'])
def test_a_token_that_lasts_for_ever_is_nonsense(seconds: str) -> None:
    """A life that no calendar holds is the peer's fault, and no crash."""
    with pytest.raises(PeerBroken):
        answers()["token"].read(b'{"access_token": "t", "expires_in": %s}' % seconds.encode())


@pytest.mark.parametrize("half", [b"\xed\xa0\x80", rb"\ud800"], ids=["bytes", "escaped"])
@pytest.mark.parametrize("answer", ["envelope", "page"])
def test_half_a_character_in_an_answer_is_nonsense(answer: str, half: bytes) -> None:
    """Half of a pair where a seal should be: no signature can be over it, and nothing crashes for it."""
    parser = answers()[answer]
    field = {"envelope": b'"encData": "', "page": b'"data": "'}[answer]
    assert field in parser.sounds[0]
    with pytest.raises(PeerBroken):
        parser.read(parser.sounds[0].replace(field, field + half))


@pytest.mark.parametrize("half", [b"\xed\xa0\x80", rb"\ud800"], ids=["bytes", "escaped"])
@pytest.mark.parametrize("part", ["json", "manifest"])
def test_half_a_character_in_a_part_is_nonsense(part: str, half: bytes) -> None:
    """In a value or in a name: nothing could be made of it later."""
    parser = texts()[part]
    (sound, *_more) = parser.sounds
    for text in (b'": "', b', "'):
        assert text in sound
        with pytest.raises(DeliveryRefused):
            parser.read(sound.replace(text, text + half, 1))


@pytest.mark.parametrize("piece", [b"[],", b"{},", b'{"a":[' * 900])
def test_json_that_grows_when_it_is_read(piece: bytes) -> None:
    """A part of a quarter of a megabyte that is nothing but brackets takes no more than its share."""
    bomb = b"[" + (piece * (1 << 18))[: 1 << 18] + b"0]"

    def read() -> None:
        try:
            texts()["json"].read(bomb)
        except GatewayError as refusal:
            assert refusal.what

    took = taken(read)
    assert (took.seconds < LONGEST, took.mib < 2 * BOUND) == (True, True)
