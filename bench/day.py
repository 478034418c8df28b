"""`make bench-day`: a city's day from the departments' files to the queue, and what comes after in the same site.

Takes DAY_PEOPLE (4 000 000), SEED (1) and RUNS (3) from the environment. Makes the files, runs each step in a process
of its own, and prints seconds (medians), seconds of the processor, peak memory, versions and the machine. Exits 1
where the same lists came to a change, or a limit is passed.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from bench.daysteps import STEPS
from bench.processes import Measured, machine, medians, once

#: People of a city; step -> seconds and MiB that must not be passed on two cores.
CITY = 4_000_000
LIMITS = {"first": (45.0, 3072.0), "again": (15.0, float("inf")), "delta": (4.0, float("inf"))}
#: Seconds in which one person is explained, or brought into line, the first of a started process too.
ONE_PERSON = 0.3
OF_ONE = ("explain", "resync")
TITLES = {
    "bare": "other tools on the same files: the machine's speed",
    "roster": "the roster: read, cleaned, sealed",
    "first": "the departments' files, to the queue",
    "accepted": "the queue out, to a platform that costs nothing",
    "again": "the same lists again",
    "delta": "a delta",
    "explain": "one person explained",
    "resync": "one person brought into line",
    "other roster": "another roster: everything linked anew",
}


def main() -> int:
    """Makes, measures, prints. 1 where a limit is missed."""
    people = int(os.environ.setdefault("DAY_PEOPLE", str(CITY)))
    os.environ.setdefault("SEED", "1")
    runs = int(os.environ.get("RUNS", "3"))
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as name:
        folder = Path(name)
        made = medians([once("make", folder, "bench.daysteps")])
        counts = ", ".join(f"{rows:,} {what}" for what, rows in made.found.items())
        print(f"{counts}; {machine('sqlalchemy', 'cryptography', 'python-calamine')}; medians of {runs}")
        print(f"(the making: {made.total:.0f} s, {made.peak:.0f} MiB, the bench's own)")
        done = _all_steps(folder, runs)
    limits = LIMITS if people == CITY else {}
    print_steps(done, limits)
    faults = passed(done) if limits else []
    if done["again"].found["changes"]:
        faults.append(f"the same lists came to {done['again'].found['changes']} changes")
    for fault in faults:
        print(f"passed: {fault}")
    return 1 if faults else 0


def _all_steps(folder: Path, runs: int) -> dict[str, Measured]:
    """Each step's medians; every run has a site of its own, and one step follows the other in it."""
    names = [name for name in STEPS if name != "make"]
    results: dict[str, list[dict[str, object]]] = {name: [] for name in names}
    for _run in range(runs):
        shutil.rmtree(folder / "site", ignore_errors=True)
        for name in names:
            results[name].append(once(name, folder, "bench.daysteps"))
    return {name: medians(found) for name, found in results.items()}


def print_steps(done: dict[str, Measured], limits: dict[str, tuple[float, float]]) -> None:
    """A line for each step, with its limits and its ratio to `bare`, and lines for its parts."""
    bare = done["bare"].total
    print(f"\n  {'':<52}{'seconds':>9}{'limit':>7}{'ratio':>7}{'CPU':>8}{'MiB':>7}{'limit':>7}")
    for name, step in done.items():
        seconds, memory = limits.get(name, (None, None))
        ratio = f"{step.total / bare:7.2f}{step.worked:8.2f}"
        numbers = f"{step.total:9.2f}{_limit(seconds):>7}{ratio}{step.peak:7.0f}{_limit(memory):>7}"
        print(f"  {TITLES[name]:<52}{numbers}  {_found(name, step)}".rstrip())
        for part in step.seconds if len(step.seconds) > 1 else ():
            print(f"    {part:<50}{step.seconds[part]:9.2f}{'':>14}{step.processor[part]:8.2f}")
        for source, took in step.found.get("visits", {}).items():
            print(f"      {source:<22}{took:6.2f} s, beside the others; {step.found['rows'][source]:,} rows")


def _limit(value: float | None) -> str:
    return "" if value is None or value == float("inf") else f"{value:.0f}"


def _found(name: str, step: Measured) -> str:
    if name == "accepted":
        return f"{step.found['items']:,} items"
    if name in OF_ONE:
        took = ", ".join(f"{what} {step.found[what]:.3f} s" for what in ("first", "middle", "slowest"))
        return f"of {step.found['asked']}, each: {took} (limit {ONE_PERSON})"
    return f"{step.found['changes']:,} changes" if "changes" in step.found else ""


def passed(done: dict[str, Measured]) -> list[str]:
    """The limits that are passed, in words."""
    faults = []
    for name, (seconds, memory) in LIMITS.items():
        if done[name].total > seconds:
            faults.append(f"{TITLES[name]}: {done[name].total:.1f} s, at most {seconds:.0f}")
        if done[name].peak > memory:
            faults.append(f"{TITLES[name]}: {done[name].peak:.0f} MiB, at most {memory:.0f}")
    for name in OF_ONE:
        if done[name].found["slowest"] > ONE_PERSON:
            faults.append(f"{TITLES[name]}: {done[name].found['slowest']:.2f} s, at most {ONE_PERSON}")
    return faults


if __name__ == "__main__":
    sys.exit(main())
