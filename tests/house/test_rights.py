"""The table of rights is whole: every command is an act of it, and every act asks under a name that it has."""

import ast
from collections.abc import Iterator

import typer.main

from gateway.acts.rights import RIGHTS
from gateway.cli import app
from gateway.model.roles import Role
from tests.house import tree
from tests.house.test_reference import commands

#: Acts that an option makes of a command.
OPTIONS = {
    "preview": "gateway run --dry-run, gateway resync INSTANCE --dry-run",
    "preview.person": "gateway resync --person PERSON --dry-run",
    "resync.person": "gateway resync --person PERSON",
    "cases.unmask": "gateway cases show --unmask",
    "preview.import": "gateway import --dry-run",
    "takebacks.unmask": "gateway takebacks settlements --unmask",
    "keys.export.ask": "gateway keys export --ask",
    "keys.export.approve": "gateway keys export --approve",
    "keys.rotate.signing": "gateway keys rotate --signing",
    "keys.rotate.index": "gateway keys rotate --index",
    "retention.destroy": "gateway retention --destroy",
    "verify.repair": "gateway verify --repair",
    "verify.keep": "gateway verify --keep",
    "verify.replace": "gateway verify --replace",
}


def asked() -> Iterator[tuple[str, str]]:
    """Place and name of each act that asks under a name written there."""
    for path in tree.python_files("gateway"):
        for node in ast.walk(tree.tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "acting":
                for text in ast.walk(node.args[2]):
                    if isinstance(text, ast.Constant) and isinstance(text.value, str):
                        yield f"{tree.name(path)}:{node.lineno}", text.value


def test_every_command_is_an_act_of_the_table() -> None:
    """No command can be added without saying who may do it."""
    named = {words.removeprefix("gateway ").replace(" ", ".") for words in commands(typer.main.get_command(app))}
    assert set() == named - set(RIGHTS)
    assert set(OPTIONS) == set(RIGHTS) - named


def test_every_name_that_is_asked_under_is_in_the_table() -> None:
    """An act that asks under a name that the table does not have would fail in somebody's hands."""
    names = dict(asked())
    assert len(names) > 20
    assert [] == [place for place, name in names.items() if name not in RIGHTS]


def described(act: str) -> str:
    """The line of an act in the manual."""
    right = RIGHTS[act]
    roles = "all" if len(right.roles) == len(Role) else ", ".join(f"`{role.value}`" for role in right.roles)
    limits = ", ".join(name for name, counts in (("county", right.county), ("source", right.instance)) if counts)
    return f"| `{act}` | {roles}{', the daemon' if right.daemon else ''} | {limits or '–'} |"


def test_the_manual_has_the_table() -> None:
    """docs/people.md says of every act who may do it and by what that is limited, as the program does."""
    page = (tree.ROOT / "docs" / "people.md").read_text("utf-8")
    lines = page[page.index("| act |") :].partition("\n\n")[0].splitlines()[2:]
    assert [described(act) for act, right in RIGHTS.items() if not right.free] == lines
    assert [] == [act for act, right in RIGHTS.items() if right.free and f"`{act}`" not in page]
