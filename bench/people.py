"""An invented city's people, and the roster of those who are insured: families with their homes, birth dates, numbers.

Takes a size and a seed. Gives one row per person (`PEOPLE`), and of these the roster as normalise gives it. By rules of
its own: nothing here comes from the gateway but the roster's schema. Hard cases are in it: twins with neighbouring
numbers, fathers and sons of similar names, namesakes in one village, one person twice, one number on two people,
numbers of withdrawn areas, permits, foreigners' cards. Refuses nothing.
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

from bench import names
from bench.draw import Draws, quarter, up_to, weighted, within
from gateway.model.frames import ROSTER

#: The day on which the city is looked at; nobody is born later.
TODAY = date(2026, 10, 31)
#: Share of people whom the roster does not know.
ABSENT = 0.005
#: Share of people who stand on the roster a second time, under another psn_no.
TWICE = 0.0005
PER_VILLAGE = 2000
_COUNTIES = (451002, 451003, 451022, 451024, 451026, 451027, 451028, 451029, 451030, 451031, 451081, 451082)
_WITHDRAWN = (452601, *range(452621, 452633), 451021, 451023, 451025)
_FAR = (430102, 440106, 440305, 441900, 450102, 450103, 450202, 520102, 522301, 530102, 532601, 532621)
_PERMITS = (810000, 820000, 830000)
#: Numbers from before this year have withdrawn areas: the city was a prefecture of that name until then.
_CITY_SINCE = 2002
_SIZES = (12, 22, 26, 22, 12, 6)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"

#: One row per person, in the order of households. Names are indices into the tables of `names`.
PEOPLE = pl.Schema(
    {
        "index": pl.Int64,
        "key": pl.Int64,  # the person key
        "household": pl.Int64,
        "head": pl.Int64,  # index of the head of household
        "role": pl.String,  # head | spouse | parent | child
        "sibling": pl.Int64,  # the twin who was born first, for the other one
        "similar": pl.Boolean,  # a son whose name is much like his father's
        "namesake": pl.Boolean,  # has the name of somebody in the same village
        "original": pl.Int64,  # whom this row of the roster repeats under another psn_no
        "sharer": pl.Int64,  # the other person whose number this one has
        "absent": pl.Boolean,  # not on the roster
        "boy": pl.Boolean,
        "born": pl.Date,
        "village": pl.Int64,  # 12 digits
        "number": pl.String,
        "permit": pl.Boolean,
        "surname": pl.Int32,
        "first": pl.Int32,
        "second": pl.Int32,  # null = a given name of one character
        "minority": pl.Int32,  # null for all but a hundredth
        "name": pl.String,
    }
)


@dataclass(frozen=True, kw_only=True)
class City:
    """Which city. Two with the same values are the same to the last character."""

    #: Rows of the roster, about.
    people: int
    seed: int = 1
    #: Which of the province's cities; its counties have numbers of their own.
    block: int = 0

    @property
    def draws(self) -> Draws:
        return Draws(seed=self.seed * 1000 + self.block)


def people_of(city: City) -> pl.DataFrame:
    """`PEOPLE`, those who are not on the roster and those who are on it twice included."""
    copies = round(city.people * TWICE)
    frame = _homes(city, round((city.people - copies) / (1 - ABSENT)))
    frame = _twins(_births(frame, city.draws), city.draws)
    frame = _named(_numbered(frame, city), city.draws)
    frame = _hard(frame, city.draws)
    frame = pl.concat([frame, _copies(frame, copies, city.draws)])
    key = (city.draws.bits(pl.col("index"), "key") // 2).cast(pl.Int64).alias("key")
    named = names.text(*(pl.col(c) for c in ("surname", "first", "second", "minority"))).alias("name")
    return frame.with_columns(key, named).select(pl.col(n).cast(t) for n, t in PEOPLE.items())


def roster_of(people: pl.DataFrame, city: City) -> pl.DataFrame:
    """`ROSTER` of the insured."""
    index, chance = pl.col("index"), pl.col("bits")
    county = (pl.col("village") // 1_000_000).cast(pl.String)
    seat = f"{_COUNTIES[0] // 100 + city.block}99"
    old = (pl.col("born").dt.year() < 2000) & ~pl.col("permit") & within(quarter(chance, 0), 0.01)
    fifteen = pl.concat_str(pl.col("number").str.slice(0, 6), pl.col("number").str.slice(8, 9))
    insured = people.filter(~pl.col("absent")).with_columns(city.draws.bits(index, "roster").alias("bits"))
    return insured.select(
        person_key="key",
        psn_no=pl.concat_str(pl.lit("451"), index.cast(pl.String).str.zfill(20)),
        name="name",
        certno=pl.when(old).then(fifteen).otherwise("number"),
        name_key=pl.col("name").str.replace("·", "", literal=True),
        number="number",
        birth="born",
        sex=pl.when("boy").then(pl.lit("1")).otherwise(pl.lit("2")),
        county=pl.when(within(quarter(chance, 1), 0.05)).then(pl.lit(seat)).otherwise(county),
        village=pl.col("village").cast(pl.String),
        dead=within(quarter(chance, 2), 0.005),
        covered=within(quarter(chance, 3), 0.98),
    ).select(pl.col(n).cast(t) for n, t in ROSTER.items())  # fmt: skip


def _homes(city: City, wanted: int) -> pl.DataFrame:
    """index, household, head, place within it, village."""
    households = pl.DataFrame({"household": pl.int_range(wanted // 3 + 10, eager=True)})
    size = weighted(quarter(city.draws.bits(pl.col("household"), "size"), 0), _SIZES) + 1
    frame = households.select(pl.col("household").repeat_by(size).explode()).head(wanted).with_row_index("index")
    villages = max(len(_COUNTIES), city.people // PER_VILLAGE)
    within = -(-villages // len(_COUNTIES))
    frame = frame.with_columns(
        pl.col("index").cast(pl.Int64), (pl.col("household") * villages // households.height).alias("v")
    )
    starts = pl.col("household") != pl.col("household").shift(1)
    first = pl.when(starts.fill_null(value=True)).then("index").forward_fill()
    frame = frame.with_columns(first.alias("head"))
    county = pl.lit(pl.Series(_COUNTIES) + 100 * city.block).gather(pl.col("v") // within)
    at = pl.col("v") % within
    village = county * 1_000_000 + (101 + at // 20) * 1000 + 201 + at % 20
    return frame.with_columns(village.alias("village"), (pl.col("index") - pl.col("head")).alias("place")).drop("v")


def _births(frame: pl.DataFrame, draws: Draws) -> pl.DataFrame:
    """role, boy, born (days since 1970)."""
    frame = frame.with_columns(_bits=draws.bits(pl.col("index"), "birth"), _home=draws.bits(pl.col("head"), "home"))
    own, home, place = pl.col("_bits"), pl.col("_home"), pl.col("place")
    frame = frame.with_columns(
        _one=quarter(own, 0), _two=quarter(own, 1), _day=quarter(own, 2), _sex=quarter(own, 3),
        _age=24 + up_to(quarter(home, 0), 60), _wife=~within(quarter(home, 1), 0.6),
    )  # fmt: skip
    one, two, age = pl.col("_one"), pl.col("_two"), pl.col("_age")
    role = (
        pl.when(place == 0)
        .then(pl.lit("head"))
        .when((place == 1) & within(one, 0.8))
        .then(pl.lit("spouse"))
        .when((place >= 2) & (age < 70) & within(one, 0.2))
        .then(pl.lit("parent"))
        .otherwise(pl.lit("child"))
    )
    child = age - 22 - up_to(two, 14)
    years = (
        pl.when(pl.col("role") == "head")
        .then(age)
        .when(pl.col("role") == "spouse")
        .then(pl.max_horizontal(age + up_to(two, 9) - 4, 20))
        .when(pl.col("role") == "parent")
        .then(pl.min_horizontal(age + 20 + up_to(two, 13), 99))
        .otherwise(pl.when(child < 0).then(two % 6).otherwise(child))
    )
    days = pl.lit((TODAY - date(1970, 1, 1)).days, pl.Int32) - years * 1461 // 4 - up_to(pl.col("_day"), 365)
    boy = pl.when(pl.col("role") == "spouse").then("_wife").otherwise(within(pl.col("_sex"), 0.6))
    frame = frame.with_columns(role.alias("role")).with_columns(days.cast(pl.Int32).alias("born"), boy.alias("boy"))
    return frame.select(pl.exclude("^_.*$"))


def _twins(frame: pl.DataFrame, draws: Draws) -> pl.DataFrame:
    """`sibling`: twins share the birth date, and three in four the sex."""
    index = pl.col("index")
    before = (pl.col("role").shift(1) == "child") & (pl.col("place") >= 2)
    frame = frame.with_columns(draws.bits(index, "twin").alias("_bits"))
    second = (before & (pl.col("role") == "child") & within(quarter(pl.col("_bits"), 0), 0.015)).fill_null(value=False)
    # Of three in a row only two are twins.
    frame = frame.with_columns(second.alias("is_twin")).with_columns(
        (pl.col("is_twin") & ~pl.col("is_twin").shift(1, fill_value=False)).alias("is_twin")
    )
    same_sex = pl.col("is_twin") & within(quarter(pl.col("_bits"), 1), 0.75)
    return frame.with_columns(
        pl.when("is_twin").then(index - 1).alias("sibling"),
        pl.when("is_twin").then(pl.col("born").shift(1)).otherwise("born").cast(pl.Date).alias("born"),
        pl.when(same_sex).then(pl.col("boy").shift(1)).otherwise("boy").alias("boy"),
    ).drop("is_twin", "_bits")


def _area(frame: pl.DataFrame, city: City) -> pl.Series:
    """Six digits: the county of the home, or of another place, or a withdrawn one, a permit's, a foreigner's."""
    frame = frame.with_columns(_bits=city.draws.bits(pl.col("index"), "area"))
    share, pick = quarter(pl.col("_bits"), 0), quarter(pl.col("_bits"), 1)
    old = (pl.col("born").dt.year() < _CITY_SINCE) & within(quarter(pl.col("_bits"), 2), 0.7)
    area = (
        pl.when(within(share, 0.001))
        .then(_one_of(_PERMITS, pick))
        .when(within(share, 0.0016))
        .then(945_000 + pick % 900)
        .when(within(share, 0.04))
        .then(_one_of(_FAR, pick))
        .when(old)
        .then(_one_of(_WITHDRAWN, pick) + 100 * city.block)
        .otherwise(pl.col("village") // 1_000_000)
    )
    return frame.select(area.alias("area")).to_series()


def _one_of(values: tuple[int, ...], pick: pl.Expr) -> pl.Expr:
    return pl.lit(pl.Series(values, dtype=pl.Int64)).gather(pick % len(values))


def _numbered(frame: pl.DataFrame, city: City) -> pl.DataFrame:
    """number and permit. Of one area and day no two have the same; a twin's is the sibling's neighbour."""
    frame = frame.with_columns(_area(frame, city))
    twin = pl.col("sibling").is_not_null()
    frame = frame.with_columns(pl.when(twin).then(pl.col("area").shift(1)).otherwise("area").alias("area"))
    born = pl.col("born")
    ymd = born.dt.year().cast(pl.Int64) * 10_000 + born.dt.month().cast(pl.Int64) * 100 + born.dt.day()
    frame = _with_slots(frame.with_columns((pl.col("area") * 100_000_000 + ymd).alias("front")))
    slot = pl.when(twin).then(pl.col("slot").shift(1)).otherwise("slot")
    order = (slot * 2 + twin.cast(pl.Int64) + city.draws.below(pl.col("front"), "order", 500)) % 500
    seventeen = frame.select(pl.col("front") * 1000 + order * 2 + pl.col("boy").cast(pl.Int64)).to_series()
    permit = (pl.col("area") >= 800_000).alias("permit")
    return frame.with_columns(with_check(pl.lit(seventeen)).alias("number"), permit).drop("front", "slot", "area")


def _with_slots(frame: pl.DataFrame) -> pl.DataFrame:
    """`slot`: 0, 1, 2 … among the people of one area and day."""
    at = pl.int_range(pl.len(), dtype=pl.Int64)
    ordered = frame.select("index", "front").sort("front", maintain_order=True).with_columns(at.alias("at"))
    starts = (pl.col("front") != pl.col("front").shift(1)).fill_null(value=True)
    slots = ordered.select("index", pl.col("at") - pl.when(starts).then("at").forward_fill().alias("slot"))
    return frame.with_columns(slots.sort("index")["at"].alias("slot"))


def with_check(seventeen: pl.Expr) -> pl.Expr:
    """The number of 18 characters of an integer column of 17 digits (GB 11643-1999, ISO 7064 MOD 11-2)."""
    thousands = [seventeen // 1000**step % 1000 for step in range(5, -1, -1)]
    sums = [pl.lit(_weighed(at)).gather(digits) for at, digits in enumerate(thousands)]
    check = pl.lit(pl.Series(list(_CHECKS))).gather(pl.sum_horizontal(sums) % 11)
    return pl.concat_str(seventeen.cast(pl.String), check)


def _weighed(at: int) -> pl.Series:
    """What three digits, the `at`-th three of 18 with a leading zero, add to the weighted sum."""
    weights = (0, *_WEIGHTS)[3 * at : 3 * at + 3]
    sums = [sum(w * int(d) for w, d in zip(weights, f"{digits:03d}", strict=True)) for digits in range(1000)]
    return pl.Series(sums, dtype=pl.Int32)


def _named(frame: pl.DataFrame, draws: Draws) -> pl.DataFrame:
    """Names as indices. Families share a surname, siblings often a character, some sons nearly their father's name."""
    frame = frame.with_columns(
        _own=draws.bits(pl.col("index"), "name"), _more=draws.bits(pl.col("index"), "more of the name"),
        _home=draws.bits(pl.col("head"), "family"), _place=draws.bits(pl.col("village"), "clan"),
    )  # fmt: skip
    own, more, home = pl.col("_own"), pl.col("_more"), pl.col("_home")
    families = pl.when(within(quarter(home, 0), 0.3)).then(quarter(pl.col("_place"), 0)).otherwise(quarter(home, 1))
    surname = pl.when(pl.col("role") == "spouse").then(quarter(own, 0)).otherwise(families)
    child = pl.col("role") == "child"
    similar = child & pl.col("boy") & within(quarter(more, 0), 0.01)
    shared = child & within(quarter(home, 2), 0.3) & ~similar
    first = pl.when(shared).then(quarter(home, 3)).otherwise(quarter(own, 1))
    one = within(quarter(own, 3), 0.18) & ~similar & ~shared
    minority = pl.when(within(quarter(more, 1), 0.01)).then(up_to(quarter(more, 2), names.MINORITY_NAMES))
    frame = frame.with_columns(
        weighted(surname, names.SURNAME_WEIGHTS).alias("surname"),
        weighted(first, names.GIVEN_WEIGHTS).alias("first"),
        pl.when(~one).then(weighted(quarter(own, 2), names.GIVEN_WEIGHTS)).alias("second"),
        minority.alias("minority"),
        similar.alias("similar"),
        within(quarter(more, 3), 0.3).alias("sounding"),
    ).select(pl.exclude("^_.*$"))
    heads = frame["first"].gather(frame["head"])
    frame = frame.with_columns(pl.when("similar").then(heads).otherwise("first").alias("first"))
    return apart(_alike(frame))


