"""Finding and checking plugins: shipped ones and packages through entry points, a site's own from its folder.

Nothing is executed before it was checked: of a site's own file the digest and who can write it (`trust`), of a
package its version. What comes with the gateway itself has the gateway's version.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Literal, TypeVar

import pluggy

from gateway.errors import PluginFault
from gateway.plugin import hookspecs, trust
from gateway.plugin.api import Platform, PluginOptions, Source
from gateway.redact import foreign, place_of, redact
from gateway.words import _

T = TypeVar("T")
GROUP = "gateway.plugins"
#: The distribution that this file belongs to.
OURS = "interagency-gateway"
Kind = Literal["shipped", "package", "site"]


@dataclass(frozen=True, kw_only=True)
class PluginInfo:
    """A plugin that was found, and what became of it."""

    name: str
    kind: Kind
    #: What `[plugins]` must say of it: `sm3:…` of a site's file, `distribution==version` of a package.
    mark: str
    #: Whether it was not executed, since `gateway.toml` names another mark or none.
    unnamed: bool
    #: Why it was set aside; "" where it is in use.
    broken: str = ""


class Plugins:
    """What is registered, by slug, and what was set aside."""

    def __init__(self) -> None:
        self.sources: dict[str, type[Source]] = {}
        self.platforms: dict[str, type[Platform]] = {}
        #: plugin name -> why it was set aside
        self.broken: dict[str, str] = {}
        self.found: list[PluginInfo] = []

    def source(self, slug: str) -> type[Source]:
        """A registered source. Raises PluginFault that says what there is, or why it was set aside."""
        return self._find(self.sources, slug)

    def platform(self, slug: str) -> type[Platform]:
        """A registered platform. Raises PluginFault."""
        return self._find(self.platforms, slug)

    def _find(self, table: dict[str, T], slug: str) -> T:
        if slug in table:
            return table[slug]
        why = self.broken.get(slug, _("没有这个插件;已有:{names}").format(names=_("、").join(sorted(table))))
        raise PluginFault(
            why,
            where=_("插件 {slug}").format(slug=slug),
            next_step=_("请检查 gateway.toml 的 plugin 项或该插件文件(gateway plugins)"),
        )


@dataclass(frozen=True, kw_only=True)
class Allowed:
    """What `gateway.toml` lets in."""

    #: `[plugins]`: name -> digest of a site's own file, or `distribution==version` of a package.
    named: Mapping[str, str]
    #: `[site] trial`: the site talks to this machine only, and its files may belong to whoever runs it.
    trial: bool = False


def load_plugins(site: Path | None = None, allowed: Allowed | None = None) -> Plugins:
    """All plugins. A site's own of the same name, where it is named, replaces a shipped one. Nothing raises: broken
    ones and those that nobody let in are named, and the latter were not executed."""
    allowed = allowed or Allowed(named={})
    plugins = Plugins()
    # Shipped ones first, so that a slug which a site's file of another name claims is taken whatever that name is.
    candidates: list[_Installed | _Own] = [*_installed(allowed, _own_names(site)), *_own(site, allowed)]
    for candidate in candidates:
        why = ""
        try:
            _register(plugins, candidate.name, candidate.load())
        except PluginFault as fault:
            why = f"{fault.what} → {fault.next_step}" if fault.next_step else fault.what
        except pluggy.PluginValidationError as fault:  # in words of pluggy's own: which hook, and what of it
            why = redact(f"{type(fault).__name__}: {fault}")
        except Exception as fault:  # a plugin is foreign code: whatever it raises sets it aside, and it alone
            why = f"{foreign(fault)} ({place_of(fault)})"  # what it says may be anything
        if why:
            plugins.broken[candidate.name] = why
        unnamed = candidate.kind != "shipped" and candidate.mark != allowed.named.get(candidate.name)
        plugins.found.append(
            PluginInfo(name=candidate.name, kind=candidate.kind, mark=candidate.mark, unnamed=unnamed, broken=why)
        )
    for name in sorted(allowed.named.keys() - {info.name for info in plugins.found}):
        plugins.broken[name] = _("gateway.toml 写明了这个插件,但没有这个文件或软件包")
    return plugins


@dataclass(frozen=True, kw_only=True)
class _Installed:
    """A plugin of an installed package."""

    entry: EntryPoint
    mark: str
    kind: Kind
    named: str

    @property
    def name(self) -> str:
        return self.entry.name

    def load(self) -> ModuleType:
        """Imports it. Raises PluginFault where another version, or for a foreign package none, was named."""
        if self.named == self.mark or (self.kind == "shipped" and not self.named):
            module: ModuleType = self.entry.load()
            return module
        what = _("gateway.toml 没有写明这个软件包的这个版本")
        raise PluginFault(what, next_step=trust.line(self.name, self.mark))


@dataclass(frozen=True, kw_only=True)
class _Own:
    """A file of the site's folder."""

    path: Path
    site: Path
    allowed: Allowed
    kind: Kind = "site"

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def mark(self) -> str:
        try:
            return trust.mark_of(trust.read_plugin(self.path))
        except PluginFault:
            return ""

    def load(self) -> ModuleType:
        """Executes the very bytes that were checked: no cached byte code, no second look at the disk."""
        content = trust.read_plugin(self.path)
        named = self.allowed.named.get(self.name, "")
        trust.check(self.path, self.site, content, named, trial=self.allowed.trial)
        module = ModuleType(f"gateway_site_plugins.{self.name}")
        module.__file__ = str(self.path)
        exec(compile(content, str(self.path), "exec", dont_inherit=True), vars(module))
        return module


def _own_names(site: Path | None) -> set[str]:
    return {path.stem for path in _files(site)}


def _files(site: Path | None) -> list[Path]:
    return sorted((site / "plugins").glob("*.py")) if site else []


def _own(site: Path | None, allowed: Allowed) -> Iterator[_Own]:
    for path in _files(site):
        assert site is not None  # else there are no files
        yield _Own(path=path, site=site.resolve(), allowed=allowed)


def _installed(allowed: Allowed, own: set[str]) -> Iterator[_Installed]:
    """One candidate of a name: the package that is named, else ours; none where the site's own file is named."""
    chosen: dict[str, _Installed] = {}
    for entry in entry_points(group=GROUP):
        named = allowed.named.get(entry.name, "")
        if entry.dist is None or (named and entry.name in own):
            continue
        mark = f"{entry.dist.name}=={entry.dist.version}"
        kind: Kind = "shipped" if entry.dist.name == OURS else "package"
        new = _Installed(entry=entry, mark=mark, kind=kind, named=named)
        old = chosen.get(entry.name)
        if old is None or mark == named or (kind == "shipped" and old.mark != named):
            chosen[entry.name] = new
    for name in sorted(chosen):
        yield chosen[name]


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
        raise PluginFault("slug taken: " + ", ".join(sorted(taken)) if taken else "registers nothing")
    plugins.sources.update(sources)
    plugins.platforms.update(platforms)


def _slug(registered: type[Source] | type[Platform], kind: type) -> str:
    """The slug of a class that has what settings and runs will ask of it. Raises PluginFault."""
    if not (isinstance(registered, type) and issubclass(registered, kind)):
        raise PluginFault(f"not a {kind.__name__} class")
    options = getattr(registered, "Options", None)
    if not (isinstance(options, type) and issubclass(options, PluginOptions)):
        raise PluginFault(f"{registered.__name__}.Options is no PluginOptions class")
    return registered.slug
