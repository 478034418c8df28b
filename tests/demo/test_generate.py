"""The written folder: its layout, that it is the same each time, and that its truth keeps the contract's
laws.
"""

import csv
import gzip
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import pyzipper
from python_calamine import CalamineWorkbook

from gateway.demo.generate import RECORD_COLUMNS, Manifest, generate
from gateway.demo.truth import CODES
from gateway.demo.write import ZIP_PASSWORD

PEOPLE, SEED = 1500, 7


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    return generate(tmp_path_factory.mktemp("city"), PEOPLE, SEED)


def table(path: Path) -> list[dict[str, str]]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


def civil_files(stem: Path) -> Iterator[tuple[str, bytes]]:
    with pyzipper.AESZipFile(stem.with_suffix(".zip")) as archive:
        archive.setpassword(ZIP_PASSWORD)
        for name in archive.namelist():
            yield name, archive.read(name)


def fingerprint(folder: Path) -> dict[str, str]:
    """Digests of all files; of an encrypted archive, of what is in it."""
    prints = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".zip":
            data = b"".join(content for _, content in civil_files(path))
        elif path.name.startswith("MZ_") and path.suffix == ".json":
            data = json.dumps(json.loads(path.read_text("utf-8")) | {"archive_sm3": ""}).encode()
        else:
            data = path.read_bytes() if path.is_file() else b""
        prints[str(path.relative_to(folder))] = hashlib.sha256(data).hexdigest()
    return prints


def test_determinism(made: Manifest, tmp_path: Path) -> None:
    """The same people, seed and dirt give the same files, and another seed gives others."""
    again = generate(tmp_path / "again", PEOPLE, SEED)
    assert fingerprint(made.folder) == fingerprint(again.folder)
    other = generate(tmp_path / "other", PEOPLE, SEED + 1)
    roster = "platform_and_tax/roster.csv.gz"
    assert fingerprint(made.folder)[roster] != fingerprint(other.folder)[roster]


def test_records_are_timelines(made: Manifest) -> None:
    """Per person and use the records follow each other without overlap, and no two neighbours say the
    same.
    """
    for day in (1, 2, 3):
        rows = table(made.folder / f"day{day}" / "truth_records.csv")
        assert list(RECORD_COLUMNS) == list(rows[0])
        for one, following in pairwise(rows):
            assert one["begntime"] < one["endtime"]
            if (one["psn_no"], one["idet_use"]) == (following["psn_no"], following["idet_use"]):
                assert one["endtime"] < following["begntime"]


def test_levels_are_whole(made: Manifest) -> None:
    """A level stands exactly where the code table has one."""
    levels = {"7019": {"A", "B", "C"}, "7069": {"1", "2"}}
    codes = {*CODES.values(), "7069"}
    for row in table(made.folder / "day3" / "truth_records.csv"):
        assert row["psn_idet_type"] in codes
        assert row["psn_type_lv"] in levels.get(row["psn_idet_type"], {""})


def test_the_dead_hold_nothing(made: Manifest) -> None:
    """Nobody whom the day's roster calls dead, or does not know, has a record."""
    for day, roster in ((1, "platform_and_tax"), (2, "day2"), (3, "day2")):
        alive = {
            row["psn_no"] for row in table(made.folder / roster / "roster.csv.gz") if row["surv_stas"] == "1"
        }
        holders = {row["psn_no"] for row in table(made.folder / f"day{day}" / "truth_records.csv")}
        assert set() == holders - alive


def test_every_row_has_its_truth(made: Manifest) -> None:
    """Each data row delivered stands once in the truth, under its file and number."""
    for day in range(1, made.days + 1):
        folder = made.folder / f"day{day}"
        counted = Counter(
            row["file"] for row in table(folder / "truth_rows.csv") if row["source"] != "platform"
        )
        assert dict(rows_delivered(folder)) == counted


def rows_delivered(folder: Path) -> Iterator[tuple[str, int]]:
    for manifest in folder.glob("mz/outbox/*.json"):
        for part in json.loads(manifest.read_text("utf-8"))["files"]:
            yield part["name"], part["rows"]
    for path in folder.glob("xczx/outbox/*/*.xlsx"):
        yield path.name, len(list(workbook_rows(path)))
    for path in folder.glob("holders.json"):
        yield path.name, len(json.loads(path.read_text("utf-8"))["holders"])


def workbook_rows(path: Path) -> Iterator[tuple[int, dict[str, object]]]:
    cells = (
        CalamineWorkbook.from_path(str(path))
        .get_sheet_by_name("监测对象信息")
        .to_python(skip_empty_area=False)
    )
    top = next(at for at, row in enumerate(cells) if {"姓名", "证件号码"} <= set(row))
    for at, row in enumerate(cells[top + 1 :], top + 2):
        if row[0] not in ("合计", "填表人:"):
            yield at, dict(zip(map(str, cells[top]), row, strict=True))


