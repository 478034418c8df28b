"""`gateway explain PERSON`: every step that led to each record."""

from collections.abc import Sequence
from datetime import date, datetime, time
from typing import Annotated

import typer

from gateway.acts import actor
from gateway.acts import explain as acts
from gateway.acts import known as acts_known
from gateway.cli.asked import whom
from gateway.cli.output import cell, line, print_json, shown
from gateway.cli.root import AsJson, command, opened
from gateway.cli.shown import CHANGE_STATES, MODES, OUTCOMES, USES
from gateway.plugin.forms import CHINA
from gateway.store.takebacks import TakebackRow
from gateway.words import _

_RULES = {
    "number+name": _("号码和姓名一致"),
    "number+name_form": _("号码一致,姓名写法不同"),
    "weighed": _("号码残缺,其余各项只符合此人"),
    "decided": _("经办人认定"),
    "": "",
}
_ENDED = {
    "row": _("名单给出的日期"),
    "stop": _("停发"),
    "departure": _("不再列入全量名单"),
    "": "",
}
_DEPARTURES = {
    "released": _("身份终止"),
    "waiting": _("等待:名单中有未核实的行可能就是此人"),
    "held": _("暂停,待人工决定"),
    "cancelled": _("已驳回,身份保留"),
}
_ORIGINS = {"receipt": _("由本网关上传"), "readback": _("首次上传前平台已有")}


@command("explain", text=_("一个人的每条记录是怎么来的:批次和行、规则、认定、上传、回执"))
def explain(
    ctx: typer.Context,
    person: Annotated[
        str,
        typer.Argument(
            metavar="PERSON", callback=whom, help=_("人员编号、证件号码,或台账中的人员键;写 - 则在终端询问")
        ),
    ],
    as_of: Annotated[
        datetime | None,
        typer.Option("--as-of", formats=["%Y-%m-%d"], metavar="DAY", help=_("这一天的身份;默认今天")),
    ] = None,
    known_at: Annotated[
        str | None,
        typer.Option("--known-at", metavar="DAY|TIME", help=_("按当时所知;只写日期指当天结束时,默认现在")),
    ] = None,
    as_json: AsJson = False,
) -> None:
    if as_of is not None or known_at is not None:
        _explain_then(ctx, person, as_of, known_at, as_json=as_json)
        return
    with opened(ctx) as site:
        seen = acts.explain(site, person, actor=actor())
    if as_json:
        print_json(seen)
        return
    _person(seen)
    told = seen.believed or seen.taken_back or seen.departures
    line(_("认定:") if told else _("认定:无"))
    for believed in seen.believed:
        _believed(believed)
    for one in seen.taken_back:
        _taken_back(one)
    for departure in seen.departures:
        _departure(departure)
    line(_("上传:") if seen.changes else _("上传:无"))
    for sent in seen.changes:
        _sent(sent)
    line(_("平台现有(经确认):") if seen.confirmed else _("平台现有(经确认):无"))
    for confirmed in seen.confirmed:
        line(f"  {USES[confirmed.use]}  {_ORIGINS[confirmed.origin]}  {cell(confirmed.at)}")
        _records(confirmed.records)


def _explain_then(
    ctx: typer.Context, person: str, as_of: datetime | None, known_at: str | None, *, as_json: bool
) -> None:
    """What was true on a day, as it was known at a time."""
    at = None if known_at is None else _time(known_at)
    with opened(ctx) as site:
        day = as_of.date() if as_of else None
        seen = acts_known.known(site, person, as_of=day, known_at=at, actor=actor())
    if as_json:
        print_json(seen)
        return
    head = _("{name} {number} 人员键 {key}:{day} 的身份,按 {at} 时所知({run})")
    at_text = f"{seen.known_at:%Y-%m-%d %H:%M:%S}"
    run = _("运行 {run}").format(run=seen.run) if seen.run else _("尚无运行")
    line(
        head.format(name=seen.name, number=seen.number, key=shown(seen.person_key), day=seen.as_of, at=at_text, run=run)
    )
    for number, text in seen.cases:
        line(_("当时待核查 {number}:{text}").format(number=number, text=text))
    line(_("当时采信:") if seen.believed else _("当时采信:无"))
    for believed in seen.believed:
        _believed(believed)
    for departure in seen.departures:
        _departure(departure)
    line(_("平台当时已确认:") if seen.confirmed else _("平台当时已确认:无"))
    for confirmed in seen.confirmed:
        line(f"  {USES[confirmed.use]}  {_ORIGINS[confirmed.origin]}  {cell(confirmed.at)}")
        _records(confirmed.records)


