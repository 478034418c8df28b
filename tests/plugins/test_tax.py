"""Payments of a year are asked for while they may come: from the autumn before it until the spring after it."""

import csv
import gzip
import io
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from gateway.demo.generate import generate
from gateway.peers import retry
from gateway.pipeline.intake import visit
from gateway.store import deliveries
from tests.pipeline.rig import Rig, open_rig

TAX = "tax"


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small city."""
    folder = tmp_path_factory.mktemp("city")
    generate(folder, 300, 3, days=1)
    return folder


@pytest.fixture
def rig(city: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """A site with tax only."""
    monkeypatch.setattr(retry, "pause", lambda seconds: None)
    with open_rig(city, tmp_path, TAX) as opened:
        yield opened


def _paid(rig: Rig, *payments: tuple[str, str]) -> None:
    """The tax bureau has these payments: for which year, made on which day."""
    path = rig.peers.workdir / TAX / "payments.csv.gz"
    header, row, *_rest = csv.reader(io.StringIO(gzip.decompress(path.read_bytes()).decode("utf-8-sig")))
    rows = [
        {**dict(zip(header, row, strict=True)), "缴费年度": year, "缴费日期": day, "税票号码": f"{year}{day}{at}"}
        for at, (year, day) in enumerate(payments)
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, header, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_bytes(gzip.compress(text.getvalue().encode("utf-8-sig")))


def _visit(rig: Rig, today: date) -> list[str]:
    """What a visit takes; nothing goes wrong."""
    seen = visit(rig.site, rig.site.settings.sources[TAX], today)
    assert ([], []) == (seen.refused, seen.faults)
    return seen.taken


def _rows(rig: Rig) -> dict[str, int]:
    with rig.site.ledger.begin() as tx:
        return {row.name: row.rows for row in deliveries.select(tx, instance=TAX)}


def test_a_year_is_asked_for_from_the_autumn_before_to_the_spring_after(rig: Rig) -> None:
    """Each year has windows of its own, whole at first, and no payment is left out at the turn of the year."""
    _paid(rig, ("2026", "2025-10-01"), ("2027", "2026-11-01"))
    assert ["SW_2026_20250901_20261101_F", "SW_2027_20260901_20261101_F"] == _visit(rig, date(2026, 11, 1))
    _paid(rig, ("2026", "2025-10-01"), ("2027", "2026-11-01"), ("2027", "2026-12-31"), ("2026", "2026-12-31"))
    _visit(rig, date(2026, 12, 30))
    assert ["SW_2027_20261230_20270102", "SW_2026_20261230_20270102"] == _visit(rig, date(2027, 1, 2))
    # One was made on the day where two windows meet, and comes with either.
    assert [1, 1, 1, 1, 1] == [rows for rows in _rows(rig).values() if rows]


@pytest.mark.parametrize(("today", "years"), [(date(2026, 8, 31), 1), (date(2026, 7, 1), 1), (date(2026, 6, 30), 2)])
def test_a_year_without_payments_is_no_fault(rig: Rig, today: date, years: int) -> None:
    """A year of which nobody has paid anything is an empty list."""
    _paid(rig)
    taken = _visit(rig, today)
    assert {0} == set(_rows(rig).values())
    assert 1 <= len(taken) <= years
