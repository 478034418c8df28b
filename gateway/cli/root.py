"""The root of the command line, and what all commands share: `--site`, `--json`, an open site.

Takes the process's arguments; gives one command its site, and the process its exit code. A known error becomes one
line with its causes; only a surprise prints a traceback.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from typer import rich_utils

from gateway.acts import audit, who
from gateway.acts.exposure import not_somebody_else_s
from gateway.bootstrap import open_site
from gateway.cli import faults
from gateway.cli.usage import COMMANDS, OPTIONS, Command, Group
from gateway.errors import GatewayError
from gateway.site import Site
from gateway.vault.memory import keep_memory
from gateway.words import _

F = TypeVar("F", bound=Callable[..., Any])

rich_utils.OPTIONS_PANEL_TITLE = _("选项")
rich_utils.ARGUMENTS_PANEL_TITLE = _("参数")
rich_utils.COMMANDS_PANEL_TITLE = _("命令")
rich_utils.ERRORS_PANEL_TITLE = _("用法有误")
rich_utils.DEFAULT_STRING = _("[默认:{}]")
rich_utils.ENVVAR_STRING = _("[环境变量:{}]")
rich_utils.REQUIRED_LONG_STRING = _("[必填]")
rich_utils.ABORTED_TEXT = _("已中止。")
rich_utils.RICH_HELP = _("用法见 [blue]'{command_path} {help_option}'[/]。")

AsJson = Annotated[bool, typer.Option("--json", help=_("以 JSON 输出,供脚本读取"))]


app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    options_metavar=OPTIONS,
    subcommand_metavar=COMMANDS,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=_("身份交换网关:把各部门名单变成医保平台上的身份标识。先运行 gateway init 目录。"),
)


def _tell_version(asked: bool) -> None:
    if asked:
        print(f"gateway {metadata.version('interagency-gateway')}")
        raise typer.Exit


@app.callback()
def _root(
    ctx: typer.Context,
    site: Annotated[
        Path,
        typer.Option("--site", metavar="DIR", envvar="GATEWAY_SITE", help=_("站点目录,默认为当前目录")),
    ] = Path("."),
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help=_("显示版本后退出"))
    ] = False,
) -> None:
    ctx.obj = site


def command(name: str, *, text: str, group: typer.Typer = app) -> Callable[[F], F]:
    """Registers a command under its name with its help text."""
    return group.command(name, cls=Command, help=text, options_metavar=OPTIONS)


def group(name: str, *, text: str) -> typer.Typer:
    """Registers a word with commands of its own."""
    below = typer.Typer(
        cls=Group, no_args_is_help=True, help=text, options_metavar=OPTIONS, subcommand_metavar=COMMANDS
    )
    app.add_typer(below, name=name)
    return below


def folder(ctx: typer.Context) -> Path:
    """The site's folder as the person named it. Raises NotAllowed for one that is somebody else's."""
    return not_somebody_else_s(Path(ctx.find_root().obj), another=who.for_another())


@contextmanager
def opened(ctx: typer.Context) -> Iterator[Site]:
    """The site, open. Raises as `open_site`."""
    site = open_site(folder(ctx))
    try:
        with audit.sealing(site):
            yield site
    finally:
        site.ledger.close()


def main() -> None:
    """The process `gateway`. Exit codes: `gateway.errors.ExitCode`. It keeps its memory to itself."""
    try:
        keep_memory()
        app(prog_name="gateway")
    except GatewayError as fault:
        faults.tell(fault)
        sys.exit(fault.exit_code)
    except Exception as surprise:  # the last door before the interpreter's own, which would print messages in full
        faults.tell_surprise(surprise)
        sys.exit(1)
