"""The threat model names tests that there are."""

import re

from tests.house import tree

PAGE = (tree.ROOT / "docs" / "threat-model.md").read_text("utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)(?:::(\w+))?`")
ROWS = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| room", "| ---"))]


def test_every_threat_names_a_test() -> None:
    """Each row of the table ends in the name of a file of tests, or of one test in it."""
    assert [] == [row for row in ROWS if not NAMED.search(row.rsplit("|", 2)[1])]
    assert ROWS


def test_the_named_tests_exist() -> None:
    """Whoever renames a test renames it here too."""
    missing = [
        f"{file}::{test}"
        for file, test in NAMED.findall(PAGE)
        if not (tree.ROOT / file).is_file()
        or (test and test not in {function.name for function in tree.functions(tree.ROOT / file)})
    ]
    assert [] == missing
