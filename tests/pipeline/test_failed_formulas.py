"""Workbooks in which formulas failed: whoever may be meant by such a row loses nothing."""

import io
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path

import pytest
import python_calamine as calamine
import xlsxwriter

from gateway.errors import ExitCode
from gateway.model.deliveries import FAILED
from gateway.store import decisions
from tests.pipeline.conftest import NewRig
from tests.pipeline.forge import civil, csv_of, sums, table
from tests.pipeline.rig import Rig

SHEET = "监测对象信息"
DAY1, DAY2 = "20261101", "20261102"
#: How many people's rows fail.
FEW = 5


def _failed(book: Path, which: Callable[[int], slice], error: str | None = "#N/A") -> bytes:
    """The county's workbook, in which formulas of some people's rows failed, or, where the error is empty, which they
    left; where there is None, it says no longer whose their rows are. `which`: of so many."""
    rows = calamine.CalamineWorkbook.from_path(str(book)).get_sheet_by_name(SHEET).to_python(skip_empty_area=False)
    header = next(at for at, row in enumerate(rows) if "姓名" in row)
    people = [at for at, row in enumerate(rows) if at > header and row[rows[header].index("姓名")]]
    failed = set(people[which(len(people))])
    whose = {rows[header].index(name) for name in ("姓名", "证件号码", "人编号")}
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory, {"in_memory": True}) as out:
        sheet = out.add_worksheet(SHEET)
        for at, row in enumerate(rows):
            for column, cell in enumerate(row):
                if at in failed and error:
                    sheet.write_formula(at, column, "=VLOOKUP(A1,B1:C2,2,0)", None, error)
                elif cell != "" and (at not in failed or (error is None and column not in whose)):
                    sheet.write(at, column, cell if isinstance(cell, str | float) else str(cell))
    return memory.getvalue()


@pytest.mark.parametrize(
    ("which", "error"),
    [
        (lambda people: slice(people - FEW, people), "#N/A"),
        (lambda _people: slice(2, 2 + FEW), "#N/A"),
        (lambda _people: slice(2, 2 + FEW), None),
    ],
    ids=["last", "among", "blank"],
)
def test_whoever_may_be_meant_by_a_failed_row_stays(
    new_rig: NewRig, city: Path, which: Callable[[int], slice], error: str | None
) -> None:
    """People whose rows hold nothing but errors, or nothing of who they are, have not left: whoever the county's list
    leaves out is held, while what it says counts; another county's people leave."""
    rig = new_rig("rural_revitalization")
    books = sorted((city / "day1" / "xczx" / "outbox" / DAY1).glob("*.xlsx"), key=lambda path: path.stat().st_size)
    other, book = books[-2:]
    county, beside = (path.name.split("_")[1] for path in (book, other))
    _put(rig, DAY1, {county: book.read_bytes(), beside: other.read_bytes()})
    assert ExitCode.DONE == rig.run().exit_code
    before = rig.records()
    left = _failed(other, lambda _people: slice(0, 3), "")
    _put(rig, DAY2, {county: _failed(book, which, error), beside: left})
    assert ExitCode.HELD == rig.run(2).exit_code
    assert [(DAY2, county)] == rig.open_holds()
    (told,) = [detail for code, detail, _count in rig.findings(DAY2) if code == FAILED]
    assert f"XCZX_{county}_{DAY2}.xlsx" in told
    ended = set(before) - set(rig.records())
    assert ended
    # The department mends its formulas: nobody else has left.
    _put(rig, "20261103", {county: book.read_bytes()})
    rig.run(3)
    assert "applied" == rig.row("20261103").state
    assert ended == set(before) - set(rig.records())


@pytest.mark.parametrize("column", ["户编号", "姓名", "证件号码"])
def test_a_county_whose_list_names_nobody_is_empty(new_rig: NewRig, city: Path, column: str) -> None:
    """A note that nothing has changed is nobody's row, wherever it stands: nobody leaves, however few they are."""
    rig = new_rig("rural_revitalization")
    book = min((city / "day1" / "xczx" / "outbox" / DAY1).glob("*.xlsx"), key=lambda path: path.stat().st_size)
    county = book.name.split("_")[1]
    _put(rig, DAY1, {county: book.read_bytes()})
    rig.run()
    before = rig.records()
    _put(rig, DAY2, {county: _noted(book, column, "说明:本月无变动")})
    assert ExitCode.HELD == rig.run(2).exit_code
    with rig.site.ledger.begin() as tx:
        assert [(county, "empty")] == [(hold.scope, hold.kind) for hold in decisions.holds(tx, state="open")]
    assert before == rig.records()


def test_a_text_with_a_note_and_nobody_is_empty(civil_rig: Rig, civil_csv: bytes) -> None:
    """Also where it is no row of the table at all."""
    civil(1, csv_of(table(civil_csv).head(15))).put(civil_rig.outbox)
    civil_rig.run()
    before = civil_rig.records()
    note = csv_of(table(civil_csv).clear()) + "说明:本月无变动\r\n".encode("gb18030")
    civil(2, note, day=date(2026, 11, 2)).put(civil_rig.outbox)
    assert ExitCode.HELD == civil_rig.run(2).exit_code
    with civil_rig.site.ledger.begin() as tx:
        assert ["empty"] == [hold.kind for hold in decisions.holds(tx, state="open")]
    assert before == civil_rig.records()


def _noted(book: Path, column: str, note: str) -> bytes:
    """The county's workbook with a note below its header, and nobody."""
    rows = calamine.CalamineWorkbook.from_path(str(book)).get_sheet_by_name(SHEET).to_python(skip_empty_area=False)
    header = next(row for row in rows if "姓名" in row)
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory, {"in_memory": True}) as out:
        sheet = out.add_worksheet(SHEET)
        sheet.write_row(0, 0, [str(cell) for cell in header])
        sheet.write_string(1, header.index(column), note)
    return memory.getvalue()


def _put(rig: Rig, day: str, books: Mapping[str, bytes]) -> None:
    """County → its workbook, delivered for that day."""
    folder = rig.rural / day
    folder.mkdir()
    for county, book in books.items():
        (folder / f"XCZX_{county}_{day}.xlsx").write_bytes(book)
    sums(folder)
