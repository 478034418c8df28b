"""What people decided is kept, and what it does to the cases that runs find."""

from datetime import date, datetime

import polars as pl
import pytest
import sqlalchemy as sa

from gateway.errors import StoreFault
from gateway.model.verdicts import Verdict
from gateway.store import Ledger, Tx, decisions, verdicts
from gateway.store import tables as t
from gateway.store.dialect import make_engine
from tests.store.test_schema import delivery, upgrade

MONDAY = date(2026, 11, 2)


def found(*subjects: str, **more: object) -> pl.DataFrame:
    """What a run finds about these subjects."""
    row = {"instance": "mz", "code": "name_differs", "row": 1, "county": "451022", **more}
    return pl.DataFrame([{"subject": subject, **row} for subject in subjects], schema=decisions.CASES)


def answered(tx: Tx, verdict: Verdict, **more: object) -> int:
    """A decision about the first case."""
    values = {"person": None, "excluded": [], "until": None, "actor": "li", "note": "n", **more}
    return verdicts.add(tx, case=1, digest=7, sealed_claim=b"sealed", verdict=verdict, **values)  # type: ignore[arg-type]


def states(tx: Tx) -> list[str]:
    return [case["state"] for case in decisions.cases(tx, state=None)]


def test_a_decision_is_kept_and_undone_but_never_lost(ledger: Ledger) -> None:
    """A decision comes back as it was written; undone, it is in force no longer and still to be read."""
    key = (1 << 63) - 1
    with ledger.begin() as tx:
        decisions.open_cases(tx, found("row:a"))
        first = answered(tx, Verdict.NOBODY, excluded=[key, 2])
        second = answered(tx, Verdict.SAME, person=key)
        answered(tx, Verdict.LATER, until=MONDAY)
        assert [(first, [key, 2], None), (second, [], key)] == [
            (row.id, row.excluded, row.person_key) for row in verdicts.in_force(tx)
        ]
        verdicts.undo(tx, second, actor="wang")
        assert [first] == [row.id for row in verdicts.in_force(tx)]
        assert [None, "wang", None] == [row.undone_by for row in verdicts.of_case(tx, 1)]


def test_an_unknown_verdict_is_refused(ledger: Ledger) -> None:
    """A decision that nobody knows, and a case's state that nobody knows, are refused by the database."""
    with ledger.begin() as tx:
        decisions.open_cases(tx, found("row:a"))
        answered(tx, Verdict.SAME)
    for table, values in ((t.verdicts, {"verdict": "perhaps"}), (t.cases, {"state": "lost"})):
        with pytest.raises(StoreFault), ledger.begin() as tx:
            tx.execute(sa.update(table).values(**values))


def test_a_case_that_was_put_off_waits_for_its_day(ledger: Ledger) -> None:
    """A case that was put off stays so while runs find it, is open again on its day, and closes where it is gone."""
    with ledger.begin() as tx:
        decisions.keep_cases(tx, found("row:a", "row:b"), "row:")
        for case in (1, 2):
            decisions.answer_case(tx, case, "later", until=MONDAY)
        assert (0, 1) == decisions.keep_cases(tx, found("row:a"), "row:")
        decisions.wake_cases(tx, date(2026, 11, 1))
        assert ["later", "closed"] == states(tx)
        decisions.wake_cases(tx, MONDAY)
        assert ["open", "closed"] == states(tx)
        assert [None] == [case["later_until"] for case in decisions.cases(tx)]


