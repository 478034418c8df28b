"""`python -m gateway.testing CONFIG.json`: all servers of a plan (`fleet.py`) in this one process.

Takes the file; gives one line of JSON on stdout once all are up, name → host, port and host_key or root and
base; stops cleanly on SIGTERM, SIGINT, or when stdin closes, so that no server outlives the test that started
it.
"""

import json
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from gateway.testing.fleet import Fleet


def main(config: Path) -> None:
    """Serve until told to stop."""
    done = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        done.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    with Fleet(json.loads(config.read_bytes())) as fleet:
        print(json.dumps(fleet.places()), flush=True)
        threading.Thread(target=_wait_for_end, args=(done,), daemon=True).start()
        done.wait()


def _wait_for_end(done: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        continue
    done.set()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m gateway.testing CONFIG.json")
    main(Path(sys.argv[1]))
