"""`gateway sources`: the configured instances."""

import typer

from gateway.acts import actor, look
from gateway.acts.advice import STATES
from gateway.cli.output import print_json, shown, table
from gateway.cli.root import AsJson, command, opened
from gateway.cli.shown import counts
from gateway.words import _


@command("sources", text=_("列出已配置的来源"))
def sources(ctx: typer.Context, as_json: AsJson = False) -> None:
    with opened(ctx) as site:
        seen = look.sources(site, actor=actor())
    if as_json:
        print_json(seen)
        return
    columns = [_("来源"), _("插件"), _("计划"), _("批次"), _("最近业务日期"), _("最近到达"), _("待核查"), _("联系人")]
    rows = [
        (
            s.name,
            s.plugin,
            s.schedule,
            counts((STATES[k], n) for k, n in s.deliveries.items()),
            s.last_business_date,
            s.last_arrival,
            s.open_cases,
            shown(s.contact),
        )
        for s in seen
    ]
    table(columns, rows)
