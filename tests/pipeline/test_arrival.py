"""Law 3 at a whole site: what is believed depends on what was said, not on how it came.

Where a contract says that order matters it is kept here too: of two sets of workbooks for one date, which carry no
number, the later seen is that date's word. Held lists are left out: what was held once waits for a person, whatever
comes after.
"""

import csv
import gzip
import os
import shutil
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial
from pathlib import Path

import polars as pl
import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from gateway.store import people
from tests.pipeline.forge import NUMBER, civil, csv_of, sums, table
from tests.pipeline.rig import Records, Rig, open_rig

CIVIL, RURAL = "civil_affairs", "rural_revitalization"
#: What a recognition says; which of several rows with the same words it goes back to depends on which came first.
SAYS = ["instance", "scope", "psn_no", "identity", "level", "first", "last", "ended_by"]
#: What is believed, as `SAYS`, and what the platform holds.
State = tuple[list[tuple[object, ...]], Records]
#: Orders that are drawn, beside one that is written below; each takes a site half a minute.
EXAMPLES = int(os.environ.get("HUNT", "1"))
#: Puts one delivery in place.
Arrival = Callable[[Rig], object]


def day(number: int) -> date:
    """That day of November."""
    return date(2026, 11, number)


def sound(content: bytes) -> pl.DataFrame:
    """Some rows of different people that nobody doubts."""
    rows = table(content)
    good = rows.filter(
        pl.col(NUMBER).is_unique()
        & pl.col(NUMBER).str.contains(r"^\d{17}[\dX]$")
        & pl.col("停止日期").is_null()
        & (pl.col("救助类别") == "低保对象")
        & pl.col("保障类别").is_in(["A", "B"])
    )
    return good.head(14).with_columns(认定日期=pl.lit("2024-03-01"))


def change(rows: pl.DataFrame, at: int, kind: str, **columns: str) -> pl.DataFrame:
    """A row of a delta."""
    return rows.slice(at, 1).with_columns(变动类型=pl.lit(kind), **{k: pl.lit(v) for k, v in columns.items()})


def said_by_civil_affairs(content: bytes) -> list[Arrival]:
    """Lists in their plain order: full, two deltas, full, its reissue, a delta about October, an older day's list."""
    rows = sound(content)
    new, first = rows.slice(12, 1), rows.head(12)
    deltas = {
        2: (2, [change(rows, 0, "停发", 停止日期="2026-11-02"), change(rows, 12, "新增")]),
        3: (3, [change(rows, 0, "新增", 认定日期="2026-11-03"), change(rows, 1, "变更", 认定日期="2023-05-01")]),
        6: (5, [change(rows, 4, "停发", 停止日期="2026-10-15"), change(rows, 13, "新增")]),
    }
    fulls = {
        1: (1, first),
        4: (4, pl.concat([first.filter(pl.arange(pl.len()) != 2), new])),
        5: (4, pl.concat([first.filter(pl.arange(pl.len()) != 3), new])),
        7: (3, first.head(9)),
    }
    made = {n: (csv_of(pl.concat(rows)), on, "D") for n, (on, rows) in deltas.items()}
    made |= {n: (csv_of(rows), on, "F") for n, (on, rows) in fulls.items()}
    return [partial(_packed, n, *made[n]) for n in sorted(made)]


def _packed(number: int, content: bytes, on: int, mode: str, rig: Rig) -> None:
    # Anew each time: the archive of a list that comes again is another one.
    civil(number, content, day=day(on), mode=mode).put(rig.outbox)


def said_by_rural_revitalization(city: Path) -> list[list[Arrival]]:
    """For each date its workbooks, first of one county alone, then of all: in this order."""
    chains = []
    for number in (1, 2):
        (folder,) = (city / f"day{number}" / "xczx" / "outbox").iterdir()
        books = sorted(folder.glob("*.xlsx"))
        chains.append([_workbooks(books[:1]), _workbooks(books)])
    return chains


