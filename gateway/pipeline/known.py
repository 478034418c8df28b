"""What a run does not expect, as an error that says where and what to do.

Around everything that belongs to one instance or one delivery: a full disk, a plugin that stumbles over a strange
answer and a list that no reader foresaw stop that one, and the others go on.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb

from gateway.errors import DiskFault, GatewayError
from gateway.words import _


@contextmanager
def known(where: str) -> Iterator[None]:
    """Turns the disk's errors into DiskFault, and any surprise into a GatewayError that names its place in the code.

    The surprise's own text is left out: it may quote a cell.
    """
    try:
        with on_disk(where):
            yield
    except GatewayError:
        raise
    except Exception as surprise:
        place = extract_tb(surprise.__traceback__)[-1]
        what = _("意外错误 {kind}({file} 第 {line} 行)").format(
            kind=type(surprise).__name__, file=Path(place.filename).name, line=place.lineno
        )
        step = _("其余来源照常处理;请把本行交给维护人员")
        raise GatewayError(what, where=where, next_step=step) from None


@contextmanager
def on_disk(where: str = "") -> Iterator[None]:
    """Turns the disk's errors into DiskFault. Peers' errors were translated at their own door."""
    try:
        yield
    except OSError as fault:
        what = _("磁盘读写失败:{reason}").format(reason=os.strerror(fault.errno) if fault.errno else "")
        step = _("请检查磁盘空间和 var 目录的权限(gateway doctor),再运行 gateway run")
        raise DiskFault(what, where=where, next_step=step) from fault
