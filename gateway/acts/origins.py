"""Where every value of a site's configuration comes from: a line of the file, the environment, or the default."""

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from gateway.settings import FILE, load_settings, plugins_of
from gateway.words import _

_TABLE = re.compile(r"^\s*\[([^\[\]]+)\]")
#: The password inside a database's address.
_PASSWORD = re.compile(r"(://[^:@/]*:)[^@/]*@")
_KEY = re.compile(r"^\s*([A-Za-z0-9_.\-\"]+)\s*=")


@dataclass(frozen=True, kw_only=True)
class Value:
    """One value of the configuration. Secrets are references; a password in an address is hidden."""

    key: str
    value: str
    origin: str


def configuration(root: Path) -> list[Value]:
    """All values, in the order of the sections. Raises SettingsFault with every fault of the file."""
    settings = load_settings(root, plugins_of(root))
    lines = _lines((root / FILE).read_text("utf-8"))
    found = [*_values("site", settings.site, lines), *_values("keys", settings.keys, lines)]
    found += _values("audit", settings.audit, lines)
    found += _values("retention", settings.retention, lines)
    found += _plain("platform.plugin", settings.platform_plugin, lines)
    found += _values("platform", settings.platform, lines)
    for name, instance in settings.sources.items():
        found += _values(f"sources.{name}", instance.settings, lines)
        found += _values(f"sources.{name}", instance.options, lines)
    return found


def _values(prefix: str, model: BaseModel, lines: Mapping[str, int]) -> Iterator[Value]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from _values(f"{prefix}.{name}", value, lines)
        else:
            yield from _plain(f"{prefix}.{name}", value, lines)


def _plain(key: str, value: Any, lines: Mapping[str, int]) -> Iterator[Value]:  # any setting's type
    line = lines.get(key) or lines.get(key.rpartition(".")[0])
    origin = _("{file} 第 {line} 行").format(file=FILE, line=line) if line else _("默认值")
    if isinstance(value, str) and value.startswith("env:"):
        there = _("已设置") if os.environ.get(value[4:]) else _("未设置")
        origin += _(",环境变量 {name}({there})").format(name=value[4:], there=there)
    yield Value(key=key, value=_PASSWORD.sub(r"\1***@", _written(value)), origin=origin)


def _written(value: Any) -> str:  # any setting's type
    """As it stands, or would stand, in `gateway.toml`; "" where nothing is set."""
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _lines(text: str) -> dict[str, int]:
    """Dotted key -> line. A table's own line is not a value's; an inline table's line is its keys' too."""
    found: dict[str, int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), start=1):
        if match := _TABLE.match(line):
            table = match[1].replace('"', "").replace(" ", "") + "."
        elif match := _KEY.match(line):
            found[table + match[1].replace('"', "")] = number
    return found
