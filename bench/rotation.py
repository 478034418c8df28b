"""`make bench-rotation`: the keys of a city's site are rotated again and again while it takes the next day's lists.

Takes ROTATION_PEOPLE (400 000) and SEED (1) from the environment. The first day runs alone; the second in a process of
its own, as `gateway run`, with one rotation after another beside it; then the old keys are destroyed, and every sealed
file is opened. At last the key of the blind index is replaced, and everything settled anew. Prints seconds; exits 1
where the run was refused anything, a file does not open, a record differs from the truth, something was sent after the
index had passed, or a rotation and its proof take more than ten minutes.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from bench.lived import opened
from bench.processes import machine
from gateway.acts import keys, runs
from gateway.demo.compare import check_records
from gateway.demo.days import FIRST_DAY
from gateway.pipeline import epochs
from gateway.site import Site

#: Seconds for a rotation, and for the proof that ends with the old key's destruction.
LIMIT = 600.0
SECURITY = "security"


@dataclass(kw_only=True)
class _Told:
    """What was measured."""

    quiet: float = 0.0
    busy: float = 0.0
    #: Seconds of each rotation beside the run.
    rotations: list[float] = field(default_factory=list)
    destroying: float = 0.0
    #: The index's rotation, the end of its old key, and the run that derives everything anew.
    reindexing: float = 0.0
    index_end: float = 0.0
    anew: float = 0.0
    files: int = 0
    mebibytes: float = 0.0
    faults: list[str] = field(default_factory=list)


def main() -> int:
    """Generates, runs, rotates, prints. 1 where something is refused, does not open, differs, or takes too long."""
    people, seed = os.environ.get("ROTATION_PEOPLE", "400000"), os.environ.get("SEED", "1")
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        work = Path(folder)
        options = ["--people", people, "--seed", seed, "--days", "2"]
        command = [sys.executable, "-m", "gateway.demo.generate", str(work / "city"), *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        told = _rotated(work)
    worst = max(told.rotations, default=0.0)
    print(f"people {int(people):,}; {machine('cryptography', 'sqlalchemy')}")
    print(f"sealed files {told.files:,}, {told.mebibytes:.0f} MiB")
    print(f"first day, alone {told.quiet:.1f} s; second day, beside rotations {told.busy:.1f} s")
    middle = statistics.median(told.rotations or [0.0])
    print(f"rotations beside the second day: {len(told.rotations)}, median {middle:.1f} s, slowest {worst:.1f} s")
    print(f"old keys destroyed, with proof: {told.destroying:.1f} s")
    print(f"slowest rotation and its proof {worst + told.destroying:.1f} s (limit {LIMIT:.0f})")
    print(f"index replaced {told.reindexing:.1f} s, old key destroyed {told.index_end:.1f} s")
    print(f"a run of the second day after it {told.anew:.1f} s")
    for fault in told.faults:
        print(f"fault: {fault}")
    return 1 if told.faults or not told.rotations or worst + told.destroying > LIMIT else 0


def _rotated(work: Path) -> _Told:
    told = _Told()
    with opened(work) as (peers, site):
        start = time.perf_counter()
        runs.run(site, [], FIRST_DAY, actor="bench")
        told.quiet = time.perf_counter() - start
        peers.stage(2)
        _beside(site, told)
        _end(site, told)
        _index(site, told)
        check = check_records(work / "city", 2, peers.platform_records())
        told.faults += [f"a record differs from the truth: {one}" for one in check.wrong]
    return told


def _beside(site: Site, told: _Told) -> None:
    """The second day in a process of its own, and rotations until it is done."""
    day = (FIRST_DAY + timedelta(days=1)).isoformat()
    command = [sys.executable, "-m", "gateway.cli", "--site", str(site.settings.root), "run", "--today", day]
    start = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8") as run:
        while run.poll() is None:
            begun = time.perf_counter()
            done = keys.rotate(site, actor=SECURITY)
            told.rotations.append(time.perf_counter() - begun)
            told.faults += [f"does not open: {name}" for name in done.passed.broken]
        told.busy = time.perf_counter() - start
        said = run.stdout.read() if run.stdout else ""
    # A hold is no fault: half of a list may be missing on the second day.
    if run.returncode not in (0, 3):
        told.faults.append(f"the run ended with {run.returncode}: {said[-500:]}")


def _end(site: Site, told: _Told) -> None:
    """All old keys go, by the command's own way but for the hour that it waits; then everything is opened."""
    keys.SETTLING = timedelta()
    start, old = time.perf_counter(), [entry.key_id for entry in site.keyring.ring.file.epochs[:-1]]
    for key_id in old:
        keys.destroy(site, key_id, actor=SECURITY, note="bench")
    told.destroying = (time.perf_counter() - start) / max(len(old), 1)
    for path in epochs.sealed_files(site):
        told.files += 1
        told.mebibytes += path.stat().st_size / (1 << 20)
        if path.parent == site.frames:
            site.read_frame(path.name)
            continue
        with site.keyring.sealer.open(path) as reader:
            while reader.read(1 << 20):
                pass


def _index(site: Site, told: _Told) -> None:
    """The blind index under another key, the old one destroyed, and a run of the same day, which sends nothing."""
    old, start = site.keyring.index.key_id, time.perf_counter()
    keys.rotate_index(site, actor=SECURITY)
    told.reindexing = time.perf_counter() - start
    start = time.perf_counter()
    keys.destroy(site, old, actor=SECURITY, note="bench")
    told.index_end = time.perf_counter() - start
    start = time.perf_counter()
    report = runs.run(site, [], FIRST_DAY + timedelta(days=1), actor="bench")
    told.anew = time.perf_counter() - start
    if report is None or report.pushed.sent:
        told.faults.append("something was sent after the index had passed")


if __name__ == "__main__":
    sys.exit(main())
