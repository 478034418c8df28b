"""The numbers of SM2 that every adapter needs."""

from gateway.errors import KeyFault
from gateway.words import _

#: GM/T 0009: the signer's id where both sides have agreed on no other.
SIGNER_ID = b"1234567812345678"
#: The order n of the curve's base point, GB/T 32918.5. A private key lies in [1, n-2].
CURVE_ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
SCALAR_BYTES = 32


def in_range(scalar: int) -> None:
    """`KeyFault` if the scalar is no private key."""
    if not 1 <= scalar <= CURVE_ORDER - 2:
        raise KeyFault(_("SM2 私钥超出曲线允许的范围"), next_step=_("请核对密钥文件,必要时重新生成密钥"))
