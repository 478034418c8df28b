"""Whether a full list looks like the one before it: the mix of its categories, and who is new in it.

Takes `looks` of two lists; gives oddities. Only scopes of which both speak are compared, so a county that did not come
changes no mix, and one without a list before it is not compared. Pure.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

#: Columns of `model.frames.ENTRIES` that a look needs.
SEEN = ["scope", "category", "level", "identity", "area"]
_GROUP = ["scope", "category", "level", "identity", "county"]
LOOKS = pl.Schema({**dict.fromkeys(_GROUP, pl.String()), "rows": pl.UInt32()})


@dataclass(frozen=True, kw_only=True)
class LookLimits:
    """A list past both a share and a number is held as a whole."""

    #: Share of its rows that stand in another category or level than the list before had them, 0 to 1.
    mix_share: float
    #: Rows.
    mix_number: int
    #: By how much an identity may grow in a county: 1 = to double of what it was.
    arrivals_share: float
    #: Rows.
    arrivals_number: int


@dataclass(frozen=True, kw_only=True)
class Oddity:
    """One way in which a list is like none before it."""

    #: mix_changed | many_arrivals
    code: str
    #: Rows in question, of so many.
    rows: int
    of: int
    identity: str = ""
    county: str = ""


def looks(entries: pl.DataFrame, scopes: Sequence[str]) -> pl.DataFrame:
    """`LOOKS` of a list's rows (`SEEN`) in these scopes: rows by scope, category, level, identity and county."""
    long_enough = pl.col("area").str.len_chars() >= 6
    county = pl.when(pl.col("scope") != "").then("scope").when(long_enough).then(pl.col("area").str.slice(0, 6))
    rows = entries.filter(pl.col("scope").is_in(list(scopes))).with_columns(county=county)
    counts = rows.group_by(pl.col(name).fill_null("") for name in _GROUP).agg(rows=pl.len())
    return counts.select(pl.col(name).cast(kind) for name, kind in LOOKS.items())


def oddities(now: pl.DataFrame, before: pl.DataFrame, limits: LookLimits) -> list[Oddity]:
    """In what the list `now` differs too much from the one `before` (`LOOKS`, of the same scopes)."""
    return [*_mix(now, before, limits), *_arrivals(now, before, limits)]


def _compared(now: pl.DataFrame, before: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """keys, now, before: rows of both lists."""
    sides = [
        frame.filter(pl.col(keys[0]) != "").group_by(keys).agg(pl.col("rows").sum().cast(pl.Int64).alias(name))
        for name, frame in (("now", now), ("before", before))
    ]
    both = sides[0].join(sides[1], on=keys, how="full", coalesce=True)
    return both.with_columns(pl.col("now", "before").fill_null(0)).sort(keys)


def _mix(now: pl.DataFrame, before: pl.DataFrame, limits: LookLimits) -> list[Oddity]:
    """Half the sum of the differences of the shares is the share of the rows that stand elsewhere than before; but a
    list that only lacks rows, whatever their category, is no other list: of its departures others decide. So no more
    rows stand elsewhere than its categories have more of than before."""
    both = _compared(now, before, ["category", "level"])
    rows, rows_before = int(both["now"].sum()), int(both["before"].sum())
    if not rows or not rows_before:
        return []
    elsewhere = (both["now"] / rows - both["before"] / rows_before).abs().sum() / 2 * rows
    more = int((both["now"] - both["before"]).clip(lower_bound=0).sum())
    moved = min(round(elsewhere), more)
    if moved > limits.mix_share * rows and moved > limits.mix_number:
        return [Oddity(code="mix_changed", rows=moved, of=rows)]
    return []


def _arrivals(now: pl.DataFrame, before: pl.DataFrame, limits: LookLimits) -> list[Oddity]:
    """Identities that grew too fast in a county; one that nobody held there before is not compared."""
    both = _compared(now, before, ["identity", "county"]).filter(pl.col("before") > 0)
    more = pl.col("now") - pl.col("before")
    past = both.filter((more > limits.arrivals_number) & (more > limits.arrivals_share * pl.col("before")))
    return [
        Oddity(code="many_arrivals", rows=rows, of=of, identity=identity, county=county)
        for identity, county, of, rows in past.select("identity", "county", "now", rows=more).iter_rows()
    ]
