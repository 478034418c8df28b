"""Files that a driver changes under a running server.

Takes a path and how to read it; gives what the file says now, read again only when the file changed; refuses
nothing: a file that isn't there raises FileNotFoundError to the caller, who knows what its absence means. A
driver should replace a file by renaming, since a half-written one would be read as it is.
"""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")


class Watched(Generic[T]):
    """A file's content as a value. A change is a new inode, size or time of modification."""

    def __init__(self, path: Path, read: Callable[[Path], T]) -> None:
        self._path, self._read = path, read
        self._lock = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self._value: T

    def now(self) -> T:
        """What the file says now. Raises FileNotFoundError, and whatever reading it raises."""
        with self._lock:
            mark = self._mark()
            if mark != self._seen:
                self._value = self._read(self._path)
                self._seen = mark
            return self._value

    def _mark(self) -> tuple[int, int, int]:
        state = self._path.stat()
        return state.st_ino, state.st_size, state.st_mtime_ns


def put(source: Path, target: Path) -> None:
    """Copy a file in place in one step, so that nobody reads half of it. The time of modification is new."""
    part = target.with_name(f".{target.name}.part")
    part.write_bytes(source.read_bytes())
    os.replace(part, target)
