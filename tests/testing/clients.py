"""Plain clients, written from the peers' contracts alone, for the tests of `gateway.testing`."""

import base64
import hashlib
import hmac
import itertools
import json
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from gateway.vault.sm import Sm2PrivateKey, Sm2PublicKey, sm4_gcm_open, sm4_gcm_seal

NOON = 1_793_505_600.0  # 2026-11-01 12:00 in China
JSON_TYPE = {"Content-Type": "application/json; charset=utf-8"}
ORG = "451000000001"
#: fields of the platform's envelope that are the same in every request
USUAL = {
    "mdtrtarea_admvs": "451000",
    "insuplc_admdvs": "451000",
    "recer_sys_code": "IDGATE",
    "dev_no": "",
    "infver": "V1.0",
    "opter_type": "1",
    "opter": "gw",
    "opter_name": "gw",
    "fixmedins_code": ORG,
    "signtype": "SM2",
}


class Clock:
    """Unix seconds that move only when told."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


def http() -> httpx.Client:
    """A client that looks at no proxy and no certificates, and gives up soon."""
    return httpx.Client(trust_env=False, timeout=5, verify=False)


def switch_on(web: httpx.Client, root: str, name: str, **order: object) -> httpx.Response:
    """Order a fault over HTTP."""
    return web.post(f"{root}/_testing/faults", json={"name": name, **order})


class PlatformClient:
    """The gateway's side of the platform's envelope."""

    def __init__(self, base: str, sm4_key: bytes, own: Sm2PrivateKey, platform: Sm2PublicKey) -> None:
        self.base, self.key, self.own, self.platform = base, sm4_key, own, platform
        self.web = http()
        self.sign_no = ""
        self.serials = itertools.count(1)

    def msgid(self) -> str:
        return f"{ORG}20261101120000{next(self.serials):04}"

    def envelope(self, infno: str, told: object, msgid: str, sign_no: str | None = None) -> dict[str, Any]:
        """A request, signed and sealed, ready to be spoilt by a test."""
        nonce, time = secrets.token_bytes(12), "2026-11-01 12:00:00"
        sign_no = self.sign_no if sign_no is None else sign_no
        plain = json.dumps(told, ensure_ascii=False).encode()
        data = base64.b64encode(sm4_gcm_seal(self.key, nonce, plain, msgid.encode())).decode()
        signed = f"{infno}|{msgid}|{time}|{sign_no}|{data}".encode()
        return {
            **USUAL,
            "infno": infno,
            "msgid": msgid,
            "inf_time": time,
            "sign_no": sign_no,
            "cainfo": base64.b64encode(self.own.sign(signed)).decode(),
            "input": {"encData": data, "nonce": nonce.hex()},
        }

    def post(self, envelope: object) -> httpx.Response:
        url = f"{self.base}/fsi/api/rsfComIfsService/callService"
        return self.web.post(url, content=json.dumps(envelope).encode(), headers=JSON_TYPE)

    def verifies(self, answer: dict[str, Any]) -> bool:
        data = answer.get("output", {}).get("encData", "")
        signed = f"{answer['infcode']}|{answer['inf_refmsgid']}|{data}".encode()
        return self.platform.verify(base64.b64decode(answer["cainfo"]), signed)

    def answer(self, infno: str, told: object, msgid: str | None = None) -> dict[str, Any]:
        """The answer as it came, its signature checked."""
        answer: dict[str, Any] = self.post(self.envelope(infno, told, msgid or self.msgid())).json()
        assert self.verifies(answer)
        return answer

    def output(self, infno: str, told: object, msgid: str | None = None) -> dict[str, Any]:
        """The opened output of a success."""
        answer = self.answer(infno, told, msgid)
        assert int(answer["infcode"]) == 0
        sealed, nonce = (
            base64.b64decode(answer["output"]["encData"]),
            bytes.fromhex(answer["output"]["nonce"]),
        )
        opened: dict[str, Any] = json.loads(
            sm4_gcm_open(self.key, nonce, sealed, answer["inf_refmsgid"].encode())
        )
        return opened

    def sign_in(self) -> None:
        self.sign_no = ""
        told = {"signIn": {"opter_no": "gw", "mac": "", "ip": "127.0.0.1"}}
        self.sign_no = self.output("9001", told)["signinoutb"]["sign_no"]

    def download(self, number: str, **headers: str) -> httpx.Response:
        return self.web.get(f"{self.base}/fsi/file/{number}", headers={"X-Sign-No": self.sign_no, **headers})


class FederationClient:
    """The gateway's side of 残联."""

    def __init__(self, base: str, sm4_key: bytes, federation: Sm2PublicKey) -> None:
        self.base, self.key, self.federation = base, sm4_key, federation
        self.web = http()
        self.headers: dict[str, str] = {}

    def log_in(self, secret: str = "secret") -> httpx.Response:
        form = {"grant_type": "client_credentials"}
        answer = self.web.post(f"{self.base}/oauth2/token", data=form, auth=("gw", secret))
        self.headers = {"Authorization": f"Bearer {answer.json().get('access_token', 'none')}"}
        return answer

    def page(self, **question: str) -> httpx.Response:
        return self.web.get(f"{self.base}/api/v1/holders", params=question, headers=self.headers)

    def verifies(self, page: dict[str, Any]) -> bool:
        signed = f"{page['nonce']}|{page['data']}|{page['as_of']}".encode()
        return self.federation.verify(base64.b64decode(page["sign"]), signed)

    def open(self, page: dict[str, Any], cursor: str = "") -> list[str]:
        """The `cert_no` of a page."""
        sealed, aad = base64.b64decode(page["data"]), f"{page['as_of']}|{cursor}".encode()
        holders = json.loads(sm4_gcm_open(self.key, bytes.fromhex(page["nonce"]), sealed, aad))
        return [holder["cert_no"] for holder in holders]

    def all(self, **question: str) -> tuple[list[str], int]:
        """Every `cert_no` of a list in the order in which they came, and the last page's `total`."""
        got: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            page = self.page(**question, **({"cursor": cursor} if cursor else {})).json()
            assert self.verifies(page)
            got += self.open(page, cursor)
            cursor = page["next_cursor"]
        return got, page["total"]

    def tell(self, told: object) -> httpx.Response:
        return self.web.post(f"{self.base}/api/v1/feedback", json=told, headers=self.headers)


class TaxClient:
    """The gateway's side of 税务."""

    def __init__(self, base: str, secret: bytes, clock: Clock) -> None:
        self.base, self.secret, self.clock = base, secret, clock
        self.web = http()

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        *,
        nonce: str = "",
        skew: int = 0,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """A signed request; `headers` go over those of the signature."""
        url, time, nonce = f"{self.base}/{path}", str(int(self.clock()) + skew), nonce or secrets.token_hex(8)
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        text = "\n".join([method, target, time, nonce, hashlib.sha256(body).hexdigest()])
        signature = hmac.new(self.secret, text.encode(), hashlib.sha256).hexdigest()
        signed = {"X-Access-Key": "AK", "X-Timestamp": time, "X-Nonce": nonce, "X-Signature": signature}
        return self.web.request(method, url, content=body, headers={**signed, **(headers or {})})

    def order(self, question: object) -> httpx.Response:
        return self.ask("POST", "export/jobs", json.dumps(question).encode())

    def finish(self, job_id: str) -> dict[str, Any]:
        """The job once it is done or has failed."""
        for _poll in range(10):
            job: dict[str, Any] = self.ask("GET", f"export/jobs/{job_id}").json()
            if job["state"] in ("done", "failed"):
                return job
        raise AssertionError("the job never ends")
