"""`gateway holds list|show|release|reject`: departures, or whole lists, that wait for a person."""

from typing import Annotated

import typer

from gateway import logs
from gateway.acts import actor, look
from gateway.acts import holds as acts
from gateway.acts.holds import HoldView
from gateway.cli.output import cell, line, print_json, shown, table, talk
from gateway.cli.root import AsJson, command, group, opened
from gateway.cli.shown import DIRECTIONS, HOLD_KINDS, HOLD_STATES, OUTCOMES, counts, covered, tell_report
from gateway.errors import ExitCode
from gateway.model.holds import WHOLE
from gateway.pipeline import RunReport
from gateway.store.decisions import HoldRow
from gateway.words import _

Number = Annotated[int, typer.Argument(metavar="HOLD", help=_("编号,见 gateway holds list"))]
Digest = Annotated[str, typer.Option("--digest", help=_("核对过的内容的摘要,见 gateway holds show"))]
Note = Annotated[str, typer.Option("--note", help=_("理由,记入台账;不要写姓名和证件号码"))]

holds = group("holds", text=_("待决事项:离开名单的人过多,或整份名单可疑"))


@command("list", text=_("列出待决事项"), group=holds)
def holds_list(
    ctx: typer.Context,
    every: Annotated[bool, typer.Option("--all", help=_("也列出已处理的"))] = False,
    as_json: AsJson = False,
) -> None:
    with opened(ctx) as site:
        seen = acts.held(site, every=every, actor=actor())
    if as_json:
        print_json(seen)
        return
    names = (_("编号"), _("来源"), _("批次"), _("业务日期"), _("范围"), _("原因"), _("涉及"))
    columns = [*names, _("状态"), _("发起"), _("处理")]
    rows = [
        (
            h.id,
            h.instance,
            h.name,
            h.business_date,
            covered(h),
            HOLD_KINDS[h.kind],
            f"{h.leaving}/{h.holding}",
            HOLD_STATES[h.state],
            f"{h.opened_by} {cell(h.opened_at)}",
            f"{h.decided_by} {cell(h.decided_at)} {h.note}" if h.decided_by else "",
        )
        for h in seen
    ]
    table(columns, rows)


@command("show", text=_("显示一项待决事项和可做的决定"), group=holds)
def holds_show(
    ctx: typer.Context,
    number: Number,
    everybody: Annotated[bool, typer.Option("--all", help=_("列出放行所影响的每一个人(遮盖后)"))] = False,
    as_json: AsJson = False,
) -> None:
    with opened(ctx) as site:
        view = acts.shown(site, number, everybody=everybody, actor=actor())
        seen = view.hold
        delivery = look.delivery(site, seen.delivery_id, actor=actor())
    if as_json:
        parts = {name: value for name, value in vars(view).items() if name not in ("hold", "digest")}
        print_json({**vars(seen), **parts, "rows": delivery.rows, "outcomes": dict(delivery.outcomes)})
        return
    head = _("待决事项 {id}({state}):{instance} 的 {name},业务日期 {day}")
    state = HOLD_STATES[seen.state]
    line(head.format(id=seen.id, state=state, instance=seen.instance, name=seen.name, day=seen.business_date))
    line(_what(seen, "; ".join(reason.partition(" → ")[0] for reason in delivery.message.splitlines())))
    outcomes = counts((OUTCOMES[name], number) for name, number in delivery.outcomes.items())
    line(_("  名单共 {rows} 行:{outcomes}").format(rows=delivery.rows, outcomes=outcomes or _("尚未采用")))
    line(_("  发起:{by} {at}").format(by=seen.opened_by, at=cell(seen.opened_at)))
    _set(view)
    if seen.state == "open":
        _steps(view)
    elif seen.decided_by:
        line(_("  处理:{by} {at} {note}").format(by=seen.decided_by, at=cell(seen.decided_at), note=seen.note))


