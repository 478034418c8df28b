"""`gateway outbox …`: what waits for the platform, and what a person may do about it; undoing what a run pushed."""

from collections.abc import Sequence
from typing import Annotated

import typer

from gateway import logs
from gateway.acts import actor, undo
from gateway.acts import outbox as acts
from gateway.acts.outbox import STATES, Item, Listing, Which
from gateway.acts.undo import Undo
from gateway.cli.output import cell, line, print_json, table, talk, tell_rest
from gateway.cli.root import AsJson, command, group, opened
from gateway.cli.shown import CHANGE_STATES, USES, platform_number, tell_report
from gateway.errors import ExitCode, NotAllowed
from gateway.pipeline import RunReport
from gateway.store.withdrawals import WithdrawalRow
from gateway.words import _

_STATES = {**CHANGE_STATES, acts.CANCELLED: _("已取消")}
_UNDO_STATES = {"open": _("待放行"), "released": _("已放行"), "rejected": _("已驳回")}
_KINDS = {"emptied": _("清空"), "restored": _("恢复"), "changed": _("改回")}

Number = Annotated[int, typer.Argument(metavar="UNDO", help=_("编号,见 gateway outbox undos"))]
Note = Annotated[str, typer.Option("--note", help=_("理由,记入台账;不要写姓名和证件号码"))]
Numbers = Annotated[
    list[int] | None, typer.Argument(metavar="CHANGE", help=_("变更编号,见 gateway outbox list;不写则按条件"))
]
State = Annotated[str | None, typer.Option("--state", metavar="|".join(STATES), help=_("只看这一状态"))]
Result = Annotated[int | None, typer.Option("--result", metavar="CODE", help=_("只看平台这一结果代码"))]
Instance = Annotated[str | None, typer.Option("--instance", metavar="NAME", help=_("只看含该来源记录的"))]
County = Annotated[str | None, typer.Option("--county", metavar="CODE", help=_("只看该县(六位区划代码,按现行名册)"))]
Everything = Annotated[bool, typer.Option("--all", help=_("没有其他条件时,须写明是全部"))]

outbox = group("outbox", text=_("待上传的变更:查看、重试、暂停、恢复、取消;撤回已上传的"))


@command("list", text=_("列出待发、已发待确认、被拒绝和已取消的变更"), group=outbox)
def outbox_list(
    ctx: typer.Context,
    state: State = None,
    result: Result = None,
    instance: Instance = None,
    county: County = None,
    as_json: AsJson = False,
) -> None:
    with opened(ctx) as site:
        which = Which(state=state, result=result, instance=instance, county=county)
        seen = acts.listed(site, which, actor=actor())
    if as_json:
        print_json(seen)
        return
    _listing(seen)


def _listing(seen: Listing) -> None:
    if seen.pause:
        text = _("上传自 {at} 起暂停({by}:{note})→ 恢复:gateway outbox resume --note 理由")
        line(text.format(at=cell(seen.pause.at), by=seen.pause.actor, note=seen.pause.note))
    if seen.undos:
        line(_("有 {n} 项撤回等人放行 → gateway outbox undos").format(n=seen.undos))
    table(
        [_("状态"), _("结果"), _("含义"), _("变更")],
        [(_STATES[state], result, reason, number) for state, result, reason, number in seen.counts],
    )
    line()
    columns = [
        _("编号"), _("姓名"), _("人员编号"), _("县"), _("用途"), _("状态"), _("已试"), _("下次"), _("原因"), _("运行"),
    ]  # fmt: skip
    table(columns, [_row(one) for one in seen.items])
    tell_rest(len(seen.items), sum(number for *_group, number in seen.counts))


def _row(one: Item) -> tuple[object, ...]:
    return (
        one.number, one.name, platform_number(one.psn_no), one.county, USES[one.use], _STATES[one.state],
        one.attempts, one.next_try, one.reason, one.run,
    )  # fmt: skip


