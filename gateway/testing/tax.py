"""税务 as a server: signed requests, export jobs, files that can be fetched in parts.

Takes a folder with `payments.csv.gz` (the whole year as the contract's file, with BOM), read again whenever
it changes; gives jobs and files as the contract of the tax bureau says; refuses a request whose signature,
time or nonce is wrong (401) and a question that doesn't fit (400). Its faults are listed in `faults.py`.

A changed `payments.csv.gz` means that another day has come, so the same question then starts a new job even
within the hour.
"""

import csv
import gzip
import hashlib
import hmac
import io
import json
import re
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from gateway.testing.faults import TAX_FAULTS
from gateway.testing.folder import Watched
from gateway.testing.web import Request, Route, WebServer
from gateway.testing.wire import Answer, ranged

#: seconds that a timestamp may be off, by contract
CLOCK_SKEW = 300
#: seconds within which a nonce must not come again, by contract
NONCE_SECONDS = 15 * 60
#: seconds for which the same question gives the same job, by contract
JOB_SECONDS = 3600
#: rows of one file; more make another file of the same job
ROWS_PER_FILE = 250_000
#: what the polls after the order say, in turn; the last stays
STATES = (("queued", 0.0), ("running", 0.4), ("done", 1.0))
#: columns by which a job chooses; the date is `yyyy-MM-dd` in these data
PAID_ON, PAID_FOR = "缴费日期", "缴费年度"

#: whether a row of this year and this day of payment belongs to the answer
Chooser = Callable[[str, str], bool]


@dataclass(frozen=True, kw_only=True)
class _Payments:
    header: list[str]
    rows: list[list[str]]


@dataclass(frozen=True, kw_only=True)
class _File:
    name: str
    content: bytes
    sha256: str
    rows: int


@dataclass(kw_only=True)
class _Job:
    files: list[_File]
    made: float
    #: the payments it was made from
    payments: _Payments
    polls: int = 0
    failed: bool = False
    gone: set[str] = field(default_factory=set)


