"""Deliveries as files, in the formats of the departments' contracts, with the dirt that files have.

Takes a delivery and a folder; gives where each row went (file, row number). What a row means and how it
was spoilt is settled before; only the many ways to write a date and the layout of a file are drawn here.
Refuses nothing.
"""

import csv
import hashlib
import io
import json
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random

import pyzipper
import xlsxwriter
from cryptography.hazmat.primitives import hashes

from gateway.demo.city import COUNTIES, City
from gateway.demo.rows import CIVIL, RURAL, STOPPED, Delivery, Row

ZIP_PASSWORD = b"MZ-zip-2026"
#: Lists of at least so many rows come in two CSV files, where a run is dirty.
_TWO_FILES_FROM = 60
#: Day 0 of Excel's serial numbers (the 1900 system, after its leap-year fault).
_SERIAL_EPOCH = date(1899, 12, 30)
#: GB18030 two-byte codes for which Python's table of 2000 still has private use characters.
_LATER_CHARACTERS = str.maketrans(
    {0x20087: 0xE816, 0x20089: 0xE817, 0x200CC: 0xE818, 0x9FB4: 0xE81E, 0x9FB5: 0xE826, 0x9FB6: 0xE82B,
     0x9FB7: 0xE82C, 0x215D7: 0xE831, 0x9FB8: 0xE832, 0x2298F: 0xE83B, 0x9FB9: 0xE843, 0x9FBA: 0xE854,
     0x241FE: 0xE855, 0x9FBB: 0xE864}
)  # fmt: skip
_EMPTY = ("", "", "", "-", "无", "暂无")
_IMPOSSIBLE = ("2024/2/30", "2025年13月1日", "20230431")

CIVIL_COLUMNS = (
    "备注", "救助类别", "姓名", "身份证号码", "户主姓名", "户主身份证号", "救助证号", "与户主关系",
    "性别", "出生日期",
    "保障类别", "城乡属性", "行政区划代码", "家庭住址", "认定日期", "停止日期", "停止原因",
)  # fmt: skip
#: The second file's order of columns, with an extra one and inner spaces in the header.
_SHUFFLED = (
    "救助证号", "户主姓名", "户主身份证号", "姓名", "身份证号码", "与户主关系", "性别", "出生日期",
    "救助类别", "保障类别",
    "城乡属性", "行政区划代码", "家庭住址", "认定日期", "停止日期", "停止原因", "联系人", "备注",
)  # fmt: skip
RURAL_COLUMNS = (
    "省", "市", "县", "乡", "村", "行政区划代码", "户编号", "人编号", "姓名", "证件类型", "证件号码",
    "性别", "出生日期",
    "与户主关系", "户类型", "识别时间", "风险是否消除", "风险消除时间", "自然变更",
)  # fmt: skip


def deliver(delivery: Delivery, folder: Path, city: City, rng: Random, dirty: bool) -> list[tuple[str, int]]:
    """Write one delivery under a day's folder; (file, row number) of each of its rows."""
    if delivery.source == CIVIL:
        return _deliver_civil(delivery, folder / "mz" / "outbox", city, rng, dirty)
    if delivery.source == RURAL:
        outbox = folder / "xczx" / "outbox" / f"{delivery.business:%Y%m%d}"
        return _deliver_rural(delivery, outbox, rng, dirty)
    return _deliver_holders(delivery, folder)


# ── cells ─────────────────────────────────────────────────────────────────────────────────────────


def date_text(rng: Random, day: date, *, first: bool) -> str:
    """A day in one of the forms that departments use; the month alone where that says the same day."""
    draw = int(rng.random() * 40)
    whole_month = day.day == 1 if first else _is_month_end(day)
    if whole_month and draw < 20:
        return f"{day:%Y%m}"
    if draw == 0:
        return str((day - _SERIAL_EPOCH).days)
    return _plain_date(draw % 4, day)


def _plain_date(form: int, day: date) -> str:
    if form == 0:
        return f"{day.year}{day.month:02d}{day.day:02d}"
    if form == 1:
        return f"{day.year}-{day.month:02d}-{day.day:02d}"
    return f"{day.year}/{day.month}/{day.day}" if form == 2 else f"{day.year}年{day.month}月{day.day}日"


