"""The platform's envelope: sealed to one message, believed only when signed, repeated without harm."""

import base64
import gzip
import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from gateway.errors import EnvelopeRefused, PeerBroken, PeerRefused, PeerUnreachable, PeerUntrusted, TryLater
from gateway.peers.envelope import answer_text, request_text, seal_input
from gateway.peers.sink import MemorySink
from gateway.vault.sm import Sm2PrivateKey, Sm2PublicKey, sm3_new, sm4_gcm_open, sm4_gcm_seal
from tests.peers.platform import KEY, THEIRS, client, peer
from tests.peers.scripted import Play, Scripted, Seen, always, answer

NONCE = bytes(range(12))
REF = "451000202611010100000000000001"

#: Made with tools independent of this project.
REQUEST = {
    "msgid": "451000000001202611010100000001",
    "plain": '{"signIn":{"opter_no":"gw","mac":"","ip":"127.0.0.1"}}',
    "encData": "7GStkq4EzG7dpg9vvsuNA1PIb6QTMzeQgMrubm+/7fOxwHyRTQVdqxC7qhx4JZaPhGH"
    "sEp026/Wesme4GiFvoV1sWKJ5Ew==",
    "cainfo": "mOkq5qb8Rpf+4DY7EJABAvkfAOu+u/h+OEjF4k5EkEZAKA9V0GSpQwXrFZ4OtBHSnSP12YTt4QHkb5vLt4uXZQ==",
    "private": "9069ca6fb48e73cd6bc4c53883ebda2813082e22f6a1c333f09eb423850e3dfc",
    "public": "ff8b12fe6602b33a2b9f71ecf5327f158b8f0ad700b963587f756cd9832296ab"
    "ee528b4093225537bbbdafbcf811bcbaf9999b8330221c77d6cbb47019e3292a",
}
ANSWER = {
    "encData": "7GStkq4E7G6Q6QAv84GCRFL+ZqVufXyaksr4bjDuvOem02+QX10NuRujqx51O5aDmG2"
    "uWYcl14YpfPgsObtZ/y70Po6GQrM0L0s2fBFoCr+Www==",
    "cainfo": "sUgd4vaplXhpBMwCwPRRQ88OmjJNy7w/3XbywQOXXEls2G6exFjCUiSHCUq9/vJKu4OzbA7uTFXqzVsL1MHopQ==",
    "public": "3449adcc19d381ab1e75e1fc94343ac44996f325b2afac84693f2c46ba135cb7"
    "27dc77a70241b56a0735c6debf5608588aff425e625511908402b20f2ecad665",
}


def test_request_vector() -> None:
    """Sealing and the signed text are those of the contract's vectors, whose signature verifies."""
    enc_data = seal_input(KEY, NONCE, REQUEST["msgid"], REQUEST["plain"].encode())
    assert REQUEST["encData"] == enc_data
    signed = request_text("9001", REQUEST["msgid"], "2026-11-01 01:00:00", "", enc_data)
    public = Sm2PublicKey.from_hex(REQUEST["public"])
    assert public.verify(base64.b64decode(REQUEST["cainfo"]), signed)


def test_sealed_request() -> None:
    """The envelope has the contract's fields, China's time, a seal bound to its msgid, and a signature over
    it all."""
    with client("http://127.0.0.1:1") as http:
        sealing = peer(http, signing_key=Sm2PrivateKey.from_hex(REQUEST["private"]))
        sent = json.loads(sealing.seal_request("L201", REQUEST["msgid"], b'{"persons":[]}', "s-1"))
    assert ("2026-11-01 01:00:00", "s-1", "SM2") == (sent["inf_time"], sent["sign_no"], sent["signtype"])
    assert ("451000000001", "451000", "gw") == (sent["fixmedins_code"], sent["insuplc_admdvs"], sent["opter"])
    sealed, nonce = base64.b64decode(sent["input"]["encData"]), bytes.fromhex(sent["input"]["nonce"])
    assert b'{"persons":[]}' == sm4_gcm_open(KEY, nonce, sealed, REQUEST["msgid"].encode())
    signed = request_text("L201", REQUEST["msgid"], sent["inf_time"], "s-1", sent["input"]["encData"])
    assert Sm2PublicKey.from_hex(REQUEST["public"]).verify(base64.b64decode(sent["cainfo"]), signed)


