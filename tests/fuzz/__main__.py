"""`make fuzz`: ten thousand damaged inputs for each parser, or for those that are named.

`FUZZ` is a variable of the environment. Exits 1 at the first input that is neither read nor refused as it should be.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from tests.fuzz.hunt import hunt
from tests.fuzz.parsers import opened


def main(names: list[str]) -> int:
    """Hunts, and tells what each came to."""
    tries = int(os.environ.get("FUZZ") or 10_000)
    with tempfile.TemporaryDirectory(prefix="gateway-fuzz-") as folder, opened(Path(folder)) as parsers:
        for name in names or parsers:
            began = time.perf_counter()
            found = hunt(parsers[name], tries)
            ended = ", ".join(f"{times} {how}" for how, times in found.ended.most_common())
            most = f"longest {found.seconds:.2f} s, most {found.mib:.1f} MiB"
            print(f"{name:10s} {time.perf_counter() - began:5.0f} s; {most}; {ended}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
