"""SM2 by the system's libcrypto (OpenSSL 3 or newer), reached through ctypes: the adapter of choice, also on ARM.

Takes raw key material: 32 bytes of a private scalar, 64 bytes x‖y of a public point. Gives opaque
`KeyHandle`s, and signatures as 64 bytes r‖s: SM2 with SM3 as in GB/T 32918.2, signer id `1234567812345678`
(GM/T 0009). Refuses with `KeyFault` what is no key, and a machine whose libcrypto is missing, too old, or
built without SM2.

A handle may be shared by threads: each signature and each verification has its own context, and libcrypto's
error queue belongs to the thread.
"""

import ctypes
import ctypes.util
import secrets
import sys
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from gateway.errors import KeyFault
from gateway.vault.sm2_numbers import CURVE_ORDER, SCALAR_BYTES, SIGNER_ID, in_range
from gateway.words import _

#: Both INTEGERs with a leading zero, and the SEQUENCE's head: no SM2 signature in DER is longer.
LONGEST_DER = 72

#: Tried in this order; `find_library` comes last, since it may start a compiler to look.
SONAMES = (
    "libcrypto.so.3",
    "libcrypto.so.4",
    "libcrypto.3.dylib",
    "libcrypto-3-x64.dll",
    "libcrypto-3-arm64.dll",
)

# From OpenSSL's public headers: evp.h, params.h, core.h, obj_mac.h, ec.h.
_SELECT_PUBLIC = 0x86
_SELECT_KEYPAIR = 0x87
_PARAM_UNSIGNED, _PARAM_UTF8, _PARAM_OCTETS = 2, 4, 5
_NID_SM2 = 1172
_POINT_UNCOMPRESSED = 4

_P, _I, _N, _S = ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t, ctypes.c_char_p

#: Every function used: its result, then its arguments. One that is missing means that libcrypto is too old.
_SIGNATURES: dict[str, tuple[type | None, tuple[type, ...]]] = {
    "BN_bin2bn": (_P, (_S, _I, _P)),
    "BN_clear_free": (None, (_P,)),
    "EC_GROUP_free": (None, (_P,)),
    "EC_GROUP_new_by_curve_name": (_P, (_I,)),
    "EC_POINT_free": (None, (_P,)),
    "EC_POINT_mul": (_I, (_P, _P, _P, _P, _P, _P)),
    "EC_POINT_new": (_P, (_P,)),
    "EC_POINT_point2oct": (_N, (_P, _P, _I, _S, _N, _P)),
    "ERR_clear_error": (None, ()),
    "EVP_DigestSign": (_I, (_P, _S, _P, _S, _N)),
    "EVP_DigestSignInit": (_I, (_P, _P, _P, _P, _P)),
    "EVP_DigestVerify": (_I, (_P, _S, _N, _S, _N)),
    "EVP_DigestVerifyInit": (_I, (_P, _P, _P, _P, _P)),
    "EVP_MD_CTX_free": (None, (_P,)),
    "EVP_MD_CTX_new": (_P, ()),
    "EVP_MD_fetch": (_P, (_P, _S, _S)),
    "EVP_PKEY_CTX_free": (None, (_P,)),
    "EVP_PKEY_CTX_new_from_name": (_P, (_P, _S, _S)),
    "EVP_PKEY_CTX_set1_id": (_I, (_P, _S, _I)),
    "EVP_PKEY_free": (None, (_P,)),
    "EVP_PKEY_fromdata": (_I, (_P, _P, _I, _P)),
    "EVP_PKEY_fromdata_init": (_I, (_P,)),
    "OpenSSL_version": (_S, (_I,)),
}


class _Param(ctypes.Structure):
    """OSSL_PARAM, whose layout is part of OpenSSL 3's public interface."""

    _fields_ = (
        ("key", ctypes.c_char_p),
        ("data_type", ctypes.c_uint),
        ("data", ctypes.c_void_p),
        ("data_size", ctypes.c_size_t),
        ("return_size", ctypes.c_size_t),
    )


class KeyHandle:
    """An EVP_PKEY, freed with its last reference. Says nothing about the key it holds."""

    __slots__ = ("__weakref__", "pointer")

    def __init__(self, pointer: int) -> None:
        self.pointer = pointer
        # Not at exit: a daemon thread may still be signing while the interpreter goes down.
        weakref.finalize(self, _library().EVP_PKEY_free, pointer).atexit = False

    def sign(self, message: bytes) -> bytes:
        """64 bytes r‖s over the message. Randomised: no two are alike."""
        return _sign(self, message)

    def verify(self, signature: bytes, message: bytes) -> bool:
        """Whether the 64 bytes r‖s are this key's signature over the message; a malformed signature is not."""
        return _verify(self, signature, message)


class Libcrypto:
    """The adapter."""

    @property
    def name(self) -> str:
        """Library and version. `KeyFault` where there is none."""
        return f"libcrypto, {_library().OpenSSL_version(0).decode('ascii')}"

    def generate(self) -> tuple[int, bytes]:
        """A new key pair: the scalar, uniform in [1, n-2] (GB/T 32918.1), and its point."""
        scalar = 1 + secrets.randbelow(CURVE_ORDER - 2)
        return scalar, self.public_point(scalar)

    def public_point(self, scalar: int) -> bytes:
        """x‖y (64 bytes) of the private scalar's public point. `KeyFault` if the scalar is outside [1, n-2]."""
        return _public_point(scalar)

    def public(self, point: bytes) -> KeyHandle:
        """The public key x‖y (64 bytes). `KeyFault` if it isn't a point of the curve."""
        return _key_from(_SELECT_PUBLIC, [(b"pub", _PARAM_OCTETS, b"\x04" + point)])

    def private(self, scalar: int, point: bytes) -> KeyHandle:
        """The key pair: the scalar, and its public point x‖y."""
        native = scalar.to_bytes(SCALAR_BYTES, sys.byteorder)
        return _key_from(
            _SELECT_KEYPAIR, [(b"pub", _PARAM_OCTETS, b"\x04" + point), (b"priv", _PARAM_UNSIGNED, native)]
        )


