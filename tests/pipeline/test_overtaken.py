"""A person who decides while a settlement is written down: both count, whoever is first, and neither fails."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from datetime import date

import pytest
import sqlalchemy as sa

from gateway.acts import cases, holds
from gateway.acts.runs import Patience
from gateway.bootstrap import open_site
from gateway.errors import TryLater
from gateway.model.verdicts import Verdict
from gateway.site import Site
from gateway.store import decisions
from gateway.store.decisions import HoldRow
from tests.pipeline.forge import civil, csv_of, table
from tests.pipeline.rig import Rig

pytestmark = pytest.mark.slow

NOTE = "核对过户口簿"
#: What a settlement writes first.
FIRST = "UPDATE runs SET settled_at"
#: Seconds in which whoever need not wait for the settlement has long been done.
A_MOMENT = 2.0


@contextmanager
def meanwhile(rig: Rig, written: str, act: Callable[[Site], None]) -> Iterator[None]:
    """Another process acts as soon as a run has written what begins so, in the midst of its transaction."""
    other, pool, engine = open_site(rig.site.settings.root), ThreadPoolExecutor(1), rig.site.ledger._engine
    begun: list[Future[None]] = []

    def wrote(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if not begun and statement.startswith(written):
            begun.append(pool.submit(act, other))
            wait(begun, A_MOMENT)

    sa.event.listen(engine, "after_cursor_execute", wrote)
    try:
        yield
        (done,) = begun
        done.result()
    finally:
        sa.event.remove(engine, "after_cursor_execute", wrote)
        pool.shutdown()
        other.ledger.close()


@pytest.mark.parametrize("written", [FIRST, "UPDATE cases"])
def test_a_case_may_be_decided_meanwhile(settled: Rig, civil_csv: bytes, written: str) -> None:
    """A case that somebody decides while a settlement writes down that a newer list has the row, too: the run ends
    well, and the next one settles the decision."""
    with settled.site.ledger.begin() as tx:
        case = next(row["id"] for row in decisions.cases(tx) if row["code"] == "name_differs")
    # In another order, so that the case goes on to another row.
    civil(2, csv_of(table(civil_csv).reverse()), day=date(2026, 11, 2)).put(settled.outbox)

    def decides(other: Site) -> None:
        cases.decide(other, case, Verdict.NOBODY, note=NOTE, actor="clerk", settle=False)

    with meanwhile(settled, written, decides):
        assert [] == settled.run(2).faults
    assert [] == settled.run(2).faults
    with settled.site.ledger.begin() as tx:
        row = decisions.case(tx, case)
    assert row is not None
    assert "closed" == row["state"]


@pytest.mark.parametrize("written", [FIRST, "UPDATE holds"])
def test_a_hold_may_be_decided_meanwhile(settled: Rig, civil_csv: bytes, written: str) -> None:
    """A hold that somebody rejects while a settlement writes down that it stands: the run ends well, and the hold is
    rejected."""
    whole = table(civil_csv)
    civil(2, csv_of(whole.head(whole.height // 2)), day=date(2026, 11, 3)).put(settled.outbox)
    settled.run(3)
    (hold,) = open_holds(settled)
    civil(3, csv_of(whole.slice(1)), day=date(2026, 11, 2)).put(settled.outbox)

    def rejects(other: Site) -> None:
        with suppress(TryLater):  # it is written down, and the run goes on
            holds.reject(other, hold.id, note=NOTE, actor="colleague", patience=Patience())

    with meanwhile(settled, written, rejects):
        assert [] == settled.run(4).faults
    assert [] == settled.run(4).faults
    assert [] == open_holds(settled)


def open_holds(rig: Rig) -> list[HoldRow]:
    with rig.site.ledger.begin() as tx:
        return decisions.holds(tx, state="open")