def apart(frame: pl.DataFrame) -> pl.DataFrame:
    """Twins of the whole same name, by chance, as no parents would have it: one is called otherwise."""
    twin, first, minority = pl.col("sibling").is_not_null(), pl.col("first"), pl.col("minority")
    han = [pl.col(name).eq_missing(pl.col(name).shift(1)) for name in ("surname", "first", "second", "minority")]
    return frame.with_columns(
        pl.when(pl.all_horizontal(twin, *han))
        .then((first + 1) % len(names.GIVEN_WEIGHTS))
        .otherwise("first")
        .alias("first"),
        pl.when(twin & (minority == minority.shift(1)))
        .then((minority + 1) % names.MINORITY_NAMES)
        .otherwise("minority")
        .alias("minority"),
    )


def _alike(frame: pl.DataFrame) -> pl.DataFrame:
    """Twins share the first character; a third of them, and of the similar sons, have the sound of the second too."""
    twin = pl.col("sibling").is_not_null() & pl.col("minority").is_null() & pl.col("second").shift(1).is_not_null()
    frame = frame.with_columns(
        pl.when(twin).then(pl.col("first").shift(1)).otherwise("first").alias("first"),
        pl.when(twin & pl.col("second").is_null()).then("first").otherwise("second").alias("second"),
    )
    heads = frame["second"].gather(frame["head"])
    other = pl.when(twin).then(pl.col("second").shift(1)).when("similar").then(heads)
    homophone = pl.lit(names.HOMOPHONE).gather(other)
    # A syllable with one character only has no homophone: such twins keep their own names, if they are not the same.
    usable = pl.col("sounding") & other.is_not_null() & (homophone != other)
    same = twin & (pl.col("second") == pl.col("second").shift(1))
    another = (pl.col("second") + 1) % len(names.GIVEN_WEIGHTS)
    second = pl.when(usable).then(homophone).when(same).then(another).otherwise("second")
    return frame.with_columns(second.alias("second")).drop("sounding")


