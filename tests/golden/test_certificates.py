"""One person with two disability certificates, the older of a grade that gives nothing."""

import json
from datetime import date
from typing import Any

import polars as pl
import pytest

from gateway.mappings import MappingFiles
from gateway.model.deliveries import Mode
from gateway.normalise import normalise, number_rows
from gateway.reconcile import link, resolve
from gateway.settle import Limits, Said, fold, statements, unresolved
from tests.golden.test_deliveries import CITY, NUMBERS
from tests.settle.said import MONTHS, nobody

LIST = MappingFiles().list_mapping("disabled_federation")
FIRST, SECOND = date(2026, 11, 1), date(2026, 11, 3)


def certificate(end: str, grade: str, issued: str, **more: str) -> dict[str, Any]:
    """A holder as the federation has them, with a certificate of that grade."""
    return {
        "cert_no": NUMBERS["韦伟"] + end, "name": "韦伟", "sex": "1", "types": ["4"], "grade": grade, "hukou": "2",
        "area": "451022101201", "status": "1", "issued": issued, "expires": None, "updated_at": issued, **more,
    }  # fmt: skip


OLD, NEW = certificate("43", "3", "2015-05-06"), certificate("41B1", "1", "2026-10-10")
#: Something about the old one changed.
CHANGED = {**OLD, "updated_at": "2026-11-02"}


def said(number: int, day: date, mode: Mode, *holders: dict[str, Any]) -> Said:
    """What a delivery of these holders says."""
    content = json.dumps(holders).encode()
    part = normalise(content, LIST, part="p", scope="", business_date=day, delta=mode is Mode.DELTA)
    entries = number_rows([part.entries])
    claims = entries.with_columns(instance=pl.lit("here"), delivery=number)
    found = resolve(entries, link(claims, CITY), statements=True)
    return Said(
        delivery=number, mode=mode, business_date=day, sequence=number, scopes=("",),
        rows=statements(entries, found), unresolved=unresolved(entries, found),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "holders", "last"),
    [
        (Mode.DELTA, [CHANGED], None),
        (Mode.DELTA, [{**CHANGED, "status": "2"}], None),
        (Mode.DELTA, [{**CHANGED, "status": "6"}], date(2026, 11, 1)),  # they died, whatever else they held
        (Mode.DELTA, [certificate("43B2", "3", "2026-11-02")], date(2026, 11, 1)),
        (Mode.FULL, [CHANGED, NEW], None),
        (Mode.FULL, [CHANGED, {**NEW, "grade": "9"}], None),  # nobody knows what the newer one says
        (Mode.FULL, [CHANGED], date(2026, 11, 1)),
    ],
    ids=["changed", "struck-off", "died", "regraded", "both", "the-newer-in-doubt", "the-older-alone"],
)
def test_an_older_certificate_ends_what_it_may(mode: Mode, holders: list[dict[str, Any]], last: date | None) -> None:
    """What it never gave it takes from nobody who may hold a newer one."""
    both, then = said(1, FIRST, Mode.FULL, OLD, NEW), said(2, SECOND, mode, *holders)
    for lists, end in (([both], None), ([both, then], last)):
        found = fold(lists, limits=Limits(), decided={}, may_name=nobody, months=MONTHS).state.recognitions
        assert [("1", date(2026, 10, 10), end)] == found.select("level", "first", "last").rows()
