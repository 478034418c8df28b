"""`gateway cases list|show`: rows that a person must look at."""

from typing import Annotated

import typer

from gateway.acts import cases as acts
from gateway.acts import look, runs
from gateway.cli.deliveries import InstanceOption
from gateway.cli.output import line, print_json, table
from gateway.cli.root import AsJson, command, group, opened
from gateway.words import _

_STATES = {"open": _("待核查"), "closed": _("已了结")}

cases = group("cases", text=_("待核查的行"))


@command("list", text=_("列出待核查的行"), group=cases)
def cases_list(
    ctx: typer.Context,
    instance: InstanceOption = None,
    every: Annotated[bool, typer.Option("--all", help=_("也列出已了结的"))] = False,
    limit: Annotated[int, typer.Option("--limit", min=1, help=_("最多列出几项"))] = 100,
    as_json: AsJson = False,
) -> None:
    with opened(ctx) as site:
        runs.check_instances(site, [instance] if instance else [])
        seen = look.cases(site, instance=instance, every=every, limit=limit)
    if as_json:
        print_json(seen)
        return
    columns = [_("编号"), _("来源"), _("原因"), _("批次"), _("行"), _("状态"), _("发现时间")]
    rows = [(c.id, c.instance, c.reason, c.delivery, c.row, _STATES[c.state], c.opened_at) for c in seen]
    table(columns, rows)


@command("show", text=_("显示一行:出自哪里,像是谁(姓名和号码部分隐去)"), group=cases)
def cases_show(
    ctx: typer.Context,
    number: Annotated[int, typer.Argument(metavar="CASE", help=_("编号,见 gateway cases list"))],
    as_json: AsJson = False,
) -> None:
    with opened(ctx) as site:
        seen = acts.case(site, number)
    if as_json:
        print_json(seen)
        return
    line(f"{_STATES[seen.state]} {seen.id} {seen.instance}  {seen.reason}")
    if seen.origin:
        o = seen.origin
        line(_("  出自 {name} 的 {part} 第 {line} 行").format(name=o.name, part=o.part, line=o.line))
        line(_("  名单所写:{person} {number} {category}").format(person=o.person, number=o.number, category=o.category))
    if seen.candidate:
        c = seen.candidate
        line(_("  像是:{name} {number}(人员编号 {psn_no})").format(name=c.name, number=c.number, psn_no=c.psn_no))
        line(_("  详情:gateway explain {key}").format(key=c.person_key))
