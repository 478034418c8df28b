"""Finding and checking plugins: shipped ones through entry points, a site's own from its folder."""

import importlib.util
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import pluggy

from gateway.errors import PluginFault
from gateway.plugin import hookspecs
from gateway.plugin.api import Platform, PluginOptions, Source
from gateway.words import _

T = TypeVar("T")
GROUP = "gateway.plugins"


class Plugins:
    """What is registered, by slug, and what was set aside."""

    def __init__(self) -> None:
        self.sources: dict[str, type[Source]] = {}
        self.platforms: dict[str, type[Platform]] = {}
        #: plugin name -> why it was set aside
        self.broken: dict[str, str] = {}

    def source(self, slug: str) -> type[Source]:
        """A registered source. Raises PluginFault that says what there is, or why it was set aside."""
        return self._find(self.sources, slug)

    def platform(self, slug: str) -> type[Platform]:
        """A registered platform. Raises PluginFault."""
        return self._find(self.platforms, slug)

    def _find(self, table: dict[str, T], slug: str) -> T:
        if slug in table:
            return table[slug]
        why = self.broken.get(slug, _("没有这个插件;已有:{names}").format(names="、".join(sorted(table))))
        raise PluginFault(
            why,
            where=_("插件 {slug}").format(slug=slug),
            next_step=_("请检查 gateway.toml 的 plugin 项或该插件文件"),
        )


def load_plugins(site_folder: Path | None = None) -> Plugins:
    """All plugins. A site's own of the same name replaces a shipped one. Nothing raises: broken ones are named."""
    plugins = Plugins()
    own = (
        {p.stem: p for p in sorted(site_folder.glob("*.py"))} if site_folder and site_folder.is_dir() else {}
    )
    shipped = {e.name: e for e in entry_points(group=GROUP) if e.name not in own}
    # Shipped ones first, so that a slug which a site's file of another name claims is taken whatever that name is.
    for name in (*sorted(shipped), *own):
        try:
            module = _import_file(name, own[name]) if name in own else shipped[name].load()
            _register(plugins, name, module)
        except Exception as fault:  # a plugin is foreign code: whatever it raises sets it aside, and it alone
            plugins.broken[name] = f"{type(fault).__name__}: {fault}"
    return plugins


def _import_file(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"gateway_site_plugins.{name}", path)
    if spec is None or spec.loader is None:
        raise ImportError(path.name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _register(plugins: Plugins, name: str, module: ModuleType) -> None:
    """Registers one module with a manager of its own, so that a broken one leaves nothing behind."""
    manager = pluggy.PluginManager("gateway")
    manager.add_hookspecs(hookspecs)
    manager.register(module, name)
    manager.check_pending()
    sources: dict[str, type[Source]] = {}
    platforms: dict[str, type[Platform]] = {}
    manager.hook.gateway_register_sources(register=lambda c: sources.setdefault(_slug(c, Source), c))
    manager.hook.gateway_register_platforms(register=lambda c: platforms.setdefault(_slug(c, Platform), c))
    taken = (plugins.sources.keys() & sources) | (plugins.platforms.keys() & platforms)
    if taken or not (sources or platforms):
        raise ValueError("slug taken: " + ", ".join(sorted(taken)) if taken else "registers nothing")
    plugins.sources.update(sources)
    plugins.platforms.update(platforms)


def _slug(registered: type[Source] | type[Platform], kind: type) -> str:
    """The slug of a class that has what settings and runs will ask of it. Raises TypeError."""
    if not (isinstance(registered, type) and issubclass(registered, kind)):
        raise TypeError(f"not a {kind.__name__} class")
    options = getattr(registered, "Options", None)
    if not (isinstance(options, type) and issubclass(options, PluginOptions)):
        raise TypeError(f"{registered.__name__}.Options is no PluginOptions class")
    return registered.slug
