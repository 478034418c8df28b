"""A small city, made once; what the platform holds after runs in which nothing went wrong; no waiting."""

import csv
import gzip
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from gateway.demo.generate import generate
from gateway.errors import ExitCode
from gateway.peers import retry
from tests import ledgers
from tests.conftest import NewDatabase
from tests.pipeline import forge
from tests.pipeline.rig import SMALL, Records, Rig, fork, limited, open_rig

#: Makes a rig with these sources in a new folder.
NewRig = Callable[..., Rig]


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A city of 800 people and three days."""
    folder = tmp_path_factory.mktemp("city")
    generate(folder, 800, 7, days=3)
    return folder


@pytest.fixture(scope="session")
def civil_csv(city: Path) -> bytes:
    """The first full list of civil affairs."""
    return forge.plain_csv(next((city / "day1" / "mz" / "outbox").glob("*.zip")))


@pytest.fixture(autouse=True, scope="package")
def no_waiting() -> Iterator[None]:
    """Every wait between two attempts passes at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retry, "pause", lambda seconds: None)
        yield


@pytest.fixture(scope="session")
def quiet(city: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Records]:
    """What the platform holds after day 1 of these sources when nothing goes wrong. Worked out once each."""
    known: dict[tuple[str, ...], Records] = {}

    def records(*sources: str) -> Records:
        if sources not in known:
            with open_rig(city, tmp_path_factory.mktemp("quiet"), *sources) as rig:
                rig.peers.stage(1)
                assert 0 == rig.run().exit_code
                known[sources] = rig.records()
        return known[sources]

    return records


@pytest.fixture
def database() -> str:
    """Where sites keep their ledger, but for tests marked `on_both_databases`."""
    return ledgers.KIND


@pytest.fixture
def new_rig(
    city: Path, tmp_path_factory: pytest.TempPathFactory, database: str, new_database: NewDatabase
) -> Iterator[NewRig]:
    """Sites that are closed after the test."""
    with ExitStack() as stack:

        def rig(*sources: str, **kind: Any) -> Rig:
            address = "" if database == ledgers.KIND else new_database(database, at_head=True)
            return stack.enter_context(
                open_rig(city, tmp_path_factory.mktemp("rig"), *sources, database=address, **kind)
            )

        yield rig


@pytest.fixture
def civil_rig(new_rig: NewRig) -> Rig:
    """A site with civil affairs only; nothing is staged."""
    return new_rig("civil_affairs")


@pytest.fixture(scope="session")
def begun(city: Path, civil_csv: bytes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A site that has taken a first full list of civil affairs, once for all; nobody is in its ledger."""
    with open_rig(city, tmp_path_factory.mktemp("begun"), "civil_affairs") as rig:
        forge.civil(1, civil_csv).put(rig.outbox)
        assert ExitCode.DONE == rig.run().exit_code
        rig.site.ledger.close()
        yield rig


@pytest.fixture
def settled(begun: Rig, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A site of one's own that has taken a first full list of civil affairs."""
    with fork(begun, tmp_path_factory.mktemp("rig")) as rig:
        yield rig


@pytest.fixture
def guarded(settled: Rig) -> Iterator[Rig]:
    """The same with limits for small lists."""
    rig = limited(settled, SMALL)
    yield rig
    rig.site.ledger.close()


@pytest.fixture
def at(civil_csv: bytes) -> int:
    """A row whose person is named once and is sure, and who lives with others of the list."""
    frame = forge.table(civil_csv).with_row_index("at")
    sound = frame.filter(
        pl.col(forge.NUMBER).is_unique()
        & pl.col(forge.NUMBER).str.contains(r"^\d{17}[\dX]$")
        & pl.col("停止日期").is_null()
        & (pl.col("救助类别") == "低保对象")
        & pl.col("保障类别").is_in(["A", "B", "C"])
        & (pl.col(forge.NUMBER) != pl.col("户主身份证号"))
    )
    return int(sound["at"][0])


@pytest.fixture
def who(city: Path, civil_csv: bytes, at: int) -> str:
    """The psn_no of the person whose number stands in that row."""
    number = forge.table(civil_csv)[forge.NUMBER][at]
    with gzip.open(city / "platform_and_tax" / "roster.csv.gz", "rt", encoding="utf-8") as file:
        (found,) = {row["psn_no"] for row in csv.DictReader(file) if row["certno"] == number}
    return found
