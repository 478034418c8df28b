"""Who acts: the operating system's word, since a command line has no login of its own.

Operators run the program as the service user, through sudo; the actor is the person behind it. That is, the first that
there is: the login that the kernel keeps for the process (its login uid, which neither su nor sudo changes), the uid
for which sudo says it works, the process's own user. No name from the environment is believed.
"""

import os
import pwd
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from gateway.errors import NotAllowed
from gateway.words import _

#: The actor of runs that the daemon started by itself.
DAEMON = "daemon"
#: Where the kernel says who logged in, and what it says where nobody did: services, some containers.
_LOGIN, _NOBODY = Path("/proc/self/loginuid"), 2**32 - 1


def actor() -> str:
    """The person behind this process, by the name of their account."""
    return name_of(_person())


def for_another() -> bool:
    """Whether the process runs as another user than the person behind it."""
    return _person() != os.getuid()


def _person() -> int:
    login = ""
    with suppress(OSError):  # a kernel without audit
        login = _LOGIN.read_text("ascii")
    return behind(login, os.environ, os.getuid())


def behind(login: str, environment: Mapping[str, str], own: int) -> int:
    """The uid of the person: of the kernel's word, the environment that sudo makes, and the process's own uid."""
    for said in (login.strip(), environment.get("SUDO_UID", "")):
        if said.isascii() and said.isdigit() and int(said) < _NOBODY:
            return int(said)
    return own


def name_of(uid: int) -> str:
    """The account's name; `uid-N` where it has none, or one that is the daemon's here."""
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = ""
    return f"uid-{uid}" if name in ("", DAEMON) else name


def known(who: str) -> str:
    """The actor of an act. Raises NotAllowed for nobody: what cannot be attributed is not done."""
    if not who.strip():
        raise NotAllowed(_("不知道操作人是谁"), next_step=_("请以本人的系统账号登录后再操作"))
    return who
