"""Who acts: the operating system's word, since a command line has no login of its own."""

import os
import pwd

from gateway.errors import NotAllowed
from gateway.words import _

#: The actor of runs that the daemon started by itself.
DAEMON = "daemon"


def actor() -> str:
    """The user under whom this process runs, by the operating system and not by its environment."""
    uid = os.getuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid-{uid}"


def known(who: str) -> str:
    """The actor of an act. Raises NotAllowed for nobody: what cannot be attributed is not done."""
    if not who.strip():
        raise NotAllowed(_("不知道操作人是谁"), next_step=_("请以本人的系统账号登录后再操作"))
    return who
