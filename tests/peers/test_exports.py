"""An export is ordered, waited for, fetched and compared; nothing that doesn't fit is kept."""

import gzip
import hashlib
import json
import secrets
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.errors import PeerBroken, PeerRefused
from gateway.peers import exports
from gateway.peers.exports import fetch_export
from gateway.peers.http import HttpPeer, Retry
from gateway.peers.signing import TaxSigner
from gateway.peers.sink import MemorySink
from gateway.testing.tax import TaxServer
from tests.peers.scripted import Play, Scripted, Seen, always, answer

pytestmark = pytest.mark.integration

RETRY = Retry(attempts=4, first_wait=1.0, longest_wait=9.0)
DATA = b"\x1f\x8bnot really gzip" * 100
SHA = hashlib.sha256(DATA).hexdigest()
FILE = {"name": "p.csv.gz", "url": "files/1", "bytes": len(DATA), "sha256": SHA, "rows": 5}
BODY = {"year": 2026, "from": "2026-11-01", "to": "2026-11-02", "full": False}


class Sinks(dict[str, MemorySink]):
    def __call__(self, name: str) -> MemorySink:
        return self.setdefault(name, MemorySink())


class Job:
    """A tax bureau whose jobs go through the given states, one a look."""

    def __init__(self, *states: dict[str, Any] | Play, data: bytes = DATA) -> None:
        self.states, self.data = list(states), data
        self.ordered: list[bytes] = []

    def __call__(self, seen: Seen) -> Iterable[bytes]:
        if seen.method == "POST":
            self.ordered.append(seen.body)
            return [answer(202, json.dumps({"job_id": f"j{len(self.ordered)}"}).encode())]
        if "/files/" in seen.target:
            return [answer(200, self.data, ETag='"a"')]
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        return state(seen) if callable(state) else [answer(200, json.dumps(state).encode())]


def run(job: Job) -> tuple[Sinks, Scripted]:
    sinks = Sinks()
    with Scripted(job) as server, HttpPeer(server.base, name="税务", timeout=5.0, retry=RETRY) as http:
        fetch_export(http, BODY, sinks)
    return sinks, server


DONE = {"state": "done", "progress": 1.0, "files": [FILE]}
RUNNING = {"state": "running", "progress": 0.4, "files": []}


def test_ordered_waited_fetched(waits: list[float]) -> None:
    """A job is ordered once, looked at every two seconds, and its file arrives whole."""
    job = Job({"state": "queued"}, RUNNING, DONE)
    sinks, _server = run(job)
    assert DATA == sinks["p.csv.gz"].getvalue()
    assert [BODY] == [json.loads(body) for body in job.ordered]
    assert [2.0, 2.0] == waits


@pytest.mark.parametrize(("asked", "expected"), [("1", 1.0), ("5", 5.0), ("0", 0.1), ("180", 180.0)])
def test_polls_as_asked(asked: str, expected: float, waits: list[float]) -> None:
    """Retry-After says when to look next."""
    run(Job(always(200, json.dumps(RUNNING).encode(), Retry_After=asked), DONE))
    assert [expected] == waits


def test_a_job_that_takes_long_is_for_the_next_run(waits: list[float]) -> None:
    """A job that is to be looked at after more than a run's patience is not looked at before."""
    with pytest.raises(PeerRefused, match="600 秒"):
        run(Job(always(200, json.dumps(RUNNING).encode(), Retry_After="600"), DONE))
    assert [] == waits


def test_failed_job_is_ordered_anew() -> None:
    """A failed or forgotten job is ordered again, a bounded number of times."""
    job = Job({"state": "failed"}, always(404), DONE)
    run(job)
    assert 3 == len(job.ordered)
    with pytest.raises(PeerBroken):
        run(Job({"state": "failed"}))


def test_job_without_end(waits: list[float]) -> None:
    """A job that is never done is given up once an hour of waiting is used up."""
    with pytest.raises(PeerRefused):
        run(Job(RUNNING))
    assert exports.LONGEST_JOB <= sum(waits) <= exports.LONGEST_JOB + exports.POLL_EVERY