def test_rows_are_where_the_truth_says(made: Manifest) -> None:
    """A row's file and number in the truth lead to the name and number that it was sent with."""
    truth = {
        (row["file"], int(row["row"])): row["sent_name"]
        for row in table(made.folder / "day1" / "truth_rows.csv")
    }
    for path in (made.folder / "day1").glob("xczx/outbox/*/*.xlsx"):
        for number, cells in workbook_rows(path):
            assert truth[path.name, number] == cells["姓名"]
    serial = 0
    for name, data in civil_files(made.folder / "day1/mz/outbox/MZ_451000_20261101_F_0001.zip"):
        text = data.decode("utf-8-sig" if name.endswith("_2.csv") else "gb18030")
        for row in csv.DictReader(io.StringIO(text)):
            serial += 1
            clear = not any("\ue000" <= char <= "\uf8ff" for char in "".join(row.values()))
            assert not clear or truth[name, serial] == row.get("姓名", row.get("姓 名"))


def test_the_third_day_ends_nothing(made: Manifest) -> None:
    """The full list that leaves out half of its people is held, and nobody loses a record by it."""
    assert ("2026-11-03",) == made.held
    before, after = (
        {(row["psn_no"], row["idet_use"]) for row in table(made.folder / day / "truth_records.csv")}
        for day in ("day2", "day3")
    )
    assert set() == before - after
    ends = {row["endtime"] for row in table(made.folder / "day3" / "truth_records.csv")}
    assert "2026-11-01 23:59:59" in ends


def test_all_kinds_of_dirt_come(made: Manifest) -> None:
    """A dirty run has every kind of dirt, and the outcomes that they come to."""
    rows = [row for day in (1, 2) for row in table(made.folder / f"day{day}" / "truth_rows.csv")]
    kinds = {
        "clean", "id_format", "id_x", "id_invisible", "id_15", "id_certificate", "id_excel", "id_missing",
        "id_typo", "id_swap", "stranger_name", "head_id",
        "name_format", "name_variant", "name_rare", "bad_date",
        "bad_level", "bad_category", "outside", "no_identity", "doubled", "conflict", "lost",
    }  # fmt: skip
    assert kinds == {row["noise"] for row in rows}
    outcomes = {row["expect"].removesuffix("_or_review") for row in rows}
    assert {"matched", "no_identity", "duplicate", "review", "unmatched", "invalid", "deceased"} == outcomes


def test_clean(tmp_path: Path) -> None:
    """Without dirt every row is clean or about somebody whom no roster knows."""
    made = generate(tmp_path, 300, 3, dirt=0)
    rows = [row for day in (1, 2, 3) for row in table(tmp_path / f"day{day}" / "truth_rows.csv")]
    assert {"clean", "outside"} == {row["noise"] for row in rows}
    assert {"died_since", "grade_no_longer_severe"} >= {
        row["reason"] for row in table(tmp_path / "day3" / "truth_open.csv")
    }
    assert 3 == made.days


def test_samples_shape(tmp_path: Path) -> None:
    """In the samples' shape the fourth delta comes before the third, waits, and counts once the third is
    there.
    """
    made = generate(tmp_path, 1500, 3, shape="samples")
    assert 5 == made.days
    assert made.records[1] == made.records[2] < made.records[3]
    assert made.records[3] == made.records[4]
    assert [] == list((tmp_path / "day2").glob("roster.csv.gz"))


@pytest.mark.parametrize(
    ("people", "shape", "days"), [(10, "standard", 3), (300, "other", 1), (300, "standard", 4)]
)
def test_refusals(tmp_path: Path, people: int, shape: str, days: int) -> None:
    """Too few people, an unknown shape and too many days are refused before anything is written."""
    with pytest.raises(ValueError, match=r"people|shape"):
        generate(tmp_path / "none", people, 1, days=days, shape=shape)
    assert not (tmp_path / "none").exists()


def test_expenses_are_sums(made: Manifest) -> None:
    """The expense export is the sum of the settlements, and each settlement's parts add up."""
    folder, totals = made.folder / "platform_and_tax", Counter[str]()
    for row in table(folder / "settlements.csv.gz"):
        parts = ("hifp_pay", "hifmi_pay", "maf_pay", "othfund_pay", "psn_part_amt")
        assert cents(row["medfee_sumamt"]) == sum(cents(row[part]) for part in parts)
        totals[row["psn_no"]] += cents(row["medfee_sumamt"])
    assert totals == {row["psn_no"]: cents(row["medfee_sumamt"]) for row in table(folder / "expenses.csv.gz")}


def cents(yuan: str) -> int:
    return round(float(yuan) * 100)
