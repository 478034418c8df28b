"""One run: the walk through the rooms, with a report."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from gateway.errors import ConfigurationFault, ExitCode, GatewayError, PluginFault, TryLater
from gateway.pipeline import calendar, channels, intake
from gateway.pipeline.audit import seal
from gateway.pipeline.calendar import Overdue
from gateway.pipeline.known import on_disk
from gateway.pipeline.platform import PlatformChannel, open_channel
from gateway.pipeline.push import Pushed, in_maintenance, repeat_open, send_due
from gateway.pipeline.receipts import write_receipts
from gateway.pipeline.roster import refresh_roster
from gateway.pipeline.settlement import settle_site
from gateway.pipeline.sweep import sweep
from gateway.site import Site
from gateway.store import decisions, runs
from gateway.words import _

#: Instances that are visited at once. Each mostly waits for its peer; the frames use all cores by themselves.
SIDE_BY_SIDE = 4


@dataclass(kw_only=True)
class InstanceReport:
    """What a run did for one instance."""

    taken: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


@dataclass(kw_only=True)
class RunReport:
    """What a run did. Written into the ledger as it is."""

    run: int
    today: date
    instances: dict[str, InstanceReport] = field(default_factory=dict)
    pushed: Pushed = field(default_factory=Pushed)
    holds: int = 0
    #: Lists that have not come by their day, of the departments that were visited.
    overdue: list[Overdue] = field(default_factory=list)
    #: Instances whose overdue list came with this run.
    came: list[str] = field(default_factory=list)
    #: What comparing with the platform found; empty where that was not asked for.
    verified: Mapping[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    exit_code: ExitCode = ExitCode.DONE
    #: Seconds by step: roster, acquire (with landing and normalising), settle (with reconciling) and so on.
    seconds: dict[str, float] = field(default_factory=dict)

    def fault(self, fault: GatewayError) -> None:
        """Notes a fault; the worst decides the exit code."""
        if str(fault) not in self.faults:  # the roster and the push may fail for one reason
            self.faults.append(str(fault))
        self.worse(fault.exit_code)

    def worse(self, code: ExitCode) -> None:
        """The worst exit code so far."""
        order = [ExitCode.DONE, ExitCode.HELD, ExitCode.LATER, ExitCode.FAILED, ExitCode.CONFIGURATION]
        self.exit_code = max(self.exit_code, code, key=order.index)

    def detail(self) -> dict[str, Any]:  # JSON
        """For the ledger."""
        return {
            "instances": {
                n: {"taken": i.taken, "refused": i.refused, "faults": i.faults} for n, i in self.instances.items()
            },
            "sent": self.pushed.sent,
            "done": self.pushed.done,
            "later": self.pushed.later,
            "refused": self.pushed.refused,
            "paused": self.pushed.paused,
            "maintenance": self.pushed.maintenance,
            **({"verified": dict(self.verified)} if self.verified else {}),
            "holds": self.holds,
            "overdue": {late.instance: late.expected.isoformat() for late in self.overdue},
            "came": self.came,
            "faults": self.faults,
            "seconds": {room: round(s, 3) for room, s in self.seconds.items()},
        }


def run(
    site: Site,
    instances: Sequence[str],
    today: date,
    *,
    actor: str,
    kind: str = "run",
    slot: str | None = None,
    pull: bool = True,
) -> RunReport | None:
    """Runs the instances and settles the site. None where the slot was taken by another process.

    `pull` False leaves the departments alone: what is known is settled anew. Raises TryLater where another run goes on.
    """
    return recorded(
        site,
        today,
        lambda report: _walk(site, instances, report, actor, pull=pull),
        actor=actor,
        kind=kind,
        slot=slot,
    )


def recorded(
    site: Site, today: date, walk: Callable[[RunReport], None], *, actor: str, kind: str, slot: str | None = None
) -> RunReport | None:
    """Walks under the site's lock, as a run with a row of its own. None and raises as `run`."""
    with site.lock():
        with site.ledger.begin(turn=True) as tx:
            runs.close_orphans(tx)
            number = runs.start(tx, kind=kind, actor=actor, today=today, slot=slot)
            decisions.wake_cases(tx, today)
            channels.note(tx, site.settings, actor)
        if number is None:
            return None
        report = RunReport(run=number, today=today)
        try:
            with on_disk():
                walk(report)
        except GatewayError as fault:
            report.fault(fault)
        except BaseException:  # a surprise is told as it is, and the run did not succeed
            report.worse(ExitCode.FAILED)
            raise
        finally:
            state = {ExitCode.DONE: "done", ExitCode.HELD: "held", ExitCode.LATER: "later"}.get(
                report.exit_code, "failed"
            )
            with site.ledger.begin() as tx:
                runs.end(tx, number, state, report.detail())
            seal(site)
        return report


