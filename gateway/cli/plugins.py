"""`gateway plugins`: which plugins there are, and the line that lets one in."""

import typer

from gateway.acts import sites
from gateway.cli.output import line, print_json, table, talk
from gateway.cli.root import AsJson, command, folder
from gateway.plugin.trust import line as line_of
from gateway.words import _

_KINDS = {"shipped": _("随程序提供"), "package": _("软件包"), "site": _("站点自己的")}


@command("plugins", text=_("列出插件及其摘要或版本;没有写入 gateway.toml 的不会执行"))
def plugins(ctx: typer.Context, as_json: AsJson = False) -> None:
    found = sites.list_plugins(folder(ctx))
    if as_json:
        print_json(found)
        return
    columns = [_("插件"), _("来自"), _("版本或摘要"), _("状态")]
    table(columns, [(p.name, _KINDS[p.kind], p.mark, p.broken or _("使用中")) for p in found])
    for one in found:
        if one.unnamed:
            talk(_("审阅这个插件的代码后,由管理员写入 gateway.toml:"))
            line(line_of(one.name, one.mark))
