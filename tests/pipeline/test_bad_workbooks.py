"""Workbooks that must not be used: their county is refused and visible, the other counties go on."""

import io
import os
import shutil
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from gateway.acts import look
from gateway.errors import ExitCode
from gateway.store import decisions
from tests.pipeline.conftest import NewRig
from tests.pipeline.forge import sums, workbook
from tests.pipeline.rig import Records, Rig, open_rig

DAY1, DAY2 = "20261101", "20261102"
HEADER = ["户编号", "人编号", "姓名", "证件类型", "证件号码", "户类型", "识别时间", "风险是否消除"]


def _bomb(workbook: bytes) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/sheet1.xml", bytes(34 << 20))
    return memory.getvalue()


def _lying(workbook: bytes) -> bytes:
    """Says that each member is small."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/worksheets/sheet1.xml", bytes(34 << 20))
        book.filelist[0].file_size = 100
    return memory.getvalue()


#: case → (code, what becomes of the county's workbook)
BAD: Mapping[str, tuple[str, Callable[[bytes], bytes]]] = {
    "no_sheet": ("no_sheet", lambda book: workbook("别的表", HEADER)),
    "no_column": ("missing_column", lambda book: workbook("监测对象信息", [h for h in HEADER if h != "户类型"])),
    "no_header": ("missing_column", lambda book: workbook("监测对象信息", ["甲", "乙"])),
    "garbage": ("unreadable", lambda book: os.urandom(3000)),
    "cut": ("unreadable", lambda book: book[: len(book) // 2]),
    "empty": ("unreadable", lambda book: b""),
    "bomb": ("bomb", _bomb),
    "lying": ("unreadable", _lying),
}


@pytest.fixture(scope="module")
def spoilt(city: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, ExitCode, dict[str, Path]]]:
    """A site that was visited while eight of twelve counties' workbooks were bad, each in its own way."""
    with open_rig(city, tmp_path_factory.mktemp("books"), "rural_revitalization") as rig:
        rig.peers.stage(1)
        folder = rig.rural / DAY1
        books = dict(zip(BAD, sorted(folder.glob("*.xlsx")), strict=False))
        for case, path in books.items():
            path.write_bytes(BAD[case][1](path.read_bytes()))
        sums(folder)
        yield rig, rig.run().exit_code, books


@pytest.mark.parametrize("case", BAD)
def test_a_bad_workbook_refuses_its_county(spoilt: tuple[Rig, ExitCode, dict[str, Path]], case: str) -> None:
    """A workbook that cannot be used is in the ledger by its name, refused, with a reason, and its bytes are kept."""
    rig, _code, books = spoilt
    name = f"{DAY1}/{books[case].name}"
    row = rig.row(name)
    assert ("refused", BAD[case][0]) == (row.state, row.code)
    assert row.message.rpartition(" → ")[2]
    assert books[case].read_bytes() == rig.originals(name)[books[case].name]


def test_the_other_counties_go_on(spoilt: tuple[Rig, ExitCode, dict[str, Path]]) -> None:
    """The run fails, the delivery is applied for the counties that are whole, and speaks for no other."""
    rig, code, books = spoilt
    row = rig.row(DAY1)
    counties = {path.name.split("_")[1] for path in (rig.rural / DAY1).glob("*.xlsx")}
    bad = {path.name.split("_")[1] for path in books.values()}
    assert (ExitCode.FAILED, "applied") == (code, row.state)
    assert counties - bad == set(row.scopes)
    assert row.rows == sum(row.outcomes.values()) > 0


def test_repaired_workbooks_are_taken(
    spoilt: tuple[Rig, ExitCode, dict[str, Path]], city: Path, quiet: Callable[..., Records]
) -> None:
    """With a new SHA256SUMS over repaired workbooks the platform comes to hold what it would have held at once."""
    rig, _code, _books = spoilt
    shutil.copytree(city / "day1" / "xczx" / "outbox" / DAY1, rig.rural / DAY1, dirs_exist_ok=True)
    assert ExitCode.DONE == rig.run().exit_code
    assert quiet("rural_revitalization") == rig.records()


def test_two_counties_workbooks_that_were_mixed_up_end_nobody(new_rig: NewRig) -> None:
    """Where two counties' workbooks stand under each other's names, however few people they have, those whom either
    leaves out wait for a person; the other counties go on."""
    rig = new_rig("rural_revitalization")
    rig.peers.stage(1)
    assert ExitCode.DONE == rig.run().exit_code
    before = rig.records()
    folder = rig.rural / DAY2
    shutil.copytree(rig.rural / DAY1, folder)
    books = [path.rename(folder / path.name.replace(DAY1, DAY2)) for path in sorted(folder.glob("*.xlsx"))]
    one, other = sorted(books, key=lambda path: path.stat().st_size)[:2]
    mixed_up = one.read_bytes(), other.read_bytes()
    for path, content in zip((other, one), mixed_up, strict=True):
        path.write_bytes(content)
    sums(folder)
    assert ExitCode.HELD == rig.run(2).exit_code
    assert before == rig.records()
    with rig.site.ledger.begin() as tx:
        found = {(hold.scope, hold.breach.kind) for hold in decisions.holds(tx)}
    assert {(path.name.split("_")[1], "wrong_county") for path in (one, other)} == found


