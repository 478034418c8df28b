"""What may happen around an open hold: nobody who is held leaves before the hold itself is released."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
import time_machine

from gateway.acts import cases, holds, lists, runs, undo
from gateway.errors import ExitCode, NotAllowed
from gateway.model.deliveries import Mode
from gateway.model.verdicts import Verdict
from gateway.pipeline.bring import Brought
from gateway.store import decisions
from tests.pipeline.forge import civil, csv_of, table
from tests.pipeline.rig import Rig, limited

CIVIL = "civil_affairs"
SECOND, THIRD = date(2026, 11, 2), date(2026, 11, 3)
NOW = datetime(2026, 11, 3, 4, tzinfo=UTC)
NOTE = "已核实"


@dataclass(frozen=True, kw_only=True)
class Held:
    """A site with an open hold of half of a list."""

    rig: Rig
    csv: bytes
    #: The run that pushed the first list.
    run: int
    folder: Path

    def bring(self, rows: pl.DataFrame, mode: Mode, sequence: int, day: date = THIRD) -> None:
        """A clerk imports a list of these rows."""
        file = self.folder / f"list{sequence}.csv"
        file.write_bytes(csv_of(rows))
        brought = Brought(file=file, mode=mode, business_date=day, scope="", sequence=sequence)
        lists.import_list(self.rig.site, CIVIL, brought, actor="clerk", day=THIRD)

    def state(self) -> tuple[str, str, int]:
        """The hold's state and digest, and how many are in it."""
        (hold,) = [one for one in holds.held(self.rig.site, every=True, actor="clerk") if one.id == 1]
        return hold.state, hold.digest, hold.leaving


@pytest.fixture
def half(civil_rig: Rig, civil_csv: bytes, tmp_path: Path) -> Iterator[Held]:
    """Half of the first list's people are left out by the second."""
    with time_machine.travel(NOW, tick=True):
        civil(1, civil_csv).put(civil_rig.outbox)
        run = civil_rig.run().run
        civil(2, csv_of(table(civil_csv).head(table(civil_csv).height // 2)), day=SECOND).put(civil_rig.outbox)
        assert ExitCode.HELD == civil_rig.run(2).exit_code
        yield Held(rig=civil_rig, csv=civil_csv, run=run, folder=tmp_path)


def _resync(held: Held) -> None:
    runs.resync(held.rig.site, CIVIL, actor="clerk")


def _by_hand(held: Held) -> None:
    runs.run(held.rig.site, [], THIRD, actor="second-clerk", pull=False)


def _dry(held: Held) -> None:
    runs.would_change(held.rig.site, CIVIL, actor="clerk")


def _delta_of_others(held: Held) -> None:
    held.bring(table(held.csv).head(3).with_columns(变动类型=pl.lit("变更")), Mode.DELTA, 3)


def _the_same_half_again(held: Held) -> None:
    held.bring(table(held.csv).head(table(held.csv).height // 2), Mode.FULL, 3)


def _everybody_again(held: Held) -> None:
    held.bring(table(held.csv), Mode.FULL, 3, SECOND)


def _a_case(held: Held) -> None:
    with held.rig.site.ledger.begin() as tx:
        case = next(row["id"] for row in decisions.cases(tx) if row["delivery_id"])
    cases.decide(held.rig.site, case, Verdict.NOBODY, note=NOTE, actor="clerk", day=THIRD)
    cases.undo(held.rig.site, case, note=NOTE, actor="clerk", day=THIRD)


def _an_undo_that_was_rejected(held: Held) -> None:
    number = undo.ask(held.rig.site, held.run, actor="clerk", note=NOTE).row.id
    undo.reject(held.rig.site, number, actor="colleague", note=NOTE, day=THIRD)


def _an_undo_taken_back(held: Held) -> None:
    number = undo.ask(held.rig.site, held.run, actor="clerk", note=NOTE).row.id
    undo.release(held.rig.site, number, actor="colleague", note=NOTE, day=THIRD)
    undo.reject(held.rig.site, number, actor="second-colleague", note=NOTE, day=THIRD)


def _no_limits(held: Held) -> None:
    rig = limited(held.rig, "number = 1000, identity_number = 1000")
    rig.run(3)
    rig.site.ledger.close()


WAYS: list[Callable[[Held], None]] = [_delta_of_others, _an_undo_taken_back, _no_limits]
MORE_WAYS: list[Callable[[Held], None]] = [
    _resync, _by_hand, _dry, _the_same_half_again, _everybody_again, _a_case, _an_undo_that_was_rejected,
]  # fmt: skip


@pytest.mark.parametrize(
    "way",
    [*WAYS, *(pytest.param(way, marks=pytest.mark.long) for way in MORE_WAYS)],
    ids=lambda way: way.__name__.strip("_"),
)
def test_no_other_way_leads_around_a_hold(half: Held, way: Callable[[Held], None]) -> None:
    """Whatever else people do while it is open, nobody in it leaves, and it stays open over the same people or others,
    but never over nobody."""
    before = half.rig.records()
    way(half)
    assert before == half.rig.records()
    state, _digest, leaving = half.state()
    assert ("open", True) == (state, leaving > 0)


@pytest.mark.parametrize(
    "way",
    [_everybody_again, pytest.param(_the_same_half_again, marks=pytest.mark.long)],
    ids=lambda way: way.__name__.strip("_"),
)
def test_a_release_is_of_its_own_list(half: Held, way: Callable[[Held], None]) -> None:
    """Once the first hold is released, whom a later list states again stays, and whom it leaves out as well waits no
    longer for anybody: they had left before."""
    before = half.rig.records()
    way(half)
    _state, digest, _leaving = half.state()
    _released(half.rig, 1, digest)
    assert (before == half.rig.records()) == (way is _everybody_again)
    assert "released" == half.state()[0]


def _released(rig: Rig, number: int, digest: str) -> None:
    hold = holds.hold(rig.site, number, actor="clerk")
    for who in ("colleague", "second-colleague")[: hold.approvals]:
        holds.release(rig.site, number, digest=digest, actor=who, note=NOTE, day=THIRD)


def test_a_digest_that_became_stale_in_the_same_second(half: Held) -> None:
    """Between the look and the release, with the clock standing still, a list came: the old digest releases nothing,
    and the release of the new one lets nobody go who was not in it."""
    _state, old, _leaving = half.state()
    before = half.rig.records()
    rows = table(half.csv)
    with time_machine.travel(NOW, tick=False):
        civil(3, csv_of(rows.tail(rows.height // 2)), day=SECOND).put(half.rig.outbox)
        half.rig.run(3)
        with_new = {one.id: one.digest for one in holds.held(half.rig.site, actor="clerk")}
        if with_new[1] != old:
            with pytest.raises(NotAllowed, match="摘要"):
                holds.release(half.rig.site, 1, digest=old, actor="colleague", note=NOTE, day=THIRD)
    assert 2 == len(with_new)
    assert before == half.rig.records()
