"""Lists whose own rows end what many hold: a person looks first, whoever makes the mistake and however it comes."""

from collections.abc import Callable
from datetime import date

import polars as pl
import pytest

from gateway.acts import holds
from gateway.errors import ExitCode
from gateway.model.holds import WHOLE
from gateway.store.decisions import HoldRow
from tests.pipeline.forge import NUMBER, civil, csv_of, table
from tests.pipeline.rig import Records, Rig, limited

SECOND, THIRD, FOURTH = (date(2026, 11, day) for day in (2, 3, 4))
CIVIL = "civil_affairs"


def still(csv: bytes) -> pl.DataFrame:
    """Rows of the list that nothing has ended."""
    return table(csv).filter(pl.col("停止日期").is_null())


def stopped(rows: pl.DataFrame, day: str | None) -> bytes:
    """A delta that stops them."""
    return csv_of(rows.with_columns(pl.lit(day, pl.String).alias("停止日期"), 变动类型=pl.lit("停发")))


def until(csv: bytes, day: str) -> bytes:
    """A full list that gives everybody this last day."""
    return csv_of(table(csv).with_columns(pl.lit(day).alias("停止日期")))


def the_hold(rig: Rig) -> HoldRow:
    """What waits for a person."""
    (hold,) = holds.held(rig.site, actor="clerk")
    return hold


@pytest.mark.parametrize("day", [None, "2026-10-31", "2026-11-30"])
@pytest.mark.parametrize("of", [1, 2], ids=["everybody", "half of them"])
def test_a_delta_that_stops_many_is_held(settled: Rig, civil_csv: bytes, of: int, day: str | None) -> None:
    """停发 for everybody, or for half of them, ends nobody until a person releases it; what comes after it waits."""
    before, rows = settled.records(), still(civil_csv)
    delta = civil(2, stopped(rows.gather_every(of), day), day=SECOND, mode="D")
    delta.put(settled.outbox)
    assert ExitCode.HELD == settled.run(2).exit_code
    hold = the_hold(settled)
    assert ("held", "many_endings") == (settled.row(delta.stem).state, settled.row(delta.stem).code)
    assert (WHOLE, "many_endings") == (hold.scope, hold.kind)
    assert 20 < hold.leaving <= hold.holding
    after = civil(3, stopped(rows.head(1), day), day=THIRD, mode="D")
    after.put(settled.outbox)
    assert ExitCode.HELD == settled.run(3).exit_code
    assert ("waiting", before) == (settled.row(after.stem).state, settled.records())


def test_a_person_has_the_last_word_on_stops(settled: Rig, civil_csv: bytes) -> None:
    """Released, the delta ends those whom it stops; rejected, it never does, and the next full list is taken."""
    before, rows = settled.records(), still(civil_csv)
    rejected = civil(2, stopped(rows, None), day=SECOND, mode="D")
    rejected.put(settled.outbox)
    settled.run(2)
    holds.reject(settled.site, the_hold(settled).id, actor="colleague", note="导出有误", day=SECOND)
    assert ("refused", before) == (settled.row(rejected.stem).state, settled.records())
    civil(3, civil_csv, day=THIRD).put(settled.outbox)
    assert ExitCode.DONE == settled.run(3).exit_code
    released = civil(4, stopped(rows, "2026-10-31"), day=FOURTH, mode="D")
    released.put(settled.outbox)
    settled.run(4)
    hold = the_hold(settled)
    seen = holds.shown(settled.site, hold.id, actor="colleague")
    assert "end" in {count.direction for count in seen.counts}
    for who in ("colleague", "second-colleague")[: hold.approvals]:
        holds.release(settled.site, hold.id, digest=seen.digest, actor=who, note="已核实", day=FOURTH)
    assert "applied" == settled.row(released.stem).state
    assert before != settled.records()


def test_a_delta_that_comes_with_its_full_list_is_held_too(
    civil_rig: Rig, civil_csv: bytes, quiet: Callable[..., Records]
) -> None:
    """Also where the list that it ends came in the same visit, and nothing of it is settled yet."""
    civil(1, civil_csv).put(civil_rig.outbox)
    civil(2, stopped(still(civil_csv), None), day=SECOND, mode="D").put(civil_rig.outbox)
    assert ExitCode.HELD == civil_rig.run(2).exit_code
    assert "many_endings" == the_hold(civil_rig).kind
    assert quiet(CIVIL) == civil_rig.records()


@pytest.mark.parametrize("last", ["2026-10-31", "2026-11-30", "2027-10-31"])
def test_a_full_list_in_which_everybody_ends_is_held(settled: Rig, civil_csv: bytes, last: str) -> None:
    """A full list that names everybody, each with a last day, come or to come within a year, ends nobody by itself."""
    before = settled.records()
    civil(2, until(civil_csv, last), day=SECOND).put(settled.outbox)
    assert ExitCode.HELD == settled.run(2).exit_code
    assert "many_endings" == the_hold(settled).kind
    assert before == settled.records()


@pytest.mark.parametrize("later", ["2026-12-31", "2027-01-31"], ids=["said again", "moved on"])
def test_a_last_day_that_was_said_before_is_taken(civil_rig: Rig, civil_csv: bytes, later: str) -> None:
    """A department that gives everybody until the year's end, and says so each month, is not held for it."""
    for sequence, (day, last) in enumerate([(SECOND, "2026-12-31"), (THIRD, later)], 1):
        delivery = civil(sequence, until(civil_csv, last), day=day)
        delivery.put(civil_rig.outbox)
        assert ExitCode.DONE == civil_rig.run(sequence + 1).exit_code
        assert "applied" == civil_rig.row(delivery.stem).state


