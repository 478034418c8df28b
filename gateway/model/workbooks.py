"""Workbooks that are small and would fill the memory: what they unpack to, and what their parts promise.

Takes a workbook's bytes. Gives an archive of what was looked at, and nothing else. Refuses one that unpacks to more
than any real one, that is of another kind than it says, or of which the reader would reserve what no list has: it holds
32 bytes for each place up to the farthest cell that has something in it, so that a few bytes of such a cell would take
the process with it. Source: docs/decisions/0098.
"""

import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from xml.parsers import expat

import polars as pl

from gateway.model import formulas, markup
from gateway.model.archives import is_other_book, listed, stored
from gateway.model.cells import Cells

#: Uncompressed bytes of one workbook, which are in memory once, and those of one part once more; the largest county's
#: has about 60 MB.
WORKBOOK_LIMIT = 256 * 1024**2
#: Ratio of uncompressed to compressed bytes past which a workbook is a bomb; with the same name in every cell it is 30.
RATIO_LIMIT = 100
#: Filled cells and merged ranges of one sheet; a county's list of 60 000 rows has a million cells or two.
_MOST_CELLS, _MOST_MERGED = 5_000_000, 500_000
#: Bytes of a sheet's texts, and of those that its cells share: its reader copies them, and Python makes up to four of
#: each.
_MOST_SAID = 64 * 1024**2
#: Bytes of a sheet that is not as programs write it.
_MOST_ODD = 96 * 1024**2
#: Texts that a workbook may say that it has; a county's has some hundred thousand.
_MOST_TEXTS = 20_000_000
#: Signs of elements, which begin or end there, in a sheet; in the part with the texts; in that with the formats, of
#: which Excel has 64 000 at most; and in any other.
_MOST_SIGNS, _MOST_OF_TEXTS, _MOST_OF_FORMATS, _MOST_OF_OTHERS = 25_000_000, 6_000_000, 2_000_000, 250_000
#: Elements that are looked at one by one, in all parts: one to three seconds for a million. So many at most, and no
#: more than so many and some for each byte of the workbook; real ones have one for each at most.
_MOST_WALKED, _FREE_WALKED, _WALKED = 5_000_000, 500_000, 3
#: Places up to the last row and column: so many, as 60 000 rows to Z have, or so many for each filled cell; at most.
_FREE_PLACES, _PLACES, _MOST_PLACES = 2_000_000, 4, 10_000_000
#: How parts of XML are called, which are most of a workbook.
_OF_XML = (".xml", ".rels")
#: A sheet's rows and columns: Excel's own limits.
_MOST_ROWS, _MOST_COLUMNS = 1_048_576, 16_384
#: A cell with something in it, past so many columns, or past so many rows.
_FILLED = r'[<:]c r="(?:(?:%s)[0-9]+|[A-Z]+(?:%s))"(?:[^>]*[^/>])?>'
_PAST = {26: "[A-Z]{2,}", 52: "[A-Z]{3,}|[B-Z][A-Z]", 104: "[A-Z]{3,}|[D-Z][A-Z]", 702: "[A-Z]{3,}"}
#: A cell that may have something in it; and one with the number of a text, and nothing else.
_FULL = r'[<:]c r="[A-Z]+[0-9]+"(?:[^>]*[^/>])?>'
_NUMBERED = (
    r't="s"(?: [^<>]*)?>\s*<(?:[A-Za-z0-9]+:)?v>([0-9]{1,9})</(?:[A-Za-z0-9]+:)?v>\s*</(?:[A-Za-z0-9]+:)?c>'
)
#: How an element begins, before its name; and what belongs to none.
_PREFIX = re.compile(rb"<(?:[A-Za-z0-9]+:)?")
_TAG = "<[^<>]*>"
#: How many texts a part says that it has. Possessive: what may be tried again is remembered, a hundred bytes each.
_PROMISED = re.compile(rb"""sst\b(?:[^>"']++|"[^"]*+"|'[^']*+')*+""")
_COUNT = re.compile(rb"""ount\s*=\s*["'](\d{1,18})""")
#: What stands above the texts, which is often written otherwise than they are, and how their names begin.
_ABOVE = re.compile(
    rb"""(?:\xef\xbb\xbf)?\s*(?:<\?xml[^<>]*\?>\s*)?<((?:[A-Za-z0-9]+:)?)sst"""
    rb"""(?:\s+[A-Za-z0-9:._-]+\s*=\s*(?:"[^"<>]*"|'[^'<>]*'))*\s*>"""
)
#: Where a text begins or ends, however it is written.
_OF_TEXT = r"</?(?:[A-Za-z0-9]+:)?si[ />]"
#: Parts that its reader finds by their names, whatever else they are.
_TEXTS_PART, _FORMATS_PART, _BOOK_PART = "xl/sharedstrings.xml", "xl/styles.xml", "xl/workbook.xml"
_SINCE_1904 = re.compile(rb"""date1904\s*=\s*["']\s*(?:1|true|on)\b""")