@command("show", text=_("显示一项变更:内容、平台的答复、台账所知的现状"), group=outbox)
def outbox_show(
    ctx: typer.Context,
    number: Annotated[int, typer.Argument(metavar="CHANGE", help=_("变更编号,见 gateway outbox list"))],
    as_json: AsJson = False,
) -> None:
    with opened(ctx) as site:
        seen = acts.show(site, number, actor=actor())
    if as_json:
        print_json(seen)
        return
    one = seen.item
    text = _("变更 {number}:{name} {psn_no},{use},{state},由运行 {run} 排队")
    words = {"name": one.name, "psn_no": platform_number(one.psn_no), "run": one.run}
    line(text.format(number=number, use=USES[one.use], state=_STATES[one.state], **words))
    if one.attempts:
        told = _("  已试 {n} 次,最后结果 {result};报文 {msgid} 第 {seq} 项,{at}")
        result = f"{cell(one.result)} {one.reason}".strip()
        line(told.format(n=one.attempts, msgid=seen.msgid, seq=seen.seq, at=cell(seen.settled_at), result=result))
    if one.next_try:
        line(_("  下次不早于 {at}").format(at=cell(one.next_try)))
    _records(_("  要上传的名单:"), seen.records)
    _records(_("  平台最后确认的名单:"), seen.confirmed or ())
    for row in seen.withdrawals:
        what = _("  已取消") if row.kind == "cancel" else _("  已撤回")
        line(what + f" ({row.asked_by} {cell(row.asked_at)} {row.note})")
    if one.state == "refused":
        line(_("  更正后重试:gateway outbox retry {n} --note 理由").format(n=number))


def _records(title: str, records: Sequence[str]) -> None:
    line(title)
    for record in records or [_("(空)")]:
        line("    " + record.replace("|", "  "))


@command("retry", text=_("立即重试:被拒绝的、等待重试的;--state cancelled 则恢复已取消的"), group=outbox)
def outbox_retry(
    ctx: typer.Context,
    note: Note,
    numbers: Numbers = None,
    state: State = None,
    result: Result = None,
    instance: Instance = None,
    county: County = None,
    everything: Everything = False,
    as_json: AsJson = False,
) -> None:
    logs.configure(human=True)
    which = Which(state=state, result=result, instance=instance, county=county, numbers=tuple(numbers or ()))
    _narrow(which, everything=everything)
    with opened(ctx) as site:
        report = acts.retry(site, which, actor=actor(), note=note)
    _ended(report, as_json=as_json)


@command("cancel", text=_("取消待发的变更:在该人该用途另有新内容之前,不再排队"), group=outbox)
def outbox_cancel(
    ctx: typer.Context,
    note: Note,
    numbers: Numbers = None,
    result: Result = None,
    instance: Instance = None,
    county: County = None,
    everything: Everything = False,
) -> None:
    which = Which(result=result, instance=instance, county=county, numbers=tuple(numbers or ()))
    _narrow(which, everything=everything)
    with opened(ctx) as site:
        number = acts.cancel(site, which, actor=actor(), note=note)
    talk(_("已取消 {n} 项;恢复:gateway outbox retry --state cancelled --note 理由").format(n=number))


def _narrow(which: Which, *, everything: bool) -> None:
    """Nobody means everything by leaving something out."""
    if which.all and not everything:
        raise NotAllowed(_("没有写明是哪些变更"), next_step=_("请写变更编号或条件;确要全部时加 --all"))


@command("pause", text=_("暂停上传:变更继续排队,直到恢复;正在进行的上传在下一批前停下"), group=outbox)
def outbox_pause(ctx: typer.Context, note: Note) -> None:
    with opened(ctx) as site:
        acts.pause(site, actor=actor(), note=note)
    talk(_("已暂停上传;恢复:gateway outbox resume --note 理由"))


