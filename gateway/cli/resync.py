"""`gateway resync INSTANCE`: pull one instance and settle, or show what settling would change."""

from typing import Annotated

import typer

from gateway import logs
from gateway.acts import actor
from gateway.acts import runs as acts
from gateway.acts.advice import STATES
from gateway.cli.output import line, print_json, table
from gateway.cli.root import AsJson, command, opened
from gateway.cli.shown import USES, counts, tell_report
from gateway.pipeline.preview import Preview
from gateway.words import _

_KINDS = {"first": _("首次上传"), "changed": _("变更"), "emptied": _("清空")}
_DEPARTURES = {"released": _("终止"), "waiting": _("等待"), "held": _("暂停"), "cancelled": _("已驳回")}


@command("resync", text=_("重新收取一个来源并结算;--dry-run 只看会有哪些变化"))
def resync(
    ctx: typer.Context,
    instance: Annotated[str, typer.Argument(metavar="INSTANCE", help=_("来源名称,见 gateway sources"))],
    dry_run: Annotated[bool, typer.Option("--dry-run", help=_("不收取、不写入、不上传,只显示变化"))] = False,
    as_json: AsJson = False,
) -> None:
    logs.configure(human=True)
    if dry_run:
        with opened(ctx) as site:
            seen = acts.would_change(site, instance, actor=actor())
        print_json(seen) if as_json else _show(seen)
        return
    with opened(ctx) as site:
        report = acts.resync(site, instance, actor=actor())
    assert report is not None  # only a slot can be taken
    if as_json:
        print_json({"run": report.run, "exit_code": int(report.exit_code), **report.detail()})
    else:
        tell_report(report)
    raise typer.Exit(report.exit_code)


def _show(seen: Preview) -> None:
    line(_("批次:{states}").format(states=counts((STATES[k], n) for k, n in seen.deliveries.items()) or _("无")))
    line(_("认定的变化"))
    table([_("来源"), _("身份"), _("新增"), _("不再采信")], seen.recognitions)
    departures = [(name, _DEPARTURES[state], number) for name, state, number in seen.departures]
    line(_("离开名单的人"))
    table([_("来源"), _("结果"), _("人次")], departures)
    changes = [(USES[use], _KINDS[kind], number) for use, kind, number in seen.changes]
    line(_("待上传(全站,含已排队的;首次上传以平台现有记录为准)"))
    table([_("用途"), _("内容"), _("人数")], changes)
    for delivery, scope, leaving, holding in seen.holds:
        text = _("超过限度:批次 {delivery} 范围 {scope}:{leaving}/{holding}")
        line(text.format(delivery=delivery, scope=scope or _("全部"), leaving=leaving, holding=holding))