def test_a_remark_that_was_dealt_with_does_not_come_back(ledger: Ledger) -> None:
    """Who moved away is looked at once, however often the list says it; a doubt that runs still find opens again."""
    with ledger.begin() as tx:
        for code, opened in (("moved_away", 0), ("life_unknown", 0), ("name_differs", 1)):
            subject = found(f"row:{code}", code=code)
            decisions.keep_cases(tx, subject, f"row:{code}")
            case = decisions.cases(tx)[0]["id"]
            number = verdicts.add(
                tx, case=case, digest=7, sealed_claim=b"", verdict=Verdict.SAME, person=3, excluded=[], until=None,
                actor="li", note="n",
            )  # fmt: skip
            decisions.answer_case(tx, case, "closed")
            assert (opened, 0) == decisions.keep_cases(tx, subject, f"row:{code}")
            verdicts.undo(tx, number, actor="li")
            decisions.answer_case(tx, case, "closed")
            assert (1, 0) == decisions.keep_cases(tx, subject, f"row:{code}")
            decisions.answer_case(tx, case, "closed")


def test_a_case_follows_its_subject(ledger: Ledger) -> None:
    """A case leads to the newest row that says it, and to whom that seems to mean; others are left alone."""
    with ledger.begin() as tx:
        first, second = delivery(tx), delivery(tx, "c2")
        decisions.keep_cases(tx, found("row:a", "row:b", delivery_id=first), "row:")
        newer = found("row:a", delivery_id=second, row=9, person_key=5, county="")
        assert (0, 0) == decisions.keep_cases(tx, pl.concat([newer, found("row:b", delivery_id=first)]), "row:")
        assert [(second, 9, 5, ""), (first, 1, None, "451022")] == [
            tuple(case[name] for name in ("delivery_id", "row", "person_key", "county")) for case in decisions.cases(tx)
        ]


def test_one_case_a_subject_whoever_opens_it(ledger: Ledger) -> None:
    """What a person tells of opens one case, the same one again after it was closed; a run leaves it alone."""
    row = found("told:a").row(0, named=True)
    with ledger.begin() as tx:
        number = decisions.open_case(tx, **row)
        assert (0, 0) == decisions.keep_cases(tx, found(), "row:")
        decisions.answer_case(tx, number, "closed")
        assert number == decisions.open_case(tx, **row)
        assert ["open"] == states(tx)


def test_cases_are_found_by_county_and_age(ledger: Ledger) -> None:
    """A county's cases are listed alone, oldest first; those that wait too long are counted, if they are open."""
    with ledger.begin() as tx:
        decisions.open_cases(tx, found("row:a", "row:b", "row:c"))
        decisions.open_cases(tx, found("row:d", county="451023"))
        for case, day in ((1, 3), (2, 1), (3, 2)):
            tx.execute(sa.update(t.cases).where(t.cases.c.id == case).values(opened_at=datetime(2026, 1, day)))
        decisions.answer_case(tx, 3, "closed")
        assert [2, 1] == [case["id"] for case in decisions.cases(tx, county="451022")]
        assert [4] == [case["id"] for case in decisions.cases(tx, county="451023")]
        before = datetime(2026, 1, 3)
        assert [1, 0] == [decisions.count_cases(tx, before=before, county=c) for c in ("451022", "451023")]


def test_cases_survive_the_migration(url: str) -> None:
    """A ledger of the first schema keeps its cases; their county is unknown, and they can be decided."""
    upgrade(url, "0001")
    engine = make_engine(url)
    columns = {"instance": "mz", "code": "name_differs", "opened_at": datetime(2026, 11, 1)}
    old = sa.table("cases", *(sa.column(name) for name in (*columns, "subject", "state", "person_key")))
    with engine.begin() as connection:
        for at, state in enumerate(("open", "closed")):
            key = (1 << 62) + at
            connection.execute(sa.insert(old).values(subject=f"row:{at}", state=state, person_key=key, **columns))
    engine.dispose()
    ledger = Ledger(url)
    ledger.migrate()
    with ledger.begin() as tx:
        kept = decisions.cases(tx, state=None)
        answered(tx, Verdict.LATER, until=MONDAY)
    ledger.close()
    assert [("row:0", "open", 1 << 62, "", None), ("row:1", "closed", (1 << 62) + 1, "", None)] == [
        tuple(case[name] for name in ("subject", "state", "person_key", "county", "later_until")) for case in kept
    ]
