"""What one person holds, moment by moment: the rules of the timeline, written out plainly.

Takes claims (identity, level, first and last day), records that stand already, and a birth day; gives the
records that the platform should hold for one use. It walks from one day on which anything changes to the
next and asks who is highest there. It shares nothing with the gateway's own rules, since it is their
check. Refuses nothing.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

#: Before this day nothing is sent (the samples' `flags_from`).
FLAGS_FROM = date(2026, 1, 1)
#: How an open end is written; `None` means it here.
OPEN_END = "2099-12-31 00:00:00"

EXTREME, ORPHAN, UNSUPPORTED, ALLOWANCE, BACK, MARGINAL = "7131", "7041", "7141", "7019", "7202", "7201"
UNSTABLE, CLOSE, SUDDEN, EXPENSES, DISABLED, STABLE = "7203", "7204", "7205", "7110", "7069", "7200"

#: Use 1, from the highest (the code table of the insurance platform's contract).
BENEFIT_ORDER = (
    EXTREME, ORPHAN, UNSUPPORTED, ALLOWANCE, BACK, MARGINAL, UNSTABLE, CLOSE, SUDDEN, EXPENSES, DISABLED,
    STABLE,
)  # fmt: skip
#: Use 2, from the highest; marginal families only under a condition (Baise, 2026).
SUBSIDY_ORDER = (EXTREME, ORPHAN, UNSUPPORTED, ALLOWANCE, UNSTABLE, MARGINAL)
_ORDERS = {1: BENEFIT_ORDER, 2: SUBSIDY_ORDER}

_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, order=True)
class Claim:
    """An identity from a first to a last day, both inclusive; `last` None is open."""

    code: str
    level: str
    first: date
    last: date | None

    def holds_on(self, day: date) -> bool:
        """Whether the day lies in the claim."""
        return self.first <= day and (self.last is None or day <= self.last)


def timeline(claims: list[Claim], standing: list[Claim], born: date, use: int) -> list[Claim]:
    """The records of one use, in order and without overlap.

    `claims` come from the departments; `standing` are the platform's own records of this use, which take
    part in the precedence, and of which what lies before `FLAGS_FROM` stays as it is.
    """
    before = [_until(record, FLAGS_FROM - _ONE_DAY) for record in standing if record.first < FLAGS_FROM]
    days = _turning_points(claims + standing, born)
    records = sorted(before, key=lambda record: record.first)
    for start, following in pairwise([*days, None]):
        assert start is not None
        best = _highest(claims, standing, born, use, start)
        if best is not None:
            last = None if following is None else following - _ONE_DAY
            records.append(Claim(best[0], best[1], start, last))
    return _merged(records)


def _until(record: Claim, day: date) -> Claim:
    if record.last is not None and record.last <= day:
        return record
    return Claim(record.code, record.level, record.first, day)


def _turning_points(claims: list[Claim], born: date) -> list[date]:
    """Every day from `FLAGS_FROM` on at which the answer may change."""
    days = {FLAGS_FROM}
    for claim in claims:
        days.add(claim.first)
        if claim.last is not None:
            days.add(claim.last + _ONE_DAY)
        if claim.code == MARGINAL:
            days.update((birthday(born, 18), birthday(born, 60)))
    return sorted(day for day in days if day >= FLAGS_FROM)


def _highest(
    claims: list[Claim], standing: list[Claim], born: date, use: int, day: date
) -> tuple[str, str] | None:
    """(identity, level) that goes first on that day; None where nothing does."""
    order = _ORDERS[use]
    found = [
        (order.index(claim.code), claim.level)
        for claim in claims
        if claim.holds_on(day)
        and claim.code in order
        and (use == 1 or is_subsidised(claim, claims, born, day))
    ]
    found += [(order.index(record.code), record.level) for record in standing if record.holds_on(day)]
    if not found:
        return None
    place, level = min(found)
    return order[place], level


def is_subsidised(claim: Claim, claims: list[Claim], born: date, day: date) -> bool:
    """Marginal families only while severely disabled, at least 60, or under 18; the others always."""
    if claim.code != MARGINAL:
        return True
    if day < birthday(born, 18) or day >= birthday(born, 60):
        return True
    return any(other.code == DISABLED and other.holds_on(day) for other in claims)


def birthday(born: date, years: int) -> date:
    """The day on which somebody turns so many years old; 1 March for 29 February in a common year."""
    try:
        return born.replace(year=born.year + years)
    except ValueError:
        return date(born.year + years, 3, 1)


def twelve_months(first: date) -> date:
    """The last of twelve months that begin on `first`."""
    return birthday(first, 1) - _ONE_DAY


def _merged(records: list[Claim]) -> list[Claim]:
    """Neighbours with the same identity and level are one."""
    merged: list[Claim] = []
    for record in records:
        past = merged[-1] if merged else None
        if past is not None and _continues(past, record):
            merged[-1] = Claim(past.code, past.level, past.first, record.last)
        else:
            merged.append(record)
    return merged


def _continues(past: Claim, record: Claim) -> bool:
    same = (past.code, past.level) == (record.code, record.level)
    return same and past.last is not None and past.last + _ONE_DAY == record.first
