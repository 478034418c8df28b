"""What is asked for at the terminal instead of being typed into a command line, which others on the machine can read
and sudo may write down."""

import sys

import typer

from gateway.errors import NotFound
from gateway.words import _


def whom(text: str | None) -> str | None:
    """The person that an argument names; for `-` the terminal's next line, or standard input's first. Raises NotFound
    where nothing stands there: a command may mean something else by nobody."""
    if text != "-":
        return text
    if sys.stdin.isatty():
        asked: str = typer.prompt(_("人员编号、证件号码或人员键"), err=True)
        return asked
    if not (read := sys.stdin.readline().strip()):
        raise NotFound(_("标准输入中没有人员"), where="-", next_step=_("请写入人员编号、证件号码或人员键"))
    return read
