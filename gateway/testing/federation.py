"""残联 as a server: tokens, sealed and signed pages of holders, feedback.

Takes a folder with `holders.json` (`{"as_of": "…", "holders": […]}`), read again whenever it changes; gives
what the contract of the disabled persons' federation says, and keeps feedback in `feedback.jsonl` there, one
line a batch, `{"batch", "rows"}`; refuses a wrong secret, token, cursor or parameter. Its faults are listed
in `faults.py`.
"""

import base64
import binascii
import hmac
import json
import re
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, TypeGuard
from urllib.parse import parse_qs

from gateway.testing.faults import FEDERATION_FAULTS
from gateway.testing.folder import Watched
from gateway.testing.web import Request, Route, WebServer
from gateway.testing.wire import Answer
from gateway.vault.sm import Sm2PrivateKey, sm4_gcm_seal

#: seconds a token lives, by contract
TOKEN_SECONDS = 600
#: seconds a cursor lives, by contract
CURSOR_SECONDS = 600
#: holders on a page: the most that may be asked for, and what comes unasked
MOST_SIZE, USUAL_SIZE = 1000, 500
#: rows of feedback in one call, by contract
MOST_FEEDBACK = 1000
#: the words of civil affairs' receipt
RESULTS = frozenset({"已标识", "无需标识", "重复", "待核查", "未参保", "数据有误", "已死亡"})
#: the federation's clock; days are compared in it
ZONE = timezone(timedelta(hours=8))

Holder = Mapping[str, Any]  # Any: a holder's fields are text, a list or null


@dataclass(frozen=True, kw_only=True)
class _List:
    """What one run through the pages sees, whatever changes on disk meanwhile."""

    as_of: str
    holders: list[Holder]
    #: distinct `cert_no`
    total: int
    #: county and updated_since as asked
    question: tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class _Cursor:
    list: _List
    offset: int
    made: float


