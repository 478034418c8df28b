"""From recognitions to timelines: at every moment the highest identity, as periods that follow each other.

Source: contract «Who holds what» (就高不重复). Works on whole frames: the days on which anything changes cut each
person's time into pieces; each piece takes the highest identity that covers it; equal neighbours become one.
"""

from collections.abc import Mapping
from datetime import date

import polars as pl

from gateway.model.frames import TIMELINES
from gateway.model.policy import OPEN_END, Policy

#: One row per person and identity that counts for a use: what `timelines` takes.
INTERVALS = pl.Schema(
    {
        "person_key": pl.Int64,
        "code": pl.String,
        "level": pl.String,
        "rank": pl.Int32,  # smaller is higher
        "first": pl.Date,
        "last": pl.Date,  # OPEN_END = open
        "begun": pl.Date,  # first day of the recognition itself, before clipping
        "source": pl.String,
    }
)
#: In which order intervals of one person go that cover the same days: of two that begin together the longer is first.
_ORDER = ("person_key", "start", "rank", "begun", "source", "last", "first", "code", "level", "record")
#: Room for the levels of one identity between two ranks.
_LEVELS = 10


def ranks(order: tuple[str, ...], policy: Policy) -> pl.DataFrame:
    """identity, level, code, rank: by the order of identities, then by level, the highest first."""
    rows = [
        {"identity": identity, "level": level, "code": policy.code_of(identity).code, "rank": i * _LEVELS + j}
        for i, identity in enumerate(order)
        for j, level in enumerate(policy.code_of(identity).levels or ("",))
    ]
    return pl.DataFrame(rows, schema={"identity": pl.String, "level": pl.String, "code": pl.String, "rank": pl.Int32})


def benefit_intervals(
    recognitions: pl.DataFrame, adopted: pl.DataFrame, policy: Policy, flags_from: date
) -> pl.DataFrame:
    """`INTERVALS` of use 1: every recognition, clipped, and the adopted records of that use as they stand."""
    order = tuple(row.identity for row in policy.codes)
    own = clip(recognitions.join(ranks(order, policy), on=["identity", "level"]), flags_from)
    return pl.concat([own, adopted_intervals(adopted, "1", order, policy)])


def clip(intervals: pl.DataFrame, flags_from: date) -> pl.DataFrame:
    """`INTERVALS` from recognitions with rank and code: what ended before `flags_from` is not sent."""
    return (
        intervals.with_columns(
            begun="first",
            first=pl.max_horizontal("first", pl.lit(flags_from)),
            last=pl.min_horizontal(pl.col("last").fill_null(OPEN_END), pl.lit(OPEN_END)),
            source="instance",
        )
        .filter(pl.col("first") <= pl.col("last"))
        .select(pl.col(n).cast(t) for n, t in INTERVALS.items())
    )


def adopted_intervals(adopted: pl.DataFrame, use: str, order: tuple[str, ...], policy: Policy) -> pl.DataFrame:
    """`INTERVALS` of records that others wrote (`TIMELINES` columns), unclipped; a code that the use's order lacks
    comes after all that it has, a level that is none after its code's, and an unknown code last of all, so that nothing
    of it is lost."""
    names = [row.identity for row in policy.codes]
    later = tuple(n for n in names if n not in order)
    table = ranks((*order, *later), policy)
    behind = table.group_by("code").agg(behind=pl.col("rank").min() + _LEVELS - 1)
    return (
        adopted.filter(pl.col("use") == use)
        .join(table.select("code", "level", "rank"), on=["code", "level"], how="left")
        .join(behind, on="code", how="left")
        .with_columns(rank=pl.coalesce("rank", "behind", pl.lit(len(names) * _LEVELS)), begun="first")
        .select(pl.col(n).cast(t) for n, t in INTERVALS.items())
    )


def timelines(uses: Mapping[str, pl.DataFrame], flags_from: date) -> pl.DataFrame:
    """`TIMELINES`: per use and person the periods, in order, without overlap, equal neighbours merged; what was over
    before `flags_from` is somebody else's, and stays as it stands."""
    parts = [_one_use(intervals, flags_from).with_columns(use=pl.lit(use)) for use, intervals in uses.items()]
    return pl.concat(parts).select(pl.col(n).cast(t) for n, t in TIMELINES.items())


def _one_use(intervals: pl.DataFrame, flags_from: date) -> pl.DataFrame:
    intervals = intervals.with_row_index("record").with_columns(over=pl.col("last") < flags_from)
    alone = pl.len().over("person_key") == 1
    simple = intervals.filter(alone)
    several = intervals.filter(~alone)
    merged = _merge(_highest(several)) if several.height else several
    columns = ["person_key", "code", "level", "first", "last", "source"]
    return pl.concat([simple.select(columns), merged.select(columns)]).sort("person_key", "first")


def _highest(intervals: pl.DataFrame) -> pl.DataFrame:
    """Pieces of time, each with the highest identity that covers it."""
    edges = pl.concat(
        [
            intervals.select("person_key", start="first"),
            intervals.select("person_key", start=pl.col("last").dt.offset_by("1d")),
        ]
    ).unique()
    pieces = edges.sort("person_key", "start").with_columns(
        stop=pl.col("start").shift(-1).over("person_key").dt.offset_by("-1d")
    )
    covering = (
        pieces.drop_nulls("stop")
        .join(intervals, on="person_key")
        .filter((pl.col("first") <= pl.col("start")) & (pl.col("last") >= pl.col("stop")))
    )
    return (
        # By all that tells two records apart, and of two alike always the same one: what comes first is no chance.
        covering.sort(*_ORDER, descending=[name == "last" for name in _ORDER])
        .unique(["person_key", "start"], keep="first", maintain_order=True)
        .select("person_key", "code", "level", "begun", "source", "record", "over", first="start", last="stop")
    )


def _merge(pieces: pl.DataFrame) -> pl.DataFrame:
    """Neighbours of one identity and level become one; its source is the one whose recognition began first. What was
    `over` before our first day stays as it stands."""
    same = (
        (pl.col("person_key") == pl.col("person_key").shift())
        & (pl.col("code") == pl.col("code").shift())
        & (pl.col("level") == pl.col("level").shift())
        & (pl.col("first") == pl.col("last").shift().dt.offset_by("1d"))
        & ((pl.col("record") == pl.col("record").shift()) | ~(pl.col("over") | pl.col("over").shift()))
    ).fill_null(value=False)
    return (
        pieces.sort("person_key", "first")
        .with_columns(group=(~same).cum_sum())
        .group_by("group", maintain_order=True)
        .agg(
            pl.col("person_key", "code", "level", "first").first(),
            pl.col("last").last(),
            pl.col("source").sort_by("begun", "source").first(),
        )
    )
