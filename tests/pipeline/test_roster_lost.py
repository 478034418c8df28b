"""A platform that gives half of its people, or none: whoever holds a flag keeps it."""

import gzip
from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from gateway.acts import holds
from gateway.errors import ExitCode, NotAllowed
from gateway.pipeline import roster
from gateway.store import rosters
from tests.pipeline.forge import civil, csv_of, table
from tests.pipeline.rig import Records, Rig

CIVIL = "civil_affairs"
SECOND, THIRD, FOURTH = (date(2026, 11, day) for day in (2, 3, 4))


def file_of(rig: Rig) -> Path:
    """The roster that the platform gives from now on."""
    return rig.peers.workdir / "platform" / "roster.csv.gz"


def given(rig: Rig, rows: Callable[[pl.DataFrame], pl.DataFrame]) -> bytes:
    """The platform gives these rows of its roster; what it gave before."""
    file = file_of(rig)
    before = file.read_bytes()
    left = rows(pl.read_csv(gzip.decompress(before), infer_schema=False))
    file.write_bytes(gzip.compress(left.write_csv().encode()))
    return before


def without(people: set[str]) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """All but these."""
    return lambda rows: rows.filter(~pl.col("psn_no").is_in(list(people)))


def in_force(rig: Rig) -> int:
    """People of the roster in force."""
    with rig.site.ledger.begin() as tx:
        newest = rosters.newest(tx)
    assert newest is not None
    return newest.people


@pytest.mark.parametrize("share", [0.0, 0.5, 0.85])
def test_a_roster_that_lost_many_is_not_taken(settled: Rig, civil_csv: bytes, share: float) -> None:
    """The one in force stays, the run says what to do, and lists of that day mean whom they meant."""
    before, people = settled.records(), in_force(settled)
    whole = given(settled, lambda rows: rows.head(int(rows.height * share)))
    civil(2, civil_csv, day=SECOND).put(settled.outbox)
    code, told = settled.told(2)
    assert ExitCode.LATER == code
    assert "roster_shrink" in told
    assert (people, before) == (in_force(settled), settled.records())
    assert [] == settled.open_holds()
    file_of(settled).write_bytes(whole)
    assert ExitCode.DONE == settled.run(3).exit_code
    assert before == settled.records()


def _shifted(rows: pl.DataFrame) -> pl.DataFrame:
    """The person numbers stand one row lower than the people."""
    return rows.with_columns(psn_no=pl.concat([rows["psn_no"].tail(1), rows["psn_no"].head(rows.height - 1)]))


def _others(rows: pl.DataFrame) -> pl.DataFrame:
    """As many people of another city."""
    return rows.with_columns(pl.col("psn_no").str.replace("^45", "99"), pl.col("certno").str.replace("^45", "99"))


def _numberless(rows: pl.DataFrame) -> pl.DataFrame:
    """Everybody, and nobody's number."""
    return rows.with_columns(certno=pl.lit(None, pl.String))


@pytest.mark.parametrize("wrong", [_shifted, _others, _numberless])
def test_a_roster_of_other_people_is_not_taken(
    settled: Rig, civil_csv: bytes, wrong: Callable[[pl.DataFrame], pl.DataFrame]
) -> None:
    """Of as many people, but others than before, each with somebody else's number or none: the one in force stays, and
    nobody's flag moves to another."""
    before = settled.records()
    given(settled, wrong)
    civil(2, civil_csv, day=SECOND).put(settled.outbox)
    code, told = settled.told(2)
    assert ExitCode.LATER == code
    assert "roster_shrink" in told
    assert before == settled.records()
    assert [] == settled.open_holds()


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_first_roster_of_half_of_the_people_is_made_good(
    civil_rig: Rig, civil_csv: bytes, quiet: Callable[..., Records], share: float
) -> None:
    """A site that begins with half a roster, or an empty one, flags nobody wrongly, and once the whole one has come,
    and a person has released the list where it was held, it holds what it would have held."""
    whole = given(civil_rig, lambda rows: rows.head(int(rows.height * share)))
    civil(1, civil_csv).put(civil_rig.outbox)
    civil_rig.run()
    expected = quiet(CIVIL)
    ours = {record for record in civil_rig.records() if record[-1] == CIVIL}
    assert {record[0] for record in ours} <= {record[0] for record in expected if record[-1] == CIVIL}
    file_of(civil_rig).write_bytes(whole)
    civil_rig.run(2)
    for hold in holds.held(civil_rig.site, actor="clerk"):
        digest = holds.shown(civil_rig.site, hold.id, actor="colleague").digest
        for who in ("colleague", "second-colleague")[: hold.approvals]:
            holds.release(civil_rig.site, hold.id, digest=digest, actor=who, note="名册已补全", day=SECOND)
    assert expected == civil_rig.records()


