"""The session that a plugin works with: transports, secrets, and sealed parts, all closed at its end."""

from collections.abc import Iterator, Sequence
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
from gateway.peers.tls import Protection
from gateway.plugin.api import HttpOptions, SftpOptions
from gateway.plugin.forms import now
from gateway.vault import Keyring, Sm2PublicKey, read_secret
from gateway.vault.sm import sm3_new

#: How patient one run is with a peer; what is left is for the next run.
PATIENCE = Retry(attempts=5, first_wait=0.5, longest_wait=20.0)


class _Part:
    """A sealed sink that digests what passes. What an earlier try left in it has not passed here."""

    def __init__(self, inner: Sink) -> None:
        self._inner, self._digest = inner, sm3_new()
        #: Whether all that the sink holds was digested.
        self.seen_whole = inner.plain_size == 0

    @property
    def plain_size(self) -> int:
        """Bytes in the sink."""
        return self._inner.plain_size

    def write(self, data: bytes, /) -> None:
        """Hand on and digest."""
        self._inner.write(data)
        self._digest.update(data)

    def restart(self) -> None:
        """Empty the sink and begin a new digest."""
        self._inner.restart()
        self._digest, self.seen_whole = sm3_new(), True

    def sm3(self) -> str:
        """SM3 of what passed since the last restart, hex."""
        return self._digest.hexdigest()


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
    #: Name and business date of the deliveries that were taken.
    taken: Sequence[tuple[str, date]] = ()
    #: Draws a fresh message number; only the platform's session has one.
    next_msgid: object = None
    #: Which offer the parts belong to: what is left of another one is neither gone on with nor dropped.
    _offer: str = ""
    #: Parts opened since `begin`, by name.
    _opened: dict[str, Path] = field(default_factory=dict)
    #: SM3 of the plain bytes of those of them that came whole in this sitting, by name.
    _digests: dict[str, str] = field(default_factory=dict)
    _stack: ExitStack = field(default_factory=ExitStack)
    _sftp: dict[SftpOptions, SftpPeer] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def last_named(self, beginning: str) -> date | None:
        """Business date of the newest delivery that was taken whose name begins so; None before."""
        return max((day for name, day in self.taken if name.startswith(beginning)), default=None)

    def sftp(self, options: SftpOptions) -> SftpPeer:
        """The server, connected once per session."""
        if options not in self._sftp:
            address = SftpAddress(
                host=options.host,
                port=options.port,
                user=options.user,
                host_key=options.host_key or None,
                other_host_key=options.next_host_key or None,
                password=self.secret(options.password) if options.password else None,
                private_key=self.secret(options.private_key) if options.private_key else None,
                timeout=options.timeout,
            )
            self._sftp[options] = self._stack.enter_context(SftpPeer(address))
        return self._sftp[options]

    def http(self, options: HttpOptions, auth: Auth | None = None) -> HttpPeer:
        """A client, closed with the session."""
        peer = HttpPeer(
            options.base,
            name=self.instance,
            timeout=options.timeout,
            retry=PATIENCE,
            auth=auth,
            protection=protection(options, self.site),
        )
        return self._stack.enter_context(peer)

    def secret(self, reference: str) -> SecretStr:
        """The secret behind a reference."""
        return read_secret(reference, self.site)

    def begin(self, offer: str) -> None:
        """From here on parts belong to this offer: its name and the digest of what it promises."""
        self._offer = _digest(offer)[:16]
        self._opened.clear()
        self._digests.clear()

    @contextmanager
    def part(self, name: str) -> Iterator[Sink]:
        """A sealed sink that goes on where an earlier try of the same offer's part stopped."""
        path = self._opened[name] = self.part_path(name)
        self._digests.pop(name, None)
        with self.keyring.sealer.resume(path) as writer:
            sink = _Part(writer)
            yield sink
        if sink.seen_whole:
            self._digests[name] = sink.sm3()

    def part_digest(self, name: str) -> str:
        """SM3 of a finished part's plain bytes, hex; "" where some of them came in an earlier sitting."""
        return self._digests.get(name, "")

    def part_path(self, name: str) -> Path:
        """Where the sealed part lies. Names come from outside, so the file is named by their digest."""
        return self.incoming / f"{self._offer}{_digest(name)[:32]}.part"

    def parts(self) -> dict[str, Path]:
        """Parts that were opened for this offer and still lie here, by name."""
        return {name: path for name, path in self._opened.items() if path.exists()}

    def drop_parts(self) -> None:
        """Forgets this offer's partial downloads: the delivery was taken, or refused."""
        for path in self.incoming.glob(f"{self._offer}*.part"):
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
            other_sm4_key=bytes.fromhex(settings.get("other_sm4_key", "")),
            other_platform_key=Sm2PublicKey.from_hex(other) if (other := settings.get("other_platform_key")) else None,
            opter=settings["opter"],
            opter_name=settings["opter_name"],
            clock=_china_now,
            next_msgid=self.next_msgid,
        )


def protection(options: HttpOptions, site: Path) -> Protection:
    """What protects connections to a peer of the site. Raises KeyFault for a client key that others may read."""
    if options.client_key:
        read_secret(options.client_key, site)
    return Protection(
        ca_file=site / options.ca_file if options.ca_file else None,
        certificate=site / options.client_certificate if options.client_certificate else None,
        key=site / options.client_key.removeprefix("file:") if options.client_key else None,
        channel=options.channel,
    )


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _china_now() -> datetime:
    return now()
