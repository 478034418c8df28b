"""What is asked for at the terminal instead of being typed into a command line, which others on the machine can read
and sudo may write down."""

import sys

import typer

from gateway.words import _


def whom(text: str | None) -> str | None:
    """The person that an argument names; for `-` the terminal's next line, or standard input's first."""
    if text != "-":
        return text
    if sys.stdin.isatty():
        asked: str = typer.prompt(_("人员编号、证件号码或人员键"), err=True)
        return asked
    return sys.stdin.readline().strip()
