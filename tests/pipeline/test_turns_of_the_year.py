"""Days on which calendars turn: midnight in China, the year's end, 29 February, a year of silence, a date gone back."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
import time_machine

from gateway import pipeline
from gateway.acts import holds, runs
from gateway.errors import ExitCode
from tests.pipeline.conftest import NewRig
from tests.pipeline.forge import civil, csv_of, table, without
from tests.pipeline.rig import Records, Rig

CIVIL = "civil_affairs"
#: 2 November begins in China.
MIDNIGHT = datetime(2026, 11, 1, 16, tzinfo=UTC)


def run(rig: Rig, day: date) -> ExitCode:
    """A run on that day."""
    report = pipeline.run(rig.site, [CIVIL], day, actor="test")
    assert report is not None
    return report.exit_code


def ends(rig: Rig, who: str) -> set[str]:
    """Last moments of that person's records of ours."""
    return {record[5] for record in rig.records() if record[0] == who and record[-1] == CIVIL}


@pytest.mark.one_in(3)
@pytest.mark.parametrize("seconds", [0.3, 0.6, 1.0])
def test_midnight_in_china_under_a_run(civil_rig: Rig, quiet: Callable[..., Records], seconds: float) -> None:
    """A run keeps the day on which it began, so many seconds before the next one; the run after it sends nothing."""
    civil_rig.peers.stage(1)
    with time_machine.travel(MIDNIGHT - timedelta(seconds=seconds), tick=True) as clock:
        report = runs.run(civil_rig.site, actor="clerk")
        assert report is not None
        assert (ExitCode.DONE, date(2026, 11, 1)) == (report.exit_code, report.today)
        assert quiet(CIVIL) == civil_rig.records()
        clock.shift(2)
        assert date(2026, 11, 2) == runs.today()
        again = runs.run(civil_rig.site, actor="clerk")
        assert again is not None
        assert (ExitCode.DONE, 0) == (again.exit_code, again.pushed.sent)
    assert quiet(CIVIL) == civil_rig.records()


@pytest.mark.one_in(2)
@pytest.mark.parametrize(
    ("first", "second", "last"),
    [
        (date(2026, 12, 31), date(2027, 1, 1), "2026-12-31 23:59:59"),
        (date(2026, 12, 30), date(2026, 12, 31), "2026-12-30 23:59:59"),
        (date(2027, 1, 1), date(2027, 1, 4), "2027-01-03 23:59:59"),
        (date(2028, 2, 28), date(2028, 2, 29), "2028-02-28 23:59:59"),
        (date(2028, 2, 29), date(2028, 3, 1), "2028-02-29 23:59:59"),
        (date(2027, 2, 28), date(2027, 3, 1), "2027-02-28 23:59:59"),
    ],
)
def test_who_is_left_out_at_a_turn_ends_on_the_eve(
    civil_rig: Rig, civil_csv: bytes, at: int, who: str, first: date, second: date, last: str
) -> None:
    """On the last and the first day of a year, and around 29 February, also with a file named after the eve."""
    civil(1, civil_csv, day=first).put(civil_rig.outbox)
    assert ExitCode.DONE == run(civil_rig, first)
    short, eve = without(civil_csv, at), f"MZ_451000_{first:%Y%m%d}.csv"
    right = civil(2, short, day=second)
    files = [{**right.manifest["files"][0], "name": eve}]
    stem = civil(2, short, day=second, members={eve: short}, files=files).put(civil_rig.outbox)
    assert ExitCode.DONE == run(civil_rig, second)
    assert "applied" == civil_rig.row(stem).state
    assert {last} == ends(civil_rig, who)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("day", [date(2027, 1, 1), date(2028, 2, 29), date(2026, 12, 31)])
def test_a_stop_without_a_day_ends_on_that_very_day(
    civil_rig: Rig, civil_csv: bytes, at: int, who: str, day: date
) -> None:
    """停发 without 停止日期 in a delta of such a day."""
    civil(1, civil_csv, day=day - timedelta(days=1)).put(civil_rig.outbox)
    run(civil_rig, day - timedelta(days=1))
    row = table(civil_csv).slice(at, 1).with_columns(pl.lit("停发").alias("变动类型"))
    civil(2, csv_of(row), day=day, mode="D").put(civil_rig.outbox)
    assert ExitCode.DONE == run(civil_rig, day)
    assert {f"{day} 23:59:59"} == ends(civil_rig, who)