def _time(text: str) -> datetime:
    """A time in China, or the end of a day there."""
    try:
        if len(text) == len("2026-11-01"):
            return datetime.combine(date.fromisoformat(text), time.max, CHINA)
        return datetime.fromisoformat(text).replace(tzinfo=CHINA)
    except ValueError:
        told = _("应写成 2026-11-05 或 2026-11-05T10:30,北京时间")
        raise typer.BadParameter(told, param_hint="--known-at") from None


def _person(seen: acts.Explanation) -> None:
    if seen.on_roster:
        state = _("已死亡") if seen.dead else _("参保") if seen.covered else _("参保关系全部停保")
        head = _("{name} {number} 人员编号 {psn_no}({state}) 人员键 {key}")
        line(
            head.format(
                name=seen.name, number=seen.number, psn_no=shown(seen.psn_no), state=state, key=shown(seen.person_key)
            )
        )
    else:
        line(_("人员键 {key}:不在现行名册中").format(key=shown(seen.person_key)))
    for number, text in seen.cases:
        line(_("待核查 {number}:{text}").format(number=number, text=text))


def _believed(b: acts.Believed) -> None:
    level = f" {b.level}" if b.level else ""
    ended = f" ({_ENDED.get(b.ended_by, b.ended_by)})" if b.ended_by else ""
    line(f"  {b.identity}{level}  {b.first} ~ {b.last or _('至今')}{ended}")
    o = b.origin
    _place(o)
    if b.later:
        line(_("    后来的名单中仍有此人:"))
        _place(b.later)
    told = [OUTCOMES.get(o.outcome, o.outcome), _RULES.get(o.rule, o.rule), o.reason]
    line("    " + _(",").join(part for part in told if part))
    if o.evidence:
        line(_("    依据:{evidence}({score:.0f} 分)").format(evidence=_("、").join(o.evidence), score=o.score or 0))
    since = _("    自运行 {run}({at})起采信").format(run=b.from_run, at=cell(b.from_time))
    until = _(",至运行 {run}({at})").format(run=b.to_run, at=cell(b.to_time)) if b.to_run else _(",现在仍采信")
    line(since + until)
    told_of = b.later if o.ended else o
    if told_of and not b.to_run:
        wrong = _("    如不是此人:gateway cases report {delivery} {row} --note 理由")
        line(wrong.format(delivery=told_of.delivery, row=told_of.row))


def _place(o: acts.Origin) -> None:
    """Where a row stands, and what it says there."""
    where = _("    {instance} 批次 {id} {name}({day}),{part} 第 {line} 行:{person} {number} {category}")
    gone = _("    {instance} 批次 {id} {name}({day}),{part} 第 {line} 行:明细已到期销毁")
    line(
        (gone if o.ended else where).format(
            instance=o.instance,
            id=o.delivery,
            name=o.name,
            day=o.business_date,
            part=o.part,
            line=o.line,
            person=o.person,
            number=o.number,
            category=o.category,
        )
    )


def _taken_back(one: TakebackRow) -> None:
    text = _("  收回 {n}:{instance} 的 {identity} {first} ~ {last} 记错了人,从未成立(运行 {run},{by})")
    by = _("待核查项 {case}").format(case=one.case_id) if one.case_id else _("名册变化")
    period = {"first": one.first, "last": one.last or _("至今")}
    line(text.format(n=one.id, instance=one.instance, identity=one.identity, run=one.run_id, by=by, **period))
    if one.restored_run:
        line(_("    自运行 {run} 起又采信").format(run=one.restored_run))


def _departure(d: acts.Departure) -> None:
    text = _("  离开 {identity}:{instance} 批次 {id} {name}({day}){full}不再列入,{state},末日 {last}")
    line(
        text.format(
            identity=d.identity,
            instance=d.instance,
            id=d.delivery,
            name=d.name,
            day=d.business_date,
            full=MODES["full"],
            state=_DEPARTURES[d.state],
            last=d.last,
        )
    )
    if d.decided_by:
        line(_("    决定人 {by}:{note}").format(by=d.decided_by, note=d.note))


def _sent(sent: acts.Sent) -> None:
    message = _("报文 {msgid} 第 {seq} 项").format(msgid=sent.msgid, seq=sent.seq) if sent.msgid else _("尚未发送")
    result = _(",结果 {result}").format(result=sent.result) if sent.result is not None else ""
    at = f"{_(',')}{cell(sent.at)}" if sent.at else ""
    head = _("  {use}:{state},{message}{result}{at}(运行 {run})")
    state = CHANGE_STATES[sent.state]
    line(head.format(use=USES[sent.use], state=state, message=message, result=result, at=at, run=sent.run))
    _records(sent.records)


def _records(records: Sequence[acts.Record]) -> None:
    for r in records:
        line(f"    {r.identity or r.code} {r.level} {r.begin[:10]} ~ {r.end[:10]} {r.source}")
    if not records:
        line(_("    (空:此用途没有身份)"))
