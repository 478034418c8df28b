"""Worklists as a clerk handles them: opened with the password, filled in, saved again; nothing of ours is used."""

import io
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import msoffcrypto
from msoffcrypto.format.ooxml import OOXMLFile
from python_calamine import CalamineWorkbook

#: Row of the sheet in which the first case stands.
FIRST = 5
SHEET = "待核查"
PAGE = "xl/worksheets/sheet1.xml"


def unlocked(file: Path, password: str) -> bytes:
    """The workbook inside."""
    out, office = io.BytesIO(), msoffcrypto.OfficeFile(io.BytesIO(file.read_bytes()))
    office.load_key(password=password, verify_password=True)
    office.decrypt(out, verify_integrity=True)
    return out.getvalue()


def locked(file: Path, content: bytes, password: str) -> Path:
    """Saves a workbook under the password."""
    out = io.BytesIO()
    OOXMLFile(io.BytesIO(content)).encrypt(password, out)
    file.write_bytes(out.getvalue())
    return file


def cells(file: Path, password: str) -> list[list[str]]:
    """Every row of the list, as text."""
    book = CalamineWorkbook.from_filelike(io.BytesIO(unlocked(file, password)))
    return [[str(cell) for cell in row] for row in book.get_sheet_by_name(SHEET).to_python(skip_empty_area=False)]


def part(content: bytes, name: str) -> str:
    """A part of the workbook."""
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        return book.read(name).decode()


def edited(content: bytes, edit: Callable[[str], str], name: str = PAGE) -> bytes:
    """The workbook with one part changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as after:
        for member in before.infolist():
            data = before.read(member)
            after.writestr(member.filename, edit(data.decode()).encode() if member.filename == name else data)
    return out.getvalue()


def with_cells(content: bytes, texts: Mapping[str, str]) -> bytes:
    """The workbook with other texts in these cells (`B5`)."""

    def edit(xml: str) -> str:
        for place, text in texts.items():
            cell = f'<c r="{place}" t="inlineStr"><is><t>{text}</t></is></c>'
            xml, number = re.subn(rf'<c r="{place}"(?: [^>/]*)?(?:/>|>.*?</c>)', cell, xml)
            assert 1 == number
        return xml

    return edited(content, edit)


def filled(file: Path, password: str, answers: Mapping[int, tuple[str, str]]) -> Path:
    """The file with these answers and notes, by row of the sheet."""
    texts = {f"B{line}": answer for line, (answer, _note) in answers.items()}
    texts |= {f"C{line}": note for line, (_answer, note) in answers.items()}
    return locked(file, with_cells(unlocked(file, password), texts), password)
