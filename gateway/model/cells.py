"""Where the cells of a spreadsheet's part lie, as its reader counts them: by what they say, or behind the one before.

Takes a part's XML; calls `element` for each element, and `place` for each cell that has something in it: the others its
reader forgets. Who is interested says there what it thinks of them, by raising.
"""

import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from xml.parsers import expat

_PLACE = re.compile("([A-Za-z]*)([0-9]+)")
#: Elements within each other; a sheet has a handful. Each that is open takes memory.
_DEPTH = 100


#: What a formula that failed leaves in its cell: a pattern.
ERROR = (
    r"(?:#(?:N/A|(?:NULL|DIV/0|VALUE|REF|NUM|SPILL|CALC|FIELD|BLOCKED|BUSY|CONNECT|UNKNOWN|PYTHON|EXTERNAL|TIMEOUT|ERROR)!"
    r"|NAME\?|GETTING_DATA)|(?:Err|错误):[0-9]+)"
)
#: How the last two begin in a text.
_NUMBERED = b"Err:", b"ERR:", b"err:", "错误:".encode(), "错误:".encode("gb18030")


def may_hold_errors(text: bytes) -> bool:
    """Whether an error may stand in a list's bytes, UTF-8 or GB18030: seldom, and a single sign is found ten times as
    fast as several."""
    return b"#" in text or (b":" in text and any(sign in text for sign in _NUMBERED))


class Cells:
    """One part, once. A column begins anew where a row ends, not where one begins: rows may lie within rows."""

    #: Whether somebody wants to know what stands between the elements: that takes time.
    hears = False
    #: Elements after which `beyond` is called.
    most = sys.maxsize

    def __init__(self) -> None:
        #: The row that is read, and the column of its last cell; from 1, where the first sheet begins.
        self._row, self._column, self._begun = 1, 0, False
        #: Row, column and depth of the last cell, while nothing was found in it.
        self._empty: tuple[int, int, int] | None = None
        #: Elements so far; and those that are open.
        self.elements = self.depth = 0

    def walk(self, part: bytes) -> None:
        """Raises ExpatError, ValueError, and what the calls raise. Whoever reads the part knows one encoding only."""
        if b"\0" in part:
            raise expat.ExpatError("no UTF-8")
        parser = expat.ParserCreate("UTF-8")
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.StartDoctypeDeclHandler = self._doctype
        if self.hears:
            parser.buffer_text = True
            parser.CharacterDataHandler = self.heard
        parser.Parse(part, True)

    def element(self, kind: str, attributes: Mapping[str, str]) -> None:
        """An element's name without its prefix, and what it says."""

    def place(self, row: int, column: int) -> None:
        """A filled cell's place."""

    def beyond(self) -> None:
        """There are more elements than the most."""

    def heard(self, text: str) -> None:
        """What stands between two elements, whole or in parts."""

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self.elements += 1
        if self.elements > self.most:
            self.beyond()
        self.depth += 1
        if self.depth > _DEPTH:
            raise expat.ExpatError("elements lie within each other without end")
        kind, said = name.partition(":")[2] if ":" in name else name, attributes.get("r")
        self.element(kind, attributes)
        if self._empty:
            row, column, depth = self._empty
            self._empty = None
            if self.depth > depth:
                self.place(row, column)
        if kind == "sheetData" and not self._begun:  # its reader counts from here
            self._row, self._column, self._begun = 1, 0, True
        elif kind == "row":
            self._row = int(said) if said else self._row
        elif kind == "c":
            row, self._column = self._row, self._column + 1
            if said:
                found = _PLACE.fullmatch(said)
                if found is None:
                    raise expat.ExpatError("a cell's place is none")
                # It leaves the row that is read as it is.
                row, self._column = int(found[2]), _column(found[1][:4]) or self._column
            self._empty = row, self._column, self.depth

    def _end(self, name: str) -> None:
        self.depth -= 1
        if name.endswith("row") and (name == "row" or name.partition(":")[2] == "row"):
            self._row, self._column = self._row + 1, 0

    def _doctype(self, *_what: object) -> None:
        raise expat.ExpatError("no part declares what it is made of")


@lru_cache(maxsize=1000)
def _column(letters: str) -> int:
    """`A` is 1, `AA` is 27; four letters are more than any column has."""
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def is_error(cell: str) -> bool:
    """Whether a cell's text is an error."""
    return re.fullmatch(ERROR, cell) is not None


def panicked(fault: BaseException) -> bool:
    """Whether a reader of workbooks gave up in a way that is no Exception."""
    return type(fault).__name__ == "PanicException"
