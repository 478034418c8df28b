"""`gateway serve`: the daemon, in the foreground."""

import typer

from gateway import daemon, logs
from gateway.cli.root import command, opened
from gateway.words import _


@command("serve", text=_("守护进程:按各来源的计划运行,直到收到 SIGTERM(再收到一次则立即结束)"))
def serve(ctx: typer.Context) -> None:
    logs.configure()
    again = True
    while again:
        with opened(ctx) as site:
            again = daemon.serve(site)
