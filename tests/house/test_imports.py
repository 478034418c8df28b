"""Who may import whom: the contracts in pyproject.toml hold, leave nobody out, and can fail."""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.house import tree
from tests.house.import_rules import imports_between, imports_beyond, imports_past_doors

CONFIGURATION = tomllib.loads((tree.ROOT / "pyproject.toml").read_text("utf-8"))
CONTRACTS = CONFIGURATION["tool"]["importlinter"]["contracts"]
SHIPPED = ("gateway", "gateway_plugins")
#: Parts of the house that no rule needs to name, since the rules of others bind them.
FREE = {
    "gateway.acts": "the rules of rooms and doors say what an act cannot reach",
    "gateway.mappings": "reads what lists mean, for plugins and the site",
    "gateway.settings": "reads the site's configuration, for bootstrap and whoever shows it",
    "gateway.site": "what an open site hands to whoever works for it",
    "gateway.words": "the door to translated texts",
}


def graph(*imports: tuple[str, str]) -> grimp.ImportGraph:
    """A small graph of imports, for a law to judge; what is not called gateway is foreign."""
    small = grimp.ImportGraph()
    for module in sorted({module for pair in imports for module in pair}):
        small.add_module(module, is_squashed=not module.startswith("gateway"))
    for importer, imported in imports:
        small.add_import(importer=importer, imported=imported)
    return small


def whole() -> grimp.ImportGraph:
    """The graph of what we ship, with the foreign packages it imports."""
    return grimp.build_graph(
        *SHIPPED, include_external_packages=True, exclude_type_checking_imports=True, cache_dir=None
    )


def named_in(contract: dict[str, object]) -> Iterator[str]:
    """Every package that a contract names."""
    for value in contract.values():
        if isinstance(value, list):
            yield from value


def test_the_contracts_hold() -> None:
    """Every import rule of the architecture holds in the tree as it is."""
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run(
        [linter, "--no-cache", "--no-logo"], cwd=tree.ROOT, capture_output=True, text=True, timeout=120
    )
    assert 0 == result.returncode, result.stdout + result.stderr


def test_every_part_of_the_house_is_spoken_for() -> None:
    """A package that is added or renamed is named by a contract, or listed here as free, with the reason."""
    parts = {f"gateway.{path.stem}" for path in (tree.ROOT / "gateway").iterdir() if _is_module(path)}
    named = {".".join(name.split(".")[:2]) for contract in CONTRACTS for name in named_in(contract)}
    assert set() == parts - named - FREE.keys()


def _is_module(path: Path) -> bool:
    inside = any(file.is_relative_to(path) for file in tree.python_files("gateway"))
    return inside and not path.name.startswith("__")


def test_only_sees_a_breach() -> None:
    """A package that imports more of ours than it may is named, with what it imports."""
    small = graph(
        ("gateway.settle.periods", "gateway.model"),
        ("gateway.settle.periods", "gateway.settle.months"),
        ("gateway.settle.periods", "gateway.store.rows"),
        ("gateway.settle.periods", "polars"),
    )
    breaches = imports_beyond(small, source_modules={"gateway.settle"}, allowed_modules={"gateway.model"})
    assert [("gateway.settle.periods", "gateway.store.rows")] == breaches


def test_a_door_sees_a_breach() -> None:
    """A module that goes past a package's door is named; the package itself may use its own parts."""
    small = graph(
        ("gateway.store.tables", "sqlalchemy"),
        ("gateway.acts.runs", "sqlalchemy"),
        ("sqlalchemy", "alembic"),
    )
    breaches = imports_past_doors(small, packages={"sqlalchemy"}, doors={"gateway.store"})
    assert [("gateway.acts.runs", "sqlalchemy")] == breaches


def test_apart_sees_a_breach() -> None:
    """A room that reaches another through something else is named."""
    small = graph(
        ("gateway.land", "gateway.land.check"),
        ("gateway.land.check", "gateway.acts"),
        ("gateway.acts", "gateway.deliver"),
    )
    breaches = imports_between(small, rooms={"gateway.land", "gateway.deliver", "gateway.settle"})
    assert [("gateway.land", "gateway.deliver")] == breaches


def test_every_door_that_is_there_is_used() -> None:
    """A foreign package with a door is imported behind it, so that no rule guards a name that nobody uses."""
    shipped = whole()
    guarded = {
        package
        for contract in CONTRACTS
        for package in contract.get("packages", [])
        if not package.startswith(SHIPPED) and any(door in shipped.modules for door in contract["doors"])
    }
    assert set() == guarded - shipped.modules


def test_every_import_is_declared() -> None:
    """What we ship imports nothing that the wheel, or the extra for test servers, does not ask for."""
    shipped, known = whole(), packages_distributions()
    foreign = {module for module in shipped.modules if shipped.is_module_squashed(module)}
    declared = _declared()
    assert set() == {
        module
        for module in foreign - sys.stdlib_module_names
        if not declared & {canonicalize_name(distribution) for distribution in known.get(module, [])}
    }


def _declared() -> set[str]:
    """The distributions that pyproject.toml asks for, extras included."""
    project = CONFIGURATION["project"]
    extras = project["optional-dependencies"].values()
    lines = [*project["dependencies"], *(line for extra in extras for line in extra)]
    return {canonicalize_name(Requirement(line).name) for line in lines}
