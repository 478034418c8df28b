"""Words and small texts that several commands show."""

from collections.abc import Iterable

from gateway.acts.advice import overdue_sentence
from gateway.cli.output import line, shown, talk
from gateway.errors import ExitCode
from gateway.model.holds import WHOLE, Breach
from gateway.pipeline import RunReport
from gateway.store.decisions import HoldRow
from gateway.words import _

OUTCOMES = {
    "matched": _("已标识"),
    "no_identity": _("无需标识"),
    "duplicate": _("重复"),
    "review": _("待核查"),
    "unmatched": _("未参保"),
    "invalid": _("数据有误"),
    "deceased": _("已死亡"),
}
MODES = {"full": _("全量"), "delta": _("增量"), None: ""}
USES = {"1": _("待遇"), "2": _("资助参保")}
RUN_STATES = {
    "running": _("进行中"),
    "done": _("完成"),
    "held": _("有待决事项"),
    "later": _("部分待重试"),
    "failed": _("有错误"),
    "interrupted": _("中断"),
}
#: Of a run: what it was started for.
RUN_KINDS = {
    "run": _("手工运行"),
    "scheduled": _("按计划"),
    "outbox": _("续传"),
    "import": _("导入名单"),
    "resync": _("重新收取或个人更正"),
    "approval": _("批准"),
    "decision": _("作出决定"),
    "retry": _("重试"),
    "undo": _("撤回"),
    "verify": _("核对"),
}
CHANGE_STATES = {
    "queued": _("待发"),
    "sending": _("已发,待确认"),
    "done": _("平台已接受"),
    "refused": _("平台已拒绝"),
    "superseded": _("已被更新的内容取代"),
}
HOLD_STATES = {
    "open": _("待决"),
    "released": _("已放行"),
    "cancelled": _("已驳回"),
    "void": _("已失效"),
}
#: `model.holds.Breach.kind`
HOLD_KINDS = {
    "scope": _("离开的人过多"),
    "empty": _("名单中没有一行可用"),
    "incomplete": _("名单的行数与清单不符"),
    "formulas_failed": _("名单中有不知道是谁的行(公式出错,或姓名和证件号码多行空白)"),
    "identity": _("一个县的一种身份离开的人过多"),
    "wrong_department": _("单位代码不对"),
    "wrong_month": _("月份或日期不对"),
    "wrong_county": _("区划代码是别的县"),
    "mostly_unusable": _("多数行无法采用"),
    "more_unusable": _("无法采用的行大增"),
    "many_endings": _("名单自己的行终止过多"),
    "mix_changed": _("类别的比例变了"),
    "many_arrivals": _("一个县的一种身份新增过多"),
}
#: `pipeline.heldset.HELD_SET`
DIRECTIONS = {"end": _("终止"), "begin": _("新增"), "change": _("变更")}
_ENDINGS = {
    ExitCode.DONE: _("运行 {run} 完成。"),
    ExitCode.HELD: _("运行 {run} 完成,有 {holds} 项待人工决定:gateway holds list"),
    ExitCode.LATER: _("运行 {run}:部分工作要等下次运行,见上。"),
    ExitCode.FAILED: _("运行 {run}:有批次被拒收或出错,见上;gateway deliveries 可查原因和处理办法。"),
    ExitCode.CONFIGURATION: _("运行 {run} 停止:请更正配置,见上。"),
}


def platform_number(psn_no: str | None) -> str:
    """A person by the platform's number, by which people look them up there."""
    return shown(psn_no) if psn_no else _("不在现行名册中")


def covered(hold: HoldRow | Breach) -> str:
    """What a hold covers: the whole list, a scope, or an identity in a county."""
    scope = {WHOLE: _("整份名单"), "": _("全部")}.get(hold.scope, hold.scope)
    if not hold.identity:
        return scope
    return f"{hold.county or _('县不明')} {hold.identity}"


def counts(numbers: Iterable[tuple[str, int]]) -> str:
    """`已标识 3,重复 1`; what is 0 is left out."""
    return _(",").join(f"{name} {number}" for name, number in numbers if number)


def tell_report(report: RunReport) -> None:
    """A run's result for a person: what came, what was sent, what went wrong."""
    for name, one in report.instances.items():
        if one.taken:
            line(_("{name}:收到 {n} 批:{names}").format(name=name, n=len(one.taken), names=_("、").join(one.taken)))
        if one.refused:
            line(_("{name}:拒收 {names}").format(name=name, names=_("、").join(one.refused)))
    p = report.pushed
    if p.sent:
        text = _("上传 {sent} 人次:接受 {done},稍后重试 {later},拒绝 {refused}")
        line(text.format(sent=p.sent, done=p.done, later=p.later, refused=p.refused))
    if p.paused:
        line(_("上传已暂停,变更继续排队 → 恢复:gateway outbox resume --note 理由"))
    if p.maintenance:
        line(_("医保平台维护中,未办的留待下次运行,无需处理"))
    for late in report.overdue:
        talk(" → ".join(overdue_sentence(late)))
    for fault in report.faults:
        talk(_("错误:{fault}").format(fault=fault))
    talk(_ENDINGS[report.exit_code].format(run=report.run, holds=report.holds))
