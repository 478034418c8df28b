"""What rows say, as settling takes them."""

import polars as pl
import pytest

from gateway.model.frames import RESOLUTIONS
from gateway.settle import statements, unresolved
from tests.normalise.lists import read, rural_rows, workbook


@pytest.mark.parametrize(
    ("cell", "number"), [(" 4500001 ", "4500001"), ("", None), ("0", None), ("无", None), ("-", None), ("待定", None)]
)
def test_the_sources_own_number_is_one(cell: str, number: str | None) -> None:
    """What two rows share that say nothing is no number by which the one could mean the other's person."""
    rows = rural_rows({"人编号": cell}, {"人编号": cell, "姓名": "", "证件号码": ""})
    entries = read(workbook(rows), "rural_revitalization", scope="451022").entries
    entries = entries.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.UInt32).alias("row"))
    came = [{"row": 1, "outcome": "matched", "person_key": 7}, {"row": 2, "outcome": "invalid"}]
    resolutions = pl.DataFrame(came, schema=RESOLUTIONS)
    assert [number] == statements(entries, resolutions)["source_id"].to_list()
    assert [number] == unresolved(entries, resolutions)["source_id"].to_list()
