"""A floor under the speed of a transfer: a peer that drips a byte now and then defeats every read timeout."""

import time

from gateway.errors import PeerUnreachable
from gateway.words import _

#: Bytes per second, averaged over one timeout. Slower than any line in use, so that only a stall falls below
#: it.
SLOWEST = 256


class Pace:
    """Watches one transfer. `took` raises `PeerUnreachable` when a whole window brought too little."""

    def __init__(self, window: float, where: str) -> None:
        self._window, self._where = window, where
        self._since, self._bytes = time.monotonic(), 0

    def took(self, size: int) -> None:
        """Note `size` more bytes."""
        self._bytes += size
        passed = time.monotonic() - self._since
        if passed < self._window:
            return
        if self._bytes < SLOWEST * passed:
            raise PeerUnreachable(
                _("数据传输过慢,几乎停滞"), where=self._where, next_step=_("下次运行会自动重试;请检查网络")
            )
        self._since, self._bytes = time.monotonic(), 0
