"""What was never true is written down once, and marked where it is believed again."""

from datetime import date

import polars as pl
import pytest
import sqlalchemy as sa

from gateway.model.frames import RECOGNITIONS
from gateway.store import Ledger, Tx, people, takebacks
from gateway.store import tables as t
from gateway.store.takebacks import TAKEN_BACK
from tests.store.test_schema import delivery, run

WRONG, RIGHT = 7, 8
JANUARY, JUNE = date(2026, 1, 1), date(2026, 6, 30)


def believed(*rows: dict[str, object]) -> pl.DataFrame:
    """What a run believes."""
    usual = {
        "instance": "mz", "scope": "", "person_key": WRONG, "identity": "低保对象", "level": "A", "first": JANUARY,
        "last": None, "delivery": 1, "row": 5, "ended_by": "",
    }  # fmt: skip
    return pl.DataFrame([{**usual, **row} for row in rows], schema=RECOGNITIONS)


def meant(*rows: dict[str, object]) -> pl.DataFrame:
    """What rows said of the wrong person."""
    usual = {"instance": "mz", "person_key": WRONG, "identity": "低保对象", "case_id": None}
    return pl.DataFrame([{**usual, **row} for row in rows], schema=TAKEN_BACK)


def settle(tx: Tx, recognitions: pl.DataFrame, rows: pl.DataFrame) -> int:
    """A run that believes this, and found that of these rows; how many it took back."""
    number = run(tx)
    people.replace_recognitions(tx, recognitions, number)
    return takebacks.keep(tx, rows, number)


@pytest.fixture
def lived(ledger: Ledger) -> Ledger:
    """A ledger of one delivery, after a run that believes the wrong thing."""
    with ledger.begin() as tx:
        delivery(tx)
        settle(tx, believed({}), meant())
    return ledger


def test_what_several_lists_said_is_one(lived: Ledger) -> None:
    """A recognition that is gone is taken back once, however many lists repeated it, with the period believed."""
    with lived.begin() as tx:
        assert 1 == settle(tx, believed({"person_key": RIGHT}), meant({}, {}, {"identity": "特困人员"}))
        (one,) = takebacks.listed(tx)
    assert (2, WRONG, "低保对象", "A", JANUARY, None) == (
        one.run_id, one.person_key, one.identity, one.level, one.first, one.last,
    )  # fmt: skip
    assert (1, 5, None, None) == (one.delivery, one.row, one.case_id, one.restored_run)


def test_what_ended_otherwise_is_not_taken_back(lived: Ledger) -> None:
    """A recognition that ends while its rows still mean the person was true, and so is one of another source."""
    with lived.begin() as tx:
        assert 0 == settle(tx, believed({"last": JUNE, "ended_by": "stop"}), meant())
        assert 0 == settle(tx, believed(), meant({"instance": "cl"}, {"person_key": RIGHT}))
        assert [] == takebacks.listed(tx)


@pytest.mark.parametrize(
    ("still", "number"),
    [
        ({"row": 9}, 0),
        ({"first": date(2025, 1, 1), "delivery": 1, "row": 9}, 0),
        ({"row": 9, "level": "B"}, 1),
        ({"row": 9, "last": JUNE}, 1),
        ({"row": 9, "first": JUNE}, 1),
        ({"instance": "cl"}, 1),
    ],
)
def test_what_another_row_says_too_stands(lived: Ledger, still: dict[str, object], number: int) -> None:
    """What the same source says in another row, for the same level and the whole period, was true all the same."""
    with lived.begin() as tx:
        assert number == settle(tx, believed(still), meant({}))


def test_what_is_believed_again_is_marked(lived: Ledger) -> None:
    """A takeback is marked by the run that believes it again; taken back again, it is another one."""
    with lived.begin() as tx:
        settle(tx, believed(), meant({}))
        settle(tx, believed({"first": JUNE}), meant())
        assert [None] == [one.restored_run for one in takebacks.listed(tx)]
        settle(tx, believed({}), meant())
        assert [4] == [one.restored_run for one in takebacks.listed(tx)]
        settle(tx, believed(), meant({}))
        assert [(2, 4), (5, None)] == [(one.run_id, one.restored_run) for one in takebacks.listed(tx)]


def test_a_run_says_who_decided(lived: Ledger) -> None:
    """A takeback leads to its case, where a person decided it, and to its person only."""
    case = {"subject": "told:a", "instance": "mz", "code": "reported", "state": "closed", "opened_at": JANUARY}
    with lived.begin() as tx:
        number = tx.execute(sa.insert(t.cases).values(**case)).inserted_primary_key
        assert number is not None
        settle(tx, believed(), meant({}, {"case_id": number[0]}))
        assert [number[0]] == [one.case_id for one in takebacks.listed(tx, person=WRONG)]
        assert [] == takebacks.listed(tx, person=RIGHT)
