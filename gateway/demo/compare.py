"""What the gateway made of a city, held against the city's truth: records by person, outcomes by row.

Takes a city's folder (`gateway.demo.generate`), a day, and an open site or the platform's records; gives counts and
every difference. Refuses nothing: a row that the gateway never wrote down is a difference too.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from gateway.model.deliveries import DeliveryState
from gateway.site import Site
from gateway.store import deliveries
from gateway.store.deliveries import DeliveryRow

#: What makes two records the same; who wrote it, its reference and its time are the gateway's own.
RECORD = ("psn_no", "idet_use", "psn_idet_type", "psn_type_lv", "begntime", "endtime")
#: The end of an expectation that leaves the row to a person as well.
OR_REVIEW = "_or_review"
HOLDERS = "holders.json"
_CAME = pl.Schema({"file": pl.String, "at": pl.Int64, "outcome": pl.String, "person_key": pl.Int64, "kept": pl.Int64})


@dataclass(frozen=True, kw_only=True)
class RecordCheck:
    """The platform's records after one day, against those that the truth demands."""

    day: int
    #: Records that were compared.
    records: int
    #: People who hold or should hold something, without the open ones.
    people: int
    #: psn_no of people whose records differ.
    wrong: tuple[str, ...]
    #: psn_no → why a person must decide first; not compared.
    open: Mapping[str, str]

    @property
    def exact(self) -> int:
        """People whose records are just those of the truth."""
        return self.people - len(self.wrong)


@dataclass(frozen=True, kw_only=True)
class RowCheck:
    """What the rows of one day came to, against what they should come to."""

    day: int
    #: Rows of the day's deliveries.
    rows: int
    #: Of those that a person may have to decide: settled by the gateway, and left to a person.
    settled: int
    left: int
    #: (file, row, expected, came to) of each row that came to something else.
    unexpected: tuple[tuple[str, int, str, str], ...]
    #: (file, row) of each row that was tied to another person than it means.
    strangers: tuple[tuple[str, int], ...]


def check_records(folder: Path, day: int, held: Iterable[Mapping[str, str]]) -> RecordCheck:
    """The platform's records (columns of L202) against `dayN/truth_records.csv` and `truth_open.csv`."""
    truth = _table(folder / f"day{day}" / "truth_records.csv").select(RECORD).fill_null("")
    undecided = _table(folder / f"day{day}" / "truth_open.csv")
    on_platform = pl.DataFrame([dict(row) for row in held], schema={name: pl.String for name in RECORD})
    expected, actual = (frame.join(undecided, on="psn_no", how="anti") for frame in (truth, on_platform.select(RECORD)))
    differing = pl.concat([expected.join(actual, on=RECORD, how="anti"), actual.join(expected, on=RECORD, how="anti")])
    return RecordCheck(
        day=day,
        records=expected.height,
        people=pl.concat([expected["psn_no"], actual["psn_no"]]).n_unique(),
        wrong=tuple(differing["psn_no"].unique().sort()),
        open=dict(undecided.select("psn_no", "reason").rows()),
    )


def check_rows(site: Site, folder: Path, day: int) -> RowCheck:
    """What the ledger says of a day's rows against `dayN/truth_rows.csv`.

    The truth is that of the day's roster: ask before a later roster settles the rows anew.
    """
    truth = _table(folder / f"day{day}" / "truth_rows.csv").filter(pl.col("source") != "platform")
    truth = truth.with_columns(pl.col("row").cast(pl.Int64), pl.col("psn_no").fill_null(""))
    meant = pl.Series("meant", site.keyring.person_digest(truth["psn_no"].to_list()), pl.Int64)
    rows = truth.with_columns(meant).join(
        _came(site, folder, day, truth), left_on=["file", "row"], right_on=["file", "at"], how="left"
    )
    expect, outcome = pl.col("expect"), pl.col("outcome")
    either = expect.str.ends_with(OR_REVIEW)
    as_expected = (outcome == expect.str.strip_suffix(OR_REVIEW)) | (either & (outcome == "review"))
    wrong = rows.filter(~as_expected.fill_null(value=False))
    stranger = (pl.col("person_key") != pl.col("meant")) | (pl.col("kept") != pl.col("meant"))
    return RowCheck(
        day=day,
        rows=rows.height,
        settled=rows.filter(either & (outcome != "review")).height,
        left=rows.filter(either & (outcome == "review")).height,
        unexpected=tuple(wrong.select("file", "row", "expect", outcome.fill_null("")).rows()),
        strangers=tuple(rows.filter(stranger).select("file", "row").rows()),
    )


def _table(path: Path) -> pl.DataFrame:
    return pl.read_csv(path, infer_schema=False)


def _came(site: Site, folder: Path, day: int, truth: pl.DataFrame) -> pl.DataFrame:
    """`_CAME` of all applied deliveries that hold rows of the day."""
    files = set(truth["file"])
    with site.ledger.begin() as tx:
        applied = deliveries.select(tx, states=[DeliveryState.APPLIED])
    holders = _holders(folder / f"day{day}" / HOLDERS) if HOLDERS in files else None
    parts = [_outcomes(site, row, files, holders) for row in applied if row.rows]
    return pl.concat([pl.DataFrame(schema=_CAME), *parts])


def _holders(path: Path) -> tuple[str, pl.DataFrame]:
    """(day that the list is of, each certificate's place in it): the federation hands its list over unordered."""
    body = json.loads(path.read_text("utf-8"))
    numbers = [holder["cert_no"] for holder in body["holders"]]
    return body["as_of"][:10], pl.DataFrame({"raw_source_id": numbers, "at": range(1, len(numbers) + 1)})


def _outcomes(site: Site, row: DeliveryRow, files: set[str], holders: tuple[str, pl.DataFrame] | None) -> pl.DataFrame:
    """`_CAME` of one delivery: each row by the file and the number by which the truth knows it."""
    assert row.entries_file and row.resolutions_file
    places = site.read_frame(row.entries_file, ["row", "line", "part", "raw_source_id"])
    came = places.join(site.read_frame(row.resolutions_file), on="row").with_columns(file="part")
    plugin = site.settings.sources[row.instance].settings.plugin
    if plugin == "disabled_federation" and holders and str(row.business_date) == holders[0]:
        came = came.with_columns(file=pl.lit(HOLDERS)).join(holders[1], on="raw_source_id")
    else:
        came = came.with_columns(at="line" if plugin == "rural_revitalization" else "row")
    return came.filter(pl.col("file").is_in(files)).select(pl.col(name).cast(kind) for name, kind in _CAME.items())
