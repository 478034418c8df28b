"""A command that is called wrongly says in Chinese what is wrong and what is expected, and repeats nobody's number."""

import pytest
import typer.main

from gateway import cli

SOMEBODY = "110101199003070000"
#: Words that were typed -> what is said.
WRONG = {
    "explain": "缺少 PERSON",
    "cases decide 4 same": "缺少 --note",
    "explain A B": "参数比需要的多",
    f"explain A {SOMEBODY}": "参数比需要的多",
    f"{SOMEBODY}": "没有命令 ***",
    "keys --": "缺少命令,可选:init、list、status、rotate、destroy、passphrase、export",
    "runz": "没有命令 runz;是否要用 run、runs",
    "keys nothing": "没有命令 nothing",
    "sources --jsn": "没有选项 --jsn;是否要用 --json",
    f"sources --{SOMEBODY}": "没有选项 --***",
    "runs --limit": "选项 --limit 后面缺少值",
    "sources --json=1": "选项 --json 不带值",
    "runs --limit 0": "--limit 的值不对,应为不小于 1 的整数",
    f"cases show {SOMEBODY}0X": "CASE 的值不对,应为整数",
    "outbox retry A --note B": "CHANGE 的值不对,应为整数",
    "run --today 2026-13-01": "--today 的值不对,应写成 2026-11-05",
    "deliveries --state gone": "--state 的值不对,可选:landed、waiting、held、refused、applied",
    "people grant li nobody --note A": "ROLE 的值不对,可选:sysadmin、security、auditor、clerk、approver",
    "explain A --known-at B": "--known-at:应写成 2026-11-05 或 2026-11-05T10:30,北京时间",
    "cases list --state gone": "--state:只能是 open、later、closed",
}


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_misuse_is_told(number: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong, what would be right, the way to the help; exit code 2, and nobody's number."""
    monkeypatch.setenv("TERMINAL_WIDTH", "200")
    words, said = list(WRONG.items())[number]
    with pytest.raises(SystemExit) as end:
        typer.main.get_command(cli.app)(words.split(), prog_name="gateway")
    told = capsys.readouterr().err
    assert 2 == end.value.code
    assert said in told
    assert "--help" in told
    assert SOMEBODY not in told


def test_a_flag_has_no_value_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    """The help names what an option takes as the documentation does, and nothing for a flag; how to call is Chinese."""
    with pytest.raises(SystemExit):
        typer.main.get_command(cli.app)(["keys", "destroy", "--help"], prog_name="gateway")
    told = capsys.readouterr().out
    assert "用法:gateway keys destroy [选项] {KEY}" in told
    assert [] == [wrong for wrong in ("<bool>", "<str>", "Usage", "OPTIONS") if wrong in told.partition("╭─ 选项")[2]]
    assert "TEXT" in told
