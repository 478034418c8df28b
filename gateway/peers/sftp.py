"""Files on an SFTP server: list, read, download into a sink, write.

Takes an `SftpAddress` and paths (relative ones start at the login's folder); gives entries and bytes. Refuses
as `ssh.py` does, and: `PeerBroken` for what is larger than its limit or makes no sense, `TryLater` for a file
that changes while it is read. A session that was cut is opened again by the next call.
"""

import io
import posixpath
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from stat import S_ISDIR
from types import TracebackType
from typing import Self

import paramiko

from gateway.errors import PeerBroken, PeerRefused, TryLater
from gateway.peers.pace import Pace
from gateway.peers.sink import MemorySink, Sink
from gateway.peers.ssh import (
    Connection,
    HostKey,
    SftpAddress,
    closing_after,
    connect,
    show_host_key,
    translated,
)
from gateway.words import _

__all__ = ["HostKey", "RemoteFile", "SftpAddress", "SftpPeer", "show_host_key"]

#: Entries of one folder. A department's outbox holds a few per day; more is a mistake, or a server that never
#: ends.
MOST_ENTRIES = 100_000
#: Timeouts that listing or writing may take in all: no single wait is longer than one, but there may be many.
PATIENCE = 20
#: Bytes requested ahead: large enough to keep paramiko's speed, bounded so that a server which answers out of
#: order cannot fill the memory.
AHEAD = 64 * 1024 * 1024
#: Bytes of one request to an OpenSSH that answers them all (8.5 and newer): less than half the work of
#: paramiko's own 32 KiB. Servers that do not say who they are get those: a shorter answer is right, but slow.
LARGE_READ = 255 * 1024
OPENSSH = re.compile(r"SSH-2\.0-OpenSSH_(\d{1,3})\.(\d{1,3})")
#: Bytes handed to the sink at once: what one request brings is not cut up.
PIECE = LARGE_READ


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """One entry of a folder."""

    #: Without the folder.
    name: str
    #: Bytes; 0 where the server does not say.
    size: int
    is_folder: bool
    #: UTC, to the second; None where the server does not say.
    modified: datetime | None


