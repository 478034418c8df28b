"""医保信息平台 as a server: the envelope, 9001, L101, L201, L202, L301, L302, and downloads.

Takes a folder with `roster.csv.gz`, `standing.json`, `expenses.csv.gz`, `settlements.csv.gz` (a file that
isn't there is exported as an empty list) and `locked.json`, and the keys; gives what the contract of the
insurance platform says, each request carried out under one lock and remembered by its msgid for 24 hours;
refuses by the contract's codes. Its faults are listed in `faults.py`.

Besides, `{root}/_testing/records.csv` is what L202 exports, and each entry of the log has `infno`, `msgid`,
`infcode`, `items`, `rslt` (number of items by outcome), `changed` (items after which the platform held
something else) and `repeated` (answered from memory). No name and no person's number is in it.
"""

import csv
import io
import re
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from gateway.testing.carried import Carried
from gateway.testing.envelope import (
    PREPARING,
    SIGN_IN_AGAIN,
    UNFIT,
    USED,
    ZONE,
    Envelope,
    Opened,
    Refused,
    Reply,
)
from gateway.testing.faults import PLATFORM_FAULTS
from gateway.testing.register import COLUMNS, CONTRACT_CODES, DONE, REASONS, Register
from gateway.testing.shelf import Prepared, Shelf, prepare
from gateway.testing.web import Request, Route, WebServer
from gateway.testing.wire import Answer, ranged
from gateway.vault.sm import Sm2PrivateKey, Sm2PublicKey

#: seconds a sign_no lives, by contract
SIGN_IN_SECONDS = 2 * 3600
#: seconds a msgid is kept, by contract
MSGID_SECONDS = 24 * 3600
#: items of one L201, by contract
MOST_ITEMS = 100
ITEM_TEXTS = ("psn_no", "psn_name", "certno", "idet_use", "evid_no")
RECORD_TEXTS = ("psn_idet_type", "psn_type_lv", "begntime", "endtime", "src_dept", "memo")
#: header of an export whose file isn't there, by contract
EXPENSE_COLUMNS = (
    "psn_no,medfee_sumamt,inscp_scp_amt,hifp_pay,hifmi_pay,maf_pay,othfund_pay,psn_part_amt,psn_inscp_amt,"
    "ipt_cnt,onestop_cnt,last_setl_date"
)
SETTLEMENT_COLUMNS = (
    "setl_id,psn_no,setl_date,begn_date,med_type,medfee_sumamt,inscp_scp_amt,hifp_pay,hifmi_pay,maf_pay,othfund_pay,"
    "psn_part_amt,psn_inscp_amt,onestop_flag,refd_setl_flag,orig_setl_id"
)
INFNO = re.compile(rb'"infno"\s*:\s*"(\w{4})"')

Output = Mapping[str, Any]  # Any: JSON


@dataclass(frozen=True, kw_only=True)
class _Kept:
    """What a msgid was used for."""

    fingerprint: bytes
    reply: Reply
    at: float