@command("resume", text=_("恢复上传:下一次运行起照常发送"), group=outbox)
def outbox_resume(ctx: typer.Context, note: Note) -> None:
    with opened(ctx) as site:
        acts.resume(site, actor=actor(), note=note)
    talk(_("已恢复上传;下一次运行时发送,也可现在运行 gateway run"))


@command("undo", text=_("提出撤回一次运行所上传的内容,须另一人放行"), group=outbox)
def outbox_undo(
    ctx: typer.Context,
    run: Annotated[int, typer.Argument(metavar="RUN", help=_("运行编号,见 gateway runs"))],
    note: Note,
    as_json: AsJson = False,
) -> None:
    with opened(ctx) as site:
        asked = undo.ask(site, run, actor=actor(), note=note)
    if as_json:
        print_json(asked)
    else:
        _show_undo(asked)
    raise typer.Exit(ExitCode.HELD)


@command("undos", text=_("列出撤回;写出编号则显示它要改的内容"), group=outbox)
def outbox_undos(
    ctx: typer.Context,
    number: Annotated[int | None, typer.Argument(metavar="UNDO", help=_("编号;不写则列出待放行的"))] = None,
    every: Annotated[bool, typer.Option("--all", help=_("也列出已处理的"))] = False,
    as_json: AsJson = False,
) -> None:
    with opened(ctx) as site:
        seen = (
            undo.listed(site, every=every, actor=actor()) if number is None else undo.show(site, number, actor=actor())
        )
    if as_json:
        print_json(seen)
    elif isinstance(seen, Undo):
        _show_undo(seen)
    else:
        columns = [_("编号"), _("运行"), _("状态"), _("名单数"), _("仍有效"), _("提出"), _("处理")]
        table(columns, [_undo_row(row) for row in seen])


def _undo_row(row: WithdrawalRow) -> tuple[object, ...]:
    decided = f"{row.decided_by} {cell(row.decided_at)} {row.decided_note}" if row.decided_by else ""
    asked = f"{row.asked_by} {cell(row.asked_at)} {row.note}"
    return row.id, row.run_id, _UNDO_STATES[row.state], row.lists, row.in_force, asked, decided


def _show_undo(seen: Undo) -> None:
    row = seen.row
    head = _("撤回 {id}({state}):运行 {run} 上传的 {lists} 份名单改回此前的内容")
    line(head.format(id=row.id, state=_UNDO_STATES[row.state], run=row.run_id, lists=row.lists))
    table([_("用途"), _("内容"), _("份数")], [(USES[use], _KINDS[kind], number) for use, kind, number in seen.changes])
    for one in seen.examples:
        line(f"{one.name} {platform_number(one.psn_no)} {USES[one.use]}")
        _records(_("  现有:"), one.now)
        _records(_("  改回:"), one.after)
    if row.state == "open":
        line(_("由提出人以外的人决定:gateway outbox release {n} --note 理由").format(n=row.id))
        line(_("              或者:gateway outbox reject {n} --note 理由").format(n=row.id))


@command("release", text=_("放行撤回:改回此前的名单并上传"), group=outbox)
def outbox_release(ctx: typer.Context, number: Number, note: Note, as_json: AsJson = False) -> None:
    logs.configure(human=True)
    with opened(ctx) as site:
        report = undo.release(site, number, actor=actor(), note=note)
    _ended(report, as_json=as_json)


@command("reject", text=_("驳回撤回:名单不变;已放行的则取消,恢复按规则上传"), group=outbox)
def outbox_reject(ctx: typer.Context, number: Number, note: Note, as_json: AsJson = False) -> None:
    logs.configure(human=True)
    with opened(ctx) as site:
        report = undo.reject(site, number, actor=actor(), note=note)
    _ended(report, as_json=as_json)


def _ended(report: RunReport | None, *, as_json: bool) -> None:
    assert report is not None  # only a slot can be taken
    if as_json:
        print_json({"run": report.run, "exit_code": int(report.exit_code), **report.detail()})
    else:
        tell_report(report)
    raise typer.Exit(report.exit_code)