@pytest.mark.integration
@pytest.mark.parametrize("infcode", [0, "0"])
def test_answer_vector(infcode: object) -> None:
    """The contract's answer verifies and opens, with its code as a number and as a text."""
    output = {"encData": ANSWER["encData"], "nonce": NONCE.hex()}
    body = {"infcode": infcode, "inf_refmsgid": REF, "cainfo": ANSWER["cainfo"], "output": output}
    with Scripted(always(200, json.dumps(body).encode())) as server, client(server.base) as http:
        peer(http, platform_key=Sm2PublicKey.from_hex(ANSWER["public"])).sign_in()
    assert "/base/fsi/api/rsfComIfsService/callService" == server.seen[0].target
    assert "application/json; charset=utf-8" == server.seen[0].headers["content-type"]


# --- a platform that follows a script ---


def reply(
    output: Mapping[str, object] | None,
    infcode: int = 0,
    err_msg: str = "",
    changes: Mapping[str, object] | None = None,
) -> bytes:
    """The JSON of one signed answer."""
    sealed = b"" if output is None else sm4_gcm_seal(KEY, NONCE, json.dumps(output).encode(), REF.encode())
    enc_data = base64.b64encode(sealed).decode()
    body: dict[str, object] = {
        "infcode": infcode,
        "inf_refmsgid": REF,
        "err_msg": err_msg,
        "cainfo": base64.b64encode(THEIRS.sign(answer_text(str(infcode), REF, enc_data))).decode(),
    }
    if output is not None:
        body["output"] = {"encData": enc_data, "nonce": NONCE.hex()}
    return json.dumps({**body, **(changes or {})}).encode()


class Platform:
    """Signs everybody in, and plays the script for all other requests."""

    def __init__(self, *plays: Play) -> None:
        self.plays, self.signed_in = list(plays), 0
        self.asked: list[dict[str, Any]] = []
        self.downloads: list[Seen] = []

    def __call__(self, seen: Seen) -> Iterable[bytes]:
        if seen.method == "POST":
            request = json.loads(seen.body)
            if request["infno"] == "9001":
                self.signed_in += 1
                output = {"signinoutb": {"sign_time": "", "sign_no": f"s{self.signed_in}"}}
                return [answer(200, reply(output))]
            self.asked.append(request)
        else:
            self.downloads.append(seen)
        play = self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]
        return play(seen)


def good(output: Mapping[str, object]) -> Play:
    return always(200, reply(output))


def bad(infcode: int, err_msg: str = "") -> Play:
    return always(200, reply(None, infcode, err_msg))


def drop(seen: Seen) -> Iterable[bytes]:
    return []


def call(platform: Platform) -> dict[str, Any]:
    with Scripted(platform) as server, client(server.base) as http:
        return peer(http).call("L201", {"persons": []}, "m" * 30)


@pytest.mark.integration
def test_call_signs_in_first() -> None:
    """A first call signs in by itself; the input is sent as compact JSON under the caller's msgid."""
    platform = Platform(good({"results": []}))
    assert {"results": []} == call(platform)
    assert 1 == platform.signed_in
    assert [("m" * 30, "s1")] == [(asked["msgid"], asked["sign_no"]) for asked in platform.asked]


@pytest.mark.integration
def test_expired_sign_no() -> None:
    """-401 signs in again and repeats under the same msgid with the new sign_no."""
    platform = Platform(bad(-401), good({"results": []}))
    assert {"results": []} == call(platform)
    assert [("m" * 30, "s1"), ("m" * 30, "s2")] == [(one["msgid"], one["sign_no"]) for one in platform.asked]


@pytest.mark.integration
def test_sign_no_never_lasts() -> None:
    """A platform that forgets every sign_no at once is left for later."""
    platform = Platform(bad(-401))
    with pytest.raises(PeerRefused):
        call(platform)
    assert 4 == len(platform.asked)