class FederationServer(WebServer):
    """`with FederationServer(data, client_id=…, client_secret=…, sm4_key=…, private_key=…) as server`.

    `sm4_key`: 16 bytes. `clock`: Unix seconds, by which tokens and cursors age.
    """

    def __init__(
        self,
        data: Path,
        *,
        client_id: str,
        client_secret: str,
        sm4_key: bytes,
        private_key: Sm2PrivateKey,
        prefix: str = "/dpf",
        port: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(known=FEDERATION_FAULTS, prefix=prefix, port=port)
        self._login = f"{client_id}:{client_secret}"
        self._sm4_key, self._private_key, self._clock = sm4_key, private_key, clock
        self._holders = Watched(data / "holders.json", lambda path: json.loads(path.read_bytes()))
        self._feedback = data / "feedback.jsonl"
        self._lock = threading.Lock()
        self._tokens: dict[str, float] = {}
        self._cursors: dict[str, _Cursor] = {}

    def routes(self) -> list[Route]:
        return [
            Route(method="POST", pattern="/oauth2/token", handler=self._token),
            Route(method="GET", pattern="/api/v1/holders", handler=self._page),
            Route(method="POST", pattern="/api/v1/feedback", handler=self._take_feedback),
        ]

    def feedback(self) -> list[dict[str, Any]]:  # Any: JSON
        """The batches taken so far, in order."""
        if not self._feedback.exists():
            return []
        return [json.loads(line) for line in self._feedback.read_text("utf-8").splitlines()]

    def _token(self, request: Request, found: re.Match[str]) -> Answer:
        if not hmac.compare_digest(_basic(request.headers.get("authorization", "")), self._login.encode()):
            return _error(401, "invalid_client", {"WWW-Authenticate": "Basic"})
        form = parse_qs(request.body.decode("utf-8", "replace"))
        if not _is_form(request) or form.get("grant_type") != ["client_credentials"]:
            return _error(400, "unsupported_grant_type")
        token = secrets.token_urlsafe(24)
        self._tokens[token] = self._clock()
        return Answer.json({"access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS})

    def _knows(self, request: Request) -> bool:
        if self.faults.take("expire_token", self.label(request)):
            self._tokens.clear()
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        made = self._tokens.get(token) if kind.lower() == "bearer" else None
        return made is not None and self._clock() - made < TOKEN_SECONDS

    def _page(self, request: Request, found: re.Match[str]) -> Answer:
        if not self._knows(request):
            return _error(401, "invalid_token", {"WWW-Authenticate": "Bearer"})
        size = request.query.get("size", str(USUAL_SIZE))
        if not size.isdecimal() or not 1 <= int(size) <= MOST_SIZE:
            return _error(400, "size")
        cursor = request.query.get("cursor", "")
        try:
            question = (request.query.get("county", ""), request.query.get("updated_since", ""))
            place = self._place(cursor, question) if cursor else self._begin(question)
        except FileNotFoundError:
            return _error(503, "no list yet", {"Retry-After": "1"})
        except ValueError as fault:
            return _error(400, str(fault))
        if place is None or (cursor and self.faults.take("expire_cursor", self.label(request))):
            return _error(410, "cursor")
        return self._render(place, int(size), cursor, self.label(request))

    def _begin(self, question: tuple[str, str]) -> _Cursor:
        county, since = question
        if county and not re.fullmatch(r"\d{6}", county):
            raise ValueError("county")
        first_day = _day_asked(since) if since else ""
        said = self._holders.now()
        chosen = [
            holder
            for holder in said["holders"]
            if str(holder["area"]).startswith(county)
            and (not first_day or _day(holder["updated_at"]) >= first_day)
        ]
        total = len({holder["cert_no"] for holder in chosen})
        whole = _List(as_of=said["as_of"], holders=chosen, total=total, question=question)
        return _Cursor(list=whole, offset=0, made=self._clock())

    def _place(self, cursor: str, question: tuple[str, str]) -> _Cursor | None:
        place = self._cursors.get(cursor)
        if place is None or self._clock() - place.made >= CURSOR_SECONDS:
            return None
        if place.list.question != question:
            raise ValueError("cursor belongs to another question")
        return place

    def _render(self, place: _Cursor, size: int, cursor: str, label: str) -> Answer:
        whole, start = place.list, place.offset
        repeat = self.faults.take("repeat_page", label) if start else None
        if repeat:
            start = max(start - min(repeat.whole("holders", 1), size - 1), 0)
        short = self.faults.take("short_page", label)
        end = start + (min(size, short.whole("holders", 1)) if short else size)
        lie = self.faults.take("lie_total", label)
        step = -1 if self.faults.take("reorder", label) else 1
        page = self._seal(whole, whole.holders[start:end][::step], cursor, label)
        total = whole.total + (lie.whole("by", 1) if lie else 0)
        follow = self._remember(whole, end) if end < len(whole.holders) else None
        return Answer.json({"total": total, "as_of": whole.as_of, "next_cursor": follow, **page})

    def _remember(self, whole: _List, offset: int) -> str:
        cursor = secrets.token_urlsafe(12)
        now = self._clock()
        with self._lock:
            self._cursors = {
                key: old for key, old in self._cursors.items() if now - old.made < CURSOR_SECONDS
            }
            self._cursors[cursor] = _Cursor(list=whole, offset=offset, made=now)
        return cursor

    def _seal(self, whole: _List, holders: list[Holder], cursor: str, label: str) -> dict[str, str]:
        nonce = secrets.token_bytes(12)
        plain = json.dumps(holders, ensure_ascii=False, separators=(",", ":")).encode()
        data = base64.b64encode(
            sm4_gcm_seal(self._sm4_key, nonce, plain, f"{whole.as_of}|{cursor}".encode())
        ).decode()
        signed = f"{nonce.hex()}|{data}|{whole.as_of}"
        if self.faults.take("bad_signature", label):
            signed += " "
        sign = self._private_key.sign(signed.encode())
        return {"nonce": nonce.hex(), "data": data, "sign": base64.b64encode(sign).decode()}

    def _take_feedback(self, request: Request, found: re.Match[str]) -> Answer:
        if not self._knows(request):
            return _error(401, "invalid_token", {"WWW-Authenticate": "Bearer"})
        try:
            told = json.loads(request.body)
        except ValueError:
            return _error(400, "json")
        if not _is_feedback(told):
            return _error(400, "feedback")
        with self._lock:
            repeated = any(told["batch"] == batch["batch"] for batch in self.feedback())
            if not repeated:
                self._keep(told)
        return Answer.json({"batch": told["batch"], "accepted": len(told["rows"])})

    def _keep(self, told: dict[str, Any]) -> None:  # Any: JSON
        with self._feedback.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"batch": told["batch"], "rows": told["rows"]}, ensure_ascii=False) + "\n")


def _error(status: int, what: str, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer.json({"error": what}, status=status, headers=headers)


def _basic(header: str) -> bytes:
    """`id:secret` of HTTP Basic; empty if it is none."""
    kind, _, coded = header.partition(" ")
    try:
        return base64.b64decode(coded, validate=True) if kind.lower() == "basic" else b""
    except binascii.Error:
        return b""


def _is_form(request: Request) -> bool:
    return (
        request.headers.get("content-type", "").partition(";")[0].strip()
        == "application/x-www-form-urlencoded"
    )


def _day_asked(since: str) -> str:
    """`updated_since` as yyyyMMdd. A `+` that wasn't escaped comes as a space and is refused (ValueError)."""
    moment = datetime.fromisoformat(since)
    if moment.tzinfo is None:
        raise ValueError("updated_since has no time zone")
    return moment.astimezone(ZONE).strftime("%Y%m%d")


def _day(date: str) -> str:
    """A holder's date as yyyyMMdd; the data here are `yyyy-MM-dd` or `yyyyMMdd`, with a time or without."""
    return re.sub(r"\D", "", date)[:8]


def _is_feedback(told: object) -> TypeGuard[dict[str, Any]]:  # Any: JSON
    if not isinstance(told, dict) or not isinstance(told.get("batch"), str) or not told["batch"]:
        return False
    rows = told.get("rows")
    return (
        isinstance(rows, list) and len(rows) <= MOST_FEEDBACK and all(_is_feedback_row(row) for row in rows)
    )


def _is_feedback_row(row: object) -> bool:
    if not isinstance(row, dict) or set(row) != {"cert_no", "result", "reason"}:
        return False
    return all(isinstance(value, str) for value in row.values()) and row["result"] in RESULTS
