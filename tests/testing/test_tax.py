"""税务's server against a plain client."""

import csv
import gzip
import hashlib
import json
from pathlib import Path

import httpx
import pytest

from gateway.testing import TaxServer
from tests.testing.clients import Clock, TaxClient
from tests.testing.conftest import PAYMENTS, write_csv

pytestmark = pytest.mark.integration

VECTORS = Path(__file__).parents[1] / "vault" / "vectors.json"
YEAR = {"year": 2026, "from": "2026-11-01", "to": "2026-11-02", "full": True}
DAY = {**YEAR, "to": "2026-11-01", "full": False}


def rows_of(client: TaxClient, question: object) -> list[list[str]]:
    job = client.finish(client.order(question).json()["job_id"])
    content = client.ask("GET", job["files"][0]["url"]).content
    told = job["files"][0]
    assert (told["sha256"], told["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
    assert gzip.decompress(content).startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(gzip.decompress(content).decode("utf-8-sig").splitlines()))
    assert told["rows"] == len(rows) - 1
    return rows


def test_a_job_gives_what_was_asked(tax_client: TaxClient) -> None:
    """A full job gives the whole year, another one the days of payment asked for, both ends included."""
    assert PAYMENTS[:4] == rows_of(tax_client, YEAR)
    assert [PAYMENTS[0], PAYMENTS[2]] == rows_of(tax_client, DAY)
    assert PAYMENTS[:1] == rows_of(tax_client, {**DAY, "year": 2025})


def test_a_job_takes_its_time(tax_client: TaxClient) -> None:
    """A job is queued, then runs, then is done; before that it has no files."""
    ordered = tax_client.order(YEAR)
    job_id = ordered.json()["job_id"]
    polls = [tax_client.ask("GET", f"export/jobs/{job_id}") for _poll in range(4)]
    assert 202 == ordered.status_code
    assert ["queued", "running", "done", "done"] == [poll.json()["state"] for poll in polls]
    assert ["0", "0", None, None] == [poll.headers.get("Retry-After") for poll in polls]
    assert [0, 0, 1, 1] == [len(poll.json()["files"]) for poll in polls]
    assert 404 == tax_client.ask("GET", "export/jobs/none").status_code


def test_the_same_question_is_the_same_job_for_an_hour(
    tax: TaxServer, tax_client: TaxClient, clock: Clock, tmp_path: Path
) -> None:
    """A failed job, an hour, or another day's file makes a new one."""
    jobs = [tax_client.order(YEAR).json()["job_id"] for _try in range(2)]
    assert jobs[0] == jobs[1]
    tax.faults.add("job_failed")
    assert "failed" == tax_client.finish(jobs[0])["state"]
    jobs.append(tax_client.order(YEAR).json()["job_id"])
    clock.now += 3600
    jobs.append(tax_client.order(YEAR).json()["job_id"])
    write_csv(tmp_path / "payments.csv.gz", PAYMENTS[:2], "utf-8-sig")
    jobs.append(tax_client.order(YEAR).json()["job_id"])
    assert 4 == len(set(jobs))


def test_every_request_is_signed(tax_client: TaxClient, clock: Clock) -> None:
    """A signature of something else, a clock 300 s off, or a nonce that came before gets 401."""
    path = "export/jobs/none"
    assert 404 == tax_client.ask("GET", path, nonce="n-1").status_code
    assert 401 == tax_client.ask("GET", path, nonce="n-1").status_code
    assert [404, 401, 401] == [
        tax_client.ask("GET", path, skew=skew).status_code for skew in (300, 301, -301)
    ]
    assert 401 == tax_client.ask("GET", path, headers={"X-Signature": "0" * 64}).status_code
    assert 401 == tax_client.ask("GET", path, headers={"X-Access-Key": "other"}).status_code
    assert 401 == tax_client.web.post(f"{tax_client.base}/export/jobs", json=YEAR).status_code
    clock.now += 15 * 60
    assert 404 == tax_client.ask("GET", path, nonce="n-1").status_code


def test_the_contract_signature_is_right(tax: TaxServer, tax_client: TaxClient, clock: Clock) -> None:
    """A request signed by a tool independent of this project is believed, query included."""
    told = json.loads(VECTORS.read_bytes())["tax_request"]
    method, target, timestamp, nonce, _digest = told["canonical"].split("\n")
    clock.now = float(timestamp)
    signed = {"X-Access-Key": told["access_key"], "X-Timestamp": timestamp, "X-Nonce": nonce}
    answers = [
        tax_client.web.request(method, tax.root + target, headers={**signed, "X-Signature": signature})
        for signature in ("0" * 64, told["signature"])
    ]
    assert [401, 404] == [answer.status_code for answer in answers]


@pytest.mark.parametrize(
    "question", [{}, [], {**YEAR, "year": "2026"}, {**DAY, "from": "1.11."}, {**DAY, "to": "2026-10-01"}]
)
def test_a_question_that_does_not_fit_is_refused(tax_client: TaxClient, question: object) -> None:
    """A year is a number, days are days, and the first isn't after the last."""
    assert 400 == tax_client.order(question).status_code


def test_a_broken_download_goes_on(tax: TaxServer, tax_client: TaxClient) -> None:
    """A body that was cut is completed by a range of the same version."""
    url = tax_client.finish(tax_client.order(YEAR).json()["job_id"])["files"][0]["url"]
    whole = tax_client.ask("GET", url)
    tax.faults.add("cut", where="export/files", bytes=20)
    with pytest.raises(httpx.RemoteProtocolError):
        tax_client.ask("GET", url)
    rest = tax_client.ask("GET", url, headers={"Range": "bytes=20-", "If-Range": whole.headers["ETag"]})
    assert (206, whole.content[20:]) == (rest.status_code, rest.content)
    assert ("application/gzip", "bytes") == (whole.headers["Content-Type"], whole.headers["Accept-Ranges"])


def test_jobs_can_be_spoilt(tax: TaxServer, tax_client: TaxClient) -> None:
    """Digest, count and presence of a file go wrong when ordered."""
    job_id = tax_client.order(YEAR).json()["job_id"]
    tax_client.finish(job_id)
    tax.faults.add("wrong_digest")
    tax.faults.add("lie_total", by=5)
    lie, truth = (tax_client.finish(job_id)["files"][0] for _poll in range(2))
    assert lie["sha256"] != truth["sha256"]
    assert 5 == lie["rows"] - truth["rows"]
    tax.faults.add("gone")
    assert [404, 404] == [tax_client.ask("GET", truth["url"]).status_code for _try in range(2)]
