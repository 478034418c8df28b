"""The insurance platform's side of the envelope: opening requests, sealing answers.

Takes a request's body, gives what it holds once form, signature and seal are checked; gives answers sealed
and signed; refuses (`Refused`, with the contract's infcode) what doesn't fit: -400 the form or a plain input
that is too long, -402 signature or seal.
"""

import base64
import binascii
import hashlib
import itertools
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from gateway.errors import SealBroken
from gateway.vault.sm import Sm2PrivateKey, Sm2PublicKey, sm4_gcm_open, sm4_gcm_seal

UNFIT, SIGN_IN_AGAIN, UNSIGNED, USED, PREPARING = -400, -401, -402, -409, -425
#: characters of the plain input, by contract
MOST_PLAIN = 40_000
#: the platform's clock
ZONE = timezone(timedelta(hours=8))

#: the fields of a request that are text, and what they must look like, by contract
FIELDS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern, re.DOTALL)
    for name, pattern in {
        "infno": r"\w{4}",
        "msgid": r"[0-9A-Za-z]{12}\d{18}",
        "mdtrtarea_admvs": r"\d{6}",
        "insuplc_admdvs": r"\d{6}",
        "recer_sys_code": r".+",
        "dev_no": r".*",
        "infver": r"V1\.0",
        "opter_type": r"\d",
        "opter": r".+",
        "opter_name": r".+",
        "inf_time": r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d",
        "fixmedins_code": r"[0-9A-Za-z]{12}",
        "sign_no": r".*",
        "signtype": r"SM2",
        "cainfo": r"[A-Za-z0-9+/=]+",
    }.items()
}


class Refused(Exception):
    """The platform says no, with this infcode and this err_msg."""

    def __init__(self, infcode: int, err_msg: str) -> None:
        self.infcode, self.err_msg = infcode, err_msg
        super().__init__(infcode, err_msg)


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A request whose form, signature and seal are right."""

    infno: str
    msgid: str
    sign_no: str
    #: the plain input as the client sealed it
    plain: bytes
    #: the plain input as JSON
    input: dict[str, Any]  # Any: JSON

    @property
    def fingerprint(self) -> bytes:
        """Equal for the same transaction with the same plain input."""
        return hashlib.sha256(self.infno.encode() + b"|" + self.plain).digest()


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the platform answers, before it is signed. Kept for the same msgid, and then given again."""

    infcode: int
    refmsgid: str
    #: `yyyyMMddHHmmssSSS`
    time: str
    err_msg: str = ""
    #: `encData` and `nonce`; None for a failure
    output: Mapping[str, str] | None = None


