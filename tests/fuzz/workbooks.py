"""Workbooks of which one part says something else, and what comes of reading them."""

import io
import zipfile
from random import Random
from xml.parsers.expat import ExpatError

from gateway.acts import sheets
from gateway.errors import GatewayError
from gateway.model.archives import BROKEN
from gateway.model.workbooks import Bomb, OtherBook, checked
from gateway.normalise import normalise
from tests.fuzz.parsers import DAY, LISTS, books

SHEET, TEXTS = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
#: As many bytes as a sheet of some thousand rows has.
LARGE = (b"<!--" + b"a" * 1000 + b"-->") * 2000


def workbook(
    member: str, old: bytes, new: bytes, *, large: bool = False, every: bool = False, parser: str = "xlsx"
) -> bytes:
    """The sound workbook, of which one member says something else, once or in `every` place."""
    (sound,) = books()[parser].sounds
    return replaced(sound, member, old, new, large=large, every=every)


def replaced(
    book: bytes, member: str, old: bytes, new: bytes, *, large: bool = False, every: bool = False
) -> bytes:
    """A workbook, of which one member says something else."""
    memory = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as sound, zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as other:
        for name in sound.namelist():
            content = sound.read(name)
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


def fault_of(book: bytes) -> Exception | None:
    """Why a workbook, or a part of it, is not for its reader."""
    try:
        return checked(book).without
    except (Bomb, OtherBook, ExpatError, *BROKEN) as fault:
        return fault


def last(place: str) -> bytes:
    """A row at the end of a sheet, of one filled cell."""
    row = "".join(letter for letter in place if letter.isdigit())
    return f'<row r="{row}"><c r="{place}"><v>1</v></c></row></sheetData>'.encode()


def said(parser: str, content: bytes) -> object:
    """What the rows of a workbook say; None where it is refused."""
    try:
        if parser == "worklist":
            return sheets.read(content)
        normal = normalise(content, LISTS["rural_revitalization"], part="part", scope="", business_date=DAY)
        return normal.entries.rows()
    except GatewayError:
        return None
