"""SFTP: whole files or none, from the server we know, and in bounded time."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from pydantic import SecretStr

from gateway.errors import KeyFault, PeerBroken, PeerRefused, PeerUnreachable, PeerUntrusted, TryLater
from gateway.peers import sftp
from gateway.peers.sftp import SftpAddress, SftpPeer, show_host_key
from gateway.peers.sink import MemorySink
from gateway.testing.sftp import SftpServer

pytestmark = pytest.mark.integration

LIMIT = 64 * 1024 * 1024


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SftpServer]:
    root = tmp_path / "root"
    (root / "outbox").mkdir(parents=True)
    with SftpServer(root, "gw", password="pw") as running:
        yield running


def address(server: SftpServer, **changes: object) -> SftpAddress:
    fields: dict[str, object] = {
        "host": "127.0.0.1",
        "port": server.port,
        "user": "gw",
        "host_key": server.host_key + " comment",
        "password": SecretStr("pw"),
        "timeout": 5.0,
    }
    return SftpAddress(**{**fields, **changes})  # type: ignore[arg-type]


def test_list(server: SftpServer) -> None:
    """A folder's entries come sorted, with size, kind and time."""
    (server.root / "outbox" / "b.zip").write_bytes(b"12345")
    (server.root / "outbox" / "a").mkdir()
    with SftpPeer(address(server)) as peer:
        entries = peer.list("/outbox")
    assert [("a", True), ("b.zip", False)] == [(entry.name, entry.is_folder) for entry in entries]
    assert 5 == entries[1].size
    assert entries[1].modified is not None and entries[1].modified.tzinfo is not None


def test_missing_folder(server: SftpServer) -> None:
    """A folder that is missing is named, and the session goes on."""
    with SftpPeer(address(server)) as peer:
        with pytest.raises(PeerRefused, match="/nowhere"):
            peer.list("/nowhere")
        assert [] == peer.list("outbox")


