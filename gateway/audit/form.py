"""The form of an entry and of a checkpoint: one line of JSON each, and the bytes of the line are what is digested.

JSON here is canonical: ASCII only (anything else as \\u escapes), keys in alphabetical order, no spaces. An entry names
the digest of the entry before it, a checkpoint is signed and names the digest of the checkpoint before it. The form
never changes; another one would have another `FORM`.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Self

from gateway.vault import Sm2PublicKey, sm3_hex

#: Stands in every checkpoint, so that its signature means nothing else that the key signs.
FORM = "gateway-audit/1"
#: What the first entry, and the first checkpoint, name as the one before.
ORIGIN = "0" * 64
#: Bytes with which the line of an entry and that of a checkpoint begin: alphabetically the first key.
ENTRY_HEAD, CHECKPOINT_HEAD = b'{"act":', b'{"at":'
_HEX = re.compile(r"[0-9a-f]+")

#: Prepared once: three times as fast as `json.dumps` with these arguments.
canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


def entry_line(*, seq: int, at: str, actor: str, act: str, detail: str, previous: str) -> bytes:
    """An entry, without the line's end. `at`: UTC as 2026-11-01T06:30:00.000000Z; `detail`: canonical JSON."""
    head = f'{{"act":{canonical(act)},"actor":{canonical(actor)},"at":"{at}","detail":{detail}'
    return head.encode("ascii", "backslashreplace") + entry_tail(seq, previous)


def entry_tail(seq: int, previous: str) -> bytes:
    """With what the line of this entry must end: its number, and the digest of the entry before."""
    return b',"previous":"%s","seq":%d}' % (previous.encode(), seq)


def hash_of(line: bytes) -> str:
    """SM3 of a line without its end, 64 lower-case hex digits."""
    return sm3_hex(line)


def fingerprint(public_key: str) -> str:
    """SM3 of a public key (x‖y, 128 hex digits), 64 hex digits: what one tells another by telephone."""
    return sm3_hex(bytes.fromhex(public_key))


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A signature over all entries up to one of them."""

    #: 1, 2, 3, …
    number: int
    #: The entry up to which it covers, that entry's digest, and when it was signed (UTC, as in an entry).
    seq: int
    hash: str
    at: str
    #: SM3 of the line of the checkpoint before.
    previous: str
    #: SM2 public key, 128 hex digits, and signature r‖s, 128 hex digits.
    key: str
    signature: str = ""

    def signed(self) -> bytes:
        """What is signed: the line without its signature."""
        return canonical(self._said()).encode()

    def line(self) -> bytes:
        """The line, without its end."""
        return canonical({**self._said(), "signature": self.signature}).encode()

    def _said(self) -> dict[str, str | int]:
        said = {name: getattr(self, name) for name in ("at", "hash", "key", "previous", "seq")}
        return {**said, "checkpoint": self.number, "form": FORM}

    @classmethod
    def of_line(cls, line: bytes) -> Self | None:
        """The checkpoint of a line; None where the line is none to the last byte."""
        try:
            said: Any = json.loads(line)  # whatever somebody wrote
            names = ("at", "hash", "key", "previous", "seq", "signature")
            found = cls(number=said["checkpoint"], **{name: said[name] for name in names})
        except (ValueError, KeyError, TypeError, RecursionError):
            return None
        return found if found._well_formed() and found.line() == line else None

    def _well_formed(self) -> bool:
        digits = {self.hash: 64, self.previous: 64, self.key: 128, self.signature: 128}
        numbers = all(type(number) is int and number > 0 for number in (self.number, self.seq))
        return numbers and all(
            isinstance(text, str) and len(text) == length and _HEX.fullmatch(text) for text, length in digits.items()
        )

    def signature_holds(self) -> bool:
        """Whether the key that it names signed it. Raises KeyFault where that is no key."""
        return Sm2PublicKey.from_hex(self.key).verify(bytes.fromhex(self.signature), self.signed())
