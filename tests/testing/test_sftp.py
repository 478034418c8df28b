"""The SFTP server against asyncssh's client."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import asyncssh
import pytest

from gateway.testing import SftpServer
from gateway.testing.sftp import GARBAGE_BANNER

pytestmark = pytest.mark.integration

T = TypeVar("T")
CONTENT = b"0123456789" * 10_000
LIST = "/outbox/list.zip"


def talk(server: SftpServer, act: Callable[[asyncssh.SFTPClient], Awaitable[T]], **login: object) -> T:
    """What `act` gives on one connection."""
    known = asyncssh.import_known_hosts(f"[{server.host}]:{server.port} {server.host_key}\n")
    options = {"username": "mz", "password": "word", "client_keys": None, "known_hosts": known, **login}

    async def session() -> T:
        async with (
            asyncssh.connect(server.host, server.port, config=None, agent_path=None, **options) as connection,
            connection.start_sftp_client() as client,
        ):
            try:
                return await act(client)
            finally:
                connection.abort()  # a polite good-bye would wait for a server that stalls

    return asyncio.run(asyncio.wait_for(session(), 10))


async def fetch(client: asyncssh.SFTPClient) -> bytes:
    async with client.open(LIST, "rb") as file:
        return as_bytes(await file.read())


def as_bytes(data: str | bytes) -> bytes:
    """What a file opened as binary gives; asyncssh's types don't say so."""
    assert isinstance(data, bytes)
    return data


async def look(client: asyncssh.SFTPClient) -> list[str]:
    return sorted(str(name) for name in await client.listdir("/") if name not in (".", ".."))


def test_a_client_sees_the_folder_and_no_more(sftp: SftpServer) -> None:
    """The root is the folder, and nothing above it can be reached."""

    async def climb(client: asyncssh.SFTPClient) -> bool:
        return bool(await client.exists(f"../../../..{sftp.root}"))

    assert ["outbox"] == talk(sftp, look)
    assert CONTENT == talk(sftp, fetch)
    assert not talk(sftp, climb)


def test_a_receipt_is_renamed_over_an_older_one(sftp: SftpServer) -> None:
    """Writing and posix-rename work, and a rename replaces what stood there."""

    async def write(client: asyncssh.SFTPClient) -> None:
        await client.mkdir("/inbox")
        for content in (b"old", b"new"):
            async with client.open("/inbox/receipt.tmp", "wb") as file:
                await file.write(content)
            await client.posix_rename("/inbox/receipt.tmp", "/inbox/receipt")

    talk(sftp, write)
    assert {"receipt": b"new"} == {path.name: path.read_bytes() for path in (sftp.root / "inbox").iterdir()}


def test_only_the_right_password_or_key_comes_in(tmp_path: Path) -> None:
    """Another user, password or key is refused; the authorized key needs no password."""
    key, stranger = (asyncssh.generate_private_key("ssh-ed25519") for _key in range(2))
    public = key.export_public_key().decode()
    with SftpServer(tmp_path, "mz", "word", public) as server:
        assert [] == talk(server, look)
        assert [] == talk(server, look, password=None, client_keys=[key])
        for wrong in ({"password": "x"}, {"username": "root"}, {"password": None, "client_keys": [stranger]}):
            with pytest.raises(asyncssh.PermissionDenied):
                talk(server, look, **wrong)


def test_the_host_key_is_known_and_stays(tmp_path: Path) -> None:
    """A given host key is the server's, and a server that stops and starts keeps port and key."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    with SftpServer(tmp_path, "mz", "word", host_key=key.export_private_key("openssh").decode()) as server:
        assert key.export_public_key().decode().strip() == server.host_key
        server.stop()
        with pytest.raises(OSError):
            talk(server, look)
        server.start()
        assert [] == talk(server, look)


def test_a_login_can_be_refused(sftp: SftpServer) -> None:
    """`refuse_login` refuses as many connections as ordered."""
    sftp.faults.add("refuse_login")
    with pytest.raises(asyncssh.PermissionDenied):
        talk(sftp, look)
    assert ["outbox"] == talk(sftp, look)


