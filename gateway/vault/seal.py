"""Seals: what is kept about people lies on disk and in the ledger in this form and no other.

Takes plain bytes, gives sealed files (`header.py` has their form, `streams.py` reads and writes them) and
sealed values; `SealBroken` for whatever was changed, cut, moved, never finished, or sealed under another
site's key.

A sealed value is `GWSEAL1V`, algorithm and key id as in a file's header (40 bytes), a random 12-byte nonce,
ciphertext and tag. Its key is HKDF-SM3 of the site's key with the purpose, and head and purpose are its
associated data: a value that was moved from one column to another does not open.
"""

import secrets
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from gateway.errors import SealBroken
from gateway.vault.header import SEAL_HEAD, FileHeader, SiteKey, broken
from gateway.vault.sm import NONCE_BYTES, SM4_KEY_BYTES, hkdf_sm3, sm4_gcm_open, sm4_gcm_seal
from gateway.vault.streams import SealedReader, SealedWriter
from gateway.words import _

VALUE_MAGIC = b"GWSEAL1V"
#: Large enough for the bare cipher's speed, small enough that a resumed download loses little.
CHUNK_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Sealer:
    """Seals and opens under one site's key. May be shared by threads, and sent to a worker process."""

    site: SiteKey
    #: Plain bytes in a chunk of the files that are created; files of any chunk size are read.
    chunk_bytes: int = CHUNK_BYTES

    @property
    def key_id(self) -> str:
        """The id of the site's key, as it stands in every seal."""
        return self.site.key_id

    def seal_bytes(self, plain: bytes, purpose: str) -> bytes:
        """A sealed value for one purpose (`outbox.payload`). For small things: it is all in memory."""
        head, nonce = self.site.head(VALUE_MAGIC), secrets.token_bytes(NONCE_BYTES)
        return head + nonce + sm4_gcm_seal(self._value_key(purpose), nonce, plain, head + purpose.encode())

    def open_bytes(self, sealed: bytes, purpose: str) -> bytes:
        """The plain value. `SealBroken` if it was changed, or is for another purpose or key."""
        head = self.site.check_head(sealed, VALUE_MAGIC, purpose)
        nonce, body = (
            sealed[SEAL_HEAD.size : SEAL_HEAD.size + NONCE_BYTES],
            sealed[SEAL_HEAD.size + NONCE_BYTES :],
        )
        try:
            if len(nonce) == NONCE_BYTES:
                return sm4_gcm_open(self._value_key(purpose), nonce, body, head + purpose.encode())
        except SealBroken:
            pass
        raise broken(purpose, _("封存的数据被改动、残缺或挪作他用"))

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
        writer.go_on(partial(FileHeader.parse, site=self.site, where=path.name))
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
            return SealedReader(source, partial(FileHeader.parse, site=self.site, where=name), name)
        except BaseException:
            source.close()
            raise

    def _new_header(self) -> FileHeader:
        return FileHeader.new(self.site, self.chunk_bytes)

    def _value_key(self, purpose: str) -> bytes:
        return hkdf_sm3(self.site.key, b"gateway sealed value|" + purpose.encode(), SM4_KEY_BYTES)
