"""Servers on small data, and a client for each."""

import csv
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.testing import FederationServer, PlatformServer, SftpServer, TaxServer
from gateway.vault.sm import Sm2PrivateKey
from tests.testing.clients import Clock, FederationClient, PlatformClient, TaxClient

SM4_KEY = bytes(range(16))
#: both peers that sign share one throwaway key here
PLATFORM_KEY, GATEWAY_KEY = Sm2PrivateKey.generate(), Sm2PrivateKey.generate()
ROSTER = [
    ["psn_no", "psn_cert_type", "certno", "psn_name", "surv_stas"],
    ["P1", "01", "N1", "甲", "1"],
    ["P1", "01", "N1", "甲", "1"],
    ["P2", "01", "N2", "乙", "1"],
    ["P3", "01", "N3", "丙", "3"],
]
STANDING = [["P2", "1", [["7110", "", "2026-03-01 00:00:00", "2027-02-28 23:59:59", "451000-YB"]]]]
HOLDERS = [
    {"cert_no": f"C{n}", "area": f"45102{n % 2}100001", "updated_at": f"2026-10-{10 + n}", "status": "1"}
    for n in range(7)
]
PAYMENTS = [
    ["证件类型", "证件号码", "姓名", "缴费年度", "缴费日期", "税票号码"],
    ["201", "N1", "甲", "2026", "2025-11-30", "T1"],
    ["201", "N2", "乙", "2026", "2026-11-01", "T2"],
    ["201", "N3", "丙", "2026", "2026-11-02", "T3"],
    ["201", "N3", "丙", "2027", "2026-11-02", "T4"],
]


def write_csv(path: Path, rows: list[list[str]], encoding: str = "utf-8") -> None:
    with gzip.open(path, "wt", encoding=encoding, newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def platform(tmp_path: Path, clock: Clock) -> Iterator[PlatformServer]:
    """A platform with three people, one of them dead; its client is `platform_client`."""
    write_csv(tmp_path / "roster.csv.gz", ROSTER)
    (tmp_path / "standing.json").write_text(json.dumps(STANDING), "utf-8")
    own, public = PLATFORM_KEY, GATEWAY_KEY.public
    with PlatformServer(
        tmp_path, sm4_key=SM4_KEY, private_key=own, gateway_public=public, clock=clock
    ) as server:
        yield server


@pytest.fixture
def platform_client(platform: PlatformServer) -> Iterator[PlatformClient]:
    client = PlatformClient(platform.base, SM4_KEY, GATEWAY_KEY, PLATFORM_KEY.public)
    client.sign_in()
    yield client
    client.web.close()


@pytest.fixture
def federation(tmp_path: Path, clock: Clock) -> Iterator[FederationServer]:
    told = {"as_of": "2026-11-01T01:00:00+08:00", "holders": HOLDERS}
    (tmp_path / "holders.json").write_text(json.dumps(told), "utf-8")
    with FederationServer(
        tmp_path,
        client_id="gw",
        client_secret="secret",
        sm4_key=SM4_KEY,
        private_key=PLATFORM_KEY,
        clock=clock,
    ) as server:
        yield server


@pytest.fixture
def federation_client(federation: FederationServer) -> Iterator[FederationClient]:
    client = FederationClient(federation.base, SM4_KEY, PLATFORM_KEY.public)
    client.log_in()
    yield client
    client.web.close()


@pytest.fixture
def tax(tmp_path: Path, clock: Clock) -> Iterator[TaxServer]:
    write_csv(tmp_path / "payments.csv.gz", PAYMENTS, "utf-8-sig")
    with TaxServer(tmp_path, access_key="AK", secret_key="secret", clock=clock) as server:
        yield server


@pytest.fixture
def tax_client(tax: TaxServer, clock: Clock) -> Iterator[TaxClient]:
    client = TaxClient(tax.base, b"secret", clock)
    yield client
    client.web.close()


@pytest.fixture
def sftp(tmp_path: Path) -> Iterator[SftpServer]:
    (tmp_path / "outbox").mkdir()
    (tmp_path / "outbox" / "list.zip").write_bytes(b"0123456789" * 10_000)
    with SftpServer(tmp_path, "mz", "word") as server:
        yield server
