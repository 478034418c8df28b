"""What speaks for a candidate and what against, in bits; and when that is beyond reasonable doubt.

A bit halves the number of people of whom as much could be true by chance. One person of a city of four million takes
22 bits; a row is settled at 30, so that chance fits a stranger to one row in 256 even of those whose own person is not
on the roster. Settled only: a number that is damaged or missing, the very name, nothing that contradicts, and no other
candidate within ten bits (a thousand to one). Source: contract «Beyond reasonable doubt».
"""

import polars as pl

from gateway.model.frames import COUNTY_DIGITS
from gateway.reconcile.exact import OF_PERSON
from gateway.reconcile.names import agreeing

#: Bits by kind of evidence. A village has about 2 000 people, a birth date one in 16 000, a name one in 256.
BITS = {
    "number_same": 28,
    "number_near": 24,  # about 10 sound numbers of a damaged one belong to somebody in 300
    "number_front": 20,  # area, birth date and the first digit of the sequence
    "number_date": 16,  # area and birth date
    "number_mask": 8,  # the last four digits of a masked number, where its first fit too
    "number_other": -20,
    "number_far": -6,
    "name_same": 8,
    "name_form": 6,
    "name_mark": 3,  # what a mark hides is no evidence, and siblings share the rest
    "name_other": -10,
    "birth_same": 14,
    "birth_month": 9,
    "birth_other": -8,
    "sex_same": 1,
    "sex_other": -6,
    "village_same": 11,
    "county_same": 3,
    "village_other": -2,
    "area_other": -2,
    "household_same": 2,  # beside the village; where the row says none, the household has stood for it
    "source_same": 30,
}
#: Any of these, and a person must decide.
AGAINST = ("number_other", "number_far", "name_other", "birth_other", "sex_other")
#: A code that surely stands for one county, district or the like: neither for a city nor for a zone of its own.
_COUNTY = r"^\d{4}(?:0[2-9]|[1-3]\d|8[1-9])$"
#: A code of a village, town, county, city or province; the first digit tells the part of the country.
_AREA = r"^\s*([1-8][0-9](?:[0-9]{2}){0,2}(?:[0-9]{3}){0,2})\s*$"
#: A number that somebody masked, `*` as X: its first and last digits; and how many of the last tell people apart.
_MASKED, _LAST = r"^([0-9]*)X{3,}([0-9]*X?)$", 4
_EIGHTEEN = r"^[0-9]{17}[0-9X]$"
#: Fewer characters are no number.
_SHORTEST = 6
#: Bits of a birth date that the number, which has it too, has brought already.
_SAID_TWICE = BITS["birth_same"] - 1
SETTLED_AT = 30
AHEAD_BY = 10
#: Fewer bits are no candidate worth a clerk's time.
_SHOWN_AT = 0
_SHOWN = 5
#: Shorter beginnings of a number than area and birth date say little; one digit more tells ten people apart.
_DATE_AT, _FRONT_AT = 14, 15
_FLAGS = ("told", "possible", "twin", "moved")
_WEIGHED = ("claim", "linked", "person_key", *(f"p_{c}" for c in OF_PERSON), "score", "evidence", "spelt", *_FLAGS)
_NAMED = ("name_same", "name_form", "name_mark")
_DATED = ("number_same", "number_near", "number_front", "number_date")


def shared(numbers: pl.Series) -> pl.Expr:
    """Of pairs: whether the claim's number stands on this person and others, such as a filler for want of one. It then
    settles nothing, and whoever has it is a rival of others. `numbers`: those that several people have."""
    number = pl.col("number")
    same = (number == pl.col("p_number")) & (number.str.len_chars() >= _SHORTEST)
    return (same & number.is_in(numbers.implode())).fill_null(value=False).alias("shared")


