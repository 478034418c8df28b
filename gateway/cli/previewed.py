"""What a dry run came to, for a person: `gateway run --dry-run`, `gateway resync --dry-run`."""

from gateway.acts.advice import STATES
from gateway.acts.holds import SHOWN
from gateway.acts.runs import Looked
from gateway.cli.output import cell, line, table
from gateway.cli.shown import DIRECTIONS, USES, counts, covered
from gateway.pipeline.preview import Preview
from gateway.words import _

_KINDS = {"first": _("首次上传"), "changed": _("变更"), "emptied": _("清空")}
_DEPARTURES = {"released": _("终止"), "waiting": _("等待"), "held": _("暂停"), "cancelled": _("已驳回")}


def tell_looked(looked: Looked) -> None:
    """A preview, and whether it is the same as the one before."""
    tell_preview(looked.seen)
    line(_("内容摘要 {digest}").format(digest=looked.seen.digest[:SHOWN]))
    if looked.before is None:
        return
    at, actor, digest = looked.before
    same = _("与上一次预演({at},{actor})相同")
    other = _("与上一次预演({at},{actor},摘要 {digest})不同")
    text = same if digest == looked.seen.digest else other
    line(text.format(at=cell(at), actor=actor, digest=digest[:SHOWN]))


def tell_preview(seen: Preview) -> None:
    """What settling would change."""
    line(_("批次:{states}").format(states=counts((STATES[k], n) for k, n in seen.deliveries.items()) or _("无")))
    line(_("认定的变化"))
    table([_("来源"), _("身份"), _("新增"), _("不再采信")], seen.recognitions)
    departures = [(name, _DEPARTURES[state], number) for name, state, number in seen.departures]
    line(_("离开名单的人"))
    table([_("来源"), _("结果"), _("人次")], departures)
    moved = [(DIRECTIONS[d], i, c or _("县不明"), n) for d, i, c, n in seen.moves]
    line(_("身份的变化"))
    table([_("方向"), _("身份"), _("县区"), _("人数")], moved)
    changes = [(USES[use], _KINDS[kind], number) for use, kind, number in seen.changes]
    line(_("待上传(全站,含已排队的;首次上传以平台现有记录为准)"))
    table([_("用途"), _("内容"), _("人数")], changes)
    for hold in seen.holds:
        text = _("超过限度:批次 {delivery} 范围 {scope}:{leaving}/{holding},摘要 {digest}")
        numbers = {"leaving": hold.leaving, "holding": hold.holding, "digest": hold.digest[:SHOWN]}
        line(text.format(delivery=hold.delivery, scope=covered(hold), **numbers))