def test_too_many_entries(server: SftpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with more entries than makes sense is not read to its end."""
    monkeypatch.setattr(sftp, "MOST_ENTRIES", 3)
    for number in range(4):
        (server.root / "outbox" / str(number)).touch()
    with SftpPeer(address(server)) as peer, pytest.raises(PeerBroken):
        peer.list("/outbox")


def test_name_of_another_encoding(server: SftpServer) -> None:
    """A file name that isn't UTF-8 gives an error that says so."""
    Path(os.fsdecode(bytes(server.root / "outbox") + b"/\xcb\xb5\xc3\xf7")).touch()
    with SftpPeer(address(server)) as peer, pytest.raises(PeerBroken, match="UTF-8"):
        peer.list("/outbox")


def test_read_and_its_limit(server: SftpServer) -> None:
    """A small file comes whole; one byte over the limit refuses it."""
    (server.root / "m.json").write_bytes(b"x" * 100)
    with SftpPeer(address(server)) as peer:
        assert b"x" * 100 == peer.read("m.json", 100)
        with pytest.raises(PeerBroken):
            peer.read("m.json", 99)


@pytest.mark.parametrize("held", [0, 1, 32768, 299_999, 300_000])
def test_download_goes_on(server: SftpServer, held: int) -> None:
    """A download goes on wherever the sink stands, and ends with the whole file."""
    data = os.urandom(300_000)
    (server.root / "f").write_bytes(data)
    sink = MemorySink()
    sink.write(data[:held])
    with SftpPeer(address(server)) as peer:
        peer.download("f", sink, LIMIT)
    assert data == sink.getvalue()


def test_download_in_windows(server: SftpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file longer than what is asked for ahead comes whole, also where windows end off the grid."""
    monkeypatch.setattr(sftp, "AHEAD", 100_001)
    monkeypatch.setattr(sftp, "PIECE", 30_011)
    data = os.urandom(1_000_003)
    (server.root / "f").write_bytes(data)
    with SftpPeer(address(server)) as peer:
        assert data == peer.read("f", LIMIT)


@pytest.mark.parametrize(
    ("banner", "size"),
    [
        ("SSH-2.0-OpenSSH_9.2p1 Debian-2", 255 * 1024),
        ("SSH-2.0-OpenSSH_8.5", 255 * 1024),
        ("SSH-2.0-OpenSSH_8.4p1", 32 * 1024),
        ("SSH-2.0-OpenSSH_for_Windows_9.5", 32 * 1024),
        ("SSH-2.0-AsyncSSH_2.14.0", 32 * 1024),
    ],
)
def test_request_sizes(banner: str, size: int) -> None:
    """Only a server known to answer large requests whole is asked so."""
    assert size == sftp.read_size(banner)


class ShortAnswers(SftpServer):
    """Introduces itself as a new OpenSSH, and answers every request with 10 000 bytes at most."""

    def _options(self) -> dict[str, Any]:  # Any: asyncssh's own
        options = super()._options()
        full = options["sftp_factory"]

        def short(channel: object) -> object:
            folder = full(channel)
            read = folder.read

            async def some(file: object, offset: int, size: int) -> bytes:
                data: bytes = await read(file, offset, min(size, 10_000))
                return data

            folder.read = some
            return folder

        return {**options, "sftp_factory": short, "server_version": "OpenSSH_9.9"}


def test_short_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that gives less than it was asked for is asked again: the file arrives whole all the same."""
    monkeypatch.setattr(sftp, "AHEAD", 700_000)
    data = os.urandom(2_000_000)
    (tmp_path / "f.zip").write_bytes(data)
    with ShortAnswers(tmp_path, "gw", password="pw") as server, SftpPeer(address(server)) as peer:
        assert data == peer.read("/f.zip", LIMIT)


def test_shorter_than_held(server: SftpServer) -> None:
    """A remote file that is now shorter than what we hold is read anew."""
    (server.root / "f").write_bytes(b"new")
    sink = MemorySink()
    sink.write(b"old and long")
    with SftpPeer(address(server)) as peer:
        peer.download("f", sink, LIMIT)
    assert b"new" == sink.getvalue()


def test_cut_then_resumed(server: SftpServer) -> None:
    """A connection that breaks in the middle keeps what came, and the same peer goes on from there."""
    data = os.urandom(3_000_000)
    (server.root / "f").write_bytes(data)
    server.faults.add("cut", bytes=1_000_000)
    sink = MemorySink()
    with SftpPeer(address(server)) as peer:
        with pytest.raises(PeerUnreachable):
            peer.download("f", sink, LIMIT)
        assert sink.plain_size < len(data)
        assert data[: sink.plain_size] == sink.getvalue()
        peer.download("f", sink, LIMIT)
    assert data == sink.getvalue()


def test_stall(server: SftpServer) -> None:
    """A server that stops answering is given up after the timeout."""
    (server.root / "f").write_bytes(b"x" * 100_000)
    server.faults.add("stall", times=100)
    with SftpPeer(address(server, timeout=0.5)) as peer, pytest.raises(PeerUnreachable):
        peer.read("f", LIMIT)


def test_growing(server: SftpServer) -> None:
    """A file that grows while it is read is left for later, and the sink is emptied."""
    (server.root / "f").write_bytes(b"x" * 100_000)
    server.faults.add("grow")
    sink = MemorySink()
    with SftpPeer(address(server)) as peer:
        with pytest.raises(TryLater):
            peer.download("f", sink, LIMIT)
        assert 0 == sink.plain_size
        assert 101_024 == len(peer.read("f", LIMIT))


def test_shrinking(server: SftpServer) -> None:
    """A file that is cut short while it is read is left for later."""
    target = server.root / "f"
    target.write_bytes(b"x" * 3_000_000)

    class Shrinking(MemorySink):
        def write(self, data: bytes, /) -> None:
            os.truncate(target, 10)
            super().write(data)

    sink = Shrinking()
    with SftpPeer(address(server)) as peer, pytest.raises(TryLater):
        peer.download("f", sink, LIMIT)


def test_lying_about_the_size(server: SftpServer) -> None:
    """A file that ends before the size the server stands by is not taken for whole."""
    (server.root / "f").write_bytes(b"x" * 100_000)
    server.faults.add("truncate", bytes=1000)
    with SftpPeer(address(server)) as peer, pytest.raises(PeerBroken):
        peer.read("f", LIMIT)


def test_full_disk_is_not_the_peers_fault(server: SftpServer) -> None:
    """What the sink raises is not translated into an error of the peer."""
    (server.root / "f").write_bytes(b"x" * 100_000)

    class Full(MemorySink):
        def write(self, data: bytes, /) -> None:
            raise OSError(28, "No space left on device")

    with SftpPeer(address(server)) as peer, pytest.raises(OSError, match="No space"):
        peer.download("f", Full(), LIMIT)


def test_write(server: SftpServer) -> None:
    """A file is written whole, over an older one and into folders that were missing, and nothing is left
    beside."""
    with SftpPeer(address(server)) as peer:
        peer.write("/inbox/2026/r.zip", b"first")
        peer.write("/inbox/2026/r.zip", b"second")
        peer.write("top", b"")
    assert b"second" == (server.root / "inbox/2026/r.zip").read_bytes()
    assert ["r.zip"] == [path.name for path in (server.root / "inbox/2026").iterdir()]
    assert b"" == (server.root / "top").read_bytes()


def test_refused_login(server: SftpServer) -> None:
    """A wrong password is a refusal, and the password is not in its words."""
    with pytest.raises(PeerRefused) as caught:
        SftpPeer(address(server, password=SecretStr("wrong-secret"))).__enter__()
    assert "wrong-secret" not in str(caught.value)


def test_login_with_key(tmp_path: Path) -> None:
    """A private key in OpenSSH's format logs in without a password."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    with SftpServer(tmp_path, "gw", authorized_key=key.export_public_key().decode()) as server:
        private = SecretStr(key.export_private_key("openssh").decode())
        with SftpPeer(address(server, password=None, private_key=private)) as peer:
            assert [] == peer.list(".")


@pytest.mark.parametrize("text", ["", "nonsense", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
def test_unreadable_key(server: SftpServer, text: str) -> None:
    """A private key that cannot be read is a fault of the configuration."""
    with pytest.raises(KeyFault):
        SftpPeer(address(server, password=None, private_key=SecretStr(text))).__enter__()


def test_unknown_host_key(server: SftpServer) -> None:
    """Without a pinned key nobody logs in; the message has the fingerprint and the command that shows it."""
    with pytest.raises(PeerUntrusted) as caught:
        SftpPeer(address(server, host_key=None)).__enter__()
    shown = show_host_key("127.0.0.1", server.port, 5.0)
    assert server.host_key == shown.line
    assert asyncssh.import_public_key(server.host_key).get_fingerprint() == shown.fingerprint
    assert shown.fingerprint in caught.value.next_step
    assert f"gateway doctor --host-key 127.0.0.1:{server.port}" in caught.value.next_step
    assert f"ssh-keyscan -p {server.port} 127.0.0.1 | ssh-keygen -lf -" in caught.value.next_step


def test_changed_host_key(server: SftpServer) -> None:
    """A server that shows another key than the pinned one gets no password."""
    server.faults.add("other_host_key")
    with pytest.raises(PeerUntrusted):
        SftpPeer(address(server)).__enter__()
    with SftpPeer(address(server)) as peer:
        assert ["outbox"] == [entry.name for entry in peer.list("/")]


@pytest.mark.parametrize("shown", ["host_key", "other_host_key"])
def test_either_key_while_they_change(server: SftpServer, shown: str) -> None:
    """With the next key entered beside the present one, the server proves itself by either; by a third it does not."""
    present, following, third = (
        asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode() for _key in range(3)
    )
    pinned = {"host_key": present, "other_host_key": following, shown: server.host_key}
    with SftpPeer(address(server, **pinned)) as peer:
        assert ["outbox"] == [entry.name for entry in peer.list("/")]
    with pytest.raises(PeerUntrusted):
        SftpPeer(address(server, **{**pinned, shown: third})).__enter__()


@pytest.mark.parametrize("kind", ["ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed25519"])
def test_pinned_kind(tmp_path: Path, kind: str) -> None:
    """Of a server's several keys the pinned one is asked for, whatever kind it is."""
    keys = [asyncssh.generate_private_key(name) for name in ("ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed25519")]
    line = next(key for key in keys if key.get_algorithm() == kind).export_public_key().decode()
    with RawSsh(server_host_keys=keys) as port:
        where = SftpAddress(
            host="127.0.0.1", port=port, user="gw", host_key=line, password=SecretStr("pw"), timeout=5.0
        )
        with pytest.raises(PeerRefused):  # it lets nobody in, but only after its key was accepted
            SftpPeer(where).__enter__()


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-ed25519 %%%"])
def test_unreadable_pin(server: SftpServer, line: str) -> None:
    """A pinned line that isn't one is a fault of the configuration, not of the server."""
    with pytest.raises(KeyFault):
        SftpPeer(address(server, host_key=line)).__enter__()


@pytest.mark.parametrize(
    "weak",
    [
        {"kex_algs": ["diffie-hellman-group14-sha1"]},
        {"mac_algs": ["hmac-sha1", "hmac-md5"], "encryption_algs": ["aes128-ctr"]},
        {"encryption_algs": ["aes128-cbc", "3des-cbc"]},
    ],
)
def test_only_sha1(weak: dict[str, list[str]]) -> None:
    """A server that offers only SHA-1, MD5 or CBC is refused in words that say what to do."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    with RawSsh(server_host_keys=[key], **weak) as port, pytest.raises(PeerRefused, match="SHA-1"):
        show_host_key("127.0.0.1", port, 5.0)


def test_garbage_banner(server: SftpServer) -> None:
    """Bytes that are no SSH give an error of ours."""
    server.faults.add("garbage_banner")
    with pytest.raises(TryLater):
        SftpPeer(address(server)).__enter__()


def test_nobody_listens() -> None:
    """A closed port is a peer that cannot be reached."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(PeerUnreachable):
        show_host_key("127.0.0.1", port, 5.0)


def test_silent_server() -> None:
    """A server that accepts and never speaks is given up after the timeout."""
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(PeerUnreachable):
        show_host_key("127.0.0.1", silent.getsockname()[1], 0.5)


class RawSsh:
    """An SSH server that lets nobody in, with any options of asyncssh."""

    def __init__(self, **options: object) -> None:
        self._options = options
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> int:
        self._thread.start()
        self._ready.wait(10)
        return self._port

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run(self) -> None:
        class Nobody(asyncssh.SSHServer):
            def begin_auth(self, username: str) -> bool:
                return True

            def password_auth_supported(self) -> bool:
                return True

        async def listen() -> None:
            acceptor = await asyncssh.create_server(Nobody, "127.0.0.1", 0, **self._options)
            self._port = acceptor.get_port()
            self._ready.set()

        self._loop.run_until_complete(listen())
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()
