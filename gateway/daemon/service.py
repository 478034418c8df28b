"""The daemon's life: start, catch up, wake, stop."""

import signal
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from traceback import extract_tb
from types import FrameType

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from gateway.acts import alarms, schedule
from gateway.acts.runs import Patience
from gateway.calendar import ZONE
from gateway.errors import GatewayError, TryLater
from gateway.logs import log
from gateway.pipeline.calendar import Overdue
from gateway.plugin.forms import now
from gateway.site import Site
from gateway.store.indexkeys import CHANGED
from gateway.words import _

#: Minutes between two looks at what could not be sent.
OUTBOX_MINUTES = 10
#: When the ledger is compared with the platform: at night, after the departments' lists and before offices open.
VERIFY_AT = "30 3 * * *"
#: When originals that are past their time are destroyed.
RETENTION_AT = "30 4 * * *"
#: Seconds to wait for another process's run, and between two looks.
LONGEST_WAIT, WAIT_STEP = 1800.0, 2.0
#: How far back a missed slot is looked for: a cron line may plan one run a year.
LOOK_BACK = timedelta(days=366)


class Daemon:
    """One site's daemon. `serve` until `stop`."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._stopping = threading.Event()
        #: The key of the blind index is another one now: the site must be opened again.
        self.outdated = False
        #: What runs at this moment, for the farewell; "" = nothing.
        self._busy = ""
        #: Lists that are overdue and were told of.
        self._overdue: list[Overdue] = []
        self._patience = Patience(longest=LONGEST_WAIT, step=WAIT_STEP, wait=self._stopping.wait)
        self._triggers = {
            name: CronTrigger.from_crontab(instance.settings.schedule, timezone=ZONE)
            for name, instance in site.settings.sources.items()
        }

    def serve(self) -> None:
        """Runs what is due until `stop`; returns once the current run has ended."""
        scheduler = self._scheduler()
        scheduler.start()
        log(_("守护进程已启动"), action="daemon.start", instances=sorted(self._triggers))
        try:
            self._stopping.wait()
        finally:
            if busy := self._busy:
                log(_("正在停止,等待当前运行结束"), action="daemon.stopping", waiting_for=busy)
            scheduler.shutdown(wait=True)
            log(_("守护进程已停止"), action="daemon.stop")

    def stop(self) -> None:
        """The first step of stopping: nothing new starts, what runs is finished."""
        self._stopping.set()

    def _scheduler(self) -> BackgroundScheduler:
        scheduler = BackgroundScheduler(
            jobstores={"default": MemoryJobStore()},
            # One thread: one run at a time, the others wait their turn.
            executors={"default": ThreadPoolExecutor(1)},
            # Late is better than never: the ledger knows what has been done.
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
            timezone=ZONE,
        )
        for name, trigger in self._triggers.items():
            scheduler.add_job(self._catch_up, args=[name], id=f"{name} catch-up")
            scheduler.add_job(self._wake, trigger, args=[name], id=name)
        scheduler.add_job(self._calendar, IntervalTrigger(hours=1, timezone=ZONE), id="calendar", next_run_time=now())
        nightly = CronTrigger.from_crontab(VERIFY_AT, timezone=ZONE)
        scheduler.add_job(self._verify, nightly, args=[nightly], id="verify")
        ending = CronTrigger.from_crontab(RETENTION_AT, timezone=ZONE)
        scheduler.add_job(self._retention, ending, id="retention")
        scheduler.add_job(self._pass_on, IntervalTrigger(hours=1, timezone=ZONE), id="keys")
        scheduler.add_job(self._outbox, IntervalTrigger(minutes=OUTBOX_MINUTES, timezone=ZONE), id="outbox")
        return scheduler

    def _catch_up(self, name: str) -> None:
        planned = last_planned(self._triggers[name], datetime.now(ZONE))

        def run() -> None:
            if planned is not None and schedule.missed(self._site, name, planned):
                log(_("补运行错过的时段"), action="slot.catch_up", instance=name, planned=planned.isoformat())
                schedule.run_slot(self._site, name, planned, patience=self._patience)

        self._guarded(f"{name} catch-up", run)

    def _wake(self, name: str) -> None:
        planned = last_planned(self._triggers[name], datetime.now(ZONE))

        def run() -> None:
            if planned is not None:
                schedule.run_slot(self._site, name, planned, patience=self._patience)

        self._guarded(name, run)

    def _outbox(self) -> None:
        self._guarded("outbox", lambda: schedule.send_due(self._site, patience=self._patience))

    def _retention(self) -> None:
        self._guarded("retention", lambda: schedule.end_retention(self._site, patience=self._patience))

    def _pass_on(self) -> None:
        """What a rotation of keys left: it was in use, or the command was cut short."""
        self._guarded("keys", lambda: schedule.pass_on(self._site))

    def _verify(self, nightly: CronTrigger) -> None:
        planned = last_planned(nightly, datetime.now(ZONE))

        def look() -> None:
            seen = planned and schedule.verify_nightly(self._site, planned, patience=self._patience)
            if seen:
                log(_("已与平台核对"), action="verify.done", run=seen.report.run, **seen.counts)

        self._guarded("verify", look)

    def _calendar(self) -> None:
        """A list's grace may end between two runs."""

        def look() -> None:
            self._overdue = alarms.watch(self._site, self._overdue)

        self._guarded("calendar", look)

    def _guarded(self, what: str, action: Callable[[], object]) -> None:
        """Runs one job. A known error is a log line; the daemon lives on, and the next slot tries again."""
        if self._stopping.is_set():
            return
        self._busy = what
        try:
            action()
        except TryLater as fault:
            log(_("未能运行,下次再试:{fault}").format(fault=fault), action="slot.later", job=what)
        except GatewayError as fault:
            log(_("运行出错:{fault}").format(fault=fault), action="slot.failed", job=what)
            if fault.code == CHANGED and not self._stopping.is_set():
                self.outdated = True
                self.stop()
        except Exception as surprise:  # whatever it is, the other instances' slots are still to come
            # Its text is left out: it may quote a cell.
            at = extract_tb(surprise.__traceback__)[-1]
            place = f"{Path(at.filename).name}:{at.lineno}"
            log(_("意外错误"), action="slot.crashed", job=what, kind=type(surprise).__name__, place=place)
        finally:
            self._busy = ""


def last_planned(trigger: CronTrigger, at: datetime) -> datetime | None:
    """The newest planned time that is not after `at`; None where there was none for a year."""
    # The trigger only looks forward. Looking from ever further back finds the last one in a few steps, and walking on
    # from there takes no more than the times within one such stretch.
    stretch = timedelta(hours=1)
    while stretch <= LOOK_BACK:
        found = trigger.get_next_fire_time(None, at - stretch)
        if found is not None and found <= at:
            while (later := trigger.get_next_fire_time(found, found)) is not None and later <= at:
                found = later
            return datetime.fromisoformat(found.isoformat())
        stretch *= 2
    return None


def serve(site: Site) -> bool:
    """Serves until SIGTERM or SIGINT; a second signal ends the process at once. True where it ended by itself, and
    wants the site opened anew."""
    daemon = Daemon(site)

    def stop(number: int, _frame: FrameType | None) -> None:
        for one in (signal.SIGTERM, signal.SIGINT):
            signal.signal(one, signal.SIG_DFL)
        daemon.stop()

    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, stop)
    daemon.serve()
    return daemon.outdated
