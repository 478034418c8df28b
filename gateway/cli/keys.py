"""`gateway keys init|list`: a site's own keys."""

import typer

from gateway.acts import actor, sites
from gateway.cli.output import line, print_json, table, talk
from gateway.cli.root import AsJson, command, folder, group
from gateway.words import _

_KINDS = {"site": _("封存与索引"), "gateway": _("签名(SM2)")}

keys = group("keys", text=_("站点自己的密钥"))


@command("init", text=_("生成密钥;已有密钥时不会覆盖"), group=keys)
def keys_init(ctx: typer.Context, as_json: AsJson = False) -> None:
    _show(sites.create_keys(folder(ctx), actor=actor()), as_json)


@command("list", text=_("列出密钥的编号和日期,以及须在平台登记的公钥"), group=keys)
def keys_list(ctx: typer.Context, as_json: AsJson = False) -> None:
    _show(sites.list_keys(folder(ctx)), as_json)


def _show(seen: sites.Keys, as_json: bool) -> None:
    if as_json:
        print_json(seen)
        return
    table([_("用途"), _("编号"), _("生成日期")], [(_KINDS[k.kind], k.key_id, k.created) for k in seen.keys])
    talk(_("本网关的 SM2 公钥(交给医保平台登记):"))
    line(seen.public_key)
