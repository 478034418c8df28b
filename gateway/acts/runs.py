"""Runs: pull and settle, by a person or by the daemon; and what a settlement would change.

The run's own row in the ledger records who started it. A second run waits for the first, for a while.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TypeVar

import polars as pl

from gateway import pipeline
from gateway.acts import alarms
from gateway.acts.rights import May, acting
from gateway.errors import NotFound, TryLater
from gateway.logs import log
from gateway.pipeline import RunReport
from gateway.pipeline.lookup import find_person
from gateway.pipeline.preview import Preview, preview, preview_person
from gateway.plugin.forms import now
from gateway.site import Site
from gateway.store import Tx
from gateway.store.ledger import acts, record_act
from gateway.words import _

#: The kind of a run that pulls one instance.
RESYNC = "resync"
T = TypeVar("T")


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
    with acting(site, actor, "resync" if kind == RESYNC else "run") as may:
        check_instances(site, instances)
        with site.ledger.begin() as tx:
            for instance in instances or [""]:
                may(tx, instance=instance)
    return _run(site, instances, day, actor=actor, kind=kind, slot=slot, pull=pull, patience=patience)


def _run(
    site: Site,
    instances: Sequence[str],
    day: date | None,
    *,
    actor: str,
    kind: str,
    slot: str | None = None,
    pull: bool,
    patience: Patience,
) -> RunReport | None:
    names = list(instances) or list(site.settings.sources)
    log(_("运行开始"), action="run.start", kind=kind, instances=names if pull else [], actor=actor)
    report = patiently(
        lambda: pipeline.run(site, names, day or today(), actor=actor, kind=kind, slot=slot, pull=pull), patience
    )
    if report is None:
        log(_("该时段已由另一个进程运行"), action="run.taken", slot=slot)
        return None
    alarms.tell(report.overdue, report.came)
    alarms.tell_endings(site, report.today)
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
    """Settles the site after an act that asked for itself was written down. Raises TryLater, saying that it is
    `recorded`, where another run outlasts the patience."""
    try:
        return _run(site, [], day, actor=actor, kind=kind, pull=False, patience=patience)
    except TryLater as busy:
        step = _("无需重做;下一次运行时生效,也可稍后运行 gateway run")
        raise TryLater(recorded, next_step=step) from busy


def resync(site: Site, instance: str, *, actor: str) -> RunReport | None:
    """Pulls one instance and settles the site. Raises as `run`."""
    return run(site, [instance], actor=actor, kind=RESYNC)


@dataclass(frozen=True, kw_only=True)
class Looked:
    """A preview, and the one before it of the same instance."""

    seen: Preview
    #: When that was (UTC), who looked, and its digest; None = never.
    before: tuple[datetime, str, str] | None


def would_change(site: Site, instance: str | None, *, actor: str) -> Looked:
    """What settling what is known of the instance, or of all, would change. Writes nothing but that somebody looked,
    with counts and digests. Raises NotFound, TryLater."""
    with acting(site, actor, "preview") as may:
        check_instances(site, [instance] if instance is not None else [])
        with site.ledger.begin() as tx:
            may(tx, instance=instance or "")
        seen = preview(site, instance=instance)
        with site.ledger.begin() as tx:
            may(tx, instance=instance or "")
            return looked(tx, seen, actor=actor, instance=instance)


def looked(tx: Tx, seen: Preview, *, actor: str, **of: str | None) -> Looked:
    """Writes down that somebody looked, and finds the look before that was `of` the same: instance, and content."""
    looks = [act for act in acts(tx, "preview") if {name: act.detail.get(name) for name in _OF} == {**_OF, **of}]
    held = [[*b.place, b.leaving, b.holding, b.digest] for b in seen.holds]
    record_act(tx, actor=actor, act="preview", **of, digest=seen.digest, moves=seen.moves, holds=held)
    before = (looks[-1].at, looks[-1].actor, looks[-1].detail["digest"]) if looks else None
    return Looked(seen=seen, before=before)


#: What a look may be of: None = of all, or of what is known.
_OF: dict[str, str | None] = {"instance": None, "content": None}


def resync_person(site: Site, person: str, *, actor: str) -> RunReport:
    """Queues and sends what the platform should hold of one person (number or key) and does not. Fetches nothing from
    the departments. Raises NotFound, TryLater."""
    with acting(site, actor, "resync.person") as may:
        key = _of_mine(site, person, may)
    report = pipeline.resync_person(site, key, today(), actor=actor)
    assert report is not None  # only a slot can be taken
    pushed = report.pushed
    log(_("运行 {run} 结束").format(run=report.run), action="run.person", run=report.run, sent=pushed.sent)
    return report


def person_would_change(site: Site, person: str, *, actor: str) -> Preview:
    """What that would send. Writes nothing. Raises NotFound, TryLater."""
    with acting(site, actor, "preview.person") as may:
        return preview_person(site, _of_mine(site, person, may))


def _of_mine(site: Site, person: str, may: May) -> int:
    """The key of a person of the actor's counties; an act about a person is about all sources."""
    key, listed = find_person(site, person.strip())
    with site.ledger.begin() as tx:
        may(tx, county=county_of(listed))
    return key


def county_of(listed: pl.DataFrame) -> str:
    """The county of a person as `find_person` gives them; "" = unknown."""
    return str(listed["county"].item() or "") if listed.height else ""


def check_instances(site: Site, instances: Sequence[str]) -> None:
    """Raises NotFound for a name that is not configured."""
    unknown = [name for name in instances if name not in site.settings.sources]
    if unknown:
        what = _("没有名为 {names} 的来源").format(names=_("、").join(unknown))
        known = _("已配置:{names};可用 gateway sources 查看").format(names=_("、").join(site.settings.sources))
        raise NotFound(what, next_step=known)


def patiently(start: Callable[[], T], patience: Patience) -> T:
    """Starts once the site is free. A run that began tells its own faults in its report, and raises no TryLater."""
    end = time.monotonic() + patience.longest
    while True:
        try:
            return start()
        except TryLater:
            if time.monotonic() >= end or patience.wait(patience.step):
                raise
