"""The port to SM2, and which of its two adapters computes it here.

SM2 with SM3 as in GB/T 32918.2, signer id `1234567812345678` (GM/T 0009); signatures are 64 bytes r‖s. The system's
libcrypto is taken where it has SM2, else gmssl-pyx where that is installed; `gateway doctor` says which. `KeyFault`
where there is neither.
"""

from functools import cache
from typing import Protocol

from gateway.errors import KeyFault
from gateway.vault.sm2_libcrypto import Libcrypto
from gateway.vault.sm2_numbers import CURVE_ORDER, SCALAR_BYTES, in_range
from gateway.words import _

__all__ = ["CURVE_ORDER", "SCALAR_BYTES", "Adapter", "Key", "adapter", "in_range", "private_key", "using"]


class Key(Protocol):
    """A key, or a key pair. May be shared by threads."""

    def sign(self, message: bytes) -> bytes:
        """64 bytes r‖s over the message. Randomised: no two are alike. Of a pair only."""

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether the 64 bytes r‖s are this key's signature over the message; a malformed signature is not."""


class Adapter(Protocol):
    """Whatever computes SM2."""

    @property
    def name(self) -> str:
        """Library and version, for people."""

    def generate(self) -> tuple[int, bytes]:
        """A new key pair: the scalar in [1, n-2], and its point x‖y (64 bytes)."""

    def public_point(self, scalar: int) -> bytes:
        """x‖y of a scalar's point. `KeyFault` for what is no private key, or where the library cannot tell."""

    def public(self, point: bytes) -> Key:
        """The public key x‖y. `KeyFault` if it isn't a point of the curve."""

    def private(self, scalar: int, point: bytes) -> Key:
        """The pair of a scalar and its point."""


@cache
def using() -> Adapter:
    """The adapter of this machine."""
    libcrypto = Libcrypto()
    try:
        libcrypto.generate()
    except KeyFault as missing:
        try:
            from gateway.vault.sm2_gmssl import Gmssl
        except ImportError:
            raise missing from None
        return Gmssl()
    return libcrypto


def adapter() -> str:
    """What computes SM2 here, for people. `KeyFault` where nothing can."""
    return using().name


def private_key(scalar: int, point: bytes | None) -> tuple[Key, bytes]:
    """The key pair, and its point. Where the point is given it must be the scalar's: `KeyFault` else."""
    in_range(scalar)
    known = using().public_point(scalar) if point is None else point
    key = using().private(scalar, known)
    if point is not None and not using().public(known).verify(key.sign(b"pair"), b"pair"):
        raise KeyFault(_("SM2 私钥与公钥不成对"), next_step=_("请从备份恢复密钥文件"))
    return key, known
