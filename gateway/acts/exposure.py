"""Whom the site's folder is open to, besides its service user: what `doctor` tells, and what no sudo may get around.

Whoever may run the program as the service user chooses its arguments, and so the site. A folder that they can write
would be their own configuration with the service user's keys in reach: other peers, other limits, other rules.
"""

import os
import pwd
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from gateway.errors import NotAllowed
from gateway.settings import FILE
from gateway.store.grants import GrantRow
from gateway.words import _

_ROOT = 0
#: What decides what the program does.
_DECIDES = (FILE, "plugins", "mappings", "keys", "var")
_SQLITE = "sqlite:///"


def not_somebody_else_s(root: Path, *, another: bool) -> Path:
    """The site's folder; where the program runs for `another` than its own user, resolved. Then raises NotAllowed
    unless only root and the process's user can write it, what decides in it, and every folder above it."""
    if not another:
        return root
    whole = root.resolve()
    within = [place for name in _DECIDES if (place := whole / name).exists()]
    for place in (whole, *within, *whole.parents):
        if _writable(place):
            what = _("{place} 可被别人改写,不能作为站点").format(place=place)
            step = _("请用 --site 写明本单位的站点;目录及其上级须归 root 或服务用户所有,别人不可写")
            raise NotAllowed(what, next_step=step)
    return whole


def _writable(place: Path) -> bool:
    """Whether somebody besides root and the process's own user can change what is there."""
    try:
        state = place.stat()
    except OSError:  # what cannot be looked at cannot be opened either
        return False
    others = stat.S_IMODE(state.st_mode) & (stat.S_IWGRP | stat.S_IWOTH)
    return state.st_uid not in (_ROOT, os.geteuid()) or bool(others and not state.st_mode & stat.S_ISVTX)


def readable(root: Path, database: str) -> Iterator[Path]:
    """Of keys, data and ledger what others than its owner can get at."""
    ledger = Path(database.removeprefix(_SQLITE)) if database.startswith(_SQLITE) else None
    for place in (root / "keys", root / "var", *([ledger] if ledger else [])):
        if place.exists() and _open(place) and not (place == ledger and not _open(place.parent)):
            yield place


def _open(place: Path) -> bool:
    return bool(place.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def doubtful(standing: Iterable[GrantRow], keys: Path) -> Iterator[tuple[str, str]]:
    """(what, next step) of grants to accounts that are nobody's here, or that could do everything anyway."""
    names = sorted({row.person for row in standing})
    owners = {name for name in names if _uid(name) in (_ROOT, keys.stat().st_uid)}
    if unknown := [name for name in names if _uid(name) is None]:
        text = _("本机没有这些账号:{names}").format(names=_("、").join(unknown))
        yield text, _("请核对账号名;已离任的请用 gateway people revoke 撤销")
    if owners:
        text = _("{names} 能直接读写密钥和台账,角色对其不起约束").format(names=_("、").join(sorted(owners)))
        yield text, _("请授权给本人的账号,经 sudo -u 服务用户 运行")


def _uid(name: str) -> int | None:
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        return None
