"""`make bench-sftp`: one large file from OpenSSH's sshd, through the gateway's door and beside it.

Takes SFTP_MIB (300) and RUNS (3) from the environment. Prints MiB a second of paramiko's own `get`, of OpenSSH's
`sftp`, and of the gateway's door into a sink that keeps nothing and into a sealed file; medians. Exits 1 where the
gateway's door is slower than `get`. Without sshd or sftp on the machine it says so, and succeeds.
"""

import getpass
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
from pydantic import SecretStr

from bench.processes import machine
from gateway.peers.sftp import SftpAddress, SftpPeer
from gateway.vault import Keyring
from gateway.vault.sealedfile import CHEAPEST

_MIB = 1 << 20
_LIMIT = 1 << 34
GET, SFTP = "paramiko's get, to a file", "OpenSSH's sftp, to a file"
DOOR, SEALED = "the gateway, kept nowhere", "the gateway, sealed and synced"


def main() -> int:
    """Measures, prints. 1 where the gateway's door is slower than `get`."""
    size, runs = int(os.environ.get("SFTP_MIB", "300")), int(os.environ.get("RUNS", "3"))
    missing = [name for name in ("sshd", "sftp", "ssh-keygen") if _program(name) is None]
    if missing:
        print(f"SKIPPED, since the machine lacks them: {', '.join(missing)} (make sshd)")
        return 0
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as name:
        folder = Path(name)
        (folder / "large").write_bytes(os.urandom(size * _MIB))
        Keyring.create(folder / "keys", cost=CHEAPEST)
        with sshd(folder) as port:
            took = _measured(folder, port, runs)
    print(f"{size} MiB; {machine('paramiko', 'cryptography')}; medians of {runs}")
    rates = {way: statistics.median(size / seconds for seconds, _worked in each) for way, each in took.items()}
    print(f"  {'':<34}{'MiB/s':>8}{'CPU s':>8}{'of get':>8}{'of sftp':>9}")
    for way, each in took.items():
        worked = statistics.median(worked for _seconds, worked in each)
        ratios = f"{rates[way] / rates[GET]:8.2f}{rates[way] / rates[SFTP]:9.2f}"
        print(f"  {way:<34}{rates[way]:8.0f}{worked:8.2f}{ratios}")
    return 0 if rates[DOOR] >= rates[GET] else 1


def _measured(folder: Path, port: int, runs: int) -> dict[str, list[tuple[float, float]]]:
    """Way -> (seconds, seconds of this process's processor) of each run; the ways take turns."""
    ways: dict[str, Callable[[], float]] = {
        GET: lambda: _get(folder, port),
        SFTP: lambda: _openssh(folder, port),
        DOOR: lambda: _door(folder, port),
        SEALED: lambda: _sealed(folder, port),
    }
    took: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _run in range(runs):
        for way, go in ways.items():
            worked = time.process_time()
            took[way].append((go(), time.process_time() - worked))
    return took


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


@contextmanager
def sshd(folder: Path) -> Iterator[int]:
    """A server on loopback that lets this user in with one key; its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(folder / name)], check=True)
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\n"
        f"AuthorizedKeysFile {folder}/user.pub\nStrictModes no\nPermitRootLogin yes\nUsePAM no\n"
        "Subsystem sftp internal-sftp\n"
    )
    (folder / "known").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    server = subprocess.Popen([str(_program("sshd")), "-D", "-q", "-f", str(folder / "config")])
    try:
        _wait(port)
        yield port
    finally:
        server.terminate()
        server.wait()


def _wait(port: int) -> None:
    for _look in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise RuntimeError("sshd does not answer")


def _get(folder: Path, port: int) -> float:
    """As its documentation shows it; to a file, since `get` takes nothing else."""
    with paramiko.SSHClient() as client:
        client.load_host_keys(str(folder / "known"))
        user = str(folder / "user")
        client.connect("127.0.0.1", port, getpass.getuser(), key_filename=user, look_for_keys=False, allow_agent=False)
        sftp = client.open_sftp()
        start = time.perf_counter()
        sftp.get(str(folder / "large"), str(folder / "got"))
        return time.perf_counter() - start


def _openssh(folder: Path, port: int) -> float:
    """The program, with its start and login: about 0.1 s."""
    options = ["-q", "-F", "none", "-i", str(folder / "user"), "-o", f"UserKnownHostsFile={folder}/known"]
    place = f"{getpass.getuser()}@127.0.0.1:{folder}/large"
    start = time.perf_counter()
    subprocess.run(
        ["sftp", *options, "-P", str(port), place, str(folder / "got")], check=True, stdout=subprocess.DEVNULL
    )
    return time.perf_counter() - start


class _Nowhere:
    """Counts and forgets."""

    def __init__(self) -> None:
        self.plain_size = 0

    def write(self, data: bytes) -> None:
        self.plain_size += len(data)

    def restart(self) -> None:
        self.plain_size = 0


@contextmanager
def _peer(folder: Path, port: int) -> Iterator[SftpPeer]:
    address = SftpAddress(
        host="127.0.0.1",
        port=port,
        user=getpass.getuser(),
        host_key=(folder / "host.pub").read_text(),
        private_key=SecretStr((folder / "user").read_text()),
    )
    with SftpPeer(address) as peer:
        yield peer


def _door(folder: Path, port: int) -> float:
    with _peer(folder, port) as peer:
        start = time.perf_counter()
        peer.download(str(folder / "large"), _Nowhere(), _LIMIT)
        return time.perf_counter() - start


def _sealed(folder: Path, port: int) -> float:
    """Into a sealed file as in a run, closing and syncing it included."""
    (folder / "sealed").unlink(missing_ok=True)
    sealer = Keyring.load(folder / "keys").sealer
    with _peer(folder, port) as peer:
        start = time.perf_counter()
        with sealer.create(folder / "sealed") as sink:
            peer.download(str(folder / "large"), sink, _LIMIT)
        return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
