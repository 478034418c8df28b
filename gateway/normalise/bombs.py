"""Workbooks that are small and would fill the memory: what they unpack to, and what their parts promise.

Takes a workbook's bytes. Refuses one that unpacks to more than any real one, that is of another kind than it says, or
of which the reader would reserve what no list has: it holds 32 bytes for each place up to the farthest cell, so that a
few bytes of such a cell would take the process with it.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from xml.parsers import expat

import polars as pl

from gateway.errors import DeliveryRefused
from gateway.model.archives import BROKEN, is_other_book, listed, stored
from gateway.model.cells import Cells
from gateway.words import _

#: Uncompressed bytes of one workbook, which are in memory once, and those of one part three times more; the largest
#: county's has about 60 MB.
WORKBOOK_LIMIT = 512 * 1024**2
#: Ratio of uncompressed to compressed bytes past which a workbook is a bomb; real ones reach about 40.
RATIO_LIMIT = 500
#: Texts of one workbook; a county's has some hundred thousand.
MOST_TEXTS = 20_000_000
#: Rows of a sheet: Excel's own limit.
MOST_ROWS = 1_048_576
#: Columns that a list may have: CZ. Past Z only so many rows.
_MOST_COLUMNS, _NARROW, _ROWS_IF_WIDE = 104, 26, 99_999
#: Elements of a sheet that is looked at one by one, in some seconds; a county's list of 60 000 rows has three million.
_MOST_ELEMENTS = 4_000_000
#: Rows that a sheet may have whatever stands in it; a longer one has at least half as many rows and cells.
_FREE_ROWS = 10_000
#: Places, filled or not, of which its reader keeps 32 bytes each: so many, as 60 000 rows to Z have, or so many for
#: each cell.
_FREE_PLACES, _PLACES = 2_000_000, 4
#: Places past Z, or past the rows that are filled in: none of them, and a sheet need not be looked at one by one.
_FAR_PLACE = r"(?:[A-Z]{2,}[0-9]|[A-Z]?%s)"
#: A far place as every office program writes it, or one in small letters.
_USUAL = r'\br="(?:[A-Z]*[a-z]|%s)'
#: Elements that may be open at once: its reader keeps up to 30 bytes of each. Of a part with fewer in all none is
#: counted.
_MOST_OPEN = 250_000
#: Signs that what looks like an element, or the end of one, stands in a text or in what an element says.
_TAG_SIGNS = (">[^<]*>", '="[^"<>]*[<>]')
#: Bytes that are looked at at once.
_PIECE = 1 << 19
#: A sign that places may be written otherwise; one that a cell has none, and lies behind the one before it. Each is
#: searched by itself, at the speed of a literal.
_ODD_SIGN, _PLACE_SIGN = r"""='|= | =|[\t\n\r\x0c]""", "[<:]c(?:[>/]| [^r]| r[^=])"
#: How an element begins, before its name.
_PREFIX = re.compile(rb"<(?:\w+:)?")
#: What is no element, in which the same signs may stand.
_NO_ELEMENTS = (b"<!", b"<?")
#: How many texts a part says that it has. Possessive: what may be tried again is remembered, a hundred bytes each.
_TEXTS = re.compile(rb"""sst\b(?:[^>"']++|"[^"]*+"|'[^']*+')*+""")
_COUNT = re.compile(rb"""ount\s*=\s*["'](\d{1,18})""")


def checked_workbook(content: bytes, part: str) -> io.BytesIO:
    """The workbook, as an archive of what was looked at and nothing else. Raises DeliveryRefused: bomb, unreadable."""
    step = _("请来源单位重新导出 xlsx")
    try:
        with listed(zipfile.ZipFile, io.BytesIO(content)) as book:
            size = sum(info.file_size for info in book.infolist())
            if size > WORKBOOK_LIMIT or size > RATIO_LIMIT * max(len(content), 1 << 16):
                raise _refused("bomb", _("工作簿解压后异常巨大"), part, _("请来源单位检查文件后重新提供"))
            if is_other_book(book.namelist()):
                raise _refused("unreadable", _("文件不是 xlsx 工作簿"), part, step)
            return stored(book, _keeps_its_bounds)
    except (zipfile.LargeZipFile, _Far):
        raise _refused("bomb", _("工作簿的内容异常巨大"), part, _("请来源单位检查文件后重新提供")) from None
    except BROKEN as fault:
        raise _refused("unreadable", _("工作簿无法打开"), part, step) from fault
    except expat.ExpatError as fault:
        raise _refused("unreadable", _("工作簿已损坏"), part, step) from fault


def _refused(code: str, what: str, part: str, next_step: str) -> DeliveryRefused:
    return DeliveryRefused(what, where=part, next_step=next_step, code=code)


