"""`gateway import INSTANCE FILE`: a list that came on a USB stick."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway import logs
from gateway.acts import actor, lists, look
from gateway.cli.output import line, print_json, talk
from gateway.cli.previewed import tell_looked
from gateway.cli.root import AsJson, command, opened
from gateway.cli.shown import tell_report
from gateway.errors import ExitCode
from gateway.model.deliveries import Mode
from gateway.pipeline.bring import Brought
from gateway.site import Site
from gateway.words import _

_KNOWN = _("这份名单以前已经收到过,没有变化")


@command("import", text=_("导入一份用 U 盘等方式送来的名单;--dry-run 只看会有哪些变化"))
def import_list(
    ctx: typer.Context,
    instance: Annotated[str, typer.Argument(metavar="INSTANCE", help=_("来源名称,见 gateway sources"))],
    file: Annotated[Path, typer.Argument(metavar="FILE", help=_("名单文件,格式与该来源平时提供的相同"))],
    mode: Annotated[Mode, typer.Option("--mode", help=_("full 全量:不在名单上的人将离开;delta 增量"))],
    business_date: Annotated[
        datetime, typer.Option("--business-date", formats=["%Y-%m-%d"], metavar="DAY", help=_("名单的业务日期"))
    ],
    scope: Annotated[
        str, typer.Option("--scope", metavar="COUNTY", help=_("名单只管一个县区时,写其 6 位代码"), show_default=False)
    ] = "",
    sequence: Annotated[
        int | None, typer.Option("--sequence", min=1, help=_("来源单位的批次序号;有序号的来源,增量必须写"))
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=_("不接收、不写入、不上传,只显示变化"))] = False,
    as_json: AsJson = False,
) -> None:
    logs.configure(human=True)
    brought = Brought(file=file, mode=mode, business_date=business_date.date(), scope=scope, sequence=sequence)
    if dry_run:
        _try(ctx, instance, brought, as_json)
        return
    with opened(ctx) as site:
        intake, report = lists.import_list(site, instance, brought, actor=actor())
        refused = _refused(site, instance) if intake.refused else []
    code = report.exit_code if report else ExitCode.FAILED if intake.refused else ExitCode.DONE
    if as_json:
        detail = report.detail() if report else {}
        print_json({"taken": intake.taken, "refused": refused, "exit_code": int(code), **detail})
    elif report:
        tell_report(report)
    for delivery in refused:
        talk(_("已拒收并保留原件(批次 {id}):{reason}").format(id=delivery.id, reason=delivery.reason))
        talk(f"→ {delivery.advice}")
    if not intake.taken and not refused and not as_json:
        line(_KNOWN)
    raise typer.Exit(code)


def _try(ctx: typer.Context, instance: str, brought: Brought, as_json: bool) -> None:
    with opened(ctx) as site:
        looked = lists.would_import(site, instance, brought, actor=actor())
    if as_json:
        print_json({"known": looked is None, **({**vars(looked.seen), "before": looked.before} if looked else {})})
    elif looked is None:
        line(_KNOWN)
    else:
        tell_looked(looked)


def _refused(site: Site, instance: str) -> list[look.DeliveryView]:
    return look.received(site, instance=instance, state="refused", actor=actor())[-1:]
