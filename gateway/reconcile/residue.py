"""The residue: rows that the sure rules leave, and the people whom they may mean.

Candidates come by blocks, bucket by bucket: the number itself, its first digits, a number next to it, name and birth
date, birth date and home, name and home, and the person to whom the source's own number led before. Where the row's
home is unknown, it is that of the rest of its household. Nothing is decided here: `weigh` does.
"""

from collections.abc import Iterable, Mapping
from functools import reduce
from operator import xor

import polars as pl

from gateway.model.buckets import by_number
from gateway.reconcile.exact import SEEN
from gateway.reconcile.nearby import near_numbers

#: Columns of a claim that the residue is looked at by.
OF_ROW = ("claim", "number", "number_state", "name_key", "head_number", "birth_from", "birth_to", "sex", "area")
#: A household is known within one delivery, a person of the source within one instance.
HOUSEHOLD = ["delivery", "raw_household"]
SOURCE = ["instance", "raw_source_id"]
#: Digits of a number that a spreadsheet or a hand left: area and birth date, and what a spreadsheet keeps.
_DATE, _FRONT = 14, 15
#: What a block goes by: a column of the claims, and the same of a person.
On = Mapping[str, pl.Expr]
_NUMBER: On = {"number": pl.col("number")}
#: Counties and towns are filled up with zeros to the length of a village.
_VILLAGE = r"^\d{9}(?:[1-9]\d\d|\d[1-9]\d|\d\d[1-9])$"
_BIRTH = (6, 8)
#: Rows of one delivery's residue that may say the same of somebody: a namesake's village has some, a filled column
#: thousands.
_MOST = 1_000


