"""The port behind which a site's topmost keys lie, and their form where they are software.

It follows GM/T 0018 (SDF) as far as the gateway needs it: keys are named by an index and never leave; a symmetric key
comes wrapped, with a handle to use it by; an SM2 signature is made inside. So a cryptographic card or server can take
the place of the two that are here (a sealed file, a credential); `tests/vault/test_provider.py` is what each must keep.

| here | GM/T 0018 |
| --- | --- |
| `generate_key` | `SDF_GenerateKeyWithKEK` |
| `import_key` | `SDF_ImportKeyWithKEK` |
| `KeyHandle.wrap`, `unwrap` | `SDF_AuthEnc`, `SDF_AuthDec` (2023) with the handle, SM4-GCM |
| `public_key` | `SDF_ExportSignPublicKey_ECC` |
| `sign` | `SDF_HashInit` … `SDF_HashFinal` with the key and the signer's id, `SDF_InternalSign_ECC` |

What opens the device (`SDF_OpenDevice`, `SDF_GetPrivateKeyAccessRight`) is the implementation's; how keys come into it
is its maker's.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.errors import KeyFault, SealBroken
from gateway.vault.sm import (
    NONCE_BYTES,
    SM4_KEY_BYTES,
    TAG_BYTES,
    Sm2PrivateKey,
    Sm2PublicKey,
    sm4_gcm_open,
    sm4_gcm_seal,
)
from gateway.words import _

#: What a wrapped key is longer than the key: a nonce before it, a tag behind it.
WRAP_OVERHEAD = NONCE_BYTES + TAG_BYTES
#: The first signing key's index; a later one counts on.
FIRST_INDEX = 1


class KeyHandle(Protocol):
    """A symmetric key of a provider, to be used and not to be seen. May be shared by threads."""

    def wrap(self, key: bytes, bound: bytes) -> bytes:
        """The key under this one, `WRAP_OVERHEAD` bytes longer, and bound to `bound`. No two are alike."""

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes:
        """The key that was wrapped. SealBroken where one bit of either is another, or the key is another."""


class KeyProvider(Protocol):
    """Where the root key and the signing keys are. May be shared by threads."""

    @property
    def kind(self) -> str:
        """file | credential, or a device's name: what `gateway keys status` shows."""

    def generate_key(self, key_id: str) -> bytes:
        """A new random SM4 key under the root key, bound to its id."""

    def import_key(self, key_id: str, wrapped: bytes) -> KeyHandle:
        """The key of that id, to work with. KeyFault where it does not open: another provider's, or damaged."""

    def public_key(self, index: int) -> Sm2PublicKey:
        """The public half of a signing key. KeyFault where there is none of that index."""

    def sign(self, index: int, message: bytes) -> bytes:
        """64 bytes r‖s over the message, by the signing key of that index. KeyFault as above."""


class Signer(Protocol):
    """A signing key, wherever it is."""

    @property
    def public(self) -> Sm2PublicKey:
        """The key that verifies."""

    def sign(self, message: bytes) -> bytes:
        """64 bytes r‖s over the message."""


@dataclass(frozen=True, kw_only=True)
class InternalKey:
    """The signing key of an index of a provider."""

    provider: KeyProvider = field(repr=False)
    index: int
    public: Sm2PublicKey

    def sign(self, message: bytes) -> bytes:
        """64 bytes r‖s over the message."""
        return self.provider.sign(self.index, message)


@dataclass(frozen=True, kw_only=True, repr=False)
class SoftHandle:
    """A symmetric key in this process's memory."""

    key: bytes

    def wrap(self, key: bytes, bound: bytes) -> bytes:
        """The key under this one."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + sm4_gcm_seal(self.key, nonce, key, bound)

    def unwrap(self, wrapped: bytes, bound: bytes) -> bytes:
        """The key that was wrapped."""
        if len(wrapped) < WRAP_OVERHEAD:
            raise SealBroken(_("密钥密文残缺"), next_step=_("请从备份恢复"))
        return sm4_gcm_open(self.key, wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], bound)


@dataclass(frozen=True, kw_only=True, repr=False)
class SoftProvider:
    """A provider whose keys are in this process's memory, wherever they rest."""

    kind: str
    #: 16 bytes.
    root: bytes
    #: Signing keys by index.
    signing: Mapping[int, Sm2PrivateKey]

    def generate_key(self, key_id: str) -> bytes:
        """A new random key, wrapped."""
        return SoftHandle(key=self.root).wrap(secrets.token_bytes(SM4_KEY_BYTES), _bound(key_id))

    def import_key(self, key_id: str, wrapped: bytes) -> SoftHandle:
        """The key of that id."""
        try:
            return SoftHandle(key=SoftHandle(key=self.root).unwrap(wrapped, _bound(key_id)))
        except SealBroken:
            what = _("密钥环中的密钥 {key_id} 打不开").format(key_id=key_id)
            step = _("keys/ring.json 与根密钥(keys/provider.json 或系统凭据)须是同一站点的,请从备份恢复")
            raise KeyFault(what, where="keys/ring.json", next_step=step) from None

    def public_key(self, index: int) -> Sm2PublicKey:
        """The public half of a signing key."""
        return self._signing(index).public

    def sign(self, index: int, message: bytes) -> bytes:
        """64 bytes r‖s over the message."""
        return self._signing(index).sign(message)

    def _signing(self, index: int) -> Sm2PrivateKey:
        if key := self.signing.get(index):
            return key
        what = _("没有编号为 {index} 的签名密钥").format(index=index)
        raise KeyFault(what, next_step=_("请核对 keys/ring.json 与根密钥是否属于同一站点"))


def _bound(key_id: str) -> bytes:
    return b"gateway key|" + key_id.encode()
