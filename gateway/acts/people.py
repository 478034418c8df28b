"""People and their roles: the first ones, asking for a grant, approving it, revoking it.

Three administrators share it (三员分立): the system administrator asks, the security administrator approves, the
auditor reads. Nobody approves what they asked for, nor what is for themselves, and nobody gets two roles that clash.
"""

import re
from collections.abc import Sequence
from datetime import date

from gateway.acts import runs
from gateway.acts.notes import checked_note
from gateway.acts.rights import MAKER, ROLES, acting
from gateway.acts.who import DAEMON
from gateway.errors import NotAllowed, NotFound
from gateway.model.roles import ADMINISTRATORS, Grant, Role, clash
from gateway.site import Site
from gateway.store import Tx, grants
from gateway.store.grants import GrantRow
from gateway.store.ledger import record_act
from gateway.words import _

#: States of grants that count, or may come to.
_LIVE = ("asked", "granted")
#: Without one of each, nobody could be granted anything any more.
_NEEDED = (Role.SYSTEM, Role.SECURITY)
_PERSON = re.compile(r"[^\s:,;/]{1,64}")
_COUNTY = re.compile(r"(?:[0-9]{6})?")


def found(
    site: Site, people: Sequence[tuple[str, Role]], *, note: str, actor: str, first: date | None = None
) -> list[GrantRow]:
    """The first people of a site, all at once: each administrator, and whoever else begins with a role for all of it.

    Raises NotAllowed once anybody has ever been granted anything.
    """
    wanted = [Grant(person=name, role=role, first=first or runs.today()) for name, role in people]
    with acting(site, actor, "people.found") as may:
        note = checked_note(note)
        missing = [role for role in ADMINISTRATORS if role not in {grant.role for grant in wanted}]
        if missing:
            what = _("缺少{roles}").format(roles=_("、").join(ROLES[role] for role in missing))
            raise NotAllowed(what, next_step=_("三名管理员须同时设立,且各是一人;见 gateway people found --help"))
        with site.ledger.begin() as tx:
            may(tx)
            if grants.listed(tx):
                step = _("请系统管理员用 gateway people grant 申请,安全管理员批准;现有人员见 gateway people list")
                raise NotAllowed(_("站点已经设立过人员"), next_step=step)
            for grant in wanted:
                _sound(site, grant)
                _no_clash(tx, grant)
                grants.decide(tx, grants.ask(tx, grant, actor=actor, note=note), "granted", actor=actor, note="")
            told = [f"{grant.role}:{grant.person}" for grant in wanted]
            record_act(tx, actor=actor, act="people.found", people=told, note=note)
            return grants.listed(tx)


def listed(site: Site, *, every: bool = False, actor: str) -> list[GrantRow]:
    """Grants that count or wait, or `every` one there ever was; oldest first."""
    with acting(site, actor, "people.list") as may, site.ledger.begin() as tx:
        may(tx)
        return grants.listed(tx, () if every else _LIVE)


def grant(site: Site, wanted: Grant, *, note: str, actor: str) -> int:
    """Asks for a grant, which counts once the security administrator approves it; its number. Raises NotAllowed."""
    with acting(site, actor, "people.grant") as may:
        note = checked_note(note)
        _sound(site, wanted)
        with site.ledger.begin() as tx:
            may(tx)
            if wanted.person == actor:
                raise _refused(_("不能为自己申请"), _("请另一位系统管理员申请"), code=MAKER)
            _no_clash(tx, wanted)
            number = grants.ask(tx, wanted, actor=actor, note=note)
            record_act(tx, actor=actor, act="people.grant", grant=number, **_told(wanted), note=note)
            return number


def approve(site: Site, number: int, *, note: str, actor: str) -> GrantRow:
    """From now on it counts. Raises NotFound; NotAllowed for whoever asked, for whom it is, and where it clashes."""
    return _decide(site, number, "granted", note, actor)


def reject(site: Site, number: int, *, note: str, actor: str) -> GrantRow:
    """It never counts. Raises NotFound, NotAllowed."""
    return _decide(site, number, "rejected", note, actor)


