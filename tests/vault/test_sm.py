"""SM2, SM3 and SM4 against published vectors and a second implementation. All keys here are throwaway."""

import base64
import gc
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import KeyFault, SealBroken
from gateway.vault import sm2, sm2_libcrypto
from gateway.vault.sm import (
    Sm2PrivateKey,
    Sm2PublicKey,
    Sm3Keyed,
    sm3_hex,
    sm3_new,
    sm4_gcm_open,
    sm4_gcm_seal,
)

VECTORS: dict[str, dict[str, str]] = json.loads((Path(__file__).parent / "vectors.json").read_text("utf-8"))
REQUEST, ANSWER, PAGE = (VECTORS[name] for name in ("platform_request", "platform_answer", "federation_page"))
SM4_KEY = REQUEST["sm4_key"]

#: What each published ciphertext is bound to: a message id, or the federation's `as_of|cursor`.
SEALED = [
    pytest.param(REQUEST, "encData", REQUEST["msgid"], id="request"),
    pytest.param(ANSWER, "encData", ANSWER["inf_refmsgid"], id="answer"),
    pytest.param(PAGE, "data", f"{PAGE['as_of']}|{PAGE['cursor']}", id="page"),
]
SIGNED = [
    pytest.param(REQUEST["gateway_public_xy"], REQUEST["signed"], REQUEST["cainfo"], id="request"),
    pytest.param(ANSWER["platform_public_xy"], ANSWER["signed"], ANSWER["cainfo"], id="answer"),
    pytest.param(PAGE["federation_public_xy"], PAGE["signed"], PAGE["sign"], id="page"),
]


#: What a key file holds of it.
PAIR = REQUEST["gateway_private"] + REQUEST["gateway_public_xy"]


@pytest.fixture(params=["libcrypto", "gmssl"])
def adapter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """SM2 by one of its two adapters."""
    if request.param == "gmssl":
        gmssl = pytest.importorskip("gateway.vault.sm2_gmssl", exc_type=ImportError)
        monkeypatch.setattr(sm2, "using", lambda: gmssl.Gmssl())
    return str(request.param)


@pytest.fixture
def key(adapter: str) -> Sm2PrivateKey:
    return Sm2PrivateKey.from_hex(PAIR)


def test_sm3_gives_the_published_digest() -> None:
    """SM3 of the standard's example is the standard's digest, in one piece or in several."""
    running = sm3_new()
    for part in VECTORS["sm3"]["message"]:
        running.update(part.encode())
    assert VECTORS["sm3"]["digest"] == sm3_hex(VECTORS["sm3"]["message"].encode())
    assert VECTORS["sm3"]["digest"] == running.hexdigest() == running.hexdigest()


@pytest.mark.parametrize(("vector", "field", "bound"), SEALED)
def test_sm4_gcm_gives_the_published_ciphertext_and_opens_it(
    vector: dict[str, str], field: str, bound: str
) -> None:
    """A peer's ciphertext opens to its plaintext, and the plaintext seals to the same ciphertext."""
    secret, nonce = bytes.fromhex(SM4_KEY), bytes.fromhex(vector["nonce"])
    plain, sealed = vector["plain"].encode(), base64.b64decode(vector[field])
    assert sealed == sm4_gcm_seal(secret, nonce, plain, bound.encode())
    assert plain == sm4_gcm_open(secret, nonce, sealed, bound.encode())


@pytest.mark.parametrize(("public", "message", "signature"), SIGNED)
def test_a_published_signature_verifies_over_its_message_only(
    adapter: str, public: str, message: str, signature: str
) -> None:
    """A peer's signature is good for what the peer signed, and for nothing else."""
    peer, raw = Sm2PublicKey.from_hex(public), base64.b64decode(signature)
    assert peer.verify(raw, message.encode())
    assert not peer.verify(raw, message.encode() + b" ")


def test_a_private_key_knows_its_public_key(key: Sm2PrivateKey) -> None:
    """The public point is worked out of the private scalar; a pair says it, and is the same key."""
    assert REQUEST["gateway_public_xy"] == key.public.hex
    assert PAIR == key.pair_hex
    assert key.public == Sm2PublicKey.from_hex(REQUEST["gateway_public_xy"].upper())


