"""A receipt has one row for every row received, in the department's own words."""

import polars as pl
import pytest

from gateway.feedback import receipt_rows
from gateway.model.frames import RESOLUTIONS
from gateway.model.outcomes import DEPARTMENT_WORDS, REASONS, Outcome
from gateway.plugin import csv_receipt
from gateway.plugin.api import RECEIPT
from tests.normalise.lists import civil, holders, rural
from tests.reconcile.people import A, outcomes, person, roster


def receipt(entries: pl.DataFrame, *said: tuple[str, str]) -> pl.DataFrame:
    """The receipt of entries that came to these outcomes and reasons."""
    numbered = entries.with_columns(row=pl.int_range(1, pl.len() + 1, dtype=pl.UInt32))
    found = pl.DataFrame(
        [{"row": i, "outcome": o, "reason": r} for i, (o, r) in enumerate(said, 1)], schema=RESOLUTIONS
    )
    return receipt_rows(numbered, found.reverse())


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_its_word(outcome: Outcome) -> None:
    """Each outcome is told in the word that the contract fixes."""
    assert [DEPARTMENT_WORDS[outcome]] == receipt(civil({}), (outcome.value, ""))["result"].to_list()


def test_rows_stand_as_received_and_in_order() -> None:
    """One row for each row received, in their order, with the cells as the department wrote them."""
    rows = receipt(
        civil({"姓名": " 韋\u3000某", "身份证号码": "'4510 22"}, {"救助类别": "低收入"}),
        ("review", "number_damaged"),
        ("invalid", "category_unknown"),
    )
    assert RECEIPT.names() == rows.columns
    assert [1, 2] == rows["row"].to_list() and [2, 3] == rows["line"].to_list()
    assert (" 韋\u3000某", "'4510 22") == rows.select("name", "number").row(0)
    assert ["低保对象", "低收入"] == rows["category"].to_list()
    assert [REASONS["number_damaged"], REASONS["category_unknown"]] == rows["reason"].to_list()


def test_each_department_gets_its_own_numbers() -> None:
    """户编号 and 人编号 go back to 乡村振兴, cert_no to 残联, as sent."""
    assert [("4500001", "450000101")] == receipt(rural({}), ("matched", "")).select("household", "source_id").rows()
    cert = A + "42B1"
    assert [cert] == receipt(holders({"cert_no": cert}), ("matched", ""))["source_id"].to_list()


def test_a_stop_that_was_applied() -> None:
    """停发 that was applied reads 已标识, 已终止."""
    city = roster(person(1, "韦伟", A))
    row = {"number": A, "name": "韦伟", "change": "stop"}
    (outcome, reason, _person), *_rest = outcomes(city, row)
    told = receipt(civil({}), (str(outcome), str(reason)))
    assert [("已标识", "已终止")] == told.select("result", "reason").rows()


def test_no_reason_is_without_a_sentence() -> None:
    """Every reason but «nothing to say» has a sentence for the department."""
    assert {"", "paid"} >= {code for code, sentence in REASONS.items() if not sentence}


def test_formulas_are_harmless() -> None:
    """Cells that a spreadsheet would take for a formula begin with a quote; the others are untouched."""
    rows = receipt(civil({"姓名": "=1+1"}, {"姓名": "韦某"}), ("matched", ""), ("matched", "")).select("row", "name")
    assert "行号,姓名\r\n1,'=1+1\r\n2,韦某\r\n" == csv_receipt(("行号", "姓名"), rows).decode("gb18030")
