"""The workbook of a worklist, and workbooks that pretend to be one."""

import random
import re
from collections.abc import Callable

import pytest

from gateway.acts import sheets
from gateway.acts.sheets import PERSON, ROW, Head, Line, Person
from gateway.errors import GatewayError, NotAllowed
from tests.acts.worklists import edited

HEAD = Head(title="清单", facts=[("经办人", "测试经办")])
#: What departments really write, and what an office program turns into something else.
TEXTS = [
    "=1+1", "+86", "-", "@cmd", "＝1", "'甲", "甲_x000D_乙", "_x0041_", "甲\u200b乙\r\n丙", "\x0b\ufffe", "𠮷甲",
    "\ue816", "<&>\"'", "451081", "1e5", "0012", "", "#N/A", " 甲　乙 ", "甲" * 300,
]  # fmt: skip
STRINGS = "xl/sharedStrings.xml"


def lines(number: int) -> list[Line]:
    """Lines with none to three people, of such texts."""
    draw, texts = random.Random(1), sheets.safe(TEXTS)

    def some(many: int) -> list[str]:
        return [draw.choice(texts) for _ in range(many)]

    people = [
        [Person(cells=some(len(PERSON)), marks=["same"] * len(PERSON)) for _ in range(at % 4)] for at in range(number)
    ]
    return [Line(case=at, cells=some(len(ROW)), people=people[at]) for at in range(number)]


def book(number: int = 40) -> bytes:
    return sheets.write(HEAD, lines(number), [f"1-{at}-{at:016x}" for at in range(number)])


def test_what_was_written_is_read() -> None:
    """Whatever stands in a list, the same text comes back from the workbook, line by line, and is no formula."""
    read = sheets.read(book())
    assert [line.shown() for line in lines(40)] == [filled.shown for filled in read]
    assert [f"1-{at}-{at:016x}" for at in range(40)] == [filled.mark for filled in read]
    assert {("", "")} == {(filled.answer, filled.note) for filled in read}
    assert [] == [text for text in sheets.safe(TEXTS) if text[:1] in tuple("=+-@＝") or len(text) > 201]


def test_a_note_that_became_a_formula_says_nothing() -> None:
    """A reason that somebody began with `=` is an error in its cell, and none."""
    note = '<c r="C5" t="e"><f>电话核实</f><v>#NAME?</v></c>'
    (line,) = sheets.read(edited(book(1), lambda page: re.sub('<c r="C5"[^>]*/>', note, page)))
    assert ("", lines(1)[0].shown()) == (line.note, line.shown)


@pytest.mark.parametrize("people", range(4))
def test_a_line_offers_what_fits_it(people: int) -> None:
    """As many people as stand beside the row may be chosen; with one, that it is not this one; always nobody, later."""
    offered = sheets.answers(people)
    assert [f"是候选{n + 1}" for n in range(people)] == [text for text in offered if text.startswith("是候选")]
    assert (people == 1, True, True) == tuple(
        text in offered for text in (sheets.DIFFERENT, sheets.NOBODY, sheets.LATER)
    )
    assert len(",".join(offered)) <= 255


def _more(xml: str) -> Callable[[str], str]:
    return lambda page: page.replace("</sheetData>", f"{xml}</sheetData>")


BOMBS: dict[str, tuple[Callable[[str], str], str]] = {
    "a cell far away": (_more('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'), ""),
    "cells without a place": (_more("<row>" + "<c/>" * 17_000 + "<c><v>1</v></c></row>"), ""),
    "rows without a number": (_more("<row/>" * 1_048_576 + "<row><c><v>1</v></c></row>"), ""),
    "a place that is none": (_more('<row><c r="5A"/></row>'), ""),
    "half a sheet": (lambda page: page[: len(page) // 2], ""),
    "a document type": (lambda page: page.replace("<worksheet", "<!DOCTYPE x><worksheet", 1), ""),
    "strings beyond number": (lambda text: re.sub('ount="[0-9]+"', 'ount="99999999999"', text), STRINGS),
    "strings that are missing": (lambda text: re.sub("<si>.*</si>", "", text), STRINGS),
    "another header": (lambda text: text.replace("核查结果", "结果"), STRINGS),
    "another sheet": (lambda text: text.replace("待核查", "核查"), "xl/workbook.xml"),
    "more than memory": (lambda _text: " " * (200 << 20), "xl/theme/theme1.xml"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_workbook_that_is_none_of_ours_is_refused(bomb: str) -> None:
    """A workbook that would take all memory, or that is damaged, is refused in words."""
    edit, name = BOMBS[bomb]
    with pytest.raises(NotAllowed):
        sheets.read(edited(book(), edit, *([name] if name else [])))


def test_a_damaged_workbook_is_refused() -> None:
    """Bytes changed anywhere give the same lines, or a refusal; never anything else."""
    content, draw = book(3), random.Random(2)
    before, refused = sheets.read(content), 0
    for _time in range(300):
        damaged = bytearray(content)
        damaged[draw.randrange(len(damaged))] ^= draw.randrange(1, 256)
        try:
            assert before == sheets.read(bytes(damaged))
        except GatewayError:
            refused += 1
    assert 0 < refused