def _walk(site: Site, instances: Sequence[str], report: RunReport, actor: str, *, pull: bool) -> None:
    with open_channel(site, report.today) as channel:
        with _timed(report, "roster"):
            _refresh_roster(site, channel, report)
        with _timed(report, "acquire"):
            came = calendar.newest(site, report.today)
            _visit_all(site, instances if pull else (), report)
            _compare_calendar(site, report, came)
            for name, why in site.settings.set_aside.items() if pull else ():
                report.fault(PluginFault(why, where=name, next_step=_("其余来源照常运行;请修复该插件后再运行")))
        with _timed(report, "deliver"):
            repeat_open(site, channel, report.pushed)
        with _timed(report, "settle"), unless_in_maintenance(report):
            settle_site(site, channel, report.run, actor)
        with _timed(report, "deliver"):
            send_due(site, channel, report.pushed)
        if report.pushed.fault:
            report.fault(report.pushed.fault)
        with _timed(report, "feedback"):
            for name, instance in site.settings.sources.items():
                if fault := write_receipts(site, instance, report.today):
                    report.instances.setdefault(name, InstanceReport()).faults.append(str(fault))
                    report.fault(fault)
    sweep(site)
    with site.ledger.begin() as tx:
        report.holds = len(decisions.holds(tx, state="open"))
    if report.holds:
        report.worse(ExitCode.HELD)


def _compare_calendar(site: Site, report: RunReport, came: Mapping[str, date]) -> None:
    """Which lists are overdue, and which were before this run. The old ones stay in force; the next run looks again."""
    at = calendar.moment(report.today)
    after = calendar.overdue(site, calendar.newest(site, report.today), at)
    report.overdue = [late for late in after if late.instance in report.instances]
    still = {late.instance for late in after}
    report.came = [late.instance for late in calendar.overdue(site, came, at) if late.instance not in still]
    if report.overdue:
        report.worse(ExitCode.LATER)


def _refresh_roster(site: Site, channel: PlatformChannel, report: RunReport) -> None:
    """Pulls the roster. Where the platform does not give it, the departments are visited all the same."""
    try:
        with unless_in_maintenance(report):
            refresh_roster(site, channel, report.today)
    except ConfigurationFault:
        raise
    except GatewayError as fault:
        report.fault(fault)


def _visit_all(site: Site, names: Sequence[str], report: RunReport) -> None:
    """Visits the instances side by side, so that a department whose server stalls holds up no other."""
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        visits = list(pool.map(lambda name: intake.visit(site, site.settings.sources[name], report.today), names))
    for name, seen in zip(names, visits, strict=True):
        one = InstanceReport(taken=seen.taken, refused=seen.refused)
        report.instances[name] = one
        if seen.refused:
            report.worse(ExitCode.FAILED)
        for fault in seen.faults:
            one.faults.append(str(fault))
            report.fault(fault)


@contextmanager
def unless_in_maintenance(report: RunReport) -> Iterator[None]:
    """A platform in maintenance is no fault: what it was asked for is left for the next run."""
    try:
        yield
    except TryLater as fault:
        if not in_maintenance(fault):
            raise
        report.pushed.maintenance = True


@contextmanager
def _timed(report: RunReport, room: str) -> Iterator[None]:
    start = time.perf_counter()
    try:
        yield
    finally:
        report.seconds[room] = report.seconds.get(room, 0.0) + time.perf_counter() - start