def _decide(site: Site, number: int, state: str, note: str, actor: str) -> GrantRow:
    act = "people.approve" if state == "granted" else "people.reject"
    with acting(site, actor, act) as may:
        note = checked_note(note)
        with site.ledger.begin() as tx:
            may(tx)
            row = _find(tx, number)
            if row.state != "asked":
                raise _refused(_("授权 {n} 已经处理过").format(n=number), _("可用 gateway people list --all 查看"))
            if state == "granted":
                if actor in (row.asked_by, row.person):
                    step = _("请另一位安全管理员批准")
                    raise _refused(_("不能批准自己申请的或给自己的授权"), step, code=MAKER)
                _no_clash(tx, row.grant)
            grants.decide(tx, number, state, actor=actor, note=note)
            record_act(tx, actor=actor, act=act, grant=number, **_told(row.grant), note=note)
            return _find(tx, number)


def revoke(site: Site, number: int, *, note: str, actor: str) -> GrantRow:
    """From now on it does not count; one that waits is withdrawn. Raises NotFound; NotAllowed for the last system or
    security administrator without an end: then nobody could grant anything any more."""
    with acting(site, actor, "people.revoke") as may:
        note = checked_note(note)
        with site.ledger.begin() as tx:
            may(tx)
            row = _find(tx, number)
            if row.state not in _LIVE:
                raise _refused(_("授权 {n} 已经失效").format(n=number), _("可用 gateway people list --all 查看"))
            _not_the_last(tx, row)
            grants.revoke(tx, number, actor=actor, note=note)
            record_act(tx, actor=actor, act="people.revoke", grant=number, **_told(row.grant), note=note)
            return _find(tx, number)


def _not_the_last(tx: Tx, row: GrantRow) -> None:
    def lasting(one: GrantRow) -> bool:
        return one.state == "granted" and one.role is row.role and one.last is None and one.first <= runs.today()

    if row.role not in _NEEDED or not lasting(row):
        return
    if not any(lasting(one) for one in grants.listed(tx, ["granted"]) if one.id != row.id):
        what = _("这是最后一名长期有效的{role},撤销后再无人能授权").format(role=ROLES[row.role])
        raise _refused(what, _("请先用 gateway people grant 给接任者授权,批准后再撤销"))


def _find(tx: Tx, number: int) -> GrantRow:
    row = grants.get(tx, number)
    if row is None:
        what = _("没有编号为 {number} 的授权").format(number=number)
        raise NotFound(what, next_step=_("可用 gateway people list --all 查看"))
    return row


def _sound(site: Site, wanted: Grant) -> None:
    """Raises NotAllowed for what cannot be meant."""
    if not _PERSON.fullmatch(wanted.person) or not wanted.person.isprintable() or wanted.person == DAEMON:
        raise _refused(_("不是系统账号的名称"), _("请写操作人登录本机的账号名,例如 id -un 所显示的"))
    if not _COUNTY.fullmatch(wanted.county):
        raise _refused(_("县区代码应为 6 位数字"), _("可用 gateway cases list 查看各项的县区"))
    if wanted.instance:
        runs.check_instances(site, [wanted.instance])
    if wanted.role in ADMINISTRATORS and (wanted.county or wanted.instance):
        raise _refused(_("管理员不分县区和来源"), _("请去掉 --county 和 --instance"))
    if wanted.last is not None and wanted.last < max(wanted.first, runs.today()):
        raise _refused(_("有效期已过或前后颠倒"), _("请用 --until 指定今天以后的日期"))


def _no_clash(tx: Tx, wanted: Grant) -> None:
    held = grants.of_person(tx, wanted.person, lock=True)
    clashing = [row for row in held if clash(row.grant, wanted)]
    if clashing:
        what = _("{person} 已是{held},不得兼任{role}").format(
            person=wanted.person, held=ROLES[clashing[0].role], role=ROLES[wanted.role]
        )
        step = _("请授权给另一人,或先运行 gateway people revoke {n}").format(n=clashing[0].id)
        raise _refused(what, step, code=MAKER)


def _told(grant: Grant) -> dict[str, str]:
    told = {"county": grant.county, "instance": grant.instance, "last": str(grant.last or "")}
    return {"person": grant.person, "role": grant.role.value, "first": str(grant.first), **told}


def _refused(what: str, next_step: str, *, code: str = "") -> NotAllowed:
    return NotAllowed(what, next_step=next_step, code=code)
