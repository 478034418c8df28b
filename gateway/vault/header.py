"""How a sealed file looks on disk: its header, and one record per chunk.

Takes the keys of a site's epochs, gives headers, and records sealed and opened one at a time; reads and writes no file.
`SealBroken` for what does not open. All numbers are big-endian:

```
named    8  GWSEAL2F; GWSEAL2T for a frame, of which `frames.py` has the rest
        16  algorithm, ASCII, filled up with zeros: SM4-GCM
        16  id of the file's own random data key, made from it: these bytes stand for one key and no other
         4  plain bytes in a chunk; 0 in a frame
slot    16  id of the epoch's key that wraps the data key, ASCII, filled up with zeros; all zeros = empty
        44  nonce, the data key under it (SM4-GCM), tag; bound to the 44 bytes before, and to the id
slot    60  another: a file that passes to a new epoch opens under both
record   7  nonce prefix, random, drawn by every writer that opened the file
         n  ciphertext of one chunk
        16  tag. Nonce: prefix ‖ chunk number (4 bytes) ‖ 1 for the last chunk, else 0; bound to the first 44 bytes
```

The slots are the only bytes of a finished file that ever change, and no name stands for them: docs/decisions/0060.

The records are the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: CRYPTO 2015): the number finds
reordered chunks, the flag finds truncation, the data key finds a chunk of another file. Every chunk is full
but the last, which never is (it may be empty), so that a file which ends with a full chunk was never
finished.

The prefix stands in each record and not in the header, because whoever resumes a file may seal a torn
chunk's number again with other content, and no nonce may serve twice.
"""

import secrets
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol, Self

from gateway.errors import KeyFault, SealBroken
from gateway.vault.provider import WRAP_OVERHEAD, KeyHandle, SoftHandle
from gateway.vault.sm import SM4_KEY_BYTES, TAG_BYTES, Plain, hkdf_sm3, sm4_gcm_open, sm4_gcm_seal
from gateway.words import _

ALGORITHM = b"SM4-GCM"
FILE_MAGIC = b"GWSEAL2F"
#: magic, algorithm, key id: what every seal begins with.
SEAL_HEAD = struct.Struct(">8s16s16s")
_CHUNK_SIZE = struct.Struct(">I")
NAMED_BYTES = SEAL_HEAD.size + _CHUNK_SIZE.size
_KEY_ID_BYTES = 16
SLOT_BYTES = _KEY_ID_BYTES + SM4_KEY_BYTES + WRAP_OVERHEAD
SLOTS = 2
HEADER_BYTES = NAMED_BYTES + SLOTS * SLOT_BYTES

PREFIX_BYTES = 7
_POSITION = struct.Struct(">IB")
#: What a record is longer than its chunk.
RECORD_OVERHEAD = PREFIX_BYTES + TAG_BYTES


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """The key that wraps the data keys of a site's files, while it is the newest. Its repr shows the id only."""

    #: 1 to 16 ASCII letters, digits or hyphens.
    key_id: str
    handle: KeyHandle = field(repr=False)
    #: 16 bytes: the key that sealed values' keys are made from.
    values: bytes = field(repr=False)

    def __post_init__(self) -> None:
        plain_id = self.key_id.isascii() and self.key_id.replace("-", "a").isalnum()
        if not plain_id or len(self.key_id) > _KEY_ID_BYTES or len(self.values) != SM4_KEY_BYTES:
            raise KeyFault(_("封存密钥或其编号的格式不对"), next_step=_("请核对密钥文件 keys/ring.json"))

    @classmethod
    def soft(cls, key_id: str, key: bytes) -> Self:
        """An epoch whose keys are this one, in memory. KeyFault for an id or a key of another form."""
        return cls(key_id=key_id, handle=SoftHandle(key=key), values=key)

    @property
    def _id(self) -> bytes:
        return self.key_id.encode("ascii").ljust(_KEY_ID_BYTES, b"\0")

    def slot(self, data_key: bytes, named: bytes) -> bytes:
        """The 60 bytes that say the data key to whoever has this epoch's key."""
        return self._id + self.handle.wrap(data_key, named + self._id)

    def data_key(self, slot: bytes, named: bytes) -> bytes:
        """What such bytes say. SealBroken where they were changed, or are another file's."""
        return self.handle.unwrap(slot[_KEY_ID_BYTES:], named + self._id)


class Epochs(Protocol):
    """The epochs whose keys a site has."""

    def newest(self) -> Epoch:
        """The one that seals."""

    def find(self, key_id: str) -> Epoch | None:
        """The one of that id; None where its key is not here."""


def check_head(sealed: bytes, magic: bytes, where: str = "") -> None:
    """Whether a seal begins as it should. `SealBroken` that says why not."""
    if len(sealed) < SEAL_HEAD.size or not sealed.startswith(magic):
        raise broken(where, _("不是封存内容,或已残缺"))
    if sealed[8:24].rstrip(b"\0") != ALGORITHM:
        raise broken(where, _("封存算法不是 SM4-GCM"))


