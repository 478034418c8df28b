"""The hooks, with the real pluggy: who registers, who is set aside, and that the others run."""

from pathlib import Path

import pytest

from gateway.errors import PluginFault
from gateway.plugin.loader import Plugins, load_plugins
from gateway.settings import plugins_of
from gateway.testing.site import own_plugins

SHIPPED = {"civil_affairs", "disabled_federation", "rural_revitalization", "tax"}

SOURCE = '''
from gateway.plugin import PluginOptions, Source, hookimpl


class Orchard(Source):
    slug = "{slug}"
    Options = PluginOptions

    def offers(self, session):
        return ()

    def fetch(self, session, offer):
        raise NotImplementedError

    def check(self, session):
        yield "there"


@hookimpl
def {hook}(register):
    register(Orchard)
'''

PLATFORM = '''
from gateway.plugin import Platform, PluginOptions, hookimpl


class Meadow(Platform):
    slug = "meadow"
    Options = PluginOptions


@hookimpl
def {hook}(register):
    register(Meadow)
'''


def source(slug: str = "orchard", hook: str = "gateway_register_sources") -> str:
    """The text of a plugin that registers one source."""
    return SOURCE.format(slug=slug, hook=hook)


def load_own(site: Path, **texts: str) -> Plugins:
    """The plugins of a trial site that has these of its own, each named with its digest."""
    (site / "gateway.toml").write_text("[site]\nflags_from = 2026-01-01\ntrial = true\n", "utf-8")
    own_plugins(site, **texts)
    return plugins_of(site)


def test_what_we_ship_registers() -> None:
    """The four departments and the platform are found through their entry points, and none is broken."""
    plugins = load_plugins()
    assert SHIPPED == plugins.sources.keys()
    assert {"insurance_platform"} == plugins.platforms.keys()
    assert {} == plugins.broken


def test_a_sites_own_source_registers(tmp_path: Path) -> None:
    """`gateway_register_sources` in a file of the site's folder adds a source to those that are shipped."""
    plugins = load_own(tmp_path, orchard=source())
    assert SHIPPED | {"orchard"} == plugins.sources.keys()
    assert "Orchard" == plugins.source("orchard").__name__
    assert {} == plugins.broken


def test_a_sites_own_platform_registers(tmp_path: Path) -> None:
    """`gateway_register_platforms` in a file of the site's folder adds a platform."""
    plugins = load_own(tmp_path, meadow=PLATFORM.format(hook="gateway_register_platforms"))
    assert {"insurance_platform", "meadow"} == plugins.platforms.keys()
    assert "Meadow" == plugins.platform("meadow").__name__


def test_a_misspelt_hook_is_named(tmp_path: Path) -> None:
    """A hook that nobody specified sets its plugin aside, says which hook it was, and stops no other."""
    plugins = load_own(tmp_path, orchard=source(hook="gateway_register_source"), pear=source(slug="pear"))
    assert SHIPPED | {"pear"} == plugins.sources.keys()
    assert ["orchard"] == list(plugins.broken)
    assert "gateway_register_source" in plugins.broken["orchard"]
    with pytest.raises(PluginFault, match="gateway_register_source"):
        plugins.source("orchard")


@pytest.mark.parametrize("file", ["a_copy", "z_copy"])
def test_a_slug_is_given_once(tmp_path: Path, file: str) -> None:
    """A plugin of another name that claims a shipped slug is set aside, wherever its name stands in the alphabet."""
    plugins = load_own(tmp_path, **{file: source(slug="tax")})
    assert "Tax" == plugins.source("tax").__name__
    assert {file: "slug taken: tax"} == plugins.broken


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import no_such_module_here", "ModuleNotFoundError"),
        ("def broken(:", "SyntaxError"),
        ("1 / 0", "ZeroDivisionError"),
        ("x = 1", "registers nothing"),
        (SOURCE.format(slug="orchard", hook="gateway_register_sources") + "    1 / 0\n", "ZeroDivisionError"),
        (source().replace("    Options = PluginOptions\n", ""), "Options"),
        (source().replace("register(Orchard)", "register('orchard')"), "Source"),
    ],
    ids=["import", "syntax", "body", "nothing", "hook", "no-options", "no-class"],
)
def test_a_broken_plugin_is_set_aside(tmp_path: Path, text: str, why: str) -> None:
    """Whatever a plugin raises or lacks, it is named with the reason, leaves nothing behind, and the others run."""
    plugins = load_own(tmp_path, orchard=text)
    assert SHIPPED == plugins.sources.keys()
    assert ["orchard"] == list(plugins.broken)
    assert why in plugins.broken["orchard"]


def test_a_sites_own_file_overrides_a_shipped_plugin(tmp_path: Path) -> None:
    """A file of a shipped plugin's name takes its place, slug and all."""
    plugins = load_own(tmp_path, tax=source(slug="tax"))
    assert SHIPPED == plugins.sources.keys()
    assert "Orchard" == plugins.source("tax").__name__
    assert {} == plugins.broken


def test_an_unknown_slug_says_what_there_is() -> None:
    """Whoever misspells a plugin in `gateway.toml` reads which ones there are."""
    with pytest.raises(PluginFault, match="civil_affairs、disabled_federation、rural_revitalization、tax"):
        load_plugins().source("civil_afairs")
