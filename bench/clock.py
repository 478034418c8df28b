"""Seconds by part of a step, and the most memory that the process had so far."""

import json
import time
from pathlib import Path


class Clock:
    """Seconds by name of the part, in the order in which they were first done."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        #: Seconds of the processor by part: what a busy machine does not stretch.
        self.processor: dict[str, float] = {}
        #: MiB by part: the most that the process had up to its end.
        self.peaks: dict[str, float] = {}
        self.start()

    def start(self) -> None:
        """From here on; what came before counts for no part."""
        self._start, self._worked = time.perf_counter(), time.process_time()

    def done(self, part: str) -> None:
        """The time since the last call is the part's, added to what it had."""
        self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - self._start
        self.processor[part] = self.processor.get(part, 0.0) + time.process_time() - self._worked
        self.peaks[part] = _peak()
        self.start()

    @property
    def peak(self) -> float:
        """MiB, up to the end of the last part."""
        return max(self.peaks.values(), default=0.0)


def report(clock: Clock, found: object) -> None:
    """One line of JSON for whoever started the process."""
    line = {
        "seconds": clock.seconds,
        "processor": clock.processor,
        "peaks": clock.peaks,
        "peak": clock.peak,
        "found": found,
    }
    print(json.dumps(line, ensure_ascii=False))


def _peak() -> float:
    """MiB. Not from `getrusage`, which after a fork begins with what the parent had."""
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.split("VmHWM:")[1].split("kB")[0]) / 1024
