"""SM2, SM3 and SM4: the one door to the `cryptography` package's national algorithms, and SM2 by `sm2.py`.

Takes bytes and hex, gives bytes and hex. `KeyFault` for a key or nonce of the wrong form or a machine
without the algorithm, `SealBroken` for a ciphertext that does not open; no plaintext is given before its
tag has been checked.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Self

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import GCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.errors import KeyFault, SealBroken
from gateway.vault import sm2
from gateway.words import _

SM4_KEY_BYTES = 16
#: NIST SP 800-38D: the one length for which GCM uses the nonce as it is.
NONCE_BYTES = 12
TAG_BYTES = 16

#: What a large plaintext may come as: no copy is made of it.
Plain = bytes | bytearray | memoryview


class Sm3:
    """A running SM3 digest (GB/T 32905)."""

    def __init__(self) -> None:
        self._hash = _fresh().copy()

    def update(self, data: bytes) -> None:
        self._hash.update(data)

    def hexdigest(self) -> str:
        """64 lower-case hex digits of what came so far; more may follow."""
        return self._hash.copy().finalize().hex()


@dataclass(frozen=True, kw_only=True)
class Sm2PublicKey:
    """A public key of the SM2 curve."""

    #: x‖y, 128 lower-case hex digits.
    hex: str
    _handle: sm2.Key = field(repr=False, compare=False)

    @classmethod
    def from_hex(cls, xy: str) -> Self:
        """The key of x‖y in 128 hex digits. `KeyFault` if that isn't a point of the curve."""
        point = _from_hex(xy, 2 * sm2.SCALAR_BYTES, _("SM2 公钥"))
        return cls(hex=point.hex(), _handle=sm2.using().public(point))

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether these 64 bytes r‖s sign the message; False for a signature of any other form."""
        return self._handle.verify(signature, message)


@dataclass(frozen=True, kw_only=True, repr=False)
class Sm2PrivateKey:
    """A key pair of the SM2 curve. Its repr shows the public half only."""

    #: The private scalar, 64 lower-case hex digits. For the key file and nothing else.
    hex: str
    public: Sm2PublicKey
    _handle: sm2.Key = field(compare=False)

    @classmethod
    def generate(cls) -> Self:
        """A new key, uniform in [1, n-2] (GB/T 32918.1), from the system's random source."""
        return cls._of(*sm2.using().generate())

    @classmethod
    def from_hex(cls, text: str) -> Self:
        """The key of a scalar (64 hex digits), or of a pair (`pair_hex`). `KeyFault` if that isn't a private key."""
        whole = 3 if len(text) == 6 * sm2.SCALAR_BYTES else 1
        raw = _from_hex(text, whole * sm2.SCALAR_BYTES, _("SM2 私钥"))
        return cls._of(int.from_bytes(raw[: sm2.SCALAR_BYTES], "big"), raw[sm2.SCALAR_BYTES :] or None)

    @classmethod
    def _of(cls, scalar: int, point: bytes | None) -> Self:
        handle, known = sm2.private_key(scalar, point)
        number = scalar.to_bytes(sm2.SCALAR_BYTES, "big").hex()
        return cls(hex=number, public=Sm2PublicKey.from_hex(known.hex()), _handle=handle)

    @property
    def pair_hex(self) -> str:
        """Scalar and public point, 192 hex digits: what a key file holds. Not every library can tell the point."""
        return self.hex + self.public.hex

    def sign(self, message: bytes) -> bytes:
        """64 bytes r‖s over the message."""
        return self._handle.sign(message)

    def __repr__(self) -> str:
        return f"Sm2PrivateKey(public={self.public.hex!r})"


