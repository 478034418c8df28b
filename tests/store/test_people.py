"""What is believed of people: written as differences, with who believed it since when."""

from datetime import date

import polars as pl

from gateway.model.frames import DEPARTURES, LISTS, RECOGNITIONS, TIMELINES
from gateway.model.holds import WHOLE, Breach, Place
from gateway.store import Ledger, decisions, people
from tests.store.test_schema import delivery, run

FIRST = date(2024, 3, 1)


def recognised(*rows: tuple[int, str, date | None]) -> pl.DataFrame:
    """(person, level, last) of 低保对象."""
    return pl.DataFrame(
        [
            {
                "instance": "mz",
                "scope": "",
                "person_key": p,
                "identity": "低保对象",
                "level": v,
                "first": FIRST,
                "last": last,
                "delivery": 1,
                "row": p,
                "ended_by": "",
            }
            for p, v, last in rows
        ],
        schema=RECOGNITIONS,
    )


def test_only_what_changed_is_written(ledger: Ledger) -> None:
    """The same belief again writes nothing; what changed ends one row and begins another."""
    with ledger.begin() as tx:
        delivery(tx)
        first, second = run(tx), run(tx)
        one = recognised((1, "A", None), (2, "B", None), (3, "C", date(2026, 1, 1)))
        assert (3, 0) == people.replace_recognitions(tx, one, first)
        assert (0, 0) == people.replace_recognitions(tx, one, second)
        other = recognised((1, "A", None), (2, "C", None))
        assert (1, 2) == people.replace_recognitions(tx, other, second)
    with ledger.begin() as tx:
        assert other.equals(people.recognitions(tx).select(RECOGNITIONS.names()).sort("person_key"))
        assert [("B", first, second), ("C", second, None)] == [
            (r["level"], r["known_from"], r["known_to"]) for r in people.history(tx, 2)
        ]


def test_many_rows_come_back_as_they_were(ledger: Ledger) -> None:
    """Thousands of rows, open ends and all, are read back as they were written, and all can end at once."""
    many = recognised(*((i, "ABC"[i % 3], None if i % 2 else FIRST) for i in range(2500)))
    with ledger.begin() as tx:
        delivery(tx)
        number = run(tx)
        people.replace_recognitions(tx, many, number)
        assert many.equals(people.recognitions(tx).select(RECOGNITIONS.names()).sort("person_key"))
        assert (0, 2500) == people.replace_recognitions(tx, many.clear(), number)


def test_of_some_people_only(ledger: Ledger) -> None:
    """What is said of some people replaces what was believed of them, and leaves everybody else as they were."""
    with ledger.begin() as tx:
        delivery(tx)
        first, second = run(tx), run(tx)
        people.replace_recognitions(tx, recognised((1, "A", None), (2, "B", None), (3, "C", None)), first)
        some = pl.Series([2, 3, 4])
        said = recognised((2, "B", None), (4, "D", None))
        assert (1, 1) == people.replace_recognitions(tx, said, second, people=some)
        believed = people.recognitions(tx)
        assert [(1, "A"), (2, "B"), (4, "D")] == believed.select("person_key", "level").sort("person_key").rows()
        assert [2, 4] == people.recognitions(tx, people=some)["person_key"].sort().to_list()
        assert (0, 0) == people.replace_recognitions(tx, said.clear(), second, people=pl.Series([], dtype=pl.Int64))


def test_what_is_confirmed_of_some_people(ledger: Ledger) -> None:
    """Confirmed lists and adopted records are given of the people asked for, and of nobody else."""
    seen = pl.DataFrame([(1, "1", "x"), (2, "1", "y"), (2**62, "2", "z")], schema=LISTS, orient="row")
    rows = [(person, "1", "7019", "B", FIRST, date(2099, 12, 31), "old") for person in (1, 2, 2**62)]
    standing = pl.DataFrame(rows, schema=TIMELINES, orient="row")
    some = pl.Series([1, 2**62, 5])
    with ledger.begin() as tx:
        people.confirm_readback(tx, seen)
        people.adopt(tx, standing)
        confirmed, adopted = people.confirmed(tx, people=some), people.adopted(tx, people=some)
    assert [(1, "x"), (2**62, "z")] == confirmed.select("person_key", "records").sort("person_key").rows()
    assert [1, 2**62] == adopted["person_key"].sort().to_list()


def test_departures_of_some_deliveries_only(ledger: Ledger) -> None:
    """Departures of the deliveries named are replaced; those of other lists stay."""

    def leaving(*rows: tuple[int, int]) -> pl.DataFrame:
        rows_of = [(one, "", person, "低保对象", FIRST, "held", True) for one, person in rows]
        return pl.DataFrame(rows_of, schema=DEPARTURES, orient="row")

    with ledger.begin() as tx:
        one, two = delivery(tx), delivery(tx, "c2")
        people.replace_departures(tx, leaving((one, 7), (one, 8), (two, 9)))
        people.replace_departures(tx, leaving((one, 8)), deliveries=[one])
        left = [len(people.departures_of(tx, person)) for person in (7, 8, 9)]
    assert [0, 1, 1] == left


