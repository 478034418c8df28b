"""Columns by their kind: the quick way of usual cells is the patient way's equal."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.mappings import KINDS
from gateway.model.mapping import Column, ListMapping
from gateway.normalise.cells import per_value
from gateway.normalise.fields import fields_of, reading_of

CODES = {"f": {"A": "a", "低保对象": "低保", "1": "1"}}


def column(kind: str) -> Column:
    return Column(field="f", aliases=("列",), kind=kind)


MAPPING = ListMapping(plugin="p", title="t", format="csv", columns=(), codes=CODES, derive=(), faults=())
READ = [kind for kind in KINDS if kind not in ("name", "number", "text")]


@pytest.mark.parametrize("kind", READ)
@given(data=st.data())
def test_usual_cells_come_to_the_same_in_both_ways(kind: str, data: st.DataObject) -> None:
    """What a kind counts as usual says, read quickly, what the rules for any dirt make of it."""
    reading = reading_of(column(kind), MAPPING)
    usual = st.from_regex(reading.usual.replace("$", r"\Z"))
    cells = pl.Series([*data.draw(st.lists(usual, max_size=5)), *CODES["f"], "99991231", "20260230", None])
    cells = cells.filter(cells.str.contains(reading.usual).fill_null(value=True))
    patient = per_value(cells, *reading.patient)
    assert patient.to_dict(as_series=False) == per_value(cells, *reading.quick).to_dict(as_series=False)


@pytest.mark.parametrize("kind", KINDS)
def test_a_column_of_nothing_has_its_fields(kind: str) -> None:
    """No row, and a column without a single cell, give the same fields as any."""
    full = fields_of(column(kind), pl.Series("f", ["A", "x1", " 20260102 "]), MAPPING)
    for cells in ([], [None, None]):
        empty = fields_of(column(kind), pl.Series("f", cells, pl.String), MAPPING)
        assert [(s.name, s.dtype, len(cells)) for s in full] == [(s.name, s.dtype, s.len()) for s in empty]
