"""A whole city at work: a site, its peers, the days in order, and readers of the receipts that came back."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl
import pyzipper
from python_calamine import CalamineWorkbook

from gateway import pipeline
from gateway.bootstrap import open_site
from gateway.model.outcomes import DEPARTMENT_WORDS, Outcome
from gateway.pipeline import RunReport
from gateway.site import Site
from gateway.testing.city import MZ_PASSWORD, CityPeers
from gateway.testing.site import new_site, staff, write_site
from tests import ledgers

#: Expectations that leave a row to a person as well end so.
OR_REVIEW = "_or_review"


@dataclass(frozen=True, kw_only=True)
class Town:
    """One city whose servers run, and a site that works for it."""

    city: Path
    site: Site
    peers: CityPeers

    def live(self, day: int) -> RunReport:
        """That day's deliveries arrive, and the gateway runs."""
        self.peers.stage(day)
        return self.run(day)

    def run(self, day: int) -> RunReport:
        """The gateway runs on that day of November."""
        report = pipeline.run(self.site, list(self.site.settings.sources), date(2026, 11, day), actor="test")
        assert report is not None
        return report

    def changed(self) -> int:
        """Uploaded items after which the platform held something else."""
        return sum(entry.get("changed", 0) for entry in self.peers.log("insurance_platform"))

    def inbox(self, source: str) -> Path:
        """Where that department finds its receipts."""
        return self.peers.workdir / source / "inbox"


@contextmanager
def town(city: Path, work: Path) -> Iterator[Town]:
    """The city's servers and a new site, until the end of the block."""
    public = new_site(work / "site")
    with CityPeers(city, work / "peers", process=True, gateway_public_hex=public) as peers:
        write_site(work / "site", peers.addresses)
        ledgers.place(work / "site")
        site = open_site(work / "site")
        staff(site)
        yield Town(city=city, site=site, peers=peers)
        site.ledger.close()


def truth_rows(city: Path, day: int, source: str) -> pl.DataFrame:
    """The truth about one source's rows of a day, in their order, with the words that may come back for each."""
    rows = pl.read_csv(city / f"day{day}" / "truth_rows.csv", infer_schema=False).filter(source=source)
    return rows.with_columns(
        pl.col("sent_name", "sent_id", "psn_no").fill_null(""),
        words=pl.col("expect").map_elements(words, return_dtype=pl.List(pl.String)),
    )


def words(expect: str) -> list[str]:
    """What the department may read where this is expected."""
    allowed = [Outcome(expect.removesuffix(OR_REVIEW))]
    if expect.endswith(OR_REVIEW):
        allowed.append(Outcome.REVIEW)
    return [DEPARTMENT_WORDS[outcome] for outcome in allowed]


def zipped(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file in one of civil affairs' archives."""
    with pyzipper.AESZipFile(path) as archive:
        archive.setpassword(MZ_PASSWORD.encode())
        for name in archive.namelist():
            yield name, archive.read(name)


def csv_rows(content: bytes) -> list[list[str]]:
    """The cells of a GB18030 CSV, the header first."""
    return list(csv.reader(io.StringIO(content.decode("gb18030"), newline="")))


def sheet(path: Path, name: str) -> list[list[str]]:
    """The cells of a sheet as text, from its first row on."""
    rows = CalamineWorkbook.from_path(str(path)).get_sheet_by_name(name).to_python(skip_empty_area=False)
    return [[_text(cell) for cell in row] for row in rows]


def _text(cell: object) -> str:
    return f"{cell:.15g}" if isinstance(cell, float) else str(cell)


def harmless(cell: str) -> str:
    """The cell as a receipt shows it: with a quote where a spreadsheet would take it for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") and cell else cell
