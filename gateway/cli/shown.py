"""Words and small texts that several commands show."""

from collections.abc import Iterable

from gateway.cli.output import line, talk
from gateway.errors import ExitCode
from gateway.pipeline import RunReport
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
_ENDINGS = {
    ExitCode.DONE: _("运行 {run} 完成。"),
    ExitCode.HELD: _("运行 {run} 完成,有 {holds} 项待人工决定:gateway holds list"),
    ExitCode.LATER: _("运行 {run}:部分工作要等下次运行,见上。"),
    ExitCode.FAILED: _("运行 {run}:有批次被拒收或出错,见上;gateway deliveries 可查原因和处理办法。"),
    ExitCode.CONFIGURATION: _("运行 {run} 停止:请更正配置,见上。"),
}


def counts(numbers: Iterable[tuple[str, int]]) -> str:
    """`已标识 3,重复 1`; what is 0 is left out."""
    return ",".join(f"{name} {number}" for name, number in numbers if number)


def tell_report(report: RunReport) -> None:
    """A run's result for a person: what came, what was sent, what went wrong."""
    for name, one in report.instances.items():
        if one.taken:
            line(_("{name}:收到 {n} 批:{names}").format(name=name, n=len(one.taken), names="、".join(one.taken)))
        if one.refused:
            line(_("{name}:拒收 {names}").format(name=name, names="、".join(one.refused)))
    p = report.pushed
    if p.sent:
        text = _("上传 {sent} 人次:接受 {done},稍后重试 {later},拒绝 {refused}")
        line(text.format(sent=p.sent, done=p.done, later=p.later, refused=p.refused))
    for fault in report.faults:
        talk(_("错误:{fault}").format(fault=fault))
    talk(_ENDINGS[report.exit_code].format(run=report.run, holds=report.holds))
