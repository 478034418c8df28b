"""A small town with one department, in which flags turn out to be on the wrong person."""

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import time_machine

from gateway.acts import cases, takebacks
from gateway.acts.takebacks import Takeback
from gateway.demo.generate import generate
from gateway.errors import ExitCode
from gateway.model.verdicts import Verdict
from gateway.testing.platform import SETTLEMENT_COLUMNS
from tests.acts.lived import plainly_meant
from tests.ledgers import ask
from tests.pipeline.rig import PLATFORM, Rig, open_rig

DAY, FLAGS_FROM = date(2026, 11, 1), date(2026, 1, 1)
#: When all of this happens; the flags of this town are older.
NOW = datetime(2026, 11, 20, 4, tzinfo=UTC)
NOTE = "核对过户口簿"

#: More often than any patience lasts.
ALWAYS = 1000
#: People of whom civil affairs says one thing, and whose list was queued, and sent unless nothing was.
_ONE_THING = """
SELECT person_key, delivery, row, first FROM recognitions r WHERE known_to IS NULL AND last IS NULL
AND (SELECT count(*) FROM recognitions s WHERE s.person_key = r.person_key) = 1
AND EXISTS (SELECT 1 FROM changes c WHERE c.person_key = r.person_key AND c.use = '1' AND c.state <> 'superseded')
ORDER BY id
"""


@dataclass(frozen=True, kw_only=True)
class Somebody:
    """A person of whom a row spoke."""

    key: int
    psn_no: str
    delivery: int
    row: int
    #: The first day on which their flag could be used.
    since: date


@dataclass(frozen=True, kw_only=True)
class Town:
    """The town after its first day. Each somebody is given out once."""

    rig: Rig
    flagged: list[Somebody]

    @property
    def root(self) -> Path:
        """The site."""
        return self.rig.site.settings.root

    def report(self, one: Somebody) -> int:
        """Opens a case on the row of somebody; its number."""
        return cases.report(self.rig.site, one.delivery, one.row, note=NOTE, actor="clerk")

    def wrong(self, one: Somebody) -> int:
        """Somebody is found not to be meant; the case's number."""
        case = self.report(one)
        cases.decide(self.rig.site, case, Verdict.DIFFERENT, note=NOTE, actor="clerk", day=DAY)
        return case

    def takeback(self, one: Somebody) -> Takeback:
        """The newest about somebody."""
        return [seen for seen in takebacks.listed(self.rig.site, actor="clerk") if seen.person_key == one.key][-1]

    def is_flagged(self, one: Somebody) -> bool:
        """The platform holds a benefit of somebody by civil affairs. One that the bureau itself entered comes back when
        that goes."""
        said = (one.psn_no, "1", "civil_affairs")
        return any((*record[:2], record[-1]) == said for record in self.rig.records())

    def roster(self, one: Somebody, *rows: dict[str, str]) -> None:
        """The platform's roster from now on has these rows in the place of somebody's, each with what differs."""
        file = self.rig.peers.workdir / "platform" / "roster.csv.gz"
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            people = list(csv.DictReader(lines))
        own = next(person for person in people if person["psn_no"] == one.psn_no)
        others = [person for person in people if person["psn_no"] != one.psn_no]
        text = io.StringIO()
        writer = csv.DictWriter(text, list(own), lineterminator="\n")
        writer.writeheader()
        writer.writerows([*others, *({**own, **row} for row in rows)])
        file.write_bytes(gzip.compress(text.getvalue().encode()))

    def settled(self, *rows: tuple[str, str, date, str, str]) -> None:
        """What hospitals settled: (number, psn_no, day, medical assistance, what it takes back)."""
        text = io.StringIO()
        writer = csv.DictWriter(text, SETTLEMENT_COLUMNS.split(","), restval="0.00", lineterminator="\n")
        writer.writeheader()
        for number, psn_no, day, paid, refund_of in rows:
            total = "-1000.00" if refund_of else "1000.00"
            flags = {"onestop_flag": "1", "refd_setl_flag": str(int(bool(refund_of))), "orig_setl_id": refund_of}
            days = {"setl_date": day, "begn_date": day, "med_type": "21"}
            amounts = {"medfee_sumamt": total, "maf_pay": paid}
            writer.writerow({"setl_id": number, "psn_no": psn_no, **days, **amounts, **flags})
        file = self.rig.peers.workdir / "platform" / "settlements.csv.gz"
        file.write_bytes(gzip.compress(text.getvalue().encode()))


@contextmanager
def made_town(folder: Path, *, away: bool = False) -> Iterator[Town]:
    """The town, on its day; `away`: its platform takes no list."""
    generate(folder / "city", 800, 7, days=1)
    with time_machine.travel(NOW, tick=True), open_rig(folder / "city", folder, "civil_affairs") as rig:
        rig.peers.stage(1)
        if away:
            rig.peers.servers[PLATFORM].faults.add("status", times=ALWAYS, where="L201", code=503)
        assert ExitCode.DONE == rig.run().exit_code  # a platform in maintenance is no fault: the lists wait
        yield Town(rig=rig, flagged=_people(rig, folder))


def _people(rig: Rig, folder: Path) -> list[Somebody]:
    with gzip.open(folder / "city" / "platform_and_tax" / "roster.csv.gz", "rt", encoding="utf-8") as file:
        numbers = sorted({row["psn_no"] for row in csv.DictReader(file)})
    known = dict(zip(rig.site.keyring.person_digest(numbers), numbers, strict=True))
    once = plainly_meant(rig.site, "civil_affairs")
    rows = [row for row in ask(rig.site.settings.root, _ONE_THING) if row[0] in once]
    return [
        Somebody(key=key, psn_no=known[key], delivery=delivery, row=row, since=max(_day(first), FLAGS_FROM))
        for key, delivery, row, first in rows
    ]


def _day(said: object) -> date:
    return date.fromisoformat(str(said))
