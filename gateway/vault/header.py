"""How a sealed file looks on disk: its header, and one record per chunk.

Takes a site's key, gives headers, and records sealed and opened one at a time; reads and writes no file.
`SealBroken` for what does not open. All numbers are big-endian:

```
header   8  GWSEAL1F; GWSEAL1T for a frame, of which `frames.py` has the rest
        16  algorithm, ASCII, filled up with zeros: SM4-GCM
        16  id of the site's key that wraps the data key, ASCII, filled up with zeros
         4  plain bytes in a chunk; 0 in a frame
        12  nonce of the wrapping
        32  the file's own random data key, SM4-GCM under the site's key; bound to the first 44 bytes
record   7  nonce prefix, random, drawn by every writer that opened the file
         n  ciphertext of one chunk
        16  tag. Nonce: prefix ‖ chunk number (4 bytes) ‖ 1 for the last chunk, else 0; bound to the header
```

That is the STREAM construction (Hoang, Reyhanitabar, Rogaway, Vizár: CRYPTO 2015): the number finds
reordered chunks, the flag finds truncation, the data key finds a chunk of another file. Every chunk is full
but the last, which never is (it may be empty), so that a file which ends with a full chunk was never
finished.

The prefix stands in each record and not in the header, because whoever resumes a file may seal a torn
chunk's number again with other content, and no nonce may serve twice.
"""

import secrets
import struct
from dataclasses import dataclass, field
from typing import Self

from gateway.errors import KeyFault, SealBroken
from gateway.vault.sm import NONCE_BYTES, SM4_KEY_BYTES, TAG_BYTES, Plain, sm4_gcm_open, sm4_gcm_seal
from gateway.words import _

ALGORITHM = b"SM4-GCM"
FILE_MAGIC = b"GWSEAL1F"
#: magic, algorithm, key id: what every seal begins with.
SEAL_HEAD = struct.Struct(">8s16s16s")
_CHUNK_SIZE = struct.Struct(">I")
_BOUND_BYTES = SEAL_HEAD.size + _CHUNK_SIZE.size
HEADER_BYTES = _BOUND_BYTES + NONCE_BYTES + SM4_KEY_BYTES + TAG_BYTES

PREFIX_BYTES = 7
_POSITION = struct.Struct(">IB")
#: What a record is longer than its chunk.
RECORD_OVERHEAD = PREFIX_BYTES + TAG_BYTES


@dataclass(frozen=True, kw_only=True)
class SiteKey:
    """The key that wraps the data keys of a site's files. Its repr shows the id only."""

    #: 1 to 16 ASCII letters, digits or hyphens.
    key_id: str
    #: 16 bytes.
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        plain_id = self.key_id.isascii() and self.key_id.replace("-", "a").isalnum()
        if not plain_id or len(self.key_id) > 16 or len(self.key) != SM4_KEY_BYTES:
            raise KeyFault(_("封存密钥或其编号的格式不对"), next_step=_("请核对密钥文件 site.json"))

    def head(self, magic: bytes) -> bytes:
        """The first 40 bytes of a seal under this key."""
        return SEAL_HEAD.pack(magic, ALGORITHM, self.key_id.encode("ascii"))

    def check_head(self, sealed: bytes, magic: bytes, where: str = "") -> bytes:
        """The first 40 bytes, if this key seals with them; else `SealBroken` that says why not."""
        head = self.head(magic)
        if sealed[: SEAL_HEAD.size] == head:
            return head
        if len(sealed) < SEAL_HEAD.size or not sealed.startswith(magic):
            raise broken(where, _("不是封存内容,或已残缺"))
        if sealed[8:24] != head[8:24]:
            raise broken(where, _("封存算法不是 SM4-GCM"))
        raise SealBroken(
            _("封存所用的密钥不是本站点的密钥 {key_id}").format(key_id=self.key_id),
            where=where,
            next_step=_("请放回封存时所用的 keys/site.json"),
        )


@dataclass(frozen=True, kw_only=True)
class FileHeader:
    """A sealed file's header, opened: seals and opens the file's records."""

    #: The 88 bytes as they stand in the file; every record is bound to them.
    raw: bytes = field(repr=False)
    data_key: bytes = field(repr=False)
    #: Plain bytes in every chunk but the last.
    chunk_bytes: int

    @classmethod
    def new(cls, site: SiteKey, chunk_bytes: int, magic: bytes = FILE_MAGIC) -> Self:
        """A header with a data key of its own."""
        bound = site.head(magic) + _CHUNK_SIZE.pack(chunk_bytes)
        nonce, data_key = secrets.token_bytes(NONCE_BYTES), secrets.token_bytes(SM4_KEY_BYTES)
        wrapped = sm4_gcm_seal(site.key, nonce, data_key, bound)
        return cls(raw=bound + nonce + wrapped, data_key=data_key, chunk_bytes=chunk_bytes)

    @classmethod
    def parse(cls, raw: bytes, site: SiteKey, where: str, magic: bytes = FILE_MAGIC) -> Self:
        """The header of a file's first 88 bytes. `SealBroken` if it isn't one under this site's key."""
        site.check_head(raw, magic, where)
        bound, nonce = raw[:_BOUND_BYTES], raw[_BOUND_BYTES : _BOUND_BYTES + NONCE_BYTES]
        try:
            if len(raw) != HEADER_BYTES:
                raise broken(where, _("文件头残缺"))
            data_key = sm4_gcm_open(site.key, nonce, raw[_BOUND_BYTES + NONCE_BYTES :], bound)
        except SealBroken:
            raise broken(where, _("文件头被改动或残缺")) from None
        return cls(raw=raw, data_key=data_key, chunk_bytes=_CHUNK_SIZE.unpack(bound[-_CHUNK_SIZE.size :])[0])

    @property
    def record_bytes(self) -> int:
        """The length of every record but the last."""
        return self.chunk_bytes + RECORD_OVERHEAD

    def seal(self, prefix: bytes, number: int, plain: Plain, *, last: bool) -> bytes:
        """The record of chunk `number`, counted from 0, but for its prefix: that saves a copy."""
        nonce = prefix + _POSITION.pack(number, last)
        return sm4_gcm_seal(self.data_key, nonce, plain, self.raw)

    def open(self, number: int, record: bytes, *, last: bool, where: str = "") -> bytes:
        """The plain bytes of chunk `number`. `SealBroken` if the record isn't that chunk of this file."""
        nonce = record[:PREFIX_BYTES] + _POSITION.pack(number, last)
        try:
            if len(record) >= RECORD_OVERHEAD:
                return sm4_gcm_open(self.data_key, nonce, record[PREFIX_BYTES:], self.raw)
        except SealBroken:
            pass
        raise broken(where, _("第 {number} 块被改动、调换或截断").format(number=number + 1))


def broken(where: str, what: str) -> SealBroken:
    """`SealBroken` with the one thing that helps: another copy."""
    return SealBroken(what, where=where, next_step=_("请从备份恢复该文件,或请来源重新交付"))
