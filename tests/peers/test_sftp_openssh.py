"""The same against OpenSSH's own server."""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.errors import PeerRefused
from gateway.peers.sftp import SftpAddress, SftpPeer, show_host_key
from gateway.peers.sink import MemorySink

SSHD = shutil.which("sshd") or shutil.which("sshd", path="/usr/sbin")
pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(
        SSHD is None, reason="OpenSSH's sshd is not installed (apt-get install openssh-server)"
    ),
]


class Sshd:
    """One sshd on loopback that lets the current user in with one key."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        for name in ("host", "user", "stranger"):
            make = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(folder / name)]
            subprocess.run(make, check=True)
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # sshd as root refuses to start without it
        (folder / "config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\n"
            f"AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nPermitRootLogin yes\nUsePAM no\n"
            "Subsystem sftp internal-sftp\n"
        )
        command = [str(SSHD), "-D", "-q", "-f", str(folder / "config")]
        self.process = subprocess.Popen(command, start_new_session=True)

    def address(self, key: str = "user") -> SftpAddress:
        return SftpAddress(
            host="127.0.0.1",
            port=self.port,
            user=getpass.getuser(),
            host_key=(self.folder / "host.pub").read_text(),
            private_key=SecretStr((self.folder / key).read_text()),
            timeout=10.0,
        )


def _wait_until_it_listens(server: Sshd) -> None:
    for _look in range(100):
        try:
            socket.create_connection(("127.0.0.1", server.port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.05)


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    tmp_path.chmod(0o700)
    server = Sshd(tmp_path)
    try:
        _wait_until_it_listens(server)
        yield server
    finally:
        server.process.terminate()
        server.process.wait()


def test_there_and_back(sshd: Sshd) -> None:
    """What is written is listed and read back, over an older file and in a folder that was missing."""
    data = os.urandom(5_000_000)
    path = f"{sshd.folder}/in/box/r.zip"
    with SftpPeer(sshd.address()) as peer:
        peer.write(path, b"older")
        peer.write(path, data)
        assert [("r.zip", len(data))] == [
            (file.name, file.size) for file in peer.list(f"{sshd.folder}/in/box")
        ]
        assert data == peer.read(path, len(data))
        with pytest.raises(PeerRefused, match="nowhere"):
            peer.list(f"{sshd.folder}/nowhere")


def test_fingerprint_is_what_ssh_keygen_prints(sshd: Sshd) -> None:
    """The fingerprint we show is the one that the department reads from its own tool."""
    told = subprocess.run(
        ["ssh-keygen", "-lf", str(sshd.folder / "host.pub")], check=True, capture_output=True, text=True
    )
    assert show_host_key("127.0.0.1", sshd.port, 5.0).fingerprint in told.stdout.split()


def test_stranger(sshd: Sshd) -> None:
    """A key that the server doesn't know is a refusal."""
    with pytest.raises(PeerRefused):
        SftpPeer(sshd.address(key="stranger")).__enter__()


def test_large_file_goes_on(sshd: Sshd) -> None:
    """A download of several windows goes on from the middle."""
    data = os.urandom(70 * 1024 * 1024)
    (sshd.folder / "f").write_bytes(data)
    sink = MemorySink()
    sink.write(data[:1_234_567])
    with SftpPeer(sshd.address()) as peer:
        peer.download(f"{sshd.folder}/f", sink, len(data))
    assert data == sink.getvalue()
