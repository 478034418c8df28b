"""A new site folder, and a site's keys.

Takes a folder; gives a site that is ready but for its peers' addresses. Refuses to overwrite a configuration or a key.
These come before there is a ledger, so the key files themselves are the record of when they were made.
"""

from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path

from gateway.acts import who
from gateway.errors import NotAllowed
from gateway.plugin.loader import PluginInfo
from gateway.settings import FILE, load_key_settings, plugins_of
from gateway.vault import KeyInfo, Keyring
from gateway.words import LANGUAGE, _

_IGNORED = f"# {_('密钥、数据和口令不进版本库')}\n/keys/\n/var/\n"


@dataclass(frozen=True, kw_only=True)
class Keys:
    """A site's keys as they may be shown."""

    keys: tuple[KeyInfo, ...]
    #: SM2 public key of the gateway, 128 hex digits: the platform must know it.
    public_key: str
    #: Of the key that takes its place, and from which day on; "", None = there is none.
    next_public_key: str = ""
    next_from: date | None = None


def create_site(root: Path, *, actor: str) -> Keys:
    """Folders, a commented `gateway.toml`, and keys. Raises NotAllowed where there is a configuration already."""
    who.known(actor)
    if (root / FILE).exists():
        step = _("要新建站点请换一个目录;要检查这个站点请运行 gateway --site {root} doctor").format(root=root)
        raise NotAllowed(_("这里已经有 {file}").format(file=FILE), where=str(root), next_step=step)
    try:
        for name in ("plugins", "mappings"):
            (root / name).mkdir(parents=True, exist_ok=True)
        (root / "var").mkdir(exist_ok=True, mode=0o700)
        (root / ".gitignore").write_text(_IGNORED, "utf-8")
        (root / FILE).write_text(template(), "utf-8")
    except OSError as fault:
        what = _("无法建立站点目录:{reason}").format(reason=fault.strerror)
        raise NotAllowed(what, where=str(root), next_step=_("请检查路径和权限")) from fault
    if (root / "keys" / "ring.json").exists():
        return list_keys(root)
    return create_keys(root, actor=actor)


def template() -> str:
    """The commented `gateway.toml` of a new site, in the operator's language."""
    return resources.files("gateway.acts").joinpath(f"new_site.{LANGUAGE}.toml").read_text("utf-8")


def create_keys(root: Path, *, actor: str) -> Keys:
    """New keys for a site that has none. Raises KeyFault where there are some."""
    who.known(actor)
    return _shown(Keyring.create(root / "keys", load_key_settings(root)))


def list_keys(root: Path) -> Keys:
    """Ids and dates of a site's keys. Raises KeyFault."""
    return _shown(Keyring.load(root / "keys", load_key_settings(root)))


def list_plugins(root: Path) -> list[PluginInfo]:
    """Every plugin that was found, and what became of it; those that `gateway.toml` does not name were not executed."""
    return plugins_of(root).found


def _shown(keyring: Keyring) -> Keys:
    now, last = keyring.signing_key.public.hex, keyring.ring.file.signing[-1]
    following = {"next_public_key": last.public_key, "next_from": last.first} if last.public_key != now else {}
    return Keys(keys=tuple(keyring.ids()), public_key=now, **following)  # type: ignore[arg-type]  # as they are named
