"""One step of the identity bench, alone in its process: `python -m bench.steps NAME FOLDER`.

Takes the folder that the step `make` filled. Prints one line of JSON: seconds by part, peak MiB of this process, and
what the step found. Nothing imports this.
"""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import polars as pl

from bench import peers
from bench.clock import Clock, report
from bench.measure import by_kind, figures, judged
from bench.people import TODAY, City, people_of, roster_of
from bench.rows import TRUTH, csv_parts, rows_of
from gateway.mappings import MappingFiles
from gateway.model.buckets import BUCKETS, by_number
from gateway.normalise import normalise, number_rows
from gateway.reconcile import CLAIMS, link, resolve
from gateway.reconcile.exact import CLAIM, SEEN, exact_pass

#: Whose list it is, and by whose mapping it is read.
_SOURCE = "civil_affairs"


def main(name: str, folder: Path) -> None:
    """Runs one step."""
    clock = Clock()
    report(clock, STEPS[name](folder, clock))


def _make(folder: Path, clock: Clock) -> object:
    """The roster in its buckets; of each city of the province, the files of its list and the truth."""
    counts = [_make_city(folder, _city(block)) for block in range(int(os.environ["IDENTITY_CITIES"]))]
    clock.done("made")
    return {"people": sum(people for people, _rows in counts), "rows": sum(rows for _people, rows in counts)}


def _city(block: int) -> City:
    return City(people=int(os.environ["IDENTITY_PEOPLE"]), seed=int(os.environ["SEED"]), block=block)


def _make_city(folder: Path, city: City) -> tuple[int, int]:
    """(people on its roster, rows of its list)."""
    people = people_of(city)
    rows = rows_of(people, city)
    for at, content in enumerate(csv_parts(rows)):
        (folder / f"list-{city.block}-{at:02}.csv").write_bytes(content)
    rows.select(TRUTH).write_ipc(folder / f"truth-{city.block}.ipc")
    count = rows.height
    del rows
    roster = roster_of(people, city)
    del people
    for bucket in range(BUCKETS):
        of_bucket = roster.filter(by_number(pl.col("number")) == bucket)
        of_bucket.write_ipc(folder / f"roster-{bucket:02}-{city.block}.ipc")
    return roster.height, count


def _roster(folder: Path) -> Iterator[pl.DataFrame]:
    for bucket in range(BUCKETS):
        yield pl.read_ipc(folder / f"roster-{bucket:02}-*.ipc")


def _read(folder: Path, name: str, columns: list[str] | None = None) -> pl.DataFrame:
    """What the cities have of one name, one after the other."""
    return pl.read_ipc(folder / f"{name}-*.ipc", columns=columns)


def _gateway(folder: Path, clock: Clock) -> object:
    """From the lists' bytes to what each row comes to, a delivery of each city; entries rest on the disk between."""
    cities = int(os.environ["IDENTITY_CITIES"])
    links = link(pl.concat([_claims(folder, city, clock) for city in range(cities)]), lambda: _roster(folder))
    clock.done("link")
    at = 0
    for city in range(cities):
        entries = pl.read_ipc(folder / f"entries-{city}.ipc")
        clock.start()
        resolutions = resolve(entries, links.slice(at, entries.height), statements=True)
        clock.done("resolve")
        at += entries.height
        found = resolutions.select("outcome", "reason", "person_key", "candidate", "candidates")
        found.write_ipc(folder / f"found-{city}.ipc")
    return None


def _claims(folder: Path, city: int, clock: Clock) -> pl.DataFrame:
    """One delivery, normalised: its entries are written, and what linking reads of them is given."""
    mapping = MappingFiles().list_mapping(_SOURCE)
    clock.start()
    parts = [
        normalise(path.read_bytes(), mapping, part=path.name, scope="", business_date=TODAY).entries
        for path in sorted(folder.glob(f"list-{city}-*.csv"))
    ]
    entries = number_rows(parts)
    clock.done("normalise")
    entries.write_ipc(folder / f"entries-{city}.ipc")
    clock.start()
    return entries.with_columns(instance=pl.lit(_SOURCE), delivery=pl.lit(city, pl.Int64)).select(CLAIMS)


def _exact(folder: Path, clock: Clock) -> object:
    """The sure rules alone, bucket by bucket: what is left of `link` is the residue's."""
    entries = _read(folder, "entries", list(CLAIM))
    clock.start()
    claims = entries.with_row_index("claim").with_columns(by_number(pl.col("number")).alias("bucket"))
    parts = claims.partition_by("bucket", as_dict=True, include_key=False)
    linked = 0
    for bucket, people in enumerate(_roster(folder)):
        if (part := parts.get((bucket,))) is not None:
            linked += exact_pass(part, people.select(SEEN))["person_key"].count()
    clock.done("exact")
    return {"linked": linked}


def _judge(folder: Path, clock: Clock) -> object:
    """How right it was; the table by kind goes into `by_kind.ipc`."""
    frame = judged(_read(folder, "truth"), _read(folder, "found"))
    by_kind(frame).write_ipc(folder / "by_kind.ipc")
    clock.done("judged")
    return asdict(figures(frame))


def _peers_frames(folder: Path, clock: Clock) -> object:
    """The frames as a peer reads them: Parquet of the rows and of the whole roster."""
    columns = ["row", "number", "number_state", "name_key", "birth_from", "birth_to", "sex", "area"]
    _read(folder, "entries", columns).write_parquet(folder / "rows.parquet")
    people = ["person_key", "number", "name_key", "birth", "sex", "village"]
    pl.concat(part.select(people) for part in _roster(folder)).write_parquet(folder / "roster.parquet")
    clock.done("written")
    return None


def _peer(verb: Callable[[Path, Clock], pl.DataFrame]) -> Callable[[Path, Clock], object]:
    """A peer's step: what it found is judged by the same truth, after the clock has stopped."""

    def step(folder: Path, clock: Clock) -> object:
        links = verb(folder, clock)
        return peers.judge(folder, links)

    return step


STEPS: dict[str, Callable[[Path, Clock], object]] = {
    "make": _make,
    "gateway": _gateway,
    "exact": _exact,
    "judge": _judge,
    "frames": _peers_frames,
    "polars": _peer(peers.polars_join),
    "sqlite": _peer(peers.sqlite_join),
}

if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