@pytest.mark.integration
@pytest.mark.parametrize(
    "play", [drop, always(503, Retry_After="2"), always(429), always(500), always(502), always(504)]
)
def test_lost_answer(play: Play) -> None:
    """A request whose answer was lost is repeated under its msgid with the same plain input."""
    platform = Platform(play, play, good({"results": []}))
    assert {"results": []} == call(platform)
    assert ["m" * 30] * 3 == [asked["msgid"] for asked in platform.asked]


@pytest.mark.integration
@pytest.mark.parametrize(
    "play", [drop, always(503), always(500), always(200, b"<html>"), always(404), always(200, b"{}")]
)
def test_unknown_outcome(play: Play) -> None:
    """Where no usable answer ever comes the outcome is unknown, and the error says that nothing is lost."""
    with pytest.raises(PeerUnreachable, match="同一报文号"):
        call(Platform(play))


@pytest.mark.integration
@pytest.mark.parametrize("size", [11, 16])
def test_nonce_of_another_length(size: int) -> None:
    """A signed answer whose nonce has not twelve bytes is no usable one: its outcome is unknown."""
    body = json.loads(reply({"results": []}))
    body["output"]["nonce"] = bytes(size).hex()
    with pytest.raises(PeerUnreachable, match="同一报文号"):
        call(Platform(always(200, json.dumps(body).encode())))


@pytest.mark.integration
@pytest.mark.parametrize("infcode", [-400, -402, -409, -999])
def test_final_refusal(infcode: int) -> None:
    """A final no is told at once; the platform's own words may name somebody and stay out of the message."""
    platform = Platform(bad(infcode, "韦某 不合"))
    with pytest.raises(EnvelopeRefused) as caught:
        call(platform)
    assert (infcode, "韦某 不合") == (caught.value.infcode, caught.value.err_msg)
    assert "韦某" not in str(caught.value) + repr(caught.value)
    assert 1 == len(platform.asked)


@pytest.mark.integration
def test_still_preparing(waits: list[float]) -> None:
    """-425 waits as long as the platform says and asks again, a bounded number of times."""
    platform = Platform(bad(-425, "retry_after=3"), bad(-425), good({"a": 1}))
    assert {"a": 1} == call(platform)
    assert [3.0, 2.0] == waits
    with pytest.raises(PeerRefused):
        call(Platform(bad(-425)))


@pytest.mark.integration
def test_preparing_takes_long(waits: list[float]) -> None:
    """-425 is obeyed in full, for ten minutes at once too, and before another msgid; beyond a run's patience it is
    left, and says when to come."""
    platform = Platform(bad(-425, "retry_after=100"))
    with Scripted(platform) as server, client(server.base) as http, pytest.raises(PeerRefused):
        peer(http).export("L101", {"as_of": None}, "m" * 30, MemorySink())
    assert {100.0} == set(waits) and len(waits) == len(platform.asked) - 1
    waits.clear()
    platform = Platform(bad(-425, "retry_after=600"), good({"a": 1}))
    assert ({"a": 1}, [600.0]) == (call(platform), waits)
    waits.clear()
    platform = Platform(bad(-425, "retry_after=1000"))
    with Scripted(platform) as server, client(server.base) as http, pytest.raises(PeerRefused, match="1000 秒"):
        peer(http).export("L101", {"as_of": None}, "m" * 30, MemorySink())
    assert ([], 1) == (waits, len(platform.asked))


@pytest.mark.integration
@pytest.mark.parametrize(
    "changes",
    [
        {"cainfo": base64.b64encode(bytes(64)).decode()},
        {"cainfo": ""},
        {"cainfo": None},
        {"cainfo": "%%%"},
        {"infcode": 1},
        {"infcode": -402},
        {"inf_refmsgid": "x" * 30},
        {"output": {}},
        {"output": {"encData": "AAAA", "nonce": NONCE.hex()}},
    ],
)
def test_bad_signature(changes: dict[str, object]) -> None:
    """An answer whose signature doesn't hold over what it says is not believed, whatever it says."""
    with pytest.raises(PeerUntrusted):
        call(Platform(always(200, reply({"results": []}, changes=changes))))


