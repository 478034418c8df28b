"""The manuals are complete: every setting, command, code, state, hook value and kind of column stands in its page."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from typing import Any

import pytest
import typer.main

from gateway.acts.advice import STATES
from gateway.cli import app
from gateway.mappings import FORMATS, KINDS
from gateway.model.frames import ENTRIES
from gateway.model.outcomes import DEPARTMENT_WORDS
from gateway.plugin.api import Fetched, Offer, PluginOptions, Session, Source
from gateway.plugin.loader import load_plugins
from gateway.settings import RetentionSettings, SharingSettings, SiteSettings, SourceSettings
from gateway.vault import KeySettings
from tests.house import tree

#: A refusal's code, as the places that refuse write it.
CODE = re.compile(r'(?:_refuse|_refused)\(\s*"(\w+)"|code="(\w+)"')
#: Fields of an entry that a mapping does not fill: its place in the delivery, and what columns come to.
OURS = {"row", "line", "part", "scope", "fault"}


def page(name: str) -> str:
    """A page of the manual."""
    return (tree.ROOT / "docs" / f"{name}.md").read_text("utf-8")


def missing(names: Iterable[str], text: str) -> list[str]:
    """Names that no code span of the page holds as a word."""
    spans = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", text))))
    return sorted(set(names) - spans)


def options() -> Iterator[type[PluginOptions]]:
    """The settings of every shipped plugin."""
    plugins = load_plugins()
    yield from (source.Options for source in plugins.sources.values())
    yield from (platform.Options for platform in plugins.platforms.values())


def refusals() -> set[str]:
    """Every code under which a delivery is refused."""
    texts = [path.read_text("utf-8") for path in tree.python_files("gateway", "plugins") if "peers" not in path.parts]
    found = {code for text in texts if "DeliveryRefused" in text for match in CODE.findall(text) for code in match}
    return found - {"", "code"}


def commands(command: Any, words: str = "gateway") -> Iterator[str]:  # typer's own tree
    """Every command of the command line, in words."""
    below = getattr(command, "commands", None)
    if below is None:
        yield words
        return
    for name, inner in below.items():
        yield from commands(inner, f"{words} {name}")


@pytest.mark.parametrize(
    "model",
    [SiteSettings, KeySettings, RetentionSettings, SourceSettings, SharingSettings, *options()],
    ids=lambda m: m.__name__,
)
def test_every_setting_is_described(model: type[SiteSettings]) -> None:
    """docs/operations.md has each setting of the site, of an instance and of every shipped plugin."""
    assert [] == missing(model.model_fields, page("operations"))


def test_every_command_is_described() -> None:
    """docs/operations.md has each command."""
    text = page("operations")
    assert [] == [words for words in commands(typer.main.get_command(app)) if f"`{words}" not in text]


def test_every_refusal_is_described() -> None:
    """docs/operations.md says of each code under which a delivery is refused what to do."""
    assert [] == missing(refusals(), page("operations"))


def test_there_are_refusals() -> None:
    """The codes are found where this file looks for them."""
    assert {"bad_manifest", "bomb", "digest_differs", "missing_column", "rows_differ"} <= refusals()


def test_every_state_is_described() -> None:
    """docs/operations.md has each state of a delivery, with the word that operators read."""
    text = page("operations")
    assert [] == [state for state, word in STATES.items() if f"| `{state}` {word} |" not in text]


def test_every_outcome_is_described() -> None:
    """docs/identity-rules.md has each outcome, with the word that departments read."""
    text = page("identity-rules")
    assert [] == [o for o, word in DEPARTMENT_WORDS.items() if f"| `{o.value}` | {word} |" not in text]


def test_what_an_author_uses_is_described() -> None:
    """docs/plugins.md has each member of a session, each method of a source, and each field of what they exchange."""
    members = {*Session.__annotations__, *(name for name in vars(Session) if not name.startswith("_"))}
    methods = {name for name, value in vars(Source).items() if callable(value) and not name.startswith("_")}
    values = {field.name for kind in (Offer, Fetched) for field in fields(kind)}
    assert [] == missing(members | methods | values, page("plugins"))


def test_what_a_mapping_may_say_is_described() -> None:
    """docs/plugins.md has each format and kind of column, and each field that a mapping fills."""
    filled = {name for name in ENTRIES if name not in OURS}
    columns = {"name_key", "number_state", "birth_from", "birth_to"}
    raw = {"raw_name", "raw_number", "raw_category"}  # of each column, as the page says of raw_<field>
    assert [] == missing({*FORMATS, *KINDS, *columns, *(filled - raw)}, page("plugins"))
