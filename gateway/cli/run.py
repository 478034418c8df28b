"""`gateway run [INSTANCE…]`: pull, settle, send."""

from datetime import datetime
from typing import Annotated

import typer

from gateway import logs
from gateway.acts import actor, runs
from gateway.cli.output import print_json
from gateway.cli.previewed import tell_looked
from gateway.cli.root import AsJson, command, opened
from gateway.cli.shown import tell_report
from gateway.words import _


@command("run", text=_("收取名单、核对身份、上传变更;不写来源名称则全部运行"))
def run(
    ctx: typer.Context,
    instances: Annotated[
        list[str] | None, typer.Argument(metavar="INSTANCE", help=_("来源名称,见 gateway sources"), show_default=False)
    ] = None,
    today: Annotated[
        datetime | None,
        typer.Option("--today", formats=["%Y-%m-%d"], metavar="DAY", help=_("当作这一天运行,默认为今天")),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=_("不收取、不上传,只显示已收到的名单会带来的变化"))
    ] = False,
    as_json: AsJson = False,
) -> None:
    logs.configure(human=True)
    if dry_run:
        if len(instances or []) > 1:
            raise typer.BadParameter(_("--dry-run 只能看一个来源或全部来源"), param_hint="INSTANCE")
        with opened(ctx) as site:
            looked = runs.would_change(site, instances[0] if instances else None, actor=actor())
        print_json({**vars(looked.seen), "before": looked.before}) if as_json else tell_looked(looked)
        return
    with opened(ctx) as site:
        report = runs.run(site, instances or [], today.date() if today else None, actor=actor())
    assert report is not None  # only a slot can be taken, and a person's run has none
    if as_json:
        print_json({"run": report.run, "exit_code": int(report.exit_code), **report.detail()})
    else:
        tell_report(report)
    raise typer.Exit(report.exit_code)
