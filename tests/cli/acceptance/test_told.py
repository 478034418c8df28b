"""What commands tell in passing: what is empty says so, checks and kinds have Chinese names, next steps exist."""

import io
import json
from pathlib import Path

import pytest

from gateway.acts import actor
from gateway.model.roles import Role
from tests.acts.lived import Lived, copy, here, moved, opened
from tests.ledgers import ask

#: A day far enough ahead.
DAY = "2099-01-01"


def as_(role: Role, root: Path) -> Path:
    """Whoever runs the program has this role from now on."""
    with opened(root) as site:
        moved(site, actor(), role)
    return root


def test_what_is_empty_says_so(lived: Lived) -> None:
    """A table without rows, and a person of whom nothing is known, are not a heading alone."""
    told = here(lived.site, "outbox", "list", "--result", "999").out.splitlines()
    assert 2 == told.count("(无)")
    flagged = {field for record in lived.records() for field in record}
    others = (one["psn_no"] for one in lived.people() if one["psn_no"] not in flagged)
    seen = (here(lived.site, "explain", other).out.splitlines() for other in others)
    nothing = ["认定:无", "上传:无", "平台现有(经确认):无"]
    assert nothing == next(lines for lines in seen if "上传:无" in lines and "认定:" not in lines)[1:]


def test_a_source_that_is_none_is_named(lived: Lived) -> None:
    """No filter by a misspelt source finds nothing in silence."""
    for words in (["outbox", "list"], ["cases", "list"], ["deliveries"]):
        done = here(lived.site, *words, "--instance", "nobody")
        assert (1, "", True) == (done.code, done.out, "gateway sources" in done.err), words


def test_checks_and_runs_have_names(lived: Lived) -> None:
    """A person reads in Chinese what was checked and what a run was for; a script reads the stable word."""
    assert "[正常] 配置:配置文件没有错误" in here(lived.site, "doctor").out
    assert "settings" in {one["check"] for one in json.loads(here(lived.site, "doctor", "--json").out)["findings"]}
    assert "手工运行" in here(lived.site, "runs").out
    assert "run" in {one["kind"] for one in json.loads(here(lived.site, "runs", "--json").out)}


def test_a_value_is_shown_as_it_is_written(lived: Lived) -> None:
    """`config` shows what stands in the file, or would stand there, and not how the program keeps it."""
    shown = {one["key"]: one["value"] for one in json.loads(here(lived.site, "config", "--json").out)}
    assert ("true", "") == (shown["site.trial"], shown["platform.next_from"])


def test_the_next_signing_key_wants_its_day(lived: Lived, tmp_path: Path) -> None:
    """A signing key begins on a day that somebody named, since the platform must know it by then; a day without
    `--signing` rotates nothing."""
    root = as_(Role.SECURITY, copy(lived.site, tmp_path))
    before = (root / "keys" / "ring.json").read_bytes()
    for words in (["--signing"], ["--from", DAY], ["--signing", "--index", "--from", DAY]):
        assert 2 == here(root, "keys", "rotate", *words).code, words
    assert before == (root / "keys" / "ring.json").read_bytes()
    assert 0 == here(root, "keys", "rotate", "--signing", "--from", DAY).code


def test_next_steps_exist(lived: Lived, tmp_path: Path) -> None:
    """What an error says to do next can be done by whoever reads it, with the command that was given."""
    root, there = as_(Role.AUDIT, copy(lived.site, tmp_path)), tmp_path / "there"
    there.touch()
    assert "--out" not in here(root, "audit", "export", str(there)).err
    assert "gateway keys list" in here(root, "audit", "verify", str(there), "--key", "1234").err
    as_(Role.SECURITY, root)
    assert "audit list" not in here(root, "keys", "export", "--approve", "9", "--note", "核对").err


def test_who_may_is_a_sentence(lived: Lived, tmp_path: Path) -> None:
    """Of several roles that may, each is named, the last after 或."""
    root = as_(Role.CLERK, copy(lived.site, tmp_path))
    assert "(须为系统管理员、安全管理员或审计管理员)" in here(root, "people", "list").err


def test_what_is_decided_is_not_told_in_codes(lived: Lived, tmp_path: Path) -> None:
    """A hold that somebody dealt with says who did, and where to look, in Chinese."""
    root = copy(lived.site, tmp_path)
    assert 0 == here(root, "holds", "reject", "1", "--note", "名单不全").code
    told = here(root, "holds", "reject", "1", "--note", "名单不全").err
    assert f"已经处理过({actor()}) → 可用 gateway holds show 1 查看" in told


def test_nobody_is_not_the_only_candidate(lived: Lived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decision is about nobody whom an empty input, or a place that no candidate has, leaves open."""
    root = copy(lived.site, tmp_path)
    cases = [number for (number,) in ask(root, "SELECT id FROM cases WHERE state = 'open' ORDER BY id")]
    shown = {number: json.loads(here(root, "cases", "show", str(number), "--json").out) for number in cases}
    alone = next(number for number, case in shown.items() if 1 == len(case["candidates"]))
    monkeypatch.setattr("sys.stdin", io.StringIO())
    for named, told in (("-", "标准输入中没有人员"), ("2", "没有第 2 名候选人"), ("0", "没有第 0 名候选人")):
        done = here(root, "cases", "decide", str(alone), "same", "--person", named, "--note", "核对")
        assert (1, True) == (done.code, told in done.err), named
    assert [(0,)] == ask(root, "SELECT COUNT(*) FROM verdicts")
