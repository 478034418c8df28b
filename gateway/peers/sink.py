"""Where a download goes: anything that counts what it holds, takes more, and can start anew."""

from collections.abc import Callable
from typing import Protocol


class Sink(Protocol):
    """A file under way, sealed or not. What it holds after an error may be gone on with or thrown away."""

    @property
    def plain_size(self) -> int:
        """Bytes taken since the last restart, before any sealing."""

    def write(self, data: bytes, /) -> object:
        """Take all of the data; the return value is ignored."""

    def restart(self) -> object:
        """Become empty."""


class Digest(Protocol):
    """A running digest, such as `hashlib.sha256()`."""

    def update(self, data: bytes, /) -> object:
        """Take more."""

    def hexdigest(self) -> str:
        """Lower-case hex of what came so far."""


class MemorySink:
    """A small file in memory."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def plain_size(self) -> int:
        """Bytes held."""
        return len(self._buffer)

    def write(self, data: bytes, /) -> None:
        """Append."""
        self._buffer += data

    def restart(self) -> None:
        """Forget all."""
        self._buffer.clear()

    def getvalue(self) -> bytes:
        """What it holds."""
        return bytes(self._buffer)


class DigestingSink:
    """A sink in front of another that digests what passes. The inner sink is emptied first: what an earlier
    process wrote was not digested by this one."""

    def __init__(self, inner: Sink, new_digest: Callable[[], Digest]) -> None:
        self._inner, self._new_digest = inner, new_digest
        self.restart()

    @property
    def plain_size(self) -> int:
        """Bytes digested since the last restart."""
        return self._size

    def write(self, data: bytes, /) -> None:
        """Digest and hand on."""
        self._inner.write(data)
        self._digest.update(data)
        self._size += len(data)

    def restart(self) -> None:
        """Empty the inner sink and begin a new digest."""
        if self._inner.plain_size:
            self._inner.restart()
        self._digest, self._size = self._new_digest(), 0

    def hexdigest(self) -> str:
        """Lower-case hex over all bytes the inner sink holds."""
        return self._digest.hexdigest()
