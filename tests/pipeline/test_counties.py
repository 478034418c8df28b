"""Workbooks whose county is not what their name says, or is two by now: nobody loses what they hold."""

import io
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
import python_calamine as calamine
import xlsxwriter

from gateway.acts import holds
from gateway.errors import ExitCode
from tests.pipeline.conftest import NewRig
from tests.pipeline.forge import sums
from tests.pipeline.rig import Rig

RURAL = "rural_revitalization"
#: A county of which nobody has heard.
NEW = "451099"
Cells = Sequence[str | float]


@pytest.fixture
def listed(new_rig: NewRig) -> Rig:
    """A site that has taken the workbooks of the first day."""
    rig = new_rig(RURAL)
    rig.peers.stage(1)
    assert ExitCode.DONE == rig.run().exit_code
    return rig


def books(folder: Path) -> dict[str, Path]:
    """County -> its workbook, the largest first."""
    found = {path.name.split("_")[1]: path for path in folder.glob("*.xlsx")}
    return dict(sorted(found.items(), key=lambda one: -len(rows_of(one[1])[1])))


def rows_of(path: Path) -> tuple[Cells, list[Cells]]:
    """The header and the data rows of a workbook."""
    sheet = calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_name("监测对象信息").to_python()
    at = next(number for number, row in enumerate(sheet) if "证件号码" in row)
    end = next(number for number, row in enumerate(sheet) if row[0] == "合计")
    return sheet[at], sheet[at + 1 : end]  # type: ignore[return-value]  # texts and numbers


def written(header: Cells, rows: Sequence[Cells]) -> bytes:
    """A workbook of these rows."""
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory, {"in_memory": True}) as book:
        page = book.add_worksheet("监测对象信息")
        for at, row in enumerate((header, *rows)):
            for column, cell in enumerate(row):
                if isinstance(cell, str):
                    page.write_string(at, column, cell)
                else:
                    page.write(at, column, cell)
    return memory.getvalue()


def second_day(rig: Rig) -> Path:
    """The same workbooks for the next day, marks left out."""
    folder = rig.rural / "20261102"
    folder.mkdir()
    for path in (rig.rural / "20261101").glob("*.xlsx"):
        (folder / path.name.replace("20261101", "20261102")).write_bytes(path.read_bytes())
    return folder


def recoded(header: Cells, rows: Sequence[Cells], code: str) -> list[Cells]:
    """The rows with another county's code."""
    at = list(header).index("行政区划代码")
    return [[*row[:at], code + str(row[at])[6:], *row[at + 1 :]] for row in rows]


def all_released(rig: Rig) -> None:
    """Whatever waits is released."""
    for hold in holds.held(rig.site, actor="clerk"):
        digest = holds.shown(rig.site, hold.id, actor="colleague").digest
        for who in ("colleague", "second-colleague")[: hold.approvals]:
            holds.release(rig.site, hold.id, digest=digest, actor=who, note="区划调整")


@pytest.mark.parametrize("codes", ["old codes", "new codes"])
def test_a_county_that_is_two_by_now(listed: Rig, codes: str) -> None:
    """Half of its people come under a code of their own, with the old codes in their rows or new ones: nobody loses
    anything, neither before a person has looked at what is held nor once it is released."""
    before, folder = listed.records(), second_day(listed)
    county, path = next(iter(books(folder).items()))
    header, rows = rows_of(path)
    half = len(rows) // 2
    moved = rows[half:] if codes == "old codes" else recoded(header, rows[half:], NEW)
    path.write_bytes(written(header, rows[:half]))
    (folder / path.name.replace(county, NEW)).write_bytes(written(header, moved))
    sums(folder)
    listed.run(2)
    assert before == listed.records()
    all_released(listed)
    assert "applied" == listed.row("20261102").state
    assert before == listed.records()


def test_a_workbook_that_came_under_two_counties_names(listed: Rig) -> None:
    """The workbook of one county in the place of another's, among all others of its day: its people do not become the
    other's, and the other's lose nothing."""
    before, folder = listed.records(), second_day(listed)
    county, *_more, other = books(folder)
    small = books(folder)[other]
    small.write_bytes(books(folder)[county].read_bytes())
    sums(folder)
    assert ExitCode.HELD == listed.run(2).exit_code
    assert ("wrong_county", other) in {(h.kind, h.scope) for h in holds.held(listed.site, actor="clerk")}
    assert before == listed.records()
    shutil.copy(listed.rural / "20261101" / small.name.replace("20261102", "20261101"), small)
    sums(folder)
    listed.run(3)
    assert before == listed.records()


def test_mixed_up_workbooks_of_which_half_has_no_code_end_nobody(listed: Rig) -> None:
    """Whose rows they are, those that have a code say."""
    before, folder = listed.records(), second_day(listed)
    *_more, one, other = books(folder).values()
    (header, ones), (_header, others) = rows_of(one), rows_of(other)
    area = list(header).index("行政区划代码")
    for path, rows in ((one, others), (other, ones)):
        half = len(rows) // 2 + 1
        blank = [[*row[:area], "", *row[area + 1 :]] for row in rows[:half]]
        path.write_bytes(written(header, [*blank, *rows[half:]]))
    sums(folder)
    assert ExitCode.HELD == listed.run(2).exit_code
    assert {"wrong_county"} == {hold.kind for hold in holds.held(listed.site, actor="clerk")}
    assert before == listed.records()


def test_workbooks_without_codes_are_of_the_counties_that_they_name(listed: Rig) -> None:
    """Where no row says an area, no row says another county: nobody who leaves is held for it."""
    before, folder = listed.records(), second_day(listed)
    for path in books(folder).values():
        header, rows = rows_of(path)
        area = list(header).index("行政区划代码")
        path.write_bytes(written(header, [[*row[:area], "", *row[area + 1 :]] for row in rows[1:]]))
    sums(folder)
    assert ExitCode.DONE == listed.run(2).exit_code
    assert [] == listed.open_holds()
    assert before != listed.records()
