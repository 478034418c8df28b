"""What a person decides about a row, and how long it holds: as long as rows say the same of who they are.

A decision about a full number belongs to number, name and birth date, whichever department sends them. Without a full
number of its own, which the head of household's is not, a name is not enough: such a decision belongs to the
department's own row too (place, household, its number for the person), so that it never reaches a stranger of the same
name, or the head.
"""

from enum import StrEnum

import polars as pl

#: The columns of an entry, and its instance, that say who it is as far as a decision is concerned.
WHO = ("number", "name_key", "birth_from", "birth_to", "instance", "area", "sex", "raw_household", "raw_source_id")
_ALWAYS = WHO[:4]
#: Area, birth date, sequence, check character. A rounded number's end is lost, and a filler has no such date.
_WHOLE = r"^[1-9]\d{5}(?:18[5-9]|19\d|20\d)\d(?:0[1-9]|1[0-2])[0-3]\d{4}[\dX]$"


class Verdict(StrEnum):
    """What somebody decided about a case."""

    #: The row is about this person.
    SAME = "same"
    #: The row is not about this person.
    DIFFERENT = "different"
    #: The row is about none of those who were in sight.
    NOBODY = "nobody"
    #: Nothing yet; the case is put off.
    LATER = "later"


def who_says(instance: pl.Expr) -> list[pl.Expr]:
    """`WHO` of entries that came from the instance. Reads their `head_number` too."""
    number = pl.col("number")
    own = number.ne_missing(pl.col("head_number")) & ~number.str.ends_with("000")
    whole = (number.str.contains(_WHOLE) & own).fill_null(value=False)
    rest = {"instance": instance, **{name: pl.col(name) for name in WHO[5:]}}
    return [pl.col(name) for name in _ALWAYS] + [pl.when(~whole).then(e).alias(name) for name, e in rest.items()]
