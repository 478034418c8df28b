"""Worklists: out to a clerk, filled in, and back."""

import json
import re
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from gateway.acts import cases, worklist
from gateway.acts.runs import Patience
from gateway.acts.worklist import Taken
from gateway.errors import GatewayError, NotAllowed, NotFound, SealBroken, TryLater
from gateway.model.verdicts import Verdict
from gateway.site import Site
from gateway.vault import Keyring
from gateway.vault.sealedfile import CHEAPEST
from tests import ledgers
from tests.acts.lived import Lived, copy, opened
from tests.acts.worklists import FIRST, PAGE, cells, edited, filled, locked, part, unlocked, with_cells
from tests.ledgers import ask
from tests.scan import files_of, leaks

DAY = date(2026, 11, 3)
COUNTY, CLERK, PASSWORD = "451081", "测试经办", "correct horse"
#: Places of columns in a row of the sheet.
NUMBER, ROW, PERSON, PERSONS, MARK = 0, 3, 13, 8, 37
#: An identity number, which no note keeps.
SOMEBODY = "451002" + "19900307" + "1234"
VERDICTS = "SELECT case_id, verdict, person_key, note, actor FROM verdicts ORDER BY id"
STYLES = "xl/styles.xml"
SAME, NOBODY, LATER = "是候选1", "都不是(名册无此人)", "暂缓"


@pytest.fixture
def root(lived: Lived, tmp_path: Path) -> Path:
    """A site all of whose cases are one county's."""
    site = copy(lived.site, tmp_path)
    ask(site, "UPDATE cases SET county = ?", COUNTY)
    return site


@pytest.fixture
def site(root: Path) -> Iterator[Site]:
    with opened(root) as site:
        yield site


@pytest.fixture
def file(site: Site, tmp_path: Path) -> Path:
    """A worklist that has just left."""
    return export(site, tmp_path / "list.xlsx")


def export(site: Site, out: Path) -> Path:
    worklist.export(site, COUNTY, CLERK, PASSWORD, reason="县区核查", actor="clerk", out=out)
    return out


def take(site: Site, file: Path, *, dry_run: bool = False) -> Taken:
    return worklist.take(site, file, CLERK, PASSWORD, actor="clerk", dry_run=dry_run, day=DAY)


def lines(file: Path) -> dict[int, list[str]]:
    """Row of the sheet -> its cells."""
    return dict(enumerate(cells(file, PASSWORD)[FIRST - 1 :], start=FIRST))


def persons(row: list[str]) -> int:
    """How many candidates a line has."""
    return sum(row[PERSON + at * PERSONS + 1] != "" for at in range(3))


def with_persons(file: Path, number: int) -> list[int]:
    return [line for line, row in lines(file).items() if persons(row) == number]


def test_answers_become_decisions(root: Path, site: Site, file: Path) -> None:
    """Each answer is a decision about its case, in the clerk's name through whoever brought it; the site settles once,
    lines without an answer stay open, and the same file again changes nothing."""
    rows, runs = lines(file), ask(root, "SELECT count(*) FROM runs")[0][0]
    (one, *_), (two, *_) = with_persons(file, 1), with_persons(file, 2)
    other = next(line for line in rows if line not in (one, two))
    answers = {one: ("不是候选1", "电话核实"), two: ("是候选2", f"调阅 {SOMEBODY}"), other: (LATER, "外出")}
    filled(file, PASSWORD, answers)
    done = take(site, file)
    assert (3, len(rows) - 3, 0, ()) == (done.taken, done.empty, done.before, tuple(done.refused))
    assert done.run is not None
    assert [] == done.run.faults
    written = {row[0]: row[1:] for row in ask(root, VERDICTS)}
    words = {one: "different", two: "same", other: "later"}
    for line, (answer, note) in answers.items():
        verdict, _key, text, actor = written[int(rows[line][NUMBER])]
        note = note.replace(SOMEBODY, "***")
        assert (words[line], f"{answer};{note}(清单 1,{CLERK} 填写)", "clerk") == (verdict, text, actor)
    chosen = rows[two][PERSON + PERSONS + PERSONS - 1]
    assert site.keyring.person_digest([chosen]) == [written[int(rows[two][NUMBER])][1]]
    again = take(site, file)
    assert (0, 3, 0, None) == (again.taken, again.before, len(again.refused), again.run)
    assert (3, runs + 1) == (len(ask(root, VERDICTS)), ask(root, "SELECT count(*) FROM runs")[0][0])


