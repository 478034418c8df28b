"""Trying again, as a value: how often, and how long to wait before. Only for what may pass by itself."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def pause(seconds: float) -> None:
    """Every wait between two attempts of any peer, so that tests switch waiting off in one place."""
    time.sleep(seconds)


@dataclass(frozen=True, kw_only=True)
class Retry:
    """Bounds of patience with one peer."""

    #: Tries in all, the first included; at least 1.
    attempts: int
    #: Seconds before the second try; each further wait is twice as long.
    first_wait: float
    #: Seconds that no single wait exceeds, where the peer does not say when to come back.
    longest_wait: float
    #: Seconds that are waited at most where it says so. It is never asked before; beyond, this run gives up.
    longest_asked: float = 180.0

    def wait(self, failures: int, asked: float | None = None) -> float:
        """Seconds to wait after this many failures in a row (from 1); `asked` is the peer's Retry-After, which never
        makes a wait shorter: a peer that says 0 would have all tries within milliseconds."""
        own = self.first_wait * 2.0 ** min(failures - 1, 30)  # 2**30: far over any cap, and no overflow
        return max(min(own, self.longest_wait), asked or 0.0)

    def is_beyond(self, asked: float | None) -> bool:
        """Whether the peer wants to be left alone for longer than a run waits."""
        return asked is not None and asked > self.longest_asked


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that a `Retry-After` asks for, in either form of RFC 9110 10.2.3; None if absent or nonsense.

    A date is counted from the answer's own `Date`, since the peer's clock may differ from ours.
    """
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])  # more digits than any wait, and `float` stays finite
    until = _date(text)
    if until is None:
        return None
    return max(0.0, (until - (_date(headers.get("date", "")) or datetime.now(UTC))).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
