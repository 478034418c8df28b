"""`gateway deliveries`: what came, what became of it, and what to do."""

from typing import Annotated

import typer

from gateway.acts import actor, look, runs
from gateway.acts.advice import STATES
from gateway.cli.output import print_json, table
from gateway.cli.root import AsJson, command, opened
from gateway.cli.shown import MODES, OUTCOMES, counts
from gateway.model.deliveries import DeliveryState
from gateway.words import _

InstanceOption = Annotated[str | None, typer.Option("--instance", metavar="INSTANCE", help=_("只看这个来源"))]


@command("deliveries", text=_("列出收到的批次:状态、各类行数、原因和处理办法"))
def deliveries(
    ctx: typer.Context,
    instance: InstanceOption = None,
    state: Annotated[DeliveryState | None, typer.Option("--state", help=_("只看这个状态"))] = None,
    every: Annotated[bool, typer.Option("--all", help=_("也列出较早的、已采用的批次"))] = False,
    as_json: AsJson = False,
) -> None:
    with opened(ctx) as site:
        runs.check_instances(site, [instance] if instance else [])
        seen = look.received(site, instance=instance, state=state, every=every, actor=actor())
    if as_json:
        print_json(seen)
        return
    columns = [_("编号"), _("来源"), _("批次"), _("方式"), _("业务日期"), _("状态"), _("行数"), _("结果"), _("说明")]
    table(columns, [_row(d) for d in seen])


def _row(d: look.DeliveryView) -> tuple[object, ...]:
    outcomes = counts((OUTCOMES[name], number) for name, number in d.outcomes.items())
    told = [d.reason, f"→ {d.advice}" if d.advice else "", *d.findings]
    text = "\n".join(part for part in told if part)
    return (d.id, d.instance, d.name, MODES[d.mode], d.business_date, STATES[d.state], d.rows, outcomes, text)
