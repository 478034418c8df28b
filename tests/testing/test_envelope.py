"""The platform's side of the envelope against the contract's vectors."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.testing.envelope import UNSIGNED, Envelope, Refused
from gateway.vault.sm import Sm2PrivateKey, Sm2PublicKey
from tests.testing.clients import USUAL

VECTORS = Path(__file__).parents[1] / "vault" / "vectors.json"


@pytest.fixture
def told() -> dict[str, Any]:
    """`platform_request` of the contract's vectors."""
    vector: dict[str, Any] = json.loads(VECTORS.read_bytes())["platform_request"]
    return vector


@pytest.fixture
def envelope(told: dict[str, Any]) -> Envelope:
    return Envelope(
        sm4_key=bytes.fromhex(told["sm4_key"]),
        private_key=Sm2PrivateKey.generate(),
        gateway_public=Sm2PublicKey.from_hex(told["gateway_public_xy"]),
    )


def request_of(told: dict[str, Any]) -> dict[str, Any]:
    infno, msgid, inf_time, sign_no, _data = told["signed"].split("|")
    sealed = {"cainfo": told["cainfo"], "input": {"encData": told["encData"], "nonce": told["nonce"]}}
    return {**USUAL, "infno": infno, "msgid": msgid, "inf_time": inf_time, "sign_no": sign_no, **sealed}


def test_the_contract_request_is_opened(told: dict[str, Any], envelope: Envelope) -> None:
    """A request made by a tool independent of this project is believed and read."""
    opened = envelope.open(json.dumps(request_of(told)).encode())
    assert told["plain"] == opened.plain.decode()
    assert {"signIn": {"opter_no": "gw", "mac": "", "ip": "127.0.0.1"}} == opened.input


def test_a_moved_signature_is_refused(told: dict[str, Any], envelope: Envelope) -> None:
    """The signature covers infno, inf_time and sign_no, and the seal covers the msgid."""
    for change in ({"infno": "L101"}, {"inf_time": "2026-11-01 01:00:01"}, {"sign_no": "x"}):
        with pytest.raises(Refused) as refused:
            envelope.open(json.dumps({**request_of(told), **change}).encode())
        assert UNSIGNED == refused.value.infcode


def test_a_refusal_carries_its_code_and_no_output(envelope: Envelope) -> None:
    """A failure has no output, 30 characters of reference, and times of 17 digits."""
    answer = envelope.sign(envelope.refusal(Refused(UNSIGNED, "验签失败"), 1_793_505_600.0))
    assert (UNSIGNED, False, 30) == (answer["infcode"], "output" in answer, len(answer["inf_refmsgid"]))
    assert "20261101120000000" == answer["refmsg_time"] == answer["respond_time"]