class Bomb(Exception):
    """A workbook, or a part that its reader needs, has more of something than any list, or promises it."""


class OtherBook(Exception):
    """A spreadsheet of another kind."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """A workbook that was looked at."""

    #: An archive of what was looked at, and nothing else.
    stream: io.BytesIO
    #: Why a part is not in it, such as a sheet that another one beside the list may be: Bomb, ExpatError or ValueError.
    without: Exception | None
    #: Whether its days are counted from 1904 on, as those of old Macs were.
    since_1904: bool


def checked(content: bytes) -> Checked:
    """The workbook, to be given to its reader. Raises Bomb, OtherBook; ExpatError and `archives.BROKEN` where it is
    damaged."""
    looked = _Looked(min(_MOST_WALKED, _FREE_WALKED + _WALKED * len(content)))
    try:
        with listed(zipfile.ZipFile, io.BytesIO(content)) as book:
            size = sum(info.file_size for info in book.infolist())
            if size > WORKBOOK_LIMIT or size > RATIO_LIMIT * max(len(content), 1 << 16):
                raise Bomb
            if is_other_book(book.namelist()):
                raise OtherBook
            stream = stored(book, looked.at)
    except zipfile.LargeZipFile:
        raise Bomb from None
    looked.check_copies(stream)
    return Checked(stream=stream, without=looked.without, since_1904=looked.since_1904)


@dataclass(frozen=True, kw_only=True)
class _Texts:
    """The texts that cells share."""

    #: Bytes of each, or some more.
    lengths: list[int]
    #: Whether these are all, one by one.
    told: bool
    #: As they stand there, where they are plain, with their elements.
    plain: list[bytes]

    def exact(self) -> pl.Series:
        """Bytes of each."""
        if not self.plain:
            return pl.Series(self.lengths, dtype=pl.Int64)
        texts = pl.Series(self.plain, dtype=pl.Binary).cast(pl.String)
        return texts.str.replace_all(_TAG, "").str.len_bytes().cast(pl.Int64)


class _Looked:
    """What was seen of a workbook's parts, one by one."""

    def __init__(self, walks: int) -> None:
        #: Why a part was left out.
        self.without: Exception | None = None
        self.since_1904 = False
        #: Elements that may still be looked at one by one.
        self._walks = walks
        self._texts: _Texts | None = None
        #: By the sheet's name, cells that share a text with others, or some more, and where its plain cells begin; -1
        #: where they are not plain.
        self._sharing: dict[str, tuple[int, int]] = {}

    def at(self, name: str, content: bytes) -> bytes | None:
        """The part as its reader shall see it; None for one that does not keep its bounds, or is damaged: it is missed
        by whoever needs it. What every sheet needs raises Bomb, ExpatError and ValueError itself."""
        signs, sheet, place = content.count(b"<"), b"sheetData" in content, name.lower().replace("\\", "/")
        texts, formats = place == _TEXTS_PART, place == _FORMATS_PART
        try:
            if b"<!DOCTYPE" in content and (sheet or place.endswith(_OF_XML)):
                raise expat.ExpatError("no part declares what it is made of")
            self.since_1904 |= place == _BOOK_PART and _SINCE_1904.search(content) is not None
            if texts:
                self._look_at_texts(content, signs)
            if sheet:
                self._look_at_sheet(name, content, signs)
            if not (texts or sheet) and signs > (_MOST_OF_FORMATS if formats else _MOST_OF_OTHERS):
                raise Bomb
        except (Bomb, expat.ExpatError, ValueError) as fault:
            if texts or formats:
                raise
            self.without = self.without or fault.with_traceback(None)  # which would keep the part
            return None
        return formulas.told(content) if sheet else content

    def check_copies(self, stream: io.BytesIO) -> None:
        """Raises Bomb where cells that share long texts come to more than any list."""
        if self._texts is None:
            return
        longest = max(self._texts.lengths, default=0)
        many = {name: begin for name, (sharing, begin) in self._sharing.items() if longest * sharing > _MOST_SAID}
        if many:
            table = self._texts.exact()
            with zipfile.ZipFile(stream) as book:
                for name, begin in many.items():
                    self._check_copies(book.read(name), begin, table, self._sharing[name][0])
            stream.seek(0)

    def _check_copies(self, sheet: bytes, begin: int, table: pl.Series, sharing: int) -> None:
        assert self._texts
        longest = int(table[at]) if (at := table.arg_max()) is not None else 0
        shared = sharing if begin < 0 else sheet.count(b't="s"')
        if longest * shared <= _MOST_SAID:
            return
        copied = 0
        for numbers in self._numbers(sheet, begin):
            known = numbers.filter(numbers < table.len()) if self._texts.told else numbers.clear()
            copied += int(table.gather(known).sum())
            shared -= known.len()
        if copied + longest * shared > _MOST_SAID:  # each the longest, where it cannot be seen
            raise Bomb

    def _numbers(self, sheet: bytes, begin: int) -> Iterator[pl.Series]:
        """Those of the texts in cells that can be seen."""
        if begin < 0:
            walk = _Numbers()
            self._walk(walk, sheet)
            yield pl.Series(walk.numbers, dtype=pl.Int64)
            return
        for text in markup.texts(sheet, begin):
            cells = text.str.extract_all(_NUMBERED).explode()
            yield cells.str.extract(_NUMBERED).cast(pl.Int64, strict=False).drop_nulls()

    def _look_at_texts(self, content: bytes, signs: int) -> None:
        promised = (int(count) for table in _PROMISED.findall(content) for count in _COUNT.findall(table))
        if signs > _MOST_OF_TEXTS or markup.has_gap(content) or max(promised, default=0) > _MOST_TEXTS:
            raise Bomb
        if self._texts is not None:
            raise expat.ExpatError("two parts with texts")
        above = _ABOVE.match(content)
        if above and markup.is_plain(content, above.end(), signs):
            self._texts = _plain_texts(content, above)
        if self._texts is None:
            walk = _Lengths()
            self._walk(walk, content)
            self._texts = _Texts(lengths=walk.lengths, told=walk.told, plain=[])

    def _look_at_sheet(self, name: str, content: bytes, signs: int) -> None:
        errors = sum(map(content.count, formulas.SIGNS_OF_ERRORS))
        most = signs > _MOST_SIGNS or errors > _MOST_CELLS or content.count(b"mergeCell") > _MOST_MERGED
        if most or markup.has_gap(content):
            raise Bomb
        at = content.find(b"sheetData")
        begin = max(content.rfind(b"<", 0, at), 0)  # what stands above the cells is often written otherwise
        if _PREFIX.fullmatch(content[begin:at]) and markup.is_plain(content, begin, signs):
            _check_said(content, begin)
            if _keeps_near(content, begin, signs, content.find(b"sheetData", at + 1)):
                self._sharing[name] = signs // 3, begin
                return
        elif len(content) > _MOST_ODD or signs // 2 > self._walks:
            raise Bomb
        bounds = _Bounds()
        self._walk(bounds, content)
        self._sharing[name] = bounds.sharing, -1

    def _walk(self, walk: "_Walk", content: bytes) -> None:
        walk.most = self._walks
        try:
            walk.walk(content)
        finally:
            self._walks -= walk.elements


