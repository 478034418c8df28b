"""One step of the day's bench, alone in its process: `python -m bench.daysteps NAME FOLDER`.

Takes the folder that the step `make` filled; the steps after it work on one site, in their order. Prints one line of
JSON: seconds by part, peak MiB of this process, and what the step found. Nothing imports this.
"""

import json
import os
import sqlite3
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from bench import site as bench_site
from bench.clock import Clock, report
from bench.lists import make
from bench.people import TODAY, City
from gateway.acts.explain import explain
from gateway.bootstrap import open_site
from gateway.model.deliveries import DeliveryState, Mode
from gateway.pipeline import intake
from gateway.pipeline.lookup import find_person
from gateway.pipeline.person import bring_into_line
from gateway.pipeline.push import Pushed, send_due
from gateway.pipeline.roster import refresh_roster
from gateway.pipeline.run import SIDE_BY_SIDE, recorded
from gateway.pipeline.settlement import settle_site
from gateway.plugin.api import Source
from gateway.site import Site
from gateway.store import deliveries, outbox, runs

FIRST = TODAY + timedelta(days=1)
SECOND, THIRD = FIRST + timedelta(days=1), FIRST + timedelta(days=2)
#: Later than any change is due.
_ALWAYS = datetime(2099, 1, 1)


def main(name: str, folder: Path) -> None:
    """Runs one step."""
    clock = Clock()
    report(clock, STEPS[name](folder, clock))


def _make(folder: Path, clock: Clock) -> object:
    counts = make(folder, City(people=int(os.environ["DAY_PEOPLE"]), seed=int(os.environ["SEED"])))
    clock.done("made")
    return counts


def _bare(folder: Path, clock: Clock) -> object:
    """Other tools on the same files, by which to know the machine's hour: Polars unpacks the payments and joins each
    with the roster, SQLite takes a million lines of that, by number, and gives them back."""
    clock.start()
    columns = ["certno", "psn_no", "psn_name"]
    roster = pl.read_csv(folder / "roster.csv", columns=columns, infer_schema=False).unique("certno")
    payments = pl.read_csv(folder / "payments.csv.gz", infer_schema=False)
    paid = payments.join(roster, left_on="证件号码", right_on="certno").height
    clock.done("polars")
    lines = roster.select(columns).head(1_000_000).rows()
    with TemporaryDirectory(dir=folder) as name, closing(sqlite3.connect(Path(name) / "bare.db")) as connection:
        clock.start()
        connection.execute("CREATE TABLE roster (certno PRIMARY KEY, psn_no, psn_name) WITHOUT ROWID")
        connection.executemany("INSERT INTO roster VALUES (?, ?, ?)", lines)
        connection.commit()
        back = len(connection.execute("SELECT * FROM roster").fetchall())
        clock.done("sqlite")
    assert back == len(lines)
    return {"paid": paid}


def _roster(folder: Path, clock: Clock) -> object:
    """The site is made; its roster is read from the platform's export, cleaned and sealed."""
    site = bench_site.made(folder)
    content = (folder / "roster.csv").read_bytes()
    clock.start()
    refresh_roster(site, bench_site.Exports(content), FIRST)
    clock.done("roster")
    return None


def _first(folder: Path, clock: Clock) -> object:
    """All four departments, side by side as in a run, and the first settlement."""
    sources = {
        "civil_affairs": bench_site.civil(folder, FIRST, 1, Mode.FULL),
        "rural_revitalization": bench_site.rural(folder, FIRST),
        "disabled_federation": bench_site.federation(folder, FIRST),
        "tax": bench_site.tax(folder, FIRST),
    }
    return _day(folder, sources, FIRST, clock)


def _accepted(folder: Path, clock: Clock) -> object:
    """What is queued goes out to a platform that costs nothing: the ledger's part of the first push."""
    site = open_site(folder / "site")
    pushed = Pushed()
    clock.start()
    send_due(site, bench_site.Accepting(site), pushed)
    clock.done("push")
    return {"items": pushed.done}


def _again(folder: Path, clock: Clock) -> object:
    """The three lists once more, of the next business date. Tax is asked for the days since."""
    sources = {
        "civil_affairs": bench_site.civil(folder, SECOND, 2, Mode.FULL),
        "rural_revitalization": bench_site.rural(folder, SECOND),
        "disabled_federation": bench_site.federation(folder, SECOND),
    }
    return _day(folder, sources, SECOND, clock)


