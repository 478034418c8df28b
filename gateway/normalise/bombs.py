"""Workbooks that are small and would fill the memory: what they unpack to, and what their parts promise.

Takes a workbook's bytes. Refuses one that unpacks to more than any real one, that is of another kind than it says, or
of which the reader would reserve what no list has: it holds 32 bytes for each place up to the farthest cell that has
something in it, so that a few bytes of such a cell would take the process with it.

A sheet is looked at element by element only where its bytes do not show at once, by the patterns below, that it keeps
its bounds: that takes some seconds for a county's, and a twentieth of it without.
"""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from xml.parsers import expat

import polars as pl

from gateway.errors import DeliveryRefused
from gateway.model.archives import BROKEN, is_other_book, listed, stored
from gateway.model.cells import Cells
from gateway.words import _

#: Uncompressed bytes of one workbook, which are in memory once, and those of one part once more; the largest county's
#: has about 60 MB.
WORKBOOK_LIMIT = 512 * 1024**2
#: Ratio of uncompressed to compressed bytes past which a workbook is a bomb; with the same name in every cell it is 30.
RATIO_LIMIT = 100
#: Texts that a workbook may say that it has; a county's has some hundred thousand. Elements of a part without cells.
MOST_TEXTS, _MOST_ELEMENTS = 20_000_000, 10_000_000
#: Cells, filled or not, and merged ranges of one sheet; a county's list of 60 000 rows has a million cells or two.
_MOST_CELLS, _MOST_MERGED = 5_000_000, 500_000
#: Elements of a sheet that is looked at one by one: so many, and so many for each cell.
_FREE_ELEMENTS, _ELEMENTS = 1_000_000, 4
#: Places up to the last row and column: so many, as 60 000 rows to Z have, or so many for each cell.
_FREE_PLACES, _PLACES = 2_000_000, 4
#: A sheet's rows and columns: Excel's own limits.
_MOST_ROWS, _MOST_COLUMNS = 1_048_576, 16_384
#: Elements that may be open at once: its reader keeps up to 30 bytes of each. Of a part with fewer in all none is
#: counted.
_MOST_OPEN = 250_000
#: A cell with something in it, past so many columns, or past so many rows.
_FILLED = r'[<:]c r="(?:(?:%s)[0-9]+|[A-Z]+(?:%s))"(?:[^>]*[^/>])?>'
_PAST = {26: "[A-Z]{2,}", 52: "[A-Z]{3,}|[B-Z][A-Z]", 104: "[A-Z]{3,}|[D-Z][A-Z]", 702: "[A-Z]{3,}"}
#: Signs that a cell's place may be written otherwise, or that it has none and lies behind the one before it; that what
#: looks like an element, or the end of one, stands in what an element says, or in a text.
_PLACE_SIGN = r"""[<:]c(?:[>/\t\n\r\x0c]| [^r]| r[^=]| r=[^"]| r="(?:[0-9]|[A-Z]*[^A-Z0-9]|[A-Z]+[0-9]+[^0-9"]))"""
_VALUE_SIGN, _TEXT_SIGN = r"""=\s*(?:"[^"<>]*|'[^'<>]*)[<>]""", ">[^<]*>"
#: Bytes that are looked at at once.
_PIECE = 1 << 19
#: How an element begins, before its name.
_PREFIX = re.compile(rb"<(?:\w+:)?")
#: What is no element, in which the same signs may stand.
_NO_ELEMENTS = (b"<!", b"<?")
#: How many texts a part says that it has. Possessive: what may be tried again is remembered, a hundred bytes each.
_TEXTS = re.compile(rb"""sst\b(?:[^>"']++|"[^"]*+"|'[^']*+')*+""")
_COUNT = re.compile(rb"""ount\s*=\s*["'](\d{1,18})""")


def checked_workbook(content: bytes, part: str) -> tuple[io.BytesIO, bool]:
    """The workbook, as an archive of what was looked at and nothing else, and whether a sheet is not in it that does
    not keep its bounds: another one may be the list. Raises DeliveryRefused: bomb, unreadable."""
    step, without = _("请来源单位重新导出 xlsx"), []

    def look(name: str, content: bytes) -> bool:
        if _keeps_its_bounds(content):
            return True
        without.append(name)
        return False

    try:
        with listed(zipfile.ZipFile, io.BytesIO(content)) as book:
            size = sum(info.file_size for info in book.infolist())
            if size > WORKBOOK_LIMIT or size > RATIO_LIMIT * max(len(content), 1 << 16):
                raise bomb(part)
            if is_other_book(book.namelist()):
                raise _refused("unreadable", _("文件不是 xlsx 工作簿"), part, step)
            return stored(book, look), bool(without)
    except (zipfile.LargeZipFile, _Far):
        raise bomb(part) from None
    except BROKEN as fault:
        raise _refused("unreadable", _("工作簿无法打开"), part, step) from fault
    except expat.ExpatError as fault:
        raise _refused("unreadable", _("工作簿已损坏"), part, step) from fault


def bomb(part: str) -> DeliveryRefused:
    """The refusal of a workbook that would fill the memory."""
    return _refused("bomb", _("工作簿的内容异常巨大"), part, _("请来源单位检查文件后重新提供"))