@command("release", text=_("放行:按名单办,名单未列入或已停止的人终止身份"), group=holds)
def holds_release(ctx: typer.Context, number: Number, digest: Digest, note: Note, as_json: AsJson = False) -> None:
    logs.configure(human=True)
    with opened(ctx) as site:
        report = acts.release(site, number, digest=digest, actor=actor(), note=note)
        after = acts.hold(site, number, actor=actor())
    if report is None:
        text = _("已批准待决事项 {id};超过第二限度,还需另一位同事批准:gateway holds show {id}")
        talk(text.format(id=number))
        raise typer.Exit(ExitCode.HELD)
    changed = _("待决事项 {id} 的内容在放行后已变化,没有放行,须重新核对:gateway holds show {id}")
    text = changed if after.state == "open" else _("已放行待决事项 {id}")
    _decided(text.format(id=number), report, as_json)


@command("reject", text=_("驳回:不按名单办,所有人保留身份"), group=holds)
def holds_reject(ctx: typer.Context, number: Number, note: Note, as_json: AsJson = False) -> None:
    logs.configure(human=True)
    with opened(ctx) as site:
        report = acts.reject(site, number, actor=actor(), note=note)
    assert report is not None  # only a slot can be taken
    _decided(_("已驳回待决事项 {id}").format(id=number), report, as_json)


def _set(view: HoldView) -> None:
    """What differs from the list before, and what a release would do."""
    if view.before:
        line(_("  与上一份名单 {name} 相比(行数,只列有差别的):").format(name=view.before))
        rows = [(i, c or _("县不明"), then, now, f"{now - then:+d}") for i, c, then, now in view.differs]
        table([_("身份"), _("县区"), _("上一份"), _("这一份"), _("增减")], rows)
    if not view.current:
        return
    line(_("  放行会使:"))
    found = [(DIRECTIONS[c.direction], c.identity, c.county or _("县不明"), c.people) for c in view.counts]
    table([_("方向"), _("身份"), _("县区"), _("人数")], found)
    few, every = len(view.people), sum(c.people for c in view.counts)
    line(_("  涉及的人(已遮盖,{shown}/{every};--all 列出全部):").format(shown=few, every=every))
    people = [
        (DIRECTIONS[p.direction], p.identity, p.county, p.name, p.number, shown(p.person_key)) for p in view.people
    ]
    table([_("方向"), _("身份"), _("县区"), _("姓名"), _("证件号码"), _("人员键")], people)


def _steps(view: HoldView) -> None:
    """Who may decide, and how."""
    number, makers = view.hold.id, _("、").join(view.makers)
    line(_("  与来源单位核实后决定;放行不得由 {makers} 办理:").format(makers=makers))
    if view.hold.approvals > 1:
        by = _("、").join(view.approved_by) or _("无")
        line(_("  超过第二限度,须由 {n} 人先后批准;已批准:{by}").format(n=view.hold.approvals, by=by))
    if view.digest:
        text = _("    名单无误:gateway holds release {id} --digest {digest} --note 理由")
        line(text.format(id=number, digest=view.digest))
    else:
        line(_("    名册或名单在上次结算之后有变化,放行前请先运行 gateway run,再核对一次"))
    line(_("    名单有误:gateway holds reject {id} --note 理由").format(id=number))


def _decided(text: str, report: RunReport, as_json: bool) -> None:
    talk(text)
    if as_json:
        print_json({"run": report.run, "exit_code": int(report.exit_code), **report.detail()})
    else:
        tell_report(report)
    raise typer.Exit(report.exit_code)


def _what(hold: HoldRow, reason: str) -> str:
    if hold.scope == WHOLE:
        why = reason if hold.state == "open" and reason else HOLD_KINDS[hold.kind]
        text = _("  {why};涉及 {leaving}/{holding} 行,名单整份未采用")
        return text.format(why=why, leaving=hold.leaving, holding=hold.holding)
    text = _("  {why}:持有身份的 {holding} 人中有 {leaving} 人不在名单上(范围:{scope});他们的身份暂时保留")
    why = HOLD_KINDS[hold.kind]
    return text.format(why=why, holding=hold.holding, leaving=hold.leaving, scope=covered(hold))
