"""The session that a plugin works with: transports, secrets, and sealed parts, all closed at its end."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import SecretStr

from gateway.peers.envelope import EnvelopePeer
from gateway.peers.http import Auth, HttpPeer
from gateway.peers.retry import Retry
from gateway.peers.sftp import SftpPeer
from gateway.peers.sink import Sink
from gateway.peers.ssh import SftpAddress
from gateway.plugin.api import HttpOptions, SftpOptions
from gateway.plugin.forms import now
from gateway.vault import Keyring, Sm2PublicKey, read_secret

#: How patient one run is with a peer; what is left is for the next run.
PATIENCE = Retry(attempts=5, first_wait=0.5, longest_wait=20.0)


@dataclass(kw_only=True)
class SourceSession:
    """One instance's session in one run. Use as a context manager."""

    instance: str
    today: date
    site: Path
    keyring: Keyring
    #: Folder of this instance's sealed partial downloads.
    incoming: Path
    last_full: date | None = None
    last_any: date | None = None
    #: Draws a fresh message number; only the platform's session has one.
    next_msgid: object = None
    _stack: ExitStack = field(default_factory=ExitStack)
    _sftp: dict[SftpOptions, SftpPeer] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def sftp(self, options: SftpOptions) -> SftpPeer:
        """The server, connected once per session."""
        if options not in self._sftp:
            address = SftpAddress(
                host=options.host,
                port=options.port,
                user=options.user,
                host_key=options.host_key or None,
                password=self.secret(options.password) if options.password else None,
                private_key=self.secret(options.private_key) if options.private_key else None,
                timeout=options.timeout,
            )
            self._sftp[options] = self._stack.enter_context(SftpPeer(address))
        return self._sftp[options]

    def http(self, options: HttpOptions, auth: Auth | None = None) -> HttpPeer:
        """A client, closed with the session."""
        peer = HttpPeer(options.base, name=self.instance, timeout=options.timeout, retry=PATIENCE, auth=auth)
        return self._stack.enter_context(peer)

    def secret(self, reference: str) -> SecretStr:
        """The secret behind a reference."""
        return read_secret(reference, self.site)

    @contextmanager
    def part(self, name: str) -> Iterator[Sink]:
        """A sealed sink that goes on where an earlier try of the same part stopped."""
        with self.keyring.sealer.resume(self.part_path(name)) as writer:
            yield writer

    def part_path(self, name: str) -> Path:
        """Where the sealed part lies. Names come from outside, so the file is named by their digest."""
        return self.incoming / f"{sha256(name.encode()).hexdigest()[:32]}.part"

    def drop_parts(self) -> None:
        """Forgets all partial downloads of this instance: the delivery was taken, or refused."""
        for path in self.incoming.glob("*.part"):
            path.unlink()

    def envelope(self, http: HttpPeer, **settings: str) -> EnvelopePeer:
        """The national envelope over a client, signed with the gateway's key."""
        assert callable(self.next_msgid)
        return EnvelopePeer(
            http=http,
            org_code=settings["org_code"],
            admdvs=settings["admdvs"],
            sm4_key=bytes.fromhex(settings["sm4_key"]),
            signing_key=self.keyring.signing_key,
            platform_key=Sm2PublicKey.from_hex(settings["platform_key"]),
            opter=settings["opter"],
            opter_name=settings["opter_name"],
            clock=_china_now,
            next_msgid=self.next_msgid,
        )


def _china_now() -> datetime:
    return now()
