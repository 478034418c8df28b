"""Rows whose names and numbers were lost: nobody leaves by a list with more of them than a list has."""

import re
from collections.abc import Callable
from datetime import date

import polars as pl
import pytest

from gateway.model.deliveries import FAILED, Manifest, Mode, PartPromise, ReadPart
from gateway.pipeline.reading import rows_lost
from gateway.store import decisions
from gateway.vault.sm import sm3_hex
from tests.pipeline.forge import Civil, civil, csv_of, table
from tests.pipeline.rig import Rig


@pytest.mark.one_in(2)
@pytest.mark.parametrize("files", [1, 7])
@pytest.mark.parametrize("number", [None, "４５１０２２０００１", "低保字第00123号"])
def test_who_is_lost_in_many_files_does_not_leave(
    civil_rig: Rig, civil_csv: bytes, files: int, number: str | None
) -> None:
    """Of a list of 77 rows six, however many files they are in, and however the households' numbers are written."""
    rows = table(civil_csv)
    if number:
        rows = rows.with_columns(救助证号=pl.lit(number) + pl.int_range(pl.len()).cast(pl.String))
    first = civil(1, csv_of(rows))
    first.put(civil_rig.outbox)
    civil_rig.run()
    before = civil_rig.records()
    lost = (pl.int_range(pl.len()) % 11 == 4) & (pl.int_range(pl.len()) < 66)
    kept = ("救助证号", "行政区划代码")
    second = rows.with_columns(
        pl.when(lost).then(pl.lit("")).otherwise(pl.col(name)).alias(name) for name in rows.columns if name not in kept
    )
    size = -(-rows.height // files)
    stem = "MZ_451000_20261102_F_0002"
    members = {f"{stem}_{n + 1}.csv": csv_of(second.slice(n * size, size)) for n in range(files)}
    promised = [{"name": name, "rows": table(csv).height, "sm3": sm3_hex(csv)} for name, csv in members.items()]
    delivery = civil(2, csv_of(second), day=date(2026, 11, 2), members=members, files=promised)
    delivery.put(civil_rig.outbox)
    civil_rig.run(2)
    with civil_rig.site.ledger.begin() as tx:
        assert [FAILED] == [hold.kind for hold in decisions.holds(tx, state="open")]
    told_of = [int(detail.split()[0]) for code, detail, _count in civil_rig.findings(delivery.stem) if code == FAILED]
    assert 6 <= sum(told_of)
    assert {row[0] for row in before} <= {row[0] for row in civil_rig.records()}


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    "broken",
    [
        pytest.param(lambda row: "," + row, id="a comma too many"),
        pytest.param(lambda row: row.replace(",", "", 1), id="a comma too few"),
        pytest.param(lambda row: re.sub(r"^((?:[^,]*,){3})[^,]*,[^,]*,", r"\1,,", row) + ",", id="nothing there"),
        pytest.param(lambda row: f'"{row}"', id="all in quotes"),
        pytest.param(lambda row: row.replace(",", "，"), id="other commas"),
        pytest.param(lambda row: row.replace(",", "\t"), id="tabs"),
    ],
)
def test_rows_whose_cells_are_other_columns_are_lost(
    civil_rig: Rig, civil_csv: bytes, broken: Callable[[str], str]
) -> None:
    """Where commas are too many or too few, what stands under name and number is another column's: who was meant does
    not leave."""
    before, _delivery = _with_six(civil_rig, civil_csv, broken)
    with civil_rig.site.ledger.begin() as tx:
        assert [FAILED] == [hold.kind for hold in decisions.holds(tx, state="open")]
    assert before <= {row[0] for row in civil_rig.records()}


def test_rows_that_run_together_are_lost(civil_rig: Rig, civil_csv: bytes) -> None:
    """Where a line's end is gone, whoever stands behind does not leave."""
    before, _delivery = _with_six(civil_rig, civil_csv, lambda row: f"{row}<end>")
    with civil_rig.site.ledger.begin() as tx:
        assert [FAILED] == [hold.kind for hold in decisions.holds(tx, state="open")]
    assert before <= {row[0] for row in civil_rig.records()}


