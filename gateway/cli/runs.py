"""`gateway runs`: the newest runs."""

from typing import Annotated

import typer

from gateway.acts import actor, look
from gateway.cli.output import print_json, table
from gateway.cli.root import AsJson, command, opened
from gateway.cli.shown import RUN_KINDS, RUN_STATES
from gateway.store.runs import RunRow
from gateway.words import _


@command("runs", text=_("列出最近的运行"))
def runs(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option("--limit", min=1, help=_("最多列出几次"))] = 20,
    as_json: AsJson = False,
) -> None:
    with opened(ctx) as site:
        seen = look.recent_runs(site, limit, actor=actor())
    if as_json:
        print_json(seen)
        return
    columns = [_("运行"), _("类型"), _("日期"), _("结果"), _("开始"), _("秒"), _("上传"), _("操作人"), _("问题")]
    table(columns, [_row(run) for run in seen])


def _row(run: RunRow) -> tuple[object, ...]:
    seconds = f"{(run.ended_at - run.started_at).total_seconds():.1f}" if run.ended_at else ""
    faults = "\n".join(run.detail.get("faults", ()))
    kind, state = RUN_KINDS.get(run.kind, run.kind), RUN_STATES.get(run.state, run.state)
    sent = run.detail.get("sent", 0)
    return (run.id, kind, run.today, state, run.started_at, seconds, sent, run.actor, faults)
