"""`make bench-identity`: the right person at city scale, beside what others make of the same frames.

Takes IDENTITY_PEOPLE (4 000 000), IDENTITY_CITIES (1; `make bench-province`: 10, without peers), SEED (1) and RUNS (3)
from the environment. Makes the city, runs each step in a process of its own, and prints seconds (medians), ratios, peak
memory, how right each was, versions and the machine. Exits 1 where a row was settled on the wrong person, too few were
settled, or a limit of time or memory is passed.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from bench.outside import python_of_peers
from bench.processes import Measured, machine, step

#: The issue's floors.
SETTLED, FIRST = 0.998, 0.97
#: People of a city; cities -> seconds and MiB of normalise and reconcile together, on two cores.
CITY = 4_000_000
LIMITS = {1: (5.0, 2048.0), 10: (60.0, 4096.0)}


def main() -> int:
    """Makes, measures, prints. 1 where a floor or limit is missed."""
    people = int(os.environ.setdefault("IDENTITY_PEOPLE", str(CITY)))
    cities = int(os.environ.setdefault("IDENTITY_CITIES", "1"))
    os.environ.setdefault("SEED", "1")
    runs = int(os.environ.get("RUNS", "3"))
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as name:
        folder = Path(name)
        made = step("make", folder, 1)
        print(f"{made.found['people']:,} people, {made.found['rows']:,} rows; {machine()}; medians of {runs}")
        gateway, exact = step("gateway", folder, runs), step("exact", folder, runs)
        right = step("judge", folder, 1).found
        print_gateway(gateway, exact, right, made)
        slow = people == CITY and is_slow(cities, gateway)
        if cities == 1:
            step("frames", folder, 1)
            print_peers(folder, gateway, runs)
        print_kinds(folder)
    broken = right["wrong"] > 0 or right["settled"] < SETTLED or right["first"] < FIRST
    return 1 if broken or slow else 0


def is_slow(cities: int, gateway: Measured) -> bool:
    """Whether a limit is passed; prints it."""
    seconds, memory = LIMITS.get(cities, (float("inf"), float("inf")))
    print(f"  limits: {seconds:.0f} s, {memory:.0f} MiB")
    return gateway.total > seconds or gateway.peak > memory


def print_gateway(gateway: Measured, exact: Measured, right: dict[str, Any], made: Measured) -> None:
    """Seconds by part, memory, and how right it was."""
    print("\nthe gateway: from the list's bytes and the roster's buckets to what each row comes to")
    for part in ("normalise", "link", "resolve"):
        print(f"  {part:<12}{gateway.seconds[part]:8.2f} s{gateway.processor[part]:9.2f} s of the processor")
    sure = exact.total
    print(f"    of link: the sure rules {sure:.2f} s, the residue {gateway.seconds['link'] - sure:.2f} s")
    print(f"  {'together':<12}{gateway.total:8.2f} s{gateway.worked:9.2f} s")
    print(f"  {'peak memory':<12}{gateway.peak:8.0f} MiB")
    print(f"  ({'the making':<11}{made.total:8.2f} s, {made.peak:.0f} MiB, the bench's own)")
    print(f"  settled {right['settled']:.5f} of {right['settleable']:,} that can be (floor {SETTLED})")
    print(f"  settled on the wrong person: {right['wrong']} (none may be); too bold: {right['bold']}")
    print(f"  cases {right['cases']:,} with the person on the roster, first of the candidates in {right['first']:.4f}")


def print_peers(folder: Path, gateway: Measured, runs: int) -> None:
    """A line for each peer. What cannot be installed is named, never left out silently."""
    reconcile = gateway.seconds["link"] + gateway.seconds["resolve"]
    print(f"\npeers on the same frames; ratio: their seconds to the gateway's {reconcile:.2f} (link and resolve)")
    print(f"  {'':<38}{'seconds':>9}{'CPU':>8}{'ratio':>7}{'MiB':>7}{'settled':>10}{'wrong':>7}{'bold':>7}")
    for name in ("polars", "sqlite"):
        peer = step(name, folder, runs)
        _print_peer(f"{name}, exact join alone", peer, peer.found, reconcile)
    python, reason = python_of_peers()
    if python is None:
        print(f"  SKIPPED, since it could not be installed: rapidfuzz, Splink on DuckDB ({reason})")
        return
    for name, title in (("prototype", "rules with rapidfuzz"), ("splink", "Splink on DuckDB, from")):
        try:
            peer = step(name, folder, runs, "bench.outsiders", python)
        except subprocess.CalledProcessError as fault:
            print(f"  FAILED: {title}: exit {fault.returncode}, see above")
            continue
        print(f"  {', '.join(f'{package} {number}' for package, number in peer.found.pop('versions').items())}:")
        for threshold, right in peer.found.items():
            _print_peer(f"{title} {threshold}".rstrip(), peer, right, reconcile)


def _print_peer(title: str, peer: Measured, right: dict[str, Any], reconcile: float) -> None:
    numbers = f"{peer.total:9.1f}{peer.worked:8.1f}{peer.total / reconcile:7.1f}{peer.peak:7.0f}"
    parts = ", ".join(f"{part} {seconds:.1f}" for part, seconds in peer.seconds.items())
    print(f"  {title:<38}{numbers}{right['settled']:10.5f}{right['wrong']:7}{right['bold']:7}  {parts}")


def print_kinds(folder: Path) -> None:
    """The table by kind of row."""
    print("\nby kind of row (missed: can be settled, and was not; first: the person is the first candidate)")
    with pl.Config(tbl_rows=-1, tbl_cols=-1, tbl_width_chars=160, tbl_formatting="ASCII_MARKDOWN",
                   tbl_hide_column_data_types=True, tbl_hide_dataframe_shape=True):  # fmt: skip
        print(pl.read_ipc(folder / "by_kind.ipc"))


if __name__ == "__main__":
    sys.exit(main())