def test_the_host_can_show_another_key(sftp: SftpServer) -> None:
    """`other_host_key` is noticed by a client that pins the key."""
    sftp.faults.add("other_host_key")
    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        talk(sftp, look)
    assert ["outbox"] == talk(sftp, look)


def test_the_host_can_talk_garbage(sftp: SftpServer) -> None:
    """`garbage_banner` is no SSH at all."""
    sftp.faults.add("garbage_banner")
    with socket.create_connection((sftp.host, sftp.port), timeout=5) as connection:
        assert GARBAGE_BANNER == b"".join(iter(lambda: connection.recv(4096), b""))
    assert ["outbox"] == talk(sftp, look)


def test_a_read_can_break_off(sftp: SftpServer) -> None:
    """`cut` ends the connection in the middle of the file it names."""
    sftp.faults.add("cut", bytes=50_000, where="list.zip")
    with pytest.raises((asyncssh.Error, OSError)):
        talk(sftp, fetch)
    assert CONTENT == talk(sftp, fetch)


def test_a_file_can_end_early(sftp: SftpServer) -> None:
    """`truncate` gives less than the size that the server tells."""

    async def size_and_content(client: asyncssh.SFTPClient) -> tuple[int | None, int]:
        async with client.open(LIST, "rb", block_size=0) as file:
            return (await client.stat(LIST)).size, len(await file.read(100_000, 0))

    sftp.faults.add("truncate", bytes=1234)
    assert (100_000, 1234) == talk(sftp, size_and_content)


def test_a_file_can_grow_while_it_is_read(sftp: SftpServer) -> None:
    """`grow` makes the file longer than it was when it was opened."""

    async def sizes(client: asyncssh.SFTPClient) -> list[int | None]:
        before = (await client.stat(LIST)).size
        await fetch(client)
        return [before, (await client.stat(LIST)).size]

    sftp.faults.add("grow", bytes=10)
    assert [100_000, 100_010] == talk(sftp, sizes)


def test_a_file_can_be_replaced_while_it_is_read(sftp: SftpServer) -> None:
    """`replace` puts another file of the same size in its place, and the one that is open stays what it was."""

    async def both(client: asyncssh.SFTPClient) -> list[bytes]:
        return [await fetch(client), await fetch(client)]

    sftp.faults.add("replace", where="list.zip")
    assert [CONTENT, CONTENT[::-1]] == talk(sftp, both)
    assert ["list.zip"] == [path.name for path in (sftp.root / "outbox").iterdir()]


def test_names_can_come_in_another_order(sftp: SftpServer) -> None:
    """`reorder` lists a folder from its end."""

    async def listed(client: asyncssh.SFTPClient) -> list[str]:
        return [name for name in map(str, await client.listdir("/outbox")) if not name.startswith(".")]

    (sftp.root / "outbox" / "more.zip").touch()
    sftp.faults.add("reorder", where="outbox")
    assert [["more.zip", "list.zip"], ["list.zip", "more.zip"]] == [talk(sftp, listed) for _time in range(2)]


def test_a_connection_can_close_at_once(sftp: SftpServer) -> None:
    """`drop` says nothing at all."""
    sftp.faults.add("drop")
    with socket.create_connection((sftp.host, sftp.port), timeout=5) as connection:
        assert b"" == connection.recv(4096)
    assert ["outbox"] == talk(sftp, look)


def test_a_read_can_stall(sftp: SftpServer) -> None:
    """`stall` outlasts the client's patience, and `stop` doesn't wait for it."""

    async def impatient(client: asyncssh.SFTPClient) -> bytes:
        file = await client.open(LIST, "rb")
        async with asyncio.timeout(0.2):
            return as_bytes(await file.read())

    sftp.faults.add("stall")
    with pytest.raises(TimeoutError):
        talk(sftp, impatient)
    started = time.perf_counter()
    sftp.stop()
    assert time.perf_counter() - started < 60  # a stall lasts an hour
