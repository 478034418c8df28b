"""`gateway cases list|show|decide|undo|report`: rows that a person must look at, and what they say about them."""

from datetime import datetime
from typing import Annotated

import typer

from gateway import logs
from gateway.acts import actor, look, runs
from gateway.acts import cases as acts
from gateway.acts.sides import FIELDS, Candidate, CaseDetail, Decided
from gateway.cli.asked import whom
from gateway.cli.deliveries import InstanceOption
from gateway.cli.output import cell, in_full, line, print_json, shown, table, talk, tell_rest
from gateway.cli.root import AsJson, command, group, opened
from gateway.cli.shown import tell_report
from gateway.errors import NotAllowed
from gateway.model.verdicts import Verdict
from gateway.pipeline.beside import Agreement
from gateway.words import _

STATES = {"open": _("待核查"), "later": _("暂缓"), "closed": _("已了结")}
AGREEMENTS = {
    Agreement.SAME: _("一致"),
    Agreement.NEAR: _("相近"),
    Agreement.OTHER: _("不一致"),
    Agreement.SILENT: _("未提供"),
}
TITLES = {
    "name": _("姓名"),
    "number": _("证件号码"),
    "birth": _("出生日期"),
    "sex": _("性别"),
    "area": _("地区(村)"),
    "household": _("家庭户"),
}
VERDICTS = {
    Verdict.SAME: _("是此人"),
    Verdict.DIFFERENT: _("不是此人"),
    Verdict.NOBODY: _("名册中无此人"),
    Verdict.LATER: _("暂缓"),
}

Number = Annotated[int, typer.Argument(metavar="CASE", help=_("编号,见 gateway cases list"))]
Note = Annotated[str, typer.Option("--note", help=_("理由,记入台账;不要写姓名和证件号码"))]

cases = group("cases", text=_("待核查的行:查看、决定、撤销、反映对应错了人"))


@command("list", text=_("列出待核查的行,最早的在前"), group=cases)
def cases_list(
    ctx: typer.Context,
    instance: InstanceOption = None,
    county: Annotated[str | None, typer.Option("--county", metavar="COUNTY", help=_("只看这个县(六位代码)"))] = None,
    state: Annotated[
        str, typer.Option("--state", metavar="STATE", help=_("状态:open 待核查、later 暂缓、closed 已了结"))
    ] = "open",
    every: Annotated[bool, typer.Option("--all", help=_("各种状态都列出"))] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help=_("最多列出几项"))] = 100,
    as_json: AsJson = False,
) -> None:
    if state not in STATES:
        raise typer.BadParameter(_("只能是 {states}").format(states=_("、").join(STATES)), param_hint="--state")
    with opened(ctx) as site:
        runs.check_instances(site, [instance] if instance else [])
        wanted = None if every else state
        seen, total, aged = look.cases(site, instance=instance, county=county, state=wanted, limit=limit, actor=actor())
    if as_json:
        print_json(seen)
        tell_rest(len(seen), total, talk)
        return
    columns = [_("编号"), _("来源"), _("县"), _("原因"), _("批次"), _("行"), _("状态"), _("发现时间"), _("天数")]
    rows = [
        (
            c.id,
            c.instance,
            c.county,
            c.reason,
            c.delivery,
            c.row,
            _state(c.state, c.later_until),
            c.opened_at,
            c.age_days,
        )
        for c in seen
    ]
    table(columns, rows)
    tell_rest(len(seen), total)
    if aged:
        line(_("待核查超过 {days} 天的有 {n} 项,请先处理").format(days=look.AGED_DAYS, n=aged))


@command("show", text=_("把一行和候选人并排列出,一致与否逐项标明(姓名和号码部分隐去)"), group=cases)
def cases_show(
    ctx: typer.Context,
    number: Number,
    unmask: Annotated[
        bool, typer.Option("--unmask", help=_("显示完整姓名和号码,须同时给出 --reason;记入台账"))
    ] = False,
    reason: Annotated[str | None, typer.Option("--reason", help=_("为什么须看完整信息;不要写姓名和证件号码"))] = None,
    as_json: AsJson = False,
) -> None:
    if unmask != (reason is not None):
        what = _("--unmask 和 --reason 须同时给出")
        step = _("请用 gateway cases show {n} --unmask --reason 理由").format(n=number)
        raise NotAllowed(what, next_step=step)
    with opened(ctx) as site:
        seen = (
            acts.case(site, number, actor=actor())
            if reason is None
            else acts.unmasked(site, number, reason=reason, actor=actor())
        )
    if as_json:
        print_json(seen, whole=unmask)
    else:
        with in_full(unmask):
            _show(seen)


