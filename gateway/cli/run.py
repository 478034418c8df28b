"""`gateway run [INSTANCE…]`: pull, settle, send."""

from datetime import datetime
from typing import Annotated

import typer

from gateway import logs
from gateway.acts import actor, runs
from gateway.cli.output import print_json
from gateway.cli.root import AsJson, command, opened
from gateway.cli.shown import tell_report
from gateway.words import _


@command("run", text=_("收取名单、核对身份、上传变更;不写来源名称则全部运行"))
def run(
    ctx: typer.Context,
    instances: Annotated[
        list[str] | None, typer.Argument(metavar="INSTANCE…", help=_("来源名称,见 gateway sources"), show_default=False)
    ] = None,
    today: Annotated[
        datetime | None,
        typer.Option("--today", formats=["%Y-%m-%d"], metavar="DAY", help=_("当作这一天运行,默认为今天")),
    ] = None,
    as_json: AsJson = False,
) -> None:
    logs.configure(human=True)
    with opened(ctx) as site:
        report = runs.run(site, instances or [], today.date() if today else None, actor=actor())
    assert report is not None  # only a slot can be taken, and a person's run has none
    if as_json:
        print_json({"run": report.run, "exit_code": int(report.exit_code), **report.detail()})
    else:
        tell_report(report)
    raise typer.Exit(report.exit_code)