class Envelope:
    """Both directions, with the platform's keys and the gateway's public one. `area`: 6 digits."""

    def __init__(
        self,
        *,
        sm4_key: bytes,
        private_key: Sm2PrivateKey,
        gateway_public: Sm2PublicKey,
        area: str = "451000",
    ) -> None:
        self._sm4_key, self._private_key = sm4_key, private_key
        #: Public keys of the gateway that are registered: any of them signs.
        self.registered = [gateway_public]
        self._area = area
        self._serials = itertools.count(1)

    def open(self, body: bytes) -> Opened:
        """The request's content. Raises Refused."""
        told = _parse(body, "报文")
        _check_form(told)
        self._check_signature(told)
        plain = self._unseal(told)
        text = plain.decode("utf-8", "replace")
        if len(text) > MOST_PLAIN:
            raise Refused(UNFIT, f"明文超过{MOST_PLAIN}个字符")
        return Opened(
            infno=told["infno"],
            msgid=told["msgid"],
            sign_no=told["sign_no"],
            plain=plain,
            input=_parse(plain, "input"),
        )

    def reply(self, output: Mapping[str, Any], now: float) -> Reply:  # Any: JSON
        """A success."""
        refmsgid, time = self._stamp(now)
        plain = json.dumps(output, ensure_ascii=False, separators=(",", ":")).encode()
        nonce = secrets.token_bytes(12)
        data = base64.b64encode(sm4_gcm_seal(self._sm4_key, nonce, plain, refmsgid.encode())).decode()
        return Reply(infcode=0, refmsgid=refmsgid, time=time, output={"encData": data, "nonce": nonce.hex()})

    def refusal(self, refused: Refused, now: float) -> Reply:
        """A failure."""
        refmsgid, time = self._stamp(now)
        return Reply(infcode=refused.infcode, refmsgid=refmsgid, time=time, err_msg=refused.err_msg)

    def sign(
        self, reply: Reply, *, as_string: bool = False, wrongly: bool = False
    ) -> dict[str, Any]:  # Any: JSON
        """The reply as it leaves; `as_string`: infcode as text, `wrongly`: a signature of something else."""
        data = reply.output["encData"] if reply.output else ""
        signed = f"{reply.infcode}|{reply.refmsgid}|{data}" + (" " if wrongly else "")
        answer: dict[str, Any] = {  # Any: JSON
            "infcode": str(reply.infcode) if as_string else reply.infcode,
            "inf_refmsgid": reply.refmsgid,
            "refmsg_time": reply.time,
            "respond_time": reply.time,
            "warn_msg": "",
            "err_msg": reply.err_msg,
            "signtype": "SM2",
            "cainfo": base64.b64encode(self._private_key.sign(signed.encode())).decode(),
        }
        return {**answer, "output": reply.output} if reply.output else answer

    def _stamp(self, now: float) -> tuple[str, str]:
        """A new inf_refmsgid of 30 characters, and the time."""
        moment = datetime.fromtimestamp(now, ZONE)
        stamp = moment.strftime("%Y%m%d%H%M%S")
        return f"{self._area}{stamp}{next(self._serials):010}", f"{stamp}{moment.microsecond // 1000:03}"

    def _check_signature(self, told: Mapping[str, Any]) -> None:
        signed = "|".join(
            (told["infno"], told["msgid"], told["inf_time"], told["sign_no"], told["input"]["encData"])
        )
        signature = _from_base64(told["cainfo"])
        message = signed.encode("utf-8", "replace")
        if len(signature) != 64 or not any(key.verify(signature, message) for key in self.registered):
            raise Refused(UNSIGNED, "验签失败")

    def _unseal(self, told: Mapping[str, Any]) -> bytes:
        sealed, nonce = _from_base64(told["input"]["encData"]), told["input"]["nonce"]
        if not re.fullmatch(r"[0-9a-fA-F]{24}", nonce):
            raise Refused(UNSIGNED, "nonce有误")
        try:
            return sm4_gcm_open(self._sm4_key, bytes.fromhex(nonce), sealed, told["msgid"].encode())
        except SealBroken:
            raise Refused(UNSIGNED, "解密失败") from None


def _parse(body: bytes, what: str) -> dict[str, Any]:  # Any: JSON
    try:
        told = json.loads(body)
    except ValueError:
        raise Refused(UNFIT, f"{what}不是JSON") from None
    if not isinstance(told, dict):
        raise Refused(UNFIT, f"{what}不是对象")
    return told


def _check_form(told: Mapping[str, Any]) -> None:
    for name, pattern in FIELDS.items():
        if not isinstance(told.get(name), str) or not pattern.fullmatch(told[name]):
            raise Refused(UNFIT, f"{name}缺失或格式有误")
    sealed = told.get("input")
    if not isinstance(sealed, dict) or not all(
        isinstance(sealed.get(name), str) for name in ("encData", "nonce")
    ):
        raise Refused(UNFIT, "input缺失或格式有误")
    if not told["msgid"].startswith(told["fixmedins_code"]) or not _is_moment(told["msgid"][12:26]):
        raise Refused(UNFIT, "msgid有误")


def _is_moment(stamp: str) -> bool:
    try:
        datetime.strptime(stamp, "%Y%m%d%H%M%S")
    except ValueError:
        return False
    return True


def _from_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(UNSIGNED, "base64有误") from None