def _delta(folder: Path, clock: Clock) -> object:
    """What changed at civil affairs."""
    return _day(folder, {"civil_affairs": bench_site.civil(folder, THIRD, 3, Mode.DELTA)}, THIRD, clock)


def _other_roster(folder: Path, clock: Clock) -> object:
    """The next roster: of a thousand people one has died, of two thousand one is gone. Everything is linked anew."""
    site = open_site(folder / "site")
    content = _later(pl.read_csv(folder / "roster.csv", infer_schema=False)).write_csv().encode()
    clock.start()
    refresh_roster(site, bench_site.Exports(content), THIRD)
    clock.done("roster")
    del content
    return _settled(site, THIRD, clock)


def _later(roster: pl.DataFrame) -> pl.DataFrame:
    at = pl.col("psn_no").rank("dense")
    died = pl.when(at % 1000 == 1).then(pl.lit("3")).otherwise("surv_stas")
    return roster.with_columns(died.alias("surv_stas")).filter(at % 2000 != 2)


def _explain(folder: Path, clock: Clock) -> object:
    """Some people, by number and by key, in a process that has explained nobody yet."""
    site = open_site(folder / "site")
    asked = json.loads((folder / "asked.json").read_text("utf-8"))
    keys = site.keyring.person_digest([person["psn_no"] for person in asked])
    clock.start()
    took = []
    for number, key in zip((person["certno"] for person in asked), keys, strict=True):
        for person in (number, str(key)):
            start = time.perf_counter()
            assert explain(site, person, actor="bench").on_roster
            took.append(time.perf_counter() - start)
    clock.done("explain")
    return {"asked": len(took), **_spread(took)}


def _resync(folder: Path, clock: Clock) -> object:
    """The same people, by key, brought into line on a platform that accepts all, in a process that knew nobody yet."""
    site = open_site(folder / "site")
    asked = json.loads((folder / "asked.json").read_text("utf-8"))
    channel, sent, took = bench_site.Accepting(site), 0, []
    clock.start()
    for person in asked:
        start = time.perf_counter()
        key, _row = find_person(site, person["certno"])
        report = recorded(site, THIRD, partial(bring_into_line, site, channel, key), actor="bench", kind="resync")
        assert report is not None
        took.append(time.perf_counter() - start)
        sent += report.pushed.done
    clock.done("resync")
    return {"asked": len(took), "sent": sent, **_spread(took)}


def _spread(took: Sequence[float]) -> dict[str, float]:
    return {"first": took[0], "middle": statistics.median(took), "slowest": max(took)}


def _day(folder: Path, sources: Mapping[str, Source], day: date, clock: Clock) -> object:
    """What the departments brought, up to the queue."""
    site = open_site(folder / "site")
    clock.start()

    def visit(name: str) -> tuple[float, intake.Intake]:
        start = time.perf_counter()
        seen = intake.visit(site, site.settings.sources[name], day, brought=sources[name])
        return time.perf_counter() - start, seen

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        visits = dict(zip(sources, pool.map(visit, sources), strict=True))
    clock.done("acquire")
    assert all(seen.taken and not seen.faults and not seen.refused for _took, seen in visits.values())
    return {**_settled(site, day, clock), "visits": {name: took for name, (took, _seen) in visits.items()}}


def _settled(site: Site, day: date, clock: Clock) -> dict[str, object]:
    """Settles as a run does. What was due before counts for no change."""
    before = _changes(site)
    clock.start()
    with site.ledger.begin() as tx:
        number = runs.start(tx, kind="run", actor="bench", today=day)
    assert number is not None
    settle_site(site, bench_site.Exports(), number, "bench")
    with site.ledger.begin() as tx:
        runs.end(tx, number, "done", {})
    clock.done("settle")
    with site.ledger.begin() as tx:
        rows = [row for row in deliveries.select(tx) if row.business_date == day]
    assert all(row.state == DeliveryState.APPLIED for row in rows)
    return {
        "rows": {row.instance: row.rows for row in rows},
        "changes": _changes(site).join(before, on=_CHANGE, how="anti").height,
    }


_CHANGE = ["person_key", "use", "records"]


def _changes(site: Site) -> pl.DataFrame:
    with site.ledger.begin() as tx:
        return outbox.due(tx, _ALWAYS).select(_CHANGE)


STEPS: dict[str, Callable[[Path, Clock], object]] = {
    "make": _make,
    "bare": _bare,
    "roster": _roster,
    "first": _first,
    "accepted": _accepted,
    "again": _again,
    "delta": _delta,
    "explain": _explain,
    "resync": _resync,
    "other roster": _other_roster,
}

if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
