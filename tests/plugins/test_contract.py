"""The shipped sources keep the contract that every source must keep."""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, ClassVar

import pytest
import python_calamine as calamine
import pyzipper

from gateway.demo.generate import generate
from gateway.peers import retry
from gateway.testing.city import MZ_PASSWORD
from gateway.testing.contract import Bench, SourceContract
from gateway.testing.faults import Option
from tests.pipeline.rig import Rig, open_rig

ALWAYS = 1000


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A city of 400 people and two days."""
    folder = tmp_path_factory.mktemp("city")
    generate(folder, 400, 11, days=2)
    return folder


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every wait between two attempts passes at once."""
    monkeypatch.setattr(retry, "pause", lambda seconds: None)


class CityBench(Bench):
    """A shipped source before the server of a generated city."""

    name: ClassVar[str]
    #: (fault, options) that last until mended.
    faults: ClassVar[tuple[tuple[str, Mapping[str, Option]], ...]]

    def __init__(self, rig: Rig) -> None:
        self.rig, self.site, self.today = rig, rig.site, date(2026, 11, 1)
        self.instance = rig.site.settings.sources[self.name]

    def first(self) -> None:
        self.rig.peers.stage(1)

    def second(self) -> None:
        self.rig.peers.stage(2)

    def troubles(self) -> Mapping[str, Callable[[], object]]:
        server = self.rig.peers.servers[self.name]

        def order(fault: str, options: Mapping[str, Option]) -> Callable[[], object]:
            return lambda: server.faults.add(fault, times=ALWAYS, **options)

        return {
            "down": server.stop,
            **{f"{fault} {dict(options)}": order(fault, options) for fault, options in self.faults},
        }

    def mend(self) -> None:
        server = self.rig.peers.servers[self.name]
        server.stop()
        server.start()
        server.faults.clear()


class CivilBench(CityBench):
    """民政."""

    name = "civil_affairs"
    faults = (
        ("refuse_login", {}),
        ("garbage_banner", {}),
        ("other_host_key", {}),
        ("cut", {"bytes": 10}),
        ("truncate", {"where": ".json"}),
        ("truncate", {"where": ".zip"}),
    )

    def unfinished(self) -> None:
        self.first()
        for mark in self.rig.outbox.glob("*.ok"):
            mark.unlink()

    def handed_back(self) -> dict[str, bytes]:
        held = {}
        for path in (self.rig.peers.workdir / "mz" / "inbox").iterdir():
            with pyzipper.AESZipFile(path) as archive:
                archive.setpassword(MZ_PASSWORD.encode())
                held[path.name] = archive.read(archive.namelist()[0])
        return held


class RuralBench(CityBench):
    """乡村振兴."""

    name = "rural_revitalization"
    faults = (
        ("refuse_login", {}),
        ("other_host_key", {}),
        ("cut", {"bytes": 10}),
        ("truncate", {"where": "SHA256SUMS"}),
        ("truncate", {"where": ".xlsx"}),
    )

    def unfinished(self) -> None:
        self.first()
        for sums in self.rig.rural.rglob("SHA256SUMS"):
            sums.unlink()

    def handed_back(self) -> dict[str, Any]:  # Any: cells
        inbox = self.rig.peers.workdir / "xczx" / "inbox"
        return {path.name: _cells(path) for path in inbox.rglob("*.xlsx")}


def _cells(path: Path) -> list[list[Any]]:  # Any: cells
    book = calamine.CalamineWorkbook.from_filelike(io.BytesIO(path.read_bytes()))
    return book.get_sheet_by_index(0).to_python()


class FederationBench(CityBench):
    """残联."""

    name = "disabled_federation"
    faults = (
        ("status", {"code": 500}),
        ("maintenance", {}),
        ("drop", {}),
        ("garbage", {}),
        ("endless", {}),
        ("cut", {}),
        ("bad_signature", {}),
        ("lie_total", {}),
        ("expire_token", {"where": "/holders"}),
    )

    def handed_back(self) -> list[dict[str, Any]]:  # Any: JSON
        return self.rig.peers.feedback()


class TaxBench(CityBench):
    """税务."""

    name = "tax"
    wants_receipts = False
    faults = (
        ("status", {"code": 503}),
        ("drop", {}),
        ("garbage", {}),
        ("endless", {}),
        ("cut", {"where": "/export/files/", "bytes": 0}),
        ("job_failed", {}),
        ("wrong_digest", {}),
        ("lie_total", {}),
    )


@contextmanager
def _bench(kind: type[CityBench], city: Path, folder: Path) -> Iterator[CityBench]:
    with open_rig(city, folder, kind.name) as rig:
        yield kind(rig)


class TestCivilAffairs(SourceContract):
    """民政 keeps the contract."""

    @pytest.fixture
    def bench(self, city: Path, tmp_path: Path) -> Iterator[Bench]:
        """One civil affairs bureau."""
        with _bench(CivilBench, city, tmp_path) as bench:
            yield bench


class TestRuralRevitalization(SourceContract):
    """乡村振兴 keeps the contract."""

    @pytest.fixture
    def bench(self, city: Path, tmp_path: Path) -> Iterator[Bench]:
        """One rural revitalization bureau."""
        with _bench(RuralBench, city, tmp_path) as bench:
            yield bench


class TestDisabledFederation(SourceContract):
    """残联 keeps the contract."""

    @pytest.fixture
    def bench(self, city: Path, tmp_path: Path) -> Iterator[Bench]:
        """One federation."""
        with _bench(FederationBench, city, tmp_path) as bench:
            yield bench


class TestTax(SourceContract):
    """税务 keeps the contract."""

    @pytest.fixture
    def bench(self, city: Path, tmp_path: Path) -> Iterator[Bench]:
        """One tax bureau."""
        with _bench(TaxBench, city, tmp_path) as bench:
            yield bench
