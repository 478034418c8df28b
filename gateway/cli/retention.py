"""`gateway retention`: originals that were kept long enough."""

from typing import Annotated

import typer

from gateway.acts import actor
from gateway.acts import retention as acts
from gateway.cli.output import line, print_json, table, talk
from gateway.cli.root import AsJson, command, opened
from gateway.words import _


@command("retention", text=_("列出到期且不再需要的原件;加 --destroy 才销毁"))
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
        line(_("已销毁;证书 var/certificates/{name}").format(name=certificate) if certificate else _("没有到期的原件"))
        return
    rows = [(one.delivery, one.instance, one.name, one.state, one.arrived_at, len(one.files)) for one in seen]
    table([_("批次"), _("来源"), _("名称"), _("状态"), _("接收时间"), _("文件")], rows)
    talk(_("期限见 gateway.toml 的 [retention];守护进程每夜自动销毁到期的原件"))