class SftpPeer:
    """A session with one server; connects on entering. Not for use by two threads at once."""

    def __init__(self, address: SftpAddress) -> None:
        self.address = address
        self._connection: Connection | None = None

    def __enter__(self) -> Self:
        self._connected()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; nothing happens when there is no connection."""
        if self._connection is not None:
            self._connection.transport.close()
            self._connection = None

    def list(self, folder: str) -> list[RemoteFile]:
        """The folder's entries, sorted by name. `PeerRefused` if there is no such folder, `PeerBroken` over
        `MOST_ENTRIES` or for a name that is a path."""
        with self._talking(folder) as client:
            entries: list[RemoteFile] = []
            for attributes in client.listdir_iter(folder or "."):
                if len(entries) >= MOST_ENTRIES:
                    raise self._broken(_("目录 {path} 的文件多得不合理"), folder)
                entries.append(self._entry(attributes, folder))
        return sorted(entries, key=lambda entry: entry.name)

    def read(self, path: str, limit: int) -> bytes:
        """All bytes of a small file. `PeerBroken` over `limit` bytes, `TryLater` if it changed meanwhile."""
        memory = MemorySink()
        self.download(path, memory, limit)
        return memory.getvalue()

    def download(self, path: str, sink: Sink, limit: int) -> None:
        """Bring the sink to the whole file, going on where it stands, or anew if the file is now shorter.

        What the sink held before is believed to be of the same file: the caller compares the digest of the
        whole. `PeerBroken` over `limit` bytes, `TryLater` (and an emptied sink) if the file changed
        meanwhile. After a cut the sink keeps what came.
        """
        connection = self._connected()
        with self._talking(path) as client:
            remote = client.open(path)
            remote.MAX_REQUEST_SIZE = read_size(connection.transport.remote_version)
            before = remote.stat()
        size = self._size(before, path, limit)
        if sink.plain_size > size:
            sink.restart()
        try:
            self._pull(connection, remote, sink, size, path)
        except BaseException:
            self.close()  # answers may be under way, and closing only the file would wait for them
            raise
        with self._talking(path, connection):
            after = remote.stat()
            remote.close()
        if (before.st_size, before.st_mtime) != (after.st_size, after.st_mtime):
            sink.restart()
            raise self._changed(path)
        if sink.plain_size != size:
            raise self._broken(_("文件 {path} 的内容比服务器声明的短"), path)

    def write(self, path: str, data: bytes) -> None:
        """Put a whole file in place: written beside it under a temporary name, then renamed over it. Missing
        folders are made. A reader never sees half of it on a server that can rename over a file."""
        folder, name = posixpath.split(path)
        temporary = posixpath.join(folder, f".{name}.part")
        with self._talking(path) as client:
            try:
                client.putfo(io.BytesIO(data), temporary, file_size=len(data))
            except FileNotFoundError:
                _make_folders(client, folder)
                client.putfo(io.BytesIO(data), temporary, file_size=len(data))
            _rename_over(client, temporary, path)

    def _connected(self) -> Connection:
        if self._connection is None or not self._connection.transport.is_active():
            self.close()
            self._connection = connect(self.address)
        return self._connection

    @contextmanager
    def _talking(self, subject: str, begun: Connection | None = None) -> Iterator[paramiko.SFTPClient]:
        """The client, with its errors translated. After a refusal the session goes on, after anything else it
        ends."""
        connection = begun or self._connected()
        try:
            with (
                closing_after(connection.transport, self.address.timeout * PATIENCE),
                translated(connection.transport, self.address.where, subject),
            ):
                yield connection.client
        except PeerRefused:
            raise
        except BaseException:
            self.close()
            raise

    def _pull(
        self, connection: Connection, remote: paramiko.SFTPFile, sink: Sink, size: int, path: str
    ) -> None:
        where = self.address.where
        pace = Pace(self.address.timeout, where)
        remote.seek(sink.plain_size)
        while sink.plain_size < size:
            end = min(size, sink.plain_size + AHEAD)
            remote.prefetch(end)
            while sink.plain_size < end:
                with translated(connection.transport, where, path):
                    piece = remote.read(min(PIECE, end - sink.plain_size))
                if not piece:
                    return
                sink.write(piece)
                pace.took(len(piece))

    def _entry(self, attributes: paramiko.SFTPAttributes, folder: str) -> RemoteFile:
        name = attributes.filename
        if not name or "/" in name or "\0" in name:
            raise self._broken(_("目录 {path} 中有不合法的文件名"), folder)
        return RemoteFile(
            name=name,
            size=attributes.st_size or 0,
            is_folder=S_ISDIR(attributes.st_mode or 0),
            modified=None
            if attributes.st_mtime is None
            else datetime.fromtimestamp(attributes.st_mtime, UTC),
        )

    def _size(self, attributes: paramiko.SFTPAttributes, path: str, limit: int) -> int:
        size = attributes.st_size
        if size is None:
            raise self._broken(_("服务器没有给出 {path} 的大小"), path)
        if size > limit:
            raise self._broken(_("文件 {path} 超过允许的大小"), path)
        return int(size)

    def _changed(self, path: str) -> TryLater:
        return TryLater(
            _("文件 {path} 在读取时发生变化").format(path=path),
            where=self.address.where,
            next_step=_("对方可能还在写入;下次运行会重新读取"),
        )

    def _broken(self, what: str, path: str) -> PeerBroken:
        return PeerBroken(what.format(path=path), where=self.address.where, next_step=_("请联系对方核对"))


def read_size(banner: str) -> int:
    """Bytes that a server which introduces itself so answers at once."""
    found = OPENSSH.match(banner)
    newer = found is not None and (int(found[1]), int(found[2])) >= (8, 5)
    return LARGE_READ if newer else paramiko.SFTPFile.MAX_REQUEST_SIZE


def _rename_over(client: paramiko.SFTPClient, temporary: str, path: str) -> None:
    try:
        client.posix_rename(temporary, path)
    except OSError as error:
        if error.errno is not None or isinstance(error, TimeoutError):
            raise
        # A server without OpenSSH's extension: its rename refuses an existing target.
        with suppress(FileNotFoundError):
            client.remove(path)
        client.rename(temporary, path)


def _make_folders(client: paramiko.SFTPClient, folder: str) -> None:
    made = "/" if folder.startswith("/") else ""
    for part in folder.strip("/").split("/"):
        made = posixpath.join(made, part)
        try:
            client.stat(made)
        except FileNotFoundError:
            client.mkdir(made)