def test_a_worklist_shows_what_a_clerk_needs(lived: Lived, root: Path, file: Path) -> None:
    """The file has a line for each due case about whom a row means, with whole names and numbers of the roster; all
    but two cells a line are locked."""
    open_cases = ask(root, "SELECT id FROM cases WHERE state = 'open' AND code <> 'rows_conflict' AND row IS NOT NULL")
    rows = lines(file).values()
    assert {str(number) for (number,) in open_cases} == {row[NUMBER] for row in rows}
    shown = {row[PERSON + PERSONS - 1] for row in rows if persons(row)}
    assert set() == shown - {person["psn_no"] for person in lived.people()}
    assert shown
    page = part(unlocked(file, PASSWORD), PAGE)
    free = re.findall(rf'<c r="[BC]{FIRST}" s="([0-9]+)"/>', page)
    assert 1 == len(set(free)) == part(unlocked(file, PASSWORD), STYLES).count('locked="0"')
    assert {f"{letter}{line}" for letter in "BC" for line in lines(file)} == set(
        re.findall(rf'<c r="([A-Z]+[0-9]+)" s="{free[0]}"', page)
    )
    assert (1, len(rows)) == (page.count("<sheetProtection "), page.count("<dataValidation "))
    assert 0o600 == file.stat().st_mode & 0o777


def test_nobody_is_readable_on_the_disk(lived: Lived, root: Path, site: Site, file: Path) -> None:
    """Neither the file nor anything that the site keeps of it shows a name or a number, before and after answers."""
    wanted = {p["certno"] for p in lived.people()} | {p["psn_name"] for p in lived.people() if len(p["psn_name"]) > 2}
    inside = "".join(cell for row in lines(file).values() for cell in row)
    assert [] != [text for text in wanted if text in inside]
    assert {} == leaks(wanted, [file, *files_of(root)])
    filled(file, PASSWORD, {FIRST: (LATER, "电话核实")})
    take(site, file)
    assert {} == leaks(wanted, [file, *files_of(root)])


def test_leaving_is_written_down(root: Path, file: Path) -> None:
    """Who took whole names out, for which clerk and county, how many and why, stands among the acts; the password
    stands nowhere."""
    act, detail = ask(root, "SELECT act, detail FROM acts ORDER BY id DESC LIMIT 1")[0]
    said = json.loads(detail)
    assert ("worklist.export", COUNTY, CLERK, "县区核查") == (act, said["county"], said["clerk"], said["reason"])
    assert (len(lines(file)), 64) == (said["cases"], len(said["file_digest"]))
    assert {} == leaks([PASSWORD], files_of(root))


def test_a_tampered_line_is_refused_and_the_rest_taken(root: Path, site: Site, file: Path) -> None:
    """A line whose shown cells, or whose mark, are not what the site wrote is refused; its neighbours are taken."""
    rows = lines(file)
    first, second, third, fourth = [line for line, row in rows.items() if persons(row) and row[ROW + 1]][:4]
    filled(file, PASSWORD, {line: (LATER, "电话核实") for line in (first, second, third, fourth)})
    swapped = {f"AL{first}": rows[second][MARK], f"AL{second}": rows[first][MARK]}
    changed = {f"O{third}": "1", f"E{fourth}": rows[fourth][ROW + 1]}
    content = with_cells(unlocked(file, PASSWORD), {**swapped, **changed})
    done = take(site, locked(file, content, PASSWORD))
    assert {first, second, third} == {refusal.line for refusal in done.refused}
    assert {"本行内容被改动,或不属于这份清单"} == {refusal.reason for refusal in done.refused}
    assert [int(rows[fourth][NUMBER])] == [row[0] for row in ask(root, VERDICTS)]