def weigh(pairs: pl.DataFrame) -> pl.DataFrame:
    """Of pairs (`residue.context` columns, linked, same, `shared`, and the person's, prefixed `p_`) those that count:
    claim, linked, person_key, p_ OF_PERSON columns, score, evidence, spelt, and whether they are `told`, `possible`,
    `twin`, `moved` (see `choose`)."""
    number, names = _number(_near(pairs)), _names(pairs)
    kinds: list[pl.Expr | pl.Series] = [number, names, _birth(), _sex(), _area(), _household(), _source()]
    columns = [f"kind_{i}" for i in range(len(kinds))]
    frame = pairs.with_columns(kind.alias(c) for kind, c in zip(kinds, columns, strict=True))
    bits = [pl.col(c).replace_strict(BITS, default=0, return_dtype=pl.Float32) for c in columns]
    of_number = pl.col("kind_0").is_in(_DATED) & (pl.col("dated") == pl.col("p_birth"))
    twice = pl.when(of_number & (pl.col("kind_2") == "birth_same")).then(-_SAID_TWICE)
    against = [*(pl.col(c).is_in(AGAINST) for c in columns), _elsewhere(), pl.col("shared")]
    frame = frame.with_columns(
        score=pl.sum_horizontal(*bits, twice).cast(pl.Float32),
        evidence=pl.concat_str([pl.col(c) for c in columns], separator=",", ignore_nulls=True),
        against=pl.any_horizontal(against).fill_null(value=False),
        named=pl.col("kind_1").is_in(_NAMED).fill_null(value=False),
        spelt=(pl.col("kind_1") == "name_same").fill_null(value=False),
    )
    return _flagged(frame).select(_WEIGHED)


def choose(weighed: pl.DataFrame) -> pl.DataFrame:
    """Per claim the `candidates`, and `first`, the likeliest, with `score`, `evidence` and what the roster says.

    `told`: a person named them. `settled`: they are beyond doubt. `rivals`: they would be, but for another, be it one
    whom something contradicts. `moved`: a person of this name and the number's birth date who lives there. `namesake`:
    one of this very name and the number's birth date who lives there, where the claim is linked to somebody of another
    spelling; and where its number is its head's, anybody of this very name there.
    """
    order = ["claim", "told", "possible", "score", "person_key"]
    ranked = weighed.sort(order, descending=[False, True, True, True, False])
    score = pl.col("score")
    second = score.slice(1).max()
    # By sound or by mark a twin who is not on the roster fits as well.
    enough = pl.col("possible").first() & pl.col("spelt").first() & (score.first() >= SETTLED_AT)
    alone = second.is_null() | (score.first() - second >= AHEAD_BY)
    person = pl.col("person_key")
    return ranked.group_by("claim", maintain_order=True).agg(
        first=person.first(),
        candidates=person.head(_SHOWN),
        score=score.first(),
        evidence=pl.col("evidence").first(),
        told=pl.col("told").first(),
        settled=enough & alone,
        rivals=enough & ~alone,
        moved=person.filter(pl.col("moved")).first(),
        namesake=person.filter(pl.col("twin") & (person != pl.col("linked"))).first(),
        **{f"first_{name}": pl.col(f"p_{name}").first() for name in OF_PERSON},
    )


def _flagged(frame: pl.DataFrame) -> pl.DataFrame:
    # A row with its head's number that is not the head's may be about anybody there who has the head's name.
    of_head = (pl.col("number") == pl.col("head_number")).fill_null(value=False)
    kind = pl.col("kind_2")
    born = (kind == "birth_same").fill_null(value=False) | of_head & (kind != "birth_other").fill_null(value=True)
    namesakes = frame.select((_twin() | _same_name() & born).arg_true()).to_series()
    return frame.with_columns(
        _marked(frame.height, namesakes, _there(frame[namesakes])),
        told=(pl.col("same") == pl.col("person_key")).fill_null(value=False),
        possible=pl.col("named") & ~pl.col("against"),
    ).filter(pl.col("told") | pl.col("possible") | pl.col("moved") | pl.col("twin") | (pl.col("score") > _SHOWN_AT))


def _there(namesakes: pl.DataFrame) -> pl.DataFrame:
    """Which of them are a `twin`, who may live in the row's place, or have `moved`: live or are insured there."""
    places = {"said": "area", "home_there": "p_village", "insured": "p_county"}
    frame = namesakes.with_columns(_place(pl.col(column)).alias(name) for name, column in places.items())
    area = pl.col("area")
    moved = _twin() & ((area.str.slice(0, COUNTY_DIGITS) == pl.col("p_county")) | (area == pl.col("p_village")))
    return frame.select(twin=_may_live_there(), moved=moved.fill_null(value=False))


