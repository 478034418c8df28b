"""The main job on a generated city: three business days through every room, a hold rejected, everything once more.

Takes a city's folder and a folder to work in; starts the city's servers on loopback, makes a site with a ledger of its
own, and gives a `Story`: what the days came to, and how that compares with the truth. Refuses nothing itself; what
the gateway refuses stands in the run's reports.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from gateway.acts import holds, runs
from gateway.bootstrap import open_site
from gateway.demo.compare import RecordCheck, RowCheck, check_records, check_rows
from gateway.demo.days import FIRST_DAY
from gateway.pipeline import RunReport
from gateway.site import Site
from gateway.store import outbox, people
from gateway.testing.city import CityPeers
from gateway.testing.site import new_site, staff, write_site
from gateway.words import _

#: Who runs, and who decides on what the run held: never the same person.
RUNNER, REVIEWER = "演示经办员", "演示复核员"
NOTE = _("名单漏了一半人员,已请来源单位重报")
Tell = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class DayStory:
    """One business day."""

    day: int
    report: RunReport
    records: RecordCheck
    rows: RowCheck


@dataclass(frozen=True, kw_only=True)
class Replay:
    """What running everything once more changed; all of it 0 where the gateway keeps its word."""

    report: RunReport
    #: Deliveries that were taken for new.
    taken: int
    #: Changes that were queued or sent.
    sent: int
    #: Recognitions that came or went.
    recognitions: int
    #: Items after which the platform held something else.
    changed: int

    @property
    def is_still(self) -> bool:
        """Whether nothing changed."""
        return not (self.taken or self.sent or self.recognitions or self.changed)


@dataclass(frozen=True, kw_only=True)
class Story:
    """All that happened, with the site as it was left."""

    site: Site
    days: Sequence[DayStory]
    #: The runs that followed the rejected holds, and how the platform's records compare after them.
    rejected: Sequence[RunReport]
    after: RecordCheck
    replay: Replay

    @property
    def runs(self) -> list[RunReport]:
        """Every run, the first first."""
        return [*(day.report for day in self.days), *self.rejected, self.replay.report]

    @property
    def faults(self) -> list[str]:
        """What went wrong in any run."""
        told = [fault for run in self.runs for fault in run.faults]
        return told + [f for run in self.runs for one in run.instances.values() for f in one.faults]

    @property
    def is_exact(self) -> bool:
        """Whether every record, every row and the replay are as they should be."""
        records = [*(day.records for day in self.days), self.after]
        rows = [day.rows for day in self.days]
        return (
            not any(check.wrong for check in records)
            and not any(check.unexpected or check.strangers for check in rows)
            and self.replay.is_still
            and not self.faults
        )


def walk(city: Path, days: int, work: Path, tell: Tell, spent: dict[str, float]) -> Story:
    """The days of a city of the shape `standard`. `tell` hears what begins; `spent` gets seconds by part."""
    start = time.perf_counter()
    public = new_site(work / "site")
    tell(_("启动四个部门和医保平台的本机服务器"))
    with CityPeers(city, work / "peers", process=True, gateway_public_hex=public) as peers:
        write_site(work / "site", peers.addresses)
        site = open_site(work / "site")
        staff(site, clerks=[RUNNER], approvers=[REVIEWER])
        spent["servers"] = time.perf_counter() - start
        return _Walk(site, city, peers, tell, spent).story(days)


class _Walk:
    """The days, one after the other."""

    def __init__(self, site: Site, city: Path, peers: CityPeers, tell: Tell, spent: dict[str, float]) -> None:
        self.site, self.city, self.peers, self.tell, self.spent = site, city, peers, tell, spent

    def story(self, count: int) -> Story:
        """All days, the decision, and the replay."""
        days = [self._day(number) for number in range(1, count + 1)]
        self.tell(_("复核员驳回被扣留的停止标识,网关重新计算"))
        rejected = self._reject_all(count)
        after = self._compare(count)
        return Story(site=self.site, days=days, rejected=rejected, after=after, replay=self._replay(count))

    def _day(self, number: int) -> DayStory:
        self.tell(_("第 {n} 个工作日 {day}:接收、核对身份、推送、回执").format(n=number, day=_date(number)))
        self.peers.stage(number)
        report = self._run(number)
        records = self._compare(number)
        start = time.perf_counter()
        rows = check_rows(self.site, self.city, number)
        self._spend("compare", start)
        return DayStory(day=number, report=report, records=records, rows=rows)

    def _run(self, number: int) -> RunReport:
        report = runs.run(self.site, [], _date(number), actor=RUNNER)
        assert report is not None  # only a scheduled slot can be taken by somebody else
        return report

    def _compare(self, number: int) -> RecordCheck:
        start = time.perf_counter()
        check = check_records(self.city, number, self.peers.platform_records())
        self._spend("compare", start)
        return check

    def _spend(self, part: str, start: float) -> None:
        self.spent[part] = self.spent.get(part, 0.0) + time.perf_counter() - start

    def _reject_all(self, number: int) -> list[RunReport]:
        reports = [
            holds.reject(self.site, hold.id, actor=REVIEWER, note=NOTE, day=_date(number))
            for hold in holds.held(self.site, actor=REVIEWER)
        ]
        return [report for report in reports if report is not None]

    def _replay(self, count: int) -> Replay:
        """The same deliveries are put there again, and the gateway runs over everything."""
        self.tell(_("全部重放:同样的批次再送一遍,网关再运行一遍"))
        before, changed = self._believed(), self._changed()
        for number in range(1, count + 1):
            self.peers.stage(number)
        report = self._run(count)
        after = self._believed()
        with self.site.ledger.begin() as tx:
            queued = outbox.sent_by_run(tx, report.run).height
        return Replay(
            report=report,
            taken=sum(len(one.taken) for one in report.instances.values()),
            sent=max(queued, report.pushed.sent),
            recognitions=len(before ^ after),
            changed=self._changed() - changed,
        )

    def _believed(self) -> set[int]:
        with self.site.ledger.begin() as tx:
            return set(people.recognitions(tx)["id"])

    def _changed(self) -> int:
        return sum(entry.get("changed", 0) for entry in self.peers.log("insurance_platform"))


def _date(number: int) -> date:
    return FIRST_DAY + timedelta(days=number - 1)
