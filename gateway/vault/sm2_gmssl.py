"""SM2 by gmssl-pyx: where the system's libcrypto is too old or built without SM2. x86 only, an extra of the package.

Takes and gives what `sm2_libcrypto` does, but for one thing: it cannot work out a public point, so a private key must
come with its own. `KeyFault` for what is no key. On a bad signature the library writes a line of its own to stderr.
"""

from dataclasses import dataclass, field

import gmssl_pyx
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from gateway.errors import KeyFault
from gateway.vault.sm2_numbers import SCALAR_BYTES, SIGNER_ID, in_range
from gateway.words import _


@dataclass(frozen=True, kw_only=True)
class GmsslKey:
    """A key of the library. Its repr shows the public half only."""

    point: bytes
    scalar: bytes = field(default=b"", repr=False)

    def sign(self, message: bytes) -> bytes:
        """64 bytes r‖s over the message."""
        r, s = decode_dss_signature(gmssl_pyx.sm2_sign(self.scalar, self.point, message, SIGNER_ID))
        return r.to_bytes(SCALAR_BYTES, "big") + s.to_bytes(SCALAR_BYTES, "big")

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether the 64 bytes r‖s are this key's signature over the message; a malformed signature is not."""
        if len(signature) != 2 * SCALAR_BYTES:
            return False
        r, s = int.from_bytes(signature[:SCALAR_BYTES], "big"), int.from_bytes(signature[SCALAR_BYTES:], "big")
        try:
            return bool(gmssl_pyx.sm2_verify(self.point, message, encode_dss_signature(r, s), SIGNER_ID))
        except gmssl_pyx.GmsslInnerError:
            return False


class Gmssl:
    """The adapter."""

    @property
    def name(self) -> str:
        """Library and version."""
        return f"gmssl-pyx {gmssl_pyx.version}"

    def generate(self) -> tuple[int, bytes]:
        """A new key pair: the scalar, and its point."""
        point, scalar = gmssl_pyx.sm2_key_generate()
        return int.from_bytes(scalar, "big"), point

    def public_point(self, scalar: int) -> bytes:
        """`KeyFault`: this library cannot tell."""
        in_range(scalar)
        step = _("请安装带国密算法的 OpenSSL 3.0 以上版本,或使用带公钥的密钥文件")
        raise KeyFault(_("gmssl-pyx 不能由私钥求公钥"), next_step=step)

    def public(self, point: bytes) -> GmsslKey:
        """The public key x‖y (64 bytes). `KeyFault` if it isn't a point of the curve."""
        try:
            return GmsslKey(point=gmssl_pyx.normalize_sm2_public_key(point))
        except gmssl_pyx.InvalidValueError:
            raise KeyFault(
                _("SM2 公钥不是曲线上的点"), next_step=_("请向对方核对公钥(128 位十六进制)")
            ) from None

    def private(self, scalar: int, point: bytes) -> GmsslKey:
        """The key pair: the scalar, and its public point x‖y."""
        return GmsslKey(point=self.public(point).point, scalar=scalar.to_bytes(SCALAR_BYTES, "big"))
