"""The workbook of a worklist: one line a case, the people it may mean beside it, and two cells that a clerk fills in.

Takes lines and gives an xlsx in memory; takes a workbook that came back and gives what stands in its lines. What was
shown is locked, and each line carries a mark that no one but the site can make; whether it fits is the caller's to
find out. Refuses, as `NotAllowed`, what is no such workbook, and what would unpack to more than one. The workbook is
Chinese whatever language the operator reads: a county's clerk fills it in, and its words come back to be compared.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from xml.parsers import expat

import polars as pl
import python_calamine as calamine
import xlsxwriter

from gateway.errors import NotAllowed
from gateway.model import workbooks
from gateway.model.archives import BROKEN
from gateway.model.cells import is_error, panicked
from gateway.plugin.forms import PLAIN, harmless
from gateway.words import _

#: Lines of one worklist; more than a clerk answers before it is out of date.
LINES = 2000
#: People set beside a row; whoever comes after the third is seldom meant.
CANDIDATES = 3
SHEET = "待核查"
GUIDE = "填写说明"
NUMBER, ANSWER, NOTE, MARK = "编号", "核查结果", "备注", "校验(请勿改动)"
#: Header and width, in characters, of what the list says; the first two stay in sight beside the answer.
ROW = (
    ("姓名", 12), ("证件号码", 21), ("出生日期", 12), ("性别", 5), ("地址代码", 14), ("户编号", 14),
    ("类别", 16), ("来源", 18), ("原因", 40), ("发现日期", 12),
)  # fmt: skip
#: The same of a person on the roster.
PERSON = (
    ("姓名", 12), ("证件号码", 21), ("出生日期", 12), ("性别", 5), ("居住地代码", 14), ("同户", 18),
    ("参保状态", 10), ("人员编号", 32),
)  # fmt: skip

SAME, DIFFERENT, NOBODY, LATER = "是候选{n}", "不是候选1", "都不是(名册无此人)", "暂缓"
_COLOURS = {"same": "#C6EFCE", "near": "#FFEB9C", "other": "#FFC7CE"}
_HEADER_WITHIN = 20
#: Bytes of a workbook; 2 000 lines have about 0.3 MB.
FILE_LIMIT = 16 * 1024**2
#: Rows that are looked at; a worklist has a few above its lines.
_ROWS = 10_000
#: What a cell cannot hold, or hands back as something else: controls, Office's own escapes.
_UNFIT = r"_x[0-9A-Fa-f]{4}_|[\p{Cc}\p{Cf}\s\x{FFFE}\x{FFFF}]+"


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody whom a row may mean."""

    #: As `PERSON`.
    cells: Sequence[str]
    #: Beside each cell, how it agrees with the list: same | near | other; anything else has no colour.
    marks: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Line:
    """A case as a clerk sees it."""

    case: int
    #: As `ROW`.
    cells: Sequence[str]
    people: Sequence[Person]

    def shown(self) -> str:
        """Everything that the clerk sees of it, in one text, blanks aside."""
        cells = [str(self.case), *self.cells, *(cell for person in self.people for cell in person.cells)]
        return _joined(cells)


@dataclass(frozen=True, kw_only=True)
class Head:
    """What stands above the lines, as (label, text), and the site's name."""

    title: str
    facts: Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Filled:
    """A line of a workbook that came back."""

    #: Row of the sheet, as the clerk counts.
    line: int
    #: As `Line.shown`, of what stands there now.
    shown: str
    mark: str
    answer: str
    note: str


def answers(people: int) -> list[str]:
    """What a clerk may choose where so many people are set beside the row."""
    different = [DIFFERENT] if people == 1 else []
    return [*(SAME.format(n=n) for n in range(1, people + 1)), *different, NOBODY, LATER]


def safe(texts: Sequence[str]) -> list[str]:
    """Texts as cells may hold them: one line of 200 characters, no control, no formula, no Office escape."""
    fitting = pl.col("text").str.replace_all(_UNFIT, " ").str.strip_chars().str.head(200)
    return harmless(pl.DataFrame({"text": texts}, schema={"text": pl.String}).select(fitting))["text"].to_list()


def write(head: Head, lines: Sequence[Line], marks: Sequence[str]) -> bytes:
    """The workbook. `marks`: one for each line."""
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory, PLAIN) as book:
        page = book.add_worksheet(SHEET)
        _write_head(book, page, head, len(lines))
        styles = {mark: book.add_format({"bg_color": colour}) for mark, colour in _COLOURS.items()}
        free = book.add_format({"locked": False, "text_wrap": True, "bg_color": "#FFFFE0", "num_format": "@"})
        for at, (line, mark) in enumerate(zip(lines, marks, strict=True), start=4):
            _write_line(page, at, line, mark, styles, free)
        page.protect("", {"format_columns": True, "format_rows": True, "autofilter": True})
        _write_guide(book)
    return memory.getvalue()


def _columns() -> list[tuple[str, int]]:
    people = [(f"候选{n + 1}{what}", w) for n in range(CANDIDATES) for what, w in PERSON]
    return [(NUMBER, 7), (ANSWER, 20), (NOTE, 24), *ROW, *people, (MARK, 10)]