def test_export_without_files() -> None:
    """An export without files is one: nobody paid."""
    assert {} == run(Job({"state": "done", "files": []}))[0]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../p"},
        {"name": ".."},
        {"name": ""},
        {"name": "a/b"},
        {"name": 7},
        {"url": None},
        {"bytes": "5"},
        {"bytes": -1},
        {"bytes": True},
        {"sha256": "00"},
        {"rows": "many"},
    ],
)
def test_announcement_of_another_form(change: dict[str, object]) -> None:
    """An announced file with a name that is a path, or a field of another type, is refused before any
    download."""
    with pytest.raises(PeerBroken):
        run(Job({"state": "done", "files": [{**FILE, **change}]}))


@pytest.mark.parametrize(
    "state",
    [
        {"state": "paused"},
        {},
        {"state": "done"},
        {"state": "done", "files": [FILE, FILE]},
        {"state": "done", "files": [1]},
    ],
)
def test_job_of_another_form(state: dict[str, Any]) -> None:
    """A job in a state that the contract doesn't have is an error of ours."""
    with pytest.raises(PeerBroken):
        run(Job(state))


@pytest.mark.parametrize("data", [DATA[:-1] + b"?", DATA[:-1], DATA + b"x"])
def test_other_bytes_than_announced(data: bytes) -> None:
    """A file with other bytes than announced is refused."""
    with pytest.raises(PeerBroken):
        run(Job(DONE, data=data))


def test_sink_with_leftovers() -> None:
    """What a sink held from an earlier process takes no part."""
    sinks = Sinks({"p.csv.gz": MemorySink()})
    sinks["p.csv.gz"].write(b"old")
    with Scripted(Job(DONE)) as server, HttpPeer(server.base, name="税务", timeout=5.0, retry=RETRY) as http:
        export = fetch_export(http, BODY, sinks)
    assert DATA == sinks["p.csv.gz"].getvalue()
    assert 5 == export.files[0].rows


# --- against the tax bureau's twin ---

HEADER = (
    "证件类型,证件号码,姓名,缴费年度,征收品目,应缴金额,个人缴费金额,资助金额,"
    "资助身份,缴费日期,税票号码,参保地区划,退费标志"
)


@pytest.fixture
def tax(tmp_path: Path) -> Iterator[TaxServer]:
    rows = [
        f"201,x{n},甲,2026,城乡居民基本医疗保险费,400,400,0,,2026-11-01,T{n},451022,0" for n in range(5000)
    ]
    text = "\ufeff" + "\n".join([HEADER, *rows]) + "\n"
    (tmp_path / "payments.csv.gz").write_bytes(gzip.compress(text.encode()))
    with TaxServer(tmp_path, access_key="AK", secret_key="SK") as server:
        yield server


def fetch(server: TaxServer, body: dict[str, Any], secret: str = "SK") -> Sinks:
    signer = TaxSigner("AK", SecretStr(secret), lambda: datetime.now(UTC), lambda: secrets.token_hex(8))
    sinks = Sinks()
    with HttpPeer(server.base, name="税务", timeout=5.0, retry=RETRY, auth=signer) as http:
        fetch_export(http, body, sinks)
    return sinks


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("status", {"code": 503, "retry_after": 1, "times": 2}),
        ("drop", {"times": 2}),
        ("lost_answer", {"where": "POST"}),
        ("cut", {"where": "file", "bytes": 5000, "times": 3}),
        ("job_failed", {}),
    ],
)
def test_tax(tax: TaxServer, fault: str, options: dict[str, Any]) -> None:
    """Whatever passes, all rows come."""
    tax.faults.add(fault, **options)
    sinks = fetch(tax, {**BODY, "full": True})
    lines = sum(gzip.decompress(sink.getvalue()).count(b"\n") for sink in sinks.values())
    assert 5000 + len(sinks) == lines
    assert tax.faults.happened[fault] > 0


def test_tax_wrong_digest(tax: TaxServer) -> None:
    """A digest that doesn't fit refuses the file."""
    tax.faults.add("wrong_digest", times=9)
    with pytest.raises(PeerBroken):
        fetch(tax, {**BODY, "full": True})


def test_tax_wrong_secret(tax: TaxServer) -> None:
    """A wrong signature is a refusal, at once."""
    with pytest.raises(PeerRefused):
        fetch(tax, BODY, secret="other")
