"""The insurance platform's envelope: sealed, signed, signed in, safe to repeat (contract 医保信息平台).

Takes transaction numbers and plain inputs; gives verified plain outputs, and prepared files in a sink.
`EnvelopeRefused` for a final no, `PeerUntrusted` for an answer that does not verify. After any `TryLater` and
after `PeerUntrusted` the outcome is unknown: repeat later *under the same msgid*.
"""

import base64
import json
import re
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

from gateway.errors import (
    EnvelopeRefused,
    GatewayError,
    PeerBroken,
    PeerRefused,
    PeerUnreachable,
    PeerUntrusted,
    SealBroken,
)
from gateway.model.jsons import json_of
from gateway.peers import retry as retrying
from gateway.peers.http import Answer, HttpPeer
from gateway.peers.shapes import base64_bytes, is_count, mapping
from gateway.peers.sink import DigestingSink, Sink
from gateway.vault.provider import Signer
from gateway.vault.sm import Sm2PublicKey, sm3_new, sm4_gcm_open_any, sm4_gcm_seal
from gateway.words import _

SERVICE = "fsi/api/rsfComIfsService/callService"
FILES = "fsi/file"
SIGN_IN = "9001"
#: The platform's clock; China has one zone and no summer time.
CHINA = timezone(timedelta(hours=8))
#: Characters of the plain input (contract).
INPUT_LIMIT = 40_000
NONCE_BYTES = 12

SUCCESS, SIGN_NO_EXPIRED, STILL_PREPARING = 0, -401, -425
#: Sign-ins for one call: one is normal after two hours, three in a row mean that the platform forgets them.
MOST_SIGN_INS = 3
#: Looks at something still being prepared, under one msgid.
MOST_LOOKS = 10
#: Seconds of waiting between them.
MOST_WAITED = 960.0
#: An export may be asked for anew under another msgid, with twice the looks each time: 3, 6, 12, 24, 48.
MOST_ROUNDS, FIRST_LOOKS = 5, 3
#: Seconds between looks where the platform names none.
LOOK_EVERY = 2.0
#: Bytes of one prepared file: 40 million relations take about 8 GiB unpacked.
FILE_LIMIT = 20 * 1024**3

RETRY_AFTER = re.compile(r"retry_after\s*=\s*(\d{1,6}(?:\.\d{1,3})?)")
INFCODE = re.compile(r"-?\d{1,6}")
REFMSGID = re.compile(r"[0-9A-Za-z]{1,30}")
SM3 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True)
class ExportInfo:
    """A prepared file that has arrived whole."""

    #: Data rows inside.
    rows: int
    #: Size of the gzip file.
    bytes: int
    #: The moment that the file is true for, as the platform says.
    as_of: str
    filename: str


@dataclass(frozen=True, kw_only=True)
class _Prepared:
    number: str
    sm3: str
    info: ExportInfo


@dataclass(frozen=True, kw_only=True)
class _Reply:
    """An answer whose signature holds."""

    infcode: int
    err_msg: str
    output: Mapping[str, Any]  # decrypted JSON: each transaction has its own shape; empty unless it succeeded


def request_text(infno: str, msgid: str, inf_time: str, sign_no: str, enc_data: str) -> bytes:
    """What a request's `cainfo` signs."""
    return "|".join((infno, msgid, inf_time, sign_no, enc_data)).encode()


def answer_text(infcode: str, refmsgid: str, enc_data: str) -> bytes:
    """What an answer's `cainfo` signs; `enc_data` is empty on failure."""
    return "|".join((infcode, refmsgid, enc_data)).encode()


def seal_input(sm4_key: bytes, nonce: bytes, msgid: str, plain: bytes) -> str:
    """`encData` of a plain input, bound to its msgid."""
    return base64.b64encode(sm4_gcm_seal(sm4_key, nonce, plain, msgid.encode())).decode()


