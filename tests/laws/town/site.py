"""The town's site: how deliveries get to it, how it runs, dies and is opened again, and what can be asked of it."""

from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import time_machine

from gateway import pipeline
from gateway.acts import cases, holds, retention
from gateway.bootstrap import open_site
from gateway.model.verdicts import Verdict
from gateway.pipeline import RunReport
from gateway.pipeline.compare import compare
from gateway.pipeline.platform import open_channel
from gateway.pipeline.settlement import settle_dry
from gateway.site import Site
from gateway.store import decisions, people
from gateway.store.decisions import HoldRow
from gateway.testing.faults import Option
from tests.laws.town.kill import Killed, dies_at
from tests.laws.town.model import Books, Listed, Record
from tests.laws.town.people import TOWN, civil_csv, enrol, psn_no, workbook
from tests.pipeline import forge
from tests.pipeline.ending import BY, DAYS, periods
from tests.pipeline.rig import Rig, open_rig

CIVIL, RURAL = "civil_affairs", "rural_revitalization"
NOTE = "核对过户口簿"
#: Between two runs: longer than any item waits to be tried again.
EVENING = timedelta(hours=8)
START = date(2026, 12, 1)
#: person -> what stands of them
Standing = dict[int, list[Record]]


@dataclass(kw_only=True)
class TownSite:
    """One site of the town; `days`: how many it has run."""

    rig: Rig
    clock: time_machine.Traveller
    opened: ExitStack
    days: int = 0
    _known: dict[int, int] = field(default_factory=dict)

    @property
    def site(self) -> Site:
        """The site as it is open now."""
        return self.rig.site

    @property
    def today(self) -> date:
        """The day of the next run."""
        return START + timedelta(days=self.days)

    def put(self, one: Listed) -> None:
        """Civil affairs delivers a list, packed anew."""
        mode = "F" if one.full else "D"
        forge.civil(one.sequence, civil_csv(one.rows), day=one.day, mode=mode).put(self.rig.outbox)

    def put_books(self, books: Books) -> None:
        """Rural revitalization puts workbooks into the folder of their day."""
        folder = self.rig.rural / f"{books.day:%Y%m%d}"
        folder.mkdir(exist_ok=True)
        for county, rows in books.counties.items():
            (folder / f"XCZX_{county}_{books.day:%Y%m%d}.xlsx").write_bytes(workbook(rows))
        forge.sums(folder)

    def enrol(self, roster: set[int], dead: set[int]) -> None:
        """The platform's roster of tomorrow."""
        enrol(self.rig.peers.workdir / "platform", sorted(roster), dead)

    def run(self) -> RunReport:
        """A run, on a day of its own."""
        self.days += 1
        self.clock.shift(EVENING)
        report = pipeline.run(self.site, [CIVIL, RURAL], self.today, actor="test")
        assert report is not None
        assert [] == [fault for fault in self._faults(report) if "意外" in fault]
        return report

    def _faults(self, report: RunReport) -> list[str]:
        return [*report.faults, *(fault for one in report.instances.values() for fault in one.faults)]

    def dies(self, commit: int, *, after: bool) -> None:
        """A run that is killed there, unless it ends before; and the site opened again."""
        dies_at(self.site.ledger, commit, after=after)
        with suppress(Killed):
            self.run()
        self.reopen()

    def reopen(self) -> None:
        """The site as another process opens it."""
        self.site.ledger.close()
        self.rig = Rig(peers=self.rig.peers, site=open_site(self.site.settings.root))

    def misbehaves(self, server: str, fault: str, order: Mapping[str, Option]) -> None:
        """A peer does something wrong from now on."""
        self.rig.peers.servers[server].faults.add(fault, **order)

    def standing(self) -> Standing:
        """What the platform holds of everybody of the town."""
        stands: Standing = {one: [] for one in TOWN}
        number = {psn_no(one): one for one in TOWN}
        for record in self.rig.records():
            stands[number[record[0]]].append((*record[1:4], record[4][:10], record[5][:10]))  # type: ignore[arg-type]
        return {one: sorted(records) for one, records in stands.items()}

    def sequences(self) -> dict[int, str]:
        """Civil affairs' sequence number -> the state of that list."""
        return {int(row.name[-4:]): row.state for row in self.rig.rows() if row.instance == CIVIL}

    def kept(self) -> set[int]:
        """Sequence numbers of civil affairs' lists whose departures wait for a person, or were rejected."""
        said = [hold for hold in self.holds() if hold.instance == CIVIL]
        return {int(hold.name[-4:]) for hold in said if hold.state in ("open", "cancelled")}

    def holds(self) -> list[HoldRow]:
        """Every hold there ever was."""
        with self.site.ledger.begin() as tx:
            return decisions.holds(tx)

    def decide_hold(self, hold: HoldRow, *, release: bool) -> None:
        """Another person says what becomes of those who are held."""
        self.days += 1
        if release:
            seen = holds.shown(self.site, hold.id, actor="colleague")
            if seen.digest:
                holds.release(self.site, hold.id, digest=seen.digest, actor="colleague", note=NOTE, day=self.today)
        else:
            holds.reject(self.site, hold.id, actor="colleague", note=NOTE, day=self.today)

    def decide_as(self, other: "TownSite") -> None:
        """What people said of holds at another site is said here of the same ones, as long as there are some."""
        said = {(h.name, h.scope, h.identity, h.county): h.state for h in other.holds()}
        for _time in range(len(said)):
            words = [(h, said.get((h.name, h.scope, h.identity, h.county))) for h in self.holds() if h.state == "open"]
            for hold, word in [(h, w) for h, w in words if w in ("released", "cancelled")][:1]:
                self.decide_hold(hold, release=word == "released")

    def case_of(self, one: int) -> int | None:
        """The open case about somebody's number, if there is one."""
        with self.site.ledger.begin() as tx:
            found = [row["id"] for row in decisions.cases(tx, instance=CIVIL) if row["person_key"] == self._key(one)]
        return int(found[0]) if found else None

    def decide(self, case: int, *, same: bool, nobody: bool = False) -> None:
        """Somebody decides whom a row means; the next run settles it."""
        verdict = Verdict.SAME if same else Verdict.NOBODY if nobody else Verdict.DIFFERENT
        cases.decide(self.site, case, verdict, note=NOTE, actor="clerk", settle=False, day=self.today)

    def undo(self, case: int) -> None:
        """Somebody takes that back."""
        self.days += 1
        cases.undo(self.site, case, note=NOTE, actor="clerk", day=self.today)

    def _key(self, one: int) -> int:
        if not self._known:
            keys = self.site.keyring.person_digest([psn_no(each) for each in TOWN])
            self._known = dict(zip(TOWN, keys, strict=True))
        return self._known[one]

    def believed(self) -> pl.DataFrame:
        """What the ledger believes now."""
        with self.site.ledger.begin() as tx:
            frame = people.recognitions(tx)
        return frame.select(columns := sorted(set(frame.columns) - {"id", "run_id"})).sort(columns)

    def anew(self) -> tuple[pl.DataFrame, int]:
        """What everything derived anew believes, and how many lists it would send."""
        with open_channel(self.site, self.today) as channel:
            settled = settle_dry(self.site, channel)
        queue, _standing = settled.wanted
        return settled.recognitions, queue.height

    def differences(self) -> pl.DataFrame:
        """Where the platform holds something else than it confirmed."""
        with open_channel(self.site, self.today) as channel:
            return compare(self.site, channel).differences

    def rows_end(self) -> int:
        """Rows of lists that were replaced for good are past their time; of how many lists they ended now."""
        self.clock.shift(timedelta(days=DAYS + 1))
        before = self._ended()
        retention.destroy(periods(self.site, people=DAYS), actor=BY)
        return self._ended() - before

    def _ended(self) -> int:
        return sum(1 for row in self.rig.rows() if row.ended)

    def close(self) -> None:
        """The town is over."""
        self.site.ledger.close()
        self.opened.close()


def open_town(folder: Path, city: Path) -> TownSite:
    """A new site of the town."""
    with ExitStack() as stack:
        clock = stack.enter_context(time_machine.travel(datetime.now(UTC), tick=True))
        rig = stack.enter_context(open_rig(city, folder, CIVIL, RURAL))
        return TownSite(rig=rig, clock=clock, opened=stack.pop_all())
    raise AssertionError
