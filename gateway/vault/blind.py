"""The blind index: numbers that stand for people, and that nobody without its key can work out.

Takes the ring and which of its keys is in force, which the ledger says; gives keyed digests. `KeyFault` where the ring
does not have that key.
"""

from collections.abc import Iterable
from typing import Protocol

from gateway.vault.sm import Sm3Keyed


class IndexKeys(Protocol):
    """Where the keys of blind indexes are."""

    def index(self, key_id: str) -> Sm3Keyed:
        """The key of that id. KeyFault where it is not here."""


class BlindIndex:
    """Keyed digests under one key. May be shared by threads."""

    def __init__(self, keys: IndexKeys, key_id: str) -> None:
        """Raises KeyFault."""
        self._keys, self.key_id = keys, key_id
        self._key = keys.index(key_id)

    def __repr__(self) -> str:
        return f"BlindIndex({self.key_id})"

    def under(self, key_id: str) -> "BlindIndex":
        """The same index under another key of the ring. Raises KeyFault."""
        return self if key_id == self.key_id else BlindIndex(self._keys, key_id)

    def use(self, key_id: str) -> None:
        """From now on digests are under that key. For whoever opens a site, and for whoever has just passed its ledger
        to the key: what was worked out before is worth nothing afterwards. Raises KeyFault."""
        self._key = self._keys.index(key_id)
        self.key_id = key_id

    def digests(self, values: Iterable[str]) -> list[int]:
        """As `Keyring.person_digest`."""
        return person_digests(self._key, values)


def person_digests(key: Sm3Keyed, values: Iterable[str]) -> list[int]:
    """`Keyring.person_digest` under this key."""
    digest, number = key.digest, int.from_bytes
    return [number(digest(value.encode())[:8], "big") >> 1 for value in values]
