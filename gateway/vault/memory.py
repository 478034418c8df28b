"""A process that holds keys and names keeps its memory to itself.

Takes nothing; afterwards the kernel writes no core dump of this process, and lets no other process of its user attach
to it or read its memory (proc(5), ptrace(2)), until it ends. Raises KeyFault where the kernel refuses.
"""

import ctypes
import os
import resource

from gateway.errors import KeyFault
from gateway.words import _

#: linux/prctl.h
_SET_DUMPABLE, _NOBODY = 4, 0


def keep_memory() -> None:
    """No core dump, no debugger."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_SET_DUMPABLE, _NOBODY, 0, 0, 0):
        what = _("无法禁止转储内存:{reason}").format(reason=os.strerror(ctypes.get_errno()))
        raise KeyFault(what, next_step=_("请检查系统的安全策略"))
