"""`gateway cases` as clerks and scripts use it."""

import json
from pathlib import Path

import pytest

from tests.acts.lived import Lived, copy, here
from tests.ledgers import ask

OPEN = "SELECT id FROM cases WHERE state = 'open' AND code = ? ORDER BY id LIMIT 1"
#: 0, or 3: the site has a hold that is open.
SETTLED = {0, 3}


def case(root: Path, code: str) -> str:
    """The number of an open case of that reason."""
    return str(ask(root, OPEN, code)[0][0])


def test_a_case_is_shown_side_by_side(lived: Lived) -> None:
    """Each field stands beside the roster's with whether they agree, then what may be decided, with the commands."""
    number = case(lived.site, "name_differs")
    shown = here(lived.site, "cases", "show", number)
    assert 0 == shown.code, shown.err
    words = ("姓名", "证件号码", "出生日期", "性别", "地区(村)", "家庭户", "一致", "候选 1", "依据")
    assert [] == [word for word in words if word not in shown.out]
    verdicts = [f"gateway cases decide {number} {word}" for word in ("same", "different", "nobody", "later")]
    assert [] == [command for command in verdicts if command not in shown.out]


def test_a_case_is_decided_and_undone(lived: Lived, tmp_path: Path) -> None:
    """A decision and its undoing are told, settle the site, and stand in the case's history with who and why."""
    root = copy(lived.site, tmp_path)
    number = case(root, "number_changed")
    done = here(root, "cases", "decide", number, "same", "--person", "1", "--note", "户口簿相符", "--json")
    assert done.code in SETTLED, done.err
    assert "closed" == json.loads(done.out)["state"]
    undone = here(root, "cases", "undo", number, "--note", "看错了")
    assert undone.code in SETTLED, undone.err
    assert "已撤销" in undone.err
    shown = here(root, "cases", "show", number).out
    assert [] == [text for text in ("是此人", "户口簿相符", "撤销") if text not in shown]
    kinds = [row[0] for row in ask(root, "SELECT kind FROM runs ORDER BY id DESC LIMIT 2")]
    assert ["decision", "decision"] == kinds


def test_a_case_is_decided_for_the_next_run(lived: Lived, tmp_path: Path) -> None:
    """Where several are decided one after the other, each is written down and none settles by itself."""
    root = copy(lived.site, tmp_path)
    number, runs = case(root, "number_changed"), ask(root, "SELECT count(*) FROM runs")
    words = ("cases", "decide", number, "same", "--person", "1", "--note", "户口簿相符", "--no-settle")
    assert 0 == here(root, *words).code
    assert runs == ask(root, "SELECT count(*) FROM runs")
    assert [("same",)] == ask(root, "SELECT verdict FROM verdicts")


def test_a_case_is_put_off_and_listed_by_state_and_county(lived: Lived, tmp_path: Path) -> None:
    """What was put off leaves the list of open cases for that of its state, until its day, and settles nothing."""
    root = copy(lived.site, tmp_path)
    number, runs = case(root, "name_differs"), ask(root, "SELECT count(*) FROM runs")
    words = ("cases", "decide", number, "later", "--until", "2099-01-01", "--note", "等来函")
    assert 0 == here(root, *words).code
    assert runs == ask(root, "SELECT count(*) FROM runs")
    listed = {
        state: [str(c["id"]) for c in json.loads(here(root, "cases", "list", "--state", state, "--json").out)]
        for state in ("open", "later", "closed")
    }
    assert [number] == listed["later"]
    assert number not in listed["open"] and listed["closed"]
    county = ask(root, "SELECT county FROM cases WHERE id = ?", number)[0][0]
    of_county = json.loads(here(root, "cases", "list", "--all", "--county", county, "--json").out)
    assert {county} == {c["county"] for c in of_county} and number in {str(c["id"]) for c in of_county}
    assert "2099-01-01" in here(root, "cases", "list", "--state", "later").out


def test_a_list_of_cases_that_was_cut_says_so(lived: Lived, tmp_path: Path) -> None:
    """How many there are stands below it, and beside the JSON."""
    root = copy(lived.site, tmp_path)
    total = len(json.loads(here(root, "cases", "list", "--all", "--json").out))
    told = f"只显示最早的 2 项,共 {total} 项"
    assert total > 2 and "只显示" not in here(root, "cases", "list", "--all").out
    assert told in here(root, "cases", "list", "--all", "--limit", "2").out
    seen = here(root, "cases", "list", "--all", "--limit", "2", "--json")
    assert (2, True) == (len(json.loads(seen.out)), told in seen.err)


def test_cases_that_wait_too_long_are_counted(lived: Lived, tmp_path: Path) -> None:
    """Below the list and on the status screen stands how many wait for more than a month."""
    root = copy(lived.site, tmp_path)
    ask(root, "UPDATE cases SET opened_at = '2026-01-01 00:00:00.000000' WHERE id = ?", case(root, "name_differs"))
    for words in (["cases", "list"], ["status"]):
        assert "超过 30 天" in here(root, *words).out
        assert "超过 30 天" not in here(lived.site, *words).out


def test_whole_names_need_a_reason(lived: Lived, tmp_path: Path) -> None:
    """`--unmask` and `--reason` come together: each alone is refused and shows nothing; both are written down."""
    root = copy(lived.site, tmp_path)
    number = case(root, "name_differs")
    key = ask(root, "SELECT person_key FROM cases WHERE id = ?", number)[0][0]
    for words in (["--unmask"], ["--reason", "核对"]):
        refused = here(root, "cases", "show", number, *words)
        assert (1, "") == (refused.code, refused.out)
    assert [] == ask(root, "SELECT act FROM acts WHERE act LIKE 'case.%'")
    shown = json.loads(here(root, "cases", "show", number, "--unmask", "--reason", "核对", "--json").out)
    (mine,) = [c for c in shown["candidates"] if c["person_key"] == key]
    assert mine["psn_no"] in {p["psn_no"] for p in lived.people()}
    assert [("case.unmask",)] == ask(root, "SELECT act FROM acts WHERE act LIKE 'case.%'")


def test_a_flag_on_the_wrong_person_is_reported(lived: Lived, tmp_path: Path) -> None:
    """`explain` says the command that reports a row, and that command opens a case and says how to decide it."""
    root = copy(lived.site, tmp_path)
    key = ask(root, "SELECT person_key FROM recognitions WHERE known_to IS NULL ORDER BY id LIMIT 1")[0][0]
    explained = here(root, "explain", str(key)).out
    command = next(line for line in explained.splitlines() if "gateway cases report" in line)
    words = command.partition("gateway ")[2].split()[:4]
    done = here(root, *words, "--note", "来电反映")
    assert 0 == done.code, done.err
    assert "different" in done.out
    assert [("reported", key)] == ask(root, "SELECT code, person_key FROM cases WHERE subject LIKE 'told:%'")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["decide", "99999", "same", "--note", "无"], 1),
        (["decide", "1", "perhaps", "--note", "无"], 2),
        (["decide", "1", "same"], 2),
        (["undo", "99999", "--note", "无"], 1),
        (["report", "99999", "1", "--note", "无"], 1),
        (["list", "--state", "lost"], 2),
    ],
)
def test_what_cannot_be_is_refused(lived: Lived, words: list[str], code: int) -> None:
    """A wrong number, verdict or state is told in words, with the exit code of its kind."""
    done = here(lived.site, "cases", *words)
    assert (code, "") == (done.code, done.out)
    assert done.err and "Traceback" not in done.err