@dataclass(frozen=True, kw_only=True, repr=False)
class Sm3Keyed:
    """HMAC-SM3 under one key, prepared once: a copy per message is twice as fast as a new one."""

    #: Not shown by repr. 32 bytes are as good as SM3 itself.
    key: bytes

    @cached_property
    def _prepared(self) -> hmac.HMAC:
        return hmac.HMAC(self.key, hashes.SM3())

    def digest(self, data: bytes) -> bytes:
        """The 32 bytes of HMAC-SM3 over the data."""
        running = self._prepared.copy()
        running.update(data)
        return running.finalize()


def hkdf_sm3(key: bytes, info: bytes, length: int) -> bytes:
    """A key for one use, named by `info`, from a random key: HKDF (RFC 5869) with SM3, no salt."""
    return HKDF(algorithm=hashes.SM3(), length=length, salt=None, info=info).derive(key)


def sm3_new() -> Sm3:
    """A new running digest."""
    return Sm3()


def sm3_hex(data: bytes) -> str:
    """SM3 of the data, 64 lower-case hex digits."""
    running = _fresh().copy()
    running.update(data)
    return running.finalize().hex()


@cache
def _fresh() -> hashes.Hash:
    """A digest of nothing so far, prepared once: a copy takes a quarter of the time of a new one."""
    return hashes.Hash(hashes.SM3())


def sm4_gcm_seal(key: bytes, nonce: bytes, plain: Plain, aad: bytes) -> bytes:
    """Ciphertext ‖ 16-byte tag. Key of 16 bytes; nonce of 12 bytes, never used twice under one key."""
    sealing = _sm4(key, GCM(_nonce(nonce))).encryptor()
    sealing.authenticate_additional_data(aad)
    body = sealing.update(plain) + sealing.finalize()
    return body + sealing.tag


def sm4_gcm_open(key: bytes, nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
    """The plaintext of ciphertext ‖ tag. `SealBroken` if any of the four is not what it was sealed with."""
    if len(sealed) < TAG_BYTES:
        raise _broken()
    body = memoryview(sealed)
    opening = _sm4(key, GCM(_nonce(nonce), bytes(body[-TAG_BYTES:]))).decryptor()
    opening.authenticate_additional_data(aad)
    plain = opening.update(body[:-TAG_BYTES])
    try:
        return plain + opening.finalize()
    except InvalidTag:
        raise _broken() from None


def sm4_gcm_open_any(keys: Sequence[bytes], nonce: bytes, sealed: bytes, aad: bytes) -> bytes:
    """The plaintext by whichever of these keys opens it. `SealBroken` if none does."""
    for key in keys[:-1]:
        try:
            return sm4_gcm_open(key, nonce, sealed, aad)
        except SealBroken:
            continue
    return sm4_gcm_open(keys[-1], nonce, sealed, aad)


def _sm4(key: bytes, mode: GCM) -> Cipher[GCM]:
    if len(key) != SM4_KEY_BYTES:
        raise KeyFault(_("SM4 密钥必须是 16 字节"), next_step=_("请核对密钥(32 位十六进制)"))
    try:
        return Cipher(SM4(key), mode)
    except UnsupportedAlgorithm:
        raise KeyFault(
            _("本机的密码库不支持 SM4-GCM"), next_step=_("请安装 cryptography 官方发行的安装包")
        ) from None


def _nonce(nonce: bytes) -> bytes:
    if len(nonce) != NONCE_BYTES:
        raise KeyFault(
            _("SM4-GCM 的随机数必须是 12 字节"), next_step=_("请核对报文里的 nonce(24 位十六进制)")
        )
    return nonce


def _broken() -> SealBroken:
    return SealBroken(
        _("密文无法打开:内容被改动,或不是用这把密钥加密的"), next_step=_("请核对密钥后重新取得密文")
    )


def _from_hex(text: str, length: int, name: str) -> bytes:
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) != length or len(text) != 2 * length:
        raise KeyFault(
            _("{name}必须是 {digits} 位十六进制数").format(name=name, digits=2 * length),
            next_step=_("请核对密钥文件"),
        )
    return raw