_NAME = ("surname", "first", "second", "minority")


def _hard(frame: pl.DataFrame, draws: Draws) -> pl.DataFrame:
    """Namesakes in one village, people with another's number, and people whom the roster does not know."""
    index, bits = pl.col("index"), pl.col("_bits")
    frame = frame.with_columns(_bits=draws.bits(index, "hard"))
    namesake = within(quarter(bits, 0), 0.002) & (index >= 40)
    sharer = within(quarter(bits, 1), 0.0002) & (index >= 9)
    near = frame.select(pl.col(c).shift(40) for c in _NAME)
    return frame.with_columns(
        namesake.alias("namesake"),
        pl.when(sharer).then(index - 9).alias("sharer"),
        pl.when(sharer).then(pl.col("number").shift(9)).otherwise("number").alias("number"),
        _absent(quarter(bits, 2), namesake).alias("absent"),
        pl.lit(None, pl.Int64).alias("original"),
        *(pl.when(namesake).then(near[c]).otherwise(c).alias(c) for c in _NAME),
    ).drop("_bits")


def _absent(draw: pl.Expr, namesake: pl.Expr) -> pl.Expr:
    """Twins and namesakes are absent more often: their rows look like somebody who is there."""
    alike = namesake | pl.col("sibling").is_not_null()
    return within(draw, ABSENT) | (alike & within(draw, 0.1))


def _copies(frame: pl.DataFrame, wanted: int, draws: Draws) -> pl.DataFrame:
    """People as they stand on the roster a second time."""
    numbers = pl.DataFrame({"copy": pl.int_range(wanted, eager=True)})
    chosen = numbers.select(draws.below(pl.col("copy"), "copied", frame.height).unique(maintain_order=True))
    copies = frame[chosen.to_series()].filter(~pl.col("absent") & pl.col("sharer").is_null())
    at = pl.int_range(pl.len(), dtype=pl.Int64) + frame.height
    return copies.with_columns(pl.col("index").alias("original"), at.alias("index"))
