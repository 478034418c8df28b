"""The departments' files about an invented city, as each hands them over, and the roster as the platform exports it.

Takes a city; fills a folder: `civil/` (AES zips of GB18030, full and delta, with their manifests), `rural/` (a workbook
per county), `holders.json`, `payments.csv.gz`, `roster.csv`, and `asked.json`, some people to be asked about. Of the
list rows, 53 in a hundred are civil affairs', 33 rural revitalization's, 14 the federation's, by household; payments
are 0.875 for each of the insured. Refuses nothing.
"""

import json
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import polars as pl
import pyzipper
import xlsxwriter

from bench.people import City, people_of, roster_of
from bench.rows import csv_parts, rows_of
from gateway.vault.sm import sm3_hex

ZIP_PASSWORD = "bench"
#: People for whom a delta of `DELTA` rows comes, and for whom as many payments as said.
_WHOLE_CITY, DELTA = 4_000_000, 15_000
_PAID = 0.875
#: Of a hundred households, those on civil affairs' list, and those on it or rural revitalization's.
_CIVIL, _RURAL = 53, 86
#: Workbooks that are written side by side.
_AT_ONCE = 2
#: People who are asked about by `explain`.
_ASKED = 5
_RURAL_COLUMNS = (
    "省", "市", "县", "乡", "村", "行政区划代码", "户编号", "人编号", "姓名", "证件类型", "证件号码", "性别",
    "出生日期", "与户主关系", "户类型", "识别时间", "风险是否消除", "风险消除时间", "自然变更",
)  # fmt: skip


def make(folder: Path, city: City) -> dict[str, int]:
    """Fills the folder; rows by file."""
    people = people_of(city)
    roster = roster_of(people, city)
    counts = {"people": roster.height, "roster lines": write_roster(folder / "roster.csv", roster, city)}
    counts["payments"] = _write_payments(folder / "payments.csv.gz", roster, city)
    rows = _shared_out(rows_of(people, city), city)
    del people
    civil, rural, holders = (rows.filter(pl.col("to") == to) for to in ("civil", "rural", "holders"))
    counts |= {"civil affairs": civil.height, "rural revitalization": rural.height, "federation": holders.height}
    counts["delta"] = _write_civil(folder / "civil", civil, holders, city)
    _write_holders(folder / "holders.json", holders, city)
    _write_asked(folder / "asked.json", civil, roster)
    del roster, civil, holders
    _write_rural(folder / "rural", rural, city)
    return counts


def _shared_out(rows: pl.DataFrame, city: City) -> pl.DataFrame:
    """The rows with `to` (civil | rural | holders), `home` (their county), `household` and `at` (their place).

    A certificate of disability begins with a whole number, and no two are the same.
    """
    household = pl.col("救助证号").str.tail(8).cast(pl.Int64)
    share = city.draws.below(household, "department", 100)
    certified = (pl.col("身份证号码").str.len_chars() == 18) & pl.col("身份证号码").is_first_distinct()
    to = (
        pl.when(share < _CIVIL)
        .then(pl.lit("civil"))
        .when(share < _RURAL)
        .then(pl.lit("rural"))
        .when(certified)
        .then(pl.lit("holders"))
        .otherwise(pl.lit("civil"))
    )
    home = pl.col("救助证号").str.slice(2, 6)
    return rows.with_row_index("at").with_columns(to=to, home=home, household=household, at=pl.col("at").cast(pl.Int64))


