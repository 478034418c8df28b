"""What a plugin's author works with: the classes to derive from and the values that travel.

A plugin says where a department's deliveries lie and what it promises of them; everything common is the session's.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Protocol

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from gateway.model.deliveries import Manifest
from gateway.peers.envelope import EnvelopePeer
from gateway.peers.http import Auth, HttpPeer
from gateway.peers.sftp import SftpPeer
from gateway.peers.sink import Sink
from gateway.peers.tls import is_bare
from gateway.words import _


class PluginOptions(BaseModel):
    """Base of a plugin's settings: an unknown key is a fault. Fields without default must be in `gateway.toml`."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SftpOptions(PluginOptions):
    """Settings of a source that lies on an SFTP server."""

    host: str
    port: int = 22
    user: str
    #: One OpenSSH line, `ssh-ed25519 AAAA…`: the server must show this key.
    host_key: str = ""
    #: The key that takes its place: until `host_key` is replaced by it, either will do.
    next_host_key: str = ""
    #: `file:…`, `env:…` or `credential:…`; one of password and private_key.
    password: str = ""
    private_key: str = ""
    outbox: str = "/outbox"
    inbox: str = "/inbox"
    #: Seconds for connecting and for each answer.
    timeout: float = 30.0


class HttpOptions(PluginOptions):
    """Settings of a source behind an HTTP address."""

    base: str
    #: Seconds for connecting and for each wait for bytes.
    timeout: float = 30.0
    #: PEM file of the authorities to trust, relative to the site's folder; "" = those that browsers trust.
    ca_file: str = ""
    #: Our own certificate, a PEM file relative to the site's folder, and its key as `file:…`, where the peer asks.
    client_certificate: str = ""
    client_key: str = ""
    #: What protects `http://` to another machine, such as a VPN; without it such an address is a fault.
    channel: str = Field(default="", max_length=200, validate_default=True)

    @field_validator("client_key")
    @classmethod
    def _a_file(cls, reference: str) -> str:
        if reference and not reference.startswith("file:"):
            raise ValueError(_("只能写 file:keys/文件名"))
        return reference

    @field_validator("channel")
    @classmethod
    def _named(cls, channel: str, info: ValidationInfo) -> str:
        if is_bare(str(info.data.get("base", ""))) and not channel.strip():
            raise ValueError(_("base 是 http://,不加密,只允许连接本机;请改用 https://,或写明保护通道的设备"))
        return channel


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A delivery that seems to lie there, complete. Cheap to say; nothing is downloaded yet."""

    #: The department's name of it, unique per instance.
    name: str
    #: The bytes by which its content is known (manifest, list of digests); b"" where only a fetch tells.
    manifest: bytes = b""


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """A delivery as it was downloaded into the session's sealed parts."""

    manifest: Manifest
    #: Names of the parts that were written, in the manifest's order. One that speaks for its own scope only may be
    #: missing: that scope is refused.
    parts: tuple[str, ...]
    #: A part that is an archive, whose members are the manifest's parts: (part, digest, algorithm, password).
    archive: tuple[str, str, str, SecretStr] | None = None
    #: Other files of the delivery to keep, by name.
    extras: Mapping[str, bytes] | None = None


#: Columns of a receipt's rows: the department's own words as received, and what each row came to.
RECEIPT = pl.Schema(
    {
        "row": pl.UInt32,  # 1… through the delivery
        "line": pl.UInt32,  # line of the file or row of the sheet
        "part": pl.String,
        "name": pl.String,
        "number": pl.String,
        "category": pl.String,
        "household": pl.String,
        "source_id": pl.String,
        "result": pl.String,
        "reason": pl.String,
    }
)


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """What a department gets back for one delivery. Only about rows that it sent itself."""

    delivery: str
    business_date: date
    #: The same however often it is tried; another for each delivery, and each time its receipt is written anew.
    issue: str
    #: `RECEIPT`
    rows: pl.DataFrame


class Session(Protocol):
    """What a plugin may use: it owns no sockets, clocks, keys or tables."""

    instance: str
    today: date
    #: Business date of the newest full list that was taken; None before the first.
    last_full: date | None
    #: Business date of the newest delivery that was taken.
    last_any: date | None

    def last_named(self, beginning: str) -> date | None:
        """The same of deliveries whose name begins so."""

    def sftp(self, options: SftpOptions) -> SftpPeer:
        """The server, connected; closed with the session. Raises PeerUntrusted, PeerRefused, PeerUnreachable."""

    def http(self, options: HttpOptions, auth: Auth | None = None) -> HttpPeer:
        """A client of the address, closed with the session."""

    def secret(self, reference: str) -> SecretStr:
        """The secret behind `file:…`, `env:…` or `credential:…`. Raises KeyFault."""

    def part(self, name: str) -> AbstractContextManager[Sink]:
        """A sealed sink for one part; after an earlier try it holds what came then."""


class Source(ABC):
    """One department. An object lives for one run of one instance."""

    #: Name of the plugin, its mapping and its golden tests.
    slug: ClassVar[str]
    #: The settings of an instance.
    Options: ClassVar[type[PluginOptions]]

    def __init__(self, options: PluginOptions) -> None:
        self.options = options

    @abstractmethod
    def offers(self, session: Session) -> Iterable[Offer]:
        """What lies there, complete. Raises TryLater or PeerUntrusted; an empty answer is no fault."""

    @abstractmethod
    def fetch(self, session: Session, offer: Offer) -> Fetched:
        """Downloads one offer into sealed parts. Raises TryLater, or DeliveryRefused for one that cannot be used."""

    def feedback(self, session: Session, receipt: Receipt) -> None:  # noqa: B027 - a department may want none
        """Hands the receipt to the department, in its form and place; a department that wants none inherits this."""

    @abstractmethod
    def check(self, session: Session) -> Iterator[str]:
        """For `gateway doctor`: connects and says, in sentences, what it found. Raises as `offers`."""


class Platform(ABC):
    """The insurance platform: roster, read-back, uploads, settlements."""

    slug: ClassVar[str]
    Options: ClassVar[type[PluginOptions]]

    def __init__(self, options: PluginOptions) -> None:
        self.options = options

    @abstractmethod
    def connect(self, session: "PlatformSession") -> EnvelopePeer:
        """The signed and sealed channel to the platform."""

    @abstractmethod
    def roster(self, peer: EnvelopePeer, msgid: str, sink: Sink) -> int:
        """Brings the roster export (gzip) into the sink; the data rows that are said to be inside."""

    @abstractmethod
    def records(self, peer: EnvelopePeer, msgid: str, sink: Sink) -> int:
        """The same of the identity export."""

    @abstractmethod
    def settlements(self, peer: EnvelopePeer, year: int, msgid: str, sink: Sink) -> int:
        """The same of a year's settlements and refunds."""

    @abstractmethod
    def upload(self, peer: EnvelopePeer, msgid: str, plain: bytes) -> list[tuple[int, int]]:
        """Sends one sealed batch; (seq, result) per item. Raises as `EnvelopePeer.call`."""


class PlatformSession(Session, Protocol):
    """A session with what only the platform's plugin needs."""

    def envelope(self, http: HttpPeer, **settings: str) -> EnvelopePeer:
        """The national envelope over a client, with the gateway's own signing key."""
