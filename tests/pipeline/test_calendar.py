"""A list that does not come by its day is told of, ends nothing, and is told of no more once it comes."""

import io
import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
import time_machine

from gateway import logs
from gateway.acts import alarms, doctor, holds, look, runs
from gateway.bootstrap import open_site
from gateway.calendar import ZONE
from gateway.errors import ExitCode, SettingsFault
from gateway.pipeline import RunReport
from gateway.pipeline.calendar import Overdue
from gateway.settings import FILE
from tests.acts.lived import here
from tests.ledgers import ask
from tests.pipeline.conftest import NewRig
from tests.pipeline.forge import civil, csv_of, table
from tests.pipeline.rig import Rig

NAME, CALL = "civil_affairs", "演示联系人 0000-0000"
#: On working days, until midnight of the working day after.
CALENDAR = 'calendar = { expected = "0 0 * * *", grace = "1d" }'


def kept(root: Path, line: str = CALENDAR) -> Path:
    """The site's folder, with a calendar of civil affairs."""
    text = (root / FILE).read_text("utf-8")
    marked = f'plugin = "{NAME}"\n'
    (root / FILE).write_text(text.replace(marked, f"{marked}{line}\n"), "utf-8")
    return root


@pytest.fixture
def rig(new_rig: NewRig) -> Iterator[Rig]:
    """Civil affairs, expected every working day."""
    bare = new_rig(NAME)
    site = open_site(kept(bare.site.settings.root))
    try:
        yield Rig(peers=bare.peers, site=site)
    finally:
        site.ledger.close()


def ran(rig: Rig, day: date, actions: list[tuple[str, str]] | None = None) -> RunReport:
    """A run on that day; notes the alarms that it logged."""
    stream = io.StringIO()
    with logs.written_to(stream):
        report = runs.run(rig.site, [], day, actor="clerk")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    if actions is not None:
        actions += [(li["action"], li["instance"]) for li in lines if li["action"].startswith("list.")]
    assert report is not None
    return report


def lists(rig: Rig) -> list[tuple[str, date, date | None, str]]:
    """What `gateway status` says is overdue."""
    overdue = look.status(rig.site, actor="clerk").overdue
    return [(late.instance, late.expected, late.newest, late.contact) for late in overdue]


def clock(day: str) -> time_machine.travel:
    """The clocks of the site and its peers at noon of that day."""
    return time_machine.travel(datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=ZONE), tick=True)


def test_a_list_that_does_not_come_is_told_and_ends_nothing(rig: Rig, civil_csv: bytes) -> None:
    """From the day on which its grace is over a missing list is in log, report, exit code, `status` and `doctor`, with
    whom to call; nobody loses anything; and all of it is over when the list comes."""
    civil(1, civil_csv, day=date(2026, 11, 5)).put(rig.outbox)
    said: list[tuple[str, str]] = []
    # The list of Friday the sixth may come until Monday the ninth.
    assert ExitCode.DONE == ran(rig, date(2026, 11, 5)).exit_code
    assert ExitCode.DONE == ran(rig, date(2026, 11, 8), said).exit_code
    before = rig.records()
    late = ran(rig, date(2026, 11, 9), said)
    assert (ExitCode.LATER, [date(2026, 11, 6)]) == (late.exit_code, [one.expected for one in late.overdue])
    assert [("list.overdue", NAME)] == said
    with clock("2026-11-09"):
        assert [(NAME, date(2026, 11, 6), date(2026, 11, 5), CALL)] == lists(rig)
        told = [here(rig.site.settings.root, word).out for word in ("status", "doctor")]
        assert [True, True] == ["2026-11-06" in text and CALL in text for text in told]
    assert before == rig.records()
    civil(2, civil_csv, day=date(2026, 11, 9)).put(rig.outbox)
    assert ExitCode.DONE == ran(rig, date(2026, 11, 9), said).exit_code
    assert [("list.overdue", NAME), ("list.came", NAME)] == said
    with clock("2026-11-09"):
        assert [] == lists(rig)


def test_a_list_for_an_older_day_is_taken_and_the_alarm_stays(rig: Rig, civil_csv: bytes) -> None:
    """What does come is taken as usual; the list that is missing goes on missing."""
    civil(2, civil_csv, day=date(2026, 11, 2)).put(rig.outbox)
    assert ExitCode.LATER == ran(rig, date(2026, 11, 9)).exit_code
    older = civil(1, csv_of(table(civil_csv).head(100)), day=date(2026, 11, 1))
    older.put(rig.outbox)
    late = ran(rig, date(2026, 11, 9))
    assert ("applied", [date(2026, 11, 3)]) == (rig.row(older.stem).state, [one.expected for one in late.overdue])


