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
WORKBOOK_LIMIT = 256 * 1024**2
#: Ratio of uncompressed to compressed bytes past which a workbook is a bomb; with the same name in every cell it is 30.
RATIO_LIMIT = 100
#: Filled cells and merged ranges of one sheet; a county's list of 60 000 rows has a million cells or two.
_MOST_CELLS, _MOST_MERGED = 5_000_000, 500_000
#: Bytes of the texts that all cells of a sheet share: its reader copies them, and Python makes up to four of each.
_MOST_COPIED = 192 * 1024**2
#: Texts that a workbook may say that it has; a county's has some hundred thousand.
_MOST_TEXTS = 20_000_000
#: Signs of elements, which begin or end there, in a sheet; in the part with the texts; and in any other.
_MOST_SIGNS, _MOST_OF_TEXTS, _MOST_OF_OTHERS = 25_000_000, 6_000_000, 250_000
#: Elements that are looked at one by one, in all parts: about a second for a million. So many at most, and no more than
#: so many and some for each byte of the workbook; real ones have one for each at most.
_MOST_WALKED, _FREE_WALKED, _WALKED = 12_000_000, 1_000_000, 3
#: Elements that may be open at once: its reader keeps up to 30 bytes of each.
_MOST_OPEN = 250_000
#: Places up to the last row and column: so many, as 60 000 rows to Z have, or so many for each filled cell; at most.
_FREE_PLACES, _PLACES, _MOST_PLACES = 2_000_000, 4, 10_000_000
#: A sheet's rows and columns: Excel's own limits.
_MOST_ROWS, _MOST_COLUMNS = 1_048_576, 16_384
#: An element that begins or ends, as programs write them; none of their signs stands anywhere else then. Each cell says
#: its place first: it may also be written otherwise, or not at all, and lies behind the one before it then.
_CELL, _OTHER = 'c r="[A-Z]+[0-9]+"', "(?:[A-Zabd-z0-9][A-Za-z0-9]*|c[A-Za-z0-9]+)"
_ELEMENT = (
    f"<(?:/(?:[A-Za-z0-9]+:)?[A-Za-z0-9]+|(?:[A-Za-z0-9]+:)?(?:{_CELL}|{_OTHER})"
    r'(?: [A-Za-z0-9:._-]+="[^"<>]*")* ?/?)>'
)
#: A cell with something in it, past so many columns, or past so many rows.
_FILLED = r'[<:]c r="(?:(?:%s)[0-9]+|[A-Z]+(?:%s))"(?:[^>]*[^/>])?>'
_PAST = {26: "[A-Z]{2,}", 52: "[A-Z]{3,}|[B-Z][A-Z]", 104: "[A-Z]{3,}|[D-Z][A-Z]", 702: "[A-Z]{3,}"}
#: A cell that may have something in it; and one with the number of a text.
_FULL, _NUMBERED = r'[<:]c r="[A-Z]+[0-9]+"(?:[^>]*[^/>])?>', r't="s"(?: [^<>]*)?><(?:[A-Za-z0-9]+:)?v>[0-9]+<'
#: Bytes that are looked at at once; and so many without any element are no list's: a cell has 32 767 characters.
_PIECE, _NO_PIECE = 1 << 19, 1 << 17
#: How an element begins, before its name.
_PREFIX = re.compile(rb"<(?:[A-Za-z0-9]+:)?")
#: Signs of texts; how many a part says that it has. Possessive: what may be tried again is remembered, a hundred bytes
#: each.
_OF_TEXTS = (b"sst", b"si>", b"si/>")
_TEXTS = re.compile(rb"""sst\b(?:[^>"']++|"[^"]*+"|'[^']*+')*+""")
_COUNT = re.compile(rb"""ount\s*=\s*["'](\d{1,18})""")
#: Where a text begins and ends, in a plain part; and what is no text.
_TEXT_BEGINS = re.compile(rb"<(?:[A-Za-z0-9]+:)?si(?: [^<>]*)?(?<!/)>")
_TAGS = re.compile(rb"<[^<>]*>")
_TEXT_ENDS = re.compile(rb"<(?:/(?:[A-Za-z0-9]+:)?si|(?:[A-Za-z0-9]+:)?si(?: [^<>]*)?/)>")


def checked_workbook(content: bytes, part: str) -> tuple[io.BytesIO, bool]:
    """The workbook, as an archive of what was looked at and nothing else, and whether a part is not in it that does
    not keep its bounds: another one may be the list. Raises DeliveryRefused: bomb, unreadable."""
    step = _("请来源单位重新导出 xlsx")
    looked = _Looked(min(_MOST_WALKED, _FREE_WALKED + _WALKED * len(content)))
    try:
        with listed(zipfile.ZipFile, io.BytesIO(content)) as book:
            size = sum(info.file_size for info in book.infolist())
            if size > WORKBOOK_LIMIT or size > RATIO_LIMIT * max(len(content), 1 << 16):
                raise bomb(part)
            if is_other_book(book.namelist()):
                raise _refused("unreadable", _("文件不是 xlsx 工作簿"), part, step)
            stream = stored(book, looked.at)
        if looked.copies_too_much(stream):
            raise bomb(part)
    except (zipfile.LargeZipFile, _Far):
        raise bomb(part) from None
    except BROKEN as fault:
        raise _refused("unreadable", _("工作簿无法打开"), part, step) from fault
    except expat.ExpatError as fault:
        raise _refused("unreadable", _("工作簿已损坏"), part, step) from fault
    return stream, looked.without


