"""What waits for a person: departures of a scope or of a group in it, or a whole list; and what a release lets through.

A release is of one set of people or rows and no other: `set_digest` tells one set from another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import NamedTuple

import polars as pl

#: The scope of a hold that holds a whole list.
WHOLE = "*"


class Place(NamedTuple):
    """What one hold covers."""

    delivery: int
    #: The list's scope, or `WHOLE`.
    scope: str
    #: Of a group: the identity whose departures are held; "" = all departures of the scope.
    identity: str = ""
    #: Of a group: six digits of the county, "" = unknown.
    county: str = ""


#: Place -> the digest of the set whose release a person approved.
Approved = Mapping[Place, str]
#: What a release of departures lets through: whoever stands there loses that identity.
LEAVES = ("scope", "person_key", "identity")


def set_digest(place: Place, rows: pl.DataFrame) -> str:
    """64 hex digits, the same for the same rows in whatever order, another for another place or set.

    Of departures, `rows` are `LEAVES`; of a whole list, what each of its rows comes to. People are person keys.
    """
    text = rows.unique().sort(rows.columns).write_csv()
    return sha256(f"{list(place)}\n{text}".encode()).hexdigest()


@dataclass(frozen=True, kw_only=True)
class Breach:
    """Why something must be held, in numbers."""

    delivery: int
    scope: str
    #: People who would leave; of a whole list, the rows that speak against it.
    leaving: int
    #: People who hold something there; of a whole list, all that it has of what `leaving` counts.
    holding: int
    #: scope | empty | incomplete | formulas_failed | identity; of a whole list wrong_department, wrong_month,
    #: wrong_county, mostly_unusable, more_unusable, many_endings, mix_changed or many_arrivals.
    kind: str = "scope"
    identity: str = ""
    county: str = ""
    #: `set_digest` of what a release would let through. Follows from the set, which the other fields only count.
    digest: str = field(default="", compare=False)
    #: How many people must approve it.
    approvals: int = field(default=1, compare=False)

    @property
    def place(self) -> Place:
        """What is to be held."""
        return Place(self.delivery, self.scope, self.identity, self.county)
