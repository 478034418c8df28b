"""What is installed is what is in the tree."""

import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from tests.house import tree

#: Folder in the tree: its name once installed.
SHIPPED = {"gateway": "gateway", "plugins": "gateway_plugins", "mappings": "gateway_mappings"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the tree, with nothing fetched."""
    copy, out = tmp_path_factory.mktemp("tree"), tmp_path_factory.mktemp("wheel")
    for path in tree.files():
        if tree.name(path).split("/")[0] in {*SHIPPED, "pyproject.toml", "setup.py", "README.md", "LICENSE"}:
            target = copy / path.relative_to(tree.ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(out)!r})"
    result = subprocess.run(
        [sys.executable, "-c", build], cwd=copy, capture_output=True, text=True, timeout=120
    )
    assert 0 == result.returncode, result.stderr
    return next(out.glob("*.whl"))


@pytest.mark.slow
def test_the_wheel_holds_every_shipped_file(wheel: Path) -> None:
    """Code, mappings, policies and migrations are all in the wheel, under their installed names."""
    held = set(zipfile.ZipFile(wheel).namelist())
    expected = set()
    for path in tree.files():
        folder, _, rest = tree.name(path).partition("/")
        if folder in SHIPPED and rest:
            expected.add(f"{SHIPPED[folder]}/{rest}")
    assert set() == expected - held


@pytest.mark.slow
def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    """No test, key or file of a workshop travels in the wheel."""
    tops = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert set() == {top for top in tops if not top.endswith(".dist-info")} - set(SHIPPED.values())


def modules() -> set[str]:
    """The plugins we ship, by their slugs."""
    return {path.stem for path in tree.python_files("plugins") if not path.name.startswith("_")}


def test_every_shipped_plugin_has_an_entry_point() -> None:
    """Each module in `plugins/` is found by its name once installed."""
    assert set() == modules() - {point.name for point in entry_points(group="gateway.plugins")}


def test_every_entry_point_loads() -> None:
    """The installed name of each plugin that we ship leads to code that can be imported."""
    ours = [point for point in entry_points(group="gateway.plugins") if point.name in modules()]
    assert {f"gateway_plugins.{slug}" for slug in modules()} == {point.load().__name__ for point in ours}
