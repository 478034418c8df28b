"""A folder with an invented city, its days and the truth: `python -m gateway.demo.generate FOLDER
--people N`.

Takes a folder, a number of insured people, a seed, the amount of dirt, a shape and a number of days;
writes the departments' deliveries, the platform's and the tax bureau's files, and the truth, and gives a
`Manifest`. The same arguments give the same files, but for the salt of the encrypted archives. Refuses an
unknown shape, more days than the shape has, and fewer people than make a city, with ValueError.
"""

import argparse
import csv
import gc
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random

from gateway.demo import city as cities
from gateway.demo import days, dirt, lists, platform, write
from gateway.demo.cast import Cast
from gateway.demo.city import City
from gateway.demo.days import Lists
from gateway.demo.rows import Day, Row, Standing
from gateway.demo.timeline import OPEN_END
from gateway.demo.truth import Truth, outcome, standing_lines

#: Below this the days' events would not find enough different people.
LEAST_PEOPLE = 300
ROW_COLUMNS = (
    "source", "category", "grade", "level", "begin", "sent_name", "sent_id", "noise", "expect", "psn_no",
    "day",
    "delivery", "file", "row",
)  # fmt: skip
RECORD_COLUMNS = (
    "psn_no", "idet_use", "psn_idet_type", "psn_type_lv", "begntime", "endtime", "src_dept", "evid_no",
    "updt_time",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What was written."""

    folder: Path
    people: int
    seed: int
    shape: str
    days: int
    #: Lines of the first roster (relations, not people).
    roster_lines: int
    #: Data rows delivered, by (day, source).
    rows: dict[tuple[int, str], int]
    #: Expected outcomes of all rows, by word.
    expected: dict[str, int]
    #: Records after each day, the first day first.
    records: tuple[int, ...]
    #: People after the last day whose records are not to be compared.
    open_people: int
    #: Business dates of full lists whose departures were held.
    held: tuple[str, ...]


def generate(
    folder: Path,
    people: int,
    seed: int,
    *,
    days: int | None = None,
    dirt: float = 1.0,
    shape: str = "standard",
) -> Manifest:
    """Write a city under `folder` (which need not exist); `days` None means all that the shape has."""
    if people < LEAST_PEOPLE:
        raise ValueError(f"a city has at least {LEAST_PEOPLE} people")
    with _no_collection():
        return _Writer(folder, people, seed, dirt, shape).write(days)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Nothing here refers in circles, and walking a city's objects again and again takes a third of the
    time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _Writer:
    """Writes one folder; every part draws from a random source of its own, so that parts don't disturb
    each other.
    """

    def __init__(self, folder: Path, people: int, seed: int, amount: float, shape: str) -> None:
        self.folder, self.people, self.seed, self.amount, self.shape = folder, people, seed, amount, shape
        self.city = cities.build(people, self._rng("city"))
        self.rows: dict[tuple[int, str], int] = {}
        self.expected: Counter[str] = Counter()

    def _rng(self, part: str) -> Random:
        return Random(f"{self.seed}/{part}")

    def write(self, count: int | None) -> Manifest:
        """All files; see `generate`."""
        first = self._lists()
        cast = Cast(self.city, self.people, self._rng("days"))
        played = days.play(cast, first, self.amount, self.shape, count or days.SHAPES.get(self.shape, 1))
        standing = lists.standing(self.city, self.people, self._rng("standing"))
        lines = self._write_platform(first, standing)
        truth = Truth(self.city, standing)
        records = tuple(self._write_day(day, truth, standing) for day in played)
        held = {day.isoformat() for book in truth.books.values() for day in book.held}
        return Manifest(
            folder=self.folder, people=self.people, seed=self.seed, shape=self.shape, days=len(played),
            roster_lines=lines, rows=self.rows, expected=dict(self.expected), records=records,
            open_people=len(truth.open_people()), held=tuple(sorted(held)),
        )  # fmt: skip

    def _lists(self) -> Lists:
        civil = lists.civil(self.city, self.people, self._rng("civil"))
        rural = lists.rural(self.city, self.people, self._rng("rural"))
        dead = self.city.roster.dead
        holders = lists.holders(self.city, self.people, dead, self._rng("holders"))
        return Lists(civil=self._spoilt(civil), rural=self._spoilt(rural), holders=self._spoilt(holders))

    def _spoilt(self, rows: list[Row]) -> list[Row]:
        rng = self._rng(f"dirt/{rows[0].source}")
        spoilt = dirt.spoil(rows, self.city, self.amount, rng)
        return spoilt + dirt.nameless(spoilt, self.city, self.amount, rng)

    def _write_platform(self, first: Lists, standing: list[Standing]) -> int:
        target, roster = self.folder / "platform_and_tax", self.city.roster
        target.mkdir(parents=True, exist_ok=True)
        platform.write_standing(target / "standing.json", standing)
        named = first.civil + first.rural
        platform.write_payments(target / "payments.csv.gz", self.city, roster, named, self._rng("payments"))
        platform.write_settlements(target, self.city, roster, self.people, self._rng("settlements"))
        return platform.write_roster(target / "roster.csv.gz", self.city, roster, self._rng("roster"))

    def _write_day(self, day: Day, truth: Truth, standing: list[Standing]) -> int:
        """One day's deliveries, roster and truth; the number of records after it."""
        target = self.folder / f"day{day.number}"
        target.mkdir(parents=True, exist_ok=True)
        if day.new_roster and day.number > 1:
            platform.write_roster(target / "roster.csv.gz", self.city, day.roster, self._rng("roster"))
        lines = self._deliver(day, target)
        if day.number == 1:
            lines += _standing_rows(standing)
        truth.live(day)
        records = _record_lines(truth)
        _write(target / "truth_rows.csv", ROW_COLUMNS, lines)
        _write(target / "truth_records.csv", RECORD_COLUMNS, records)
        _write(target / "truth_open.csv", ("psn_no", "reason"), _open_lines(truth, self.city))
        return len(records)

    def _deliver(self, day: Day, target: Path) -> list[tuple[str, ...]]:
        lines: list[tuple[str, ...]] = []
        for delivery in day.deliveries:
            rng = self._rng(f"write/{delivery.stem}")
            places = write.deliver(delivery, target, self.city, rng, self.amount > 0)
            for row, (file, number) in zip(delivery.rows, places, strict=True):
                expect = outcome(row, day.roster)
                self.expected[expect] += 1
                lines.append((*_row_line(row, expect), str(day.number), delivery.stem, file, str(number)))
            self.rows[day.number, delivery.source] = len(delivery.rows)
        return lines


def _row_line(row: Row, expect: str) -> tuple[str, ...]:
    nobody = expect == "unmatched" or row.noise == "no_identity"
    is_holder = row.category == "残疾人"
    return (
        row.source, row.category, row.level if is_holder else "", "" if is_holder else row.level,
        row.first.isoformat(), row.sent_name, row.sent_number, row.noise, expect,
        "" if nobody else row.person.psn_no,
    )  # fmt: skip


def _standing_rows(standing: list[Standing]) -> list[tuple[str, ...]]:
    return [
        (
            source, category, "", level, first.isoformat(), person.name, person.number, "clean", "matched",
            person.psn_no, "1", "standing", "standing.json", str(at),
        )
        for at, (source, category, level, first, person) in enumerate(standing_lines(standing), 1)
    ]  # fmt: skip


def _record_lines(truth: Truth) -> list[tuple[str, ...]]:
    return [
        (
            person.psn_no, str(use), record.code, record.level, f"{record.first.isoformat()} 00:00:00",
            OPEN_END if record.last is None else f"{record.last.isoformat()} 23:59:59", "x", "", "",
        )
        for person, use, record in truth.records()
    ]  # fmt: skip


def _open_lines(truth: Truth, city: City) -> list[tuple[str, ...]]:
    return [(city.people[index].psn_no, reason) for index, reason in sorted(truth.open_people().items())]


def _write(path: Path, columns: tuple[str, ...], lines: list[tuple[str, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(lines)


def main(arguments: list[str] | None = None) -> None:
    """The command line: write a folder, and print what is in it."""
    parser = argparse.ArgumentParser(
        prog="python -m gateway.demo.generate", description="生成一座虚构城市的演示数据"
    )
    parser.add_argument("folder", type=Path, help="输出目录")
    parser.add_argument("--people", type=int, default=3000, help="参保人数")
    parser.add_argument("--seed", type=int, default=1, help="随机种子")
    parser.add_argument("--dirt", type=float, default=1.0, help="脏数据倍数,0 为干净")
    parser.add_argument("--shape", choices=sorted(days.SHAPES), default="standard", help="日程")
    parser.add_argument("--days", type=int, default=None, help="天数,默认全部")
    given = parser.parse_args(arguments)
    made = generate(
        given.folder, given.people, given.seed, days=given.days, dirt=given.dirt, shape=given.shape
    )
    for (day, source), rows in sorted(made.rows.items()):
        print(f"day{day} {source}: {rows}")
    print(f"records: {made.records}; open: {made.open_people}; held: {', '.join(made.held)}")


if __name__ == "__main__":
    main()
