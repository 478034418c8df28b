"""Chains made by hand, as the ledger would have made them."""

from dataclasses import replace

from gateway.audit import ORIGIN, Checkpoint, entry_line, hash_of
from gateway.audit.form import canonical
from gateway.vault import Sm2PrivateKey

#: Entries between two checkpoints.
EVERY = 8
AT = "2026-11-03T06:30:00.000000Z"


def entry(seq: int, previous: str, **detail: object) -> bytes:
    """An entry's line with its end."""
    said = canonical({"case": seq, "note": "电话核实", **detail})
    return entry_line(seq=seq, at=AT, actor="clerk", act="case.same", detail=said, previous=previous) + b"\n"


def checkpoint(number: int, seq: int, digest: str, previous: str, key: Sm2PrivateKey) -> bytes:
    """A checkpoint's line with its end, signed with the key."""
    bare = Checkpoint(number=number, seq=seq, hash=digest, at=AT, previous=previous, key=key.public.hex)
    return replace(bare, signature=key.sign(bare.signed()).hex()).line() + b"\n"


def chain(entries: int, key: Sm2PrivateKey) -> list[bytes]:
    """A chain of so many entries, signed every few and at its end."""
    lines, digest, before, number = list[bytes](), ORIGIN, ORIGIN, 0
    for seq in range(1, entries + 1):
        lines.append(entry(seq, digest))
        digest = hash_of(lines[-1][:-1])
        if seq % EVERY == 0 or seq == entries:
            number += 1
            lines.append(checkpoint(number, seq, digest, before, key))
            before = hash_of(lines[-1][:-1])
    return lines