def test_one_identity_of_a_county_is_enough(settled: Rig, civil_csv: bytes) -> None:
    """Where a scope's limit is far, the limits of an identity in a county hold the list all the same."""
    before = settled.records()
    allowance = still(civil_csv).filter(pl.col("救助类别") == "低保对象")
    county = allowance["行政区划代码"].str.slice(0, 6)
    here = allowance.filter(county == county.mode().sort()[0])
    rig = limited(settled, "number = 1000, identity_number = 1")
    civil(2, stopped(here, None), day=SECOND, mode="D").put(rig.outbox)
    assert ExitCode.HELD == rig.run(2).exit_code
    assert "many_endings" == the_hold(rig).kind
    assert before == rig.records()
    rig.site.ledger.close()


@pytest.mark.parametrize("few", [1, 15])
def test_ordinary_stops_are_taken(settled: Rig, civil_csv: bytes, few: int) -> None:
    """Fewer than the limits allow end on their day without anybody."""
    once = still(civil_csv).filter(pl.col(NUMBER).is_unique())
    delta = civil(2, stopped(once.head(few), None), day=SECOND, mode="D")
    delta.put(settled.outbox)
    assert ExitCode.DONE == settled.run(2).exit_code
    assert "applied" == settled.row(delta.stem).state


def test_another_category_is_no_end(settled: Rig, civil_csv: bytes) -> None:
    """停发 of the old category and 新增 of a new one, for all who have it: they go on, and the delta is taken."""
    rows = still(civil_csv).filter(pl.col("救助类别") == "低保对象")
    moved = {"救助类别": "特困人员", "保障类别": "", "变动类型": "新增"}
    new = rows.with_columns(pl.lit(value).alias(name) for name, value in moved.items())
    old = rows.with_columns(变动类型=pl.lit("停发"))
    delta = civil(2, csv_of(pl.concat([old, new], how="diagonal")), day=SECOND, mode="D")
    delta.put(settled.outbox)
    assert rows[NUMBER].n_unique() > 20
    assert ExitCode.DONE == settled.run(2).exit_code
    assert "applied" == settled.row(delta.stem).state


def test_stops_that_a_later_full_list_has_overruled_hold_nothing(settled: Rig, civil_csv: bytes) -> None:
    """A delta behind a full list that is in use is history: it ends nobody, and nobody is asked."""
    before = settled.records()
    civil(3, civil_csv, day=THIRD).put(settled.outbox)
    assert ExitCode.DONE == settled.run(3).exit_code
    late = civil(2, stopped(still(civil_csv), "2026-10-31"), day=SECOND, mode="D")
    late.put(settled.outbox)
    assert ExitCode.DONE == settled.run(3).exit_code
    assert ("applied", before) == (settled.row(late.stem).state, settled.records())


@pytest.mark.parametrize("decided", [True, False], ids=["rejected", "not decided"])
def test_a_late_delta_behind_departures_that_nobody_believed_is_held(
    settled: Rig, civil_csv: bytes, decided: bool
) -> None:
    """A full list whose departures were rejected, or wait, has ended nothing; so a delta of before it, which comes late
    and stops these people, waits for a person too."""
    before, rows = settled.records(), table(civil_csv)
    civil(3, csv_of(rows.head(rows.height // 2)), day=THIRD).put(settled.outbox)
    assert ExitCode.HELD == settled.run(3).exit_code
    if decided:
        holds.reject(settled.site, the_hold(settled).id, actor="colleague", note="名单不全")
    late = civil(2, stopped(still(civil_csv), "2026-11-02"), day=SECOND, mode="D")
    late.put(settled.outbox)
    assert ExitCode.HELD == settled.run(3).exit_code
    assert ("held", "many_endings") == (settled.row(late.stem).state, settled.row(late.stem).code)
    assert before == settled.records()


def test_a_delta_that_counts_after_a_full_list_of_an_older_date_is_held(settled: Rig, civil_csv: bytes) -> None:
    """A full list of a larger number but an older date takes its place in history and overrules no delta of a later
    date: what that stops is asked for."""
    before = settled.records()
    civil(3, civil_csv, day=date(2026, 10, 30)).put(settled.outbox)
    assert ExitCode.DONE == settled.run(2).exit_code
    late = civil(2, stopped(still(civil_csv), None), day=SECOND, mode="D")
    late.put(settled.outbox)
    assert ExitCode.HELD == settled.run(2).exit_code
    assert ("many_endings", before) == (settled.row(late.stem).code, settled.records())


def test_a_full_list_in_which_everybody_begins_later_is_held(settled: Rig, civil_csv: bytes) -> None:
    """A first day that is still to come takes what is held today as a stop does."""
    before = settled.records()
    anew = table(civil_csv).with_columns(
        pl.lit("2026-12-01").alias("认定日期"), pl.lit(None, pl.String).alias("停止日期")
    )
    civil(2, csv_of(anew), day=SECOND).put(settled.outbox)
    assert ExitCode.HELD == settled.run(2).exit_code
    assert "many_endings" == the_hold(settled).kind
    assert before == settled.records()