def test_a_full_list_after_a_year_of_silence(civil_rig: Rig, civil_csv: bytes, at: int, who: str) -> None:
    """Silence ends nobody; what comes after it waits for a person, and then counts from its own day."""
    civil(1, civil_csv).put(civil_rig.outbox)
    run(civil_rig, date(2026, 11, 1))
    before, late = civil_rig.records(), date(2027, 11, 1)
    assert ExitCode.DONE == run(civil_rig, date(2027, 10, 31))
    assert before == civil_rig.records()
    stem = civil(2, without(civil_csv, at), day=late).put(civil_rig.outbox)
    assert ExitCode.HELD == run(civil_rig, late)
    assert ("held", "wrong_month") == (civil_rig.row(stem).state, civil_rig.row(stem).code)
    assert before == civil_rig.records()
    (hold,) = holds.held(civil_rig.site, actor="clerk")
    digest = holds.shown(civil_rig.site, hold.id, actor="colleague").digest
    for approver in ("colleague", "second-colleague")[: hold.approvals]:
        holds.release(civil_rig.site, hold.id, digest=digest, actor=approver, note="停报一年", day=late)
    assert "applied" == civil_rig.row(stem).state
    assert {"2027-10-31 23:59:59"} == ends(civil_rig, who)


@pytest.mark.parametrize("mode", ["F", "D"])
def test_the_same_list_under_two_names(civil_rig: Rig, civil_csv: bytes, at: int, mode: str) -> None:
    """The same bytes under the next number are a list of their own, which changes nothing and leaves no gap."""
    civil(1, civil_csv).put(civil_rig.outbox)
    run(civil_rig, date(2026, 11, 1))
    rows = table(civil_csv).slice(at, 1).with_columns(pl.lit("变更").alias("变动类型"))
    content = civil_csv if mode == "F" else csv_of(rows)
    day = date(2026, 11, 2)
    first = civil(2, content, day=day, mode=mode)
    name = first.manifest["files"][0]["name"]
    second = civil(3, content, day=day, mode=mode, archive=first.archive, files=first.manifest["files"])
    assert name == second.manifest["files"][0]["name"]
    first.put(civil_rig.outbox)
    assert ExitCode.DONE == run(civil_rig, day)
    before = civil_rig.records()
    second.put(civil_rig.outbox)
    after = civil(4, csv_of(rows), day=day, mode="D")
    after.put(civil_rig.outbox)
    assert ExitCode.DONE == run(civil_rig, day)
    assert ["applied"] * 3 == [civil_rig.row(one.stem).state for one in (first, second, after)]
    assert before == civil_rig.records()


def test_a_date_that_goes_back_by_months_ends_nobody(civil_rig: Rig, civil_csv: bytes) -> None:
    """A full list with a later number and a date long past, with half of the people, is history: nobody is held, and
    nobody leaves."""
    civil(1, civil_csv).put(civil_rig.outbox)
    run(civil_rig, date(2026, 11, 1))
    before = civil_rig.records()
    rows = table(civil_csv)
    civil(2, csv_of(rows.head(rows.height // 2)), day=date(2026, 3, 1)).put(civil_rig.outbox)
    assert ExitCode.DONE == run(civil_rig, date(2026, 11, 2))
    assert before == civil_rig.records()


def test_numbers_of_two_deltas_that_were_exchanged(new_rig: NewRig, civil_csv: bytes, at: int, who: str) -> None:
    """A stop of one period and the beginning of the next, each under the other's number: both periods stand all the
    same, since each row says of which period it is."""
    row = table(civil_csv).slice(at, 1)
    over = row.with_columns(pl.lit("2026-11-02").alias("停止日期"), 变动类型=pl.lit("停发"))
    anew = row.with_columns(pl.lit("2026-11-05").alias("认定日期"), 变动类型=pl.lit("新增"))
    held = []
    for numbers in ((2, 3), (3, 2)):
        rig = new_rig(CIVIL)
        civil(1, civil_csv).put(rig.outbox)
        run(rig, date(2026, 11, 1))
        for number, change, day in zip(numbers, (over, anew), (2, 5), strict=True):
            civil(number, csv_of(change), day=date(2026, 11, day), mode="D").put(rig.outbox)
        run(rig, date(2026, 11, 5))
        held.append(sorted(record[1:] for record in rig.records() if record[0] == who))
    assert held[0] == held[1]
    assert any(record[4] > "2027" for record in held[0])
