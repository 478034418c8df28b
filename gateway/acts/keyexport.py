"""The site's topmost keys in the clear, for a credential of systemd: asked for by one, approved by another.

Takes an open site and who acts; gives the keys once, to whoever asked, within a day. What was asked, approved and taken
stands in the audit chain, and nowhere else: whoever would change it changes the chain. Refuses with `NotAllowed`, and
with `NotFound` where nothing was asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from gateway.acts.notes import checked_note
from gateway.acts.rights import MAKER, acting
from gateway.errors import NotAllowed, NotFound
from gateway.site import Site
from gateway.store import Tx
from gateway.store.ledger import ActRow, acts, now, record_act
from gateway.vault.keys import key_material
from gateway.words import _

#: How long a request may wait, and be used.
VALID = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class _Request:
    """The newest request, and what became of it."""

    number: int
    asked: ActRow
    approved_by: str
    taken: bool


def ask(site: Site, *, actor: str, note: str) -> int:
    """Asks for the keys; the request's number. Whatever was asked for before is void."""
    with acting(site, actor, "keys.export.ask") as may:
        note = checked_note(note)
        with site.ledger.begin(turn=True) as tx:
            may(tx)
            number = len(acts(tx, "keys.export.ask")) + 1
            record_act(tx, actor=actor, act="keys.export.ask", request=number, note=note)
    return number


def approve(site: Site, number: int, *, actor: str, note: str) -> None:
    """Lets whoever asked take them. Raises NotFound; NotAllowed for whoever asked, and where it is over."""
    with acting(site, actor, "keys.export.approve") as may:
        note = checked_note(note)
        with site.ledger.begin(turn=True) as tx:
            may(tx)
            request = _standing(tx, number)
            if actor == request.asked.actor:
                what, step = _("不能批准自己的申请"), _("请另一位安全管理员批准")
                raise NotAllowed(what, where=_where(number), next_step=step, code=MAKER)
            record_act(tx, actor=actor, act="keys.export.approve", request=number, note=note)


def export(site: Site, *, actor: str) -> bytes:
    """The root key and the signing keys in the clear, once. Raises NotAllowed where nobody else has approved what this
    one asked for, KeyFault where they are in no file under a passphrase."""
    with acting(site, actor, "keys.export") as may, site.ledger.begin(turn=True) as tx:
        may(tx)
        asked = acts(tx, "keys.export.ask")
        if not asked:
            raise NotAllowed(_("导出密钥须先申请"), next_step=_("请运行 gateway keys export --ask --note 理由"))
        request = _standing(tx, len(asked))
        if actor != request.asked.actor:
            what, step = _("只有申请人可以导出({who})").format(who=request.asked.actor), _("请由申请人导出")
            raise NotAllowed(what, where=_where(request.number), next_step=step)
        if not request.approved_by:
            step = _("请另一位安全管理员运行 gateway keys export --approve {n} --note 理由").format(n=request.number)
            raise NotAllowed(_("还没有另一位安全管理员批准"), where=_where(request.number), next_step=step)
        material = key_material(site.settings.root / "keys", site.settings.keys)
        record_act(tx, actor=actor, act="keys.export", request=request.number, approved_by=request.approved_by)
    return material


def _standing(tx: Tx, number: int) -> _Request:
    """The request of this number, where it is the newest and neither used nor too old."""
    asked = acts(tx, "keys.export.ask")
    if not 1 <= number <= len(asked):
        raise NotFound(_("没有编号为 {n} 的导出申请").format(n=number), next_step=_("请向申请人核对编号"))
    approved = _of(acts(tx, "keys.export.approve"), number)
    taken = bool(_of(acts(tx, "keys.export"), number))
    request = _Request(
        number=number, asked=asked[number - 1], approved_by=approved[0].actor if approved else "", taken=taken
    )
    if number < len(asked) or request.taken or request.asked.at + VALID < now():
        step = _("请重新申请:gateway keys export --ask --note 理由")
        raise NotAllowed(_("申请已使用、已过期或已被新的申请取代"), where=_where(number), next_step=step)
    return request


def _of(found: Sequence[ActRow], number: int) -> list[ActRow]:
    return [one for one in found if one.detail.get("request") == number]


def _where(number: int) -> str:
    return _("导出申请 {n}").format(n=number)
