"""Invented rows of the departments' lists, written as their files write them."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import date

import polars as pl
import xlsxwriter
from stdnum.cn import ric

from gateway.mappings import MappingFiles
from gateway.model.deliveries import FAILED
from gateway.normalise import normalise
from gateway.normalise.entries import NormalisedPart

TODAY = date(2026, 11, 5)


def number(front: str = "45102219900307123") -> str:
    """The 17 digits with their check character: composed at run time, so that no file holds a sound number."""
    return front + ric.calc_check_digit(front + "0")


def read(
    content: bytes, plugin: str = "civil_affairs", *, scope: str = "", delta: bool = False, day: date = TODAY
) -> NormalisedPart:
    """A part as the shipped mapping of the plugin reads it."""
    mapping = MappingFiles().list_mapping(plugin)
    return normalise(content, mapping, part="a part", scope=scope, business_date=day, delta=delta)


def failed(part: NormalisedPart) -> int:
    """Rows because of which nobody leaves by the list, however few."""
    return sum(int(detail) for code, detail in part.remarks if code == FAILED)


CIVIL = {
    "救助证号": "H1",
    "户主姓名": "韦某山",
    "户主身份证号": "",
    "姓名": "韦某山",
    "身份证号码": "",
    "与户主关系": "本人",
    "性别": "男",
    "出生日期": "",
    "救助类别": "低保对象",
    "保障类别": "B",
    "行政区划代码": "451022101201",
    "认定日期": "2024-03-01",
    "停止日期": "",
}


def civil_csv(rows: Sequence[Mapping[str, str]], columns: Sequence[str] | None = None) -> str:
    """A civil affairs list as text; each row is what differs from an ordinary one."""
    columns = list(columns or [*CIVIL, *(name for row in rows[:1] for name in row if name not in CIVIL)])
    memory = io.StringIO()
    writer = csv.writer(memory, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([{**CIVIL, "身份证号码": number(), **row}.get(c, "") for c in columns] for row in rows)
    return memory.getvalue()


def civil(*rows: Mapping[str, str], delta: bool = False, day: date = TODAY) -> pl.DataFrame:
    """Entries of a civil affairs list."""
    return read(civil_csv(rows).encode("gb18030"), delta=delta, day=day).entries


RURAL = {
    "省": "广西",
    "行政区划代码": "451022101201",
    "户编号": "4500001",
    "人编号": "450000101",
    "姓名": "黄某福",
    "证件类型": "居民身份证",
    "证件号码": "",
    "性别": "男",
    "出生日期": "",
    "与户主关系": "户主",
    "户类型": "脱贫不稳定户",
    "识别时间": "202103",
    "风险是否消除": "否",
    "风险消除时间": "",
    "自然变更": "",
}

Cell = str | float | date


def workbook(
    rows: Sequence[Sequence[Cell]], *, sheet: str = "监测对象信息", merged: Sequence[str] = (), hidden: str = ""
) -> bytes:
    """A workbook with these cells, as they are; `merged` ranges and a hidden sheet on request."""
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory, {"in_memory": True, "strings_to_numbers": False}) as book:
        other = book.add_worksheet("填表说明")
        other.write(0, 0, "姓名")
        if hidden:
            book.add_worksheet(hidden).hide()
        page = book.add_worksheet(sheet)
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for area in merged:
            page.merge_range(area, "")
        for y, row in enumerate(rows):
            for x, cell in enumerate(row):
                if isinstance(cell, date):
                    page.write_datetime(y, x, cell, day)
                else:
                    page.write(y, x, cell)
    return memory.getvalue()


def rural_rows(*rows: Mapping[str, Cell]) -> list[list[Cell]]:
    """Title rows, the header, and the data rows; each is what differs from an ordinary one."""
    body: list[list[Cell]] = [[{**RURAL, "证件号码": number(), **row}[c] for c in RURAL] for row in rows]
    return [["防返贫监测对象信息表"], ["单位:某县", "", "2026-11-05"], [*RURAL], *body]


def rural(*rows: Mapping[str, Cell], day: date = TODAY) -> pl.DataFrame:
    """Entries of a county's workbook."""
    return read(workbook(rural_rows(*rows)), "rural_revitalization", scope="451022", day=day).entries


HOLDER = {
    "name": "梁某生",
    "sex": "1",
    "types": ["4"],
    "grade": "2",
    "hukou": "2",
    "area": "451022101201",
    "status": "1",
    "issued": "2020-05-06",
    "expires": None,
    "updated_at": "2020-05-06",
}


def holders(*rows: Mapping[str, object], day: date = TODAY) -> pl.DataFrame:
    """Entries of the federation's holders."""
    records = [{**HOLDER, "cert_no": number() + "42", **row} for row in rows]
    return read(json.dumps(records).encode(), "disabled_federation", day=day).entries


PAYMENT = {
    "证件类型": "201",
    "证件号码": "",
    "姓名": "农某英",
    "缴费年度": "2027",
    "征收品目": "城乡居民基本医疗保险费",
    "应缴金额": "400.00",
    "个人缴费金额": "160.00",
    "资助金额": "240.00",
    "资助身份": "",
    "缴费日期": "2026-10-01",
    "税票号码": "T1",
    "参保地区划": "451022",
    "退费标志": "0",
}


def payments(*rows: Mapping[str, str]) -> pl.DataFrame:
    """Entries of the tax bureau's payments."""
    lines = [",".join(PAYMENT)]
    lines += [",".join({**PAYMENT, "证件号码": number(), **row}.values()) for row in rows]
    return read(("\ufeff" + "\n".join(lines) + "\n").encode(), "tax", delta=True).entries
