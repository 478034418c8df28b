"""`gateway resync INSTANCE` pulls one instance and settles; `--person P` brings one person on the platform into line.

With `--dry-run` either shows what would change."""

from typing import Annotated

import typer

from gateway import logs
from gateway.acts import actor
from gateway.acts import runs as acts
from gateway.cli.asked import whom
from gateway.cli.output import print_json
from gateway.cli.previewed import tell_looked, tell_preview
from gateway.cli.root import AsJson, command, opened
from gateway.cli.shown import tell_report
from gateway.words import _


@command("resync", text=_("重新收取一个来源并结算,或只更正一个人在平台上的标识;--dry-run 只看会有哪些变化"))
def resync(
    ctx: typer.Context,
    instance: Annotated[str | None, typer.Argument(metavar="INSTANCE", help=_("来源名称,见 gateway sources"))] = None,
    person: Annotated[
        str | None,
        typer.Option(
            "--person",
            metavar="PERSON",
            callback=whom,
            help=_("只更正这一个人,差异即行上传:人员编号、证件号码或人员键,不收取名单;写 - 则在终端询问"),
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help=_("不收取、不写入、不上传,只显示变化"))] = False,
    as_json: AsJson = False,
) -> None:
    if (instance is None) == (person is None):
        raise typer.BadParameter(_("请给出来源名称,或用 --person 给出一个人,二者取一"), param_hint="INSTANCE")
    logs.configure(human=True)
    if dry_run:
        with opened(ctx) as site:
            if instance is None:
                person_seen = acts.person_would_change(site, person or "", actor=actor())
                print_json(person_seen) if as_json else tell_preview(person_seen)
            else:
                looked = acts.would_change(site, instance, actor=actor())
                print_json({**vars(looked.seen), "before": looked.before}) if as_json else tell_looked(looked)
        return
    with opened(ctx) as site:
        report = (
            acts.resync(site, instance, actor=actor())
            if instance is not None
            else acts.resync_person(site, person or "", actor=actor())
        )
    assert report is not None  # only a slot can be taken
    if as_json:
        print_json({"run": report.run, "exit_code": int(report.exit_code), **report.detail()})
    else:
        tell_report(report)
    raise typer.Exit(report.exit_code)
