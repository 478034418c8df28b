"""What people read is Chinese at its source, and can be translated."""

import ast
from collections.abc import Iterator

from tests.house import tree


def wrapped() -> Iterator[tuple[str, ast.expr | None]]:
    """Place and first argument of each call of `_` in what we ship."""
    for path in tree.python_files("gateway", "plugins"):
        for node in ast.walk(tree.tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_":
                yield f"{tree.name(path)}:{node.lineno}", node.args[0] if node.args else None


def test_a_wrapped_text_is_a_constant() -> None:
    """`_` gets a plain string, which a catalogue can hold; values are filled in afterwards."""
    assert [] == [
        place
        for place, text in wrapped()
        if not (isinstance(text, ast.Constant) and isinstance(text.value, str))
    ]


def test_a_wrapped_text_is_chinese() -> None:
    """A text for operators and departments holds Chinese characters."""
    assert [] == [
        place
        for place, text in wrapped()
        if isinstance(text, ast.Constant) and not tree.HAN.search(str(text.value))
    ]