def key_id_in(sealed: bytes) -> str:
    """The id of an epoch's key at the beginning of these bytes; "" where there is none."""
    return sealed[:_KEY_ID_BYTES].rstrip(b"\0").decode("ascii", "replace")


def unknown_keys(where: str, *key_ids: str) -> SealBroken:
    """`SealBroken` for what is sealed under keys that the site does not have."""
    return SealBroken(
        _("封存所用的密钥 {key_ids} 不在本站点的密钥环中").format(key_ids=_("、").join(key_ids)),
        where=where,
        next_step=_("请放回封存时所用的 keys/ring.json;已销毁的密钥无法恢复"),
    )


def slots(raw: bytes) -> Iterator[tuple[int, str, bytes]]:
    """Place in the file, key id and bytes of each slot of a header that is not empty."""
    for place in range(NAMED_BYTES, HEADER_BYTES, SLOT_BYTES):
        slot = raw[place : place + SLOT_BYTES]
        if len(slot) == SLOT_BYTES and (key_id := key_id_in(slot)):
            yield place, key_id, slot


@dataclass(frozen=True, kw_only=True)
class FileHeader:
    """A sealed file's header, opened: seals and opens the file's records."""

    #: The 164 bytes as they stand in the file.
    raw: bytes = field(repr=False)
    data_key: bytes = field(repr=False)
    #: Plain bytes in every chunk but the last.
    chunk_bytes: int
    #: The epoch under whose key it was opened, or made, and where that slot begins.
    epoch: Epoch
    place: int

    @classmethod
    def new(cls, epoch: Epoch, chunk_bytes: int, magic: bytes = FILE_MAGIC) -> Self:
        """A header with a data key of its own."""
        data_key = secrets.token_bytes(SM4_KEY_BYTES)
        named = SEAL_HEAD.pack(magic, ALGORITHM, _data_key_id(data_key)) + _CHUNK_SIZE.pack(chunk_bytes)
        raw = (named + epoch.slot(data_key, named)).ljust(HEADER_BYTES, b"\0")
        return cls(raw=raw, data_key=data_key, chunk_bytes=chunk_bytes, epoch=epoch, place=NAMED_BYTES)

    @classmethod
    def parse(cls, raw: bytes, epochs: Epochs, where: str, magic: bytes = FILE_MAGIC) -> Self:
        """The header of a file's first 164 bytes, by the slot of the newest epoch that opens. `SealBroken` where none
        of the site's keys opens it."""
        check_head(raw, magic, where)
        if len(raw) != HEADER_BYTES:
            raise broken(where, _("文件头残缺"))
        named, there = raw[:NAMED_BYTES], list(slots(raw))
        known = [(place, epoch, slot) for place, key_id, slot in there if (epoch := epochs.find(key_id))]
        if there and not known:
            raise unknown_keys(where, *(key_id for _place, key_id, _slot in there))
        newest = epochs.newest().key_id if len(known) > 1 else ""
        for place, epoch, slot in sorted(known, key=lambda one: one[1].key_id != newest):
            try:
                data_key = epoch.data_key(slot, named)
            except SealBroken:  # a slot that was being written when the machine stopped: the other one holds
                continue
            if _data_key_id(data_key) == named[24:40]:
                (chunk_bytes,) = _CHUNK_SIZE.unpack(named[-_CHUNK_SIZE.size :])
                return cls(raw=raw, data_key=data_key, chunk_bytes=chunk_bytes, epoch=epoch, place=place)
        raise broken(where, _("文件头被改动或残缺"))

    @property
    def named(self) -> bytes:
        """The 44 bytes that never change; every record is bound to them."""
        return self.raw[:NAMED_BYTES]

    @property
    def key_id(self) -> str:
        """The id of the data key, 32 hex digits."""
        return self.raw[24:40].hex()

    @property
    def record_bytes(self) -> int:
        """The length of every record but the last."""
        return self.chunk_bytes + RECORD_OVERHEAD

    def seal(self, prefix: bytes, number: int, plain: Plain, *, last: bool) -> bytes:
        """The record of chunk `number`, counted from 0, but for its prefix: that saves a copy."""
        nonce = prefix + _POSITION.pack(number, last)
        return sm4_gcm_seal(self.data_key, nonce, plain, self.named)

    def open(self, number: int, record: bytes, *, last: bool, where: str = "") -> bytes:
        """The plain bytes of chunk `number`. `SealBroken` if the record isn't that chunk of this file."""
        nonce = record[:PREFIX_BYTES] + _POSITION.pack(number, last)
        try:
            if len(record) >= RECORD_OVERHEAD:
                return sm4_gcm_open(self.data_key, nonce, record[PREFIX_BYTES:], self.named)
        except SealBroken:
            pass
        raise broken(where, _("第 {number} 块被改动、调换或截断").format(number=number + 1))


def _data_key_id(data_key: bytes) -> bytes:
    return hkdf_sm3(data_key, b"gateway data key id", _KEY_ID_BYTES)


def broken(where: str, what: str) -> SealBroken:
    """`SealBroken` with the one thing that helps: another copy."""
    return SealBroken(what, where=where, next_step=_("请从备份恢复该文件,或请来源重新交付"))
