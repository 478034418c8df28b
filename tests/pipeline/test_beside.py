"""What the list says and what the roster says, field by field."""

from datetime import date

import polars as pl
import pytest

from gateway.pipeline.beside import Agreement, compare, said
from tests.pipeline.forge import civil, csv_of, table
from tests.pipeline.rig import Rig

SAME, NEAR, OTHER, SILENT = Agreement.SAME, Agreement.NEAR, Agreement.OTHER, Agreement.SILENT
VILLAGE = "451022" + "103201"
NUMBER = "451022" + "19900102" + "1234"
ENTRY = {
    "name_key": "韦小明", "number": NUMBER, "birth_from": date(1990, 1, 2), "birth_to": date(1990, 1, 2), "sex": "1",
    "area": VILLAGE,
}  # fmt: skip
PERSON = {
    "name": "韦小明", "name_key": "韦小明", "certno": NUMBER, "number": NUMBER, "birth": date(1990, 1, 2), "sex": "1",
    "village": VILLAGE, "county": "451022",
}  # fmt: skip


def agreement(field: str, said: dict[str, object], *homes: str) -> Agreement:
    """Of one field, where the list says something else."""
    return {one.field: one.agreement for one in compare({**ENTRY, **said}, homes, PERSON)}[field]


def test_the_same_person_agrees_in_everything() -> None:
    """A row that says what the roster says agrees in every field."""
    assert {SAME} == {one.agreement for one in compare(ENTRY, (VILLAGE,), PERSON)}


@pytest.mark.parametrize(
    ("field", "said", "expected"),
    [
        ("name", {"name_key": "韦晓明"}, NEAR),
        ("name", {"name_key": "韦?明"}, NEAR),
        ("name", {"name_key": "韦大明"}, OTHER),
        ("name", {"name_key": None}, SILENT),
        ("number", {"number": NUMBER[:9] + "9" + NUMBER[10:]}, NEAR),
        ("number", {"number": NUMBER[:10] + NUMBER[11] + NUMBER[10] + NUMBER[12:]}, NEAR),
        ("number", {"number": NUMBER[:15] + "000"}, NEAR),
        ("number", {"number": NUMBER[:15]}, NEAR),
        ("number", {"number": "4.51022E+17"}, NEAR),
        ("number", {"number": "4.51023E+17"}, OTHER),
        ("number", {"number": "46" + NUMBER[2:8] + "8" + NUMBER[9:]}, OTHER),
        ("number", {"number": None}, SILENT),
        ("birth", {"birth_from": date(1990, 1, 1), "birth_to": date(1990, 1, 31)}, SAME),
        ("birth", {"birth_from": date(1990, 1, 9), "birth_to": date(1990, 1, 9)}, NEAR),
        ("birth", {"birth_from": date(1991, 1, 9), "birth_to": date(1991, 1, 9)}, OTHER),
        ("birth", {"birth_from": None, "birth_to": None}, SILENT),
        ("sex", {"sex": "2"}, OTHER),
        ("sex", {"sex": "9"}, SILENT),
        ("area", {"area": "451022"}, SAME),
        ("area", {"area": "451022" + "103202"}, NEAR),
        ("area", {"area": "451023" + "103201"}, OTHER),
        ("area", {"area": None}, SILENT),
        ("household", {}, SILENT),
    ],
)
def test_a_field_agrees_nearly_or_not(field: str, said: dict[str, object], expected: Agreement) -> None:
    """A slip of the pen is near, another thing is other, and what one side leaves out is silent."""
    assert expected == agreement(field, said)


def test_a_household_speaks_for_its_village() -> None:
    """Where others of the household live in the person's village they speak for it, and elsewhere against."""
    elsewhere = "451022" + "103299"
    assert SAME == agreement("household", {}, elsewhere, VILLAGE)
    assert OTHER == agreement("household", {}, elsewhere)


@pytest.mark.parametrize(("number", "known"), [("4500001", True), (" 4500001 ", True), ("待定", False), ("0", False)])
def test_a_household_is_known_by_its_number(civil_rig: Rig, civil_csv: bytes, number: str, known: bool) -> None:
    """Rows that share a word, or a 0, are no household, and say nothing of where it lives."""
    together = pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit(number)).otherwise(pl.lit(number.strip()))
    civil(1, csv_of(table(civil_csv).head(20).with_columns(together.alias("救助证号")))).put(civil_rig.outbox)
    civil_rig.run()
    (delivery,) = civil_rig.rows()
    (row,) = said(civil_rig.site, [(delivery, 1)]).values()
    assert known == bool(row.homes)