@settings(deadline=None, max_examples=50)
@given(message=st.binary(max_size=500))
def test_what_a_new_key_signs_its_public_half_verifies(message: bytes) -> None:
    """Signing and verifying agree for every key and every message, and signatures are 64 bytes."""
    signing = Sm2PrivateKey.generate()
    again = Sm2PrivateKey.from_hex(signing.hex)
    signature = again.sign(message)
    assert 64 == len(signature)
    assert signing.public.verify(signature, message)
    assert not Sm2PrivateKey.generate().public.verify(signature, message)


def test_another_implementation_agrees_in_both_directions(key: Sm2PrivateKey) -> None:
    """GmSSL verifies what we sign, and we verify what GmSSL signs."""
    gmssl = pytest.importorskip("gmssl_pyx")
    public, private = bytes.fromhex(key.public.hex), bytes.fromhex(key.hex)
    for message in (b"", b"abc", "姓名与号码".encode(), bytes(1000)):
        ours = key.sign(message)
        der = encode_dss_signature(int.from_bytes(ours[:32], "big"), int.from_bytes(ours[32:], "big"))
        assert gmssl.sm2_verify(public, message, der)
        r, s = decode_dss_signature(gmssl.sm2_sign(private, public, message))
        assert key.public.verify(r.to_bytes(32, "big") + s.to_bytes(32, "big"), message)


def test_another_implementation_agrees_on_the_keyed_digest() -> None:
    """HMAC-SM3 is GmSSL's HMAC-SM3, and a keyed digest may be used again and again."""
    gmssl = pytest.importorskip("gmssl_pyx")
    keyed = Sm3Keyed(key=bytes(range(32)))
    for message in (b"", b"abc", bytes(200)):
        assert gmssl.sm3_hmac(bytes(range(32)), message) == keyed.digest(message)


@pytest.mark.parametrize(
    "signature",
    [
        pytest.param(b"", id="empty"),
        pytest.param(bytes(64), id="zeros"),
        pytest.param(b"\xff" * 64, id="above the order"),
        pytest.param(bytes(63), id="short"),
        pytest.param(bytes(72), id="long"),
    ],
)
def test_a_malformed_signature_is_false_and_no_error(key: Sm2PrivateKey, signature: bytes) -> None:
    """What isn't 64 bytes with r and s in range does not verify, and nothing is raised."""
    assert not key.public.verify(signature, b"message")
    assert key.public.verify(key.sign(b"message"), b"message")


@pytest.mark.parametrize("bit", range(0, 512, 37))
def test_a_changed_signature_does_not_verify(key: Sm2PrivateKey, bit: int) -> None:
    """Each bit of a signature counts."""
    raw = bytearray(key.sign(b"message"))
    raw[bit // 8] ^= 1 << bit % 8
    assert not key.public.verify(bytes(raw), b"message")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param("00" * 64, id="zero"),
        pytest.param("ff" * 64, id="outside the field"),
        pytest.param("01" * 64, id="off the curve"),
        pytest.param("zz" * 64, id="no hex"),
        pytest.param("04" + "01" * 64, id="with the point's prefix"),
        pytest.param(REQUEST["gateway_public_xy"][:-2] + " 2", id="a space"),
    ],
)
def test_what_is_no_public_key_is_a_key_fault(adapter: str, text: str) -> None:
    """Only 128 hex digits of a point on the curve make a public key."""
    with pytest.raises(KeyFault):
        Sm2PublicKey.from_hex(text)


@pytest.mark.parametrize(
    "scalar",
    [
        pytest.param("0" * 64, id="zero"),
        pytest.param(f"{sm2.CURVE_ORDER - 1:064x}", id="n-1"),
        pytest.param("f" * 64, id="above the order"),
        pytest.param("1", id="short"),
    ],
)
def test_what_is_no_private_key_is_a_key_fault_that_hides_it(adapter: str, scalar: str) -> None:
    """A private key lies in [1, n-2]; the refusal does not repeat what was given."""
    with pytest.raises(KeyFault) as refused:
        Sm2PrivateKey.from_hex(scalar)
    assert scalar == "1" or scalar not in str(refused.value)


def test_the_largest_and_the_smallest_private_key_sign() -> None:
    """Both ends of [1, n-2] are keys."""
    for scalar in (1, sm2.CURVE_ORDER - 2):
        edge = Sm2PrivateKey.from_hex(f"{scalar:064x}")
        assert edge.public.verify(edge.sign(b"edge"), b"edge")


