"""Lists that are empty, late, early or for a day long past: what they may say, and what they never end."""

from collections.abc import Callable
from datetime import date
from typing import Any

import polars as pl
import pytest

from gateway.acts import holds
from gateway.errors import ExitCode
from tests.pipeline.conftest import NewRig
from tests.pipeline.forge import Civil, civil, csv_of, table
from tests.pipeline.rig import Records, Rig

SECOND, THIRD = date(2026, 11, 2), date(2026, 11, 3)


def _only(csv: bytes, rows: int) -> bytes:
    return csv_of(table(csv).head(rows))


def _delta(csv: bytes, at: int, change: str, sequence: int, day: date, **manifest: Any) -> Civil:  # JSON
    """A delta with one row of the list, changed so."""
    row = table(csv).slice(at, 1).with_columns(pl.lit(change).alias("变动类型"))
    return civil(sequence, csv_of(row), day=day, mode="D", **manifest)


def _strangers(csv: bytes) -> bytes:
    """The rows of a delta in which nobody is known."""
    nobody = {"姓名": "阿", "身份证号码": None, "变动类型": "新增"}
    return csv_of(table(csv).head(40).with_columns(pl.lit(v, pl.String).alias(name) for name, v in nobody.items()))


def _end_of_list(csv: bytes) -> int:
    """A row whose number is sound and stands in the list once, and which nothing has ended."""
    frame = table(csv).with_row_index("at")
    once = frame.filter(
        pl.col("身份证号码").is_unique()
        & pl.col("身份证号码").str.contains(r"^\d{17}[\dX]$")
        & pl.col("停止日期").is_null()
        & (pl.col("救助类别") == "低保对象")
        & pl.col("保障类别").is_in(["A", "B", "C"])
    )
    return int(once["at"][0])


def test_an_empty_list_is_recorded_and_its_departures_are_held(settled: Rig, civil_csv: bytes) -> None:
    """A full list with a header and no row is taken as an empty list; that everybody left waits for a person."""
    before = settled.records()
    delivery = civil(2, _only(civil_csv, 0), day=SECOND)
    delivery.put(settled.outbox)
    assert ExitCode.HELD == settled.run(2).exit_code
    row = settled.row(delivery.stem)
    assert ("applied", 0) == (row.state, row.rows)
    assert [(delivery.stem, "")] == settled.open_holds()
    assert before == settled.records()


