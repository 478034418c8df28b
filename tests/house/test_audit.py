"""Nothing in the house changes or takes away what was recorded, and only one place writes it down."""

import ast
import re

from tests.house import tree

CHAIN = {"acts", "audit_checkpoints"}
WRITER = "gateway/store/audit.py"
#: A statement as text that writes to the chain.
RAW = re.compile(
    r"(?i)\b(?:update|(?:delete|drop|truncate)(?:\s+from|\s+table)?|(?:insert|replace)\s+into)\s+(?:acts|audit_checkpoints)\b"
)
#: The migration that made the chain, whose lines are never changed.
MADE = "gateway/store/migrations/versions/0013_audit.py"


def calls(verbs: set[str]) -> set[tuple[str, int]]:
    """File and line of each call that hands one of the chain's tables to such a function."""
    found = set()
    for path in tree.python_files("gateway", "plugins", "bench"):
        for node in ast.walk(tree.tree(path)):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute | ast.Name):
                continue
            verb = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            tables = {arg.attr for arg in node.args if isinstance(arg, ast.Attribute)}
            if verb in verbs and tables & CHAIN:
                found.add((tree.name(path), node.lineno))
    return found


def test_nothing_updates_or_deletes_an_entry() -> None:
    """No code hands the chain's tables to a statement that changes or deletes, and none spells one out."""
    verbs = {"update", "delete", "update_by_id", "delete_by_id", "upsert_from"}
    assert set() == calls(verbs)
    spelled = {
        (tree.name(path), line)
        for path in tree.python_files("gateway", "plugins", "bench")
        for line, text in tree.texts(path)
        if RAW.search(text)
    }
    assert set() == {place for place in spelled if place[0] != MADE}


def test_one_place_appends() -> None:
    """Entries and checkpoints are inserted by the audit chain's own file alone."""
    writers = {name for name, _line in calls({"insert", "insert_frame"})}
    assert {WRITER} == writers