class PlatformServer(WebServer):
    """`with PlatformServer(data, sm4_key=16 bytes, private_key=…, gateway_public=…) as server`.

    `codes`: identity code → the levels it takes, none where the level must be empty.
    """

    def __init__(
        self,
        data: Path,
        *,
        sm4_key: bytes,
        private_key: Sm2PrivateKey,
        gateway_public: Sm2PublicKey,
        codes: Mapping[str, frozenset[str]] = CONTRACT_CODES,
        prefix: str = "/hsa",
        port: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(known=PLATFORM_FAULTS, prefix=prefix, port=port)
        self._envelope = Envelope(sm4_key=sm4_key, private_key=private_key, gateway_public=gateway_public)
        self._clock = clock
        self._lock = threading.Lock()
        self._register = Register(data, codes, self.faults)
        self._shelf = Shelf(data)
        self._signed_in: dict[str, float] = {}
        self._kept: dict[str, _Kept] = {}
        self._read_back: tuple[int, Prepared] | None = None
        #: msgid → how often an upload under it changed something; a number above 1 would be a broken promise
        self.applied: Counter[str] = Counter()
        #: what was carried out with which content, whether it changed something or not
        self.carried = Carried()

    def take_over(self, other: "PlatformServer") -> None:
        """From now on this one knows what that one does: records, messages, who has signed in, the log."""
        with other._lock:
            self._register.take_over(other._register)
            self._kept, self._signed_in = dict(other._kept), dict(other._signed_in)
            self.applied, self.carried, self.log = Counter(other.applied), deepcopy(other.carried), list(other.log)

    def register(self, *public_hex: str) -> None:
        """From now on messages are taken that one of these keys of the gateway (128 hex digits) signed."""
        self._envelope.registered = [Sm2PublicKey.from_hex(one) for one in public_hex]

    def routes(self) -> list[Route]:
        call, file = "/fsi/api/rsfComIfsService/callService", r"/fsi/file/(\w+)"
        return [
            Route(method="POST", pattern=call, handler=self._call),
            Route(method="GET", pattern=file, handler=self._download),
            Route(method="GET", pattern=r"/_testing/records\.csv", handler=self._show_records, at_root=True),
        ]

    def label(self, request: Request) -> str:
        found = INFNO.search(request.body[:4096])
        return f"{super().label(request)} {found.group(1).decode()}" if found else super().label(request)

    def records(self) -> list[dict[str, str]]:
        """Every record in the columns of L202, sorted by psn_no, use and begin."""
        with self._lock:
            return [dict(zip(COLUMNS, row, strict=True)) for row in self._register.rows()]

    def write(self, psn_no: str, use: str, records: Sequence[tuple[str, str, str, str, str]]) -> None:
        """Somebody else than the gateway replaces a list: code, level, begin, end, src_dept of each record."""
        with self._lock:
            self._register.write(psn_no, use, records)

    def _call(self, request: Request, found: re.Match[str]) -> Answer:
        label = self.label(request)
        note: dict[str, Any] = {}  # Any: JSON
        try:
            if not _is_json(request):
                raise Refused(UNFIT, "Content-Type有误")
            opened = self._envelope.open(request.body)
            note.update(infno=opened.infno, msgid=opened.msgid)
            with self._lock:
                reply = self._answer(opened, label, note)
        except Refused as refused:
            reply = self._envelope.refusal(refused, self._clock())
        return self._signed(reply, label, note)

    def _signed(self, reply: Reply, label: str, note: dict[str, Any]) -> Answer:  # Any: JSON
        as_string = reply.infcode == 0 and self.faults.take("string_zero", label) is not None
        wrongly = self.faults.take("bad_signature", label) is not None
        answer = Answer.json(self._envelope.sign(reply, as_string=as_string, wrongly=wrongly))
        return Answer(body=answer.body, headers=answer.headers, note={**note, "infcode": reply.infcode})

    def _answer(self, opened: Opened, label: str, note: dict[str, Any]) -> Reply:  # Any: JSON
        """The first answer again, or a new one. A failure that passes isn't kept, or it would never pass."""
        now = self._clock()
        self._check_sign_in(opened, label, now)
        kept = self._kept.get(opened.msgid)
        note["repeated"] = kept is not None and now - kept.at < MSGID_SECONDS
        if kept and note["repeated"]:
            if kept.fingerprint != opened.fingerprint:
                raise Refused(USED, "msgid已用于其他报文")
            return kept.reply
        preparing = self.faults.take("preparing", label)
        if preparing:
            raise Refused(PREPARING, f"数据准备中,retry_after={preparing.whole('retry_after', 1)}")
        reply = self._carry_out(opened, label, note, now)
        self._kept[opened.msgid] = _Kept(fingerprint=opened.fingerprint, reply=reply, at=now)
        return reply

    def _carry_out(self, opened: Opened, label: str, note: dict[str, Any], now: float) -> Reply:  # Any: JSON
        acts: dict[str, Callable[[], Output]] = {
            "9001": lambda: self._sign_in(opened, now),
            "L101": lambda: self._export(self._shelf.roster(), _as_of(opened, now), label),
            "L201": lambda: self._upload(opened, note, now),
            "L202": lambda: self._export(self._prepare_records(), _as_of(opened, now), label),
            "L301": lambda: self._export_year("expenses.csv.gz", EXPENSE_COLUMNS, _year(opened), label),
            "L302": lambda: self._export_year("settlements.csv.gz", SETTLEMENT_COLUMNS, _year(opened), label),
        }
        try:
            if opened.infno not in acts:
                raise Refused(UNFIT, "交易编号不存在")
            return self._envelope.reply(acts[opened.infno](), now)
        except Refused as refused:
            return self._envelope.refusal(refused, now)
        except FileNotFoundError:
            raise Refused(PREPARING, "数据准备中,retry_after=1") from None

    def _check_sign_in(self, opened: Opened, label: str, now: float) -> None:
        if self.faults.take("expire_token", label):
            self._signed_in.clear()
        if opened.infno == "9001":
            if opened.sign_no:
                raise Refused(UNFIT, "签到时sign_no应为空")
        elif not self._knows(opened.sign_no, now):
            raise Refused(SIGN_IN_AGAIN, "未签到或签到已过期")

    def _knows(self, sign_no: str, now: float) -> bool:
        signed_in = self._signed_in.get(sign_no)
        return signed_in is not None and now - signed_in < SIGN_IN_SECONDS

    def _sign_in(self, opened: Opened, now: float) -> Output:
        who = opened.input.get("signIn")
        if not isinstance(who, dict) or not all(
            isinstance(who.get(name), str) for name in ("opter_no", "mac", "ip")
        ):
            raise Refused(UNFIT, "signIn有误")
        sign_no = secrets.token_hex(16)
        self._signed_in[sign_no] = now
        return {"signinoutb": {"sign_time": _moment(now), "sign_no": sign_no}}

    def _upload(self, opened: Opened, note: dict[str, Any], now: float) -> Output:  # Any: JSON
        items = opened.input.get("persons")
        if not isinstance(items, list) or len(items) > MOST_ITEMS:
            raise Refused(UNFIT, f"persons应为至多{MOST_ITEMS}项的列表")
        if not all(_is_item(item, seq) for seq, item in enumerate(items, 1)):
            raise Refused(UNFIT, "persons中有项目缺字段或类型有误")
        if any(self.faults.take("unfit", item["psn_no"]) for item in items):
            raise Refused(UNFIT, "persons中有项目不符合规定")
        outcomes = self._register.upload(items, _moment(now))
        changed = sum(outcome.changed for outcome in outcomes)
        self.applied[opened.msgid] += changed > 0
        done = [item for item, outcome in zip(items, outcomes, strict=True) if outcome.rslt == DONE]
        self.carried.note(opened.msgid, done)
        counts = Counter(str(outcome.rslt) for outcome in outcomes)
        note.update(items=len(items), rslt=dict(counts), changed=changed)
        return {
            "results": [
                {"seq": seq, "rslt": outcome.rslt, "err_msg": REASONS[outcome.rslt]}
                for seq, outcome in enumerate(outcomes, 1)
            ]
        }

    def _prepare_records(self) -> Prepared:
        if self._read_back is None or self._read_back[0] != self._register.version:
            self._read_back = (self._register.version, prepare("identities.csv.gz", self._records_csv()))
        return self._read_back[1]

    def _records_csv(self) -> bytes:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([COLUMNS, *self._register.rows()])
        return text.getvalue().encode()

    def _export_year(self, filename: str, columns: str, year: int, label: str) -> Output:
        return self._export(self._shelf.yearly(filename, columns, year), f"{year}-12-31", label)

    def _export(self, prepared: Prepared, as_of: str, label: str) -> Output:
        wrong, lie = self.faults.take("wrong_digest", label), self.faults.take("lie_total", label)
        return {
            "file_qury_no": self._shelf.put_out(prepared),
            "filename": prepared.filename,
            "bytes": len(prepared.content),
            "rows": prepared.rows + (lie.whole("by", 1) if lie else 0),
            "sm3": prepared.sm3[::-1] if wrong else prepared.sm3,
            "as_of": as_of,
        }

    def _download(self, request: Request, found: re.Match[str]) -> Answer:
        label = self.label(request)
        if self.faults.take("expire_token", label):
            self._signed_in.clear()
        if not self._knows(request.headers.get("x-sign-no", ""), self._clock()):
            return Answer.json({"error": "sign_no"}, status=401)
        if self.faults.take("gone", label):
            self._shelf.take_away(found.group(1))
        prepared = self._shelf.find(found.group(1))
        if prepared is None:
            return Answer.json({"error": "file"}, status=404)
        etag = f'"{prepared.sm3[:32]}"'
        return ranged(prepared.content, request.headers, etag=etag, media_type="application/gzip")

    def _show_records(self, request: Request, found: re.Match[str]) -> Answer:
        with self._lock:
            body = self._records_csv()
        return Answer(body=body, headers={"Content-Type": "text/csv; charset=utf-8"})


def _is_json(request: Request) -> bool:
    told = request.headers.get("content-type", "").lower().replace(" ", "").replace('"', "")
    return told == "application/json;charset=utf-8"


def _is_item(item: object, seq: int) -> bool:
    if not isinstance(item, dict) or item.get("seq") != seq or not isinstance(item.get("records"), list):
        return False
    return _all_texts(item, ITEM_TEXTS) and all(
        isinstance(record, dict) and _all_texts(record, RECORD_TEXTS) for record in item["records"]
    )


def _all_texts(value: Mapping[str, object], names: tuple[str, ...]) -> bool:
    return {type(value.get(name)) for name in names} == {str}


def _moment(now: float) -> str:
    return datetime.fromtimestamp(now, ZONE).strftime("%Y-%m-%d %H:%M:%S")


def _as_of(opened: Opened, now: float) -> str:
    """The day asked for, today where none is; what is exported is always today's."""
    day = opened.input.get("as_of", 0)
    try:
        return _moment(now)[:10] if day is None else date.fromisoformat(day).isoformat()
    except (ValueError, TypeError):
        raise Refused(UNFIT, "as_of有误") from None


def _year(opened: Opened) -> int:
    year = opened.input.get("year")
    if type(year) is not int or not 2000 <= year <= 2099:
        raise Refused(UNFIT, "year有误")
    return year
