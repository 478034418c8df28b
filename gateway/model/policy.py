"""A place's policy and the platform's code table, as data."""

from dataclasses import dataclass
from datetime import date

#: An open end as the platform writes it; dates from here on mean «still».
OPEN_END = date(2099, 12, 31)


@dataclass(frozen=True, kw_only=True)
class IdentityCode:
    """One row of the code table. The order of the table is the order of precedence for benefits."""

    identity: str
    code: str
    #: Allowed levels, highest first; empty = the identity has none.
    levels: tuple[str, ...] = ()
    #: Months after which the identity ends by itself; None = it does not.
    months: int | None = None


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One way to fulfil a subsidy rule's condition. Exactly one of the fields is set."""

    #: Another identity that is held at the time.
    identity: str | None = None
    #: Age in full years from which it holds.
    age_from: int | None = None
    #: Age in full years below which it holds.
    age_below: int | None = None


@dataclass(frozen=True, kw_only=True)
class SubsidyRule:
    """An identity for which the place pays a share of the premium."""

    identity: str
    #: Share of the premium, 0 to 1.
    share: float
    #: Any of these suffices; empty = no condition.
    when_any: tuple[Condition, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What a place derives from identities. Source: the place's published rules, named in its file."""

    place: str
    source: str
    codes: tuple[IdentityCode, ...]
    subsidies: tuple[SubsidyRule, ...]

    def code_of(self, identity: str) -> IdentityCode:
        """The code table's row of an identity. Raises KeyError for a name that the table lacks."""
        return next(row for row in self.codes if row.identity == identity)
