"""The departments' rows about an invented city: civil affairs' CSV, dirt and all, and the truth beside each row.

Takes people. Gives rows (`ROWS`), and their CSV by part, GB18030 as the contract says. Each row has its `kind`, whom
it means (`truth`), and whether that can be known beyond reasonable doubt (`settleable`): the person is on the roster,
the name is not somebody else's, and what the damage left is enough. Refuses nothing.
"""

from collections.abc import Iterator

import polars as pl

from bench import names
from bench.damage import Damage
from bench.kinds import with_kinds
from bench.people import TODAY, City

#: The columns of the list (contract: civil affairs) and what is known about each row.
ROWS = pl.Schema(
    {
        "part": pl.UInt8,  # a county's file, the last one being that with the damaged column
        "救助证号": pl.String,
        "户主姓名": pl.String,
        "户主身份证号": pl.String,
        "姓名": pl.String,
        "身份证号码": pl.String,
        "与户主关系": pl.String,
        "性别": pl.String,
        "出生日期": pl.String,
        "救助类别": pl.String,
        "保障类别": pl.String,
        "行政区划代码": pl.String,
        "认定日期": pl.String,
        "停止日期": pl.String,
        "kind": pl.String,
        "truth": pl.Int64,  # key of the person meant; null = not on the roster
        "also": pl.Int64,  # key of another whom the row says just as well
        "settleable": pl.Boolean,
    }
)
TRUTH = ("kind", "truth", "also", "settleable")
#: Of so many villages, two whose numbers went through a spreadsheet: one shows powers, one rounded numbers.
_DAMAGED = 300
#: Rows of a list for each person of the roster, and the share of a listed household that is on it.
PER_PERSON, _OF_HOUSEHOLD = 0.38, 0.97


def rows_of(people: pl.DataFrame, city: City) -> pl.DataFrame:
    """`ROWS`, part by part."""
    frame = with_kinds(_listed(people, city), city)
    frame = Damage(draws=city.draws, people=people).done(frame)
    frame = _said(frame, people, city)
    return frame.select(pl.col(n).cast(t) for n, t in ROWS.items()).sort("part", maintain_order=True)


def csv_parts(rows: pl.DataFrame) -> Iterator[bytes]:
    """The files, GB18030, in the order of their parts."""
    columns = [name for name in ROWS if name not in ("part", *TRUTH)]
    for part in rows.partition_by("part", maintain_order=True):
        yield part.select(columns).write_csv(line_terminator="\r\n").encode("gb18030")


