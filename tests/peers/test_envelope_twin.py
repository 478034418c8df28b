"""Against the platform's twin: every upload is carried out once, every export arrives whole."""

import csv
import gzip
import io
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import EnvelopeRefused, PeerBroken, PeerUnreachable, PeerUntrusted
from gateway.peers.envelope import EnvelopePeer
from gateway.peers.http import HttpPeer
from gateway.peers.sink import MemorySink
from gateway.testing.platform import PlatformServer
from gateway.vault.sm import Sm2PrivateKey
from tests.peers.platform import KEY, OURS, THEIRS, client, peer

pytestmark = pytest.mark.integration


@pytest.fixture
def twin(tmp_path: Path) -> Iterator[PlatformServer]:
    header = (
        "psn_no,psn_cert_type,certno,psn_name,gend,brdy,naty,insutype,psn_insu_stas,insu_admdvs,live_admdvs"
    )
    text = header + ",begn_date,paus_date,surv_stas\n"
    for number in range(2000):
        text += f"P{number},01,c{number},甲乙,1,1990-01-01,01,390,1,451022,451022000000,2020-01-01,,1\n"
    (tmp_path / "roster.csv.gz").write_bytes(gzip.compress(text.encode()))
    with PlatformServer(tmp_path, sm4_key=KEY, private_key=THEIRS, gateway_public=OURS.public) as server:
        yield server


def upload(number: int) -> dict[str, object]:
    record = {
        "psn_idet_type": "7131", "psn_type_lv": "", "begntime": "2026-01-01 00:00:00",
        "endtime": "2099-12-31 00:00:00", "src_dept": "civil", "memo": "",
    }  # fmt: skip
    person = {
        "seq": 1, "psn_no": f"P{number}", "psn_name": "甲乙", "certno": f"c{number}", "idet_use": "1",
        "records": [record], "evid_no": "e",
    }  # fmt: skip
    return {"persons": [person]}


def now_peer(http: HttpPeer) -> EnvelopePeer:
    return peer(http, clock=lambda: datetime.now(UTC))


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("lost_answer", {}),
        ("lost_answer", {"code": 502}),
        ("status", {"code": 503, "retry_after": 1, "times": 2}),
        ("maintenance", {}),
        ("drop", {}),
        ("cut", {}),
        ("expire_token", {}),
        ("string_zero", {}),
    ],
)
def test_upload_is_carried_out_once(twin: PlatformServer, fault: str, options: dict[str, Any]) -> None:
    """Whatever happens to an upload, it is carried out once and its result comes."""
    twin.faults.add(fault, where="L201", **options)
    msgid = "451000000001202611010100009999"
    with client(twin.base) as http:
        results = now_peer(http).call("L201", upload(1), msgid)["results"]
    assert [0] == [result["rslt"] for result in results]
    assert {msgid: 1} == dict(twin.applied)
    assert {} == twin.faults.pending()


def test_four_threads(twin: PlatformServer) -> None:
    """Four threads share one sign-in, also when it expires under them, and nothing is doubled."""
    twin.faults.add("expire_token", where="L201", after=10)
    failures: list[Exception] = []
    with client(twin.base) as http:
        asking = now_peer(http)

        def work(thread: int) -> None:
            try:
                for turn in range(10):
                    number = thread * 10 + turn
                    asking.call("L201", upload(number), f"45100000000120261101020000{number:04}")
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(thread,)) for thread in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert [] == failures
    assert [1] * 40 == list(twin.applied.values())


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("preparing", {"times": 4}),
        ("gone", {}),
        ("cut", {"where": "file", "bytes": 2000, "times": 3}),
        ("expire_token", {"where": "file"}),
        ("drop", {"where": "file"}),
    ],
)
def test_export(twin: PlatformServer, fault: str, options: dict[str, Any]) -> None:
    """A prepared file arrives whole, whatever passes on the way."""
    twin.faults.add(fault, **options)
    sink = MemorySink()
    with client(twin.base) as http:
        info = now_peer(http).export("L101", {"as_of": None}, "451000000001202611010100009998", sink)
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(sink.getvalue()).decode())))
    assert (2000, 2000, sink.plain_size) == (info.rows, len(rows), info.bytes)
    assert {} == twin.faults.pending()


def test_export_with_another_digest(twin: PlatformServer) -> None:
    """A file that isn't what was announced is refused, and the sink is emptied."""
    twin.faults.add("wrong_digest")
    sink = MemorySink()
    with client(twin.base) as http, pytest.raises(PeerBroken):
        now_peer(http).export("L101", {"as_of": None}, "451000000001202611010100009997", sink)
    assert 0 == sink.plain_size


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("bad_signature", PeerUntrusted), ("garbage", PeerUnreachable), ("endless", PeerUnreachable)],
)
def test_upload_that_cannot_be_believed(twin: PlatformServer, fault: str, kind: type[Exception]) -> None:
    """Answers that don't verify, garbage and bodies without end are never taken for results."""
    twin.faults.add(fault, where="L201", times=9)
    with client(twin.base) as http, pytest.raises(kind):
        now_peer(http).call("L201", upload(1), "451000000001202611010100009996")


def test_wrong_keys(twin: PlatformServer) -> None:
    """Keys that the platform doesn't know are a final refusal, not an endless one."""
    with client(twin.base) as http, pytest.raises(EnvelopeRefused):
        peer(http, signing_key=Sm2PrivateKey.generate(), clock=lambda: datetime.now(UTC)).sign_in()
