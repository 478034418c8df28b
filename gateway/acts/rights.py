"""Who may do what: one table of acts and roles, and the one way in which every act asks.

Takes an open site, who acts and the name of the act. Gives a `May`, which the act asks in the very transaction in which
it writes down what it did, naming the county and source that it is about. Refuses with `NotAllowed`; then nothing was
changed, and that it was refused is written down in a transaction of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from gateway.acts import who
from gateway.errors import NotAllowed, SharingEnded
from gateway.model.roles import Grant, Role, clash
from gateway.plugin.forms import now
from gateway.site import Site
from gateway.store import Tx, grants
from gateway.store.ledger import record_act
from gateway.words import _

SYSTEM, SECURITY, AUDIT, CLERK, APPROVER = Role.SYSTEM, Role.SECURITY, Role.AUDIT, Role.CLERK, Role.APPROVER
ROLES = {
    SYSTEM: _("系统管理员"),
    SECURITY: _("安全管理员"),
    AUDIT: _("审计管理员"),
    CLERK: _("经办"),
    APPROVER: _("复核"),
}
#: Under which name a refused act is written down.
REFUSED = "refused"
#: Codes of refusals: no role for it, or who made a change would approve it.
ROLE, MAKER = "role", "maker"


@dataclass(frozen=True, kw_only=True)
class Right:
    """Who may do an act."""

    roles: Sequence[Role] = ()
    #: By what of a grant it is limited; an act that is about the whole site needs a grant for all of it.
    county: bool = False
    instance: bool = False
    #: Whether the daemon does it by itself.
    daemon: bool = False
    #: Why no role is asked for: whoever may run the program as the service user may do it; "" = one is.
    free: str = ""


def _of(*roles: Role) -> Right:
    """An act about one county and source, or more."""
    return Right(roles=roles, county=True, instance=True)


_EVERYBODY = Right(roles=tuple(Role))
_BUSINESS = _of(CLERK, APPROVER)
_NO_LEDGER = "there may be no ledger yet, or none that opens"

#: Every act by its name: that of its command, or of an option that makes another act of it.
RIGHTS: Mapping[str, Right] = {
    "init": Right(free=_NO_LEDGER),
    "doctor": Right(free=_NO_LEDGER),
    "config": Right(free=_NO_LEDGER),
    "plugins": Right(free=_NO_LEDGER),
    "keys.init": Right(free=_NO_LEDGER),
    "keys.list": Right(free=_NO_LEDGER),
    "keys.status": Right(roles=(SYSTEM, SECURITY, AUDIT)),
    "keys.rotate": Right(roles=(SECURITY,)),
    "keys.rotate.signing": Right(roles=(SECURITY,)),
    "keys.rotate.index": Right(roles=(SECURITY,)),
    "keys.destroy": Right(roles=(SECURITY,)),
    "keys.passphrase": Right(roles=(SECURITY,)),
    "keys.export": Right(roles=(SECURITY,)),
    "keys.export.ask": Right(roles=(SECURITY,)),
    "keys.export.approve": Right(roles=(SECURITY,)),
    "serve": Right(free="the system starts it, and it does nothing but what is the daemon's"),
    "people.found": Right(free="done once, while nobody has a role"),
    "people.list": Right(roles=(SYSTEM, SECURITY, AUDIT)),
    "people.grant": Right(roles=(SYSTEM,)),
    "people.approve": Right(roles=(SECURITY,)),
    "people.reject": Right(roles=(SECURITY,)),
    "people.revoke": Right(roles=(SYSTEM, SECURITY)),
    "audit.list": Right(roles=(AUDIT,)),
    "audit.export": Right(roles=(AUDIT,)),
    "audit.verify": Right(roles=(AUDIT,)),
    "retention": Right(roles=(SYSTEM, SECURITY, AUDIT)),
    "retention.destroy": Right(roles=(SECURITY,), daemon=True),
    "status": _EVERYBODY,
    "sources": _EVERYBODY,
    "runs": _EVERYBODY,
    "deliveries": Right(roles=(SYSTEM, AUDIT, CLERK, APPROVER), instance=True),
    "run": Right(roles=(SYSTEM, CLERK), instance=True, daemon=True),
    "resync": Right(roles=(SYSTEM, CLERK), instance=True),
    "preview": Right(roles=(SYSTEM, CLERK, APPROVER), instance=True),
    "resync.person": _of(CLERK),
    "preview.person": _BUSINESS,
    "import": _of(CLERK),
    "preview.import": _of(CLERK),
    "cases.list": _BUSINESS,
    "cases.show": _BUSINESS,
    "cases.unmask": _of(CLERK),
    "cases.decide": _of(CLERK),
    "cases.undo": _of(CLERK),
    "cases.report": _of(CLERK),
    "cases.export": _of(CLERK),
    "cases.import": _of(CLERK),
    "takebacks.list": _BUSINESS,
    "takebacks.settlements": _BUSINESS,
    "takebacks.unmask": _of(CLERK),
    "explain": _BUSINESS,
    "holds.list": _BUSINESS,
    "holds.show": _BUSINESS,
    "holds.release": _of(APPROVER),
    "holds.reject": _BUSINESS,
    "outbox.list": _BUSINESS,
    "outbox.show": _BUSINESS,
    "outbox.retry": _of(CLERK),
    "outbox.cancel": _of(CLERK),
    "outbox.pause": _of(SYSTEM, CLERK),
    "outbox.resume": _of(SYSTEM, CLERK),
    "outbox.undo": _of(CLERK),
    "outbox.undos": _BUSINESS,
    "outbox.release": _of(APPROVER),
    "outbox.reject": _BUSINESS,
    "verify": Right(roles=(CLERK, APPROVER), county=True, instance=True, daemon=True),
    "verify.repair": _of(CLERK),
    "verify.keep": _of(CLERK),
    "verify.replace": _of(CLERK),
}


@dataclass(frozen=True)
class Reach:
    """How far somebody's right to an act goes."""

    right: Right
    grants: Sequence[Grant]

    def covers(self, county: str, instance: str) -> bool:
        """Whether what is of this county and source is within it; "" is of all of them."""
        return any(its in ("", county) and of in ("", instance) for its, of in self.places)

    def meets(self, county: str | None, instance: str | None) -> bool:
        """Whether anything of this county and source is within it; None = of whichever."""
        return any(county in (None, its or county) and instance in (None, of or instance) for its, of in self.places)

    @property
    def whole(self) -> bool:
        """It goes over the whole site."""
        return self.covers("", "")

    @property
    def places(self) -> list[tuple[str, str]]:
        """(county, instance) of each part of it, "" = all."""
        right = self.right
        return [(one.county if right.county else "", one.instance if right.instance else "") for one in self.grants]


