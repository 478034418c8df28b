"""Holds: departures, or a whole list, that wait for a person; releasing and rejecting them.

A release lets the list's word stand: who is left out loses the identity. A rejection keeps everybody's. Who made the
change, that is, whose run opened the hold, does not release it; rejecting changes nothing for anybody and is open to
all. Both settle the site anew.
"""

from datetime import date

from gateway.acts import runs, who
from gateway.acts.notes import checked_note
from gateway.acts.runs import Patience
from gateway.errors import NotAllowed, NotFound
from gateway.pipeline import RunReport
from gateway.site import Site
from gateway.store import Tx, decisions
from gateway.store.decisions import HoldRow
from gateway.store.ledger import record_act
from gateway.words import _


def held(site: Site, *, every: bool = False) -> list[HoldRow]:
    """Holds that are open, or `every` one there ever was, oldest first."""
    with site.ledger.begin() as tx:
        return decisions.holds(tx, state=None if every else "open")


def hold(site: Site, number: int) -> HoldRow:
    """One hold. Raises NotFound."""
    with site.ledger.begin() as tx:
        return _find(tx, number)


def release(
    site: Site, number: int, *, actor: str, note: str, day: date | None = None, patience: Patience = runs.A_MOMENT
) -> RunReport | None:
    """Lets the departures stand, and settles. Raises NotFound, NotAllowed; TryLater where the decision is written down
    and another run outlasts the patience."""
    return _decide(site, number, "released", actor, note, day, patience)


def reject(
    site: Site, number: int, *, actor: str, note: str, day: date | None = None, patience: Patience = runs.A_MOMENT
) -> RunReport | None:
    """Keeps everybody's identity, and settles. Raises as `release`."""
    return _decide(site, number, "cancelled", actor, note, day, patience)


def _decide(
    site: Site, number: int, state: str, actor: str, note: str, day: date | None, patience: Patience
) -> RunReport | None:
    who.known(actor)
    note = checked_note(note)
    with site.ledger.begin() as tx:
        row = _find(tx, number)
        _may(row, state, actor)
        decisions.decide_hold(tx, number, state, actor=actor, note=note)
        act = "hold.release" if state == "released" else "hold.reject"
        record_act(tx, actor=actor, act=act, hold=number, delivery=row.delivery_id, scope=row.scope, note=note)
    said = _("决定已记入台账,但另一个运行正在进行")
    return runs.settle_after(site, day, actor=actor, kind="decision", recorded=said, patience=patience)


def _find(tx: Tx, number: int) -> HoldRow:
    for row in decisions.holds(tx):
        if row.id == number:
            return row
    what = _("没有编号为 {number} 的待决事项").format(number=number)
    raise NotFound(what, next_step=_("可用 gateway holds list 查看"))


def _may(row: HoldRow, state: str, actor: str) -> None:
    where = _("待决事项 {number}").format(number=row.id)
    if row.state != "open":
        by = row.decided_by or "—"
        what = _("已经处理过({state},{by})").format(state=row.state, by=by)
        raise NotAllowed(what, where=where, next_step=_("可用 gateway holds show {n} 查看").format(n=row.id))
    if state == "released" and row.opened_by == actor:
        what = _("发起变更的人不能批准自己的变更({actor})").format(actor=actor)
        step = _("请另一位同事以本人账号运行 gateway holds release {n} --note 理由").format(n=row.id)
        raise NotAllowed(what, where=where, next_step=step)
