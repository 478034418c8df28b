"""Steps of a bench, each in a process of its own, and the medians of what they took.

Takes the name of a step and the folder that it works on. Gives seconds, memory, and what it found. Raises
CalledProcessError where one fails, and shows what it said; what others say is left out.
"""

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A step's medians."""

    #: Seconds by part.
    seconds: dict[str, float]
    #: Seconds of the processor by part.
    processor: dict[str, float]
    #: MiB.
    peak: float
    #: What the last run found.
    found: dict[str, Any]  # each step's own

    @property
    def total(self) -> float:
        return sum(self.seconds.values())

    @property
    def worked(self) -> float:
        """Seconds of the processor."""
        return sum(self.processor.values())


def step(name: str, folder: Path, runs: int, module: str = "bench.steps", python: str = sys.executable) -> Measured:
    """The step, so many times, each time in a process of its own."""
    return medians([once(name, folder, module, python) for _ in range(runs)])


def once(name: str, folder: Path, module: str, python: str = sys.executable) -> dict[str, Any]:
    """One run of a step, as `clock.report` tells it."""
    done = subprocess.run([python, "-m", module, name, str(folder)], check=False, capture_output=True, text=True)
    if done.returncode:
        print(done.stderr, file=sys.stderr)
    done.check_returncode()
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def medians(results: Sequence[dict[str, Any]]) -> Measured:
    """Of several runs of one step."""
    parts = results[0]["seconds"]
    return Measured(
        seconds={part: statistics.median(r["seconds"][part] for r in results) for part in parts},
        processor={part: statistics.median(r["processor"][part] for r in results) for part in parts},
        peak=statistics.median(r["peak"] for r in results),
        found=results[-1]["found"] or {},
    )


def machine(*packages: str) -> str:
    """Cores, how busy they are, and versions."""
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    versions = ", ".join(f"{name} {version(name)}" for name in ("polars", *packages))
    return f"{cores} cores {platform.machine()}, load {load:.1f}, Python {platform.python_version()}, {versions}"