def _workbooks(books: Sequence[Path]) -> Arrival:
    def put(rig: Rig) -> None:
        target = rig.rural / books[0].parent.name
        target.mkdir(exist_ok=True)
        for book in books:
            shutil.copy(book, target)
        sums(target)

    return put


@st.composite
def arrivals(draw: st.DrawFn, free: int, chains: Sequence[int]) -> list[list[tuple[int, int]]]:
    """Deliveries as (chain, place in it), batch after batch: `free` ones alone, and chains that keep their order; some
    come twice."""
    one_each = [(n, 0) for n in range(free)]
    slots = [free + n for n, length in enumerate(chains) for _ in range(length)]
    order = draw(st.permutations([*(n for n, _ in one_each), *slots]))
    place: dict[int, int] = {}
    coming = []
    for chain in order:
        coming.append((chain, place.get(chain, 0)))
        place[chain] = place.get(chain, 0) + 1
    coming += draw(st.lists(st.sampled_from(one_each), max_size=2))
    batches: list[list[tuple[int, int]]] = [[]]
    for one in coming:
        batches[-1].append(one)
        if draw(st.booleans()):
            batches.append([])
    return [batch for batch in batches if batch]


def comes_to(rig: Rig, batches: Sequence[Sequence[Arrival]]) -> State:
    """What is believed, and what the platform holds, after these batches."""
    for batch in batches:
        for put in batch:
            put(rig)
        report = rig.run(9)
        assert (0, []) == (report.holds, report.faults)
    with rig.site.ledger.begin() as tx:
        believed = people.recognitions(tx)
    assert {"applied"} == {row.state for row in rig.rows()}
    named = believed.with_columns(pl.col("person_key").replace_strict(_people(rig)).alias("psn_no"))
    return named.select(SAYS).sort(SAYS).rows(), rig.records()


def _people(rig: Rig) -> dict[int, str]:
    """Person key -> person number: each site has a key of its own."""
    with gzip.open(rig.peers.city / "platform_and_tax" / "roster.csv.gz", "rt", encoding="utf-8") as file:
        numbers = sorted({row["psn_no"] for row in csv.DictReader(file)})
    return dict(zip(rig.site.keyring.person_digest(numbers), numbers, strict=True))


#: Civil affairs' lists, and rural revitalization's dates with a part and the whole of each.
FREE, CHAINS = 7, (2, 2)
PLAIN = [[(n, 0)] for n in range(FREE)] + [[(FREE + n, at)] for n, length in enumerate(CHAINS) for at in range(length)]


@pytest.fixture(scope="module")
def site_of(
    city: Path, civil_csv: bytes, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[Sequence[Sequence[tuple[int, int]]]], State]:
    """What a new site comes to, to which deliveries come so."""
    chains = [[one] for one in said_by_civil_affairs(civil_csv)] + said_by_rural_revitalization(city)

    def lived(batches: Sequence[Sequence[tuple[int, int]]]) -> State:
        with open_rig(city, tmp_path_factory.mktemp("arrival"), CIVIL, RURAL) as rig:
            return comes_to(rig, [[chains[chain][at] for chain, at in batch] for batch in batches])

    return lived


@pytest.fixture(scope="module")
def plain(site_of: Callable[..., State]) -> State:
    """What the plain order comes to, one delivery a run."""
    believed, records = site_of(PLAIN)
    assert {"", "stop", "departure"} <= {row[-1] for row in believed}
    return believed, records


@settings(max_examples=EXAMPLES, phases=[Phase.explicit, Phase.generate])
@given(arrivals(FREE, CHAINS))
@example([[(n, 0)] for n in reversed(range(FREE))] + PLAIN[FREE:])
def test_how_lists_come_does_not_matter(
    site_of: Callable[..., State],
    plain: State,
    batches: list[list[tuple[int, int]]],
) -> None:
    """Full lists, deltas, a reissue, retroactive rows, an older day's list and parts of a day, shuffled, repeated and
    taken several at a time, come to what they come to one after the other; on the platform too."""
    believed, records = site_of(batches)
    assert plain == (believed, records)
