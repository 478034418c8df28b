"""`gateway config`: every value of the configuration, with its origin."""

import typer

from gateway.acts.origins import configuration
from gateway.cli.output import print_json, table
from gateway.cli.root import AsJson, command, folder
from gateway.words import _


@command("config", text=_("列出每个配置值和它的出处(文件哪一行、环境变量、默认值)"))
def config(ctx: typer.Context, as_json: AsJson = False) -> None:
    seen = configuration(folder(ctx))
    if as_json:
        print_json(seen)
        return
    table([_("配置项"), _("值"), _("出处")], [(v.key, v.value, v.origin) for v in seen])
