"""What others do with the same frames: the exact join alone, in Polars and in SQLite.

Takes the folder with `rows.parquet` and `roster.parquet`. Gives row and person_key of the rows that a peer would link;
`judge` says how right that was. Refuses nothing.
"""

import sqlite3
from pathlib import Path

import polars as pl

from bench.clock import Clock
from bench.measure import figures, judged

#: What an exact join joins on.
KEYS = ["number", "name_key"]


def judge(folder: Path, links: pl.DataFrame) -> dict[str, float]:
    """settled (share of what can be), wrong and bold (rows), of links (row, person_key)."""
    truth = pl.read_ipc(folder / "truth-0.ipc").with_row_index("row", offset=1)
    person = truth.join(links.unique("row"), on="row", how="left", maintain_order="left")["person_key"]
    outcome = pl.DataFrame({"person_key": person}).with_columns(
        outcome=pl.when(pl.col("person_key").is_null()).then(pl.lit("review")).otherwise(pl.lit("matched")),
        candidate=pl.lit(None, pl.Int64),
    )
    found = figures(judged(truth.drop("row"), outcome))
    return {"settled": found.settled, "wrong": found.wrong, "bold": found.bold}


def frames(folder: Path) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(rows, roster)."""
    return pl.read_parquet(folder / "rows.parquet"), pl.read_parquet(folder / "roster.parquet")


def polars_join(folder: Path, clock: Clock) -> pl.DataFrame:
    """Number and name are the same: one join of the whole frames."""
    rows, roster = frames(folder)
    clock.start()
    joined = rows.select("row", *KEYS).join(roster.select("person_key", *KEYS), on=KEYS)
    clock.done("join")
    return joined.select("row", "person_key")


def sqlite_join(folder: Path, clock: Clock) -> pl.DataFrame:
    """The same in SQLite, in memory, with an index; loading and joining apart."""
    rows, roster = frames(folder)
    clock.start()
    base = sqlite3.connect(":memory:")
    base.execute("CREATE TABLE roster (person_key INTEGER, number TEXT, name_key TEXT)")
    base.execute("CREATE TABLE list (row INTEGER, number TEXT, name_key TEXT)")
    base.executemany("INSERT INTO roster VALUES (?, ?, ?)", roster.select("person_key", *KEYS).iter_rows())
    base.executemany("INSERT INTO list VALUES (?, ?, ?)", rows.select("row", *KEYS).iter_rows())
    base.execute("CREATE INDEX people ON roster (number, name_key)")
    clock.done("load")
    pairs = base.execute(
        "SELECT row, person_key FROM list JOIN roster USING (number, name_key) ORDER BY row"
    ).fetchall()
    clock.done("join")
    return pl.DataFrame(pairs, schema={"row": pl.UInt32, "person_key": pl.Int64}, orient="row")
