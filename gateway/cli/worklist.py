"""`gateway cases export|import`: worklists for clerks in the counties, who have no login here."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway import logs
from gateway.acts import actor, worklist
from gateway.acts.worklist import Taken
from gateway.cli.cases import cases
from gateway.cli.output import beside, line, not_json, print_json, talk
from gateway.cli.root import AsJson, command, opened
from gateway.cli.shown import tell_report
from gateway.errors import ExitCode, NotAllowed
from gateway.plugin.forms import now
from gateway.vault import read_secret
from gateway.words import _

Clerk = Annotated[str, typer.Option("--clerk", metavar="NAME", help=_("经办人的姓名或工号,只限一人"))]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file", metavar="FILE", help=_("口令所在的文件,只有本人可读;不写则在终端询问"), show_default=False
    ),
]


@command("export", text=_("导出一个县区的待核查清单(加密的 xlsx,含完整姓名和号码)"), group=cases)
def cases_export(
    ctx: typer.Context,
    county: Annotated[str, typer.Option("--county", metavar="COUNTY", help=_("县区的 6 位代码"))],
    clerk: Clerk,
    reason: Annotated[str, typer.Option("--reason", help=_("为何须导出完整信息,记入台账;不要写姓名和证件号码"))],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="FILE",
            help=_("写到哪个文件;- 为标准输出(经 sudo 运行时用);不写则为当前目录下的 待核查-县区-时间.xlsx"),
            show_default=False,
        ),
    ] = None,
    password_file: PasswordFile = None,
    as_json: AsJson = False,
) -> None:
    not_json(out, as_json=as_json, param="--out")
    file = out or Path(_("待核查-{county}-{time}.xlsx").format(county=county, time=f"{now():%Y%m%d%H%M%S}"))
    with opened(ctx) as site:
        password = _password(password_file, twice=True)
        done = worklist.export(site, county, clerk, password, reason=reason, actor=actor(), out=file)
    if as_json:
        print_json(done)
        return
    tell = beside(out)
    text = _("已导出清单 {number}:{cases} 项,经办人 {clerk},有效期至 {until}")
    tell(text.format(number=done.number, cases=done.cases, clerk=done.clerk, until=done.valid_until))
    tell(_("  文件:{file}").format(file=done.file))
    if done.left_over:
        tell(_("  另有 {n} 项未列入,了结一部分后再导出").format(n=done.left_over))
    step = _("→ 口令请另行告知经办人;交回后运行 gateway cases import 文件 --clerk {clerk}")
    talk(step.format(clerk=done.clerk))


@command("import", text=_("导入经办人填好的待核查清单"), group=cases)
def cases_import(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help=_("经办人交回的清单"))],
    clerk: Clerk,
    password_file: PasswordFile = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=_("只检查,不采纳"))] = False,
    as_json: AsJson = False,
) -> None:
    logs.configure(human=True)
    with opened(ctx) as site:
        password = _password(password_file, twice=False)
        done = worklist.take(site, file, clerk, password, actor=actor(), dry_run=dry_run)
    code = ExitCode.FAILED if done.refused else done.run.exit_code if done.run else ExitCode.DONE
    if as_json:
        run = {"run": done.run.run, **done.run.detail()} if done.run else None
        print_json({**vars(done), "run": run, "exit_code": int(code)})
    else:
        _tell(done)
    raise typer.Exit(code)


def _tell(done: Taken) -> None:
    head = _("清单 {number}({clerk}),试导入:") if done.dry_run else _("清单 {number}({clerk}):")
    text = _("采纳 {taken},以前已采纳 {before},未填 {empty},不予采纳 {refused}")
    numbers = text.format(taken=done.taken, before=done.before, empty=done.empty, refused=len(done.refused))
    line(head.format(number=done.number, clerk=done.clerk) + numbers)
    for refusal in done.refused:
        line(_("  第 {line} 行:{reason}").format(line=refusal.line, reason=refusal.reason))
    if done.refused:
        talk(_("→ 不予采纳的各项仍待核查;请另行导出一份清单,重新核查后填写"))
    if done.run:
        tell_report(done.run)


def _password(file: Path | None, *, twice: bool) -> str:
    """The password from a file that only its owner may read, or from whoever sits at the terminal; it is no argument,
    which others on the machine could read."""
    if file is not None:
        return read_secret(f"file:{file.name}", file.parent).get_secret_value()
    if not sys.stdin.isatty():
        raise NotAllowed(_("没有终端,无法询问口令"), next_step=_("请用 --password-file 给出口令所在的文件"))
    again = _("再输入一次") if twice else False
    asked: str = typer.prompt(_("清单的打开口令"), hide_input=True, confirmation_prompt=again, err=True)
    return asked
