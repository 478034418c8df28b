"""Seals: what is kept about people lies on disk and in the ledger in this form and no other.

Takes plain bytes, gives sealed files (`header.py` has their form, `streams.py` reads and writes them) and
sealed values; `SealBroken` for whatever was changed, cut, moved, never finished, or sealed under a key that the site
does not have. Opens what any epoch sealed whose key is there; seals under the newest.

A sealed value is `GWSEAL2V`, algorithm and the id of the epoch's key (40 bytes), a random 12-byte nonce, ciphertext and
tag. Its key is HKDF-SM3 of a key of the epoch with the purpose, and head and purpose are its associated data: a value
that was moved from one column to another does not open.
"""

import secrets
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from gateway.errors import SealBroken
from gateway.vault.header import (
    ALGORITHM,
    SEAL_HEAD,
    Epoch,
    Epochs,
    FileHeader,
    broken,
    check_head,
    key_id_in,
    unknown_keys,
)
from gateway.vault.sm import NONCE_BYTES, SM4_KEY_BYTES, hkdf_sm3, sm4_gcm_open, sm4_gcm_seal
from gateway.vault.streams import SealedReader, SealedWriter
from gateway.words import _

VALUE_MAGIC = b"GWSEAL2V"
_ID_AT = SEAL_HEAD.size - 16
#: Large enough for the bare cipher's speed, small enough that a resumed download loses little.
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Sealer:
    """Seals and opens under the keys of one site's epochs. May be shared by threads."""

    epochs: Epochs
    #: Plain bytes in a chunk of the files that are created; files of any chunk size are read.
    chunk_bytes: int = CHUNK_BYTES

    @property
    def key_id(self) -> str:
        """The id of the newest epoch's key, as it stands in every new seal."""
        return self.epochs.newest().key_id

    def seal_bytes(self, plain: bytes, purpose: str) -> bytes:
        """A sealed value for one purpose (`outbox.payload`). For small things: it is all in memory."""
        epoch, nonce = self.epochs.newest(), secrets.token_bytes(NONCE_BYTES)
        head = SEAL_HEAD.pack(VALUE_MAGIC, ALGORITHM, epoch.key_id.encode("ascii"))
        return head + nonce + sm4_gcm_seal(_value_key(epoch, purpose), nonce, plain, head + purpose.encode())

    def open_bytes(self, sealed: bytes, purpose: str) -> bytes:
        """The plain value. `SealBroken` if it was changed, or is for another purpose or key."""
        check_head(sealed, VALUE_MAGIC, purpose)
        epoch = self.epochs.find(key_id_in(sealed[_ID_AT:]))
        if epoch is None:
            raise unknown_keys(purpose, key_id_in(sealed[_ID_AT:]))
        head, rest = sealed[: SEAL_HEAD.size], sealed[SEAL_HEAD.size :]
        try:
            if len(rest) >= NONCE_BYTES:
                key, bound = _value_key(epoch, purpose), head + purpose.encode()
                return sm4_gcm_open(key, rest[:NONCE_BYTES], rest[NONCE_BYTES:], bound)
        except SealBroken:
            pass
        raise broken(purpose, _("封存的数据被改动、残缺或挪作他用"))

    def reseal(self, sealed: bytes, purpose: str) -> bytes:
        """The value under the newest epoch's key, opened once more to be sure. `SealBroken` if it does not open."""
        plain = self.open_bytes(sealed, purpose)
        again = self.seal_bytes(plain, purpose)
        if self.open_bytes(again, purpose) != plain:
            raise broken(purpose, _("重新封存后的内容与原来不同"))
        return again

    def create(self, path: Path) -> SealedWriter:
        """A new sealed file, mode 0600. What stood under that name is emptied: name a temporary."""
        writer = SealedWriter(path, self._new_header)
        writer.restart()
        return writer

    def resume(self, path: Path) -> SealedWriter:
        """Goes on with an unfinished file after its last whole good chunk, or begins one where there is none.

        Reads and verifies all that is there. `.plain_size` says from where the plain bytes go on.
        """
        writer = SealedWriter(path, self._new_header)
        writer.go_on(partial(FileHeader.parse, epochs=self.epochs, where=path.name))
        return writer

    def open(self, path: Path) -> SealedReader:
        """A finished file for reading. `SealBroken` if it is missing, unfinished, or not this site's."""
        try:
            source = path.open("rb")
        except FileNotFoundError:
            raise broken(path.name, _("封存文件不存在")) from None
        return self.open_stream(source, path.name)

    def open_stream(self, source: BinaryIO, name: str) -> SealedReader:
        """The same for a seekable stream, which the reader will close; `name` is for messages."""
        try:
            return SealedReader(source, partial(FileHeader.parse, epochs=self.epochs, where=name), name)
        except BaseException:
            source.close()
            raise

    def _new_header(self) -> FileHeader:
        return FileHeader.new(self.epochs.newest(), self.chunk_bytes)


def value_key_id(sealed: bytes) -> str:
    """The id of the epoch's key that a sealed value is under. `SealBroken` for what is none."""
    check_head(sealed, VALUE_MAGIC)
    return key_id_in(sealed[_ID_AT:])


def _value_key(epoch: Epoch, purpose: str) -> bytes:
    return hkdf_sm3(epoch.values, b"gateway sealed value|" + purpose.encode(), SM4_KEY_BYTES)
