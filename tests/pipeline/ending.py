"""A site whose rows end after three months, and what it says in words that are the same at any site."""

import gzip
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl

from gateway import pipeline
from gateway.acts import cases, retention
from gateway.model.verdicts import Verdict
from gateway.pipeline import roster
from gateway.pipeline.retention import Ended
from gateway.settings import RetentionSettings
from gateway.site import Site
from gateway.store import checkpoints, decisions, deliveries, people, verdicts
from tests.pipeline.digests import numbers
from tests.pipeline.months import first_of
from tests.pipeline.rig import Rig, later, open_rig

BY = "security"
SOURCES = ("civil_affairs", "disabled_federation", "rural_revitalization")
MONTHS = 5
#: Days after which rows end, where rows end.
DAYS = 20
#: Whose rows end after three months: in the third one county is missing, so the second's list is in force there still.
ENDED = {
    "MZ_451000_20261101_F_0001", "MZ_451000_20261201_F_0002", "CL_20261101_F", "CL_20261201_F", "20261101",
}  # fmt: skip


@contextmanager
def lived(months: Path, folder: Path, *sources: str) -> Iterator[Rig]:
    """A site that lived through three months, with decisions about the first."""
    with open_rig(months, folder, *sources) as rig:
        live(rig, 1)
        for verdict in (Verdict.SAME, Verdict.NOBODY, Verdict.SAME):
            decide(rig, verdict)
        live(rig, 2, 3)
        yield rig


def live(rig: Rig, *those: int) -> None:
    """The lists of these months, taken and settled."""
    for month in those:
        rig.peers.stage(month)
        visit(rig, first_of(month))


def visit(rig: Rig, day: date) -> None:
    settle(rig, day, list(rig.site.settings.sources))


def settle(rig: Rig, day: date, sources: Sequence[str] = (), *, anew: bool = False) -> None:
    if anew:
        with rig.site.ledger.begin() as tx:
            checkpoints.clear(tx)
    report = pipeline.run(rig.site, list(sources), day, actor="test", pull=bool(sources))
    assert report is not None and [] == report.faults


def about(rig: Rig) -> list[tuple[str, int, int]]:
    """Open cases of people in sight: name of the list, row, number; the same order at both sites."""
    with rig.site.ledger.begin() as tx:
        rows = [row for row in decisions.cases(tx, instance="civil_affairs", limit=None) if row["person_key"]]
    return sorted((row["delivery"], row["row"], row["id"]) for row in rows)


def decide(rig: Rig, verdict: Verdict) -> None:
    """Somebody decides the first open case."""
    (*_place, number), *_more = about(rig)
    seen = cases.case(rig.site, number, actor="clerk")
    person = str(seen.candidates[0].person_key) if verdict is Verdict.SAME else None
    cases.decide(rig.site, number, verdict, person=person, note="核对过户口簿", actor="clerk", day=first_of(1))


def decided(rig: Rig) -> list[int]:
    """Cases that somebody decided, in the order of their rows."""
    with rig.site.ledger.begin() as tx:
        rows = decisions.cases(tx, state=None, instance="civil_affairs", limit=None)
        found = [(row["id"], verdicts.of_case(tx, row["id"])) for row in rows]
    return [number for number, said in found if said]


def periods(site: Site, **days: int) -> Site:
    return replace(site, settings=replace(site.settings, retention=RetentionSettings(**days)))


def due(rig: Rig) -> list[Ended]:
    with later(days=DAYS + 1):
        return retention.due(periods(rig.site, people=DAYS), actor=BY)


def end(rig: Rig) -> str:
    """Rows that are past their time end; the certificate's name."""
    with later(days=DAYS + 1):
        return retention.destroy(periods(rig.site, people=DAYS), actor=BY)


Told = dict[str, list[tuple[object, ...]]]


def told(rig: Rig) -> Told:
    """Recognitions and departures of who is on the roster, holds, lists and the platform's records, in words that are
    the same at any site."""
    names, known = {row.id: row.name for row in rig.rows()}, numbers(rig.site)
    insured = roster.people(rig.site, ["person_key"])
    with rig.site.ledger.begin() as tx:
        frames = people.recognitions(tx).drop("id"), people.departures_at(tx, list(names))
        held = decisions.holds(tx)
        holds = [(names[h.delivery_id], *h.place[1:], h.state, h.kind, h.leaving, h.holding) for h in held]
        rows = deliveries.select(tx)
    # What ended lists came to is counted as it was when they ended.
    counted = [(r.name, r.state, r.rows, *(r.outcomes.values() if r.name not in ENDED else ())) for r in rows]
    here = [frame.join(insured, on="person_key", how="semi") for frame in frames]
    believed, left = (frame.with_columns(person_key=_psn(known)).to_dicts() for frame in here)
    for one in (*believed, *left):
        one["delivery"] = names[one["delivery"]]
    return {
        "believed": sorted((tuple(one.values()) for one in believed), key=str),
        "departures": sorted((tuple(one.values()) for one in left), key=str),
        "holds": sorted(holds, key=str),
        "lists": sorted(counted, key=str),
        "records": sorted(rig.records()),
    }


def _psn(known: dict[int, str]) -> pl.Expr:
    return pl.col("person_key").replace_strict(known, return_dtype=pl.String)


def same(ends: Rig, keeps: Rig, after: str = "") -> None:
    """Both sites say the same, part by part."""
    here, there = told(ends), told(keeps)
    for part, said in there.items():
        differ = [one for one in said if one not in here[part]], [one for one in here[part] if one not in said]
        assert ([], []) == differ, f"{part} {after}"


def ended(rig: Rig) -> set[str]:
    return {row.name for row in rig.rows() if row.ended}


def holders(rig: Rig) -> list[str]:
    return sorted({record[0] for record in rig.records() if record[-1] == "civil_affairs" and record[5] > "2027"})


def replaced(rows: pl.DataFrame, who: str, cells: Mapping[str, str | None]) -> pl.DataFrame:
    """The rows, with these cells in that of one person (`psn_no`)."""
    theirs = pl.col("psn_no") == who
    told = {name: pl.lit(cell, pl.String) for name, cell in cells.items()}
    return rows.with_columns(pl.when(theirs).then(cell).otherwise(name).alias(name) for name, cell in told.items())


def enrol(
    rig: Rig,
    day: date,
    *,
    away: Sequence[str] = (),
    renamed: Sequence[str] = (),
    others: Mapping[str, Mapping[str, str]] | None = None,
) -> None:
    """The roster of that day: as it was at first, but for these people, some with `others` cells."""
    first = (rig.peers.city / "platform_and_tax" / "roster.csv.gz").read_bytes()
    rows = pl.read_csv(gzip.decompress(first), infer_schema=False)
    other = pl.when(pl.col("psn_no").is_in(renamed)).then(pl.lit("令狐测试")).otherwise("psn_name")
    rows = rows.filter(~pl.col("psn_no").is_in(away)).with_columns(other.alias("psn_name"))
    for who, cells_of in (others or {}).items():
        rows = replaced(rows, who, cells_of)
    (rig.peers.workdir / "platform" / "roster.csv.gz").write_bytes(gzip.compress(rows.write_csv().encode()))
    visit(rig, day)
