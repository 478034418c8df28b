"""`gateway retention`: originals and rows that were kept long enough."""

from typing import Annotated

import typer

from gateway.acts import actor
from gateway.acts import retention as acts
from gateway.cli.output import line, print_json, table, talk
from gateway.cli.root import AsJson, command, opened
from gateway.words import _

_WHAT = {"originals": _("原件"), "rows": _("明细")}


@command("retention", text=_("列出到期且不再需要的原件和明细;加 --destroy 才销毁"))
def retention(
    ctx: typer.Context,
    destroy: Annotated[bool, typer.Option("--destroy", help=_("销毁它们的密钥并删除文件,不可恢复"))] = False,
    as_json: AsJson = False,
) -> None:
    with opened(ctx) as site:
        certificate = acts.destroy(site, actor=actor()) if destroy else ""
        seen = [] if destroy else acts.due(site, actor=actor())
    if as_json:
        print_json({"certificate": certificate} if destroy else seen)
        return
    if destroy:
        line(_("已销毁;证书 var/certificates/{name}").format(name=certificate) if certificate else _("没有到期的内容"))
        return
    rows = [(o.delivery, o.instance, o.name, o.state, o.arrived_at, _WHAT[o.what], len(o.files)) for o in seen]
    table([_("批次"), _("来源"), _("名称"), _("状态"), _("接收时间"), _("内容"), _("文件")], rows)
    talk(_("期限见 gateway.toml 的 [retention];守护进程每夜自动销毁到期的内容"))
