"""An envelope peer with throwaway keys, for tests against a script and against the platform's twin."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from typing import Any

from gateway.peers.envelope import EnvelopePeer
from gateway.peers.http import HttpPeer, Retry
from gateway.vault.sm import Sm2PrivateKey

KEY = bytes(range(16))
OURS, THEIRS = Sm2PrivateKey.generate(), Sm2PrivateKey.generate()


def numbers() -> Iterator[str]:
    return (f"45100000000120261101010000{number:04}" for number in count(1))


def peer(http: HttpPeer, msgids: Iterator[str] | None = None, **changes: Any) -> EnvelopePeer:
    drawn = msgids or numbers()
    fields: dict[str, Any] = {
        "http": http,
        "org_code": "451000000001",
        "admdvs": "451000",
        "sm4_key": KEY,
        "signing_key": OURS,
        "platform_key": THEIRS.public,
        "opter": "gw",
        "opter_name": "网关",
        "clock": lambda: datetime(2026, 10, 31, 17, 0, tzinfo=UTC),
        "next_msgid": lambda: next(drawn),
    }
    return EnvelopePeer(**{**fields, **changes})


def client(base: str) -> HttpPeer:
    return HttpPeer(base, name="平台", timeout=5.0, retry=Retry(attempts=3, first_wait=1.0, longest_wait=9.0))
