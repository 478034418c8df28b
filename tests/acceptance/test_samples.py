"""The samples beside the checkout, where they are: five days of a city of 3000, with three times the usual dirt."""

import json
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from gateway.store import decisions, deliveries
from tests.acceptance.town import OR_REVIEW, Town, town

SAMPLES = Path(__file__).parents[3] / "shared" / "samples"
DAYS = 5
#: What makes two records the same; the rest of a line of the truth is placeholders.
RECORD = ["psn_no", "idet_use", "psn_idet_type", "psn_type_lv", "begntime", "endtime"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SAMPLES.is_dir(), reason="no ../shared/samples beside the checkout"),
]


@pytest.fixture
def samples(tmp_path: Path) -> Iterator[Town]:
    with town(SAMPLES, tmp_path) as at:
        yield at


def table(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False).with_columns(pl.all().fill_null(""))


def truth(source: str) -> pl.DataFrame:
    """The truth about a source's rows of day 1, each with its number among rows of the same name and number."""
    rows = table(SAMPLES / "day1" / "truth_rows.csv").filter(source=source).with_row_index("at", 1)
    return _numbered(rows)


def _numbered(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(nth=pl.int_range(pl.len()).over("sent_name", "sent_id"))


def came(at: Town, source: str) -> pl.DataFrame:
    """The rows of that source's first delivery: name and number as sent, place, outcome, and whom they are tied to."""
    with at.site.ledger.begin() as tx:
        row = deliveries.select(tx, instance=source)[0]
    assert row.entries_file and row.resolutions_file
    rows = at.site.read_frame(row.entries_file).join(at.site.read_frame(row.resolutions_file), on="row")
    named = rows.with_columns(
        pl.col("row").cast(pl.UInt32), sent_name=pl.col("raw_name").fill_null(""),
        sent_id=pl.col("raw_number").fill_null("").map_elements(_as_digits, return_dtype=pl.String),
        cert_no="raw_source_id",
    )  # fmt: skip
    return _numbered(named.sort("row"))


def _as_digits(number: str) -> str:
    """A cell that holds a number, as the truth writes it: all digits, the last three lost."""
    return f"{float(number):.0f}" if "e+" in number else number


def together(at: Town, source: str) -> pl.DataFrame:
    """Each row of the truth with what came of it. Civil affairs' stand in the order of the CSV; the counties' order is
    another than the files', so name and number lead to them; holders are known by their certificate."""
    expected, actual = truth(source), came(at, source)
    if source == "civil_affairs":
        return expected.join(actual, left_on="at", right_on="row", how="left")
    if source == "disabled_federation":
        holders = json.loads((SAMPLES / "day1" / "holders.json").read_text("utf-8"))["holders"]
        expected = expected.with_columns(cert_no=pl.Series([holder["cert_no"] for holder in holders]))
        return expected.join(actual, on="cert_no", how="left")
    return expected.join(actual, on=["sent_name", "sent_id", "nth"], how="left")


def in_doubt(at: Town) -> pl.DataFrame:
    """psn_no of the people whose row of day 1 the truth leaves open, and a case as well."""
    parts = []
    for source in ("civil_affairs", "rural_revitalization", "disabled_federation"):
        rows = together(at, source)
        parts.append(rows.filter(pl.col("expect").str.ends_with(OR_REVIEW) & (pl.col("outcome") == "review")))
    return pl.concat([part.select("psn_no") for part in parts]).unique()


def test_rows_of_the_samples_come_to_what_they_should(samples: Town) -> None:
    """Each row of day 1 comes to the outcome that the truth names, one in doubt to that or to a case, and none to
    another person."""
    samples.live(1)
    for source in ("civil_affairs", "rural_revitalization", "disabled_federation"):
        rows = together(samples, source)
        assert truth(source).height == rows.height
        wanted = pl.col("expect").str.strip_suffix(OR_REVIEW)
        doubtful = pl.col("expect").str.ends_with(OR_REVIEW) & (pl.col("outcome") == "review")
        kept = ((pl.col("outcome") == wanted) | doubtful).fill_null(value=False)
        assert [] == rows.filter(~kept).select("at", "expect", "outcome").rows()
        meant = pl.Series("meant", samples.site.keyring.person_digest(rows["psn_no"].to_list()), pl.Int64)
        tied = rows.with_columns(meant).filter(pl.col("person_key") != pl.col("meant"))
        assert [] == tied["at"].to_list()


def test_doubtful_rows_of_the_samples_are_settled(samples: Town) -> None:
    """Of the rows of day 1 that a gateway may settle or leave to a person, at least nine of ten are settled; where a
    case has a candidate who is the right one, that one comes first."""
    samples.live(1)
    doubtful, settled = 0, 0
    for source in ("civil_affairs", "rural_revitalization", "disabled_federation"):
        rows = together(samples, source).filter(pl.col("expect").str.ends_with(OR_REVIEW))
        meant = pl.Series("meant", samples.site.keyring.person_digest(rows["psn_no"].to_list()), pl.Int64)
        left = rows.with_columns(meant).filter(pl.col("outcome") == "review")
        assert left["meant"].to_list() == left["candidates"].list.first().to_list()
        doubtful, settled = doubtful + rows.height, settled + rows.height - left.height
    assert 60 == doubtful
    assert settled >= 54


def test_records_of_the_samples_are_those_of_the_truth(samples: Town) -> None:
    """After each of the five days the platform holds exactly the truth's records of all people but those with a row
    that a person must still look at. The half list of the last day is in use, and only its departures wait."""
    for day in range(1, DAYS + 1):
        report = samples.live(day)
        assert [] == report.faults
        doubtful = in_doubt(samples)
        expected = table(SAMPLES / f"day{day}" / "truth_records.csv").select(RECORD)
        actual = pl.DataFrame(samples.peers.platform_records()).select(RECORD)
        expected, actual = (frame.join(doubtful, on="psn_no", how="anti").sort(RECORD) for frame in (expected, actual))
        assert [] == expected.join(actual, on=RECORD, how="anti").rows()
        assert [] == actual.join(expected, on=RECORD, how="anti").rows()
        assert expected.height == actual.height > 0
    assert [("applied", [""])] == half_list(samples)


def half_list(at: Town) -> list[tuple[str, list[str]]]:
    """What became of the list of day 5 that has half of the people: its state, and the scopes that wait."""
    with at.site.ledger.begin() as tx:
        return [
            (row.state, [hold.scope for hold in decisions.holds(tx, state="open") if hold.name == row.name])
            for row in deliveries.select(tx, instance="civil_affairs")
            if row.sequence == DAYS
        ]