@pytest.mark.parametrize(
    ("code", "spoil"),
    {
        "part_missing": lambda folder: [path.unlink() for path in folder.glob("*.xlsx")],
        "digest_differs": lambda folder: [path.write_bytes(b"PK\x03\x04") for path in folder.glob("*.xlsx")],
        "bad_manifest": lambda folder: (folder / "SHA256SUMS").write_text(f"{'0' * 64}  说明.txt\n"),
    }.items(),
)
def test_a_folder_that_is_nothing_of_what_it_promises_is_refused(
    new_rig: NewRig, code: str, spoil: Callable[[Path], object], quiet: Callable[..., Records], city: Path
) -> None:
    """A list of digests must be one, and something of what it lists must be there; a folder put right is taken."""
    rig = new_rig("rural_revitalization")
    rig.peers.stage(1)
    spoil(rig.rural / DAY1)
    assert ExitCode.FAILED == rig.run().exit_code
    row = rig.row(DAY1)
    assert ("refused", code) == (row.state, row.code)
    assert [] == [record for record in rig.records() if record[-1] == "rural_revitalization"]
    shutil.copytree(city / "day1" / "xczx" / "outbox" / DAY1, rig.rural / DAY1, dirs_exist_ok=True)
    assert ExitCode.DONE == rig.run().exit_code
    assert quiet("rural_revitalization") == rig.records()


def test_what_is_no_workbook_is_no_part(new_rig: NewRig, quiet: Callable[..., Records]) -> None:
    """A list of digests that also names a note, or itself as it was, is the word on its workbooks all the same."""
    rig = new_rig("rural_revitalization")
    rig.peers.stage(1)
    sums_file = rig.rural / DAY1 / "SHA256SUMS"
    others = "".join(f"{'0' * 64}  {name}\n" for name in ("SHA256SUMS", "说明.txt"))
    sums_file.write_text(sums_file.read_text("utf-8") + others, "utf-8")
    assert ExitCode.DONE == rig.run().exit_code
    assert quiet("rural_revitalization") == rig.records()


@pytest.mark.parametrize(
    ("code", "spoil"),
    {
        "digest_differs": lambda path: path.write_bytes(b"PK\x03\x04"),
        "part_missing": lambda path: path.unlink(),
    }.items(),
)
def test_a_workbook_that_is_not_the_promised_one_refuses_its_county(
    new_rig: NewRig, code: str, spoil: Callable[[Path], object], quiet: Callable[..., Records], city: Path
) -> None:
    """The other counties go on; put right it is taken under the same SHA256SUMS, and until then it is told once."""
    rig = new_rig("rural_revitalization")
    rig.peers.stage(1)
    book = min((rig.rural / DAY1).glob("*.xlsx"))
    whole, county = book.read_bytes(), book.name.split("_")[1]
    spoil(book)
    assert ExitCode.FAILED == rig.run().exit_code
    refused, row = rig.row(f"{DAY1}/{book.name}"), rig.row(DAY1)
    assert ("refused", code, "applied") == (refused.state, refused.code, row.state)
    assert county not in row.scopes and 1 < len(row.scopes)
    before = len(rig.rows())
    assert (ExitCode.DONE, before) == (rig.run().exit_code, len(rig.rows()))
    assert "无需处理" not in _advice(rig, refused.id)
    book.write_bytes(whole)
    assert ExitCode.DONE == rig.run().exit_code
    assert county in rig.row(DAY1).scopes
    assert "无需处理" in _advice(rig, refused.id)
    assert quiet("rural_revitalization") == rig.records()
    before = len(rig.rows())
    assert (ExitCode.DONE, before) == (rig.run().exit_code, len(rig.rows()))


def _advice(rig: Rig, number: int) -> str:
    """What an operator reads to do about that delivery."""
    return next(one.advice for one in look.received(rig.site, every=True, actor="clerk") if one.id == number)


def _open(rig: Rig) -> list[tuple[str, ...]]:
    """What the platform holds that goes on: whom a list of the day names by mistake keeps a period up to the day
    before."""
    return [record for record in rig.records() if record[5] > "2027"]


def test_the_list_that_is_seen_last_is_its_dates_word(new_rig: NewRig, city: Path) -> None:
    """A SHA256SUMS that says again what it said before another one is that date's word, once."""
    rig = new_rig("rural_revitalization")
    rig.peers.stage(1)
    assert ExitCode.DONE == rig.run().exit_code
    first, folder = _open(rig), rig.rural / DAY1
    book = min(folder.glob("*.xlsx"))
    whole, listed = book.read_bytes(), (folder / "SHA256SUMS").read_bytes()
    other = city / "day2" / "xczx" / "outbox" / DAY2 / book.name.replace(DAY1, DAY2)
    book.write_bytes(other.read_bytes())
    sums(folder)
    rig.run()
    assert first != _open(rig)
    book.write_bytes(whole)
    (folder / "SHA256SUMS").write_bytes(listed)
    rig.run()
    assert (first, 3) == (_open(rig), len(rig.rows(DAY1)))
    rig.run()
    assert 3 == len(rig.rows(DAY1))


def test_an_empty_county_is_held_and_the_others_are_not(new_rig: NewRig, city: Path) -> None:
    """A workbook with a header and no row is held for its county; a county without a workbook says nothing."""
    rig = new_rig("rural_revitalization")
    rig.peers.stage(1)
    rig.run()
    before = rig.records()
    row = rig.row(DAY1)
    county = sorted(row.scopes)[0]
    folder = rig.rural / DAY2
    folder.mkdir()
    (folder / f"XCZX_{county}_{DAY2}.xlsx").write_bytes(workbook("监测对象信息", HEADER))
    sums(folder)
    assert ExitCode.HELD == rig.run(2).exit_code
    assert [(DAY2, county)] == rig.open_holds()
    assert before == rig.records()
