"""Several servers as one thing: made from a configuration, started and stopped together.

Takes `{name: {"kind": "sftp" | "federation" | "tax" | "platform", …the server's arguments}}`, keys in hex and
paths as text; gives the running servers and where they are; refuses an unknown kind (KeyError) or argument
(TypeError).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gateway.testing.federation import FederationServer
from gateway.testing.platform import PlatformServer
from gateway.testing.sftp import SftpServer
from gateway.testing.tax import TaxServer
from gateway.testing.web import WebServer
from gateway.vault.sm import Sm2PrivateKey, Sm2PublicKey

Server = SftpServer | WebServer
#: server name → its kind and arguments; Any: JSON
Plan = Mapping[str, Mapping[str, Any]]


class Fleet:
    """`with Fleet(plan) as fleet`. An HTTP server switches its neighbours' faults on too, by name."""

    def __init__(self, plan: Plan) -> None:
        self.servers: dict[str, Server] = {name: make(arguments) for name, arguments in plan.items()}
        for server in self.servers.values():
            if isinstance(server, WebServer):
                server.neighbours = {name: other.faults for name, other in self.servers.items()}

    def __enter__(self) -> Self:
        started: list[Server] = []
        try:
            for server in self.servers.values():
                server.start()
                started.append(server)
        except OSError:
            for server in started:
                server.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self.servers.values():
            server.stop()

    def places(self) -> dict[str, dict[str, str | int]]:
        """Name → `host`, `port`, and `host_key` of an SFTP server or `root` and `base` of an HTTP server."""
        return {name: _place(server) for name, server in self.servers.items()}


def make(arguments: Mapping[str, Any]) -> Server:  # Any: JSON
    """One server from its configuration. KeyError: unknown kind; TypeError: unknown argument."""
    rest = {name: _CONVERTERS.get(name, _as_is)(value) for name, value in arguments.items() if name != "kind"}
    return _KINDS[arguments["kind"]](**rest)


def _as_is(value: Any) -> Any:  # Any: JSON
    return value


def _place(server: Server) -> dict[str, str | int]:
    place: dict[str, str | int] = {"host": server.host, "port": server.port}
    if isinstance(server, WebServer):
        return {**place, "root": server.root, "base": server.base}
    return {**place, "host_key": server.host_key}


_KINDS: Mapping[str, Callable[..., Server]] = {
    "sftp": SftpServer,
    "federation": FederationServer,
    "tax": TaxServer,
    "platform": PlatformServer,
}
_CONVERTERS: Mapping[str, Callable[[Any], Any]] = {
    "root": Path,
    "data": Path,
    "sm4_key": bytes.fromhex,
    "private_key": Sm2PrivateKey.from_hex,
    "gateway_public": Sm2PublicKey.from_hex,
    "codes": lambda codes: {code: frozenset(levels) for code, levels in codes.items()},
}