def bomb(part: str) -> DeliveryRefused:
    """The refusal of a workbook that would fill the memory."""
    return _refused("bomb", _("工作簿的内容异常巨大"), part, _("请来源单位检查文件后重新提供"))


def _refused(code: str, what: str, part: str, next_step: str) -> DeliveryRefused:
    return DeliveryRefused(what, where=part, next_step=next_step, code=code)


class _Looked:
    """What was seen of a workbook's parts, one by one."""

    def __init__(self, walks: int) -> None:
        #: Whether a part was left out.
        self.without = False
        #: Elements that may still be looked at one by one.
        self._walks = walks
        #: A part's texts, and whether they can be told apart.
        self._texts: list[tuple[list[bytes], bool]] = []
        #: By the sheet's name, cells that share a text with others, and whether they are no more than that at most.
        self._sharing: dict[str, tuple[int, bool]] = {}

    def at(self, name: str, content: bytes) -> bool:
        """Whether a part keeps its bounds; one that does not is missed by whoever needs it. Raises ExpatError and
        ValueError where a part is damaged."""
        signs, sheet = content.count(b"<"), b"sheetData" in content
        # Texts are read from a part of this name, whatever else it is.
        texts = "sharedstrings" in name.lower() or (not sheet and any(sign in content for sign in _OF_TEXTS))
        most = _MOST_SIGNS if sheet else _MOST_OF_TEXTS if texts else _MOST_OF_OTHERS
        try:
            kept = signs <= most
            if kept and (sheet or texts):
                kept = all(end - begin <= _PIECE + _NO_PIECE for begin, end in _pieces(content, 0))
            kept = kept and (not texts or self._are_texts(content, signs))
            kept = kept and (not sheet or self._sheet(name, content, signs))
        except _Far:
            kept = False
        self.without |= not kept
        return kept

    def copies_too_much(self, stream: io.BytesIO) -> bool:
        """Whether cells that share long texts come to more than any list."""
        whole = max((len(text) for texts, _told in self._texts for text in texts), default=0)
        for name, (sharing, at_most) in self._sharing.items():
            if whole * sharing <= _MOST_COPIED:
                continue
            with zipfile.ZipFile(stream) as book:
                sheet = book.read(name)
            shared = sheet.count(b't="s"') if at_most else sharing
            if whole * shared > _MOST_COPIED and self._copied(sheet, shared) > _MOST_COPIED:
                return True
        stream.seek(0)
        return False

    def _copied(self, sheet: bytes, shared: int) -> int:
        """Bytes of the texts of cells that share them: so many, each the longest where it cannot be seen."""
        found, copied = 0, [0] * len(self._texts)
        tables = [
            pl.Series([len(_TAGS.sub(b"", text)) for text in texts], dtype=pl.Int64) for texts, _told in self._texts
        ]
        longest = max(int(table[at]) for table in tables if (at := table.arg_max()) is not None)
        for start, end in () if _has_others(sheet, sheet.find(b"<", 1)) else _pieces(sheet, 0):
            text = pl.Series([sheet[start:end].decode(errors="replace")])
            numbers = text.str.extract_all(_NUMBERED).explode().str.extract(">([0-9]+)<").cast(pl.Int64, strict=False)
            numbers = numbers.drop_nulls()
            found += numbers.len()
            for at, (table, (_texts, told)) in enumerate(zip(tables, self._texts, strict=True)):
                known = numbers.filter(numbers < table.len()) if told else numbers.clear()
                copied[at] += int(table.gather(known).sum()) + longest * (numbers.len() - known.len())
        return max(copied, default=0) + longest * max(shared - found, 0)

    def _are_texts(self, content: bytes, signs: int) -> bool:
        if any(int(count) > _MOST_TEXTS for table in _TEXTS.findall(content) for count in _COUNT.findall(table)):
            return False
        plain = _is_plain(content, content.find(b"<", 1), signs)  # behind its declaration
        if not plain:
            self._walk(_Walk(), content)
        texts = _TEXT_ENDS.split(content) if plain else [content]
        told = plain and all(len(_TEXT_BEGINS.findall(text)) <= 1 for text in texts)
        self._texts.append((texts, told))
        return True

    def _sheet(self, name: str, content: bytes, signs: int) -> bool:
        at = content.find(b"sheetData")
        begin = max(content.rfind(b"<", 0, at), 0)  # what stands above the cells is often written otherwise
        prefix = content[begin:at]
        if content.count(b"mergeCell") > _MOST_MERGED:
            return False
        if _PREFIX.fullmatch(prefix) and _is_plain(content, begin, signs):
            # A filled one takes three signs at least; most sheets have no cell that is far for any.
            few = signs <= 3 * _MOST_CELLS
            if few and not _has(content, begin, next(_far(0))):
                self._sharing[name] = signs // 3, True
                return True
            end = content.find(b"sheetData", at + 1)
            filled = sum(_counted(content[b : e - 1], _FULL) for b, e in _pieces(content[:end], begin))
            if filled > _MOST_CELLS:
                return False
            if any(not _has(content, begin, far) for far in _far(filled)):
                self._sharing[name] = signs // 3, True
                return True
        bounds = _Bounds()
        try:
            self._walk(bounds, content)
        except _Far:
            return False
        self._sharing[name] = bounds.sharing, False
        return True

    def _walk(self, walk: "_Walk", content: bytes) -> None:
        walk.most = self._walks
        try:
            walk.walk(content)
        finally:
            self._walks -= walk.elements