def _public_point(scalar: int) -> bytes:
    in_range(scalar)
    lib = _library()
    group = lib.EC_GROUP_new_by_curve_name(_NID_SM2)
    number = lib.BN_bin2bn(scalar.to_bytes(SCALAR_BYTES, "big"), SCALAR_BYTES, None)
    point = lib.EC_POINT_new(group) if group else None
    encoded = ctypes.create_string_buffer(1 + 2 * SCALAR_BYTES)
    try:
        done = point and number and lib.EC_POINT_mul(group, point, number, None, None, None) == 1
        if not done or not lib.EC_POINT_point2oct(
            group, point, _POINT_UNCOMPRESSED, encoded, len(encoded), None
        ):
            raise _unusable()
        return encoded.raw[1:]
    finally:
        lib.EC_POINT_free(point)
        lib.BN_clear_free(number)
        lib.EC_GROUP_free(group)


def _sign(handle: KeyHandle, message: bytes) -> bytes:
    lib = _library()
    der, length = ctypes.create_string_buffer(LONGEST_DER), ctypes.c_size_t(LONGEST_DER)
    with _context(handle, lib.EVP_DigestSignInit) as context:
        if lib.EVP_DigestSign(context, der, ctypes.byref(length), message, len(message)) != 1:
            raise _unusable()
    r, s = decode_dss_signature(der.raw[: length.value])
    return r.to_bytes(SCALAR_BYTES, "big") + s.to_bytes(SCALAR_BYTES, "big")


def _verify(handle: KeyHandle, signature: bytes, message: bytes) -> bool:
    if len(signature) != 2 * SCALAR_BYTES:
        return False
    r, s = int.from_bytes(signature[:SCALAR_BYTES], "big"), int.from_bytes(signature[SCALAR_BYTES:], "big")
    der = encode_dss_signature(r, s)
    lib = _library()
    with _context(handle, lib.EVP_DigestVerifyInit) as context:
        good: bool = lib.EVP_DigestVerify(context, der, len(der), message, len(message)) == 1
    if not good:
        lib.ERR_clear_error()
    return good


@contextmanager
def _context(handle: KeyHandle, init: "ctypes._NamedFuncPointer") -> Iterator[int]:
    """A digest context for one signature, with SM3 and the signer's id."""
    lib = _library()
    context, key_context = lib.EVP_MD_CTX_new(), ctypes.c_void_p()
    try:
        ready = context and init(context, ctypes.byref(key_context), _sm3(), None, handle.pointer) == 1
        if not ready or lib.EVP_PKEY_CTX_set1_id(key_context, SIGNER_ID, len(SIGNER_ID)) != 1:
            raise _unusable()
        yield context
    finally:
        lib.EVP_MD_CTX_free(context)


def _key_from(selection: int, parts: list[tuple[bytes, int, bytes]]) -> KeyHandle:
    lib = _library()
    named = [(b"group", _PARAM_UTF8, b"SM2"), *parts]
    buffers = [ctypes.create_string_buffer(value, len(value)) for _key, _type, value in named]
    params = (_Param * (len(named) + 1))()  # the last stays zero: that ends the list
    for param, (name, kind, value), buffer in zip(params, named, buffers, strict=False):
        param.key, param.data_type, param.data_size = name, kind, len(value)
        param.data = ctypes.addressof(buffer)
    context, key = lib.EVP_PKEY_CTX_new_from_name(None, b"SM2", None), ctypes.c_void_p()
    try:
        if not context or lib.EVP_PKEY_fromdata_init(context) != 1:
            raise _unusable()
        if lib.EVP_PKEY_fromdata(context, ctypes.byref(key), selection, params) != 1 or not key.value:
            lib.ERR_clear_error()
            raise KeyFault(_("SM2 公钥不是曲线上的点"), next_step=_("请向对方核对公钥(128 位十六进制)"))
        return KeyHandle(key.value)
    finally:
        lib.EVP_PKEY_CTX_free(context)
        for buffer in buffers:
            ctypes.memset(buffer, 0, len(buffer))


def _unusable() -> KeyFault:
    _library().ERR_clear_error()
    return KeyFault(
        _("本机的 OpenSSL(libcrypto)不支持 SM2 或运算失败"),
        next_step=_("请安装带国密算法的 OpenSSL 3.0 以上版本"),
    )


@cache
def _sm3() -> int:
    """SM3's EVP_MD, fetched once and kept for the life of the process."""
    if digest := _library().EVP_MD_fetch(None, b"SM3", None):
        return int(digest)
    raise _unusable()


@cache
def _library() -> ctypes.CDLL:
    """The first libcrypto that has every function we use. `KeyFault` where there is none."""
    for name in (*SONAMES, ctypes.util.find_library("crypto")):
        try:
            return _declared(ctypes.CDLL(name)) if name else _missing()
        except (OSError, AttributeError):
            continue
    return _missing()


def _missing() -> ctypes.CDLL:
    raise KeyFault(
        _("本机找不到可用的 OpenSSL(libcrypto)3.0 以上版本,无法做 SM2 签名"),
        next_step=_("请安装系统软件包 openssl(Debian、openEuler、麒麟:libssl3 或 openssl-libs)"),
    )


def _declared(library: ctypes.CDLL) -> ctypes.CDLL:
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