def _is_month_end(day: date) -> bool:
    return (day.toordinal() + 1) == (date(day.year + day.month // 12, day.month % 12 + 1, 1)).toordinal()


def _period(rng: Random, row: Row) -> tuple[str, str]:
    """First and last day as sent; impossible, before the birth, or the wrong way round in a row of bad
    dates.
    """
    first = date_text(rng, row.first, first=True)
    last = "" if row.last is None else date_text(rng, row.last, first=False)
    if row.noise != "bad_date":
        return first, last
    draw = rng.random()
    if draw < 0.3 and row.source == CIVIL:
        return first, _plain_date(1, row.first - timedelta(days=400))
    return (
        rng.choice(_IMPOSSIBLE) if draw < 0.7 else _plain_date(1, row.person.born - timedelta(days=90))
    ), last


def _born_text(rng: Random, row: Row) -> str:
    draw = int(rng.random() * 30)
    if draw < 6:
        return _EMPTY[draw]
    born = row.person.born
    return f"{born:%Y%m}" if draw == 6 else _plain_date(draw % 4, born)


def _sex(rng: Random, row: Row) -> str:
    return "" if rng.random() < 0.03 else "男" if row.person.male else "女"


# ── civil affairs ─────────────────────────────────────────────────────────────────────────────────


def _deliver_civil(
    delivery: Delivery, outbox: Path, city: City, rng: Random, dirty: bool
) -> list[tuple[str, int]]:
    outbox.mkdir(parents=True, exist_ok=True)
    cells = [_civil_cells(rng, row, city) for row in delivery.rows]
    cut = len(cells) * 2 // 3 if dirty and delivery.full and len(cells) >= _TWO_FILES_FROM else len(cells)
    parts = [(f"{delivery.stem}.csv", _csv(CIVIL_COLUMNS, cells[:cut], delivery.full).encode("gb18030"), cut)]
    if cut < len(cells):
        data = "\ufeff" + _csv(_SHUFFLED, cells[cut:], delivery.full, spaced=True).replace("\r\n", "\n")
        parts.append((f"{delivery.stem}_2.csv", data.encode(), len(cells) - cut))
    archive = _zip(outbox / f"{delivery.stem}.zip", parts, delivery.business)
    manifest = {
        "batch_no": delivery.stem,
        "department": "451000-MZ",
        "mode": "F" if delivery.full else "D",
        "business_date": delivery.business.isoformat(),
        "sequence": delivery.sequence,
        "previous": delivery.sequence - 1,
        "files": [{"name": name, "rows": rows, "sm3": _sm3(data)} for name, data, rows in parts],
        "archive_sm3": _sm3(archive),
    }
    (outbox / f"{delivery.stem}.json").write_text(json.dumps(manifest, ensure_ascii=False), encoding="utf-8")
    (outbox / f"{delivery.stem}.ok").write_bytes(b"")
    return [(parts[0 if at < cut else 1][0], at + 1) for at in range(len(cells))]


def _civil_cells(rng: Random, row: Row, city: City) -> dict[str, str]:
    person, head = row.person, city.people[row.person.head]
    county, village = COUNTIES[person.county], person.village
    first, last = _period(rng, row)
    stopped = row.last is not None or row.action == STOPPED
    return {
        "备注": "复核" if rng.random() < 0.05 else "",
        "联系人": "",
        "救助类别": "其他困难人员" if row.noise == "bad_category" else row.category,
        "姓名": row.sent_name,
        "身份证号码": row.sent_number,
        "户主姓名": head.name,
        "户主身份证号": head.number,
        "救助证号": f"JZ{person.household:010d}",
        "与户主关系": person.relation,
        "性别": _sex(rng, row),
        "出生日期": "" if row.noise == "no_identity" else _born_text(rng, row),
        "保障类别": ("" if rng.random() < 0.5 else "丁") if row.noise == "bad_level" else row.level,
        "城乡属性": "城市" if row.urban else "农村",
        "行政区划代码": village,
        "家庭住址": f"{county}第{village[6:9]}乡第{village[9:]}村{1 + person.household % 280}号",
        "认定日期": first,
        "停止日期": last,
        "停止原因": "收入超过标准" if stopped and rng.random() < 0.5 else "",
        "变动类型": row.action,
    }


def _csv(columns: Iterable[str], cells: list[dict[str, str]], full: bool, *, spaced: bool = False) -> str:
    wanted = [*columns] if full else [*columns, "变动类型"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([f"{name[0]} {name[1:]}" if spaced and len(name) == 2 else name for name in wanted])
    writer.writerows([row[name] for name in wanted] for row in cells)
    return text.getvalue() if spaced else text.getvalue().translate(_LATER_CHARACTERS)


def _zip(path: Path, parts: list[tuple[str, bytes, int]], day: date) -> bytes:
    """AES-256; the salt is drawn by the library, so that these bytes alone differ from run to run."""
    with pyzipper.AESZipFile(
        path, "w", compression=pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES
    ) as archive:
        archive.setpassword(ZIP_PASSWORD)
        for name, data, _ in parts:
            info = archive.zipinfo_cls(name, (day.year, day.month, day.day, 1, 0, 0))
            info.compress_type = pyzipper.ZIP_DEFLATED
            archive.writestr(info, data)
    return path.read_bytes()


def _sm3(data: bytes) -> str:
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize().hex()


# ── rural revitalization ──────────────────────────────────────────────────────────────────────────


def _deliver_rural(delivery: Delivery, outbox: Path, rng: Random, dirty: bool) -> list[tuple[str, int]]:
    """One workbook a county; the delivery's rows stand county by county, so the places come in their
    order.
    """
    outbox.mkdir(parents=True, exist_ok=True)
    places: list[tuple[str, int]] = []
    sums = []
    for county in delivery.counties:
        rows = [row for row in delivery.rows if row.person.county == county]
        path = outbox / f"XCZX_{county}_{delivery.business:%Y%m%d}.xlsx"
        top = _workbook(path, rows, delivery.business, rng, dirty)
        places += [(path.name, top + at) for at in range(1, len(rows) + 1)]
        sums.append(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
    (outbox / "SHA256SUMS").write_text("".join(sums), encoding="utf-8")
    return places


def _workbook(path: Path, rows: list[Row], day: date, rng: Random, dirty: bool) -> int:
    """Write a county's workbook; the number of rows up to the header."""
    book = xlsxwriter.Workbook(str(path))
    book.set_properties({"created": datetime(day.year, day.month, day.day)})
    book.add_worksheet("填表说明").write_string(0, 0, "本表由系统导出")
    sheet = book.add_worksheet("监测对象信息")
    titles = ["防返贫监测对象信息表", f"导出日期:{day:%Y%m%d}", "填报单位:乡村振兴部门"]
    titles = titles[: 1 + int(rng.random() * 3)] if dirty else titles[:2]
    sheet.merge_range(0, 0, 0, len(RURAL_COLUMNS) - 1, titles[0])
    for at, title in enumerate(titles[1:], 1):
        sheet.write_string(at, 0, title)
    top = len(titles)
    sheet.write_row(top, 0, RURAL_COLUMNS)
    for at, row in enumerate(rows, top + 1):
        for column, cell in enumerate(_rural_cells(rng, row)):
            if isinstance(cell, str):
                if cell:
                    sheet.write_string(at, column, cell)
            else:
                sheet.write_number(at, column, cell)
    _footer(sheet, top + 1 + len(rows), len(rows), dirty)
    hidden = book.add_worksheet("上月")
    hidden.write_row(0, 0, ("姓名", "证件号码"))
    hidden.hide()
    book.close()
    return top + 1


def _footer(sheet: xlsxwriter.worksheet.Worksheet, at: int, rows: int, dirty: bool) -> None:
    sheet.write_string(at, 0, "合计")
    sheet.write_string(at, 1, str(rows))
    if dirty:
        sheet.write_string(at + 1, 0, "填表人:")


def _rural_cells(rng: Random, row: Row) -> list[str | float]:
    """The cells of a row; numbers for a number that Excel damaged and for serial dates."""
    person, village = row.person, row.person.village
    first, last = _period(rng, row)
    return [
        "广西壮族自治区", "百色市", COUNTIES[person.county], f"第{village[6:9]}乡", f"第{village[9:]}村",
        village,
        f"451{(person.household * 7_368_787_019 + 11) % 10**13:013d}",
        f"45{(person.index * 61_169_741_237 + 7) % 10**14:014d}",
        row.sent_name, _certificate(row),
        float(row.sent_number) if row.noise == "id_excel" else row.sent_number,
        _sex(rng, row), "" if row.noise == "no_identity" else _born_text(rng, row),
        "户主" if person.relation == "本人" else "家庭成员",
        "一般农户" if row.noise == "bad_category" else row.category,
        _serial(first), "是" if row.cleared else "否", _serial(last),
        row.natural,
    ]  # fmt: skip


def _certificate(row: Row) -> str:
    if row.noise == "id_certificate":
        return "残疾人证"
    return "港澳台居住证" if row.person.cert_type == "04" else "居民身份证"


def _serial(text: str) -> str | float:
    return float(text) if len(text) == 5 else text


# ── federation ────────────────────────────────────────────────────────────────────────────────────


def _deliver_holders(delivery: Delivery, folder: Path) -> list[tuple[str, int]]:
    folder.mkdir(parents=True, exist_ok=True)
    holders = [_holder(row) for row in delivery.rows]
    body = {"as_of": f"{delivery.business.isoformat()}T01:00:00+08:00", "holders": holders}
    (folder / "holders.json").write_text(json.dumps(body, ensure_ascii=False, indent=1), encoding="utf-8")
    return [("holders.json", at) for at in range(1, len(holders) + 1)]


def _holder(row: Row) -> dict[str, object]:
    updated = row.last if row.status != "1" else row.updated
    return {
        "cert_no": row.sent_number + row.suffix,
        "name": row.sent_name,
        "sex": "1" if row.person.male else "2",
        "types": [row.suffix[0]],
        "grade": "5" if row.noise == "bad_level" else row.level,
        "hukou": "1" if row.urban else "2",
        "area": row.person.village,
        "status": row.status,
        "issued": row.first.isoformat(),
        "expires": None,
        "updated_at": (updated or row.first).isoformat(),
    }