def test_what_changed_meanwhile_is_refused(root: Path, site: Site, file: Path) -> None:
    """An answer about a case that somebody decided, that is closed, or that has other candidates now, is refused."""
    rows = lines(file)
    (changed, *_), (decided, closed, *_) = with_persons(file, 2), with_persons(file, 1)
    cases.decide(site, int(rows[decided][NUMBER]), Verdict.LATER, note="等待材料", actor="second-clerk", day=DAY)
    ask(root, "UPDATE cases SET state = 'closed' WHERE id = ?", rows[closed][NUMBER])
    number = int(rows[changed][NUMBER])
    cases.decide(site, number, Verdict.DIFFERENT, person="1", note="不是他", actor="second-clerk", settle=False)
    ask(root, "UPDATE cases SET state = 'open' WHERE id = ?", number)
    before = ask(root, VERDICTS)
    done = take(site, filled(file, PASSWORD, {line: (SAME, "电话核实") for line in (changed, decided, closed)}))
    reasons = {refusal.line: refusal.reason for refusal in done.refused}
    assert (0, {changed, decided, closed}) == (done.taken, set(reasons))
    assert "导出以后名单、名册或候选人有变化" == reasons[changed]
    assert {"这一项已经了结或暂缓"} == {reasons[decided], reasons[closed]}
    assert before == ask(root, VERDICTS)


@pytest.mark.parametrize(
    ("answer", "note", "reason"),
    [
        (SAME, "", "缺少备注"),
        (SAME, " ", "缺少备注"),
        ("是", "电话核实", "核查结果不是下拉列表中的选项"),
        ("是候选3", "电话核实", "核查结果不是下拉列表中的选项"),
        (NOBODY, "长" * 500, "备注过长"),
    ],
)
def test_a_bad_answer_is_refused(root: Path, site: Site, file: Path, answer: str, note: str, reason: str) -> None:
    """An answer without a note, or one that the list does not offer for the line, is refused, and says which line."""
    line = with_persons(file, 1)[0]
    done = take(site, filled(file, PASSWORD, {line: (answer, note)}))
    assert [(line, reason)] == [(refusal.line, refusal.reason) for refusal in done.refused]
    assert [] == ask(root, VERDICTS)


def test_a_line_that_stands_twice_is_refused(root: Path, site: Site, file: Path) -> None:
    """A case that is answered on two lines is decided by neither."""
    last = max(lines(file))
    filled(file, PASSWORD, {FIRST: (LATER, "电话核实")})

    def doubled(xml: str) -> str:
        start, end = xml.index(f'<row r="{FIRST}"'), xml.index(f'<row r="{FIRST + 1}"')
        below = xml[start:end].replace(f'{FIRST}"', f'{last + 1}"')
        return xml.replace("</sheetData>", f"{below}</sheetData>")

    done = take(site, locked(file, edited(unlocked(file, PASSWORD), doubled), PASSWORD))
    assert [FIRST, last + 1] == [refusal.line for refusal in done.refused]
    assert [] == ask(root, VERDICTS)


def test_what_was_undone_is_not_taken_again(root: Path, site: Site, file: Path) -> None:
    """An answer that somebody took back does not return with the same file."""
    line = with_persons(file, 1)[0]
    filled(file, PASSWORD, {line: (LATER, "电话核实")})
    assert 1 == take(site, file).taken
    cases.undo(site, int(lines(file)[line][NUMBER]), note="填错", actor="second-clerk", day=DAY)
    assert [(line, "这个答案采纳后已被撤销")] == [(r.line, r.reason) for r in take(site, file).refused]
    assert 1 == len(ask(root, VERDICTS))


def test_a_dry_run_tells_and_changes_nothing(root: Path, site: Site, file: Path) -> None:
    """A dry run says of each line what an import would do, and writes nothing."""
    one, other = with_persons(file, 1)[:2]
    filled(file, PASSWORD, {one: (SAME, "电话核实"), other: (SAME, "")})
    kept = [ask(root, f"SELECT * FROM {table}") for table in ("acts", "cases", "verdicts", "runs")]
    tried = take(site, file, dry_run=True)
    assert (1, [other], None) == (tried.taken, [refusal.line for refusal in tried.refused], tried.run)
    assert kept == [ask(root, f"SELECT * FROM {table}") for table in ("acts", "cases", "verdicts", "runs")]
    done = take(site, file)
    assert (tried.taken, tried.empty, tried.refused) == (done.taken, done.empty, done.refused)