# ── civil affairs ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _write_civil(folder: Path, rows: pl.DataFrame, others: pl.DataFrame, city: City) -> int:
    """The full list and a delta; the delta's rows."""
    folder.mkdir()
    _zipped(folder / "full", [(f"MZ_{at:02}.csv", part) for at, part in enumerate(csv_parts(rows))])
    third = max(1, DELTA * city.people // _WHOLE_CITY // 3)
    poor = rows.filter(pl.col("救助类别") == "低保对象")
    stopped = rows.head(third).with_columns(change=pl.lit("停发"))
    changed = poor.tail(third).with_columns(保障类别=pl.lit("B"), change=pl.lit("变更"))
    added = others.head(third).with_columns(change=pl.lit("新增"))
    delta = pl.concat([stopped, changed, added]).rename({"change": "变动类型"})
    columns = [*csv_columns(), "变动类型"]
    text = delta.select(columns).write_csv(line_terminator="\r\n").encode("gb18030")
    _zipped(folder / "delta", [("MZ_D.csv", text)])
    return delta.height


def csv_columns() -> list[str]:
    """The columns of civil affairs' list, in their order."""
    return [
        "救助证号", "户主姓名", "户主身份证号", "姓名", "身份证号码", "与户主关系", "性别", "出生日期", "救助类别",
        "保障类别", "行政区划代码", "认定日期", "停止日期",
    ]  # fmt: skip


def _zipped(stem: Path, files: list[tuple[str, bytes]]) -> None:
    """`<stem>.zip`, and `<stem>.json` with what is promised of it."""
    path = stem.with_suffix(".zip")
    with pyzipper.AESZipFile(path, "w", compression=pyzipper.ZIP_DEFLATED, encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(ZIP_PASSWORD.encode())
        for name, content in files:
            archive.writestr(name, content)
    promised = [{"name": n, "rows": content.count(b"\r\n") - 1, "sm3": sm3_hex(content)} for n, content in files]
    manifest = {"files": promised, "archive_sm3": sm3_hex(path.read_bytes())}
    stem.with_suffix(".json").write_text(json.dumps(manifest), "utf-8")


# ── rural revitalization ──────────────────────────────────────────────────────────────────────────────────────────────


def _write_rural(folder: Path, rows: pl.DataFrame, city: City) -> None:
    """`<county>.xlsx` of every county, two at a time, each in a process of its own."""
    folder.mkdir()
    jobs = []
    for (county,), cells in _rural_cells(rows, city).partition_by("home", as_dict=True, include_key=False).items():
        jobs.append(folder / f"{county}.ipc")
        cells.write_ipc(jobs[-1])
    with ProcessPoolExecutor(_AT_ONCE, mp_context=get_context("spawn")) as pool:
        for _done in pool.map(_write_workbook, jobs):
            pass


def _rural_cells(rows: pl.DataFrame, city: City) -> pl.DataFrame:
    kinds = pl.Series(["稳定脱贫户"] * 12 + ["脱贫不稳定户"] * 4 + ["边缘易致贫户"] * 3 + ["突发严重困难户"])
    draws, household = city.draws, pl.col("household")
    removed = draws.chance(household, "removed", 0.1)
    nothing = pl.lit(None, pl.String)
    return rows.select(
        "home",
        pl.lit("广西壮族自治区").alias("省"),
        pl.lit("百色市").alias("市"),
        pl.lit("某县").alias("县"),
        pl.lit("某乡").alias("乡"),
        pl.lit("某村").alias("村"),
        "行政区划代码",
        pl.concat_str(pl.lit("451"), household.cast(pl.String).str.zfill(13)).alias("户编号"),
        pl.concat_str(pl.lit("45"), pl.col("at").cast(pl.String).str.zfill(14)).alias("人编号"),
        "姓名",
        pl.lit("居民身份证").alias("证件类型"),
        pl.col("身份证号码").alias("证件号码"),
        "性别",
        "出生日期",
        pl.when(pl.col("与户主关系") == "本人").then(pl.lit("户主")).otherwise("与户主关系").alias("与户主关系"),
        pl.lit(kinds).gather(draws.below(household, "kind of household", kinds.len())).alias("户类型"),
        pl.col("认定日期").alias("识别时间"),
        pl.when(removed).then(pl.lit("是")).otherwise(pl.lit("否")).alias("风险是否消除"),
        pl.when(removed).then(pl.lit("2026-10-20")).alias("风险消除时间"),
        nothing.alias("自然变更"),
    ).select("home", *_RURAL_COLUMNS)


def _write_workbook(cells: Path) -> None:
    """The rows of a county as a workbook; the frame that it was made from goes."""
    frame = pl.read_ipc(cells)
    book = xlsxwriter.Workbook(str(cells.with_suffix(".xlsx")), {"constant_memory": True})
    sheet = book.add_worksheet("监测对象信息")
    sheet.write_string(0, 0, "防返贫监测对象信息表")
    sheet.write_row(1, 0, _RURAL_COLUMNS)
    for at, row in enumerate(frame.iter_rows(), 2):
        for column, cell in enumerate(row):
            if cell:
                sheet.write_string(at, column, cell)
    sheet.write_string(frame.height + 2, 0, "合计")
    book.close()
    cells.unlink()


# ── federation ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _write_holders(path: Path, rows: pl.DataFrame, city: City) -> None:
    """The holders of all pages as they lie once fetched: one JSON array, keys and holders in order."""
    grades = pl.Series(["1", "2", "2", "3", "4"])
    grade = pl.lit(grades).gather(city.draws.below(pl.col("at"), "grade", grades.len()))
    sex = pl.col("性别").replace_strict({"男": "1", "女": "2"}, default=None, return_dtype=pl.String)
    rows.with_columns(grade=grade).select(
        area="行政区划代码",
        cert_no=pl.concat_str("身份证号码", pl.lit("4"), "grade"),
        expires=pl.lit(None, pl.String),
        grade="grade",
        hukou=pl.lit("2"),
        issued=pl.lit("2024-05-20"),
        name="姓名",
        sex=sex.fill_null("1"),
        status=pl.lit("1"),
        types=pl.concat_list(pl.lit("4")),
        updated_at=pl.lit("2026-09-01"),
    ).sort("cert_no").write_json(path)


# ── tax, platform ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _write_payments(path: Path, roster: pl.DataFrame, city: City) -> int:
    """The year's payments, in the order in which they were made; the number of lines."""
    paying = _in_no_order(roster, "payments", city).filter(city.draws.chance(pl.col("at"), "pays", _PAID))
    serial = pl.int_range(pl.len(), dtype=pl.Int64)
    day = pl.lit(date(2025, 9, 10)) + pl.duration(days=serial % 160)
    lines = paying.select(
        pl.lit("201").alias("证件类型"),
        pl.col("number").alias("证件号码"),
        pl.col("name").alias("姓名"),
        pl.lit("2026").alias("缴费年度"),
        pl.lit("城乡居民基本医疗保险费").alias("征收品目"),
        pl.lit("400.00").alias("应缴金额"),
        pl.lit("400.00").alias("个人缴费金额"),
        pl.lit("0.00").alias("资助金额"),
        pl.lit("").alias("资助身份"),
        day.cast(pl.String).alias("缴费日期"),
        pl.concat_str(pl.lit("4451"), serial.cast(pl.String).str.zfill(14)).alias("税票号码"),
        pl.col("county").alias("参保地区划"),
        pl.lit("0").alias("退费标志"),
    )
    lines.write_csv(path, include_bom=True, compression="gzip", compression_level=6)
    return lines.height


def write_roster(path: Path, roster: pl.DataFrame, city: City) -> int:
    """A line for each insurance relation: three in a hundred people have one of each scheme; gzip where the name says
    so. The number of lines."""
    people = _in_no_order(roster, "roster", city)
    more = people.filter(city.draws.chance(pl.col("at"), "two relations", 0.03))
    lines = pl.concat([people.select(_roster_cells("390")), more.select(_roster_cells("310"))])
    lines.write_csv(path, compression="gzip" if path.suffix == ".gz" else "uncompressed")
    return lines.height


def _in_no_order(roster: pl.DataFrame, purpose: str, city: City) -> pl.DataFrame:
    """The insured with `at`, their place in the city, in an order that has nothing to do with it."""
    frame = roster.with_columns(at=pl.int_range(pl.len(), dtype=pl.Int64))
    return frame.sort(city.draws.bits(pl.col("at"), purpose))


def _roster_cells(scheme: str) -> list[pl.Expr]:
    return [
        pl.col("psn_no"),
        pl.lit("01").alias("psn_cert_type"),
        pl.col("certno"),
        pl.col("name").alias("psn_name"),
        pl.col("sex").alias("gend"),
        pl.col("birth").cast(pl.String).alias("brdy"),
        pl.lit("08").alias("naty"),
        pl.lit(scheme).alias("insutype"),
        pl.when("covered").then(pl.lit("1")).otherwise(pl.lit("2")).alias("psn_insu_stas"),
        pl.col("county").alias("insu_admdvs"),
        pl.col("village").alias("live_admdvs"),
        pl.lit("2019-01-01").alias("begn_date"),
        pl.lit("").alias("paus_date"),
        pl.when("dead").then(pl.lit("3")).otherwise(pl.lit("1")).alias("surv_stas"),
    ]


def _write_asked(path: Path, rows: pl.DataFrame, roster: pl.DataFrame) -> None:
    """certno and psn_no of some people on civil affairs' list, from its beginning (the delta's) to its end."""
    known = rows.filter(pl.col("kind") == "clean").select(person_key="truth").drop_nulls()
    chosen = known.gather_every(max(1, known.height // _ASKED)).head(_ASKED)
    found: list[dict[str, Any]] = chosen.join(roster, on="person_key").select("certno", "psn_no").to_dicts()
    path.write_text(json.dumps(found), "utf-8")
