"""Sealed files as streams: write one, go on with an unfinished one, read one from any position.

Takes and gives plain bytes; on disk there is nothing but the form that `header.py` describes. Memory holds
one chunk, while writing a few. `SealBroken` for a file that was changed, cut, or never finished. An `OSError` of
the disk passes as it is.
"""

import fcntl
import io
import os
import secrets
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

from gateway.errors import SealBroken
from gateway.vault.header import HEADER_BYTES, NAMED_BYTES, PREFIX_BYTES, RECORD_OVERHEAD, FileHeader, broken
from gateway.vault.sm import Plain, sm3_new
from gateway.words import _

#: Chunks that are sealed at once: SM4-GCM alone does about 130 MB/s, less than a good line brings.
SIDE_BY_SIDE = 2
#: Small reads (a zip's directory, a line) are served from it; large ones pass by it.
_READ_AHEAD = 64 * 1024
#: Bytes that are digested at a time.
_BLOCK = 1024 * 1024

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class SealedWriter:
    """A sealed file being written. `close` finishes it; until then, it does not open for reading.

    As a context manager it closes on success; on an exception it aborts, and the partial stays for
    `Sealer.resume`.
    """

    def __init__(self, path: Path, new_header: Callable[[], FileHeader]) -> None:
        self.path = path
        self._new_header = new_header
        self._file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b")
        fcntl.flock(self._file, fcntl.LOCK_EX)  # its key is not wrapped anew meanwhile
        self._pending = bytearray()
        self._prefix = secrets.token_bytes(PREFIX_BYTES)
        self._under_way: deque[Future[bytes]] = deque()
        self._pool: ThreadPoolExecutor | None = None

    @property
    def plain_size(self) -> int:
        """Plain bytes written so far, those of earlier sittings included: a download goes on from here."""
        return self._number * self._header.chunk_bytes + len(self._pending)

    @property
    def closed(self) -> bool:
        """Whether `close` or `abort` was called."""
        return self._file.closed

    def restart(self) -> None:
        """Empties the file and begins again, under a new data key."""
        self._header, self._number = self._new_header(), 0
        self._pending.clear()
        self._under_way.clear()
        self._file.seek(0)
        self._file.truncate()
        self._file.write(self._header.raw)

    def go_on(self, parse: Callable[[bytes], FileHeader]) -> None:
        """Takes up the file after its last whole good chunk, and cuts what follows.

        A file that was finished is taken up at its end; one whose header does not open is begun again.
        """
        self._file.seek(0)
        try:
            self._header, self._number = parse(self._file.read(HEADER_BYTES)), 0
        except SealBroken:
            return self.restart()
        with suppress(SealBroken):
            while len(record := self._file.read(self._header.record_bytes)) == self._header.record_bytes:
                self._header.open(self._number, record, last=False)
                self._number += 1
            self._pending[:] = self._header.open(self._number, record, last=True)
        self._file.seek(HEADER_BYTES + self._number * self._header.record_bytes)
        self._file.truncate()

    def write(self, data: Plain) -> int:
        """Takes all of the data and returns its length. The file is aborted if the disk refuses."""
        if self.closed:
            raise ValueError("write to a closed sealed file")
        view, taken = memoryview(data).cast("B"), 0
        while taken < len(view):
            part = view[taken : taken + self._header.chunk_bytes - len(self._pending)]
            taken += len(part)
            if len(part) == self._header.chunk_bytes:
                self._put(part, last=False)
                continue
            self._pending += part
            if len(self._pending) == self._header.chunk_bytes:
                self._put_pending(last=False)
        return taken

    def close(self) -> None:
        """Seals the last chunk and returns when file and folder are on the disk."""
        if self.closed:
            return
        self._put_pending(last=True)
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
        finally:
            self.abort()
        sync_folder(self.path.parent)

    def abort(self) -> None:
        """Leaves the file unfinished, as it is. Up to one chunk of what was written is lost."""
        with suppress(OSError):  # a full disk refuses the rest as well, and was reported by the write
            self._write(leave=0)
        self._under_way.clear()
        with suppress(OSError):
            self._file.close()
        if self._pool:
            self._pool.shutdown()

    def _put_pending(self, *, last: bool) -> None:
        self._put(self._pending, last=last)
        self._pending.clear()

    def _put(self, plain: Plain, *, last: bool) -> None:
        """Has a chunk sealed, beside the ones before, and writes what is more than may wait."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(SIDE_BY_SIDE)
        seal = partial(self._header.seal, self._prefix, self._number, bytes(plain), last=last)
        self._under_way.append(self._pool.submit(seal))
        self._number += 1
        try:
            self._write(leave=0 if last else SIDE_BY_SIDE)
        except OSError:
            self.abort()
            raise

    def _write(self, *, leave: int) -> None:
        while len(self._under_way) > leave:
            sealed = self._under_way.popleft().result()
            self._file.write(self._prefix)
            self._file.write(sealed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()


class SealedReader(io.BufferedReader):
    """A finished sealed file as plain bytes: seekable, buffered, each chunk verified before it is given."""

    def __init__(self, source: BinaryIO, parse: Callable[[bytes], FileHeader], where: str) -> None:
        chunks = _Chunks(source, parse, where)
        #: Plain bytes in the file.
        self.plain_size = chunks.size
        super().__init__(chunks, _READ_AHEAD)


class _Chunks(io.RawIOBase):
    """The plain side of a sealed file, one chunk in memory."""

    def __init__(self, source: BinaryIO, parse: Callable[[bytes], FileHeader], where: str) -> None:
        self._source, self._where, self._position = source, where, 0
        self._header = parse(source.read(HEADER_BYTES))
        records, rest = divmod(source.seek(0, io.SEEK_END) - HEADER_BYTES, self._header.record_bytes)
        if rest < RECORD_OVERHEAD:
            raise broken(where, _("文件没有写完,或已被截断"))
        self._last, self._last_bytes = records, rest
        self.size = records * self._header.chunk_bytes + rest - RECORD_OVERHEAD
        self._load(self._last)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError("negative seek position")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """Fills the buffer up to the end of one chunk."""
        view = memoryview(buffer).cast("B")
        part = self._from_here()[: len(view)]
        view[: len(part)] = part
        self._position += len(part)
        return len(part)

    def readall(self) -> bytes:
        """What is left, chunk by chunk: the default would ask for 8 KiB at a time."""
        parts = []
        while part := bytes(self._from_here()):
            parts.append(part)
            self._position += len(part)
        return b"".join(parts)

    def close(self) -> None:
        if not self.closed:
            self._source.close()
        super().close()

    def _from_here(self) -> memoryview:
        if self._position >= self.size:
            return memoryview(b"")
        number, offset = divmod(self._position, self._header.chunk_bytes)
        if number != self._loaded:
            self._load(number)
        return memoryview(self._chunk)[offset:]

    def _load(self, number: int) -> None:
        last = number == self._last
        self._source.seek(HEADER_BYTES + number * self._header.record_bytes)
        record = self._source.read(self._last_bytes if last else self._header.record_bytes)
        self._chunk = self._header.open(number, record, last=last, where=self._where)
        self._loaded = number


def sealed_digest(path: Path) -> str:
    """SM3 of a sealed file, 64 hex digits: of all its bytes that never change, so not of its slots."""
    digest = sm3_new()
    with path.open("rb") as file:
        digest.update(file.read(NAMED_BYTES))
        file.seek(HEADER_BYTES)
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Returns when the folder's entries are on the disk: from then on, a new name survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
