"""`gateway status`: the site on one screen."""

import typer

from gateway.acts import actor, look
from gateway.acts.advice import STATES, ending_sentence, overdue_sentence
from gateway.cli.output import cell, line, print_json, table
from gateway.cli.root import AsJson, command, opened
from gateway.cli.shown import CHANGE_STATES, RUN_STATES, counts
from gateway.cli.verify import sentence
from gateway.words import _


@command("status", text=_("一屏看清:名册、来源、运行、待办、上传"))
def status(ctx: typer.Context, as_json: AsJson = False) -> None:
    with opened(ctx) as site:
        seen = look.status(site, actor=actor())
    if as_json:
        print_json(seen)
        return
    if seen.roster_date is None:
        line(_("{name}  尚未取得参保人名册").format(name=seen.name))
    else:
        roster = _("{name}  名册 {people} 人({day})")
        line(roster.format(name=seen.name, people=seen.roster_people, day=seen.roster_date))
    _sources(seen)
    _runs(seen)
    line()
    cases = sum(number for *_case, number in seen.cases)
    aged = _(",其中超过 {days} 天 {n}").format(days=look.AGED_DAYS, n=seen.aged_cases) if seen.aged_cases else ""
    line(_("待核查:{n}").format(n=cases) + aged + ("  → gateway cases list" if cases else ""))
    line(_("待决事项:{n}").format(n=seen.open_holds) + ("  → gateway holds list" if seen.open_holds else ""))
    outbox = counts((CHANGE_STATES[state], seen.outbox.get(state, 0)) for state in CHANGE_STATES)
    line(_("上传:{outbox}").format(outbox=outbox or _("无")))
    if seen.paused:
        text = _("上传自 {at} 起暂停({by}:{note})→ 恢复:gateway outbox resume --note 理由")
        line(text.format(at=cell(seen.paused.at), by=seen.paused.actor, note=seen.paused.note))
    if seen.open_undos:
        line(_("撤回待放行:{n}  → gateway outbox undos").format(n=seen.open_undos))
    if seen.verified:
        line(f"{cell(seen.verified.started_at)} {sentence(seen.verified.detail['verified'])}")
    for late in seen.overdue:
        line(" → ".join(overdue_sentence(late)))
    for ending in seen.sharing:
        line(" → ".join(ending_sentence(ending)))
    for text in seen.not_anchored:
        line(f"{text} → gateway doctor")
    for name, why in seen.plugins_set_aside.items():
        line(_("插件 {name} 已停用:{why}").format(name=name, why=why))


def _sources(seen: look.Status) -> None:
    rows = [
        (s.name, counts((STATES[k], n) for k, n in s.deliveries.items()), s.last_business_date, s.open_cases)
        for s in seen.sources
    ]
    line()
    table([_("来源"), _("批次"), _("最近业务日期"), _("待核查")], rows)


def _runs(seen: look.Status) -> None:
    rows = [(r.id, r.today, RUN_STATES.get(r.state, r.state), r.started_at, r.actor) for r in seen.runs]
    line()
    table([_("运行"), _("日期"), _("结果"), _("开始"), _("操作人")], rows)
