"""A town of invented people, small enough that a test knows each of them, and what departments write of them.

Takes a folder; gives the city folder that `CityPeers` reads, and the files of deliveries.
"""

import csv
import gzip
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import xlsxwriter

from tests.pipeline import forge

#: Whom civil affairs speaks of, those of them who come to the roster later, and those whose row may bear a wrong name.
CIVIL = range(40)
LATECOMERS = (37, 38, 39)
MISNAMED = (3, 4)
#: County -> whom rural revitalization speaks of there; some of them are on civil affairs' list too.
RURAL: Mapping[str, range] = {"451022": range(36, 46), "451024": range(46, 54)}
TOWN = range(60)
LEVELS = "ABC"
_COUNTIES = list(RURAL)
_SURNAMES = "黄韦李陆农罗王岑梁覃"
_GIVEN = ("国芳", "海燕", "博文", "丽云", "鹏安", "香莲")
_ROSTER = ("psn_no", "psn_cert_type", "certno", "psn_name", "gend", "brdy", "naty", "insutype", "psn_insu_stas",
           "insu_admdvs", "live_admdvs", "begn_date", "paus_date", "surv_stas")  # fmt: skip
_SHEET = ("户编号", "人编号", "姓名", "证件类型", "证件号码", "性别", "出生日期", "行政区划代码", "户类型", "识别时间",
          "风险是否消除", "风险消除时间", "自然变更")  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Row:
    """What civil affairs says of one person."""

    level: str = "A"
    #: The last day of it, where one is given.
    last: date | None = None
    #: Under another name than the number's, so that nobody knows whether they are meant.
    misnamed: bool = False
    #: Of a delta.
    change: str = ""


def psn_no(one: int) -> str:
    """The platform's number of a person."""
    return f"4510000000000000002{one:07d}"


def first(one: int) -> date:
    """Since when every list says that they hold what they hold."""
    return date(2024, 3, 1) + timedelta(days=one)


def name(one: int) -> str:
    """No two share a name, nor its sound."""
    return _SURNAMES[one % 10] + _GIVEN[one // 10]


def number(one: int) -> str:
    """A sound identity number, no two nearly the same."""
    base = f"{_county(one)}{_birth(one):%Y%m%d}{(one * 137 + 101) % 1000:03d}"
    weights = [2 ** (17 - at) % 11 for at in range(17)]
    return base + "10X98765432"[sum(int(d) * w for d, w in zip(base, weights, strict=True)) % 11]


def _birth(one: int) -> date:
    return date(1950, 1, 5) + timedelta(days=one * 331)


def _county(one: int) -> str:
    return next((county for county, people in RURAL.items() if one in people), _COUNTIES[one % 2])


def found(folder: Path) -> Path:
    """The town's folder; its platform holds nothing yet."""
    place = folder / "platform_and_tax"
    place.mkdir(parents=True)
    (place / "standing.json").write_text("[]", "utf-8")
    enrol(place, (one for one in TOWN if one not in LATECOMERS), ())
    return folder


def enrol(folder: Path, people: Iterable[int], dead: Iterable[int]) -> None:
    """The platform's roster has these people from now on, and says of some that they are dead."""
    late, text = set(dead), io.StringIO()
    writer = csv.DictWriter(text, _ROSTER, restval="", lineterminator="\n")
    writer.writeheader()
    for one in people:
        sex = "1" if int(number(one)[16]) % 2 else "2"
        who = {"psn_no": psn_no(one), "psn_cert_type": "01", "certno": number(one), "psn_name": name(one), "gend": sex}
        where = {"insu_admdvs": _county(one), "live_admdvs": f"{_county(one)}100201"}
        state = {"insutype": "390", "psn_insu_stas": "1", "surv_stas": "3" if one in late else "1"}
        writer.writerow({**who, **where, **state, "brdy": _birth(one).isoformat(), "begn_date": "2019-01-01"})
    (folder / "roster.csv.gz").write_bytes(gzip.compress(text.getvalue().encode()))


def civil_csv(rows: Mapping[int, Row]) -> bytes:
    """Civil affairs' CSV."""
    return forge.csv_of(pl.DataFrame([_civil(one, row) for one, row in rows.items()], infer_schema_length=None))


def _civil(one: int, row: Row) -> dict[str, str]:
    written = "赵" + name(one)[1:][::-1] if row.misnamed else name(one)
    return {
        "救助证号": f"JZ{one:010d}",
        "户主姓名": written,
        "户主身份证号": number(one),
        "姓名": written,
        "身份证号码": number(one),
        "与户主关系": "本人",
        "性别": "男" if int(number(one)[16]) % 2 else "女",
        "出生日期": _birth(one).isoformat(),
        "救助类别": "低保对象",
        "保障类别": row.level,
        "行政区划代码": f"{_county(one)}100201",
        "认定日期": first(one).isoformat(),
        "停止日期": row.last.isoformat() if row.last else "",
        "变动类型": row.change,
    }


def workbook(rows: Mapping[int, date | None]) -> bytes:
    """A county's workbook: of whom it speaks, and on which day the risk of some was removed."""
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory, {"in_memory": True}) as book:
        page = book.add_worksheet("监测对象信息")
        page.write_string(0, 0, "防返贫监测对象信息表")
        page.write_row(1, 0, _SHEET)
        for at, (one, removed) in enumerate(rows.items(), 2):
            page.write_row(at, 0, [_rural(one, removed)[column] for column in _SHEET])
    return memory.getvalue()


def _rural(one: int, removed: date | None) -> dict[str, str]:
    return {
        "户编号": f"H{one:08d}",
        "人编号": f"R{one:08d}",
        "姓名": name(one),
        "证件类型": "居民身份证",
        "证件号码": number(one),
        "性别": "男" if int(number(one)[16]) % 2 else "女",
        "出生日期": _birth(one).isoformat(),
        "行政区划代码": f"{_county(one)}100201",
        "户类型": "边缘易致贫户",
        "识别时间": first(one).isoformat(),
        "风险是否消除": "是" if removed else "否",
        "风险消除时间": removed.isoformat() if removed else "",
        "自然变更": "",
    }
