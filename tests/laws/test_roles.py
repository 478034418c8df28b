"""Which two roles one person may not have together."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from gateway.model.roles import ADMINISTRATORS, Grant, Role, clash

DAYS = st.integers(0, 5).map(lambda days: date(2026, 1, 1) + timedelta(days=days))
GRANTS = st.builds(
    Grant,
    person=st.just("li"),
    role=st.sampled_from(Role),
    county=st.sampled_from(["", "451022", "451023"]),
    instance=st.sampled_from(["", "tax", "civil_affairs"]),
    first=DAYS,
    last=st.none() | DAYS,
)
COUNTIES, INSTANCES = ("451022", "451023"), ("tax", "civil_affairs")


def covers(grant: Grant, county: str, instance: str, day: date) -> bool:
    """By the words of the rule: within the place, on the day."""
    return grant.county in ("", county) and grant.instance in ("", instance) and grant.counts_on(day)


@given(GRANTS, GRANTS)
def test_a_clash_is_of_both(one: Grant, other: Grant) -> None:
    """Which of two was first makes no difference, and nobody clashes with their own role."""
    assert clash(one, other) == clash(other, one)
    assert not clash(one, one)


@given(GRANTS, GRANTS)
def test_nobody_is_clerk_and_approver_of_anything(one: Grant, other: Grant) -> None:
    """Two grants that do not clash never make somebody clerk and approver of one county and source on one day."""
    if {one.role, other.role} == {Role.CLERK, Role.APPROVER} and not clash(one, other):
        days = [date(2026, 1, 1) + timedelta(days=number) for number in range(10)]
        places = [(county, of, day) for county in COUNTIES for of in INSTANCES for day in days]
        assert [] == [place for place in places if covers(one, *place) and covers(other, *place)]


@given(GRANTS, GRANTS)
def test_an_administrator_is_nothing_else(one: Grant, other: Grant) -> None:
    """Wherever one of two roles is an administrator's, they clash on each day that both count."""
    days = [date(2026, 1, 1) + timedelta(days=number) for number in range(10)]
    both = any(one.counts_on(day) and other.counts_on(day) for day in days)
    if one.role is not other.role and {one.role, other.role} & {*ADMINISTRATORS}:
        assert clash(one, other) or not both
