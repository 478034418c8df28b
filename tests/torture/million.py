"""`python -m tests.torture.million`: a long list with one bad byte, one bad row, or one bad sheet, beside a good one.

Takes ROWS (1 000 000) from the environment. Reads each list in a process of its own, as intake does, turn about with
the good one beside which it stands, and prints what could be used, seconds by the clock and of the processor, and peak
memory. Exits 1 where more was lost than the bad place, or where the processor's time or the memory is not that of a
good list.
"""

import io
import os
import resource
import sys
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from multiprocessing import get_context
from statistics import median

import polars as pl

from gateway.errors import DeliveryRefused
from gateway.mappings import MappingFiles
from gateway.normalise import normalise

DAY = date(2026, 11, 1)
_SPAWN = get_context("spawn")
#: Of the good list's seconds and memory, at most so much: its lines are looked through once more for the bad row.
MOST = 1.25
#: Readings of a list that count, after one that does not: the first in a process loads code and asks for memory. Their
#: median counts, of the processor's seconds, since others use the machine, too.
TIMES = 5
#: Workbooks among which the rows of the sheets are shared out, as counties do.
BOOKS = 12
CIVIL_HEADER = "救助证号,姓名,身份证号码,救助类别,保障类别,行政区划代码,认定日期,停止日期"
SHEET = "监测对象信息"
RURAL_HEADER = ("户编号", "人编号", "姓名", "证件类型", "证件号码", "户类型", "识别时间", "风险是否消除")
#: GB 11643: weights of the 17 digits, and the check characters by remainder.
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECKS = list("10X98765432")


@dataclass(frozen=True, kw_only=True)
class Came:
    """What a list came to."""

    #: Rows that were read; of these, rows with a fault.
    rows: int
    faulty: int
    #: Parts that were refused, by code; findings by code.
    refused: tuple[str, ...]
    remarks: tuple[str, ...]
    #: By the clock, and of all threads.
    seconds: float
    processor: float
    #: MiB of the process, at most, since it began.
    peak: float