@pytest.mark.integration
def test_refusal_turned_success() -> None:
    """A signed refusal cannot be passed off as a success."""
    with pytest.raises(PeerUntrusted):
        call(Platform(always(200, reply(None, -400, changes={"infcode": 0}))))


@pytest.mark.integration
def test_swapped_nonce() -> None:
    """A genuine signature over a seal that doesn't open is not believed either."""
    swapped = json.loads(reply({"results": []}))
    swapped["output"]["nonce"] = bytes(12).hex()
    with pytest.raises(PeerUntrusted):
        call(Platform(always(200, json.dumps(swapped).encode())))


def test_longest_input() -> None:
    """40 000 characters, not bytes, may be sent; one more is a mistake of the caller."""
    with client("http://127.0.0.1:1") as http:
        asking = peer(http)
        with pytest.raises(TryLater):
            asking.call("L201", ('"' + "壮" * 39_998 + '"').encode(), "m" * 30)
        with pytest.raises(ValueError, match="40000"):
            asking.call("L201", ('"' + "壮" * 39_999 + '"').encode(), "m" * 30)


@pytest.mark.integration
def test_gone_file_is_asked_for_under_a_new_msgid() -> None:
    """A prepared file that is gone is asked for again under another msgid; the old one would name the old
    file."""
    data = gzip.compress(b"a\n1\n")
    digest = sm3_new()
    digest.update(data)
    prepared = {
        "file_qury_no": "q/1", "filename": "f", "bytes": len(data), "rows": 1, "sm3": digest.hexdigest(),
        "as_of": "d",
    }  # fmt: skip
    platform = Platform(good(prepared), always(404), good(prepared), always(401), always(200, data))
    sink = MemorySink()
    with Scripted(platform) as server, client(server.base) as http:
        info = peer(http).export("L101", {"as_of": None}, "m" * 30, sink)
    assert data == sink.getvalue()
    assert (1, len(data), "d", "f") == (info.rows, info.bytes, info.as_of, info.filename)
    assert "m" * 30 == platform.asked[0]["msgid"] != platform.asked[1]["msgid"]
    assert ["s1", "s1", "s2"] == [seen.headers["x-sign-no"] for seen in platform.downloads]
    assert {"/base/fsi/file/q%2F1"} == {seen.target for seen in platform.downloads}


@pytest.mark.integration
@pytest.mark.parametrize("missing", ["file_qury_no", "bytes", "rows", "sm3"])
def test_prepared_of_another_form(missing: str) -> None:
    """An export answer without one of its fields is an error of ours."""
    prepared = {"file_qury_no": "q", "filename": "f", "bytes": 1, "rows": 1, "sm3": "0" * 64, "as_of": "d"}
    platform = Platform(good({key: value for key, value in prepared.items() if key != missing}))
    with Scripted(platform) as server, client(server.base) as http, pytest.raises(PeerBroken):
        peer(http).export("L101", {"as_of": None}, "m" * 30, MemorySink())


@pytest.mark.integration
def test_the_platform_changes_its_keys() -> None:
    """With the next keys entered, an answer under the present or the next ones is taken; what is sent is sealed under
    the first alone; a third key is not believed."""
    other, secret = Sm2PrivateKey.generate().public, bytes(16)

    def called(**keys: Any) -> dict[str, Any]:
        with Scripted(Platform(good({"results": []}))) as server, client(server.base) as http:
            return peer(http, **keys).call("L201", {"persons": []}, "m" * 30)

    assert {"results": []} == called(other_platform_key=other, other_sm4_key=secret)
    assert {"results": []} == called(platform_key=other, other_platform_key=THEIRS.public, other_sm4_key=secret)
    assert {"results": []} == called(sm4_key=KEY, other_sm4_key=KEY)
    with pytest.raises(PeerUntrusted):
        called(platform_key=other, other_platform_key=Sm2PrivateKey.generate().public)
