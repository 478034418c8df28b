"""`gateway doctor`: is the site well, and what to do where it is not."""

from typing import Annotated

import typer

from gateway.acts import doctor as acts
from gateway.cli.output import line, print_json
from gateway.cli.root import AsJson, command, folder
from gateway.words import _

_MARKS = {"ok": _("正常"), "warning": _("注意"), "fault": _("有误")}
#: `acts.doctor.Finding.check`, but for the names of sources.
_CHECKS = {
    "settings": _("配置"),
    "plugins": _("插件"),
    "keys": _("密钥"),
    "exposure": _("文件权限"),
    "people": _("人员"),
    "sharing": _("共享期限"),
    "channels": _("通道"),
    "secrets": _("口令"),
    "disk": _("磁盘"),
    "database": _("数据库"),
    "clock": _("时间"),
    "calendar": _("报送日历"),
    "audit": _("审计"),
    "peers": _("各方连接"),
    "platform": _("医保平台"),
}


@command("doctor", text=_("检查站点:配置、密钥、口令、数据库、磁盘、时间、各方连接"))
def doctor(
    ctx: typer.Context,
    host_key: Annotated[
        str | None,
        typer.Option("--host-key", metavar="HOST:PORT", help=_("只显示这台 SFTP 服务器出示的主机密钥和指纹")),
    ] = None,
    as_json: AsJson = False,
) -> None:
    if host_key:
        _host_key(host_key, as_json)
        return
    findings = []
    for finding in acts.examine(folder(ctx)):
        findings.append(finding)
        if not as_json:
            line(f"[{_MARKS[finding.state]}] {_CHECKS.get(finding.check, finding.check)}{_(':')}{finding.text}")
            if finding.next_step:
                line(f"       → {finding.next_step}")
    code = acts.worst(findings)
    if as_json:
        print_json({"exit_code": int(code), "findings": findings})
    raise typer.Exit(code)


def _host_key(address: str, as_json: bool) -> None:
    key = acts.host_key(address)
    if as_json:
        print_json(key)
        return
    line(_("指纹:{fingerprint}").format(fingerprint=key.fingerprint))
    line(_("请向对方核实指纹,一致后写入 gateway.toml:"))
    line(f'host_key = "{key.line}"')
