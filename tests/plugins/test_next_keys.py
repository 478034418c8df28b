"""The platform's next SM4 key: from its day on it seals what we send, and not before."""

import base64
import json
from datetime import date
from pathlib import Path

import pytest

from gateway.acquire import SourceSession
from gateway.errors import SealBroken
from gateway.plugin.loader import load_plugins
from gateway.vault import Keyring, sm4_gcm_open
from gateway.vault.sealedfile import CHEAPEST

PRESENT, NEXT = bytes(range(16)), bytes(range(16, 32))
DAY, MSGID = date(2026, 12, 1), "m" * 30


@pytest.mark.parametrize(("today", "key", "not_key"), [(date(2026, 11, 30), PRESENT, NEXT), (DAY, NEXT, PRESENT)])
def test_what_is_sent_is_sealed_under_the_next_key_from_its_day_on(
    tmp_path: Path, today: date, key: bytes, not_key: bytes
) -> None:
    """The day before it is the present key, on the day the next one."""
    keyring = Keyring.create(tmp_path / "keys", cost=CHEAPEST)
    for name, value in (("present", PRESENT), ("next", NEXT)):
        path = tmp_path / "keys" / name
        path.write_text(value.hex(), "utf-8")
        path.chmod(0o600)
    platform = load_plugins().platform("insurance_platform")
    options = platform.Options.model_validate(
        {
            "base": "http://127.0.0.1:1/",
            "org_code": "451000000001",
            "admdvs": "451000",
            "sm4_key": "file:keys/present",
            "public_key": keyring.signing_key.public.hex,
            "next_sm4_key": "file:keys/next",
            "next_from": DAY,
        }
    )
    session = SourceSession(
        instance="platform", today=today, site=tmp_path, keyring=keyring, incoming=tmp_path, next_msgid=lambda: MSGID
    )
    with session:
        envelope = json.loads(platform(options).connect(session).seal_request("L201", MSGID, b"{}"))["input"]
    sealed, nonce = base64.b64decode(envelope["encData"]), bytes.fromhex(envelope["nonce"])
    assert b"{}" == sm4_gcm_open(key, nonce, sealed, MSGID.encode())
    with pytest.raises(SealBroken):
        sm4_gcm_open(not_key, nonce, sealed, MSGID.encode())