def _plain_texts(content: bytes, above: re.Match[bytes]) -> _Texts | None:
    """The texts of a plain part, where one begins where the one before has ended; else None."""
    begins, ends = (b"<%s%ssi>" % (slash, above[1]) for slash in (b"", b"/"))
    *texts, rest = content[above.end() :].split(ends)
    apart = all(text.count(begins) == 1 and text.lstrip().startswith(begins) for text in texts)
    if not apart or begins in rest or markup.count(content, above.end(), _OF_TEXT) != 2 * len(texts):
        return None
    return _Texts(lengths=list(map(len, texts)), told=True, plain=texts)


def _check_said(content: bytes, begin: int) -> None:
    """Raises Bomb where the texts of a plain sheet come to more than any list's."""
    if len(content) <= _MOST_SAID:
        return
    said = (int(text.str.replace_all(_TAG, "").str.len_bytes().item()) for text in markup.texts(content, begin))
    if sum(said) > _MOST_SAID:
        raise Bomb


def _keeps_near(content: bytes, begin: int, signs: int, end: int) -> bool:
    """Whether no filled cell of a plain sheet is far for any sheet of so many, as its bytes show at once. Its cells end
    at `end`. Raises Bomb where they are too many."""
    # A filled one takes three signs at least; most sheets have no cell that is far for any.
    if signs <= 3 * _MOST_CELLS and not markup.has(content, begin, next(_far(0))):
        return True
    filled = markup.count(content[:end], begin, _FULL)
    if filled > _MOST_CELLS:
        raise Bomb
    return any(not markup.has(content, begin, far) for far in _far(filled))


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