def _refused(code: str, what: str, part: str, next_step: str) -> DeliveryRefused:
    return DeliveryRefused(what, where=part, next_step=next_step, code=code)


def _keeps_its_bounds(content: bytes) -> bool:
    """Whether a sheet has no cell far away, and not too many. Raises `_Far` where another part has, or says that it
    has, more than any list, ExpatError and ValueError for one that is damaged."""
    if any(int(count) > MOST_TEXTS for table in _TEXTS.findall(content) for count in _COUNT.findall(table)):
        raise _Far
    name, elements = content.find(b"sheetData"), content.count(b"<")
    if name < 0:
        if elements > _MOST_ELEMENTS:
            raise _Far
        if elements > _MOST_OPEN and _is_odd(content, content.find(b"<", 1)):  # behind its declaration
            Cells().walk(content)
        return True
    # What stands above the cells is often written otherwise.
    begin = max(content.rfind(b"<", 0, name), 0)
    prefix = content[begin:name]
    cells = content.count(prefix + b"c r=", begin)
    if cells > _MOST_CELLS or content.count(b"mergeCell", begin) > _MOST_MERGED:
        return False
    plain = _PREFIX.fullmatch(prefix) and not _is_odd(content, begin, _PLACE_SIGN)
    if plain and any(not _has(content, begin, far) for far in _far(cells)):
        return True
    try:
        _Bounds().walk(content)
    except _Far:
        return False
    return True


def _is_odd(content: bytes, begin: int, *signs: str) -> bool:
    """Whether the bytes do not show at once what is an element, or that few are open, or have one of the signs."""
    if any(content.find(sign[1:], begin) >= 0 and content.find(sign, begin) >= 0 for sign in _NO_ELEMENTS):
        return True
    if content.count(b"<") <= _MOST_OPEN:
        return _has(content, begin, _VALUE_SIGN, *signs)
    # Every element ends before the next one begins, and nothing else looks like an end.
    apart = content.count(b"<", begin) == content.count(b">", begin) and not _has(content, begin, _TEXT_SIGN)
    return not apart or _may_be_deep(content, begin) or _has(content, begin, _VALUE_SIGN, *signs)


def _has(content: bytes, begin: int, *signs: str) -> bool:
    """Whether any of the signs is in it from there on, or it is no UTF-8."""
    for start, end in _pieces(content, begin):
        try:
            # Polars is several times as fast as `re`, and works beside other threads.
            text = pl.Series([content[start:end]], dtype=pl.Binary).cast(pl.String)
        except pl.exceptions.ComputeError:
            return True
        if any(text.str.contains(sign).item() for sign in signs):
            return True
    return False


def _pieces(content: bytes, begin: int) -> Iterator[tuple[int, int]]:
    """Where each of some hundred kilobytes begins and ends: with the sign of an element, which is of both."""
    while begin < len(content):
        sign = content.find(b"<", begin + _PIECE)
        end = len(content) if sign < 0 else sign
        yield begin, end + 1
        begin = end


def _may_be_deep(content: bytes, begin: int) -> bool:
    """Whether more elements may be open at once than `_MOST_OPEN`, where no sign stands in what is none."""
    deep = content.count(b"<", 0, begin)
    for start, end in _pieces(content, begin):
        if deep > _MOST_OPEN:
            break
        begun, ended = content.count(b"<", start, end - 1), content.count(b"</", start, end)
        deep = max(deep + begun - 2 * ended - content.count(b"/>", start, end), 0)
    return deep > _MOST_OPEN


def _far(cells: int) -> Iterator[str]:
    """Patterns of filled cells that are far away in a sheet of so many cells. Where the cells of one are not in it, it
    keeps its bounds."""
    for width, past in _PAST.items():
        yield _FILLED % (past, _past(min(_places(cells) // width, _MOST_ROWS)))


def _places(cells: int) -> int:
    """Places up to the last row and column, where so many have a cell."""
    return max(_FREE_PLACES, _PLACES * cells)


def _past(most: int) -> str:
    """A pattern of numbers that are past the most."""
    digits = str(most)
    longer = f"[0-9]{{{len(digits) + 1},}}"
    larger = (
        f"{digits[:at]}[{int(digit) + 1}-9][0-9]{{{len(digits) - at - 1}}}"
        for at, digit in enumerate(digits)
        if digit != "9"
    )
    return "|".join([longer, *larger])


class _Far(Exception):
    """A cell is where no list has any, or a part has, or promises, more than any list."""


class _Bounds(Cells):
    """A sheet, element by element: raises `_Far` where a filled cell is where no list has any."""

    def __init__(self) -> None:
        super().__init__()
        #: Cells; the farthest row and column of a filled one.
        self._cells = self._last = self._widest = 0

    def element(self, kind: str, _attributes: Mapping[str, str]) -> None:
        self._cells += kind == "c"
        if self.elements > _FREE_ELEMENTS + _ELEMENTS * self._cells:
            raise _Far

    def place(self, row: int, column: int) -> None:
        self._last, self._widest = max(self._last, row), max(self._widest, column)

    def walk(self, part: bytes) -> None:
        super().walk(part)
        places = self._last * self._widest
        if self._last > _MOST_ROWS or self._widest > _MOST_COLUMNS or places > _places(self._cells):
            raise _Far