class TaxServer(WebServer):
    """`with TaxServer(data, access_key=…, secret_key=…) as server`.

    `poll_wait`: the Retry-After of a job, seconds. `clock`: Unix seconds, by which nonces and jobs age.
    """

    def __init__(
        self,
        data: Path,
        *,
        access_key: str,
        secret_key: str,
        prefix: str = "/gov/tax",
        port: int = 0,
        poll_wait: int = 0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(known=TAX_FAULTS, prefix=prefix, port=port)
        self._access_key, self._secret_key = access_key, secret_key.encode()
        self._poll_wait, self._clock = str(poll_wait), clock
        self._payments = Watched(data / "payments.csv.gz", _read_payments)
        self._lock = threading.Lock()
        self._nonces: dict[str, float] = {}
        self._jobs: dict[str, _Job] = {}
        self._asked: dict[bytes, str] = {}

    def routes(self) -> list[Route]:
        return [
            Route(method="POST", pattern="/export/jobs", handler=self._signed(self._order)),
            Route(method="GET", pattern=r"/export/jobs/(\w+)", handler=self._signed(self._poll)),
            Route(method="GET", pattern=r"/export/files/(\w+)/([\w.]+)", handler=self._signed(self._fetch)),
        ]

    def _signed(
        self, handler: Callable[[Request, re.Match[str]], Answer]
    ) -> Callable[[Request, re.Match[str]], Answer]:
        def checked(request: Request, found: re.Match[str]) -> Answer:
            fault = self._distrust(request)
            return Answer.json({"error": fault}, status=401) if fault else handler(request, found)

        return checked

    def _distrust(self, request: Request) -> str:
        """What is wrong with the request's signature; empty if nothing."""
        told = [
            request.headers.get(f"x-{name}", "") for name in ("access-key", "timestamp", "nonce", "signature")
        ]
        access_key, timestamp, nonce, signature = told
        lines = [request.method, request.target, timestamp, nonce, hashlib.sha256(request.body).hexdigest()]
        right = hmac.new(
            self._secret_key, "\n".join(lines).encode("utf-8", "replace"), hashlib.sha256
        ).hexdigest()
        if access_key != self._access_key or not hmac.compare_digest(signature.encode(), right.encode()):
            return "signature"
        now = self._clock()
        if not timestamp.isdecimal() or abs(now - int(timestamp)) > CLOCK_SKEW:
            return "timestamp"
        return "" if nonce and self._is_new(nonce, now) else "nonce"

    def _is_new(self, nonce: str, now: float) -> bool:
        with self._lock:
            self._nonces = {old: seen for old, seen in self._nonces.items() if now - seen < NONCE_SECONDS}
            new = nonce not in self._nonces
            self._nonces.setdefault(nonce, now)
            return new

    def _order(self, request: Request, found: re.Match[str]) -> Answer:
        try:
            question = json.loads(request.body)
            choose = _chooser(question)
        except (ValueError, KeyError, TypeError) as fault:
            return Answer.json({"error": f"question: {type(fault).__name__}"}, status=400)
        try:
            payments = self._payments.now()
        except FileNotFoundError:
            return Answer.json({"error": "no payments yet"}, status=503, headers={"Retry-After": "1"})
        with self._lock:
            job_id = self._same_job(request.body, payments) or self._new_job(request.body, payments, choose)
        return Answer.json({"job_id": job_id}, status=202, headers={"Retry-After": self._poll_wait})

    def _same_job(self, question: bytes, payments: _Payments) -> str:
        job_id = self._asked.get(question, "")
        job = self._jobs.get(job_id)
        fresh = job and not job.failed and job.payments is payments and self._clock() - job.made < JOB_SECONDS
        return job_id if fresh else ""

    def _new_job(self, question: bytes, payments: _Payments, choose: Chooser) -> str:
        job_id = secrets.token_hex(8)
        year, day = payments.header.index(PAID_FOR), payments.header.index(PAID_ON)
        rows = [row for row in payments.rows if choose(row[year], row[day])]
        parts = [rows[at : at + ROWS_PER_FILE] for at in range(0, len(rows), ROWS_PER_FILE)] or [[]]
        files = [
            _file(f"payments_{number:03}.csv.gz", payments.header, part)
            for number, part in enumerate(parts, 1)
        ]
        self._jobs[job_id] = _Job(files=files, made=self._clock(), payments=payments)
        self._asked[question] = job_id
        return job_id

    def _poll(self, request: Request, found: re.Match[str]) -> Answer:
        job_id = found.group(1)
        job = self._jobs.get(job_id)
        if job is None:
            return Answer.json({"error": "job"}, status=404)
        job.failed = job.failed or self.faults.take("job_failed", self.label(request)) is not None
        state, progress = ("failed", 0.4) if job.failed else STATES[min(job.polls, len(STATES) - 1)]
        job.polls += 1
        files = (
            [self._tell(job_id, file, self.label(request)) for file in job.files] if state == "done" else []
        )
        headers = {"Retry-After": self._poll_wait} if state in ("queued", "running") else {}
        return Answer.json({"state": state, "progress": progress, "files": files}, headers=headers)

    def _tell(self, job_id: str, file: _File, label: str) -> dict[str, Any]:  # Any: JSON
        wrong = self.faults.take("wrong_digest", label)
        lie = self.faults.take("lie_total", label)
        return {
            "name": file.name,
            "url": f"export/files/{job_id}/{file.name}",
            "bytes": len(file.content),
            "sha256": file.sha256[::-1] if wrong else file.sha256,
            "rows": file.rows + (lie.whole("by", 1) if lie else 0),
        }

    def _fetch(self, request: Request, found: re.Match[str]) -> Answer:
        job_id, name = found.groups()
        job = self._jobs.get(job_id)
        file = next((file for file in job.files if file.name == name), None) if job else None
        if job and file and self.faults.take("gone", self.label(request)):
            job.gone.add(name)
        if job is None or file is None or name in job.gone or job.polls < len(STATES):
            return Answer.json({"error": "file"}, status=404)
        return ranged(
            file.content, request.headers, etag=f'"{file.sha256[:32]}"', media_type="application/gzip"
        )


def _read_payments(path: Path) -> _Payments:
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
    return _Payments(header=header, rows=rows)


def _chooser(question: dict[str, Any]) -> Chooser:  # Any: JSON
    """Which rows a question means. Raises ValueError, KeyError or TypeError for one that doesn't fit."""
    year, full = question["year"], question["full"]
    if type(year) is not int or type(full) is not bool:
        raise TypeError("year, full")
    if full:
        return lambda paid_for, paid_on: paid_for == str(year)
    first, last = date.fromisoformat(question["from"]), date.fromisoformat(question["to"])
    if first > last:
        raise ValueError("from, to")
    since, until = first.isoformat(), last.isoformat()
    return lambda paid_for, paid_on: paid_for == str(year) and since <= paid_on <= until


def _file(name: str, header: list[str], rows: list[list[str]]) -> _File:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    content = gzip.compress(text.getvalue().encode("utf-8-sig"), compresslevel=1, mtime=0)
    return _File(name=name, content=content, sha256=hashlib.sha256(content).hexdigest(), rows=len(rows))