def test_a_list_that_cannot_be_used_has_not_come(rig: Rig, civil_csv: bytes) -> None:
    """A list that is refused leaves the alarm; one that waits for a person has come, until the person rejects it."""
    civil(1, civil_csv, day=date(2026, 11, 4)).put(rig.outbox)
    ran(rig, date(2026, 11, 4))
    civil(2, civil_csv, day=date(2026, 11, 6), archive_sm3="0" * 64).put(rig.outbox)
    assert [date(2026, 11, 5)] == [one.expected for one in ran(rig, date(2026, 11, 9)).overdue]
    strangers = table(civil_csv).with_columns(
        pl.lit("阿").alias("姓名"), *(pl.lit(None, pl.String).alias(name) for name in ("身份证号码", "出生日期"))
    )
    held = civil(3, csv_of(strangers), day=date(2026, 11, 9))
    held.put(rig.outbox)
    assert [] == ran(rig, date(2026, 11, 9)).overdue
    assert "held" == rig.row(held.stem).state
    (hold,) = ask(rig.site.settings.root, "SELECT id FROM holds WHERE state = 'open'")[0]
    holds.reject(rig.site, hold, actor="colleague", note="不是这份", day=date(2026, 11, 9))
    assert [date(2026, 11, 5)] == [one.expected for one in ran(rig, date(2026, 11, 9)).overdue]


def test_only_visited_departments_are_asked_for(rig: Rig) -> None:
    """A run that visits nobody says nothing of lists that are missing; the alarm stands all the same."""
    report = runs.run(rig.site, [], date(2026, 11, 9), actor="clerk", pull=False)
    assert report is not None
    assert [] == report.overdue
    with clock("2026-11-09"):
        assert [NAME] == [one.instance for one in alarms.overdue(rig.site)]


def test_the_daemon_says_it_once(rig: Rig, civil_csv: bytes) -> None:
    """Between two runs an alarm is logged once, and once more for another day's list; its end too."""
    stream = io.StringIO()
    told: list[Overdue] = []
    with logs.written_to(stream):
        for day in ("2026-11-09", "2026-11-09"):
            with clock(day):
                told = alarms.watch(rig.site, told)
        civil(1, civil_csv, day=date(2026, 11, 9)).put(rig.outbox)
        rig.run(9)
        with clock("2026-11-10"):
            told = alarms.watch(rig.site, told)
    assert ["list.overdue", "list.came"] == [json.loads(line)["action"] for line in stream.getvalue().splitlines()]
    assert [] == told


def test_holidays_and_the_days_that_make_up_for_them_count(rig: Rig, civil_csv: bytes) -> None:
    """Over the National Day holiday no list is expected; the Saturday that makes up for it is a working day."""
    civil(1, civil_csv, day=date(2026, 9, 30)).put(rig.outbox)
    quiet = [ran(rig, date(2026, 9, 30) + timedelta(days=n)).overdue for n in range(9)]
    assert [[]] * 9 == quiet
    assert [date(2026, 10, 8)] == [one.expected for one in ran(rig, date(2026, 10, 9)).overdue]
    civil(2, civil_csv, day=date(2026, 10, 9)).put(rig.outbox)
    assert [[], [date(2026, 10, 10)]] == [
        [one.expected for one in ran(rig, date(2026, 10, day)).overdue] for day in (11, 12)
    ]


def test_doctor_says_which_year_has_no_holidays(rig: Rig, civil_csv: bytes) -> None:
    """A month before the table of holidays ends, `doctor` says so, and which file to write."""
    root = rig.site.settings.root
    found = {}
    for day in ("2026-11-09", "2026-12-20"):
        with clock(day):
            findings = doctor.examine(root)
            found[day] = [f.next_step for f in findings if f.check == "calendar" and "2027" in f.text]
    assert ([], 1) == (found["2026-11-09"], len(found["2026-12-20"]))
    assert "mappings/holidays.toml" in found["2026-12-20"][0]


@pytest.mark.parametrize(
    "line",
    [
        'calendar = { expected = "0 0 * * 1" }',
        'calendar = { expected = "0 0 * * *", grace = "soon" }',
        'calendar = { grace = "1d" }',
    ],
)
def test_a_calendar_that_cannot_be_is_a_fault(new_rig: NewRig, line: str) -> None:
    """A calendar without or with a wrong line, or with a grace that is none, is a fault of the configuration."""
    root = kept(new_rig(NAME).site.settings.root, line)
    with pytest.raises(SettingsFault, match="calendar"):
        open_site(root)
