"""`gateway audit list|export|verify`: what was done, by whom, and whether the record of it is whole."""

import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from gateway.acts import actor
from gateway.acts import audit as acts
from gateway.audit import Checked
from gateway.cli.output import beside, line, not_json, print_json, table, talk
from gateway.cli.root import AsJson, command, group, opened
from gateway.errors import ExitCode, NotAllowed
from gateway.plugin.forms import CHINA
from gateway.words import _

audit = group("audit", text=_("审计链:谁做了什么,以及记录是否完整"))

Keys = Annotated[
    list[str] | None,
    typer.Option(
        "--key", metavar="KEY", help=_("站点的 SM2 公钥、其指纹,或写有其一的文件;可写多次"), show_default=False
    ),
]
Anchors = Annotated[
    list[Path] | None,
    typer.Option("--anchors", metavar="FILE", help=_("站点以外留存的检查点,如系统日志;可写多次"), show_default=False),
]


@command("list", text=_("列出审计记录,最新的在前"), group=audit)
def audit_list(
    ctx: typer.Context,
    act: Annotated[str, typer.Option("--act", help=_("只列以此开头的行为,例如 case."), show_default=False)] = "",
    by: Annotated[str, typer.Option("--actor", help=_("只列此人的"), show_default=False)] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help=_("最多列出几条"))] = 100,
    as_json: AsJson = False,
) -> None:
    with opened(ctx) as site:
        seen = acts.listed(site, act=act, by=by, limit=limit, actor=actor())
    if as_json:
        print_json(seen)
        return
    rows = [(e.id, e.at, e.actor, e.act, json.dumps(e.detail, ensure_ascii=False)) for e in seen]
    table([_("编号"), _("时间"), _("操作人"), _("行为"), _("内容")], rows)


@command("export", text=_("导出整条审计链,签名到末尾;别处无需站点和密钥即可验证"), group=audit)
def audit_export(
    ctx: typer.Context,
    out: Annotated[Path, typer.Argument(metavar="FILE", help=_("写入的文件,不覆盖已有文件"))],
    as_json: AsJson = False,
) -> None:
    not_json(out, as_json=as_json, param="FILE")
    with opened(ctx) as site:
        done = acts.export(site, out, actor=actor())
    if as_json:
        print_json(done)
        return
    tell = beside(out)
    tell(_("已写入 {file}:{n} 条记录,{c} 个检查点").format(file=out, n=done.entries, c=done.checkpoints))
    talk(_("公钥指纹(请用别的途径告诉验证的人):"))
    tell(done.fingerprint)


@command("verify", text=_("验证审计链:导出的文件,或不写文件时验证台账本身"), group=audit)
def audit_verify(
    ctx: typer.Context,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help=_("导出的文件"))] = None,
    key: Keys = None,
    anchors: Anchors = None,
    as_json: AsJson = False,
) -> None:
    if file is not None:
        if not key:
            what, step = _("没有给出公钥:文件里的公钥可能和文件一起被换掉"), _("请用 --key 给出站点的公钥或其指纹")
            raise NotAllowed(what, next_step=step)
        found = acts.verify_export(file, key, anchors or [])
    else:
        with opened(ctx) as site:
            found = acts.verify_ledger(site, key or [], anchors or [], actor=actor())
    if as_json:
        print_json({"holds": found.holds, **vars(found)})
    else:
        _tell(found)
    raise typer.Exit(ExitCode.DONE if found.holds else ExitCode.FAILED)


def _tell(found: Checked) -> None:
    for broken in found.breaks:
        where = _("第 {n} 行:").format(n=broken.line) if broken.line else ""
        line(f"✗ {where}{broken.text}")
    counts = _("{n} 条记录,{c} 个检查点,外部留存 {a} 处")
    said = counts.format(n=found.entries, c=found.checkpoints, a=found.anchors)
    if not found.holds:
        line(_("审计链不完整:{said}").format(said=said))
        return
    line(_("审计链完整:{said}").format(said=said))
    if found.last:
        last = _("最后的检查点:{n},签到第 {seq} 条,{at}")
        at = datetime.fromisoformat(found.last.at).astimezone(CHINA)
        line(last.format(n=found.last.number, seq=found.last.seq, at=f"{at:%Y-%m-%d %H:%M:%S}"))
    if found.unsigned:
        line(_("其后 {n} 条尚未签名").format(n=found.unsigned))
    if not found.anchors:
        line(_("没有外部留存可比:末尾是否被截去,请与站点以外的检查点核对(--anchors)"))