def test_half_a_list_ends_nobody(settled: Rig, civil_csv: bytes) -> None:
    """A full list that leaves out more people than the limits allow ends none of them; the exit code says held."""
    before = settled.records()
    delivery = civil(2, _only(civil_csv, table(civil_csv).height // 2), day=SECOND)
    delivery.put(settled.outbox)
    assert ExitCode.HELD == settled.run(2).exit_code
    assert [(delivery.stem, "")] == settled.open_holds()
    assert before == settled.records()


def test_a_broken_list_ends_nobody(settled: Rig, civil_csv: bytes) -> None:
    """A full list that is refused ends no identity of those whom it leaves out."""
    before = settled.records()
    short = _only(civil_csv, table(civil_csv).height - 5)
    civil(2, short, day=SECOND, archive_sm3="0" * 64).put(settled.outbox)
    assert ExitCode.FAILED == settled.run(2).exit_code
    assert before == settled.records()


def test_a_list_of_strangers_is_held_as_a_whole(settled: Rig, civil_csv: bytes) -> None:
    """A list of which most rows name nobody insured is held entirely, with the numbers, and changes nothing."""
    before = settled.records()
    strangers = table(civil_csv).with_columns(
        pl.lit("阿").alias("姓名"),
        pl.lit(None, pl.String).alias("身份证号码"),
        pl.lit(None, pl.String).alias("出生日期"),
    )
    delivery = civil(2, csv_of(strangers), day=SECOND)
    delivery.put(settled.outbox)
    assert ExitCode.HELD == settled.run(2).exit_code
    row = settled.row(delivery.stem)
    assert ("held", "mostly_unusable") == (row.state, row.code)
    assert "gateway holds" in row.message
    assert before == settled.records()


def test_a_sequence_gap_waits_and_is_visible(settled: Rig, civil_csv: bytes) -> None:
    """A delta whose predecessor has not come waits and says for whom; when it comes, both are applied in order."""
    at, before = _end_of_list(civil_csv), settled.records()
    late = _delta(civil_csv, at, "新增", 2, SECOND)
    early = _delta(civil_csv, at, "停发", 3, THIRD)
    early.put(settled.outbox)
    assert ExitCode.DONE == settled.run(3).exit_code
    row = settled.row(early.stem)
    assert ("waiting", "sequence_gap") == (row.state, row.code)
    assert "第 2 批" in row.message
    assert before == settled.records()
    late.put(settled.outbox)
    assert ExitCode.DONE == settled.run(3).exit_code
    assert ["applied", "applied"] == [settled.row(one.stem).state for one in (late, early)]
    assert before != settled.records()


def test_a_delta_that_waits_is_held_once_its_turn_comes(settled: Rig, civil_csv: bytes) -> None:
    """A delta of strangers behind a gap waits and asks nobody; when the gap is filled, it is held, what comes after it
    waits, and once a person has released it, all of them are in use."""
    at, before = _end_of_list(civil_csv), settled.records()
    second = _delta(civil_csv, at, "新增", 2, SECOND)
    third = civil(3, _strangers(civil_csv), day=SECOND, mode="D")
    fourth = _delta(civil_csv, at, "停发", 4, THIRD)
    for delta in (third, fourth):
        delta.put(settled.outbox)
    assert ExitCode.DONE == settled.run(3).exit_code
    assert (["waiting"] * 2, []) == ([settled.row(one.stem).state for one in (third, fourth)], settled.open_holds())
    second.put(settled.outbox)
    assert ExitCode.HELD == settled.run(3).exit_code
    states = [settled.row(one.stem).state for one in (second, third, fourth)]
    assert ["applied", "held", "waiting"] == states
    assert before == settled.records()
    (hold,) = [one for one in holds.held(settled.site, actor="clerk") if one.state == "open"]
    digest = holds.shown(settled.site, hold.id, actor="colleague").digest
    holds.release(settled.site, hold.id, digest=digest, actor="colleague", note="已核实", day=THIRD)
    assert ["applied"] * 3 == [settled.row(one.stem).state for one in (second, third, fourth)]
    assert before != settled.records()


def test_a_delta_that_was_rejected_is_a_gap(settled: Rig, civil_csv: bytes) -> None:
    """Rejected, it stays a gap: what comes after it waits for the next full list."""
    at, before = _end_of_list(civil_csv), settled.records()
    held, after = civil(2, _strangers(civil_csv), day=SECOND, mode="D"), _delta(civil_csv, at, "停发", 3, THIRD)
    for delta in (after, held):
        delta.put(settled.outbox)
    settled.run(3)
    (hold,) = [one for one in holds.held(settled.site, actor="clerk") if one.state == "open"]
    holds.reject(settled.site, hold.id, actor="colleague", note="不是这个县的", day=THIRD)
    assert ["refused", "waiting"] == [settled.row(one.stem).state for one in (held, after)]
    assert before == settled.records()


def test_the_next_full_list_closes_a_gap(settled: Rig, civil_csv: bytes) -> None:
    """A delta behind a list that was refused is history once a full list after it is applied: its rows are accounted
    for, and the full list has the last word."""
    at, rows = _end_of_list(civil_csv), table(civil_csv)
    _delta(civil_csv, at, "新增", 2, SECOND, archive_sm3="0" * 64).put(settled.outbox)
    behind = _delta(civil_csv, at, "停发", 3, SECOND)
    behind.put(settled.outbox)
    settled.run(2)
    assert "waiting" == settled.row(behind.stem).state
    before = settled.records()
    civil(4, csv_of(rows), day=THIRD).put(settled.outbox)
    settled.run(3)
    row = settled.row(behind.stem)
    assert ("applied", row.rows) == (row.state, sum(row.outcomes.values()))
    assert before == settled.records()


@pytest.mark.parametrize("rows", [0, 0.5], ids=["nobody", "half of them"])
def test_a_second_full_list_of_a_date_is_guarded(settled: Rig, civil_csv: bytes, rows: float) -> None:
    """A full list that comes again for one date, without many whom the first named, ends none of them."""
    before = settled.records()
    again = civil(2, _only(civil_csv, int(table(civil_csv).height * rows)))
    again.put(settled.outbox)
    assert ExitCode.HELD == settled.run(2).exit_code
    assert [(again.stem, "")] == settled.open_holds()
    assert before == settled.records()


def test_the_order_of_arrival_of_deltas_does_not_matter(new_rig: NewRig, civil_csv: bytes) -> None:
    """Deltas that arrive the wrong way round come to what they come to in their order."""
    at = _end_of_list(civil_csv)
    changes = [_delta(civil_csv, at, "停发", 2, SECOND), _delta(civil_csv, at, "新增", 3, THIRD)]
    held: list[Records] = []
    for order in (changes, changes[::-1]):
        rig = new_rig("civil_affairs")
        civil(1, civil_csv).put(rig.outbox)
        rig.run()
        for delta in order:
            delta.put(rig.outbox)
            assert ExitCode.DONE == rig.run(3).exit_code
        held.append(rig.records())
    assert held[0] == held[1]


def test_a_full_list_for_an_older_day_takes_its_place_in_history(new_rig: NewRig, civil_csv: bytes) -> None:
    """A full list that comes after a later one changes nothing that the later one says."""
    rows = table(civil_csv)
    second = civil(2, csv_of(rows.slice(0, rows.height - 4)), day=SECOND)
    third = civil(3, csv_of(rows.slice(4)), day=THIRD)
    held: list[Records] = []
    for order in ((second, third), (third, second)):
        rig = new_rig("civil_affairs")
        civil(1, civil_csv).put(rig.outbox)
        rig.run()
        for delivery in order:
            delivery.put(rig.outbox)
            assert ExitCode.DONE == rig.run(3).exit_code
            assert "applied" == rig.row(delivery.stem).state
        held.append(rig.records())
    assert held[0] == held[1]


def test_a_replay_changes_nothing(settled: Rig, quiet: Callable[..., Records], civil_csv: bytes) -> None:
    """The same list in another archive is another delivery, and moves not one record and sends nothing."""
    before, sent = settled.records(), len(settled.uploads())
    civil(2, civil_csv).put(settled.outbox)
    assert ExitCode.DONE == settled.run().exit_code
    assert (before, sent) == (settled.records(), len(settled.uploads()))


def test_outcomes_add_up(settled: Rig) -> None:
    """Each delivery's rows by outcome come to the rows received."""
    assert all(row.rows == sum(row.outcomes.values()) for row in settled.rows())
