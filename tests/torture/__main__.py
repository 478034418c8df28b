"""`make torture`: a small city's business days under faults and kills. Exits 1 where anything differs.

`SEED`, `DAYS` (at most 10), `ROUNDS` (runs under faults each day) and `PEOPLE` are variables of the environment.
"""

import os
import sys
import tempfile
from pathlib import Path

from tests.torture.drive import Score, torture

#: Of the rounds of a day, about four in five end with a kill.
DEFAULTS = {"SEED": 1, "DAYS": 10, "ROUNDS": 26, "PEOPLE": 400}


def main() -> int:
    """Tortures, and tells the score. The exit code."""
    given = {name: int(os.environ.get(name) or usual) for name, usual in DEFAULTS.items()}
    print(" ".join(f"{name}={value}" for name, value in given.items()), flush=True)
    with tempfile.TemporaryDirectory(prefix="gateway-torture-") as folder:
        score = torture(
            Path(folder),
            seed=given["SEED"],
            days=given["DAYS"],
            rounds=given["ROUNDS"],
            people=given["PEOPLE"],
            tell=lambda line: print(line, flush=True),
        )
    _show(score)
    return 1 if score.differences else 0


def _show(score: Score) -> None:
    ended = ", ".join(f"{times} {name}" for name, times in sorted(score.ended.items()))
    print(f"{score.rounds} runs under faults: {score.kills} killed; ended by themselves: {ended or 'none'}")
    for name, times in sorted(score.faults.items()):
        print(f"  {times:5d} {name}")
    print(f"{sum(score.faults.values())} faults of {len(score.faults)} kinds")
    print(f"{score.records} records; {score.quiet_seconds:.0f} s in peace, {score.seconds:.0f} s under torture")
    for line in score.differences:
        print(f"differs: {line}")
    print(f"{len(score.differences)} differences")


if __name__ == "__main__":
    sys.exit(main())
