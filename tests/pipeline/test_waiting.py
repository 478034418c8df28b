"""Who stays although a full list leaves them out: a row in doubt may be theirs."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl
import pytest

from tests.pipeline.forge import NUMBER, civil, csv_of, table
from tests.pipeline.rig import Rig

OTHER = "欧阳"


@pytest.fixture
def listed(settled: Rig, civil_csv: bytes) -> tuple[Rig, pl.DataFrame, int]:
    """A site that has taken a full list, its rows, and the place of one that nobody doubts and that goes on."""
    rows = table(civil_csv)
    sound = (
        pl.col(NUMBER).is_unique()
        & pl.col(NUMBER).str.contains(r"^\d{17}[\dX]$")
        & pl.col("姓名").str.contains(r"^[\u4e00-\u9fff]{2,3}$")
        & pl.col("停止日期").is_null()
        & (pl.col("救助类别") == "低保对象")
        & pl.col("保障类别").is_in(["A", "B", "C"])
    )
    (at, *_rest) = rows.with_row_index("at").filter(sound)["at"]
    return settled, rows, int(at)


def _damaged(number: str, name: str) -> dict[str, Mapping[str, str | None]]:
    rounded = f"{number[0]}.{number[1:15]}E+17"
    return {
        "zeros, no name": {NUMBER: number[:15] + "000", "姓名": ""},
        "rounded, no name": {NUMBER: rounded, "姓名": ""},
        "rounded, another name": {NUMBER: rounded, "姓名": OTHER},
        "cut, no name": {NUMBER: number[:17], "姓名": ""},
        "cut, another name": {NUMBER: number[:17], "姓名": OTHER},
        "cut, no surname": {NUMBER: number[:17], "姓名": name[1:]},
        "a digit lost, another name": {NUMBER: number[:10] + number[11:], "姓名": OTHER},
    }


@pytest.mark.parametrize("damage", list(_damaged("4" * 18, "某")))
def test_whom_a_damaged_row_may_mean_stays(listed: tuple[Rig, pl.DataFrame, int], damage: str) -> None:
    """A person whose row is so damaged that it comes to review keeps what they have, while it may be theirs."""
    rig, rows, at = listed
    before = rig.records()
    row: Mapping[str, Any] = rows.row(at, named=True)
    cells = _damaged(row[NUMBER], row["姓名"])[damage]
    _again(rig, rows, at, cells)
    assert before == rig.records()


def test_whose_name_stands_beside_somebody_elses_number_stays(listed: tuple[Rig, pl.DataFrame, int]) -> None:
    """A row with a person's name and the number of somebody else may be either's."""
    rig, rows, at = listed
    before, sound = rig.records(), rows.filter(pl.col(NUMBER).str.contains(r"^\d{17}[\dX]$"))
    others = sound.filter((pl.col(NUMBER) != rows[NUMBER][at]) & (pl.col("姓名") != rows["姓名"][at]))
    _again(rig, rows, at, {NUMBER: others[NUMBER][0], "户主身份证号": None})
    assert before == rig.records()


def _again(rig: Rig, rows: pl.DataFrame, at: int, cells: Mapping[str, str | None]) -> None:
    """The next day's full list, with these cells in that row; nothing else in it says who is meant."""
    quiet = {"出生日期": None, "救助证号": None, "性别": None}
    here = pl.int_range(pl.len()) == at
    told = {**quiet, **cells}
    said = [pl.when(here).then(pl.lit(value, pl.String)).otherwise(n).alias(n) for n, value in told.items()]
    civil(2, csv_of(rows.with_columns(said)), day=date(2026, 11, 2)).put(rig.outbox)
    rig.run(2)
