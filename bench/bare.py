"""The least that a client of the platform must do: seal, sign, post, verify, open. A yardstick for the push.

Takes the platform's address and a signing key. Gives what is in the answers. It leans on the gateway's ciphers and on
nothing else of it, keeps no ledger, and asserts where the gateway would go on. Source: contract «Insurance platform».
"""

import base64
import http.client
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from itertools import count
from threading import local
from typing import Any
from urllib.parse import urlsplit

import httpx

from gateway.vault import Signer
from gateway.vault.sm import Sm2PublicKey, sm4_gcm_open, sm4_gcm_seal

_CHINA = timezone(timedelta(hours=8))
_SERVICE = "/fsi/api/rsfComIfsService/callService"
_HEADERS = {"Content-Type": "application/json; charset=utf-8"}
#: Messages are numbered from a day ago, where the gateway does not draw its numbers meanwhile: so many each second.
_YESTERDAY, _EACH_SECOND = datetime.now(_CHINA) - timedelta(days=1), 10_000
_NUMBERS = count()
#: Bytes of an envelope to bytes of an answer.
Post = Callable[[bytes], bytes]


def by_library(base: str) -> Post:
    """Posts with httpx, over kept-alive connections."""
    client = httpx.Client(trust_env=False)
    return lambda body: client.post(base + _SERVICE, content=body, headers=_HEADERS).content


def by_hand(base: str) -> Post:
    """Posts with `http.client`, a kept-alive connection to a thread: the least that Python can do."""
    parts, own = urlsplit(base), local()

    def post(body: bytes) -> bytes:
        if not hasattr(own, "connection"):
            own.connection = http.client.HTTPConnection(str(parts.hostname), parts.port)
        own.connection.request("POST", parts.path + _SERVICE, body, _HEADERS)
        answer: bytes = own.connection.getresponse().read()
        return answer

    return post


class Bare:
    """A client that is signed in."""

    def __init__(self, address: Mapping[str, Any], key: Signer, post: Post) -> None:
        self._key, self._post, self._org = key, post, str(address["org_code"])
        self._platform = Sm2PublicKey.from_hex(str(address["public_key"]))
        self._sm4 = bytes.fromhex(str(address["sm4_key"]))
        self._sign_no = ""
        plain = {"signIn": {"opter_no": "bare", "mac": "", "ip": "127.0.0.1"}}
        self._sign_no = self.call("9001", json.dumps(plain).encode())["signinoutb"]["sign_no"]

    def call(self, infno: str, plain: bytes) -> Any:  # JSON
        """One transaction."""
        answer = json.loads(self._post(self._envelope(infno, plain)))
        sealed, number = answer["output"]["encData"], answer["inf_refmsgid"]
        said = f"{answer['infcode']}|{number}|{sealed}"
        assert self._platform.verify(base64.b64decode(answer["cainfo"]), said.encode())
        nonce = bytes.fromhex(answer["output"]["nonce"])
        return json.loads(sm4_gcm_open(self._sm4, nonce, base64.b64decode(sealed), number.encode()))

    def _envelope(self, infno: str, plain: bytes) -> bytes:
        second, number = divmod(next(_NUMBERS), _EACH_SECOND)
        msgid = f"{self._org}{_YESTERDAY + timedelta(seconds=second):%Y%m%d%H%M%S}{number:04d}"
        nonce = secrets.token_bytes(12)
        data = base64.b64encode(sm4_gcm_seal(self._sm4, nonce, plain, msgid.encode())).decode()
        time = datetime.now(_CHINA).strftime("%Y-%m-%d %H:%M:%S")
        signed = self._key.sign("|".join((infno, msgid, time, self._sign_no, data)).encode())
        envelope = {
            "infno": infno, "msgid": msgid, "mdtrtarea_admvs": "451000", "insuplc_admdvs": "451000",
            "recer_sys_code": "BARE", "dev_no": "", "infver": "V1.0", "opter_type": "1", "opter": "bare",
            "opter_name": "bare", "inf_time": time, "fixmedins_code": self._org, "sign_no": self._sign_no,
            "signtype": "SM2", "cainfo": base64.b64encode(signed).decode(),
            "input": {"encData": data, "nonce": nonce.hex()},
        }  # fmt: skip
        return json.dumps(envelope).encode()


def pushed(client: Bare, inputs: Sequence[bytes], threads: int) -> float:
    """Seconds of a bare loop over the inputs of L201; every item must be accepted."""

    def one(plain: bytes) -> bool:
        return all(item["rslt"] == 0 for item in client.call("L201", plain)["results"])

    start = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        assert all(pool.map(one, inputs))
    return time.perf_counter() - start
