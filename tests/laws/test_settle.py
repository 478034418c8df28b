"""The laws of settling, as properties of whatever departments may say."""

import itertools
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.model.frames import LISTS, RECOGNITIONS, TIMELINES, empty
from gateway.model.policy import OPEN_END
from gateway.settle import Limits, Said, benefit_intervals, changes, timelines
from tests.settle.said import (
    ALLOWANCE,
    D1,
    FLAGS_FROM,
    ILL,
    POLICY,
    POOR,
    STABLE,
    UNSTABLE,
    folded,
    periods,
    row,
    said,
    stop,
)

IDENTITIES = [(POOR, ""), (ALLOWANCE, "A"), (ALLOWANCE, "B"), (UNSTABLE, ""), (ILL, ""), (STABLE, "")]
DAYS = st.integers(-500, 500).map(lambda n: D1 + timedelta(days=n))
PEOPLE = st.integers(1, 4)


@st.composite
def rows(draw: st.DrawFn, *, stops: bool, on: date) -> dict[str, Any]:
    """One statement, or a 停发."""
    identity, level = draw(st.sampled_from(IDENTITIES))
    first = draw(DAYS)
    if stops and draw(st.booleans()):
        return stop(draw(PEOPLE), identity, str(first), str(first + timedelta(days=draw(st.integers(0, 400)))), on=on)
    last = draw(st.none() | st.integers(0, 400).map(lambda n: str(first + timedelta(days=n))))
    return row(draw(PEOPLE), identity, str(first), last, level=level)


@st.composite
def histories(draw: st.DrawFn) -> list[Said]:
    """Deliveries of one instance, full and delta, over some days; one row per person, identity and delivery."""
    made, on = [], D1
    for number in range(1, draw(st.integers(1, 6)) + 1):
        full = number == 1 or draw(st.booleans())
        on += timedelta(days=draw(st.integers(0, 3)))
        body = draw(st.lists(rows(stops=not full, on=on), max_size=6))
        unique: dict[Any, Mapping[str, object]] = {(r["person_key"], r["identity"], r["change"]): r for r in body}
        made.append(said(number, on, *unique.values(), full=full))
    return made


@settings(max_examples=60)
@given(st.data())
def test_the_order_of_arrival_does_not_matter(data: st.DataObject) -> None:
    """Whatever order deliveries arrive in, the recognitions, departures and breaches are the same."""
    history = data.draw(histories())
    shuffled = data.draw(st.permutations(history))
    one, other = folded(*history), folded(*shuffled)
    assert one.state.recognitions.equals(other.state.recognitions)
    assert one.departures.equals(other.departures)
    assert one.breaches == other.breaches


@settings(max_examples=60)
@given(histories(), st.integers(0, 5))
def test_the_same_list_again_changes_nothing(history: list[Said], days: int) -> None:
    """The last full list said once more, on a later day, ends nobody and begins nobody."""
    full = [one for one in history if one.mode == "full"][-1]
    upto = history[: history.index(full) + 1]
    again = said(99, upto[-1].business_date + timedelta(days=days), *full.rows.iter_rows(named=True), full=True)
    assert periods(folded(*upto)) == periods(folded(*upto, again))


@settings(max_examples=60)
@given(histories(), st.integers(0, 3))
def test_the_guard_lets_nothing_through(history: list[Said], number: int) -> None:
    """No list's departures end anybody's identity where their number is past the limits and nobody released them."""
    limits = Limits(share=0, number=number)
    result = folded(*history, limits=limits)
    states = (
        result.departures.filter(pl.col("left_out")).group_by("delivery", "state").agg(pl.col("person_key").n_unique())
    )
    assert all(people <= number for _delivery, state, people in states.rows() if state == "released")
    held = {breach.delivery for breach in result.breaches}
    assert set() == held & set(
        result.departures.filter(pl.col("left_out") & (pl.col("state") == "released"))["delivery"]
    )


INTERVAL = st.tuples(
    st.integers(1, 2), st.sampled_from(IDENTITIES), DAYS, st.none() | st.integers(0, 300), st.sampled_from(["mz", "cl"])
)


@settings(max_examples=60)
@given(st.lists(INTERVAL, max_size=10))
def test_a_timeline_is_the_highest_of_every_day(held: list[Any]) -> None:
    """Periods are in order and never overlap, no neighbours could be one, and each day has the highest identity."""
    frame = pl.DataFrame(
        [
            {
                "instance": i,
                "person_key": p,
                "identity": n,
                "level": v,
                "first": f,
                "last": None if d is None else f + timedelta(days=d),
            }
            for p, (n, v), f, d, i in held
        ],
        schema={n: RECOGNITIONS[n] for n in ("instance", "person_key", "identity", "level", "first", "last")},
    )
    nothing = empty(TIMELINES)
    made = timelines({"1": benefit_intervals(frame, nothing, POLICY, FLAGS_FROM)}, FLAGS_FROM)
    order = [code.identity for code in POLICY.codes]
    for person in (1, 2):
        line = made.filter(pl.col("person_key") == person).select("first", "last", "code", "level").rows()
        for (_f, last, *one), (first, _l, *other) in itertools.pairwise(line):
            assert last < first and (one != other or last + timedelta(days=1) < first)
        for offset in range(-400, 900, 7):
            on = D1 + timedelta(days=offset)
            covering = [
                (order.index(n), v, POLICY.code_of(n).code)
                for p, (n, v), f, d, _i in held
                if p == person and f <= on <= (OPEN_END if d is None else f + timedelta(days=d))
            ]
            expected = [min(covering)[:0:-1]] if covering and on >= FLAGS_FROM else []
            assert expected == [(code, level) for first, last, code, level in line if first <= on <= last]


LISTINGS = st.dictionaries(st.tuples(PEOPLE, st.sampled_from("12")), st.sampled_from("abc"), max_size=6)


@given(LISTINGS, LISTINGS)
def test_what_is_sent_makes_one_the_other(wanted: dict[Any, str], confirmed: dict[Any, str]) -> None:
    """apply(diff(a, b), a) = b: after the changes the platform holds what is wanted; nothing is sent twice."""

    def frame(listing: dict[Any, str]) -> pl.DataFrame:
        return pl.DataFrame([(p, u, r) for (p, u), r in listing.items()], schema=LISTS, orient="row")

    sent = {(p, u): r for p, u, r in changes(frame(wanted), frame(confirmed)).rows()}
    assert wanted == {k: v for k, v in {**confirmed, **sent}.items() if v}
    assert all(confirmed.get(k, "") != v for k, v in sent.items())
    assert [] == changes(frame(wanted), frame(wanted)).rows()
