"""The tree of errors, as drawn for people, is the tree of the classes."""

import ast
import re

from gateway import errors
from tests.house import tree

BRANCH = re.compile(r"^([│├└─ ]*)(\w+)(?:.*?\bexit (\d+))?", re.MULTILINE)


def drawn() -> list[tuple[int, str]]:
    """Depth and name of each line of the drawing, top to bottom."""
    return [(len(indent) // 4, name) for indent, name, _ in _lines()]


def _lines() -> list[tuple[str, str, str]]:
    assert errors.__doc__ is not None
    return BRANCH.findall(errors.__doc__.split("```")[1].strip("\n"))


def built(cls: type[Exception] = errors.GatewayError, depth: int = 0) -> list[tuple[int, str]]:
    """Depth and name of each class of `gateway.errors`, in the order of their definition."""
    below = [child for child in cls.__subclasses__() if child.__module__ == errors.__name__]
    return [(depth, cls.__name__), *(line for child in below for line in built(child, depth + 1))]


def test_the_drawing_is_the_tree() -> None:
    """What errors.py draws is what its classes inherit, in the same order."""
    assert built() == drawn()


def test_the_drawn_exit_codes_hold() -> None:
    """A branch ends a command with the exit code that is drawn beside it."""
    codes = {name: int(code) for _, name, code in _lines() if code}
    assert codes == {name: int(getattr(errors, name).exit_code) for name in codes}


def test_errors_are_defined_in_one_place() -> None:
    """No class derives from the gateway's errors outside errors.py, so that the drawing is complete."""
    ours = {name for _, name in built()}
    elsewhere = [
        f"{tree.name(path)}:{node.lineno} {node.name}"
        for path in tree.python_files("gateway", "plugins")
        if tree.name(path) != "gateway/errors.py"
        for node in ast.walk(tree.tree(path))
        if isinstance(node, ast.ClassDef)
        and any(ast.unparse(base).split(".")[-1] in ours for base in node.bases)
    ]
    assert [] == elsewhere