def test_who_is_missing_from_a_roster_for_some_days_loses_nothing(settled: Rig, civil_csv: bytes) -> None:
    """Fewer than the limit are missing, lists come meanwhile that name them and that leave them out: while they are
    away nothing is sent of them, and once they are back the lists say what they hold."""
    before = settled.records()
    ours = sorted({record[0] for record in before if record[-1] == CIVIL})
    away = set(ours[::4][:15])
    whole = given(settled, without(away))
    civil(2, civil_csv, day=SECOND).put(settled.outbox)
    settled.run(2)
    assert before == settled.records()
    file_of(settled).write_bytes(whole)
    civil(3, civil_csv, day=THIRD).put(settled.outbox)
    assert ExitCode.DONE == settled.run(3).exit_code
    assert before == settled.records()


def test_a_roster_that_changes_around_a_hold_lets_nobody_through(settled: Rig, civil_csv: bytes) -> None:
    """Some of the held leave the roster: what was seen before cannot be released, the rest can, and whoever comes back
    is held again."""
    half = csv_of(table(civil_csv).head(table(civil_csv).height // 2))
    civil(2, half, day=SECOND).put(settled.outbox)
    assert ExitCode.HELD == settled.run(2).exit_code
    before = settled.records()
    (hold,) = holds.held(settled.site, actor="clerk")
    seen = holds.shown(settled.site, hold.id, everybody=True, actor="clerk")
    keys = sorted({one.person_key for one in seen.people})[:5]
    roster_before = roster.people(settled.site, ["person_key", "psn_no"], pl.Series("person_key", keys))
    away = set(roster_before["psn_no"])
    assert 5 == len(away)
    whole = given(settled, without(away))
    assert ExitCode.HELD == settled.run(3).exit_code
    for digest in (seen.digest, hold.digest):
        try:
            holds.release(settled.site, hold.id, digest=digest, actor="colleague", note="已核实", day=THIRD)
        except NotAllowed as refused:
            assert "摘要" in str(refused)
        else:
            raise AssertionError("released what nobody had seen")
    now = holds.shown(settled.site, hold.id, everybody=True, actor="clerk")
    # Whom a row meant by less than their number is kept in doubt: they are held still, and released with the rest.
    spared = set(keys) - {one.person_key for one in now.people}
    away = set(roster_before.filter(pl.col("person_key").is_in(list(spared)))["psn_no"])
    assert hold.leaving - now.hold.leaving == len(spared) > 0
    for who in ("colleague", "second-colleague")[: now.hold.approvals]:
        holds.release(settled.site, hold.id, digest=now.digest, actor=who, note="已核实", day=THIRD)
    kept = [record for record in settled.records() if record[0] in away]
    assert [record for record in before if record[0] in away] == kept
    file_of(settled).write_bytes(whole)
    assert ExitCode.HELD == settled.run(4).exit_code
    (again,) = holds.held(settled.site, actor="clerk")
    assert (hold.id, len(spared)) == (again.id, again.leaving)
    assert kept == [record for record in settled.records() if record[0] in away]
