"""The kinds of import rule that pyproject.toml uses, for import-linter.

Three laws about an import graph, and a contract for each. Those that import-linter brings stop at a package
that does not exist yet; these judge what there is. `test_imports.py` demands that every package is named.
"""

from collections.abc import Callable, Iterable
from itertools import permutations
from typing import ClassVar

from grimp import ImportGraph
from importlinter import Contract, ContractCheck, fields, output

Breach = tuple[str, str]


def _is_within(module: str, packages: Iterable[str]) -> bool:
    """Whether the module is one of the packages, or inside one."""
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def _imports(graph: ImportGraph) -> list[Breach]:
    """Every direct import, as importer and imported."""
    return sorted(
        (module, imported)
        for module in graph.modules
        for imported in graph.find_modules_directly_imported_by(module)
    )


def imports_beyond(
    graph: ImportGraph, *, source_modules: set[str], allowed_modules: set[str]
) -> list[Breach]:
    """Direct imports by a source of any module of ours that is neither its own nor allowed."""
    ours = {module for module in graph.modules if not graph.is_module_squashed(module)}
    return [
        (module, imported)
        for module, imported in _imports(graph)
        for source in source_modules
        if _is_within(module, [source]) and imported in ours
        if not _is_within(imported, {source, *allowed_modules})
    ]


def imports_past_doors(graph: ImportGraph, *, packages: set[str], doors: set[str]) -> list[Breach]:
    """Direct imports of a package from outside it by a module that is inside none of its doors."""
    return [
        (module, imported)
        for module, imported in _imports(graph)
        for package in packages
        if _is_within(imported, [package]) and not _is_within(module, {package, *doors})
    ]


def imports_between(graph: ImportGraph, *, rooms: set[str]) -> list[Breach]:
    """Pairs of packages of which the first imports the second, by however many steps."""
    there = sorted(rooms & graph.modules)
    return [
        (room, other)
        for room, other in permutations(there, 2)
        if graph.find_shortest_chains(room, other, as_packages=True)
    ]


class _Contract(Contract):
    """A contract whose result is a list of breaches, printed one a line."""

    options: ClassVar[tuple[str, ...]]

    #: Takes the graph and the options by name, gives the breaches.
    law: ClassVar[Callable[..., list[Breach]]]

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        """Kept when nobody breaks the law."""
        breaches = self.law(graph, **{option: getattr(self, option) for option in self.options})
        return ContractCheck(kept=not breaches, metadata={"breaches": breaches})

    def render_broken_contract(self, check: ContractCheck) -> None:
        """Print each breach as `importer -> imported`."""
        for importer, imported in check.metadata["breaches"]:
            output.print_error(f"- {importer} -> {imported}", bold=False)


class OnlyContract(_Contract):
    """`source_modules` import of ours only `allowed_modules` and themselves."""

    type_name = "only"
    options = ("source_modules", "allowed_modules")
    source_modules = fields.SetField(subfield=fields.StringField())
    allowed_modules = fields.SetField(subfield=fields.StringField())
    law = staticmethod(imports_beyond)


class DoorContract(_Contract):
    """`packages`, ours or foreign, are imported inside `doors` and nowhere else."""

    type_name = "door"
    options = ("packages", "doors")
    packages = fields.SetField(subfield=fields.StringField())
    doors = fields.SetField(subfield=fields.StringField())
    law = staticmethod(imports_past_doors)


class ApartContract(_Contract):
    """None of `rooms` imports another, not even through something else."""

    type_name = "apart"
    options = ("rooms",)
    rooms = fields.SetField(subfield=fields.StringField())
    law = staticmethod(imports_between)
