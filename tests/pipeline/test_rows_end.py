"""Rows of lists of people that were replaced long ago end, and no flag of anybody changes by it, then or later."""

import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from gateway import pipeline
from gateway.acts import cases, keys, retention
from gateway.acts.explain import explain
from gateway.bootstrap import open_site
from gateway.errors import NotAllowed
from gateway.pipeline.certificates import certified
from gateway.pipeline.thinned import needed, thin
from gateway.settings import FILE
from gateway.store import people, rosters
from gateway.store import tables as t
from gateway.store.deliveries import DeliveryRow
from gateway.store.destroyed import ROWS
from tests.acts.lived import here
from tests.ledgers import ask
from tests.pipeline import forge
from tests.pipeline.digests import reopened
from tests.pipeline.dying import dies_after
from tests.pipeline.ending import (
    BY,
    DAYS,
    ENDED,
    MONTHS,
    SOURCES,
    decided,
    due,
    end,
    ended,
    enrol,
    holders,
    live,
    lived,
    periods,
    same,
    settle,
    told,
)
from tests.pipeline.months import first_of, write_months
from tests.pipeline.rig import Rig, later, open_rig
from tests.processes import PROCESSES


@pytest.fixture(scope="session")
def months(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A city of 700 people, and their full lists of five months."""
    folder = tmp_path_factory.mktemp("months")
    write_months(folder, 700, 11, MONTHS)
    return folder


@pytest.fixture
def rig(months: Path, tmp_path: Path) -> Iterator[Rig]:
    """One such site, of two departments."""
    with lived(months, tmp_path, "civil_affairs", "disabled_federation") as one:
        yield one


def _anew(rig: Rig) -> None:
    settle(rig, first_of(3), anew=True)


def _late(rig: Rig) -> None:
    """The fourth month's lists come after the fifth's."""
    live(rig, 5, 4)


def _limits(rig: Rig) -> None:
    """Nobody may leave any more without a person."""
    file = rig.site.settings.root / FILE
    text = file.read_text("utf-8")
    file.write_text(f"{text}\n[sources.rural_revitalization.limits]\nshare = 0.0\nnumber = 0\n", "utf-8")
    with reopened(rig) as again:
        settle(again, first_of(5))
    file.write_text(text, "utf-8")
    settle(rig, first_of(5))


def _away(rig: Rig) -> None:
    """Some whom a list names are not on the roster when rows end."""
    enrol(rig, date(2027, 1, 2), away=holders(rig)[:3])


def _home(rig: Rig) -> None:
    """All are there again as they were."""
    enrol(rig, date(2027, 1, 3))


def _roster(rig: Rig) -> None:
    """Some whom a list names leave the roster, and others are there under another name."""
    enrol(rig, first_of(6), away=holders(rig)[:3], renamed=holders(rig)[3:6])


def _back(rig: Rig) -> None:
    """All are there again as they were."""
    enrol(rig, first_of(7))


def _undone(rig: Rig) -> None:
    for case in decided(rig)[:2]:
        cases.undo(rig.site, case, note="看错了", actor="second-clerk", day=first_of(6))


def _key(rig: Rig) -> None:
    keys.rotate_index(rig.site, actor=BY)


STEPS = (_anew, _home, _late, _limits, _roster, _undone, _back, _key, _anew)


@pytest.mark.parametrize(
    ("sources", "steps"),
    [
        pytest.param(SOURCES[:1], (_home, _late, _undone, _anew), id="one department"),
        pytest.param(SOURCES, STEPS, id="all departments", marks=pytest.mark.long),
    ],
)
def test_no_flag_changes_when_rows_end(
    months: Path, tmp_path: Path, sources: Sequence[str], steps: Sequence[Callable[[Rig], None]]
) -> None:
    """Rows of two months end at one of two sites. Whatever comes then — everything derived anew, other limits, a list
    that is late, people who leave the roster or stand there under another name, an undone decision, another index key —
    recognitions, departures, holds and the platform's records are the same at both."""
    with lived(months, tmp_path / "ends", *sources) as ends, lived(months, tmp_path / "keeps", *sources) as keeps:
        for rig in (ends, keeps):
            _away(rig)
        before = told(ends)
        names = {row.name for row in ends.rows()} & ENDED
        ending = [row.id for row in ends.rows() if row.name in names]
        with ends.site.ledger.begin() as tx:
            left = people.departures_at(tx, ending)
        assert {"released", "waiting"} == set(left["state"])
        assert end(ends)
        assert names == ended(ends)
        same(ends, keeps)
        for step in steps:
            for rig in (ends, keeps):
                step(rig)
            same(ends, keeps, step.__name__)
        assert before != told(ends)
        assert names == ended(ends)


def cells(rig: Rig, files: set[str]) -> set[str]:
    """Every text in these sealed frames."""
    found: set[str] = set()
    for name in files:
        texts = rig.site.read_frame(name).select(pl.col(pl.String))
        found |= {text for column in texts.get_columns() for text in column.drop_nulls().unique().to_list()}
    return found


_WHO = ["raw_name", "name_key", "raw_number", "number", "head_number", "raw_household", "raw_source_id"]


def said_of_whom(rig: Rig, rows: Sequence[DeliveryRow]) -> set[str]:
    """Names and numbers in these lists."""
    frames = [rig.site.read_frame(row.entries_file or "", _WHO) for row in rows]
    return {text for frame in frames for column in frame.get_columns() for text in column.drop_nulls().to_list()} - {""}


def test_who_stands_only_in_lists_that_ended_is_in_no_file(rig: Rig) -> None:
    """Of all sealed frames but the roster's, opened with the site's keys, none has a name or a number that stood in
    the ended lists only; and the certificate names the keys of all that went."""
    going = {one.delivery: one for one in due(rig)}
    rows = [row for row in rig.rows() if row.entries_file]
    gone = said_of_whom(rig, [row for row in rows if row.id in going])
    gone -= said_of_whom(rig, [row for row in rows if row.id not in going])
    assert len(gone) > 30
    assert gone <= cells(rig, not_of_the_roster(rig))
    certificate = end(rig)
    settle(rig, first_of(3), anew=True)
    with later(hours=2):
        settle(rig, first_of(3))
    found = cells(rig, not_of_the_roster(rig))
    assert set() == gone & found
    numbers = {text for text in gone if len(text) > 14}
    assert [] == [text for text in found if any(number in text for number in numbers)]
    said = certified(rig.site.settings.var / "certificates" / certificate, rig.site.keyring.signing_key.public.hex)
    assert said is not None
    told_of = {file["file"]: file["key_id"] for one in said["deliveries"] for file in one["files"]}
    assert {file for one in going.values() for file in one.files} <= set(told_of)
    assert {32} == {len(key) for key in told_of.values()}
    assert set() == set(told_of) & {path.name for path in rig.site.frames.iterdir()}


def not_of_the_roster(rig: Rig) -> set[str]:
    with rig.site.ledger.begin() as tx:
        newest = rosters.newest(tx)
    assert newest is not None
    return {path.name for path in rig.site.frames.glob("*.sealed")} - {*newest.files, newest.former or ""}


def test_what_is_no_number_of_the_source_s_ends(settled: Rig) -> None:
    """A source's own number stays where a list that stays has it too, whatever blanks stand around it; a word, a 0 or a
    rounded number in its place counts in none, and ends, whomever its row means."""
    site, (row,) = settled.site, settled.rows()
    entries, cells = site.read_frame(row.entries_file or ""), ("无", "0", "4.51022E+17", " MZ-7 ")
    own = [cells[at % len(cells)] for at in range(entries.height)]
    row = replace(row, entries_file=site.write_frame(entries.with_columns(raw_source_id=pl.Series(own))))
    asked = needed(site, row.instance, [row])
    assert ["MZ-7"] == asked.source_ids.to_list()
    for whom in (asked.people, asked.people.clear()):
        thinned, _resolutions = thin(site, row, replace(asked, people=whom))
        assert {None, "MZ-7"} == set(site.read_frame(thinned)["raw_source_id"])


def test_nothing_ends_that_anybody_waits_for(rig: Rig) -> None:
    """Rows end from the first list on; one with an open case, without its receipt, or before a list that is not applied
    yet keeps its own, and those behind it too; so does one that no list has replaced whose departures were believed,
    and each while a decision is not settled. In the periods of originals and payments nothing is due."""
    whole = due(rig)
    assert {ROWS} == {one.what for one in whole}
    civil = [row for row in rig.rows() if row.instance == "civil_affairs" and row.state == "applied"]
    root = rig.site.settings.root
    (case, *_more) = ask(root, "SELECT id FROM cases WHERE state = 'closed'")
    first, second = (f"id = {row.id}" for row in civil[:2])
    for table, which, waits, over in (
        ("deliveries", first, "receipt_digest = 'x'", "receipt_digest = review_digest"),
        ("deliveries", first, "state = 'held'", "state = 'applied'"),
        ("deliveries", second, "state = 'held'", "state = 'applied'"),
        ("cases", f"id = {case[0]}", f"state = 'open', delivery_id = {civil[0].id}", "state = 'closed'"),
    ):
        ask(root, f"UPDATE {table} SET {waits} WHERE {which}")
        assert [one for one in whole if one.instance != "civil_affairs"] == due(rig)
        ask(root, f"UPDATE {table} SET {over} WHERE {which}")
        assert whole == due(rig)
    kept = "INSERT INTO holds (delivery_id, scope, state, leaving, holding, opened_at, opened_by) "
    for row in civil[1:]:  # whose departures a person rejected: none has taken the place of the first
        ask(root, f"{kept} VALUES ({row.id}, '', 'cancelled', 1, 1, '2026-11-01 00:00:00', 'li')")
    assert [one for one in whole if one.instance != "civil_affairs"] == due(rig)
    ask(root, "DELETE FROM holds WHERE opened_by = 'li'")
    assert whole == due(rig)
    ask(root, "UPDATE verdicts SET undone_at = '2026-11-01 00:00:00'")  # and nothing was settled since
    assert [] == due(rig)
    ask(root, "UPDATE verdicts SET undone_at = NULL")
    assert whole == due(rig)
    with later(days=10_000):
        assert [] == retention.due(periods(rig.site, payments=1), actor=BY)


def test_a_list_before_those_that_ended_is_refused(rig: Rig, months: Path) -> None:
    """What would count before them, or before what replaced them, comes too late, at each visit once more, and nothing
    changes; a list behind them is taken."""
    end(rig)
    before = told(rig)
    content = forge.plain_csv(next((months / "day1" / "mz" / "outbox").glob("*.zip")))
    late = forge.civil(90, content, day=date(2026, 12, 20)).put(rig.outbox)
    for _visit in (1, 2):
        pipeline.run(rig.site, ["civil_affairs"], first_of(4), actor="test")
        assert [("refused", "too_late")] == [(row.state, row.code) for row in rig.rows(late)]
        assert {**before, "lists": []} == {**told(rig), "lists": []}
    behind = forge.civil(91, content, day=date(2027, 1, 20)).put(rig.outbox)
    pipeline.run(rig.site, ["civil_affairs"], first_of(4), actor="test")
    assert ["applied"] == [row.state for row in rig.rows(behind)]


def test_what_was_said_there_is_told_as_far_as_it_stays(rig: Rig) -> None:
    """A person is explained by the place of a row that ended, and by the newest row that still names them; that one can
    be told of, the other no longer, and a decision about it is undone, but not taken anew."""
    somebody = sorted(r[0] for r in rig.records() if r[-1] == "civil_affairs" and r[4] < "2026-11" and r[5] > "2027")[0]
    was = explain(rig.site, somebody, actor="clerk").believed[-1].origin
    end(rig)
    (now, *_more) = [one for one in explain(rig.site, somebody, actor="clerk").believed if not one.to_run]
    assert (True, was.part, was.line, was.outcome, "", "") == (
        now.origin.ended, now.origin.part, now.origin.line, now.origin.outcome, now.origin.person, now.origin.number,
    )  # fmt: skip
    assert now.later is not None
    assert (was.person, was.number, False) == (now.later.person, now.later.number, now.later.ended)
    with pytest.raises(NotAllowed, match="到期"):
        cases.report(rig.site, now.origin.delivery, now.origin.row, note="来电", actor="clerk")
    assert cases.report(rig.site, now.later.delivery, now.later.row, note="来电", actor="clerk")
    shown = here(rig.site.settings.root, "explain", somebody)
    assert "明细已到期销毁" in shown.out and f"cases report {now.later.delivery} {now.later.row}" in shown.out


#: Where whoever ends rows is killed, and whether what is left says so already.
MOMENTS = {
    "gateway.pipeline.thinned.thin": False,
    "gateway.pipeline.retention._thinned": False,
    "gateway.store.destroyed.begin": False,
    "gateway.store.destroyed.under_way": True,
    "gateway.pipeline.retention.shred": True,
    "gateway.pipeline.retention.certify": True,
    "gateway.store.destroyed.end": True,
}


def _end_and_die(root: Path, moment: str) -> None:
    """In a process of its own: killed when that has been done."""
    site = open_site(root)
    dies_after(moment)
    with later(days=DAYS + 1):
        retention.destroy(periods(site, people=DAYS), actor=BY)


def test_whoever_is_killed_on_the_way_leaves_the_rest_to_the_next(months: Path, tmp_path: Path) -> None:
    """Killed wherever it may be, nothing that is believed changes, and the next night ends the rest: no file that was
    to go is left, and the certificate names its key."""
    with open_rig(months, tmp_path, "disabled_federation") as rig:
        for month in (1, 2):
            rig.peers.stage(month)
            settle(rig, first_of(month), ["disabled_federation"])
        with rig.site.ledger.begin() as tx:
            tx.execute(sa.update(t.cases).values(state="closed"))
        before = told(rig)
        assert 1 == len(due(rig))
        for moment, begun in MOMENTS.items():
            process = PROCESSES.Process(target=_end_and_die, args=(rig.site.settings.root, moment), daemon=True)
            process.start()
            process.join()
            assert -signal.SIGKILL == process.exitcode, moment
            with reopened(rig) as again:
                assert begun == (not due(again)), moment
                settle(again, first_of(2), anew=True)
                assert before == told(again), moment
        with reopened(rig) as again:
            certificate = end(again)
            assert before == told(again)
        (row,) = [row for row in rig.rows() if row.ended]
    said = certified(rig.site.settings.var / "certificates" / certificate, rig.site.keyring.signing_key.public.hex)
    assert said is not None and certificate == row.landing["destroyed_rows"]["certificate"]