class May:
    """What an act asks before it does anything."""

    def __init__(self, actor: str, act: str) -> None:
        self._actor, self._act = actor, act
        #: What was asked about, for the record of a refusal.
        self.about: dict[str, str] = {}
        #: Whether anything was asked.
        self.asked = False

    def __call__(self, tx: Tx, *, county: str = "", instance: str = "") -> None:
        """Raises NotAllowed where the actor has no role for the act, or not for this county and source."""
        if not self.reach(tx).covers(county, instance):
            raise self._beyond(tx, county, instance)

    def reach(self, tx: Tx, *, county: str | None = None, instance: str | None = None) -> Reach:
        """How far the right goes, for acts that choose by it. Raises NotAllowed where it goes nowhere, or not to what
        is named."""
        reach = self._held(tx)
        if not reach.meets(county, instance):
            raise self._beyond(tx, county or "", instance or "")
        return reach

    def _held(self, tx: Tx) -> Reach:
        self.asked = True
        right = RIGHTS[self._act]
        if right.free or (right.daemon and self._actor == who.DAEMON):
            return Reach(right, [Grant(person=self._actor, role=Role.SYSTEM, first=now().date())])
        held = _standing(tx, self._actor)
        if any(clash(one, other) for one, other in combinations(held, 2)):
            raise self._refusal(_("{actor} 兼有不得兼任的角色,在撤销其一之前什么也不能办"), tx)
        mine = [grant for grant in held if grant.role in right.roles]
        if not mine:
            raise self._refusal(_("{actor} 没有办理此事的角色(须为{roles})"), tx)
        return Reach(right, mine)

    def _beyond(self, tx: Tx, county: str, instance: str) -> NotAllowed:
        self.about = {"county": county, "instance": instance}
        return self._refusal(_("超出 {actor} 的范围(县区 {county},来源 {instance})"), tx, **self.about)

    def _refusal(self, text: str, tx: Tx, **about: str) -> NotAllowed:
        roles = RIGHTS[self._act].roles
        words: dict[str, Any] = {name: value or _("全部") for name, value in about.items()}
        *some, last = (ROLES[role] for role in roles)
        named = _("或").join([_("、").join(some), last] if some else [last])
        what = text.format(actor=self._actor, roles=named, **words)
        step = _("请由有此角色的同事办理;授权由系统管理员用 gateway people grant 申请,安全管理员批准")
        if not grants.listed(tx):
            step = _("站点还没有设立人员:请先运行 gateway people found")
        return NotAllowed(what, next_step=step, code=ROLE)


def _standing(tx: Tx, actor: str) -> list[Grant]:
    today = now().date()
    return [row.grant for row in grants.of_person(tx, actor) if row.grant.counts_on(today)]


@contextmanager
def acting(site: Site, actor: str, act: str) -> Iterator[May]:
    """One act, around its transactions. What it refuses is written down; that it did not ask is a fault of ours."""
    who.known(actor)
    may = May(actor, act)
    try:
        with site.ledger.begin() as tx:
            may.reach(tx)  # whoever has no role for it learns nothing of what it is about
        may.asked = False
        yield may
    except (NotAllowed, SharingEnded) as refusal:
        with site.ledger.begin() as tx:
            record_act(tx, actor=actor, act=REFUSED, wanted=act, why=refusal.code or "state", **may.about)
        raise
    assert may.asked, act
