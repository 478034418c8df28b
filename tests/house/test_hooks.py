"""A hook is documented, tested and used, or it is not there."""

import ast
import re
from pathlib import Path

from tests.house import tree

PLUGIN = tree.ROOT / "gateway" / "plugin"
HOOKSPECS = PLUGIN / "hookspecs.py"
MANUAL = tree.ROOT / "docs" / "plugins.md"


def hooks() -> set[str]:
    """The names of the hooks that the gateway specifies."""
    if not PLUGIN.is_dir():
        return set()
    return {function.name for function in tree.functions(HOOKSPECS) if function.name.startswith("gateway_")}


def mentioned(paths: tuple[Path, ...]) -> set[str]:
    """The hooks that a file's code names; a comment or docstring that contains the name does not count."""
    wanted = hooks()
    found: set[str] = set()
    for path in paths:
        for node in ast.walk(tree.tree(path)):
            if isinstance(node, ast.FunctionDef):
                found.add(node.name)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return wanted & found


def implemented() -> set[str]:
    """The hooks that a shipped plugin implements."""
    return hooks() & {
        function.name for path in tree.python_files("plugins") for function in tree.functions(path)
    }


def _manual() -> str:
    return MANUAL.read_text("utf-8") if hooks() else ""


def test_there_are_hooks() -> None:
    """Where there is a door for plugins there are hooks, where this file looks for them."""
    assert PLUGIN.is_dir() == bool(hooks())


def test_every_hook_has_a_heading() -> None:
    """docs/plugins.md has a heading for each hook, and for no hook that does not exist."""
    headings = re.findall(r"^#{2,}.*?\b(gateway_\w+)", _manual(), re.MULTILINE)
    assert hooks() == set(headings)


def test_every_hook_has_a_docstring() -> None:
    """A hook spec says when it is called, what its parameters are, and what may be raised."""
    assert [] == [
        function.name
        for path in tree.python_files("gateway")
        if path == HOOKSPECS
        for function in tree.functions(path)
        if function.name in hooks() and not ast.get_docstring(function)
    ]


def test_every_hook_is_tested() -> None:
    """Each hook occurs in a test besides this one."""
    tests = tuple(path for path in tree.python_files("tests") if path != Path(__file__).resolve())
    assert hooks() == mentioned(tests)


def test_every_hook_is_used() -> None:
    """Each hook is implemented by a plugin that we ship."""
    assert hooks() == implemented()