def _write_head(book: Any, page: Any, head: Head, lines: int) -> None:  # xlsxwriter has no types
    bold = book.add_format({"bold": True, "font_size": 14})
    label = book.add_format({"bold": True, "text_wrap": True, "bg_color": "#D9E1F2", "border": 1})
    page.write_string(0, 0, head.title, bold)
    page.write_string(1, 0, ";".join(f"{name}:{text}" for name, text in head.facts))
    page.write_string(2, 0, "含个人信息,仅限上述经办人使用,不得转发;用完后请删除。只填黄色两列,填法见“填写说明”。")
    columns = _columns()
    for at, (name, width) in enumerate(columns):
        page.write_string(3, at, name, label)
        page.set_column(at, at, width, None, {"hidden": name == MARK})
    page.autofilter(3, 0, 3 + lines, len(columns) - 2)
    page.freeze_panes(4, 5)


def _write_line(page: Any, at: int, line: Line, mark: str, styles: dict[str, Any], free: Any) -> None:
    page.write_string(at, 0, str(line.case))
    choice = {"validate": "list", "source": answers(len(line.people)), "error_title": ANSWER}
    page.data_validation(at, 1, at, 1, {**choice, "error_message": "请从下拉列表中选择"})
    page.write_blank(at, 1, None, free)
    page.write_blank(at, 2, None, free)
    for column, cell in enumerate(line.cells, start=3):
        page.write_string(at, column, cell)
    for place, person in enumerate(line.people):
        start = 3 + len(ROW) + place * len(PERSON)
        for column, (cell, agrees) in enumerate(zip(person.cells, person.marks, strict=True), start=start):
            page.write_string(at, column, cell, styles.get(agrees))
    page.write_string(at, 3 + len(ROW) + CANDIDATES * len(PERSON), mark)


def _write_guide(book: Any) -> None:
    page = book.add_worksheet(GUIDE)
    page.set_column(0, 0, 110, book.add_format({"text_wrap": True, "valign": "top"}))
    texts = [
        "一、每行是名单上的一个人。黄色两列由您填写,其余各列已锁定,请勿改动、增删或复制到别处。",
        "二、“姓名”至“发现日期”是来源单位名单所写;“候选1”至“候选3”是参保人名册中可能的人,最像的在前。",
        "三、颜色:绿色与名单一致,黄色相近,红色不一致,无色为一方未提供或无需比较。",
        "四、“核查结果”从下拉列表中选一项,“备注”写明依据(例如:电话核实、调阅户籍档案),不写备注不予采纳。",
        "是候选1、是候选2、是候选3:名单上的人就是这位候选人。名单注明迁出、失联等待核实的,核实完毕也选“是候选1”。",
        "不是候选1(只有一名候选人时):名单上的人不是他,但可能是名册中的另一人。",
        "都不是(名册无此人):已查明此人没有参保登记,不是任何一名候选人。",
        "暂缓:一时查不清,30 天后再查。",
        "五、没有查的行留空即可,不影响已填的行。",
        "六、保存时请保留原来的打开口令;在有效期内交回,过期请索取新的清单。备注中不要写姓名和证件号码。",
    ]
    for at, text in enumerate(texts):
        page.write_string(at, 0, text)
    page.protect()


def read(content: bytes) -> list[Filled]:
    """The lines of a workbook that came back, those that are not wholly empty. Raises NotAllowed."""
    try:
        checked = workbooks.checked(content)
    except (workbooks.Bomb, workbooks.OtherBook, expat.ExpatError, *BROKEN) as fault:
        raise _no_workbook(fault) from None
    try:
        book = calamine.CalamineWorkbook.from_filelike(checked.stream)
        sheets = [book.get_sheet_by_name(SHEET)] if SHEET in book.sheet_names else []
        rows = [row for sheet in sheets for row in sheet.to_python(skip_empty_area=False, nrows=_ROWS)]
    except BaseException as fault:
        if not isinstance(fault, calamine.CalamineError | OverflowError) and not panicked(fault):
            raise
        raise _no_workbook(checked.without or fault) from None
    names = [name for name, _width in _columns()]
    for at, row in enumerate(rows[:_HEADER_WITHIN]):
        found = [_text(cell) for cell in row]
        if set(names) <= set(found):
            places = [found.index(name) for name in names]
            lines = [_filled(n, row, places) for n, row in enumerate(rows[at + 1 :], start=at + 2)]
            return [line for line in lines if line is not None]
    raise _refused(_("不是本系统导出的清单,或表头被改动"))


def _filled(line: int, row: Sequence[Any], places: Sequence[int]) -> Filled | None:
    cells = [_text(row[place]) for place in places]
    if not any(cells):
        return None
    case, answer, note, *rest, mark = cells
    note = "" if is_error(note) else note  # `=电话核实`, which is no formula
    said = "".join(letter if letter.isprintable() else " " for letter in note).strip()
    return Filled(line=line, shown=_joined([case, *rest]), mark=mark, answer=answer, note=said)


def _joined(cells: Sequence[str]) -> str:
    """One text for the cells; blanks do not count, nor do empty cells at the end."""
    return "|".join("".join(cell.split()) for cell in cells).rstrip("|")


def _text(cell: Any) -> str:  # a cell is whatever somebody typed
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell).strip()


def _refused(what: str) -> NotAllowed:
    return NotAllowed(what, where=_("清单文件"), next_step=_("请经办人交来由本系统导出、只填了黄色两列的那份文件"))


def _no_workbook(fault: BaseException) -> NotAllowed:
    match fault:
        case workbooks.Bomb():
            return _refused(_("工作簿的内容异常巨大"))
        case workbooks.OtherBook():
            return _refused(_("文件不是 xlsx 工作簿"))
        case expat.ExpatError():
            return _refused(_("工作簿已损坏"))
        case _:
            return _refused(_("工作簿无法打开"))