def _marked(height: int, at: pl.Series, marks: pl.DataFrame) -> list[pl.Series]:
    """The marks of those rows, and False for all others."""
    return [pl.repeat(False, height, eager=True).scatter(at, mark).alias(mark.name) for mark in marks]


def _place(area: pl.Expr) -> pl.Expr:
    """An area without the zeros that fill up a province, city, county or town to the length of a village. The city's
    own code, or a zone's, is no county but anywhere in the city; and what is no code at all is null."""
    village = area.str.extract(_AREA, 1).str.replace(r"^(\d{6})000(?:000)?$", "$1").str.replace(r"^(\d{9})000$", "$1")
    whole = (village.str.len_chars() < COUNTY_DIGITS) | village.str.slice(0, COUNTY_DIGITS).str.contains(_COUNTY)
    return pl.when(whole).then(village).otherwise(village.str.slice(0, 4)).str.replace(r"^(\d{2})(?:00|99)$", "$1")


def _may_live_there() -> pl.Expr:
    """One place lies within the other, as far as is known. Whom the roster knows no home of lives where insured; and a
    county may be said for being that of the insurance."""
    said, insured = pl.col("said"), pl.col("insured")
    theirs = pl.coalesce("home_there", "insured")
    fits = theirs.str.starts_with(said) | said.str.starts_with(theirs)
    return fits.fill_null(value=True) | insured.str.starts_with(said).fill_null(value=False)


def _elsewhere() -> pl.Expr:
    """The row itself names another county than the roster's home and the county of the insurance, but for a row with
    the person's very number, or the source's own of them: people move."""
    very_one = (pl.col("kind_0") == "number_same") | (pl.col("kind_6") == "source_same")
    said, theirs = (pl.col(name).str.slice(0, COUNTY_DIGITS) for name in ("area", "p_village"))
    counties = said.str.contains(_COUNTY) & theirs.str.contains(_COUNTY)
    insured = (said == pl.col("p_county")).fill_null(value=False)
    return counties & (said != theirs) & ~insured & ~very_one.fill_null(value=False)


def _twin() -> pl.Expr:
    return _same_name() & (pl.col("dated") == pl.col("p_birth")).fill_null(value=False)


def _same_name() -> pl.Expr:
    return (pl.col("name_key") == pl.col("p_name_key")).fill_null(value=False) & pl.col("named")


def _number(near: pl.Series) -> pl.Expr:
    number, theirs, state = pl.col("number"), pl.col("p_number"), pl.col("number_state")
    is_heads = (number == pl.col("head_number")).fill_null(value=False)
    front = pl.col("front")
    begins = theirs.str.starts_with(front)
    last = number.str.extract(_MASKED, 2)
    is_whole = ~number.str.contains("X{3,}")
    shown = theirs.str.starts_with(number.str.extract(_MASKED, 1)) & theirs.str.ends_with(last)
    ends = last.str.len_chars() >= _LAST
    return (
        pl.when(number.is_null() | is_heads | theirs.is_null() | (number.str.len_chars() < _SHORTEST))
        .then(None)
        .when((number == theirs) & is_whole)
        .then(pl.lit("number_same"))
        .when((front.is_not_null() & ~begins) | ~shown)
        .then(pl.lit("number_far"))
        .when(front.str.len_chars() >= _FRONT_AT)
        .then(pl.lit("number_front"))
        .when(front.str.len_chars() >= _DATE_AT)
        .then(pl.lit("number_date"))
        .when(front.is_not_null() | (shown & ~ends))
        .then(None)
        .when(shown)
        .then(pl.lit("number_mask"))
        .when(state == "sound")
        .then(pl.lit("number_other"))
        .when(near)
        .then(pl.lit("number_near"))
        .otherwise(pl.lit("number_far"))
    )