class _Walk(Cells):
    """A part, element by element: raises Bomb where there are more than `most`."""

    most = _MOST_WALKED

    def beyond(self) -> None:
        raise Bomb


class _Lengths(_Walk):
    """A part with texts: the bytes of each; `told`, whether none lies within another."""

    hears = True

    def __init__(self) -> None:
        super().__init__()
        self.lengths: list[int] = []
        self.told = True
        self._level: int | None = None

    def element(self, kind: str, attributes: Mapping[str, str]) -> None:
        if kind == "si":
            self.told &= self._level in {None, self.depth}
            self._level = self.depth
            self.lengths.append(0)

    def heard(self, text: str) -> None:
        if self.lengths:
            self.lengths[-1] += len(text.encode())


class _Numbers(_Walk):
    """A sheet: the numbers of texts in cells that have one, and nothing else."""

    hears = True

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[int] = []
        #: Whether the cell that is read has the number of a text, and its values so far, each in parts.
        self._shares = False
        self._values: list[list[str]] = []
        #: Where a number may stand.
        self._value = False

    def element(self, kind: str, attributes: Mapping[str, str]) -> None:
        self._value = kind == "v" and self._shares
        if kind == "c":
            self._take()
            self._shares = attributes.get("t") == "s"
        elif self._value:
            self._values.append([])

    def heard(self, text: str) -> None:
        if self._value:
            self._values[-1].append(text)

    def walk(self, part: bytes) -> None:
        super().walk(part)
        self._take()

    def _take(self) -> None:
        said = ["".join(parts) for parts in self._values]
        if len(said) == 1 and re.fullmatch("[0-9]{1,9}", said[0]):
            self.numbers.append(int(said[0]))
        self._values.clear()


class _Bounds(_Walk):
    """A sheet: raises Bomb where a filled cell is where no list has any."""

    def __init__(self) -> None:
        super().__init__()
        #: Cells that share a text with others.
        self.sharing = 0
        #: Filled cells; the farthest row and column of one.
        self._filled = self._last = self._widest = 0

    def element(self, kind: str, attributes: Mapping[str, str]) -> None:
        self.sharing += kind == "c" and attributes.get("t") == "s"

    def place(self, row: int, column: int) -> None:
        self._filled += 1
        self._last, self._widest = max(self._last, row), max(self._widest, column)

    def walk(self, part: bytes) -> None:
        super().walk(part)
        places = self._last * self._widest
        far = self._last > _MOST_ROWS or self._widest > _MOST_COLUMNS or places > _places(self._filled)
        if far or self._filled > _MOST_CELLS:
            raise Bomb
