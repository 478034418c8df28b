"""What people read is Chinese at its source, and English for whoever asks for it."""

import ast
import re
import string
from collections.abc import Iterator
from functools import cache

import typer.main
from typer.core import TyperGroup

from gateway import cli
from tests.house import tree
from tests.house.catalogue import compiled, messages, pairs, translations, wrapped

#: Joiners of words and clauses, which are punctuation and no sentence.
JOINERS = {"、", ",", ";", ":"}
#: Chinese that stays outside of `_`, and why.
ELSEWHERE = {
    "gateway/acts/sheets.py": "a worklist's words come back from the county's clerk",
    "gateway/acts/worklines.py": "the same",
    "gateway/acts/worklist.py": "the same",
    "gateway/deliver/results.py": "sentences of a table, see `catalogue.TABLES`",
    "gateway/model/cells.py": "what a spreadsheet in Chinese calls its errors",
    "gateway/model/outcomes.py": "receipts are the departments' contract; operators read them translated",
    "gateway/normalise/dates.py": "what stands in departments' lists",
    "gateway/normalise/names.py": "the same",
    "gateway/normalise/text.py": "the same",
    "plugins/civil_affairs.py": "headings of receipts",
    "plugins/insurance_platform.py": "how the platform's contract calls us",
    "plugins/rural_revitalization.py": "headings of receipts",
}
#: Folders whose Chinese is an invented city's, or a test server's.
INVENTED = ("gateway/demo/", "gateway/testing/")
#: Chinese words that an English sentence may hold.
CONTRACT = set[str]()
WIDE = re.compile(r"[\u3000-\u303f\u3400-\u9fff\uff00-\uffef]+")


def test_a_wrapped_text_is_a_constant() -> None:
    """`_` gets a plain string, which a catalogue can hold; values are filled in afterwards."""
    assert [] == [
        place
        for place, text in wrapped()
        if not (isinstance(text, ast.Constant) and isinstance(text.value, str))
        and not place.startswith("gateway/words.py")
    ]


def test_a_wrapped_text_is_chinese() -> None:
    """A text for operators and departments holds Chinese characters, or is a joiner of such texts."""
    assert [] == [
        place
        for place, text in wrapped()
        if isinstance(text, ast.Constant) and not tree.HAN.search(str(text.value)) and text.value not in JOINERS
    ]


def test_chinese_is_wrapped() -> None:
    """Where a file holds Chinese outside of `_`, it is listed with the reason, so no message is forgotten."""
    found = {tree.name(path) for path in tree.python_files("gateway", "plugins") if any(_bare(tree.tree(path)))}
    assert set(ELSEWHERE) == {name for name in found if not name.startswith(INVENTED)}


def _bare(node: ast.AST) -> Iterator[str]:
    """Chinese constants that are neither inside a call of `_` nor a docstring."""
    for child in ast.iter_child_nodes(node):
        is_wrapped = isinstance(child, ast.Call) and isinstance(child.func, ast.Name) and child.func.id == "_"
        is_docstring = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        if is_wrapped or is_docstring:
            continue
        if isinstance(child, ast.Constant) and isinstance(child.value, str) and tree.HAN.search(child.value):
            yield child.value
        yield from _bare(child)


def test_every_message_is_in_english() -> None:
    """The catalogue translates each message that the code says, and none that it no longer says: `make words`."""
    english = pairs(translations()).keys()
    assert (set(), set()) == (set(messages()) - english, english - set(messages()))


def test_the_compiled_catalogue_is_the_written_one() -> None:
    """`gateway.mo`, which is read, says what `gateway.po` says: `make words`."""
    assert pairs(translations()) == pairs(compiled())


def test_a_translation_has_the_same_fields() -> None:
    """Each `{field}` of a message stands in its translation, written the same way, and no other."""
    assert {} == {id: text for id, text in pairs(translations()).items() if _fields(id) != _fields(text)}


def _fields(text: str) -> list[tuple[str, str, str]]:
    parts = string.Formatter().parse(text)
    return sorted((name, spec or "", conversion or "") for _text, name, spec, conversion in parts if name is not None)


def test_a_translation_names_the_same_commands() -> None:
    """The commands and options that a message tells somebody to use are those of its translation; so is its indent."""
    assert {} == {id: text for id, text in pairs(translations()).items() if _commands(id) != _commands(text)}


def _commands(text: str) -> tuple[int, list[str]]:
    indent = len(text) - len(text.lstrip(" ")) if text.startswith("  ") else 0
    return min(indent, 4), sorted(_tool().findall(text))


@cache
def _tool() -> re.Pattern[str]:
    root = typer.main.get_command(cli.app)
    assert isinstance(root, TyperGroup)
    named = [f"{word} {below}" for word, one in root.commands.items() for below in getattr(one, "commands", ())]
    return re.compile(rf"--[a-z-]+|gateway (?:{'|'.join([*named, *root.commands])})\b")


def test_a_translation_is_english() -> None:
    """No Chinese character or full-width mark is left in a translation, but for words of the contract."""
    left = {found for text in pairs(translations()).values() for found in WIDE.findall(text)}
    assert set() == left - CONTRACT
