"""`gateway holds list|show|release|reject`: departures, or whole lists, that wait for a person."""

from typing import Annotated

import typer

from gateway import logs
from gateway.acts import actor, look
from gateway.acts import holds as acts
from gateway.cli.output import cell, line, print_json, table, talk
from gateway.cli.root import AsJson, command, group, opened
from gateway.cli.shown import HOLD_STATES, OUTCOMES, counts, tell_report
from gateway.pipeline import RunReport
from gateway.store.decisions import HoldRow
from gateway.words import _

Number = Annotated[int, typer.Argument(metavar="HOLD", help=_("编号,见 gateway holds list"))]
Note = Annotated[str, typer.Option("--note", help=_("理由,记入台账;不要写姓名和证件号码"))]

holds = group("holds", text=_("待决事项:离开名单的人过多,或整份名单可疑"))


@command("list", text=_("列出待决事项"), group=holds)
def holds_list(
    ctx: typer.Context,
    every: Annotated[bool, typer.Option("--all", help=_("也列出已处理的"))] = False,
    as_json: AsJson = False,
) -> None:
    with opened(ctx) as site:
        seen = acts.held(site, every=every)
    if as_json:
        print_json(seen)
        return
    columns = [_("编号"), _("来源"), _("批次"), _("业务日期"), _("范围"), _("涉及"), _("状态"), _("发起"), _("处理")]
    rows = [
        (
            h.id,
            h.instance,
            h.name,
            h.business_date,
            _scope(h),
            f"{h.leaving}/{h.holding}",
            HOLD_STATES[h.state],
            f"{h.opened_by} {cell(h.opened_at)}",
            f"{h.decided_by} {cell(h.decided_at)} {h.note}" if h.decided_by else "",
        )
        for h in seen
    ]
    table(columns, rows)


@command("show", text=_("显示一项待决事项和可做的决定"), group=holds)
def holds_show(ctx: typer.Context, number: Number, as_json: AsJson = False) -> None:
    with opened(ctx) as site:
        seen = acts.hold(site, number)
        delivery = look.delivery(site, seen.delivery_id)
    if as_json:
        print_json({**vars(seen), "rows": delivery.rows, "outcomes": dict(delivery.outcomes)})
        return
    head = _("待决事项 {id}({state}):{instance} 的 {name},业务日期 {day}")
    state = HOLD_STATES[seen.state]
    line(head.format(id=seen.id, state=state, instance=seen.instance, name=seen.name, day=seen.business_date))
    line(_what(seen))
    outcomes = counts((OUTCOMES[name], number) for name, number in delivery.outcomes.items())
    line(_("  名单共 {rows} 行:{outcomes}").format(rows=delivery.rows, outcomes=outcomes or _("尚未采用")))
    line(_("  发起:{by} {at}").format(by=seen.opened_by, at=cell(seen.opened_at)))
    if seen.state == "open":
        line(_("  与来源单位核实后,由发起人以外的人决定:"))
        line(_("    名单无误:gateway holds release {id} --note 理由").format(id=seen.id))
        line(_("    名单有误:gateway holds reject {id} --note 理由").format(id=seen.id))
    elif seen.decided_by:
        line(_("  处理:{by} {at} {note}").format(by=seen.decided_by, at=cell(seen.decided_at), note=seen.note))


@command("release", text=_("放行:名单说了算,不在名单上的人终止身份"), group=holds)
def holds_release(ctx: typer.Context, number: Number, note: Note, as_json: AsJson = False) -> None:
    logs.configure(human=True)
    with opened(ctx) as site:
        report = acts.release(site, number, actor=actor(), note=note)
    _decided(_("已放行待决事项 {id}").format(id=number), report, as_json)


@command("reject", text=_("驳回:所有人保留身份"), group=holds)
def holds_reject(ctx: typer.Context, number: Number, note: Note, as_json: AsJson = False) -> None:
    logs.configure(human=True)
    with opened(ctx) as site:
        report = acts.reject(site, number, actor=actor(), note=note)
    _decided(_("已驳回待决事项 {id}").format(id=number), report, as_json)


def _decided(text: str, report: RunReport | None, as_json: bool) -> None:
    assert report is not None  # only a slot can be taken
    talk(text)
    if as_json:
        print_json({"run": report.run, "exit_code": int(report.exit_code), **report.detail()})
    else:
        tell_report(report)
    raise typer.Exit(report.exit_code)


def _scope(hold: HoldRow) -> str:
    return {"*": _("整份名单"), "": _("全部")}.get(hold.scope, hold.scope)


def _what(hold: HoldRow) -> str:
    if hold.scope == "*":
        text = _("  {holding} 行中有 {leaving} 行不可用、查无此人或待核查,像是给错了名单;名单整份未采用")
    else:
        text = _("  持有身份的 {holding} 人中有 {leaving} 人不在名单上(范围:{scope});他们的身份暂时保留")
    return text.format(holding=hold.holding, leaving=hold.leaving, scope=_scope(hold))