def _near(pairs: pl.DataFrame) -> pl.Series:
    """Per pair: one character differs, or two neighbours are swapped. Only whole damaged numbers are looked at."""
    number, theirs = pl.col("number"), pl.col("p_number")
    whole = (number.str.len_chars() == 18) & theirs.str.contains(_EIGHTEEN)
    damaged = pairs.filter(whole & (pl.col("number_state") == "damaged") & pl.col("front").is_null())
    distinct = damaged.select("number", "p_number").unique()
    cut = distinct.select(
        *(number.str.slice(i, 1).alias(f"a{i}") for i in range(18)),
        *(theirs.str.slice(i, 1).alias(f"b{i}") for i in range(18)),
    )
    cut = cut.with_columns((pl.col(f"a{i}") != pl.col(f"b{i}")).alias(f"d{i}") for i in range(18))
    swaps = [
        pl.all_horizontal(f"d{i}", f"d{i + 1}")
        & (pl.col(f"a{i}") == pl.col(f"b{i + 1}"))
        & (pl.col(f"a{i + 1}") == pl.col(f"b{i}"))
        for i in range(17)
    ]
    count = pl.sum_horizontal(pl.col(f"d{i}").cast(pl.Int8) for i in range(18))
    near = cut.select(near=(count == 1) | ((count == 2) & pl.any_horizontal(swaps))).to_series()
    joined = pairs.select("number", "p_number").join(
        distinct.with_columns(near), on=["number", "p_number"], how="left", maintain_order="left"
    )
    return joined["near"].fill_null(value=False)


def _names(pairs: pl.DataFrame) -> pl.Series:
    """Per pair name_same, name_form, name_mark or name_other; null where one side has none."""
    sent, known = pl.col("name_key"), pl.col("p_name_key")
    same = (sent == known) & ~sent.str.contains(r"\?")
    marked = pl.concat_str(sent, known).str.contains(r"\?")
    fits = agreeing(pairs.select(sent=pl.when(~same).then(sent), on_roster=known))
    kind = (
        pl.when(sent.is_null() | known.is_null())
        .then(None)
        .when(same)
        .then(pl.lit("name_same"))
        .when(fits)
        .then(pl.when(marked).then(pl.lit("name_mark")).otherwise(pl.lit("name_form")))
        .otherwise(pl.lit("name_other"))
    )
    return pairs.select(kind.alias("name")).to_series()


def _birth() -> pl.Expr:
    since, until, theirs = pl.col("birth_from"), pl.col("birth_to"), pl.col("p_birth")
    inside = (theirs >= since) & (theirs <= until)
    return (
        pl.when(since.is_null() | theirs.is_null())
        .then(None)
        .when(~inside)
        .then(pl.lit("birth_other"))
        .otherwise(pl.when(since == until).then(pl.lit("birth_same")).otherwise(pl.lit("birth_month")))
    )


def _sex() -> pl.Expr:
    # The roster also knows «unknown» and «not said», which contradict nothing.
    sent, theirs = pl.col("sex"), pl.col("p_sex")
    known = sent.is_in(["1", "2"]) & theirs.is_in(["1", "2"])
    return pl.when(known).then(pl.when(sent == theirs).then(pl.lit("sex_same")).otherwise(pl.lit("sex_other")))


def _area() -> pl.Expr:
    home, theirs = pl.col("home"), pl.col("p_village")
    area = pl.coalesce("home", "area")
    same_county = (area.str.slice(0, 6) == theirs.str.slice(0, 6)) | (area.str.slice(0, 6) == pl.col("p_county"))
    county = pl.when(home.is_null() | theirs.is_null()).then(pl.lit("county_same")).otherwise(pl.lit("village_other"))
    return (
        pl.when(area.is_null())
        .then(None)
        .when(home == theirs)
        .then(pl.lit("village_same"))
        .otherwise(pl.when(same_county).then(county).otherwise(pl.lit("area_other")))
    )


def _household() -> pl.Expr:
    """Beside the village that the row itself says: else the household has said it already."""
    said = pl.col("area") == pl.col("home")
    return pl.when(said & (pl.col("household_home") == pl.col("p_village"))).then(pl.lit("household_same"))


def _source() -> pl.Expr:
    return pl.when(pl.col("before") == pl.col("person_key")).then(pl.lit("source_same"))
