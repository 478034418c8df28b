"""Files that a person brings or asks for, outside the site."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from gateway.errors import DiskFault, NotAllowed
from gateway.site import Site
from gateway.words import _

#: In place of a file: what is asked for goes to whoever called, since a file would be the service user's.
STDOUT = Path("-")


def outside(site: Site, file: Path) -> None:
    """Raises NotAllowed for a file within the site's folder: the program reads and writes there for itself, and not for
    whoever may only run it."""
    if file != STDOUT and file.resolve().is_relative_to(site.settings.root.resolve()):
        raise NotAllowed(_("文件不能在站点目录内"), where=file.name, next_step=_("请换一个目录"))


def write_new(out: Path, content: bytes) -> None:
    """A file that only its owner reads, and that was not there before; or standard output. Raises NotAllowed,
    DiskFault."""
    with new_file(out) as file:
        file.write(content)


@contextmanager
def new_file(out: Path) -> Iterator[BinaryIO]:
    """The same, written piece by piece; gone again where it did not come to its end."""
    if out == STDOUT:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        descriptor = os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise NotAllowed(_("文件已存在,不会覆盖"), where=out.name, next_step=_("请换一个文件名")) from None
    except OSError as fault:
        raise _not_written(out) from fault
    try:
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    except OSError as fault:
        out.unlink(missing_ok=True)
        raise _not_written(out) from fault
    except BaseException:
        out.unlink(missing_ok=True)
        raise


def _not_written(out: Path) -> DiskFault:
    step = _("请检查磁盘空间和目录权限,或换一个位置;经 sudo 运行时文件名写 -,再用 > 文件 接收")
    return DiskFault(_("无法写入文件"), where=out.name, next_step=step)
