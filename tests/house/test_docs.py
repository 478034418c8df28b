"""What README and docs show is what there is: Python that runs, commands that exist, links that lead on."""

import importlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house import tree

FENCE = re.compile(r"^( *)```(\w*)[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(gateway [^`\n]+)`")
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)[^)]*\)")
#: A message that tells a person which command comes next names it so.
COMMAND_IN_TEXT = re.compile(r"(?<![\w./-])gateway ((?:--?[a-z]|[a-z])[a-z0-9-]*(?: [a-z][a-z-]*)?)")
COMMANDS = tree.ROOT / "gateway" / "cli" / "__init__.py"
SHELLS = {"sh", "bash", "console", "shell"}
PAGES = tuple(
    path for path in tree.files() if path.suffix == ".md" and path.parent in (tree.ROOT, tree.ROOT / "docs")
)


def blocks(page: Path, languages: set[str]) -> Iterator[tuple[int, str]]:
    """Line and text of each fenced block in one of the languages."""
    text = page.read_text("utf-8")
    for indent, language, body in ((m.group(1), m.group(2), m) for m in FENCE.finditer(text)):
        if language in languages:
            lines = (line.removeprefix(indent) for line in body.group(3).splitlines())
            yield text.count("\n", 0, body.start()) + 2, "\n".join(lines)


def commands(page: Path) -> Iterator[tuple[int, list[str]]]:
    """Line and words of each `gateway …` command of the page, in shell blocks and within sentences."""
    for start, body in blocks(page, SHELLS):
        for offset, line in enumerate(body.replace("\\\n", "  ").splitlines()):
            words = _words(line.strip().removeprefix("$ "))
            if words[:1] == ["gateway"]:
                yield start + offset, words[1:]
    text = FENCE.sub(lambda fence: "\n" * fence.group().count("\n"), page.read_text("utf-8"))
    for match in INLINE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, _words(match.group(1))[1:]


def _words(line: str) -> list[str]:
    """The command's words, up to a comment, pipe or redirection."""
    words = shlex.split(line, comments=True)
    return words[
        : next((i for i, word in enumerate(words) if word in {"|", ">", ">>", "&&", "&", ";"}), len(words))
    ]


def fault(words: list[str]) -> str | None:
    """What is wrong with the words after `gateway`; nothing if the command and all its options exist."""
    if not COMMANDS.is_file():
        return None
    command = _command_tree()
    flags, valued = {"--help"}, set[str]()
    rest = iter(words)
    for word in rest:
        name, _, value = word.strip("[]…").partition("=")
        _sort_options(command, flags, valued)
        if name.startswith("-") and name != "-":  # that is an argument
            if name not in flags | valued:
                return f"no option {name}"
            if name in valued and not value:
                next(rest, None)
        elif (below := getattr(command, "commands", None)) is not None:
            if any(part not in below for part in name.split("|")):
                return f"no command {name}"
            command = below[name.split("|")[0]]
    return None


def _sort_options(command: Any, flags: set[str], valued: set[str]) -> None:
    """Add the command's options to those without and those with a value."""
    for param in command.params:
        taken = flags if getattr(param, "is_flag", False) or getattr(param, "count", False) else valued
        taken.update(option for option in (*param.opts, *param.secondary_opts) if option.startswith("-"))


def _command_tree() -> Any:
    """The command line as a tree: a group has `commands`, each has `params`."""
    import typer.main

    cli = importlib.import_module("gateway.cli")
    apps = [value for value in vars(cli).values() if isinstance(value, typer.Typer)]
    inner = [group.typer_instance for app in apps for group in app.registered_groups]
    (root,) = (app for app in apps if app not in inner)
    return typer.main.get_command(root)


@pytest.mark.parametrize("page", PAGES, ids=tree.name)
def test_python_in_the_docs_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page's Python blocks run from top to bottom, in one namespace and an empty folder."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "docs"}
    for line, body in blocks(page, {"python"}):
        # The blank lines make a traceback name the line of the page.
        exec(compile("\n" * (line - 1) + body, str(page), "exec"), namespace)
    assert "docs" == namespace["__name__"]


@pytest.mark.parametrize("page", PAGES, ids=tree.name)
def test_commands_in_the_docs_exist(page: Path) -> None:
    """Each `gateway …` that a page shows is a command of the command line, with options that it has."""
    faults = [
        f"{tree.name(page)}:{line} {found}" for line, words in commands(page) if (found := fault(words))
    ]
    assert [] == faults


def test_commands_in_messages_exist() -> None:
    """Each `gateway …` that a message tells a person to run is a command."""
    faults = [
        f"{tree.name(path)}:{line} gateway {match.group(1)}: {found}"
        for path in tree.python_files("gateway", "plugins")
        for line, text in tree.texts(path)
        if tree.HAN.search(text)
        for match in COMMAND_IN_TEXT.finditer(text)
        if (found := fault(match.group(1).split()))
    ]
    assert [] == faults


def test_make_targets_in_the_docs_exist() -> None:
    """Each `make …` that a page shows is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (tree.ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    shown = {
        (tree.name(page), target)
        for page in PAGES
        for target in re.findall(r"(?:`|^\$? ?|=\d+ )make ([a-z]+)", page.read_text("utf-8"), re.MULTILINE)
    }
    assert set() == {(page, target) for page, target in shown if target not in targets}


@pytest.mark.parametrize("page", PAGES, ids=tree.name)
def test_links_in_the_docs_lead_somewhere(page: Path) -> None:
    """Each relative link of a page leads to a file or folder in the repository."""
    targets = LINK.findall(FENCE.sub("", page.read_text("utf-8")))
    assert [] == [target for target in targets if not (page.parent / target).exists()]
