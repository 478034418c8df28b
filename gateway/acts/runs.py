"""Runs: pull and settle, by a person or by the daemon; and what a settlement would change.

The run's own row in the ledger records who started it. A second run waits for the first, for a while.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from gateway import pipeline
from gateway.acts import who
from gateway.errors import NotFound, TryLater
from gateway.logs import log
from gateway.pipeline import RunReport
from gateway.pipeline.preview import Preview, preview
from gateway.plugin.forms import now
from gateway.site import Site
from gateway.words import _


def _sleep(seconds: float) -> bool:
    time.sleep(seconds)
    return False


@dataclass(frozen=True, kw_only=True)
class Patience:
    """How long to wait for another run to end."""

    #: Seconds in all; 0 = do not wait.
    longest: float = 0.0
    #: Seconds between two looks.
    step: float = 1.0
    #: Waits so many seconds; True where waiting is over before its time, because the process stops.
    wait: Callable[[float], bool] = _sleep


#: A person at a terminal; the daemon, which has all night, brings its own.
AT_ONCE = Patience()
A_MOMENT = Patience(longest=60.0)


def today() -> date:
    """The date in China, where all business dates are."""
    return now().date()


def run(
    site: Site,
    instances: Sequence[str] = (),
    day: date | None = None,
    *,
    actor: str,
    kind: str = "run",
    slot: str | None = None,
    pull: bool = True,
    patience: Patience = AT_ONCE,
) -> RunReport | None:
    """Runs these instances (none named = all) and settles the site. None where the slot has been taken.

    Raises NotFound for an instance that is not configured, TryLater where another run outlasts the patience.
    """
    who.known(actor)
    check_instances(site, instances)
    names = list(instances) or list(site.settings.sources)
    log(_("运行开始"), action="run.start", kind=kind, instances=names if pull else [], actor=actor)
    report = _patiently(
        lambda: pipeline.run(site, names, day or today(), actor=actor, kind=kind, slot=slot, pull=pull), patience
    )
    if report is None:
        log(_("该时段已由另一个进程运行"), action="run.taken", slot=slot)
        return None
    detail = report.detail()
    log(
        _("运行 {run} 结束").format(run=report.run),
        action="run.done",
        run=report.run,
        exit_code=int(report.exit_code),
        **{name: detail[name] for name in ("sent", "done", "later", "refused", "holds", "faults", "seconds")},
    )
    return report


def settle_after(
    site: Site, day: date | None, *, actor: str, kind: str, recorded: str, patience: Patience = A_MOMENT
) -> RunReport | None:
    """Settles the site after something was written down. Raises TryLater, saying that it is `recorded`, where another
    run outlasts the patience."""
    try:
        return run(site, [], day, actor=actor, kind=kind, pull=False, patience=patience)
    except TryLater as busy:
        step = _("无需重做;下一次运行时生效,也可稍后运行 gateway run")
        raise TryLater(recorded, next_step=step) from busy


def resync(site: Site, instance: str, *, actor: str) -> RunReport | None:
    """Pulls one instance and settles the site. Raises as `run`."""
    return run(site, [instance], actor=actor, kind="resync")


def would_change(site: Site, instance: str, *, actor: str) -> Preview:
    """What settling what is known of the instance would change. Writes nothing. Raises NotFound, TryLater."""
    check_instances(site, [instance])
    return preview(site, today(), who.known(actor), instance=instance)


def check_instances(site: Site, instances: Sequence[str]) -> None:
    """Raises NotFound for a name that is not configured."""
    unknown = [name for name in instances if name not in site.settings.sources]
    if unknown:
        what = _("没有名为 {names} 的来源").format(names="、".join(unknown))
        known = _("已配置:{names};可用 gateway sources 查看").format(names="、".join(site.settings.sources))
        raise NotFound(what, next_step=known)


def _patiently(start: Callable[[], RunReport | None], patience: Patience) -> RunReport | None:
    """Starts once the site is free. A run that began tells its own faults in its report, and raises no TryLater."""
    end = time.monotonic() + patience.longest
    while True:
        try:
            return start()
        except TryLater:
            if time.monotonic() >= end or patience.wait(patience.step):
                raise