@pytest.mark.parametrize("cut", [5, 8])
def test_a_row_that_a_line_break_cuts_in_two_is_not_lost(civil_rig: Rig, civil_csv: bytes, cut: int) -> None:
    """Who stands in its first part is told, and does not leave; the second part is nobody else."""
    within = re.compile(rf"^((?:[^,]*,){{{cut}}}[^,]*)")
    before, delivery = _with_six(civil_rig, civil_csv, lambda row: within.sub("\\1村东\n二组", row))
    assert FAILED not in [code for code, _detail, _count in civil_rig.findings(delivery.stem)]
    assert before <= {row[0] for row in civil_rig.records()}


def _with_six(rig: Rig, civil_csv: bytes, broken: Callable[[str], str]) -> tuple[set[str], Civil]:
    """A list, and the next day's, of whose 77 rows six are written otherwise: who was flagged between, and the second
    list. The head's columns come before the person's."""
    first = ["救助证号", "户主姓名", "户主身份证号", "姓名", "身份证号码"]
    content = csv_of(table(civil_csv).select(*first, pl.exclude(first)))
    civil(1, content).put(rig.outbox)
    rig.run()
    before = {row[0] for row in rig.records()}
    lines = content.decode("gb18030").splitlines()
    lines = [broken(line) if at % 11 == 5 and at < 66 else line for at, line in enumerate(lines)]
    text = "\r\n".join([*lines, ""]).replace("<end>\r\n", "")
    delivery = civil(2, text.encode("gb18030"), day=date(2026, 11, 2))
    delivery.put(rig.outbox)
    rig.run(2)
    return before, delivery


def test_a_list_that_says_again_what_was_held_is_held(civil_rig: Rig, civil_csv: bytes) -> None:
    """The same bytes of another day are not read again: that rows were lost is known of them."""
    rows = table(civil_csv)
    civil(1, civil_csv).put(civil_rig.outbox)
    civil_rig.run()
    before = {row[0] for row in civil_rig.records()}
    lost = pl.int_range(pl.len()) % 11 == 4
    content = csv_of(
        rows.with_columns(pl.when(lost).then(pl.lit("")).otherwise(name).alias(name) for name in ("姓名", "身份证号码"))
    )
    for day in (2, 3):
        civil(day, content, day=date(2026, 11, day)).put(civil_rig.outbox)
        civil_rig.run(day)
    with civil_rig.site.ledger.begin() as tx:
        assert [FAILED] * 2 == [hold.kind for hold in decisions.holds(tx, state="open")]
    assert before <= {row[0] for row in civil_rig.records()}


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        ([("", 77, 2)], set()),
        ([("", 77, 3)], {""}),
        ([("", 40, 1), ("", 40, 1)], set()),
        ([("", 40, 1), ("", 40, 1), ("", 40, 1), ("", 40, 1)], {""}),
        ([("", 300, 2), ("", 300, 2)], set()),
        ([("", 300, 3), ("", 300, 2)], {""}),
        ([("", 5, 5), ("", 2000, 0)], {""}),
        ([("", 40, 2), *[("", 40, 0)] * 99], set()),
        ([("451022", 40, 1), ("451081", 40, 1), ("451021", 40, 2)], {"451021"}),
        ([("451022", 40, 2), *[("451081", 40, 1)] * 4], {"451022", "451081"}),
    ],
    ids=[
        "few", "many", "few in two", "one in each of four", "as many as two have", "one more", "all of a small one",
        "two in one of a hundred",
        "of a county", "of two, each in its way",
    ],
)  # fmt: skip
def test_rows_are_counted_by_file_and_by_scope(parts: list[tuple[str, int, int]], found: set[str]) -> None:
    """A county's file that lost everybody is not made up for by the large ones, nor many that lost a few by each."""
    promised = tuple(PartPromise(name=str(at), scope=scope) for at, (scope, _rows, _lost) in enumerate(parts))
    manifest = Manifest(name="list", mode=Mode.FULL, business_date=date(2026, 11, 2), parts=promised)
    read = [
        ReadPart(name=str(at), rows=rows, basis="", remarks=(), lost=lost) for at, (_s, rows, lost) in enumerate(parts)
    ]
    assert found == rows_lost(manifest, read)
