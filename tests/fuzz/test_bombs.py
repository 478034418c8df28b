"""What is small and becomes large, and what leads out of its place: one table, each refused in time and in bounds."""

import gzip
import io
import os
import stat
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest

from gateway.acts import sheets
from gateway.errors import GatewayError, NotAllowed
from gateway.model.archives import LIST_LIMIT
from gateway.pipeline.bring import opened
from gateway.pipeline.platform import gunzip
from gateway.plugin.forms import csv_receipt, sheet_receipt
from tests.fuzz import parsers as those
from tests.fuzz.bounds import taken
from tests.fuzz.damage import aes
from tests.fuzz.hunt import BOUND, LONGEST
from tests.fuzz.parsers import Parser
from tests.fuzz.workbooks import SHEET, workbook

LIMIT = 32 << 20
LAUGHS = b"<!DOCTYPE x [" + b"".join(
    b"<!ENTITY a%d '%s'>" % (n + 1, b"&a%d;" % n * 10) for n in range(12)
) + b"]>"  # fmt: skip
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠1", "=cmd|' /C calc'!A0"]


@pytest.fixture(scope="module")
def reads(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, Parser]]:
    """What reads somebody else's bytes."""
    with those.opened(tmp_path_factory.mktemp("bombs")) as found:
        yield found


def zipped(*members: tuple[str, bytes], mode: int = 0, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An open archive."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", method) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = mode << 16, method
            archive.writestr(info, content)
    return memory.getvalue()


def lying(archive: bytes) -> bytes:
    """The archive, whose directory says that each member is small."""
    data, at = bytearray(archive), archive.find(b"PK\x01\x02")
    while at >= 0:
        data[at + 24 : at + 28] = (100).to_bytes(4, "little")
        at = data.find(b"PK\x01\x02", at + 4)
    return bytes(data)