def test_answers_outlive_a_busy_site(root: Path, site: Site, file: Path) -> None:
    """While another run goes on the answers are written down, and the same file again settles nothing twice."""
    filled(file, PASSWORD, {with_persons(file, 1)[0]: (SAME, "电话核实")})
    with opened(root) as other, other.lock(), pytest.raises(TryLater):
        worklist.take(site, file, CLERK, PASSWORD, actor="clerk", day=DAY, patience=Patience())
    again = take(site, file)
    assert (0, 1, 1) == (again.taken, again.before, len(ask(root, VERDICTS)))


@pytest.mark.parametrize(
    ("clerk", "password", "day", "fault"),
    [
        (CLERK, "wrong password", DAY, SealBroken),
        (CLERK, "", DAY, SealBroken),
        ("另一经办", PASSWORD, DAY, NotAllowed),
        (CLERK, PASSWORD, date(2200, 1, 1), NotAllowed),
    ],
)
def test_only_the_named_clerk_s_file_in_time_is_taken(
    root: Path, site: Site, file: Path, clerk: str, password: str, day: date, fault: type[GatewayError]
) -> None:
    """Another password, second-clerk, or a file out of date: the whole file is refused, and nothing is changed."""
    filled(file, PASSWORD, {FIRST: (LATER, "电话核实")})
    with pytest.raises(fault):
        worklist.take(site, file, clerk, password, actor="clerk", day=day)
    assert [] == ask(root, VERDICTS)


def test_another_site_s_file_is_refused(lived: Lived, root: Path, site: Site, file: Path, tmp_path: Path) -> None:
    """A worklist of another site, whose numbers are the same and whose key is not, is none of ours."""
    filled(file, PASSWORD, {FIRST: (LATER, "电话核实")})
    site.ledger.close()
    shutil.rmtree(ledgers.copied(root, tmp_path / "other") / "keys")
    keyring = Keyring.create(tmp_path / "other" / "keys", cost=CHEAPEST)
    # Else the ledger would not open under another site's keys.
    ask(tmp_path / "other", "UPDATE index_key SET key_id = ?", keyring.index.key_id)
    with opened(tmp_path / "other") as other, pytest.raises(NotAllowed):
        take(other, file)
    assert 1 == take(site, file).taken


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)])
def test_what_is_no_worklist_is_refused(site: Site, tmp_path: Path, content: bytes) -> None:
    """Whatever else is handed over is refused in words."""
    (tmp_path / "x.xlsx").write_bytes(content)
    with pytest.raises(SealBroken):
        take(site, tmp_path / "x.xlsx")
    with pytest.raises(NotFound):
        take(site, tmp_path / "nothing.xlsx")


def test_a_file_without_its_password_is_refused(site: Site, file: Path) -> None:
    """A worklist that a clerk saved without a password is refused, though all that stands in it is ours."""
    file.write_bytes(unlocked(file, PASSWORD))
    with pytest.raises(SealBroken, match="没有加密"):
        take(site, file)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"county": "999999"}, NotFound),
        ({"county": "百色"}, NotAllowed),
        ({"clerk": " "}, NotAllowed),
        ({"clerk": "长" * 33}, NotAllowed),
        ({"clerk": SOMEBODY}, NotAllowed),
        ({"password": "nine char"}, NotAllowed),
        ({"reason": " "}, NotAllowed),
        ({"actor": ""}, NotAllowed),
    ],
)
def test_an_export_without_its_conditions_leaves_nothing(
    root: Path, site: Site, tmp_path: Path, change: dict[str, str], fault: type[GatewayError]
) -> None:
    """Without a county that has cases, one clerk, a password of ten characters and a reason, no file is made."""
    wanted = {"county": COUNTY, "clerk": CLERK, "password": PASSWORD, "reason": "县区核查", "actor": "clerk"}
    with pytest.raises(fault):
        worklist.export(site, **{**wanted, **change}, out=tmp_path / "list.xlsx")
    assert not (tmp_path / "list.xlsx").exists()
    assert [(0,)] == ask(root, "SELECT count(*) FROM worklists")


def test_no_file_is_overwritten(root: Path, site: Site, file: Path) -> None:
    """A file that is there stays, and the worklist that found no place was never written down."""
    content = file.read_bytes()
    with pytest.raises(NotAllowed):
        export(site, file)
    assert content == file.read_bytes()
    assert [(1,)] == ask(root, "SELECT count(*) FROM worklists")
