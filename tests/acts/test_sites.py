"""A new site's folder."""

import re
from pathlib import Path

import pytest

from gateway.acts import sites
from gateway.errors import KeyFault, NotAllowed, SettingsFault
from gateway.plugin.loader import load_plugins
from gateway.settings import load_settings
from gateway.vault import Keyring


def test_a_new_site_is_ready_but_for_its_peers(tmp_path: Path) -> None:
    """Folders, keys closed to others, and a configuration whose only faults are the peers that are not named yet."""
    root = tmp_path / "site"
    made = sites.create_site(root, actor="somebody")
    assert made == sites.list_keys(root)
    assert Keyring.load(root / "keys").signing_key.public.hex == made.public_key
    assert {"gateway.toml", ".gitignore", "keys", "mappings", "plugins", "var"} == {p.name for p in root.iterdir()}
    assert 0o700 == (root / "var").stat().st_mode & 0o777
    with pytest.raises(SettingsFault) as fault:
        load_settings(root, load_plugins())
    assert [] == [line for line in fault.value.what.splitlines()[1:] if not line.strip().startswith("[platform]")]


def test_the_examples_of_the_configuration_are_accepted(tmp_path: Path) -> None:
    """With every example switched on, the commented configuration is a sound one, with all four departments."""
    (tmp_path / "gateway.toml").write_text(re.sub(r"^#(?=\S)", "", sites.template(), flags=re.MULTILINE), "utf-8")
    settings = load_settings(tmp_path, load_plugins())
    assert {"civil_affairs", "disabled_federation", "rural_revitalization", "tax"} == set(settings.sources)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A configuration that exists is left alone, and so are keys."""
    made = sites.create_site(tmp_path, actor="somebody")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    with pytest.raises(NotAllowed):
        sites.create_site(tmp_path, actor="somebody")
    with pytest.raises(KeyFault):
        sites.create_keys(tmp_path, actor="somebody")
    assert before == {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    (tmp_path / "gateway.toml").unlink()
    assert made == sites.create_site(tmp_path, actor="somebody")