def people(rows: int) -> pl.DataFrame:
    """So many invented people: `n`, `name`, `number` with a check character that is worked out here."""
    n = pl.int_range(rows, eager=True)
    family, given = pl.Series(list("韦黄覃陆农梁李何罗岑")), pl.Series(list("山丽福芳明珍海荣英华"))
    name = family.gather(n % 10) + given.gather(n // 10 % 10) + given.gather(n // 100 % 10)
    born = (19_400_000 + n // 27_000 * 10_000 + 101 + n // 1_000 % 12 * 100 + n // 1_000 // 12 % 27).cast(pl.String)
    front = "451022" + born + (n % 1_000).cast(pl.String).str.zfill(3)
    digits = [front.str.slice(at, 1).cast(pl.Int64) * weight for at, weight in enumerate(WEIGHTS)]
    check = pl.Series(CHECKS).gather(sum(digits[1:], digits[0]) % 11)
    return pl.DataFrame({"n": n, "name": name, "number": front + check})


def civil(rows: int) -> list[bytes]:
    """A list of civil affairs, as GB18030."""
    line = pl.format("H{},{},{},低保对象,B,451022101201,2024-03-01,", "n", "name", "number")
    lines = people(rows).select(line).to_series()
    return ["\r\n".join([CIVIL_HEADER, *lines.to_list(), ""]).encode("gb18030")]


def with_bad_byte(rows: int) -> list[bytes]:
    """A byte in the middle that no encoding has, in place of a name's first."""
    (content,) = civil(rows)
    at = content.index(b",", content.index(b"\r\n", len(content) // 2)) + 1
    return [content[:at] + b"\xff" + content[at + 2 :]]


def with_bad_row(rows: int) -> list[bytes]:
    """A row in the middle without its last cells."""
    (content,) = civil(rows)
    at = content.index(b"\r\n", len(content) // 2) + 2
    end = content.index(b"\r\n", at)
    return [content[:at] + content[at:end].rsplit(b",", 3)[0] + content[end:]]


def with_long_row(rows: int) -> list[bytes]:
    """A row in the middle with cells that no header names."""
    (content,) = civil(rows)
    end = content.index(b"\r\n", content.index(b"\r\n", len(content) // 2) + 2)
    return [content[:end] + b",more,cells" + content[end:]]


def books(rows: int) -> list[bytes]:
    """Workbooks of rural revitalization."""
    everybody = people(rows)
    size = -(-rows // BOOKS)
    return [_book(everybody.slice(at, size)) for at in range(0, rows, size)]


def with_bad_sheet(rows: int) -> list[bytes]:
    """The last workbook is cut short."""
    whole = books(rows)
    return [*whole[:-1], whole[-1][: len(whole[-1]) // 2]]


def _book(part: pl.DataFrame) -> bytes:
    cell = '<c t="inlineStr"><is><t>{}</t></is></c>'
    told = ["1", "2", "{}", "居民身份证", "{}", "脱贫不稳定户", "202103", "否"]
    row = "<row>" + "".join(cell.format(text) for text in told) + "</row>"
    head = "<row>" + "".join(cell.format(name) for name in RURAL_HEADER) + "</row>"
    rows = part.select(pl.format(row, "name", "number")).to_series().str.join().item()
    sheet = f'<worksheet xmlns="{_MAIN}"><sheetData>{head}{rows}</sheetData></worksheet>'
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as book:
        for name, text in {**_FRAME, "xl/worksheets/sheet1.xml": sheet}.items():
            book.writestr(name, text)
    return memory.getvalue()


_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_RELATION = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
#: The parts of a workbook with one sheet (ECMA-376), but for the sheet.
_FRAME = {
    "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>'
    f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{_TYPE}.worksheet+xml"/></Types>',
    "_rels/.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
    f'Type="{_RELATION}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_RELATION}"><sheets>'
    f'<sheet name="{SHEET}" sheetId="1" r:id="rId1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
    f'Type="{_RELATION}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
}


def read(plugin: str, parts: list[bytes]) -> Came:
    """The parts, each as intake reads it."""
    mapping = MappingFiles().list_mapping(plugin)
    start, spent, rows, faulty = time.perf_counter(), time.process_time(), 0, 0
    refused: list[str] = []
    remarks: list[str] = []
    for content in parts:
        try:
            part = normalise(content, mapping, part="a part", scope="", business_date=DAY, delta=False)
        except DeliveryRefused as refusal:
            refused.append(refusal.code)
            continue
        rows += part.entries.height
        faulty += part.entries["fault"].count()
        remarks += [code for code, _detail in part.remarks]
    return Came(
        rows=rows,
        faulty=faulty,
        refused=tuple(refused),
        remarks=tuple(remarks),
        seconds=time.perf_counter() - start,
        processor=time.process_time() - spent,
        peak=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    )


#: Case → (plugin, the list, of so many rows).
CASES: Mapping[str, tuple[str, Callable[[int], list[bytes]]]] = {
    "a good list": ("civil_affairs", civil),
    "one bad byte": ("civil_affairs", with_bad_byte),
    "one bad row": ("civil_affairs", with_bad_row),
    "one long row": ("civil_affairs", with_long_row),
    "good workbooks": ("rural_revitalization", books),
    "one bad sheet": ("rural_revitalization", with_bad_sheet),
}
#: A good list → those that are measured beside it.
BESIDE: Mapping[str, Sequence[str]] = {
    "a good list": ("one bad byte", "one bad row", "one long row"),
    "good workbooks": ("one bad sheet",),
}


def run(cases: Sequence[str], rows: int) -> dict[str, Came]:
    """The cases, each made in one process and read in another, whose memory is the reading's alone. They take turns, so
    that whatever else the machine does befalls all of them."""
    with ExitStack() as stack:
        readers = {case: stack.enter_context(_SPAWN.Pool(1)) for case in cases}
        for case, reader in readers.items():
            with _SPAWN.Pool(1) as maker:
                reader.apply(_keep, (CASES[case][0], maker.apply(CASES[case][1], (rows,))))
        times = [{case: reader.apply(_read_kept) for case, reader in readers.items()} for _time in range(TIMES + 1)]
    return {case: _median([one[case] for one in times[1:]]) for case in cases}


_kept: list[tuple[str, list[bytes]]] = []


def _keep(plugin: str, parts: list[bytes]) -> None:
    """In a reader's process: this is what it reads from now on."""
    _kept.append((plugin, parts))


def _read_kept() -> Came:
    return read(*_kept[-1])


def _median(came: Sequence[Came]) -> Came:
    middle = {name: median(getattr(one, name) for one in came) for name in ("seconds", "processor", "peak")}
    return replace(came[0], **middle)


def lost(rows: int, came: Mapping[str, Came]) -> list[str]:
    """Where more was lost than the bad place."""
    share = -(-rows // BOOKS)
    wanted = {
        "a good list": (rows, 0, (), ()),
        "one bad byte": (rows, 0, (), ("bad_bytes",)),
        "one bad row": (rows, 1, (), ()),
        "one long row": (rows, 1, (), ()),
        "good workbooks": (rows, 0, (), ()),
        "one bad sheet": ((rows - 1) // share * share, 0, ("unreadable",), ()),
    }
    told = {case: (one.rows, one.faulty, one.refused, one.remarks) for case, one in came.items()}
    return [f"{case}: {told[case]} instead of {wanted[case]}" for case in told if told[case] != wanted[case]]


def _show(case: str, one: Came) -> None:
    print(
        f"{case:<16}{one.rows:>12,} rows {one.faulty:>6} faulty {one.seconds:8.2f} s {one.processor:8.2f} s CPU "
        f"{one.peak:8.0f} MiB  {' '.join((*one.refused, *one.remarks))}",
        flush=True,
    )


def main() -> int:
    """Measures and prints. The exit code."""
    rows = int(os.environ.get("ROWS") or 1_000_000)
    came: dict[str, Came] = {}
    for good, beside in BESIDE.items():
        came |= run([good, *beside], rows)
        for case in (good, *beside):
            _show(case, came[case])
    faults = lost(rows, came)
    for good, case in ((good, case) for good, beside in BESIDE.items() for case in beside):
        for what in ("processor", "peak"):
            much, usual = getattr(came[case], what), getattr(came[good], what)
            if much > MOST * usual:
                faults.append(f"{case}: {what} {much:.2f}, of a good list {usual:.2f}")
    for fault in faults:
        print(f"fails: {fault}")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
