"""Roles, and grants of them to people: what a grant covers, and which two of one person may not be together.

Who makes a change does not approve it, so nobody is clerk and approver of the same county and source; and of the three
administrators (三员分立) each is somebody else, who holds nothing beside it.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Role(StrEnum):
    """What somebody is to the site."""

    #: 系统管理员: runs the site, and asks for grants.
    SYSTEM = "sysadmin"
    #: 安全管理员: says who may do what.
    SECURITY = "security"
    #: 审计管理员: reads what all the others did.
    AUDIT = "auditor"
    #: 经办: decides cases, and changes things.
    CLERK = "clerk"
    #: 复核: approves what others changed.
    APPROVER = "approver"


#: Each of another person, and of the whole site.
ADMINISTRATORS = (Role.SYSTEM, Role.SECURITY, Role.AUDIT)


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A role of one person, for a place and a time."""

    #: The operating system's name.
    person: str
    role: Role
    #: Six digits; "" = all counties.
    county: str = ""
    #: A source; "" = all of them.
    instance: str = ""
    #: The days on which it counts, in China; None = without an end.
    first: date
    last: date | None = None

    def counts_on(self, day: date) -> bool:
        """Whether it counts on that day."""
        return self.first <= day and (self.last is None or day <= self.last)


def clash(one: Grant, other: Grant) -> bool:
    """Whether nobody may hold both."""
    if one.role is other.role or not _at_once(one, other):
        return False
    if one.role in ADMINISTRATORS or other.role in ADMINISTRATORS:
        return True
    return _meet(one.county, other.county) and _meet(one.instance, other.instance)


def _at_once(one: Grant, other: Grant) -> bool:
    return (one.last is None or other.first <= one.last) and (other.last is None or one.first <= other.last)


def _meet(one: str, other: str) -> bool:
    return one == other or "" in (one, other)