class EnvelopePeer:
    """The platform as one operator of one organisation sees it. Usable by several threads.

    What is sent is sealed under `sm4_key`; while keys change, an answer is taken under the other ones too. `clock`
    gives aware times; `next_msgid` draws a fresh message number, for sign-ins and repeated exports.
    """

    def __init__(
        self,
        *,
        http: HttpPeer,
        org_code: str,
        admdvs: str,
        sm4_key: bytes,
        signing_key: Signer,
        platform_key: Sm2PublicKey,
        other_sm4_key: bytes = b"",
        other_platform_key: Sm2PublicKey | None = None,
        opter: str,
        opter_name: str,
        clock: Callable[[], datetime],
        next_msgid: Callable[[], str],
    ) -> None:
        self._http, self._org_code, self._admdvs = http, org_code, admdvs
        self._sm4_key, self._signing_key = sm4_key, signing_key
        #: Under any of these an answer is good.
        self._sm4_keys = [key for key in (sm4_key, other_sm4_key) if key]
        self._platform_keys = [key for key in (platform_key, other_platform_key) if key]
        self._opter, self._opter_name = opter, opter_name
        self._clock, self._next_msgid = clock, next_msgid
        self._lock = threading.Lock()
        self._sign_no = ""

    def sign_in(self) -> None:
        """Sign in anew. Not needed before other calls, which do it by themselves; it proves keys and
        operator."""
        with self._lock:
            self._sign_no = self._fresh_sign_no()

    def call(self, infno: str, plain_input: Mapping[str, object] | bytes, msgid: str) -> dict[str, Any]:
        """The plain output. Signs in when needed; whatever is repeated is repeated under this msgid.

        `ValueError` over 40 000 characters. `PeerUnreachable` when it isn't known whether it was carried out.
        """
        return self._ask(infno, _plain(plain_input), msgid, MOST_LOOKS)

    def export(
        self, infno: str, plain_input: Mapping[str, object] | bytes, msgid: str, sink: Sink
    ) -> ExportInfo:
        """Have a file prepared, and bring it whole into the sink, which is emptied first.

        A file that is gone, or never gets ready, is asked for under a new msgid: the old one would repeat the
        old answer. `PeerBroken` if size or SM3 are not what was announced; else as `call`.
        """
        plain, digesting = _plain(plain_input), DigestingSink(sink, sm3_new)
        for turn in range(MOST_ROUNDS):
            try:
                prepared = self._prepared(self._ask(infno, plain, msgid, FIRST_LOOKS * 2**turn))
                self._bring(prepared, digesting)
            except (PeerRefused, PeerBroken) as error:
                if error.code not in (str(STILL_PREPARING), "http-404") or turn == MOST_ROUNDS - 1:
                    raise
                if error.after is not None:
                    if self._http.retry.is_beyond(error.after):
                        raise
                    retrying.pause(error.after)
                msgid = self._next_msgid()
            else:
                break
        if digesting.hexdigest() != prepared.sm3:
            digesting.restart()
            raise self._broken(_("文件的 SM3 摘要与平台声明的不同"))
        return prepared.info

    def seal_request(self, infno: str, msgid: str, plain: bytes, sign_no: str = "") -> bytes:
        """The whole envelope as it goes over the wire, with a fresh nonce."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        enc_data = seal_input(self._sm4_key, nonce, msgid, plain)
        inf_time = self._clock().astimezone(CHINA).strftime("%Y-%m-%d %H:%M:%S")
        signature = self._signing_key.sign(request_text(infno, msgid, inf_time, sign_no, enc_data))
        envelope = {
            "infno": infno,
            "msgid": msgid,
            "mdtrtarea_admvs": self._admdvs,
            "insuplc_admdvs": self._admdvs,
            "recer_sys_code": "IDGATE",
            "dev_no": "",
            "infver": "V1.0",
            "opter_type": "1",
            "opter": self._opter,
            "opter_name": self._opter_name,
            "inf_time": inf_time,
            "fixmedins_code": self._org_code,
            "sign_no": sign_no,
            "signtype": "SM2",
            "cainfo": base64.b64encode(signature).decode(),
            "input": {"encData": enc_data, "nonce": nonce.hex()},
        }
        return json.dumps(envelope, ensure_ascii=False).encode()

    def _ask(self, infno: str, plain: bytes, msgid: str, most_looks: int) -> dict[str, Any]:
        sign_ins = looks = 0
        waited = 0.0
        while True:
            sign_no = self._signed_in()
            reply = self._carried_out(infno, msgid, plain, sign_no)
            if reply.infcode == SUCCESS:
                return dict(reply.output)
            if reply.infcode == SIGN_NO_EXPIRED and sign_ins < MOST_SIGN_INS:
                sign_ins += 1
                self._forget(sign_no)
            elif reply.infcode == STILL_PREPARING and looks < most_looks - 1 and self._waits(waited, reply):
                looks += 1
                waited += _asked(reply.err_msg)
                retrying.pause(_asked(reply.err_msg))
            else:
                raise self._refusal(infno, reply)

    def _waits(self, waited: float, reply: _Reply) -> bool:
        """Whether a run is patient enough for what the platform asks. What is prepared is there for this msgid alone:
        a run that left early would have it begin anew."""
        return waited + _asked(reply.err_msg) <= MOST_WAITED

    def _carried_out(self, infno: str, msgid: str, plain: bytes, sign_no: str) -> _Reply:
        """One answer that verifies. Anything less leaves the outcome unknown: `PeerUnreachable`."""
        try:
            return self._exchange(infno, msgid, plain, sign_no)
        except (PeerUnreachable, PeerRefused, PeerBroken) as error:
            raise PeerUnreachable(
                _("交易 {infno} 结果未知:{reason}").format(infno=infno, reason=error.what),
                where=self._http.name,
                next_step=_("下次运行会以同一报文号重发,不会重复办理"),
                code=error.code,
            ) from error

    def _exchange(self, infno: str, msgid: str, plain: bytes, sign_no: str) -> _Reply:
        """Lost answers are waited out by sending the very same bytes again."""
        content = self.seal_request(infno, msgid, plain, sign_no)
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return self._verified(self._http.request("POST", SERVICE, content=content, headers=headers))

    def _verified(self, answer: Answer) -> _Reply:
        """Nothing in an answer is believed, not even its code, before the signature holds."""
        body = _body(answer)
        infcode, refmsgid = str(body.get("infcode")), str(body.get("inf_refmsgid"))
        if not INFCODE.fullmatch(infcode) or not REFMSGID.fullmatch(refmsgid):
            raise self._broken(_("平台应答的格式不合约定"))
        success = int(infcode) == SUCCESS
        output = mapping(body.get("output")) if success else {}
        enc_data = str(output.get("encData", ""))
        signed = answer_text(infcode, refmsgid, enc_data)
        signature = base64_bytes(body.get("cainfo"))
        if not any(key.verify(signature, signed) for key in self._platform_keys):
            raise self._untrusted(_("平台应答的签名未通过验证,未采用"))
        return _Reply(
            infcode=int(infcode),
            err_msg=str(body.get("err_msg") or ""),
            output=self._opened(enc_data, output.get("nonce"), refmsgid) if success else {},
        )

    def _opened(self, enc_data: str, nonce: object, refmsgid: str) -> Mapping[str, Any]:
        try:
            sealed, start = base64_bytes(enc_data), bytes.fromhex(str(nonce))
            if len(start) != NONCE_BYTES:
                raise ValueError
            return dict(json_of(sm4_gcm_open_any(self._sm4_keys, start, sealed, refmsgid.encode())))
        except SealBroken as error:
            raise self._untrusted(_("平台应答无法解密:密钥不符,或应答被调换")) from error
        except (ValueError, TypeError, RecursionError):
            # The original may quote what was decrypted.
            raise self._broken(_("平台应答的内容不是约定的格式")) from None

    def _signed_in(self) -> str:
        """The sign_no; the lock is kept while signing in, so that threads which wait share the new one."""
        with self._lock:
            if not self._sign_no:
                self._sign_no = self._fresh_sign_no()
            return self._sign_no

    def _forget(self, sign_no: str) -> None:
        """Drop an expired sign_no, unless another thread has a newer one already."""
        with self._lock:
            if self._sign_no == sign_no:
                self._sign_no = ""

    def _fresh_sign_no(self) -> str:
        plain = _plain({"signIn": {"opter_no": self._opter, "mac": "", "ip": "127.0.0.1"}})
        reply = self._exchange(SIGN_IN, self._next_msgid(), plain, "")
        if reply.infcode != SUCCESS:
            raise self._refusal(SIGN_IN, reply)
        sign_no = mapping(reply.output.get("signinoutb")).get("sign_no")
        if not isinstance(sign_no, str) or not sign_no or not sign_no.isascii() or not sign_no.isprintable():
            raise self._broken(_("平台签到的应答不合约定"))
        return sign_no

    def _prepared(self, output: Mapping[str, Any]) -> _Prepared:
        number, digest = str(output.get("file_qury_no") or ""), str(output.get("sm3") or "").lower()
        size, rows = output.get("bytes"), output.get("rows")
        if not (
            number and SM3.fullmatch(digest) and is_count(rows) and is_count(size) and size <= FILE_LIMIT
        ):
            raise self._broken(_("平台导出的应答不合约定"))
        info = ExportInfo(
            rows=rows,
            bytes=size,
            as_of=str(output.get("as_of") or ""),
            filename=str(output.get("filename") or ""),
        )
        return _Prepared(number=number, sm3=digest, info=info)

    def _bring(self, prepared: _Prepared, sink: Sink) -> None:
        path = f"{FILES}/{quote(prepared.number, safe='')}"
        for turn in range(MOST_SIGN_INS):
            sign_no = self._signed_in()
            try:
                self._http.download(
                    path,
                    sink,
                    limit=FILE_LIMIT,
                    headers={"X-Sign-No": sign_no},
                    expected_bytes=prepared.info.bytes,
                )
                return
            except PeerRefused as error:
                if error.code != "http-401" or turn == MOST_SIGN_INS - 1:
                    raise
                self._forget(sign_no)

    def _refusal(self, infno: str, reply: _Reply) -> GatewayError:
        if reply.infcode in (SIGN_NO_EXPIRED, STILL_PREPARING):
            what = _("平台暂不办理交易 {infno}(代码 {infcode})").format(infno=infno, infcode=reply.infcode)
            after = _asked(reply.err_msg) if reply.infcode == STILL_PREPARING else None
            if self._http.retry.is_beyond(after):
                what += _(",对方要求 {n:.0f} 秒后再来").format(n=after)
            step, code = _("下次运行会自动重试"), str(reply.infcode)
            refused = PeerRefused(what, where=self._http.name, next_step=step, code=code)
            refused.after = after
            return refused
        return EnvelopeRefused(
            _("平台拒绝了交易 {infno}(代码 {infcode})").format(infno=infno, infcode=reply.infcode),
            infcode=reply.infcode,
            err_msg=reply.err_msg,
            where=self._http.name,
            next_step=_("重发不会改变结果;请按代码查对接口文档"),
        )

    def _broken(self, what: str) -> PeerBroken:
        return PeerBroken(what, where=self._http.name, next_step=_("下次运行会自动重试;持续出现时请联系平台"))

    def _untrusted(self, what: str) -> PeerUntrusted:
        return PeerUntrusted(
            what, where=self._http.name, next_step=_("请与平台核对公钥和 SM4 密钥,运行 gateway doctor 检查")
        )


def _plain(plain_input: Mapping[str, object] | bytes) -> bytes:
    """The bytes that are sealed. A dict always gives the same ones, so that a repetition is one."""
    if isinstance(plain_input, bytes):
        plain = plain_input
    else:
        plain = json.dumps(plain_input, ensure_ascii=False, separators=(",", ":")).encode()
    if len(plain.decode()) > INPUT_LIMIT:
        raise ValueError(f"plain input over {INPUT_LIMIT} characters: cut the batch smaller")
    return plain


def _body(answer: Answer) -> Mapping[str, Any]:
    """The envelope, whatever HTTP status it came under; without one the status speaks."""
    try:
        body = answer.json()
    except PeerBroken:
        answer.expect(200)
        raise
    return mapping(body)


def _asked(err_msg: str) -> float:
    found = RETRY_AFTER.search(err_msg)
    return float(found[1]) if found else LOOK_EVERY
