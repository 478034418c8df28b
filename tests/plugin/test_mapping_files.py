"""Mapping files: a site's own goes first, and a fault in one shows before any list is read."""

from pathlib import Path

import pytest

from gateway.errors import SettingsFault
from gateway.mappings import MappingFiles

GOOD = """
title = "果园名单"
format = "csv"
[columns]
name = { aliases = ["姓名"], kind = "name", required = true }
sex = { aliases = ["性别"], kind = "code" }
[codes.sex]
"男" = "1"
[derive]
category = "'果园'"
[[faults]]
code = "category_unknown"
when = "category IS NULL"
"""


def mapping_of(folder: Path, text: str) -> object:
    """What the site's `orchard.toml` with this text is read as."""
    (folder / "orchard.toml").write_text(text, "utf-8")
    return MappingFiles(folder).list_mapping("orchard")


@pytest.mark.parametrize("plugin", ["civil_affairs", "rural_revitalization", "disabled_federation", "tax"])
def test_what_we_ship_is_sound(plugin: str) -> None:
    """Each shipped mapping passes the checks that a site's own must pass."""
    assert plugin == MappingFiles().list_mapping(plugin).plugin


def test_a_sites_own_goes_first(tmp_path: Path) -> None:
    """A file in the site's folder is read instead of the shipped one of that name; the others stay."""
    (tmp_path / "tax.toml").write_text(GOOD, "utf-8")
    assert "果园名单" == MappingFiles(tmp_path).list_mapping("tax").title
    assert "民政救助对象名单" == MappingFiles(tmp_path).list_mapping("civil_affairs").title


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('"csv"', '"dbf"', "dbf"),
        ('kind = "name"', 'kind = "nmae"', "nmae"),
        ("[codes.sex]", "[codes.gender]", "sex"),
        ('"category_unknown"', '"no_such_fault"', "no_such_fault"),
        ("category IS NULL", "category IS IS NULL", "IS"),
        ("\"'果园'\"", '"(1 +"', "SQL"),
        ('title = "果园名单"', "", "title"),
        ('title = "果园名单"', "title = ", "TOML"),
    ],
    ids=["format", "kind", "codes", "fault", "when", "derive", "missing", "toml"],
)
def test_a_fault_names_the_file_and_the_fault(tmp_path: Path, old: str, new: str, named: str) -> None:
    """A mapping by which no list could be read is a fault of the configuration, with the file and what is wrong."""
    with pytest.raises(SettingsFault, match=named) as raised:
        mapping_of(tmp_path, GOOD.replace(old, new))
    assert "mappings/orchard.toml" == raised.value.where


def test_an_unknown_place_is_a_fault() -> None:
    """A place without a policy file is a fault of the configuration that names the file."""
    with pytest.raises(SettingsFault) as raised:
        MappingFiles().policy("nowhere")
    assert "mappings/policies/nowhere.toml" == raised.value.where
