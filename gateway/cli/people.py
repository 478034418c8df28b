"""`gateway people found|list|grant|approve|reject|revoke`: who may do what."""

from datetime import datetime
from typing import Annotated

import typer

from gateway.acts import actor, runs
from gateway.acts import people as acts
from gateway.acts.rights import ROLES
from gateway.cli.output import line, print_json, table, talk
from gateway.cli.root import AsJson, command, group, opened
from gateway.model.roles import Grant, Role
from gateway.store.grants import GrantRow
from gateway.words import _

STATES = {"asked": _("待批准"), "granted": _("有效"), "rejected": _("已驳回"), "revoked": _("已撤销")}

Number = Annotated[int, typer.Argument(metavar="GRANT", help=_("编号,见 gateway people list"))]
Note = Annotated[str, typer.Option("--note", help=_("理由,记入台账;不要写姓名和证件号码"))]
Day = ["%Y-%m-%d"]

people = group("people", text=_("人员和角色:设立、申请、批准、撤销;三员分立,经办与复核不得兼任"))


@command("found", text=_("新站点设立第一批人员:三名管理员各一人,另可设经办和复核;只能做一次"), group=people)
def people_found(
    ctx: typer.Context,
    sysadmin: Annotated[str, typer.Option("--sysadmin", metavar="ACCOUNT", help=_("系统管理员的系统账号"))],
    security: Annotated[str, typer.Option("--security", metavar="ACCOUNT", help=_("安全管理员的系统账号"))],
    auditor: Annotated[str, typer.Option("--auditor", metavar="ACCOUNT", help=_("审计管理员的系统账号"))],
    note: Note,
    clerk: Annotated[
        list[str] | None, typer.Option("--clerk", metavar="ACCOUNT", help=_("经办的系统账号,全站;可写多次"))
    ] = None,
    approver: Annotated[
        list[str] | None, typer.Option("--approver", metavar="ACCOUNT", help=_("复核的系统账号,全站;可写多次"))
    ] = None,
    as_json: AsJson = False,
) -> None:
    first = [(sysadmin, Role.SYSTEM), (security, Role.SECURITY), (auditor, Role.AUDIT)]
    first += [(name, Role.CLERK) for name in clerk or []] + [(name, Role.APPROVER) for name in approver or []]
    with opened(ctx) as site:
        made = acts.found(site, first, note=note, actor=actor())
    if as_json:
        print_json(made)
        return
    _table(made)
    talk(_("已设立;以后由系统管理员用 gateway people grant 申请,安全管理员用 gateway people approve 批准"))


@command("list", text=_("列出人员和角色,以及待批准的申请"), group=people)
def people_list(
    ctx: typer.Context,
    every: Annotated[bool, typer.Option("--all", help=_("也列出已驳回和已撤销的"))] = False,
    as_json: AsJson = False,
) -> None:
    with opened(ctx) as site:
        seen = acts.listed(site, every=every, actor=actor())
    print_json(seen) if as_json else _table(seen)


@command("grant", text=_("申请授予一人一个角色,由安全管理员批准后生效"), group=people)
def people_grant(
    ctx: typer.Context,
    person: Annotated[str, typer.Argument(metavar="ACCOUNT", help=_("其登录本机的系统账号"))],
    role: Annotated[
        Role,
        typer.Argument(
            metavar="ROLE",
            help=_("sysadmin 系统管理员、security 安全管理员、auditor 审计管理员、clerk 经办、approver 复核"),
        ),
    ],
    note: Note,
    county: Annotated[
        str, typer.Option("--county", metavar="COUNTY", help=_("只管这个县区(六位代码);不写为全部"), show_default=False)
    ] = "",
    instance: Annotated[
        str, typer.Option("--instance", metavar="INSTANCE", help=_("只管这个来源;不写为全部"), show_default=False)
    ] = "",
    first: Annotated[
        datetime | None, typer.Option("--from", formats=Day, metavar="DAY", help=_("从哪一天起有效;不写为今天"))
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--until", formats=Day, metavar="DAY", help=_("到哪一天为止;不写为长期"))
    ] = None,
    as_json: AsJson = False,
) -> None:
    wanted = Grant(
        person=person,
        role=role,
        county=county,
        instance=instance,
        first=first.date() if first else runs.today(),
        last=until.date() if until else None,
    )
    with opened(ctx) as site:
        number = acts.grant(site, wanted, note=note, actor=actor())
    if as_json:
        print_json({"grant": number})
        return
    talk(_("已申请授权 {n}").format(n=number))
    line(_("  由安全管理员批准:gateway people approve {n} --note 理由").format(n=number))


@command("approve", text=_("批准一项申请,即日生效;不得批准自己申请的或给自己的"), group=people)
def people_approve(ctx: typer.Context, number: Number, note: Note, as_json: AsJson = False) -> None:
    with opened(ctx) as site:
        row = acts.approve(site, number, note=note, actor=actor())
    _ended(row, as_json)


@command("reject", text=_("驳回一项申请"), group=people)
def people_reject(ctx: typer.Context, number: Number, note: Note, as_json: AsJson = False) -> None:
    with opened(ctx) as site:
        row = acts.reject(site, number, note=note, actor=actor())
    _ended(row, as_json)


@command("revoke", text=_("撤销一项授权,立即失效;或撤回申请"), group=people)
def people_revoke(ctx: typer.Context, number: Number, note: Note, as_json: AsJson = False) -> None:
    with opened(ctx) as site:
        row = acts.revoke(site, number, note=note, actor=actor())
    _ended(row, as_json)


def _ended(row: GrantRow, as_json: bool) -> None:
    if as_json:
        print_json(row)
        return
    _table([row])


def _table(rows: list[GrantRow]) -> None:
    columns = [
        _("编号"), _("账号"), _("角色"), _("县区"), _("来源"), _("起"), _("止"), _("状态"), _("申请"), _("批准"),
        _("理由"),
    ]  # fmt: skip
    table(columns, [_row(row) for row in rows])


def _row(row: GrantRow) -> tuple[object, ...]:
    notes = _(";").join(note for note in (row.note, row.decided_note, row.revoked_note) if note)
    return (
        row.id, row.person, ROLES[row.role], row.county or _("全部"), row.instance or _("全部"), row.first,
        row.last or _("长期"), STATES[row.state], row.asked_by, row.decided_by or "", notes,
    )  # fmt: skip