@command("decide", text=_("决定一项:same 是此人,different 不是此人,nobody 名册中无此人,later 暂缓"), group=cases)
def cases_decide(
    ctx: typer.Context,
    number: Number,
    verdict: Annotated[Verdict, typer.Argument(metavar="VERDICT", help=_("same、different、nobody 或 later"))],
    note: Note,
    person: Annotated[
        str | None,
        typer.Option(
            "--person",
            metavar="PERSON",
            callback=whom,
            help=_("候选序号(1 起)、人员编号、证件号码或人员键;仅一名候选时可省;写 - 则在终端询问"),
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option("--until", formats=["%Y-%m-%d"], metavar="DAY", help=_("暂缓到哪一天;不写为 30 天后")),
    ] = None,
    no_settle: Annotated[
        bool, typer.Option("--no-settle", help=_("只记下,不立即结算:连续处理多项时用,下一次运行时生效"))
    ] = False,
    as_json: AsJson = False,
) -> None:
    logs.configure(human=True)
    day = until.date() if until else None
    with opened(ctx) as site:
        done = acts.decide(
            site, number, verdict, person=person, note=note, actor=actor(), until=day, settle=not no_settle
        )
    _answered(_("已记下:待核查项 {n} {verdict}").format(n=number, verdict=VERDICTS[verdict]), done, as_json)


@command("undo", text=_("撤销一项的最后一个决定,重新待核查"), group=cases)
def cases_undo(ctx: typer.Context, number: Number, note: Note, as_json: AsJson = False) -> None:
    logs.configure(human=True)
    with opened(ctx) as site:
        done = acts.undo(site, number, note=note, actor=actor())
    _answered(_("已撤销待核查项 {n} 的最后一个决定").format(n=number), done, as_json)


@command("report", text=_("反映某批次的一行对应错了人,列为待核查"), group=cases)
def cases_report(
    ctx: typer.Context,
    delivery: Annotated[int, typer.Argument(metavar="DELIVERY", help=_("批次编号,见 gateway explain"))],
    row: Annotated[int, typer.Argument(metavar="ROW", help=_("批次中的行序,见 gateway explain"))],
    note: Note,
    as_json: AsJson = False,
) -> None:
    with opened(ctx) as site:
        number = acts.report(site, delivery, row, note=note, actor=actor())
    if as_json:
        print_json({"case": number})
        return
    talk(_("已列为待核查项 {n}").format(n=number))
    line(_("  查看:gateway cases show {n}").format(n=number))
    line(_("  确实错了:gateway cases decide {n} different --note 理由(收回据此给出的身份)").format(n=number))
    line(_("  没有错:gateway cases decide {n} same --note 理由").format(n=number))


def _answered(text: str, done: acts.Answered, as_json: bool) -> None:
    talk(text)
    if as_json:
        print_json(
            {
                "case": done.case,
                "verdict": done.verdict,
                "state": done.state,
                "run": done.run.detail() if done.run else None,
            }
        )
    elif done.state == "open":
        line(_("该项仍待核查:{reason} → gateway cases show {n}").format(reason=done.reason, n=done.case))
    else:
        line(_("该项{state}").format(state=STATES[done.state]))
    if done.run:
        if not as_json:
            tell_report(done.run)
        raise typer.Exit(done.run.exit_code)


def _state(state: str, until: object) -> str:
    return _("暂缓至 {day}").format(day=until) if state == "later" else STATES[state]


def _show(seen: CaseDetail) -> None:
    head = _("{state} {id} {instance} {county} 已 {days} 天  {reason}")
    state = _state(seen.state, seen.later_until)
    line(
        head.format(
            state=state,
            id=seen.id,
            instance=seen.instance,
            county=seen.county,
            days=seen.age_days,
            reason=seen.reason,
        )
    )
    if seen.origin:
        o = seen.origin
        where = _("  出自批次 {id} {name} 的 {part} 第 {line} 行,类别 {category}")
        line(where.format(id=o.delivery, name=o.name, part=o.part, line=o.line, category=o.category))
    _sides(seen)
    for one in seen.decided:
        _decided(one)
    if seen.state != "closed" and seen.origin:
        _what_next(seen)


def _sides(seen: CaseDetail) -> None:
    """One line a field: what the list says, and what the roster says of each candidate."""
    line()
    columns = [_("项目"), _("名单"), *(_("候选 {n}").format(n=n) for n, _one in enumerate(seen.candidates, start=1))]
    texts = [{f.field: _compared(f.text, f.agreement) for f in one.fields} for one in seen.candidates]
    rows = [(TITLES[name], seen.listed[name], *(text.get(name, "") for text in texts)) for name in FIELDS]
    rows.append((_("参保"), "", *(_insured(one) for one in seen.candidates)))
    rows.append((_("人员编号"), "", *(shown(one.psn_no) for one in seen.candidates)))
    rows.append((_("人员键"), "", *(shown(one.person_key) for one in seen.candidates)))
    table(columns, rows)
    if not seen.candidates:
        line(_("  没有候选人"))
    elif seen.origin and seen.origin.evidence:
        line(_("  候选 1 的依据:{evidence}").format(evidence=_(";").join(seen.origin.evidence)))


def _compared(text: str, agreement: Agreement) -> str:
    return f"{text} ({AGREEMENTS[agreement]})" if text else AGREEMENTS[agreement]


def _insured(one: Candidate) -> str:
    if not one.on_roster:
        return _("不在现行名册中")
    return _("已死亡") if one.dead else _("参保") if one.covered else _("参保关系全部停保")


def _decided(one: Decided) -> None:
    whom = _("(人员键 {key})").format(key=shown(one.person_key)) if one.person_key is not None else ""
    until = _("至 {day}").format(day=one.until) if one.until else ""
    verdict = VERDICTS[Verdict(one.verdict)]
    line(f"  {cell(one.at)} {one.actor}  {verdict}{whom}{until}  {one.note}")
    if one.undone_at:
        line(_("    已由 {actor} 撤销({at})").format(actor=one.undone_by, at=cell(one.undone_at)))


def _what_next(seen: CaseDetail) -> None:
    which = " --person 1" if len(seen.candidates) > 1 else ""
    if seen.candidates and seen.code != acts.CONFLICT:
        line(_("  是此人:gateway cases decide {n} same{which} --note 理由").format(n=seen.id, which=which))
    if seen.candidates:
        line(_("  不是此人:gateway cases decide {n} different{which} --note 理由").format(n=seen.id, which=which))
    line(_("  都不是:gateway cases decide {n} nobody --note 理由").format(n=seen.id))
    line(_("  暂缓:gateway cases decide {n} later --until 日期 --note 理由").format(n=seen.id))