def _listed(people: pl.DataFrame, city: City) -> pl.DataFrame:
    """The people on the list, with what the kinds ask about them."""
    copies = people.filter(pl.col("original").is_not_null()).select(index="original", copy="index")
    sharers = people.filter(pl.col("sharer").is_not_null()).select("index", shares="sharer")
    both = pl.concat([sharers, sharers.select(index="shares", shares="index")]).unique("index", keep="first")
    elder = pl.when(pl.col("sibling").shift(-1) == pl.col("index")).then(pl.col("index") + 1)
    draws = city.draws
    listed = draws.chance(pl.col("head"), "listed", PER_PERSON * 1.01 / _OF_HOUSEHOLD)
    frame = people.with_columns(pl.coalesce("sibling", elder).alias("twin")).filter(
        listed & draws.chance(pl.col("index"), "on the list", _OF_HOUSEHOLD) & pl.col("original").is_null()
    )
    frame = frame.head(round(city.people * PER_PERSON))
    at = pl.col("village").rank("dense") % _DAMAGED
    column = pl.when(at == _DAMAGED // 4).then(pl.lit("power")).when(at == _DAMAGED // 2).then(pl.lit("rounded"))
    twin = people[frame["twin"]]
    alike = (
        (pl.col("number").str.head(16) == twin["number"].str.head(16))
        & (pl.col("name").str.head(-1) == twin["name"].str.head(-1))
        & (pl.col("boy") == twin["boy"])
    )
    return (
        frame.with_columns(
            column.alias("column"),
            alike.alias("near_twin"),
            (~twin["absent"] & (pl.col("name") != twin["name"])).alias("twin_here"),
            (pl.col("name") != people["name"].gather(frame["head"])).alias("named_apart"),
        )
        .join(copies, on="index", how="left", maintain_order="left")
        .join(both, on="index", how="left", maintain_order="left")
    )


def _said(frame: pl.DataFrame, people: pl.DataFrame, city: City) -> pl.DataFrame:
    frame = frame.with_columns(*_birth(city), _home(city))
    heads = people[frame["head"]]
    county = pl.col("village") // 1_000_000
    counties = county.rank("dense") - 1
    household = pl.concat_str(pl.lit("JZ"), county.cast(pl.String), pl.col("household").cast(pl.String).str.zfill(8))
    sex = pl.when("boy").then(pl.lit("男")).otherwise(pl.lit("女"))
    category = pl.lit(pl.Series(["低保对象", "低保对象", "特困人员", "低保边缘家庭成员"])).gather(
        city.draws.below(pl.col("head"), "category", 4)
    )
    level = pl.lit(pl.Series(["A", "B", "C"])).gather(city.draws.below(pl.col("head"), "level", 3))
    # What was typed wrong for the head stands in both places.
    own = pl.col("role") == "head"
    frame = frame.with_columns(
        pl.when(own).then("name").otherwise(pl.lit(heads["name"])).alias("户主姓名"),
        pl.when(own).then("number").otherwise(pl.lit(heads["number"])).alias("户主身份证号"),
        category.alias("救助类别"),
    )
    return frame.with_columns(
        pl.when(pl.col("column").is_null()).then(counties).otherwise(99).alias("part"),
        household.alias("救助证号"),
        pl.col("name").alias("姓名"),
        pl.col("number").alias("身份证号码"),
        _relation().alias("与户主关系"),
        pl.when(~city.draws.chance(pl.col("index"), "no sex", 0.03)).then(sex).alias("性别"),
        pl.when(pl.col("救助类别") == "低保对象").then(level).alias("保障类别"),
        pl.lit(f"{TODAY:%Y%m%d}").alias("认定日期"),
        pl.lit(None, pl.String).alias("停止日期"),
        *_truth(frame, people),
    )


def _relation() -> pl.Expr:
    sons = pl.when("boy").then(pl.lit("子")).otherwise(pl.lit("女"))
    parents = pl.when("boy").then(pl.lit("父")).otherwise(pl.lit("母"))
    return (
        pl.when(pl.col("role") == "head")
        .then(pl.lit("本人"))
        .when(pl.col("role") == "spouse")
        .then(pl.lit("配偶"))
        .when(pl.col("role") == "parent")
        .then(parents)
        .otherwise(sons)
    )


def _birth(city: City) -> tuple[pl.Expr, pl.Expr]:
    """出生日期, and `birth`: right | month | none | wrong. Of 1000, 50 say nothing, 20 the month, 1 another day."""
    share = city.draws.below(pl.col("index"), "birth", 1000)
    form = city.draws.below(pl.col("index"), "form of dates", 2)
    day = pl.when(share == 70).then(pl.col("born").dt.offset_by("-10d")).otherwise("born")
    whole = pl.when(form == 0).then(day.dt.strftime("%Y%m%d")).otherwise(day.dt.strftime("%Y-%m-%d"))
    said = pl.when(share < 50).then(None).when(share < 70).then(day.dt.strftime("%Y%m")).otherwise(whole)
    state = (
        pl.when(share < 50)
        .then(pl.lit("none"))
        .when(share < 70)
        .then(pl.lit("month"))
        .when(share == 70)
        .then(pl.lit("wrong"))
        .otherwise(pl.lit("right"))
    )
    return said.alias("出生日期"), state.alias("birth")


def _home(city: City) -> pl.Expr:
    """行政区划代码. Of a hundred, three say the county only, three another village of it, one says nothing."""
    share = city.draws.below(pl.col("index"), "home", 100)
    code = pl.col("village").cast(pl.String)
    neighbour = pl.concat_str(code.str.slice(0, 10), pl.lit("99"))
    area = (
        pl.when(share < 3)
        .then(code.str.slice(0, 6))
        .when(share < 6)
        .then(neighbour)
        .when(share < 99)
        .then(code)
    )  # fmt: skip
    return area.alias("行政区划代码")


def _truth(frame: pl.DataFrame, people: pl.DataFrame) -> tuple[pl.Expr | pl.Series, ...]:
    """truth, also, settleable."""
    other = frame.select(
        pl.when(pl.col("kind") == "twice_on_roster")
        .then("copy")
        .when(pl.col("kind").is_in(["twin_name", "twin_mark"]))
        .then("twin")
    ).to_series()
    sharer = people[frame["shares"]]
    last = pl.lit(names.SYLLABLE).gather(pl.coalesce("second", "first"))
    unlike = last != sharer.select(last).to_series()
    damaged = ~pl.col("damage").is_in(["clean", "written_otherwise", "name_traditional", "name_homophone", "name_mark"])
    said = pl.when("needs_birth").then(pl.col("birth") == "right").otherwise(~damaged | (pl.col("birth") != "wrong"))
    alone = pl.when(pl.col("damage") == "shared_number").then(unlike).otherwise(pl.lit(value=True))
    absent = pl.col("absent")
    return (
        pl.when(~absent).then("key").alias("truth"),
        people["key"].gather(other).alias("also"),
        (pl.col("sure") & ~absent & said & alone).alias("settleable"),
    )
