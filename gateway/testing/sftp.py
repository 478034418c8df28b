"""An SFTP server on a folder, with asyncssh, that misbehaves on request.

Takes a folder, which is all that a client sees (chroot); gives what OpenSSH's server would: reading, writing,
`posix-rename`; refuses every other user, password and key. Its faults are listed in `faults.py`; `where` is
sought in the file's path as the client sees it, and counts for the faults of files and folders only.
"""

import asyncio
import hmac
import os
import socket
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncssh

from gateway.testing.faults import SFTP_FAULTS, Fault, Faults

HOST = "127.0.0.1"
#: bytes that begin no SSH conversation (RFC 4253 §4.2 wants `SSH-2.0-` within the first lines)
GARBAGE_BANNER = b"\x15\x03\x01\x00\x02\x02\x46 550 who are you?\r\n" * 4
#: faults that are decided when a file is opened
FILE_FAULTS = ("stall", "cut", "truncate", "grow", "replace")
#: seconds that a stalled read waits when the order names none: longer than any client's patience
LONG = 3600.0
#: connections that may wait to be accepted
BACKLOG = 32


class SftpServer:
    """A folder served over SFTP in its own thread: `with SftpServer(root, "user", password="…") as server`.

    `authorized_key` is a client's public key as an OpenSSH line, `host_key` a private key in OpenSSH's
    format; without it a new Ed25519 key is made. After `stop()` it may `start()` again, on the same port and
    with the same host key.
    """

    def __init__(
        self,
        root: Path,
        user: str,
        password: str | None = None,
        authorized_key: str | None = None,
        *,
        host_key: str | None = None,
        port: int = 0,
    ) -> None:
        self.root, self.user = root, user
        self.host, self.port = HOST, port
        self.faults = Faults(SFTP_FAULTS)
        self._password = password
        self._authorized = asyncssh.import_public_key(authorized_key) if authorized_key else None
        self._key = (
            asyncssh.import_private_key(host_key)
            if host_key
            else asyncssh.generate_private_key("ssh-ed25519")
        )
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def host_key(self) -> str:
        """The host's public key as an OpenSSH line, without a comment."""
        return " ".join(self._key.export_public_key().decode().split()[:2])

    def start(self) -> None:
        """Listen, and serve in a thread. Raises OSError where the port is taken."""
        listener = socket.create_server((HOST, self.port), backlog=BACKLOG)
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(self._loop, listener), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and break the connections that are open."""
        if self._loop and self._thread:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def allows_password(self, user: str, password: str) -> bool:
        """Whether this is the one user and the password."""
        right = self._password is not None and hmac.compare_digest(password.encode(), self._password.encode())
        return right and user == self.user

    def allows_key(self, user: str, key: asyncssh.SSHKey) -> bool:
        """Whether this is the one user and the authorized key."""
        return self._authorized is not None and user == self.user and key == self._authorized

    def _run(self, loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
        asyncio.set_event_loop(loop)
        loop.create_task(self._accept(loop, listener))
        try:
            loop.run_forever()
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        finally:
            listener.close()
            loop.close()

    async def _accept(self, loop: asyncio.AbstractEventLoop, listener: socket.socket) -> None:
        while True:
            connection, _address = await loop.sock_accept(listener)
            task = loop.create_task(self._talk(loop, connection))
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)

    async def _talk(self, loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
        if self.faults.take("drop"):
            connection.close()
            return
        if self.faults.take("garbage_banner"):
            await loop.sock_sendall(connection, GARBAGE_BANNER)
            connection.close()
            return
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        other = self.faults.take("other_host_key")
        key = asyncssh.generate_private_key("ssh-ed25519") if other else self._key
        try:
            session = await asyncssh.run_server(connection, server_host_keys=[key], **self._options())
        except (asyncssh.Error, OSError):
            return  # the client went away or was refused
        try:
            await session.wait_closed()
        finally:
            session.abort()

    def _options(self) -> dict[str, Any]:  # Any: asyncssh takes its options as untyped keywords
        return {
            "server_factory": lambda: _Login(self),
            "sftp_factory": lambda channel: _Folder(channel, self.root, self.faults),
            "allow_scp": False,
            "gss_host": None,
            "encoding": None,
        }


class _Login(asyncssh.SSHServer):
    """Who may come in."""

    def __init__(self, server: SftpServer) -> None:
        self._server = server
        self._refuses = False

    def begin_auth(self, username: str) -> bool:
        self._refuses = self._refuses or self._server.faults.take("refuse_login") is not None
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return not self._refuses and self._server.allows_password(username, password)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return not self._refuses and self._server.allows_key(username, key)


@dataclass(kw_only=True)
class _Opened:
    """An open file with a fault on it."""

    fault: Fault
    path: Path
    size: int
    sent: int = 0


class _Folder(asyncssh.SFTPServer):
    """The folder as one client sees it."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], root: Path, faults: Faults) -> None:
        super().__init__(channel, chroot=os.fsencode(root))
        self._faults = faults
        self._opened: dict[int, _Opened] = {}

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        opened = super().open(path, pflags, attrs)
        fault = self._faults.take(FILE_FAULTS, os.fsdecode(path)) if pflags & asyncssh.FXF_READ else None
        if fault:
            local = Path(os.fsdecode(self.map_path(path)))
            self._opened[id(opened)] = _Opened(fault=fault, path=local, size=local.stat().st_size)
        return opened

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        names = [name async for name in super().scandir(path)]
        step = -1 if self._faults.take("reorder", os.fsdecode(path)) else 1
        for name in sorted(names, key=lambda name: name.filename)[::step]:
            yield name

    def close(self, file_obj: object) -> None:
        self._opened.pop(id(file_obj), None)
        super().close(file_obj)

    async def read(self, file_obj: object, offset: int, size: int) -> bytes:
        data = super().read(file_obj, offset, size)
        assert isinstance(data, bytes)  # the base class reads at once; only its signature allows to wait
        opened = self._opened.get(id(file_obj))
        return await self._spoil(opened, data, offset) if opened else data

    async def _spoil(self, opened: _Opened, data: bytes, offset: int) -> bytes:
        fault, first = opened.fault, opened.sent == 0
        opened.sent += len(data)
        match fault.name:
            case "stall" if first:
                await asyncio.sleep(fault.number("seconds", LONG))
            case "cut" if opened.sent > fault.whole("bytes", 0):
                self.channel.get_connection().abort()
            case "truncate":
                return data[: max(fault.whole("bytes", opened.size // 2) - offset, 0)]
            case "grow" if first:
                with opened.path.open("ab") as file:
                    file.write(b"\0" * fault.whole("bytes", 1024))
            case "replace" if first:
                _replace(opened.path)
        return data


def _replace(path: Path) -> None:
    """Another file of the same name and size, as a department puts a corrected one over it."""
    other = path.with_name(f".{path.name}.other")
    other.write_bytes(path.read_bytes()[::-1])
    os.replace(other, path)
