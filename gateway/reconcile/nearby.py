"""Sound numbers next to a damaged one: one character wrong, or two neighbours swapped.

The check character (ISO 7064 MOD 11-2) leaves at most one sound digit for each position, so a damaged number has about
twenty such neighbours, and they are looked up like any number.
"""

import polars as pl

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2, 1)
_MODULUS = 11
#: What a weight is multiplied with to give 1, modulo 11.
_INVERSE = tuple(pow(weight, -1, _MODULUS) for weight in _WEIGHTS)
_LENGTH = 18
_DIGITS = "0123456789X"
_FORM = r"^\d{17}[\dX]$"


def near_numbers(claims: pl.DataFrame) -> pl.DataFrame:
    """(claim, number): every sound number next to a damaged one of 18 characters. `claims`: claim, number."""
    full = claims.filter(pl.col("number").str.contains(_FORM))
    digits = full.select("claim", "number", *(_value(i).alias(f"d{i}") for i in range(_LENGTH)))
    total = pl.sum_horizontal(pl.col(f"d{i}") * weight for i, weight in enumerate(_WEIGHTS))
    damaged = digits.with_columns(off=(1 - total) % _MODULUS).filter(pl.col("off") != 0).lazy()
    found = [*(_one(damaged, i) for i in range(_LENGTH)), *(_two(damaged, i) for i in range(_LENGTH - 1))]
    # No two of these changes leave the same number.
    return pl.concat(found).collect()


def _value(place: int) -> pl.Expr:
    character = pl.col("number").str.slice(place, 1)
    return pl.when(character == "X").then(10).otherwise(character.cast(pl.Int32, strict=False)).cast(pl.Int32)


def _one(digits: pl.LazyFrame, place: int) -> pl.LazyFrame:
    """The number with the one character in this place that makes it sound."""
    right = (pl.col(f"d{place}") + pl.col("off") * _INVERSE[place]) % _MODULUS
    fits = digits.filter((right < 10) | (place == _LENGTH - 1)).with_columns(right=right)
    character = pl.lit(_DIGITS).str.slice(pl.col("right").cast(pl.Int64), 1)
    return fits.select("claim", number=_replaced(place, 1, character))


def _two(digits: pl.LazyFrame, place: int) -> pl.LazyFrame:
    """The number with two neighbours swapped, where that makes it sound."""
    here, there = pl.col(f"d{place}"), pl.col(f"d{place + 1}")
    change = (there - here) * (_WEIGHTS[place] - _WEIGHTS[place + 1])
    last_is_x = (here == 10) if place + 1 == _LENGTH - 1 else pl.lit(value=False)
    fits = digits.filter(((change - pl.col("off")) % _MODULUS == 0) & (here != there) & (there < 10) & ~last_is_x)
    number = pl.col("number")
    return fits.select("claim", number=_replaced(place, 2, number.str.slice(place + 1, 1) + number.str.slice(place, 1)))


def _replaced(place: int, length: int, text: pl.Expr) -> pl.Expr:
    number = pl.col("number")
    return pl.concat_str(number.str.slice(0, place), text, number.str.slice(place + length))
