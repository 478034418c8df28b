"""Nothing of a site's own is executed before it was checked: its digest, and who could have written it."""

import os
import py_compile
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from py_compile import PycInvalidationMode

import pytest

from gateway.errors import SettingsFault
from gateway.plugin.loader import Plugins
from gateway.plugin.trust import LIMIT, exposed, mark_of
from gateway.settings import load_settings, plugins_of
from gateway.testing.site import SHARING, own_plugins
from tests.plugin.test_hooks import SHIPPED, source

SITE = "[site]\nflags_from = 2026-01-01\n"
#: A user that is neither root nor whoever runs the tests.
NOBODY = 65534


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """The file that appears where the plugin's code is executed."""
    return tmp_path / "ran"


@pytest.fixture
def site(tmp_path: Path, ran: Path) -> Path:
    """A trial site with one plugin of its own, rightly named."""
    root = tmp_path / "site"
    root.mkdir()
    (root / "gateway.toml").write_text(SITE + "trial = true\n", "utf-8")
    own_plugins(root, orchard=f"open({str(ran)!r}, 'w').close()\n" + source())
    return root


def why(plugins: Plugins) -> str:
    """Why the site's plugin was set aside; "" where it is in use. The others are in use in any case."""
    assert plugins.sources.keys() >= SHIPPED
    assert ("orchard" in plugins.broken) != ("orchard" in plugins.sources)
    return plugins.broken.get("orchard", "")


def test_a_named_plugin_of_root_s_is_executed(site: Path, ran: Path) -> None:
    """A plugin that gateway.toml names, and that only root or, on trial, its owner can write, is executed."""
    assert ("", True) == (why(plugins_of(site)), ran.exists())


def one_byte(site: Path) -> None:
    """Another digest."""
    with (site / "plugins" / "orchard.py").open("a", encoding="utf-8") as file:
        file.write("\n")


def not_named(site: Path) -> None:
    text = (site / "gateway.toml").read_text("utf-8")
    (site / "gateway.toml").write_text(text.partition("[plugins]")[0], "utf-8")


def unreadable_settings(site: Path) -> None:
    with (site / "gateway.toml").open("a", encoding="utf-8") as file:
        file.write("= broken\n")


def writable(*names: str, mode: int) -> Callable[[Path], None]:
    def change(site: Path) -> None:
        place = site.joinpath(*names)
        place.chmod(place.stat().st_mode | mode)

    return change


def too_large(site: Path) -> None:
    """And named with its digest."""
    file, settings = site / "plugins" / "orchard.py", site / "gateway.toml"
    before = file.read_bytes()
    content = before + b"#" * LIMIT
    file.write_bytes(content)
    settings.write_text(settings.read_text("utf-8").replace(mark_of(before), mark_of(content)), "utf-8")


def no_file(site: Path) -> None:
    file = site / "plugins" / "orchard.py"
    file.unlink()
    os.mkfifo(file)


def link(site: Path) -> None:
    file = site / "plugins" / "orchard.py"
    file.rename(site / "elsewhere.txt")
    file.symlink_to(site / "elsewhere.txt")


def link_folder(site: Path) -> None:
    (site / "plugins").rename(site / "elsewhere")
    (site / "plugins").symlink_to(site / "elsewhere")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (one_byte, "摘要"),
        (not_named, "没有写明"),
        (unreadable_settings, "没有写明"),
        (writable("plugins", "orchard.py", mode=0o020), "orchard.py"),
        (writable("plugins", "orchard.py", mode=0o002), "orchard.py"),
        (writable("plugins", mode=0o020), "plugins 可被"),
        (writable(mode=0o002), "site 可被"),
        (writable("gateway.toml", mode=0o020), "gateway.toml 可被"),
        (link, "插件文件读不到"),
        (link_folder, "符号链接"),
        (too_large, "过大"),
        (no_file, "不是普通文件"),
    ],
    ids=[
        "changed",
        "not-named",
        "no-settings",
        "group",
        "others",
        "folder",
        "site",
        "settings",
        "link",
        "folder-link",
        "large",
        "no-file",
    ],
)
def test_what_was_not_let_in_is_not_executed(site: Path, ran: Path, change: Callable[[Path], None], said: str) -> None:
    """A plugin that changed, is not named, or could have been written by others is named with the reason, and not one
    line of it was executed."""
    change(site)
    assert said in why(plugins_of(site))
    assert not ran.exists()


@pytest.mark.parametrize("names", [("plugins", "orchard.py"), ("plugins",), (), ("gateway.toml",)], ids="/".join)
def test_the_service_user_writes_no_code(site: Path, ran: Path, names: tuple[str, ...]) -> None:
    """Where the file, its folder, the site or its settings belong to another than root, nothing is executed."""
    text = (site / "gateway.toml").read_text("utf-8")
    (site / "gateway.toml").write_text(text.replace("trial = true\n", ""), "utf-8")
    if os.geteuid() == 0:  # of anybody else's tests all files belong to another anyway
        os.chown(site.joinpath(*names), NOBODY, NOBODY)
    assert "所有者不是 root" in why(plugins_of(site))
    assert not ran.exists()


def test_only_a_trial_site_s_files_belong_to_whoever_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process's own user, and no third one, may own the files of a trial site, and of no other."""
    with tempfile.TemporaryDirectory() as folder:
        own = os.geteuid() or NOBODY
        os.chown(folder, own, own if own == NOBODY else -1)
        before = os.geteuid()
        os.seteuid(own)
        try:
            said = [exposed(Path(folder), trial=trial) for trial in (True, False)]
        finally:
            os.seteuid(before)
        monkeypatch.setattr(os, "geteuid", lambda: own + 1)
        said.append(exposed(Path(folder), trial=True))
    assert ["", *[f"{folder} 的所有者不是 root,可被改写"] * 2] == said


