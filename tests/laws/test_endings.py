"""The law of lists that end many: nobody is asked too little, by what the fold makes of a list day by day."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.settle import Fold, Said, endings, holding, of_held
from tests.settle.said import ALLOWANCE, D1, POOR, folded, row, said, stop

Row = Mapping[str, object]
IDENTITIES = [POOR, ALLOWANCE]
#: Days around a list's date, most of them near enough to touch each other.
OFFSETS = st.sampled_from([-300, -40, -10, -1, 0, 1, 2, 9, 30, 90, 300])


@st.composite
def statements(draw: st.DrawFn, on: date, *, stops: bool) -> Row:
    """Something said of the one person."""
    identity = draw(st.sampled_from(IDENTITIES))
    days = sorted(on + timedelta(draw(OFFSETS)) for _ in range(2))
    first, last = (str(day) for day in days)
    if stops and draw(st.booleans()):
        return stop(1, identity, draw(st.sampled_from([None, first])), last)
    return row(1, identity, first, draw(st.sampled_from([None, last])))


@st.composite
def histories(draw: st.DrawFn) -> list[Said]:
    """A full list, and deltas of one or two rows after it."""
    made, on = [said(1, D1, draw(statements(D1, stops=False)), full=True)], D1
    for number in range(2, draw(st.integers(2, 4)) + 1):
        on += timedelta(draw(st.sampled_from([0, 1, 30])))
        rows = draw(st.lists(statements(on, stops=True), min_size=1, max_size=2))
        made.append(said(number, on, *({**one, "row": at} for at, one in enumerate(rows, 1))))
    return made


def held_on(result: Fold, days: Sequence[date]) -> list[set[str]]:
    """The identities that the person holds, day by day."""
    periods = result.state.recognitions.select("identity", "first", "last").rows()
    return [{name for name, first, last in periods if first <= day <= (last or date.max)} for day in days]


@settings(max_examples=60)
@given(histories())
def test_whoever_loses_something_counts(history: list[Said]) -> None:
    """On whatever day within a year of a delta its own rows leave somebody without what they held, and with nothing
    that it states: they count."""
    *earlier, last = history
    before, after, day = folded(*earlier), folded(*history), last.business_date
    found = of_held(endings(last.rows, day), holding(before.state.recognitions, [], day))
    stated = set(last.rows.filter(change="state")["identity"])
    lost, days = set[str](), [day + timedelta(ahead) for ahead in range(1, 367)]
    for had, has in zip(held_on(before, days), held_on(after, days), strict=True):
        lost |= had - has if not stated & has else set()
    assert lost <= set(found["identity"])