def _keeps_its_bounds(_name: str, content: bytes) -> None:
    """Raises `_Far` where a workbook's part has a cell far away, or says that it has more texts than any list. Where
    the bytes do not plainly show that it has none, and that few elements are open at once, it is looked at one by one.
    """
    if any(int(count) > MOST_TEXTS for table in _TEXTS.findall(content) for count in _COUNT.findall(table)):
        raise _Far
    cells = content.find(b"sheetData")
    many = content.count(b"<") > _MOST_OPEN
    if cells < 0 and not many:
        return
    # What stands above the cells is often written otherwise; elsewhere that is a line.
    begin = cells if cells > 0 else max(content.find(b"<", 1), 0)
    signs = (_ODD_SIGN, *_TAG_SIGNS * many, *(_PLACE_SIGN, _far(content, begin)) * (cells >= 0))
    if (
        any(content.find(sign[1:], begin) >= 0 and content.find(sign, begin) >= 0 for sign in _NO_ELEMENTS)
        or (many and _may_be_deep(content, begin))
        or any(_has(content[start:end], signs) for start, end in _pieces(content, begin))
    ):
        _Bounds().walk(content)


def _pieces(content: bytes, begin: int) -> Iterator[tuple[int, int]]:
    """Where each of some hundred kilobytes begins and ends: with the sign of an element, which is of both."""
    while begin < len(content):
        sign = content.find(b"<", begin + _PIECE)
        end = len(content) if sign < 0 else sign
        yield begin, end + 1
        begin = end


def _has(piece: bytes, signs: Iterable[str]) -> bool:
    """Whether any of the signs is in it, or it is no UTF-8."""
    try:
        # Polars is several times as fast as `re`, and works beside other threads.
        text = pl.Series([piece], dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.ComputeError:
        return True
    return any(text.str.contains(sign).item() for sign in signs)


def _may_be_deep(content: bytes, begin: int) -> bool:
    """Whether more elements may be open at once than `_MOST_OPEN`, where no sign stands in what is none."""
    deep = content.count(b"<", 0, begin)
    for start, end in _pieces(content, begin):
        if deep > _MOST_OPEN:
            break
        begun, ended = content.count(b"<", start, end - 1), content.count(b"</", start, end)
        deep = max(deep + begun - 2 * ended - content.count(b"/>", start, end), 0)
    return deep > _MOST_OPEN


def _far(content: bytes, begin: int) -> str:
    """A pattern of places past those that a sheet of so many rows and cells may have; any place at all where rows are
    empty. Their elements begin as that which they lie in does, from whose name on the sheet is given."""
    sign = content[max(content.rfind(b"<", 0, begin), 0) : begin]
    rows, cells = content.count(sign + b"row", begin), content.count(sign + b"c r=", begin)
    if rows > cells or not _PREFIX.fullmatch(sign):
        return ""
    return _USUAL % (_FAR_PLACE % _past(min(_most(rows, cells), _places(cells) // _NARROW)))


def _most(rows: int, cells: int) -> int:
    """Rows up to which cells may lie, where the sheet has so many elements for rows, and cells."""
    return min(max(_FREE_ROWS, 2 * min(rows, cells)), MOST_ROWS)


def _places(cells: int) -> int:
    """Places up to the last row and column, where so many have a cell."""
    return max(_FREE_PLACES, _PLACES * cells)


def _past(most: int) -> str:
    """A pattern of numbers that are past the most, by their first digit and their length."""
    digits = str(most)
    longer = f"[0-9]{{{len(digits) + 1},}}"
    return longer if digits[0] == "9" else f"(?:{longer}|[{int(digits[0]) + 1}-9][0-9]{{{len(digits) - 1}}})"


class _Far(Exception):
    """A cell is where no list has any, or a part has, or promises, more than any list."""


class _Bounds(Cells):
    """A sheet, element by element: raises `_Far` where a cell is where no list has any."""

    def __init__(self) -> None:
        super().__init__()
        #: Elements that are rows, and cells; the farthest row and column of a cell.
        self._rows = self._cells = self._last = self._widest = 0

    def element(self, kind: str, _attributes: Mapping[str, str]) -> None:
        self._rows += kind == "row"
        if self.elements > _MOST_ELEMENTS:
            raise _Far

    def place(self, row: int, column: int) -> None:
        if not column:  # a row without a cell takes nothing
            return
        self._cells += 1
        self._last, self._widest = max(self._last, row), max(self._widest, column)
        if column > _MOST_COLUMNS or row > (_ROWS_IF_WIDE if column > _NARROW else MOST_ROWS):
            raise _Far

    def walk(self, part: bytes) -> None:
        super().walk(part)
        if self._last > _most(self._rows, self._cells) or self._last * self._widest > _places(self._cells):
            raise _Far
