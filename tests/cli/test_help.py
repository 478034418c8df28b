"""Every command explains itself in Chinese, and stands in a file of its own."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from gateway import cli
from tests.house import tree


def commands(command: Any, name: str = "gateway") -> Iterator[tuple[str, Any]]:
    """Path and command, groups included."""
    yield name, command
    for word, below in getattr(command, "commands", {}).items():
        yield from commands(below, f"{name} {word}")


COMMANDS = list(commands(typer.main.get_command(cli.app)))
AGREED = {
    "audit", "cases", "config", "deliveries", "doctor", "explain", "holds", "import", "init", "keys", "outbox",
    "people", "plugins", "resync", "retention", "run", "runs", "serve", "sources", "status", "takebacks", "verify",
}  # fmt: skip


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=[name for name, _command in COMMANDS])
def test_help_is_chinese(name: str, command: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A command's help, and that of each of its parameters, is written in Chinese; `--help` shows it."""
    texts = {name: command.help, **{p.name: p.help for p in command.params}}
    assert [] == [key for key, text in texts.items() if not tree.HAN.search(text or "")]
    with pytest.raises(SystemExit) as end:
        command(["--help"], prog_name=name)
    assert 0 == end.value.code
    assert tree.HAN.search(capsys.readouterr().out)


def test_the_program_says_which_version_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Anywhere, without a site: that of the project's file."""
    with pytest.raises(SystemExit) as end:
        dict(COMMANDS)["gateway"](["--version"], prog_name="gateway")
    project = tomllib.loads((tree.ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert (0, f"gateway {project['version']}\n") == (end.value.code, capsys.readouterr().out)


def test_the_commands_are_those_agreed() -> None:
    """There is each command that the contract of the command line names, and no other."""
    assert AGREED == set(dict(COMMANDS)["gateway"].commands)


def test_one_file_per_command() -> None:
    """Each command stands in the file of its name."""
    folder = tree.ROOT / "gateway" / "cli"
    assert [] == [name for name in AGREED if not any((folder / f"{name}{suffix}.py").is_file() for suffix in ("", "_"))]
