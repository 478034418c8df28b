"""`gateway takebacks list|settlements`: flags that were on the wrong person, and what was settled while they were."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.acts import actor
from gateway.acts import takebacks as acts
from gateway.acts.files import STDOUT
from gateway.acts.takebacks import MED_TYPES, Billed, OnPlatform, Settlement, Takeback
from gateway.cli.output import in_full, line, not_json, print_json, shown, table, talk
from gateway.cli.root import AsJson, command, group, opened
from gateway.cli.shown import platform_number
from gateway.errors import NotAllowed
from gateway.words import _

PLATFORM = {
    OnPlatform.NEVER: _("未上传过"),
    OnPlatform.STANDING: _("尚未收回"),
    OnPlatform.OFF: _("已收回"),
}

takebacks = group("takebacks", text=_("收回的标识:曾记在别人名下、从未成立的身份,以及其间的结算"))


@command("list", text=_("列出收回的标识,最早的在前(姓名和号码部分隐去)"), group=takebacks)
def takebacks_list(ctx: typer.Context, as_json: AsJson = False) -> None:
    with opened(ctx) as site:
        seen = acts.listed(site, actor=actor())
    if as_json:
        print_json(seen)
        return
    columns = [
        _("编号"), _("发现时间"), _("运行"), _("姓名"), _("人员编号"), _("身份"), _("起"), _("止"), _("来源"),
        _("批次"), _("行"), _("待核查项"), _("决定人"), _("平台"), _("现有身份"),
    ]  # fmt: skip
    table(columns, [_row(one) for one in seen])


def _row(one: Takeback) -> tuple[object, ...]:
    last = one.last or _("至今")
    person = platform_number(one.psn_no)
    again = _("(运行 {run} 起又采信)").format(run=one.restored_run) if one.restored_run else ""
    return (
        one.number, one.found_at, one.run, one.name, person, f"{one.identity} {one.level}".strip(), one.first, last,
        one.instance, one.delivery, one.row, one.case or "", one.decided_by, PLATFORM[one.platform] + again,
        _("、").join(one.holds),
    )  # fmt: skip


@command(
    "settlements",
    text=_("列出标识记错期间这些人的结算和退费(向医保平台查询);有医疗救助支付的注明用到"),
    group=takebacks,
)
def takebacks_settlements(
    ctx: typer.Context,
    number: Annotated[
        int | None, typer.Argument(metavar="N", help=_("编号,见 gateway takebacks list;不写则为全部"))
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help=_("另写入 CSV 文件,不覆盖已有文件"), show_default=False),
    ] = None,
    unmask: Annotated[bool, typer.Option("--unmask", help=_("显示完整人员编号,须同时给出 --reason;记入台账"))] = False,
    reason: Annotated[str | None, typer.Option("--reason", help=_("为什么须看完整编号;不要写姓名和证件号码"))] = None,
    as_json: AsJson = False,
) -> None:
    if unmask != (reason is not None):
        what, step = _("--unmask 和 --reason 须同时给出"), _("请补上另一个,再运行 gateway takebacks settlements")
        raise NotAllowed(what, next_step=step)
    not_json(out, as_json=as_json, param="--out")
    with opened(ctx) as site:
        seen = (
            acts.settlements(site, number, actor=actor())
            if reason is None
            else acts.unmasked(site, number, reason=reason, actor=actor())
        )
        if out is not None:
            acts.save(site, seen, out)
    if out not in (None, STDOUT):
        talk(_("已写入 {file}").format(file=out))
    if as_json:
        print_json(seen, whole=unmask)
    elif out != STDOUT:
        with in_full(unmask):
            _show(seen)


def _show(seen: Billed) -> None:
    if not seen.looked_at:
        line(_("没有在平台上生效过的收回标识,不需查询结算"))
        return
    columns = [
        _("收回"), _("结算编号"), _("人员编号"), _("结算日期"), _("开始日期"), _("类别"), _("总额"), _("医疗救助"),
        _("其他基金"), _("一站式"), _("说明"),
    ]  # fmt: skip
    table(columns, [_settled(row) for row in seen.rows])
    text = _("结算 {n} 笔,退费 {refunds} 笔,其中用到医疗救助 {used} 笔")
    line(text.format(n=seen.settlements, refunds=seen.refunds, used=seen.used))
    text = _("扣除退费后:医疗费总额 {total} 元,医疗救助支付 {maf} 元,其他基金支付 {other} 元")
    line(text.format(total=seen.medfee_sumamt, maf=seen.maf_pay, other=seen.othfund_pay))


def _settled(row: Settlement) -> tuple[object, ...]:
    refund = _("退费,退 {setl}").format(setl=row.refund_of) if row.refund_of is not None else ""
    return (
        _("、").join(map(str, row.takebacks)), shown(row.setl_id), row.psn_no, row.setl_date, row.begn_date,
        MED_TYPES.get(row.med_type, row.med_type), row.medfee_sumamt, row.maf_pay, row.othfund_pay,
        _("是") if row.onestop else "", refund or (_("用到") if row.used else ""),
    )  # fmt: skip
