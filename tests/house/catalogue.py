"""The English catalogue beside the messages of the code: `make words` brings the one in line with the other.

Takes the tree. Gives `gateway.po`, sorted by message, with what is new in it untranslated and what nobody says any
more gone, and the `gateway.mo` that `gettext` reads; lists what a translator has to do. A new message that is much like
an old one brings that one's translation along, marked `fuzzy`, which does not count until somebody takes the mark away.
"""

import ast
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

from gateway.words import LOCALE_DIR
from tests.house import tree

PO = LOCALE_DIR / "en" / "LC_MESSAGES" / "gateway.po"
MO = PO.with_suffix(".mo")
#: Files whose tables of sentences go into receipts as they are, and through `words.translated` to an operator.
TABLES = ("gateway/model/outcomes.py", "gateway/deliver/results.py")


def wrapped() -> Iterator[tuple[str, ast.expr | None]]:
    """Place and first argument of each call of `_` in what we ship."""
    for path in tree.python_files("gateway", "plugins"):
        for node in ast.walk(tree.tree(path)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_":
                yield f"{tree.name(path)}:{node.lineno}", node.args[0] if node.args else None


def messages() -> list[str]:
    """Every message that an operator may read."""
    constants = [text.value for _place, text in wrapped() if isinstance(text, ast.Constant)]
    said = {text for text in constants if isinstance(text, str)}
    tables = {text for name in TABLES for _line, text in tree.texts(tree.ROOT / name) if tree.HAN.search(text)}
    return sorted(said | (tables - _docstrings()))


def _docstrings() -> set[str]:
    """Of the files of tables: no sentence of a table, though an example in it may be Chinese."""
    nodes = [node for name in TABLES for node in ast.walk(tree.tree(tree.ROOT / name))]
    kinds = ast.Module | ast.ClassDef | ast.FunctionDef
    return {ast.get_docstring(node, clean=False) or "" for node in nodes if isinstance(node, kinds)}


def translations() -> Catalog:
    """The catalogue as a translator writes it."""
    with PO.open("rb") as file:
        return read_po(file, locale="en")


def compiled() -> Catalog:
    """The catalogue as `gettext` reads it."""
    with MO.open("rb") as file:
        return read_mo(file)


def pairs(catalogue: Catalog) -> dict[str, str]:
    """Message and translation; the heading, and what is fuzzy or empty, left out."""
    said = [one for one in catalogue if one.id and one.string and not one.fuzzy]
    return {str(one.id): str(one.string) for one in said}


def renew() -> list[Message]:
    """Writes both files; what has no translation, or a fuzzy one."""
    catalogue, template = translations(), Catalog()
    for message in messages():
        template.add(message)
    catalogue.update(template)
    # Nothing that differs from one day or person to the next: two who add words touch their own lines only.
    catalogue.creation_date = catalogue.revision_date = datetime(2026, 1, 1, tzinfo=UTC)
    catalogue.msgid_bugs_address = catalogue.last_translator = catalogue.language_team = ""
    with PO.open("wb") as file:
        write_po(file, catalogue, width=0, sort_output=True, ignore_obsolete=True, no_location=True)
    with MO.open("wb") as file:
        write_mo(file, catalogue)
    return [one for one in catalogue if one.id and (one.fuzzy or not one.string)]


def main() -> int:
    """Exit code 1 where something is left to translate."""
    left = renew()
    for one in left:
        print(f"{'fuzzy' if one.fuzzy else 'new'}: {one.id}")
    print(f"{len(pairs(compiled()))} messages in English, {len(left)} to translate in {tree.name(PO)}")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
