"""What one call takes of the machine: seconds of this process, and memory beyond what it had."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

_STATUS, _PEAK = Path("/proc/self/status"), Path("/proc/self/clear_refs")
#: proc(5): sets the peak of the resident memory back to what it is now.
_RESET = "5"


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What a call took."""

    seconds: float
    mib: float


def taken(call: Callable[[], object]) -> Taken:
    """Calls, and tells. The process's own seconds, since another program may have the machine meanwhile."""
    _PEAK.write_text(_RESET)
    before, began = _resident("VmRSS"), time.process_time()
    call()
    return Taken(seconds=time.process_time() - began, mib=max(_resident("VmHWM") - before, 0) / 1024)


def _resident(name: str) -> int:
    """KiB."""
    for line in _STATUS.read_text("ascii").splitlines():
        if line.startswith(name):
            return int(line.split()[1])
    raise LookupError(name)
