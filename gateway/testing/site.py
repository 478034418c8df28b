"""A site folder for a city's peers: keys, secrets as files, a `gateway.toml` that names the five addresses, and people
who may work there."""

import os
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from gateway.acts import actor, people
from gateway.model.roles import Role
from gateway.plugin.trust import mark_of
from gateway.site import Site
from gateway.vault import Keyring
from gateway.vault.sealedfile import CHEAPEST

#: Who may work for the whole site where nobody else is named; whoever runs the program is a clerk beside them.
CLERKS, APPROVERS = ("clerk", "second-clerk"), ("colleague", "second-colleague")
_ADMINISTRATORS = (("system", Role.SYSTEM), ("security", Role.SECURITY), ("audit", Role.AUDIT))
#: From this day on, whatever day it is in a test.
_FIRST = date(2020, 1, 1)

#: Keys of an address that a site keeps as secret files, per instance.
_SECRETS = {
    "civil_affairs": ("password", "zip_password"),
    "rural_revitalization": ("password",),
    "disabled_federation": ("client_secret", "sm4_key"),
    "tax": ("secret_key",),
    "insurance_platform": ("sm4_key",),
}
_PLAIN = {
    "civil_affairs": ("host", "port", "user", "host_key", "outbox", "inbox"),
    "rural_revitalization": ("host", "port", "user", "host_key", "outbox", "inbox"),
    "disabled_federation": ("base", "client_id", "public_key"),
    "tax": ("base", "access_key"),
    "insurance_platform": ("base", "public_key", "org_code"),
}


#: By what right an invented department shares its lists, and who answers for it.
SHARING = """\
contact = "演示联系人 0000-0000"
sharing.catalogue = "演示目录-0001"
sharing.purpose = "医疗救助对象身份核验(演示)"
sharing.basis = "政务数据共享协议(演示)"
sharing.valid_until = 2099-12-31"""


def new_site(root: Path) -> str:
    """An empty site with keys; the gateway's SM2 public key (128 hex), which the platform must know."""
    root.mkdir(parents=True, exist_ok=True)
    return Keyring.create(root / "keys", cost=CHEAPEST).signing_key.public.hex


def write_site(root: Path, addresses: Mapping[str, Mapping[str, Any]], *, flags_from: str = "2026-01-01") -> None:
    """`gateway.toml` and secret files for `CityPeers.addresses`."""
    lines = ["[site]", 'name = "百色市医疗保障局(演示)"', 'place = "baise"', f"flags_from = {flags_from}"]
    lines += ["trial = true", ""]
    for name, address in addresses.items():
        platform = name == "insurance_platform"
        lines += [f"[{'platform' if platform else f'sources.{name}'}]", f'plugin = "{name}"']
        lines += [f"{key} = {_toml(address[key])}" for key in _PLAIN[name] if key in address]
        lines += [f'{key} = "{_secret(root, name, key, str(address[key]))}"' for key in _SECRETS[name]]
        lines += ['admdvs = "451000"'] if platform else [SHARING]
        lines.append("")
    (root / "gateway.toml").write_text("\n".join(lines), "utf-8")


def own_plugins(root: Path, **texts: str) -> None:
    """Plugins of the site's own, named with their digests at the end of `gateway.toml`, where nobody else can write."""
    folder, settings = root / "plugins", root / "gateway.toml"
    folder.mkdir(exist_ok=True)
    lines = ["", "[plugins]", *(f'{name} = "{mark_of(text.encode())}"' for name, text in texts.items())]
    with settings.open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text, "utf-8")
    for place in (root, folder, settings, *folder.iterdir()):
        place.chmod(place.stat().st_mode & ~0o022)


def staff(site: Site, *, clerks: Sequence[str] = CLERKS, approvers: Sequence[str] = APPROVERS) -> None:
    """The first people of a new site: three administrators, these clerks and approvers, and as a clerk whoever runs the
    program, unless named. Without them the site refuses every act."""
    roles = {name: role for name, role in _ADMINISTRATORS}
    roles |= dict.fromkeys([*clerks, actor()], Role.CLERK) | dict.fromkeys(approvers, Role.APPROVER)
    people.found(site, list(roles.items()), note="a new site", actor=actor(), first=_FIRST)


def _toml(value: Any) -> str:  # text or number
    return str(value) if isinstance(value, int) else '"' + str(value).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _secret(root: Path, name: str, key: str, value: str) -> str:
    file = root / "keys" / f"{name}.{key}"
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as stream:
        stream.write(value)
    return f"file:keys/{file.name}"
