"""What a delivery's state, code and findings mean to an operator, and what to do."""

from gateway.model.deliveries import DeliveryState
from gateway.pipeline.calendar import Overdue
from gateway.pipeline.sharing import Ending
from gateway.store.decisions import HoldRow
from gateway.store.deliveries import DeliveryRow
from gateway.words import _

STATES = {
    "landed": _("已接收"),
    "waiting": _("等待"),
    "held": _("已暂停"),
    "refused": _("已拒收"),
    "applied": _("已采用"),
}

_FINDINGS = {
    "unknown_column": _("有未登记的列:{detail}(未读取)"),
    "bad_bytes": _("有无法识读的字节(所在行按数据有误处理)"),
    "damaged_column": _("有 {detail} 个证件号码像被表格软件改写过"),
    "formulas_failed": _("不知道是谁的行数:{detail}(公式出错、未计算,或姓名证件号码空白;名单末尾之后的未读取)"),
    "not_covered": _("有 {count} 人已认定但参保关系全部停保"),
    "unknown_stop": _("有 {count} 行终止了此前没有的身份"),
    "rows_differ": _("行数与清单不符({detail}),未列出的人先不停止"),
}


def finding_sentence(code: str, detail: str, count: int) -> str:
    """What a finding says."""
    return _FINDINGS.get(code, "{code} {detail}").format(code=code, detail=detail, count=count)


def overdue_sentence(late: Overdue) -> tuple[str, str]:
    """Which list has not come, and whom to call."""
    known = _("最近一份是 {day} 的").format(day=late.newest) if late.newest else _("还没有收到过名单")
    what = _("{name}:{day} 的名单没有按期到达({known};此前的身份不变)")
    step = _("请联系 {contact};名单到达后自动解除")
    return what.format(name=late.instance, day=late.expected, known=known), step.format(contact=late.contact)


def ending_sentence(ending: Ending) -> tuple[str, str]:
    """Until when data may be pulled, and whom to ask for more."""
    over = _("{name}:共享期限已于 {day} 届满,不再收取;此前的身份不变")
    soon = _("{name}:共享期限将于 {day} 届满(还有 {left} 天),之后不再收取")
    what = (over if ending.over else soon).format(name=ending.instance, day=ending.valid_until, left=ending.left)
    return what, _("请与 {contact} 续签共享,再更新 gateway.toml 的 sharing").format(contact=ending.contact)


def advice(row: DeliveryRow, hold: HoldRow | None, *, mended: bool) -> tuple[str, str]:
    """Why a delivery is where it is, and what to do; both empty where there is nothing to say."""
    # The stored message holds both: what is wrong, and after the arrow what to do.
    reason, _arrow, step = row.message.partition(" → ")
    if row.state == DeliveryState.LANDED:
        return _("尚未采用"), _("请运行 gateway run")
    if hold and (row.state != DeliveryState.REFUSED or not reason):
        return _of_hold(hold, reason)
    if row.state == DeliveryState.REFUSED and mended:
        return reason, _("之后已收到可用的同名批次,无需处理")
    return reason, step


def _of_hold(hold: HoldRow, said: str) -> tuple[str, str]:
    whole = hold.scope == "*"
    if hold.state == "open":
        reason = _("{leaving}/{holding} 人不在名单上,离开暂停").format(leaving=hold.leaving, holding=hold.holding)
        step = _("请核实后运行 gateway holds show {id}").format(id=hold.id)
        return _("整份名单暂停:{reason}").format(reason=said) if whole else reason, step
    if hold.state == "cancelled":
        step = _("请来源单位重新提供正确的名单") if whole else ""
        return _("{by} 已驳回:{note}").format(by=hold.decided_by, note=hold.note), step
    if hold.state == "released":
        return _("{by} 已放行:{note}").format(by=hold.decided_by, note=hold.note), ""
    return "", ""