def test_repr_shows_no_private_key(key: Sm2PrivateKey) -> None:
    """Neither repr nor str of a key pair, nor of a keyed digest, tells the secret half."""
    assert key.hex not in f"{key!r} {key}"
    assert repr(b"secret-index-key") not in repr(Sm3Keyed(key=b"secret-index-key"))


def test_threads_share_a_key(key: Sm2PrivateKey) -> None:
    """Signatures made and verified by several threads at once are all good, the forged ones all refused."""

    def both(number: int) -> tuple[bool, bool]:
        message = str(number).encode()
        signature = key.sign(message)
        return key.public.verify(signature, message), key.public.verify(signature, message + b"x")

    with ThreadPoolExecutor(4) as pool:
        assert {(True, False)} == set(pool.map(both, range(200)))


def test_a_dropped_key_leaves_the_others_alone(key: Sm2PrivateKey) -> None:
    """A key's memory is given back with its last reference, and no other key suffers."""
    for _round in range(50):
        Sm2PrivateKey.generate().sign(b"once")
    gc.collect()
    assert key.public.verify(key.sign(b"still"), b"still")


@pytest.fixture
def without_libcrypto(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine where no libcrypto of OpenSSL 3 is found."""
    monkeypatch.setattr(sm2_libcrypto, "SONAMES", ("libno-such-crypto.so.3",))
    monkeypatch.setattr("ctypes.util.find_library", lambda _name: None)
    for remembered in (sm2_libcrypto._library, sm2.using):
        remembered.cache_clear()
    yield
    sm2.using.cache_clear()


def test_a_machine_without_libcrypto_takes_the_other_adapter(without_libcrypto: None) -> None:
    """Where gmssl-pyx is there it computes, what is signed verifies, and `doctor` can say so."""
    pytest.importorskip("gmssl_pyx")
    key = Sm2PrivateKey.generate()
    assert Sm2PrivateKey.from_hex(key.pair_hex).public.verify(key.sign(b"said"), b"said")
    assert sm2.adapter().startswith("gmssl-pyx")
    with pytest.raises(KeyFault, match="OpenSSL"):
        Sm2PrivateKey.from_hex(key.hex)


def test_a_machine_without_both_is_a_key_fault(without_libcrypto: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where neither is found, the message says what to install."""
    for name in ("gmssl_pyx", "gateway.vault.sm2_gmssl"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(KeyFault, match="OpenSSL"):
        Sm2PrivateKey.generate()


def test_the_usual_adapter_is_the_systems_own() -> None:
    """Where libcrypto has SM2 it is taken, also where the other one is installed."""
    assert sm2.adapter().startswith("libcrypto, OpenSSL 3")


def test_a_private_key_with_another_ones_public_key_is_refused(adapter: str) -> None:
    """A pair that is none is a key fault, by whichever adapter."""
    other = Sm2PrivateKey.generate()
    with pytest.raises(KeyFault):
        Sm2PrivateKey.from_hex(REQUEST["gateway_private"] + other.public.hex)


@settings(deadline=None)
@given(plain=st.binary(max_size=300), bound=st.binary(max_size=50), flip=st.integers(min_value=0))
def test_sm4_gcm_gives_back_what_was_sealed_or_nothing(plain: bytes, bound: bytes, flip: int) -> None:
    """What was sealed opens; with one bit changed in ciphertext or tag, or other bound data, it does not."""
    secret, nonce = bytes(range(16)), bytes(12)
    sealed = sm4_gcm_seal(secret, nonce, plain, bound)
    assert plain == sm4_gcm_open(secret, nonce, sealed, bound)
    changed = bytearray(sealed)
    changed[flip % len(sealed)] ^= 1 << flip % 8
    for other, aad in ((bytes(changed), bound), (sealed, bound + b"x"), (sealed[:-1], bound)):
        with pytest.raises(SealBroken):
            sm4_gcm_open(secret, nonce, other, aad)


def test_sm4_refuses_keys_nonces_and_seals_of_the_wrong_length() -> None:
    """A key has 16 bytes, a nonce 12, a seal at least its tag."""
    with pytest.raises(KeyFault):
        sm4_gcm_seal(bytes(15), bytes(12), b"", b"")
    with pytest.raises(KeyFault):
        sm4_gcm_open(bytes(16), bytes(16), bytes(16), b"")
    with pytest.raises(SealBroken):
        sm4_gcm_open(bytes(16), bytes(12), bytes(15), b"")