def crowded() -> bytes:
    """An archive with more members than a list of members may have bytes for."""
    return zipped(*((f"{n:06d}.csv", b"") for n in range(LIST_LIMIT // 56 + 100)))


def in_sheet(content: bytes) -> bytes:
    return zipped((SHEET, content))


#: What it is → (who reads it, its bytes, the code or class of the refusal).
BOMBS: Mapping[str, tuple[str, Callable[[], bytes], str]] = {
    "zip: unpacks to more": ("zip", lambda: zipped(("list.csv", bytes(40 << 20))), "bomb"),
    "zip: unpacks to more than it says": (
        "zip", lambda: lying(zipped(("list.csv", bytes(8 << 20)))), "bomb bad_archive"),
    "zip: too many members": ("zip", lambda: zipped(*((f"{n}.csv", b"") for n in range(201))), "bomb"),
    "zip: a list of members without end": ("zip", crowded, "bomb"),
    "zip: bzip2": ("zip", lambda: zipped(("list.csv", b"a"), method=zipfile.ZIP_BZIP2), "bad_archive"),
    "aes: unpacks to more": ("aes", lambda: aes({"list.csv": bytes(40 << 20)}), "bomb"),
    "stick: unpacks to more": ("import zip", lambda: aes({"list.csv": bytes(40 << 20)}), "bomb"),
    "stick: a list of members without end": ("import zip", crowded, "bomb"),
    "xlsx: unpacks to more": ("xlsx", lambda: in_sheet(bytes(40 << 20)), "bomb"),
    "xlsx: a list of members without end": ("xlsx", crowded, "bomb"),
    "xlsx: a cell far away": ("xlsx", lambda: workbook(SHEET, b'r="A3"', b'r="A4294967295"'), "bomb"),
    "xlsx: laughs": (
        "xlsx", lambda: workbook(SHEET, b"<worksheet", LAUGHS + b"<worksheet"), "unreadable missing_column read"),
    "worklist: laughs": (
        "worklist",
        lambda: workbook(SHEET, b"<worksheet", b"<!DOCTYPE x><worksheet", parser="worklist"),
        "NotAllowed",
    ),
    "worklist: a list of members without end": ("worklist", crowded, "NotAllowed"),
    "worklist: unpacks to more": ("worklist", lambda: in_sheet(bytes(129 << 20)), "NotAllowed"),
    "json: depth": ("json", lambda: b"[" * 200_000, "unreadable"),
    "json: a number without end": ("json", lambda: b"[" + b"9" * 200_000 + b"]", "unreadable"),
    "manifest: depth": ("manifest", lambda: b'{"a":' * 100_000, "bad_manifest"),
    "answer: depth": ("envelope", lambda: b"[" * 200_000, "PeerUnreachable PeerBroken"),
    "gzip: unpacks to more": ("gzip", lambda: gzip.compress(bytes(LIMIT + 1)), "PeerBroken"),
    "gzip: in gzip": ("roster", lambda: gzip.compress(bytes(200 << 20)), "PeerBroken"),
    "zip: a way up": ("zip", lambda: zipped(("../list.csv", b"")), "bad_archive"),
    "zip: a way from the top": ("zip", lambda: zipped(("/etc/passwd", b"")), "bad_archive"),
    "zip: a way up in Windows": ("zip", lambda: zipped(("..\\list.csv", b"")), "bad_archive"),
    "zip: a drive": ("zip", lambda: zipped(("C:list.csv", b"")), "bad_archive"),
    "zip: a link": ("zip", lambda: zipped(("list.csv", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777), "bad_archive"),
    "stick: a link in the archive": (
        "import zip", lambda: zipped(("list.csv", b"/etc/passwd"), mode=stat.S_IFLNK | 0o777), "bad_archive"),
    "stick: a way up": ("import zip", lambda: aes({"../list.csv": b"x"}), "bad_archive"),
}  # fmt: skip


@pytest.mark.parametrize("what", BOMBS)
def test_a_bomb_is_refused(reads: Mapping[str, Parser], what: str) -> None:
    """Each is refused by its name, within two seconds and twice the memory that an input of its size may take."""
    reader, make, codes = BOMBS[what]
    bomb, ended = make(), list[str]()
    with suppress(GatewayError):  # what is loaded once is nobody's
        reads[reader].read(reads[reader].sounds[0])

    def read() -> None:
        try:
            reads[reader].read(bomb)
            ended.append("read")
        except GatewayError as refusal:
            ended.append(refusal.code or type(refusal).__name__)

    took = taken(read)
    assert ended[0] in codes.split(), (ended, codes)
    assert took.seconds < LONGEST
    assert took.mib < 2 * BOUND


@pytest.mark.parametrize("kind", ["link", "link to a folder", "pipe", "device", "folder"])
def test_what_is_no_file_on_a_stick_is_refused(tmp_path: Path, kind: str) -> None:
    """A link, a pipe, a device or a folder in a list's place is refused at once, and nothing is read through it."""
    path, secret = tmp_path / "list.csv", tmp_path / "secret.csv"
    secret.write_bytes(b"secret")
    match kind:
        case "link":
            path.symlink_to(secret)
        case "link to a folder":
            path.symlink_to(tmp_path)
        case "pipe":
            os.mkfifo(path)
        case "device":
            path = Path("/dev/zero")
        case _:
            path.mkdir()
    with pytest.raises(NotAllowed):
        opened(path)


def test_a_file_of_more_than_any_list_is_refused(tmp_path: Path) -> None:
    """Bytes without end on a stick are refused before the first is copied."""
    path = tmp_path / "list.csv"
    with path.open("wb") as file:
        file.truncate((4 << 30) + 1)
    with pytest.raises(NotAllowed):
        opened(path)


@pytest.mark.parametrize("formula", FORMULAS)
def test_a_formula_leaves_as_text(formula: str) -> None:
    """What a spreadsheet would carry out stands behind a quote in receipts and in worklists."""
    rows = pl.DataFrame({"a": [formula], "b": ["甲"]})
    cell = csv_receipt(["甲", "乙"], rows).decode("gb18030").split("\r\n", 1)[1]
    assert cell.lstrip('"').startswith("'")
    with zipfile.ZipFile(io.BytesIO(sheet_receipt("一", ["甲", "乙"], rows))) as book:
        sheet, texts = book.read("xl/worksheets/sheet1.xml"), book.read("xl/sharedStrings.xml").decode()
    assert b"<f>" not in sheet
    assert "<t>'" in texts or '<t xml:space="preserve">\'' in texts
    (shown,) = sheets.safe([formula])
    assert shown[:1] not in {one[:1] for one in FORMULAS}


def test_an_export_is_unpacked_to_its_limit_and_no_further() -> None:
    """What is just within the limit is whole."""
    assert LIMIT == len(gunzip(gzip.compress(bytes(LIMIT)), "x", LIMIT))
