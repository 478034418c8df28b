"""Whether a site's own plugin may be executed: `gateway.toml` names it with its digest, and only root can write it.

Takes a file of the site's `plugins/` and what the configuration says of it; gives the bytes that were checked, which
are the ones to execute. Refuses with PluginFault. See docs/decisions/0072-plugins-by-digest.md.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from gateway.errors import PluginFault
from gateway.vault import sm3_hex
from gateway.words import _

#: Bytes of a plugin; ours have about 8 000.
LIMIT = 1 << 20
_ROOT = 0


def mark_of(content: bytes) -> str:
    """What `gateway.toml` must say of a plugin with this content: `sm3:` and 64 hex digits."""
    return f"sm3:{sm3_hex(content)}"


def read_plugin(path: Path) -> bytes:
    """The file's bytes. Raises PluginFault for a link, something other than a file, or one over `LIMIT`."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            content = file.read(LIMIT + 1) if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else None
    except OSError as fault:
        raise PluginFault(_("插件文件读不到:{reason}").format(reason=fault.strerror), where=path.name) from fault
    if content is None or len(content) > LIMIT:
        raise PluginFault(_("插件不是普通文件,或者过大"), where=path.name)
    return content


def check(path: Path, site: Path, content: bytes, named: str, *, trial: bool) -> None:
    """Raises PluginFault unless `named` is the content's digest and neither the file, its folder, the site nor its
    `gateway.toml` can be written by the service user or by others."""
    mark = mark_of(content)
    if not named:
        raise PluginFault(_("gateway.toml 没有写明这个插件"), next_step=line(path.stem, mark))
    if named != mark:
        what = _("插件的内容与 gateway.toml 中的摘要不符,没有执行")
        raise PluginFault(what, next_step=_("核实改动后写入:{line}").format(line=line(path.stem, mark)))
    open_to_others = [text for place in (path, *_places(site)) if (text := exposed(place, trial=trial))]
    if open_to_others:
        step = _("请改为 root 所有、权限 go-w,例如 chown root: 和 chmod go-w")
        raise PluginFault(";".join(open_to_others), next_step=step)


def line(name: str, mark: str) -> str:
    """The line of `[plugins]` that lets a plugin in."""
    return f'[plugins] {name} = "{mark}"'


def exposed(place: Path, *, trial: bool) -> str:
    """By whom, besides root, a file or folder can be written, as a sentence; "" where by nobody.

    A trial site's may belong to whoever runs it. An ACL that lets somebody write shows in the group's bits.
    """
    try:
        state = place.lstat()
    except OSError as fault:
        return _("{place} 读不到:{reason}").format(place=place, reason=fault.strerror)
    if stat.S_ISLNK(state.st_mode):
        return _("{place} 是符号链接").format(place=place)
    if state.st_uid != _ROOT and not (trial and state.st_uid == os.geteuid()):
        return _("{place} 的所有者不是 root,可被改写").format(place=place)
    if state.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return _("{place} 可被同组或其他用户改写").format(place=place)
    return ""


def _places(site: Path) -> Iterator[Path]:
    """What, besides the file itself, decides which code runs."""
    yield site / "plugins"
    yield site
    yield site / "gateway.toml"