def test_a_trial_site_reaches_this_machine_only(tmp_path: Path) -> None:
    """No real site can be on trial: with a peer elsewhere, its configuration is a fault that names the peer."""
    text = SITE + "trial = true\n"
    for name, base in (("tax", "https://tax.example/"), ("here", "http://127.0.0.1:9/")):
        text += f'[sources.{name}]\nplugin = "tax"\nbase = "{base}"\naccess_key = "a"\n'
        text += f'secret_key = "env:A"\n{SHARING}\n'
    (tmp_path / "gateway.toml").write_text(text, "utf-8")
    with pytest.raises(SettingsFault) as fault:
        load_settings(tmp_path, plugins_of(tmp_path))
    assert ["[sources.tax]"] == [
        line.strip().partition(":")[0] for line in fault.value.what.splitlines() if "trial" in line
    ]


def test_cached_byte_code_is_not_looked_at(site: Path, ran: Path) -> None:
    """What is executed is what was checked: byte code that lies beside the file counts for nothing."""
    cached = site / "plugins" / "__pycache__"
    cached.mkdir()
    evil = site.parent / "evil.py"
    evil.write_text(f"open({str(ran)!r} + '-evil', 'w').close()\n", "utf-8")
    target = cached / f"orchard.{sys.implementation.cache_tag}.pyc"
    py_compile.compile(str(evil), str(target), invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)
    assert "" == why(plugins_of(site))
    assert (True, False) == (ran.exists(), Path(f"{ran}-evil").exists())


def test_what_was_checked_is_what_is_executed(site: Path, ran: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever changes the file after its digest was taken changes nothing of what is executed."""
    file, look = site / "plugins" / "orchard.py", Path.lstat

    def changed_meanwhile(place: Path) -> os.stat_result:
        if place == file:
            file.write_text(f"open({str(ran)!r} + '-evil', 'w').close()\n", "utf-8")
        return look(place)

    monkeypatch.setattr(Path, "lstat", changed_meanwhile)
    assert "" == why(plugins_of(site))
    assert (True, False) == (ran.exists(), Path(f"{ran}-evil").exists())
    assert "-evil" in file.read_text("utf-8")


@pytest.mark.parametrize(("named", "runs"), [("", False), ("quince-kit==0.9", False), ("quince-kit==1.0", True)])
def test_a_package_is_executed_where_it_is_named(
    site: Path, ran: Path, monkeypatch: pytest.MonkeyPatch, named: str, runs: bool
) -> None:
    """Not one line of another's installed package is executed unless gateway.toml names it in this very version."""
    packages = site.parent / "packages"
    told = packages / "quince_kit-1.0.dist-info"
    told.mkdir(parents=True)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: quince-kit\nVersion: 1.0\n", "utf-8")
    (told / "entry_points.txt").write_text("[gateway.plugins]\nquince = quince_kit\n", "utf-8")
    text = f"open({str(ran)!r}, 'w').close()\n{source(slug='quince')}"
    (packages / "quince_kit.py").write_text(text, "utf-8")
    if named:
        with (site / "gateway.toml").open("a", encoding="utf-8") as file:
            file.write(f'quince = "{named}"\n')
    (site / "plugins" / "orchard.py").unlink()
    monkeypatch.syspath_prepend(packages)
    monkeypatch.delitem(sys.modules, "quince_kit", raising=False)
    plugins = plugins_of(site)
    assert (runs, runs) == ("quince" in plugins.sources, ran.exists())
    assert ("没有写明这个软件包" in plugins.broken.get("quince", "")) != runs


def test_an_own_file_of_a_shipped_name_takes_no_place_unnamed(site: Path) -> None:
    """Whoever drops a `tax.py` into the folder neither runs code nor stops the shipped one."""
    (site / "plugins" / "tax.py").write_text("raise SystemExit\n", "utf-8")
    plugins = plugins_of(site)
    assert "Tax" == plugins.source("tax").__name__
    assert "没有写明" in plugins.broken["tax"]


def test_a_name_without_a_plugin_is_told(site: Path) -> None:
    """What gateway.toml names and nobody finds is set aside by name."""
    (site / "plugins" / "orchard.py").unlink()
    assert "没有这个文件" in why(plugins_of(site))


def test_shipped_plugins_are_of_one_version(site: Path) -> None:
    """A shipped plugin that gateway.toml names with another version than the program's is not used."""
    assert {f"interagency-gateway=={version('interagency-gateway')}"} == {
        info.mark for info in plugins_of(site).found if info.kind == "shipped"
    }
    text = (site / "gateway.toml").read_text("utf-8")
    (site / "gateway.toml").write_text(f'{text}tax = "interagency-gateway==99.0"\n', "utf-8")
    plugins = plugins_of(site)
    assert SHIPPED - {"tax"} == plugins.sources.keys() - {"orchard"}
    assert "这个版本" in plugins.broken["tax"]


@pytest.mark.parametrize("mark", ['"abc"', '"sha256:00"', "1", '"sm3:xyz"'])
def test_a_mark_of_no_known_form_is_a_fault(tmp_path: Path, mark: str) -> None:
    """A line of `[plugins]` that is neither a digest nor a version is a fault of the configuration."""
    (tmp_path / "gateway.toml").write_text(SITE + f"[plugins]\norchard = {mark}\n", "utf-8")
    with pytest.raises(SettingsFault, match=r"\[plugins\] orchard"):
        load_settings(tmp_path, plugins_of(tmp_path))
