"""Nobody is readable in what the gateway keeps or says: names and numbers in any encoding, in any file."""

import csv
import gzip
import io
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl
import pytest

from gateway import logs
from gateway.errors import ExitCode
from tests.acceptance.test_samples import DAYS, SAMPLES
from tests.acceptance.town import Town, csv_rows, sheet, town, zipped

ENCODINGS = ("utf-8", "gb18030", "utf-16-le", "utf-16-be")
#: Names shorter than this are common words.
LEAST_NAME = 3
NAMES, NUMBERS = (
    {"psn_name", "姓名", "户主姓名", "name"},
    {"psn_no", "certno", "身份证号码", "证件号码", "户主身份证号", "cert_no"},
)
HAN = re.compile(r"[㐀-鿿·]+")


def said(city: Path) -> Iterator[tuple[str, str]]:
    """(column, cell) of the roster, of the payments, and of every list of the city."""
    for name in ("roster", "payments"):
        data = gzip.decompress((city / "platform_and_tax" / f"{name}.csv.gz").read_bytes())
        for line in csv.DictReader(io.StringIO(data.decode("utf-8-sig"))):
            yield from line.items()
    for path in city.glob("day*/mz/outbox/*.zip"):
        for _name, content in zipped(path):
            yield from _cells(_any_rows(content))
    for path in city.glob("day*/xczx/outbox/*/*.xlsx"):
        yield from _cells(sheet(path, "监测对象信息"))
    for path in city.glob("day*/holders.json"):
        for holder in json.loads(path.read_text("utf-8"))["holders"]:
            yield from (("name", holder["name"]), ("cert_no", holder["cert_no"]))


def _any_rows(content: bytes) -> list[list[str]]:
    if content.startswith(b"\xef\xbb\xbf"):
        return list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    return csv_rows(content)


def _cells(rows: list[list[str]]) -> Iterator[tuple[str, str]]:
    """(column, cell) below the header row."""
    top = next(at for at, row in enumerate(rows) if "姓名" in {cell.replace(" ", "") for cell in row})
    header = [cell.replace(" ", "") for cell in rows[top]]
    for row in rows[top + 1 :]:
        yield from zip(header, row, strict=False)


def people_of(city: Path) -> set[str]:
    """Every number and every name of three or more characters that the city says anywhere."""
    found = set()
    for column, cell in said(city):
        text = cell.strip()
        if (column in NAMES and len(text) >= LEAST_NAME and HAN.search(text)) or (
            column in NUMBERS and len(re.sub(r"\D", "", text)) >= 15
        ):
            found.add(text)
    return found


def leaks(wanted: Iterable[str], files: Iterable[Path]) -> dict[str, int]:
    """File → how many of the texts stand in its bytes, in any encoding."""
    # One character a byte, so that all texts are looked for in one pass over bytes of any kind.
    text_of = {text.encode(encoding).decode("latin-1"): text for text in wanted for encoding in ENCODINGS}
    paths = list(files)
    contents = pl.Series([path.read_bytes().decode("latin-1") for path in paths], dtype=pl.String)
    found = contents.str.extract_many(sorted(text_of), overlapping=True).to_list()
    return {
        path.name: len({text_of[form] for form in forms}) for path, forms in zip(paths, found, strict=True) if forms
    }


def files_of(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def keeps_quiet(city: Path, days: int, work: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Runs the days, the first with connections that break, and looks everywhere after each."""
    wanted, log = people_of(city), work / "log.txt"
    with town(city, work) as at, log.open("w", encoding="utf-8") as stream, logs.written_to(stream):
        at.peers.fault("tax", "cut", times=20, where="files")
        at.peers.fault("civil_affairs", "cut", times=1, where=".zip", bytes=2000)
        for day in range(1, days + 1):
            report = at.live(day)
            at.peers.well_behaved()
            said_here = "".join(capfd.readouterr()) + "".join(report.faults) + repr(report.detail())
            stream.write(said_here)
            stream.flush()
            looked = [*files_of(at.site.settings.var), log]
            assert {} == leaks(wanted, looked)
        assert_looked_at_something(at, looked, wanted)
        assert ExitCode.HELD == report.exit_code


def assert_looked_at_something(at: Town, looked: list[Path], wanted: set[str]) -> None:
    """The ledger, sealed files and a log were there; and had somebody been in a file, they would have been seen."""
    assert {"ledger.db", "log.txt"} < {path.name for path in looked}
    assert {"archive", "frames"} < {path.parent.name for path in looked}
    for encoding in ENCODINGS:
        plain = at.site.settings.root / "plain.txt"
        plain.write_text("\n".join(wanted), encoding)
        assert {"plain.txt": len(wanted)} == leaks(wanted, [plain])


@pytest.mark.slow
def test_nobody_of_a_city_is_readable(small_city: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """No number and no name of three or more characters of the city is in any file that the gateway keeps, in its logs,
    or in what it prints, after whole days and after broken connections."""
    keeps_quiet(small_city, 3, tmp_path, capfd)


@pytest.mark.slow
@pytest.mark.skipif(not SAMPLES.is_dir(), reason="no ../shared/samples beside the checkout")
def test_nobody_of_the_samples_is_readable(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The same for the samples."""
    keeps_quiet(SAMPLES, DAYS, tmp_path, capfd)