def _has_others(content: bytes, begin: int) -> bool:
    """Whether there is from there on what is no element and no text: comments, and what else may hide either."""
    return any(content.find(sign[1:], begin) >= 0 and content.find(sign, begin) >= 0 for sign in (b"<!", b"<?"))


def _is_plain(content: bytes, begin: int, signs: int) -> bool:
    """Whether from there on the bytes show at once what is an element, and that few are open."""
    begun = content.count(b"<", max(begin, 0))
    if begin < 0 or begun != sum(_counted(content[b : e - 1], _ELEMENT) for b, e in _pieces(content, begin)):
        return False
    # What stands in a text may look like the end of an element that has nothing in it.
    return signs <= _MOST_OPEN or not _is_deep(content, begin, empty=begun == content.count(b">", begin))


def _counted(piece: bytes, sign: str) -> int:
    """How often the sign is in it: never, where it is no UTF-8."""
    # Polars is several times as fast as `re`, and works beside other threads.
    try:
        text = pl.Series([piece], dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.ComputeError:
        return 0
    return int(text.str.count_matches(sign).item())


def _has(content: bytes, begin: int, sign: str) -> bool:
    """Whether the sign is in plain content from there on."""
    pieces = (pl.Series([content[start:end]], dtype=pl.Binary) for start, end in _pieces(content, begin))
    return any(piece.cast(pl.String).str.contains(sign).item() for piece in pieces)


def _pieces(content: bytes, begin: int) -> Iterator[tuple[int, int]]:
    """Where each of some hundred kilobytes begins and ends: with the sign of an element, which is of both."""
    while begin < len(content):
        sign = content.find(b"<", begin + _PIECE)
        end = len(content) if sign < 0 else sign
        yield begin, end + 1
        begin = end


def _is_deep(content: bytes, begin: int, *, empty: bool) -> bool:
    """Whether more elements may be open at once than `_MOST_OPEN`, in plain content; whether `empty` ones are told."""
    deep = content.count(b"<", 0, begin)
    for start, end in _pieces(content, begin):
        if deep > _MOST_OPEN:
            break
        begun, ended = content.count(b"<", start, end - 1), content.count(b"</", start, end)
        deep += begun - 2 * ended - (content.count(b"/>", start, end) if empty else 0)
    return deep > _MOST_OPEN


def _far(filled: int) -> Iterator[str]:
    """Patterns of filled cells that are far away in a sheet of so many. Where the cells of one are not in it, it keeps
    its bounds."""
    for width, past in _PAST.items():
        yield _FILLED % (past, _past(min(_places(filled) // width, _MOST_ROWS)))


def _places(filled: int) -> int:
    """Places up to the last row and column, where so many are filled."""
    return min(max(_FREE_PLACES, _PLACES * filled), _MOST_PLACES)


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


class _Walk(Cells):
    """A part, element by element: raises `_Far` where there are more than `most`."""

    most = _MOST_WALKED

    def element(self, _kind: str, _attributes: Mapping[str, str]) -> None:
        if self.elements > self.most:
            raise _Far


class _Bounds(_Walk):
    """A sheet: raises `_Far` where a filled cell is where no list has any."""

    def __init__(self) -> None:
        super().__init__()
        #: Cells that share a text with others.
        self.sharing = 0
        #: Filled cells; the farthest row and column of one.
        self._filled = self._last = self._widest = 0

    def element(self, kind: str, attributes: Mapping[str, str]) -> None:
        super().element(kind, attributes)
        self.sharing += kind == "c" and attributes.get("t") == "s"

    def place(self, row: int, column: int) -> None:
        self._filled += 1
        self._last, self._widest = max(self._last, row), max(self._widest, column)

    def walk(self, part: bytes) -> None:
        super().walk(part)
        places = self._last * self._widest
        far = self._last > _MOST_ROWS or self._widest > _MOST_COLUMNS or places > _places(self._filled)
        if far or self._filled > _MOST_CELLS:
            raise _Far
