"""`gateway verify`: the ledger and the platform side by side; `--repair` brings the platform into line."""

from collections.abc import Mapping
from typing import Annotated

import typer

from gateway import logs
from gateway.acts import actor
from gateway.acts import verify as acts
from gateway.acts.verify import Difference, Verified
from gateway.cli.asked import whom
from gateway.cli.output import line, print_json, shown, table, talk
from gateway.cli.root import AsJson, command, opened
from gateway.cli.shown import USES, platform_number, tell_report
from gateway.words import _

KINDS = {"missing": _("平台缺少"), "other": _("内容不同"), "unknown": _("台账不知")}
_WAITS = {"": _("可修复"), "decision": _("待人决定"), "roster": _("该人已死亡或不在名册,不能上传")}


@command("verify", text=_("与平台回读逐一核对并说明差异;--repair 修复我方的差异"))
def verify(
    ctx: typer.Context,
    repair: Annotated[bool, typer.Option("--repair", help=_("经待发队列修复;他人所写的不动"))] = False,
    keep: Annotated[
        str | None,
        typer.Option(
            "--keep",
            metavar="PERSON",
            callback=whom,
            help=_("此人的差异:保留他人所写,与我方记录并存;写 - 则在终端询问"),
        ),
    ] = None,
    replace: Annotated[
        str | None,
        typer.Option(
            "--replace", metavar="PERSON", callback=whom, help=_("此人的差异:以我方应有的名单替换;写 - 则在终端询问")
        ),
    ] = None,
    note: Annotated[str | None, typer.Option("--note", help=_("决定的理由,记入台账;不要写姓名和证件号码"))] = None,
    as_json: AsJson = False,
) -> None:
    chosen = [keep is not None, replace is not None, repair]
    if sum(chosen) > 1 or (note is not None) != any(chosen[:2]):
        raise typer.BadParameter(_("--repair、--keep、--replace 三者取一;后两者须同时写 --note"), param_hint="--repair")
    logs.configure(human=True)
    person = keep if keep is not None else replace
    with opened(ctx) as site:
        if person is not None:
            report = acts.decide(site, person, keep=keep is not None, actor=actor(), note=note or "")
            assert report is not None  # only a slot can be taken
            print_json(report.detail()) if as_json else tell_report(report)
            raise typer.Exit(report.exit_code)
        seen = acts.verify(site, repair=repair, actor=actor())
    assert seen is not None
    if as_json:
        print_json({"exit_code": int(seen.report.exit_code), **seen.report.detail(), "differences": seen.differences})
    else:
        _show(seen, repair=repair)
    raise typer.Exit(seen.report.exit_code)


def _show(seen: Verified, *, repair: bool) -> None:
    for fault in seen.report.faults:
        talk(_("错误:{fault}").format(fault=fault))
    if not seen.counts:
        talk(_("没有核对成:平台暂时取不到回读文件 → 稍后再运行 gateway verify"))
        return
    line(sentence(seen.counts))
    columns = [
        _("人员键"), _("姓名"), _("人员编号"), _("用途"), _("差异"), _("他人"), _("我方变更"), _("运行"),
        _("确认时间"), _("平台依据"), _("处理"),
    ]  # fmt: skip
    if seen.differences:
        table(columns, [_row(one) for one in seen.differences])
    for one in seen.differences[:EXAMPLES]:
        _records(one)
    if any(one.waits_for == "decision" for one in seen.differences):
        line(_("他人所写或台账不知的,核实后决定(写人员键):"))
        line(_("  保留他人所写:gateway verify --keep 人员键 --note 理由"))
        line(_("  以我方名单替换:gateway verify --replace 人员键 --note 理由"))
    if not repair and any(not one.waits_for for one in seen.differences):
        line(_("修复我方的差异:gateway verify --repair"))
    if repair:
        tell_report(seen.report)


#: Differences whose records are written out.
EXAMPLES = 10


def sentence(counts: Mapping[str, int]) -> str:
    """What a comparison found, in one line."""
    text = _("核对 {lists} 份名单:平台缺少 {missing},内容不同 {other},台账不知 {unknown};其中涉及他人所写 {foreign}")
    more = _(";在途未核 {in_flight},只有他人记录的 {theirs},已修复 {repaired} 人")
    return (text + more).format(**counts)


def _row(one: Difference) -> tuple[object, ...]:
    return (
        one.person_key, one.name, platform_number(one.psn_no), USES.get(one.use, one.use), KINDS[one.kind],
        _("是") if one.foreign else "", one.change, one.run, one.confirmed_at, one.evidence, _WAITS[one.waits_for],
    )  # fmt: skip


def _records(one: Difference) -> None:
    line(f"{shown(one.person_key)} {USES.get(one.use, one.use)} {KINDS[one.kind]}")
    for title, records in ((_("  台账:"), one.confirmed or ()), (_("  平台:"), one.shown)):
        line(title + (_(";").join(record.replace("|", " ") for record in records) or _("(空)")))
