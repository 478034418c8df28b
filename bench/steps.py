"""One step of the identity bench, alone in its process: `python -m bench.steps NAME FOLDER`.

Takes the folder that the step `make` filled. Prints one line of JSON: seconds by part, peak MiB of this process, and
what the step found. Nothing imports this.
"""

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
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
from gateway.model.frames import VERDICTS
from gateway.normalise import normalise, number_rows
from gateway.pipeline.reading import PARTS_AT_ONCE
from gateway.pipeline.roster import HELD_PEOPLE
from gateway.reconcile import CLAIMS, SEEN, link_parts, resolve, sure
from gateway.reconcile.outcomes import RESOLVED
from gateway.reconcile.sure import Buckets

#: Whose list it is, and by whose mapping it is read.
_SOURCE = "civil_affairs"
#: Columns of entries that linking reads, and those that are kept for it and for the outcomes.
_OF_CLAIM = [name for name in CLAIMS if name not in ("instance", "delivery")]
_KEPT = list(dict.fromkeys([*_OF_CLAIM, *RESOLVED]))


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
        of_bucket = roster.filter(by_number(pl.col("number")) == bucket).select(SEEN)
        of_bucket.write_ipc(folder / f"roster-{bucket:02}-{city.block}.ipc", compat_level=pl.CompatLevel.newest())
    return roster.height, count


def _roster(folder: Path) -> Iterator[pl.DataFrame]:
    for bucket in range(BUCKETS):
        # One by one: a pattern of names takes three times as long.
        yield pl.concat(pl.read_ipc(path) for path in sorted(folder.glob(f"roster-{bucket:02}-*.ipc")))


def _buckets(folder: Path, cities: int) -> Buckets:
    """The roster's buckets, read from the disk once and let go when they were met twice; those of a roster that is too
    large to be held, each time."""
    if cities * int(os.environ["IDENTITY_PEOPLE"]) > HELD_PEOPLE:
        return lambda: _roster(folder)
    held: list[pl.DataFrame] = []

    def buckets() -> Iterator[pl.DataFrame]:
        if held:  # the residue, who meets them last
            while held:
                yield held.pop(0)
            return
        for people in _roster(folder):
            held.append(people)
            yield people

    return buckets


def _read(folder: Path, name: str, columns: list[str] | None = None) -> pl.DataFrame:
    """What the cities have of one name, one after the other."""
    return pl.read_ipc(folder / f"{name}-*.ipc", columns=columns)


def _gateway(folder: Path, clock: Clock) -> object:
    """From the lists' bytes to what each row comes to, a delivery of each city. As in the site, one city's entries and
    roster are kept in memory; a province's rest on the disk between."""
    cities = int(os.environ["IDENTITY_CITIES"])
    kept: dict[int, pl.DataFrame] = {}
    for city in range(cities):
        entries = _normalise(folder, city, clock)
        if cities == 1:
            kept[city] = entries.select(_KEPT)
        del entries
        clock.start()

    def entries_of(city: int, columns: Sequence[str]) -> pl.DataFrame:
        return kept[city].select(columns) if kept else _entries(folder, city, columns)

    links = link_parts(
        lambda: (_claims(entries_of(city, _OF_CLAIM), city) for city in range(cities)), _buckets(folder, cities)
    )
    for city, part in enumerate(links):
        clock.done("link")
        resolutions = resolve(entries_of(city, RESOLVED), part, statements=True)
        clock.done("resolve")
        found = resolutions.select("outcome", "reason", "person_key", "candidate", "candidates")
        found.write_ipc(folder / f"found-{city}.ipc")
        clock.start()
    return None


def _entries(folder: Path, city: int, columns: Sequence[str]) -> pl.DataFrame:
    return pl.read_ipc(folder / f"entries-{city}.ipc", columns=list(columns))


def _claims(entries: pl.DataFrame, city: int) -> pl.DataFrame:
    """What linking reads of a delivery's entries."""
    return entries.with_columns(instance=pl.lit(_SOURCE), delivery=pl.lit(city, pl.Int64)).select(CLAIMS)


def _normalise(folder: Path, city: int, clock: Clock) -> pl.DataFrame:
    """One delivery, normalised, its parts side by side as in a run: its entries, which are written as well."""
    mapping = MappingFiles().list_mapping(_SOURCE)

    def one(path: Path) -> pl.DataFrame:
        return normalise(path.read_bytes(), mapping, part=path.name, scope="", business_date=TODAY).entries

    clock.start()
    with ThreadPoolExecutor(PARTS_AT_ONCE) as pool:
        parts = list(pool.map(one, sorted(folder.glob(f"list-{city}-*.csv"))))
    entries = number_rows(parts)
    del parts
    clock.done("normalise")
    entries.write_ipc(folder / f"entries-{city}.ipc", compat_level=pl.CompatLevel.newest())
    return entries


def _exact(folder: Path, clock: Clock) -> object:
    """The sure rules alone, bucket by bucket: what is left of `link` is the residue's."""
    cities = int(os.environ["IDENTITY_CITIES"])
    kept = [_claims(_entries(folder, 0, _OF_CLAIM), 0)] if cities == 1 else []

    def claims() -> Iterator[pl.DataFrame]:
        yield from kept or (_claims(_entries(folder, city, _OF_CLAIM), city) for city in range(cities))

    clock.start()
    plain, _people = sure.plain(sure.cut(claims, pl.DataFrame(schema=VERDICTS)), lambda: _roster(folder))
    clock.done("exact")
    return {"linked": plain.height}


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