def test_departures_are_replaced(ledger: Ledger) -> None:
    """Departures are what the newest settlement says: a state that changed is one row, not two."""

    def leaving(state: str) -> pl.DataFrame:
        return pl.DataFrame([(1, "", 7, "低保对象", FIRST, state, True)], schema=DEPARTURES, orient="row")

    with ledger.begin() as tx:
        delivery(tx)
        for state in ("held", "held", "released"):
            people.replace_departures(tx, leaving(state))
        assert ["released"] == [row["state"] for row in people.departures_of(tx, 7)]
        people.replace_departures(tx, leaving("held").clear())
        assert [] == people.departures_of(tx, 7)


def test_adopted_and_confirmed(ledger: Ledger) -> None:
    """What others wrote, and what the platform confirmed, is read back as it was kept."""
    standing = pl.DataFrame([(1, "1", "7019", "B", FIRST, date(2099, 12, 31), "old")], schema=TIMELINES, orient="row")
    seen = pl.DataFrame([(1, "1", "x"), (1, "2", "y")], schema=LISTS, orient="row")
    with ledger.begin() as tx:
        people.adopt(tx, standing)
        people.confirm_readback(tx, seen)
        assert standing.equals(people.adopted(tx))
        assert [(1, "1", "x", "readback"), (1, "2", "y", "readback")] == people.confirmed(tx).sort("use").rows()


def test_holds_follow_breaches(ledger: Ledger) -> None:
    """A breach opens one hold; one that no longer is is void; what a person decided stays decided."""
    with ledger.begin() as tx:
        one = delivery(tx, business_date=FIRST)

        def breach(leaving: int) -> Breach:
            return Breach(delivery=one, scope="", leaving=leaving, holding=60)

        assert 1 == decisions.keep_holds(tx, [breach(30)], "run", judged={one})
        assert 1 == decisions.keep_holds(tx, [breach(31)], "run", judged={one})
        assert [("open", 31)] == [(h.state, h.leaving) for h in decisions.holds(tx)]
        assert 0 == decisions.keep_holds(tx, [], "run", judged={one})
        assert ["void"] == [h.state for h in decisions.holds(tx)]
        assert 1 == decisions.keep_holds(tx, [breach(30)], "run", judged={one})
        (hold,) = decisions.holds(tx, state="open")
        assert {Place(one, ""): "held"} == decisions.decided(tx)
        decisions.decide_hold(tx, hold.id, "cancelled", actor="li", note="n")
        assert {Place(one, ""): "cancelled"} == decisions.decided(tx)
        for breaches in ([breach(30)], []):
            assert 0 == decisions.keep_holds(tx, breaches, "run", judged={one})
            assert {Place(one, ""): "cancelled"} == decisions.decided(tx)


def test_who_releases_a_list_has_no_hand_in_its_departures(ledger: Ledger) -> None:
    """Approving is not making: departures that show once a whole list is released are the doing of those who brought it
    about, and who released the list may release them too; any other run that opens a hold makes it."""
    with ledger.begin() as tx:
        one, other = (delivery(tx, content, business_date=FIRST) for content in ("c1", "c2"))
        whole, *leave = (
            Breach(delivery=number, scope=scope, leaving=30, holding=60)
            for number, scope in ((one, WHOLE), (one, ""), (other, ""))
        )
        decisions.keep_holds(tx, [whole], "importer", judged={one})
        decisions.decide_hold(tx, decisions.holds(tx)[0].id, "released", actor="approver", note="n")
        decisions.keep_holds(tx, leave, "approver", judged={one, other}, approving=True)
        assert ["importer", "importer", "approver"] == [hold.opened_by for hold in decisions.holds(tx)]


def test_a_hold_covers_a_scope_or_a_group_in_it(ledger: Ledger) -> None:
    """Each group of one list has its own hold, beside that of its scope; a whole list that was held is never void."""
    with ledger.begin() as tx:
        one = delivery(tx, business_date=FIRST)
        places = [("", "", ""), ("", "低保对象", "451024"), ("", "低保对象", ""), (WHOLE, "", "")]
        found = [
            Breach(delivery=one, scope=scope, identity=identity, county=county, leaving=30, holding=60, kind="identity")
            for scope, identity, county in places
        ]
        for _again in range(2):
            assert 4 == decisions.keep_holds(tx, found, "run", judged={one})
        assert {Place(one, *place): "held" for place in places} == decisions.decided(tx)
        assert 1 == decisions.keep_holds(tx, [], "run", judged={one})
        assert {Place(one, WHOLE): "held"} == decisions.decided(tx)


def test_cases_open_close_and_open_again(ledger: Ledger) -> None:
    """A case is open once per subject, closes when its reason is gone, opens again, and leaves others alone."""

    def found(*subjects: str) -> pl.DataFrame:
        return pl.DataFrame(
            [{"subject": s, "instance": "mz", "code": "name_differs", "row": 1, "county": ""} for s in subjects],
            schema=decisions.CASES,
        )

    with ledger.begin() as tx:
        assert (1, 0) == decisions.keep_cases(tx, found("item:1:1"), "item:")
        assert (2, 0) == decisions.keep_cases(tx, found("row:a", "row:b"), "row:")
        assert (0, 0) == decisions.keep_cases(tx, found("row:a", "row:b"), "row:")
        assert (0, 1) == decisions.keep_cases(tx, found("row:a"), "row:")
        assert (1, 0) == decisions.keep_cases(tx, found("row:a", "row:b"), "row:")
        assert [("mz", "name_differs", 3)] == decisions.case_counts(tx)
        assert {"item:1:1", "row:a", "row:b"} == {case["subject"] for case in decisions.cases(tx)}
