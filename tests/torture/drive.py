"""Ten business days of a small city: once undisturbed, once under faults and kills; and what differs.

Takes a seed, days, rounds a day and a folder; gives a `Score`. Each day the departments deliver one after the other
while the gateway runs again and again, is misled, cut off and killed; in the evening everybody behaves, and plain runs
go on until one has nothing to complain of. Then the platform must hold what it holds without any of it.

Everybody's clock follows the business days, so that what is left for later is due in the evening; only the gateway's
own may be wrong.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import time_machine

from gateway.demo.generate import generate
from gateway.errors import ExitCode
from gateway.testing.folder import put
from tests.pipeline.rig import IMPATIENT, Records, Rig, open_rig, waiting
from tests.scan import files_of, leaks, people_of
from tests.torture.child import SAID, Child, Order, Told
from tests.torture.database import Database
from tests.torture.judge import Accounts, accounts, differences
from tests.torture.plan import FEDERATION, Outage, Round, Wrong, kind, rounds

FIRST_DAY = date(2026, 11, 1)
#: Holders of a page, so that a small city's list has several.
PAGE = 7
ALWAYS = 10**9
#: Plain runs in an evening until one has nothing to complain of.
MOST_PLAIN = 4
EVENING = timedelta(hours=8)
#: Faults that are ordered again at once, since no run has lived to meet them yet.
MOST_OWED = 4
#: How much longer a run is thought to take after each that was killed, since nobody knows how long that would have.
LONGER = 1.2
#: Seconds after which a run without end is a fault of ours.
ENDLESS = 300.0
WELL = (ExitCode.DONE, ExitCode.HELD)
Tell = Callable[[str], None]


@dataclass(kw_only=True)
class Score:
    """What a torture came to."""

    seed: int
    rounds: int = 0
    kills: int = 0
    #: Runs that ended before their time had come, by exit code.
    ended: Counter[str] = field(default_factory=Counter)
    #: What went wrong, by server and kind, or by what is wrong with the machine.
    faults: Counter[str] = field(default_factory=Counter)
    records: int = 0
    #: Files that were looked through for anybody of the city, and their bytes.
    looked: tuple[int, int] = (0, 0)
    #: What is not as it should be; empty where the gateway keeps its word.
    differences: list[str] = field(default_factory=list)
    quiet_seconds: float = 0.0
    seconds: float = 0.0


def torture(folder: Path, database: Database, *, seed: int, days: int, rounds: int, people: int, tell: Tell) -> Score:
    """The whole of it. `rounds`: runs under faults each day."""
    score = Score(seed=seed)
    generate(folder / "city", people, seed, days=days, shape="long")
    start = time.perf_counter()
    quiet = [_Day() for _day in range(days)]
    with _open(folder, "quiet", database) as drive:
        for number in range(1, days + 1):
            quiet[number - 1] = drive.quiet_day(number)
    score.quiet_seconds, start = time.perf_counter() - start, time.perf_counter()
    with _open(folder, "tortured", database) as drive:
        for number, undisturbed in enumerate(quiet, 1):
            drive.day(number, rounds, undisturbed, score)
            tell(f"day {number}: {score.kills} kills, {len(score.differences)} differences")
        drive.replay(days, score)
    score.looked, readable = _looked(folder, database)
    score.differences += readable
    score.records = len(quiet[-1].records)
    score.seconds = time.perf_counter() - start
    return score


def _looked(folder: Path, database: Database) -> tuple[tuple[int, int], list[str]]:
    """Looks for everybody of the city in all that the two sites, their runs and their database wrote."""
    sites = [path for name in ("quiet", "tortured") for path in files_of(folder / name / "site")]
    said = [folder / name / SAID for name in ("quiet", "tortured")]
    files = [*sites, *said, *database.files(folder)]
    seen = leaks(people_of(folder / "city"), files)
    lines = [f"{people} of the city are readable in {Path(name).name}" for name, people in seen.items()]
    return (len(files), sum(path.stat().st_size for path in files)), lines


@dataclass(frozen=True, kw_only=True)
class _Day:
    """What a day comes to when nothing goes wrong."""

    records: Records = field(default_factory=list)
    accounts: Accounts = field(default_factory=Accounts)
    #: Seconds of its run.
    seconds: float = 0.0


@contextmanager
def _open(folder: Path, name: str, database: Database) -> Iterator["_Drive"]:
    with (
        open_rig(folder / "city", folder / name, database=database.new()) as rig,
        ThreadPoolExecutor(1) as beside,
    ):
        drive = _Drive(rig, database, beside)
        try:
            yield drive
        finally:
            drive.spare.close()


class _Drive:
    """A site, its peers, and a process that waits for its order."""

    def __init__(self, rig: Rig, database: Database, beside: ThreadPoolExecutor) -> None:
        self.rig, self._database, self._beside = rig, database, beside
        self.root = rig.site.settings.root
        self.spare = Child(self.root)
        #: Seconds that a run is thought to take: as in peace where there is news, then as long as the last that ended.
        self._takes = 0.0
        self._owed: list[Wrong] = []

    def quiet_day(self, number: int) -> _Day:
        """A day without any fault."""
        self.rig.peers.stage(number)
        with _world(number) as world:
            told = self._plain(number, world)
        assert told.exit_code in WELL, told.faults
        return _Day(records=self.rig.records(), accounts=accounts(self.rig), seconds=told.seconds)

    def day(self, number: int, count: int, quiet: _Day, score: Score) -> None:
        """A day under faults, and its evening."""
        self._place(number, "platform", "roster.csv.gz")
        with _world(number) as world:
            for each in rounds(score.seed, number, count):
                for part in each.staged:
                    self._deliver(number, part)
                self._round(number, each, quiet.seconds, world, score)
        self._mend(number)
        with _world(number, EVENING) as world:
            told = [self._plain(number, world)]
            while told[-1].exit_code not in WELL and len(told) < MOST_PLAIN:
                told.append(self._plain(number, world))
        if told[-1].exit_code not in WELL:
            score.differences.append(f"day {number}: no run ended well: {told[-1].faults}")
        score.differences += [f"day {number}: {line}" for line in differences(self.rig, quiet.records, quiet.accounts)]

    def replay(self, number: int, score: Score) -> None:
        """Once more, without news: nothing may be sent."""
        with _world(number, 2 * EVENING) as world:
            told = self._plain(number, world)
        if told.sent or told.exit_code not in WELL:
            score.differences.append(f"a replay sent {told.sent} changes: {told.faults}")

    def _plain(self, number: int, world: float) -> Told:
        child = self._next()
        child.go(Order(today=_date(number), clock=world))
        told = child.told(ENDLESS)
        child.close()
        assert told is not None, "a plain run came to no end"
        return told

    def _round(self, number: int, each: Round, usual: float, world: float, score: Score) -> None:
        before, again, later = self._happened(), self._owed[:MOST_OWED], self._owed[MOST_OWED:]
        for wrong in (*each.wrongs, *again):
            self.rig.peers.servers[wrong.server].faults.add(wrong.name, **wrong.order)
        self._takes = usual if each.staged else min(self._takes, usual)
        child, lives = self._next(), each.dies * self._takes
        order = Order(today=_date(number), clock=world, jump=each.clock, jumps_at=each.jumps * lives, room=each.room)
        with waiting(self.root, IMPATIENT):
            child.go(order)
            away = self._beside.submit(self._away, each.outage, lives)
            told = _heard(child, lives, score)
            child.close()
        score.rounds += 1
        if told is None:
            score.kills += 1
            self._takes *= LONGER
        else:
            self._takes = told.seconds
            score.ended[told.exit_code.name] += 1
            score.differences += [f"day {number}: a surprise: {fault}" for fault in told.faults if "意外" in fault]
        score.faults.update(away.result())
        self._behave()
        score.faults.update(self._happened() - before)
        score.faults.update(_of_machine(each))
        owed = {kind(one.server, one.name): one.sooner() for one in (*later, *each.wrongs, *again)}
        self._owed = [one for name, one in owed.items() if name not in score.faults]

    def _away(self, outage: Outage | None, lives: float) -> list[str]:
        """The database goes and comes back beside a run that has so many seconds; what happened to it."""
        if outage is None:
            return []
        time.sleep(outage.at * lives)
        return [self._database.leave(self.root, outage)]

    def _next(self) -> Child:
        child, self.spare = self.spare, Child(self.root)
        return child

    def _behave(self) -> None:
        """Nothing goes wrong from now on; only the federation's pages stay short."""
        self.rig.peers.well_behaved()
        self.rig.peers.servers[FEDERATION].faults.add("short_page", times=ALWAYS, holders=PAGE)

    def _happened(self) -> Counter[str]:
        servers = self.rig.peers.servers
        return Counter(
            {
                kind(name, fault): times
                for name, server in servers.items()
                for fault, times in server.faults.happened.items()
                if fault != "short_page"
            }
        )

    def _deliver(self, number: int, part: str) -> None:
        """One department's delivery of the day; marks last."""
        if part == "federation":
            self._place(number, part, "holders.json")
            return
        folder = self.rig.peers.city / f"day{number}" / part / "outbox"
        files = [path for path in folder.rglob("*") if path.is_file()]
        for path in sorted(files, key=lambda path: (path.suffix == ".ok" or path.name == "SHA256SUMS", str(path))):
            target = self.rig.peers.workdir / part / "outbox" / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            put(path, target)

    def _place(self, number: int, part: str, name: str) -> None:
        path = self.rig.peers.city / f"day{number}" / name
        if path.exists():
            put(path, self.rig.peers.workdir / part / name)

    def _mend(self, number: int) -> None:
        """The departments put right what was damaged."""
        self._behave()
        for day in range(1, number + 1):
            for part in ("mz", "xczx"):
                self._deliver(day, part)


def _heard(child: Child, seconds: float, score: Score) -> Told | None:
    try:
        return child.told(seconds)
    except EOFError:
        score.differences.append("a run ended without a word")
        return None


@contextmanager
def _world(number: int, later: timedelta = timedelta()) -> Iterator[float]:
    """The clocks of a business day; seconds that they are ahead."""
    ahead = timedelta(days=number) + later
    with time_machine.travel(datetime.now(UTC) + ahead, tick=True):
        yield ahead.total_seconds()


def _of_machine(each: Round) -> Counter[str]:
    wrong = {"clock jumped": each.clock, "disk full": each.room}
    return Counter([name for name, much in wrong.items() if much])


def _date(number: int) -> date:
    return FIRST_DAY + timedelta(days=number - 1)
