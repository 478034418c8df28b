"""What the fuzzers found, each by itself: small inputs that crashed, hung or filled a process once."""

import gzip
import io
import struct
import zipfile
import zlib
from pathlib import Path

import pytest
import python_calamine

from gateway.errors import DeliveryRefused, GatewayError, PeerBroken, SettingsFault
from gateway.mappings import MappingFiles
from gateway.normalise import normalise
from gateway.settings import load_settings
from gateway.testing.site import new_site, write_site
from tests.fuzz.bounds import taken
from tests.fuzz.hunt import BOUND, LONGEST
from tests.fuzz.parsers import DAY, LISTS, PLUGINS, answers, books, headers, texts
from tests.fuzz.workbooks import SHEET, TEXTS, padded, replaced, said, workbook


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


@pytest.mark.parametrize("parser", ["xlsx", "worklist"])
def test_a_member_is_unpacked_as_far_as_it_says(parser: str) -> None:
    """One that says that it has a hundred bytes, and has two hundred million, took as many."""
    (sound,) = books()[parser].sounds
    memory, picture = io.BytesIO(sound), b"xl/media/image1.png"
    with zipfile.ZipFile(memory, "a", zipfile.ZIP_DEFLATED) as book:
        book.writestr(picture.decode(), bytes(200 << 20))
    lying = bytearray(memory.getvalue())
    for place, at in ((lying.index(picture) - 30, 14), (lying.rindex(picture) - 46, 16)):
        struct.pack_into("<I", lying, place + at, zlib.crc32(bytes(100)))
        struct.pack_into("<I", lying, place + at + 8, 100)
    read = []
    assert taken(lambda: read.append(said(parser, bytes(lying)))).mib < 2 * BOUND
    assert [said(parser, sound)] == read


def test_a_worklist_whose_cells_share_a_long_text_is_refused() -> None:
    """It is copied for each of them: twelve kilobytes were the end of the process."""
    (sound,) = books()["worklist"].sounds
    long = replaced(sound, TEXTS, b"</sst>", b"<si><t>" + b"a" * 100_000 + b"</t></si></sst>")
    with zipfile.ZipFile(io.BytesIO(sound)) as book:
        number = book.read(TEXTS).count(b"<si>")
    rows = b"".join(b'<row r="%d"><c r="A%d" t="s"><v>%d</v></c></row>' % (row, row, number) for row in range(10, 2010))
    with pytest.raises(GatewayError, match="异常巨大"):
        books()["worklist"].read(padded(replaced(long, SHEET, b"</sheetData>", rows + b"</sheetData>")))


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
        (b'r="A2"', b'r="A1048576"'),
        (b'r="A2"', b'r="XFD999"'),
        (b"</sheetData>", (b"<row>" + b"<c/>" * 9000) * 2 + b"<c><v>1</v></c>" + b"</row>" * 2 + b"</sheetData>"),
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
