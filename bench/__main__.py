"""`make bench`: one business day of a large city, from the departments' servers to accepted records.

Takes PEOPLE (400 000), SEED (1) and DIRT (1.0) from the environment; generates the city, serves it from a process of
its own, runs the gateway once, and prints seconds by room, rows, changes, peak memory, versions and the machine. Exits
1 where a record differs from the truth or a limit is passed. Nothing imports this.
"""

import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from bench.lived import opened
from gateway.acts import runs
from gateway.demo.compare import RecordCheck, check_records
from gateway.demo.days import FIRST_DAY
from gateway.pipeline import RunReport
from gateway.store import deliveries

#: People → (seconds from the servers to accepted records, peak MiB) that must not be passed on two cores.
LIMITS = {40_000: (20.0, 2048.0), 400_000: (90.0, 2048.0)}
#: Rooms that end with accepted records; receipts come after.
TO_RECORDS = ("roster", "acquire", "settle", "deliver")
PACKAGES = ("polars", "sqlalchemy", "cryptography", "paramiko", "httpx")


def main() -> int:
    """Generates, runs, prints. 1 where something differs or takes too much."""
    people, seed = int(os.environ.get("PEOPLE", "400000")), int(os.environ.get("SEED", "1"))
    dirt = float(os.environ.get("DIRT", "1.0"))
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        work = Path(folder)
        start = time.perf_counter()
        _generate(work / "city", people, seed, dirt)
        generated = time.perf_counter() - start
        report, check, rows, peak = _run(work)
    taken = sum(report.seconds.get(room, 0.0) for room in TO_RECORDS)
    seconds, memory = LIMITS.get(people, (float("inf"), float("inf")))
    print(f"people {people:,}, seed {seed}, dirt {dirt}; {_machine()}")
    print(f"rows {rows:,}; changes sent {report.pushed.sent:,}, accepted {report.pushed.done:,}")
    _print_seconds(report.seconds, generated)
    print(f"servers to accepted records {taken:.1f} s (limit {seconds:.0f})")
    print(f"peak memory {peak:.0f} MiB (limit {memory:.0f})")
    print(f"people with records {check.people:,}: exact {check.exact:,}, different {len(check.wrong)}")
    print(f"people about whom a person must decide, not compared: {len(check.open):,}")
    for fault in report.faults:
        print(f"fault: {fault}")
    return 1 if check.wrong or report.faults or taken > seconds or peak > memory else 0


def _generate(city: Path, people: int, seed: int, dirt: float) -> None:
    """In a process of its own, so that the peak memory is the gateway's."""
    options = ["--people", str(people), "--seed", str(seed), "--dirt", str(dirt), "--days", "1"]
    command = [sys.executable, "-m", "gateway.demo.generate", str(city), *options]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _run(work: Path) -> tuple[RunReport, RecordCheck, int, float]:
    """(report, comparison, rows received, peak MiB of this process up to the end of the run)."""
    with opened(work) as (peers, site):
        report = runs.run(site, [], FIRST_DAY, actor="bench")
        assert report is not None
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        with site.ledger.begin() as tx:
            rows = sum(row.rows for row in deliveries.select(tx))
        check = check_records(work / "city", 1, peers.platform_records())
    return report, check, rows, peak


def _print_seconds(seconds: Mapping[str, float], generated: float) -> None:
    for room, taken in seconds.items():
        print(f"  {room:<10}{taken:7.1f} s")
    print(f"  ({'generate':<8}{generated:7.1f} s, the demo's own)")


def _machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    cores = len(os.sched_getaffinity(0))
    return f"{cores} cores {platform.machine()}, Python {platform.python_version()}, {packages}"


if __name__ == "__main__":
    sys.exit(main())
