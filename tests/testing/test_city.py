"""A city's peers, in threads and in a child process."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.testing import MZ_PASSWORD, CityPeers
from gateway.vault.sm import Sm2PrivateKey, Sm2PublicKey
from tests.testing.clients import FederationClient, PlatformClient
from tests.testing.conftest import HOLDERS, PAYMENTS, ROSTER, STANDING, write_csv
from tests.testing.test_platform import LEVEL_A, item, upload

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]


@pytest.fixture
def city(tmp_path: Path) -> Path:
    """Two days; the second has a workbook only."""
    still, day1, day2 = (tmp_path / "city" / name for name in ("platform_and_tax", "day1", "day2"))
    for folder in (still, day1 / "mz/outbox", day1 / "xczx/outbox/20261101", day2 / "xczx/outbox/20261102"):
        folder.mkdir(parents=True)
    write_csv(still / "roster.csv.gz", ROSTER)
    write_csv(still / "payments.csv.gz", PAYMENTS, "utf-8-sig")
    (still / "standing.json").write_text(json.dumps(STANDING), "utf-8")
    for name in ("MZ.ok", "MZ.json", "MZ.zip"):
        (day1 / "mz/outbox" / name).write_text(name)
    for folder in (day1 / "xczx/outbox/20261101", day2 / "xczx/outbox/20261102"):
        (folder / "SHA256SUMS").write_text("sums")
        (folder / "XCZX.xlsx").write_text("book")
    told = {"as_of": "2026-11-01T01:00:00+08:00", "holders": HOLDERS}
    (day1 / "holders.json").write_text(json.dumps(told), "utf-8")
    return tmp_path / "city"


@pytest.fixture(params=[False, True], ids=["threads", "process"])
def peers(request: pytest.FixtureRequest, city: Path, tmp_path: Path) -> Iterator[CityPeers]:
    with CityPeers(city, tmp_path / "served", process=request.param) as running:
        yield running


def platform_client(peers: CityPeers) -> PlatformClient:
    told = peers.addresses["insurance_platform"]
    own, platform = (
        Sm2PrivateKey.from_hex(told["gateway_private_key"]),
        Sm2PublicKey.from_hex(told["public_key"]),
    )
    client = PlatformClient(told["base"], bytes.fromhex(told["sm4_key"]), own, platform)
    client.sign_in()
    return client


def test_a_day_is_put_in_place(peers: CityPeers) -> None:
    """A day's files come to where they are served, its marks last, and what a day lacks stays as it was."""
    peers.stage(1)
    outbox = peers.workdir / "mz" / "outbox"
    assert ["MZ.json", "MZ.ok", "MZ.zip"] == sorted(path.name for path in outbox.iterdir())
    times = {path.name: path.stat().st_mtime_ns for path in outbox.iterdir()}
    assert "MZ.ok" == max(times, key=lambda name: times[name])
    peers.stage(2)
    books = peers.workdir / "xczx" / "outbox"
    assert ["20261101", "20261102"] == sorted(path.name for path in books.iterdir())
    assert (peers.workdir / "federation" / "holders.json").exists()
    with pytest.raises(FileNotFoundError):
        peers.stage(3)


def test_addresses_are_all_that_a_client_needs(peers: CityPeers) -> None:
    """Servers can be used by what `addresses` says, and the driver sees what came of it."""
    peers.stage(1)
    told = peers.addresses["disabled_federation"]
    client = FederationClient(
        told["base"], bytes.fromhex(told["sm4_key"]), Sm2PublicKey.from_hex(told["public_key"])
    )
    form, login = {"grant_type": "client_credentials"}, (told["client_id"], told["client_secret"])
    token = client.web.post(f"{told['base']}/oauth2/token", data=form, auth=login).json()["access_token"]
    client.headers = {"Authorization": f"Bearer {token}"}
    row = {"cert_no": "C1", "result": "已标识", "reason": ""}
    assert 7 == client.all(size="3")[1]
    assert 200 == client.tell({"batch": "B1", "rows": [row]}).status_code
    assert [{"batch": "B1", **row}] == peers.feedback()
    assert 1 == platform_client(peers).output("L202", {"as_of": None})["rows"]
    assert ["P2"] == [record["psn_no"] for record in peers.platform_records()]
    assert ["9001", "L202"] == [entry["infno"] for entry in peers.log("insurance_platform")]
    assert MZ_PASSWORD == peers.addresses["civil_affairs"]["zip_password"]
    assert {"host", "port", "host_key", "user", "password", "outbox", "inbox"} == set(
        peers.addresses["rural_revitalization"]
    )


def test_faults_reach_every_server(peers: CityPeers) -> None:
    """The driver switches faults on by the server's name, those of SFTP as well, and all off again."""
    peers.fault("civil_affairs", "refuse_login", times=2)
    peers.fault("insurance_platform", "preparing", where="L101")
    client = platform_client(peers)
    assert -425 == client.answer("L101", {"as_of": None})["infcode"]
    peers.fault("insurance_platform", "preparing", where="L101")
    peers.well_behaved()
    assert 0 == client.answer("L101", {"as_of": None})["infcode"]


@pytest.mark.parametrize("how", ["SIGTERM", "stdin"])
def test_the_child_process_stops_cleanly(tmp_path: Path, how: str) -> None:
    """It says where its servers are in one line, and ends with 0 on SIGTERM and when stdin closes."""
    config = tmp_path / "servers.json"
    plan = {"a": {"kind": "sftp", "root": str(tmp_path), "user": "u", "password": "w"}}
    config.write_text(json.dumps(plan), "utf-8")
    child = subprocess.Popen(
        [sys.executable, "-m", "gateway.testing", str(config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert child.stdout and child.stdin
    with child, child.stdout, child.stdin:
        assert {"host", "port", "host_key"} == set(json.loads(child.stdout.readline())["a"])
        child.send_signal(signal.SIGTERM) if how == "SIGTERM" else child.stdin.close()
        assert 0 == child.wait(10)


def test_a_city_once_more_knows_what_the_first_knew(city: Path, tmp_path: Path) -> None:
    """It serves the same folders, and its platform holds the same records and knows old messages; what comes then, the
    other does not hear of."""
    with CityPeers(city, tmp_path / "served") as peers:
        peers.stage(1)
        client = platform_client(peers)
        assert [0] == upload(client, item(1, LEVEL_A))
        first = peers.platform_records()
        with peers.again(tmp_path / "again") as other:
            assert peers.addresses["tax"]["root"] != other.addresses["tax"]["root"]
            assert (first, peers.log("insurance_platform")) == (
                other.platform_records(),
                other.log("insurance_platform"),
            )
            assert (other.workdir / "mz" / "outbox" / "MZ.ok").exists()
            client.base = other.addresses["insurance_platform"]["base"]
            assert [0] == upload(client, item(1, {**LEVEL_A, "psn_type_lv": "B"}))
            assert first != other.platform_records()
            assert first == peers.platform_records()
            (told,) = other.servers["insurance_platform"].carried.otherwise()
            assert told != "" and [] == peers.servers["insurance_platform"].carried.otherwise()


def test_the_payments_are_served(peers: CityPeers) -> None:
    """The tax bureau's file lies where its server reads it, unchanged."""
    source = peers.city / "platform_and_tax" / "payments.csv.gz"
    assert source.read_bytes() == (peers.workdir / "tax" / "payments.csv.gz").read_bytes()