def context(claims: pl.DataFrame, links: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """What the residue is looked at by: OF_ROW; `home` and `household_home`, villages; `dated` and `born`, the number's
    birth date and the row's; `front`, the digits that a rounded or cut number still has; `before`, a person.

    `claims`: the residue, with HOUSEHOLD and SOURCE columns. `links`: HOUSEHOLD columns and village of the rows that
    are sure. `known`: SOURCE columns and person_key of the source's numbers that led to one person.
    """
    area, number = pl.col("area"), pl.col("number")
    # The last digit of a power is rounded, and may be the neighbour's.
    mantissa = number.str.extract(r"^(\d(?:\.\d+)?)E\+17$", 1).str.replace(".", "", literal=True).str.head(-1)
    rounded = pl.when(number.str.contains("^[0-9]*000$")).then(number.str.slice(0, 15))
    dated = pl.coalesce(mantissa, number).str.slice(*_BIRTH).str.to_date("%Y%m%d", strict=False)
    frame = claims.join(_homes(claims, links), on=HOUSEHOLD, how="left", maintain_order="left")
    frame = frame.join(known.rename({"person_key": "before"}), on=SOURCE, how="left", maintain_order="left")
    return frame.select(
        *OF_ROW,
        "delivery",
        "household_home",
        "before",
        home=pl.coalesce(pl.when(area.str.contains(_VILLAGE)).then("area"), "household_home"),
        dated=dated,
        born=pl.coalesce(pl.when(pl.col("birth_from") == pl.col("birth_to")).then("birth_from"), dated),
        front=pl.coalesce(mantissa, rounded, _cut(number)),
    )


def _cut(number: pl.Expr) -> pl.Expr:
    """Digits of a number that lost its end, or whose end is masked."""
    return number.str.extract(r"^([1-9]\d{13,16})(?:X{3,}[0-9]*X?)?$", 1)


def _homes(claims: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """HOUSEHOLD → household_home: the one village in which all its sure members live."""
    wanted = claims.select(HOUSEHOLD).drop_nulls().unique()
    members = links.join(wanted, on=HOUSEHOLD, how="semi").filter(pl.col("village").str.contains(_VILLAGE))
    homes = members.group_by(HOUSEHOLD).agg(pl.col("village").n_unique().alias("homes"), pl.col("village").first())
    return homes.filter(pl.col("homes") == 1).select(*HOUSEHOLD, household_home="village")


class Blocks:
    """The residue cut for the blocks, once; then each bucket's people are sieved, and those who remain are met."""

    def __init__(self, residue: pl.DataFrame, told: pl.DataFrame) -> None:
        """`told`: (claim, person_key) of people whom somebody named."""
        damaged = residue.filter((pl.col("number_state") == "damaged") & pl.col("front").is_null())
        numbers = pl.concat([_apart(residue, "number"), near_numbers(damaged)])
        self._nothing = numbers.clear()
        cut = numbers.with_columns(bucket=by_number(pl.col("number"))).partition_by(
            "bucket", as_dict=True, include_key=False
        )
        self._of_bucket = {int(bucket): numbers for (bucket,), numbers in cut.items()}
        digits = pl.col("front").str.len_chars().clip(upper_bound=_FRONT)
        fronts = _apart(residue.with_columns(pl.col("front").str.slice(0, _FRONT), digits=digits), "front", "digits")
        of_length = fronts.filter(pl.col("digits") >= _DATE).partition_by("digits", as_dict=True)
        # By the row's birth date, and by the number's where it is another.
        both = [residue, residue.filter(pl.col("dated") != pl.col("born")).with_columns(born="dated")]
        born = pl.concat(_apart(one, "name_key", "born") for one in both)
        before = pl.concat([residue.select("claim", person_key="before").drop_nulls(), told]).unique()
        name, birth, village, number = (pl.col(n) for n in ("name_key", "birth", "village", "number"))
        #: The claims that say something, and by which of it people are found: theirs, by the name of ours. All but the
        #: numbers, which are each bucket's own.
        self._blocks: list[tuple[pl.DataFrame, On]] = [
            (born, {"name_key": name, "born": birth}),
            (_apart(residue, "born", "home"), {"born": birth, "home": village}),
            (_apart(residue, "name_key", "home"), {"name_key": name, "home": village}),
            (before, {"person_key": pl.col("person_key")}),
            *((front, {"front": number.str.slice(0, int(digits))}) for (digits,), front in of_length.items()),
        ]
        self._hashes = [_hashes(claims, on) for claims, on in self._blocks]

    def near(self, bucket: int, people: pl.DataFrame) -> pl.DataFrame:
        """SEEN of those of the bucket's people who may share something with somebody of the residue. Most share
        nothing, which their hashes show at a fifth of a join's cost."""
        numbers = self._of_bucket.get(bucket, self._nothing)
        said = [*zip((on for _claims, on in self._blocks), self._hashes, strict=True)]
        said.append((_NUMBER, _hashes(numbers, _NUMBER)))
        meeting = (_hash(on.values()).is_in(ours) for on, ours in said)
        # Not within the filter, which asks every chunk of a frame by itself, and hashes the claims for each.
        return people.select(SEEN).filter(people.select(pl.any_horizontal(meeting)).to_series())

    def pairs(self, people: pl.DataFrame) -> pl.DataFrame:
        """(claim and SEEN columns, prefixed `p_` but for person_key): whom of them (SEEN) the residue may mean."""
        met = set(people.select(by_number(pl.col("number"))).to_series().unique())
        numbers = [self._nothing, *(numbers for bucket, numbers in self._of_bucket.items() if bucket in met)]
        blocks = [*self._blocks, (pl.concat(numbers), _NUMBER)]
        found = pl.concat(_pairs(people, claims, on) for claims, on in blocks).unique()
        seen = people.select("person_key", *(pl.col(n).alias(f"p_{n}") for n in SEEN if n != "person_key"))
        return found.join(seen, on="person_key")


def _apart(residue: pl.DataFrame, *said: str) -> pl.DataFrame:
    """Claims that say something by which people are told apart: a column filled with one value says nothing."""
    told = residue.select("claim", "delivery", *said).drop_nulls()
    return told.filter(pl.len().over("delivery", *said) <= _MOST).drop("delivery")


def _hashes(claims: pl.DataFrame, on: On) -> pl.Series:
    """By which somebody may be one of whom the claims speak."""
    return claims.select(_hash([pl.col(name) for name in on])).to_series().unique().implode()


def _hash(said: Iterable[pl.Expr]) -> pl.Expr:
    return reduce(xor, (value.hash(seed) for seed, value in enumerate(said)))


def _pairs(people: pl.DataFrame, claims: pl.DataFrame, on: On) -> pl.DataFrame:
    """(claim, person_key)"""
    theirs = people.select("person_key", **{f"_{name}": value for name, value in on.items()})
    ours = claims.select("claim", **{f"_{name}": pl.col(name) for name in on})
    return ours.join(theirs, on=[f"_{name}" for name in on]).select("claim", "person_key")
