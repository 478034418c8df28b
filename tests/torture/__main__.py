"""`make torture`: a small city's business days under faults and kills. Exits 1 where anything differs.

`DATABASE` (`postgresql`, or `sqlite`), `SEED`, `DAYS` (at most 10), `ROUNDS` (runs under faults each day) and `PEOPLE`
are variables of the environment.
"""

import os
import sys
import tempfile
from pathlib import Path

from tests.torture.database import database
from tests.torture.drive import Score, torture
from tests.torture.plan import WRONGS, kind

#: Of the rounds of a day, almost three in four end with a kill.
DEFAULTS = {"SEED": 1, "DAYS": 10, "ROUNDS": 30, "PEOPLE": 400}


def main() -> int:
    """Tortures, and tells the score. The exit code."""
    given = {name: int(os.environ.get(name) or usual) for name, usual in DEFAULTS.items()}
    where = os.environ.get("DATABASE") or "postgresql"
    print(f"DATABASE={where}", *(f"{name}={value}" for name, value in given.items()), flush=True)
    with tempfile.TemporaryDirectory(prefix="gateway-torture-") as folder, database(where) as ledgers:
        score = torture(
            Path(folder),
            ledgers,
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
    planned = {kind(server, name) for server, orders in WRONGS.items() for name, _order in orders}
    missed = sorted(planned - score.faults.keys())
    for name, times in sorted(score.faults.items()):
        print(f"  {times:5d} {name}")
    print(f"{sum(score.faults.values())} faults of {len(score.faults)} kinds; not met: {', '.join(missed) or 'none'}")
    print(f"{score.records} records; {score.quiet_seconds:.0f} s in peace, {score.seconds:.0f} s under torture")
    print(f"{score.looked[0]} files looked through for names and numbers, {score.looked[1] / 1e6:.0f} MB")
    for line in score.differences:
        print(f"differs: {line}")
    print(f"{len(score.differences)} differences")


if __name__ == "__main__":
    sys.exit(main())
