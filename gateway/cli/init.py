"""`gateway init DIR`: a new site folder."""

from pathlib import Path
from typing import Annotated

import typer

from gateway.acts import actor, sites
from gateway.cli.output import line, talk
from gateway.cli.root import command
from gateway.words import _


@command("init", text=_("新建站点目录:配置文件、密钥和各个文件夹"))
def init(folder: Annotated[Path, typer.Argument(metavar="DIR", help=_("站点目录"))]) -> None:
    made = sites.create_site(folder, actor=actor())
    talk(_("已建立站点 {folder}。本网关的 SM2 公钥(请交给医保平台登记):").format(folder=folder))
    line(made.public_key)
    talk(_("请备份 {folder}/keys:没有它就打不开已封存的数据。").format(folder=folder))
    talk(_("下一步:填写 {folder}/gateway.toml,然后运行 gateway --site {folder} doctor").format(folder=folder))
