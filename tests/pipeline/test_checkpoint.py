"""Settling goes on from where it was, and comes to what it would come to from the first delivery on."""

from collections.abc import Callable, Mapping
from datetime import date
from itertools import chain, product
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from gateway.errors import ExitCode
from gateway.model.frames import RECOGNITIONS
from gateway.pipeline.checkpoint import MOST_LAYERS, laid, layer
from gateway.pipeline.platform import open_channel
from gateway.pipeline.settlement import Settled, settle_dry, settle_site
from gateway.settle import nothing
from gateway.settle.turns import STATE
from gateway.store import checkpoints, decisions, outbox, people
from tests.pipeline.conftest import NewRig
from tests.pipeline.forge import civil, csv_of, sums, table, without
from tests.pipeline.rig import PLATFORM, Rig, flagged, later
from tests.pipeline.test_counties import books, recoded, rows_of, written

KEY = RECOGNITIONS.names()


def settle(rig: Rig) -> Settled:
    """A settlement by itself."""
    with open_channel(rig.site, date(2026, 11, 9)) as channel:
        return settle_site(rig.site, channel, 1, "test")


def derived_anew(rig: Rig) -> Settled:
    """What stands when everything is derived from the first delivery on."""
    with open_channel(rig.site, date(2026, 11, 9)) as channel:
        return settle_dry(rig.site, channel)


def believed(rig: Rig) -> pl.DataFrame:
    """What the ledger believes now."""
    with rig.site.ledger.begin() as tx:
        return people.recognitions(tx).select(KEY).sort(KEY)


def is_as_if_anew(rig: Rig) -> None:
    """Everything derived from the first delivery on is what stands."""
    anew = derived_anew(rig)
    assert anew.people is None
    assert believed(rig).equals(anew.recognitions.select(KEY).sort(KEY))
    assert 0 == anew.wanted[0].height
    with rig.site.ledger.begin() as tx:
        known = {row[0:2] for row in people.departure_counts(tx)}
    judged = [folded.fold.departures for folded in anew.folds.values() if folded.fold]
    assert known == {(delivery, state) for delivery, state in pl.concat(judged).select("delivery", "state").rows()}


def test_every_day_is_as_if_derived_anew(new_rig: NewRig) -> None:
    """After each day of full lists, deltas, departures and cases, what stands is what all deliveries come to anew."""
    rig = new_rig()
    for day in (1, 2, 3):
        rig.peers.stage(day)
        assert rig.run(day).exit_code in (ExitCode.DONE, ExitCode.HELD)
        is_as_if_anew(rig)


def test_nothing_new_is_not_looked_at_again(new_rig: NewRig) -> None:
    """Without a new delivery, roster or decision no delivery is opened, and nobody's list is derived again."""
    rig = new_rig()
    rig.peers.stage(1)
    assert [] == rig.run().faults
    again = settle(rig)
    assert [] == again.work
    assert again.people is not None
    assert 0 == again.people.len()


def test_a_delta_is_folded_alone(settled: Rig, civil_csv: bytes) -> None:
    """A delta is folded onto the state before it, and only the people whom it changes are derived again."""
    once = table(civil_csv).filter(pl.col("身份证号码").is_unique() & (pl.col("救助类别") == "孤儿")).head(2)
    civil(2, csv_of(once.with_columns(pl.lit("2026-10-31").alias("停止日期"), 变动类型=pl.lit("停发"))),
          day=date(2026, 11, 2), mode="D").put(settled.outbox)  # fmt: skip
    settled.run(2, only=["civil_affairs"])
    tip = _point(settled)
    assert [1, 2] == [turn[0] for turn in tip["turns"]]
    is_as_if_anew(settled)
    assert [] == settle(settled).work


def test_many_deltas_are_as_if_derived_anew(settled: Rig, civil_csv: bytes) -> None:
    """More deltas than lie upon a whole frame, come to what all
    deliveries come to anew; after so many the frame is whole again."""
    once = table(civil_csv).filter(pl.col("身份证号码").is_unique())
    stopped = once.with_columns(pl.lit("2026-10-31").alias("停止日期"), 变动类型=pl.lit("停发"))
    layers = []
    for n in range(MOST_LAYERS + 1):
        delta = csv_of(stopped.slice(4 * n, 4))
        civil(2 + n, delta, day=date(2026, 11, 2), mode="D").put(settled.outbox)
        settled.run(2, only=["civil_affairs"])
        layers.append(len(_point(settled)["files"]["recognitions"]))
    assert [*range(2, MOST_LAYERS + 2), 1] == layers
    is_as_if_anew(settled)


def test_whose_recognitions_are_gone_has_none() -> None:
    """What lies upon recognitions replaces all of its people's, also of those who have none now, and nobody else's."""
    under = recognised([(1, "A"), (1, "B"), (2, "A"), (3, "A")])
    changed = layer(pl.Series([1, 2]), recognised([(1, "C"), (3, "Z")]))
    assert [(3, "A"), (1, "C")] == laid(under, changed).select("person_key", "identity").rows()


def recognised(rows: list[tuple[int, str]]) -> pl.DataFrame:
    """Recognitions of (person, identity), with nothing else said."""
    known = pl.DataFrame(rows, schema={"person_key": pl.Int64, "identity": pl.String}, orient="row")
    return pl.concat([nothing().recognitions, known], how="diagonal").select(STATE)


def test_lost_checkpoints_change_nothing(new_rig: NewRig) -> None:
    """Without its checkpoints, or with files that do not open, a site settles from the first delivery on and sends
    nothing."""
    rig = new_rig()
    for day in (1, 2):
        rig.peers.stage(day)
        rig.run(day)
    before, sent = believed(rig), len(rig.uploads())
    for name in chain.from_iterable(_point(rig)["files"].values()):
        (rig.site.frames / name).write_bytes(b"broken")
    rig.peers.stage(3)
    rig.run(3)
    is_as_if_anew(rig)
    with rig.site.ledger.begin() as tx:
        checkpoints.write(tx, {"": {}})
    after, sent = believed(rig), len(rig.uploads())
    assert ExitCode.CONFIGURATION != rig.run(3).exit_code
    assert after.equals(believed(rig))
    assert sent == len(rig.uploads())
    assert not before.equals(after)


def _flipped(file: Path, _other: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _exchanged(file: Path, other: Path) -> None:
    file.write_bytes(other.read_bytes())


def _gone(file: Path, _other: Path) -> None:
    file.unlink()


@pytest.mark.parametrize(
    ("name", "harm"),
    [
        *product(["recognitions"], [_flipped, _exchanged, _gone]),
        *zip(["source_ids", "doubts", "known"], [_flipped, _exchanged, _gone], strict=True),
    ],
)
def test_an_altered_checkpoint_ends_nobody(
    settled: Rig, civil_csv: bytes, at: int, who: str, name: str, harm: Callable[[Path, Path], None]
) -> None:
    """A frame of it in which one bit is another, that has another's content, or that is gone: the next list is settled
    from the first delivery on, and ends whom it leaves out and nobody else."""
    before, files = settled.records(), _point(settled)["files"]
    other = next(key for key in files if key != name)
    harm(settled.site.frames / files[name][0], settled.site.frames / files[other][0])
    civil(2, without(civil_csv, at), day=date(2026, 11, 2)).put(settled.outbox)
    assert ExitCode.DONE == settled.run(2).exit_code
    is_as_if_anew(settled)
    assert not flagged(settled, who)
    assert [r for r in before if r[0] != who] == [r for r in settled.records() if r[0] != who]


def test_a_checkpoint_of_the_day_before_is_gone_on_from(settled: Rig, civil_csv: bytes, at: int) -> None:
    """Where yesterday's checkpoint is there again, what came since is folded once more, and comes to the same."""
    with settled.site.ledger.begin() as tx:
        yesterday = checkpoints.read(tx)
    kept = {name: (settled.site.frames / name).read_bytes() for name in _frames(yesterday)}
    civil(2, without(civil_csv, at), day=date(2026, 11, 2)).put(settled.outbox)
    settled.run(2)
    before, sent = settled.records(), len(settled.uploads())
    for name, content in kept.items():
        (settled.site.frames / name).write_bytes(content)
    with settled.site.ledger.begin() as tx:
        checkpoints.clear(tx)
        checkpoints.write(tx, yesterday)
    assert ExitCode.DONE == settled.run(2).exit_code
    assert (before, sent) == (settled.records(), len(settled.uploads()))
    is_as_if_anew(settled)


def _frames(points: Mapping[str, Any]) -> list[str]:
    return [name for point in points.values() for names in point.get("files", {}).values() for name in names]


def test_a_number_that_is_sure_now_settles_rows_of_an_earlier_list(new_rig: NewRig) -> None:
    """Rows in doubt of one county's workbook, whose people come the next day in another's, under the same 人编号: they
    are looked at again, though their own list did not come again."""
    rig = new_rig("rural_revitalization")
    rig.peers.stage(1)
    (_first, path), (other, _path), *_rest = books(rig.rural / "20261101").items()
    header, rows = rows_of(path)
    where = {name: list(header).index(name) for name in ("证件号码", "性别", "出生日期", "户编号")}
    some = [row for row in rows if len(str(row[where["证件号码"]])) == 18][:12]
    vague = [[_vague(at, cell, where) for at, cell in enumerate(row)] for row in some]
    path.write_bytes(written(header, vague))
    sums(rig.rural / "20261101")
    rig.run()
    before = _in_review(rig)
    folder = rig.rural / "20261102"
    folder.mkdir()
    (folder / f"XCZX_{other}_20261102.xlsx").write_bytes(written(header, recoded(header, some, other)))
    sums(folder)
    rig.run(2)
    assert before - len(some) <= _in_review(rig) < before
    is_as_if_anew(rig)


def _vague(at: int, cell: str | float, where: Mapping[str, int]) -> str | float:
    """A cell of a row of which only name, home and 人编号 are left."""
    return "" if at in where.values() else cell


def _in_review(rig: Rig) -> int:
    """Rows of the first day's workbooks that wait for a person."""
    return int(rig.row("20261101").outcomes["review"])


def test_the_same_list_again_rewrites_nothing(settled: Rig, civil_csv: bytes) -> None:
    """A full list that says the same for a later date leaves every recognition, and its origin, as it was."""
    before = believed(settled)
    civil(2, civil_csv, day=date(2026, 11, 2)).put(settled.outbox)
    settled.run(2, only=["civil_affairs"])
    assert before.equals(believed(settled))
    with settled.site.ledger.begin() as tx:
        assert {"done"} == set(outbox.counts(tx))


def test_a_list_that_waits_behind_one_in_flight_is_sent(civil_rig: Rig, civil_csv: bytes, at: int, who: str) -> None:
    """What changed while an earlier list was in flight is looked at again, and sent, when the platform is back."""
    civil(1, civil_csv).put(civil_rig.outbox)
    faults = civil_rig.peers.servers[PLATFORM].faults
    faults.add("status", times=1000, where="L201", code=500)
    civil_rig.run()
    civil(2, without(civil_csv, at), day=date(2026, 11, 2)).put(civil_rig.outbox)
    civil_rig.run(2)
    faults.clear()
    with later(hours=1):
        civil_rig.run(3)
    assert 0 < len(civil_rig.records())
    assert not flagged(civil_rig, who)
    is_as_if_anew(civil_rig)


def test_a_reissue_leaves_the_hold_of_the_list_before_it(settled: Rig, civil_csv: bytes) -> None:
    """A second full list for a date restates whom the first left out; the first's hold waits for a person all the same,
    as it would before a list of the next day."""
    before = settled.records()
    half = csv_of(table(civil_csv).head(table(civil_csv).height // 2))
    short = civil(2, half, day=date(2026, 11, 2))
    short.put(settled.outbox)
    assert ExitCode.HELD == settled.run(2).exit_code
    civil(3, civil_csv, day=date(2026, 11, 2)).put(settled.outbox)
    settled.run(2)
    assert [(short.stem, "")] == settled.open_holds()
    assert before == settled.records()
    is_as_if_anew(settled)


def test_one_lost_checkpoint_closes_no_case(new_rig: NewRig) -> None:
    """Where one instance's checkpoint is gone, everything is derived anew, its cases included."""
    rig = new_rig("civil_affairs", "rural_revitalization")
    rig.peers.stage(1)
    rig.run()
    with rig.site.ledger.begin() as tx:
        before, points = decisions.case_counts(tx), checkpoints.read(tx)
        checkpoints.clear(tx)
        checkpoints.write(tx, {name: point for name, point in points.items() if name != "civil_affairs"})
    rig.run()
    with rig.site.ledger.begin() as tx:
        assert before == decisions.case_counts(tx)
    assert 0 < len(before)


def _point(rig: Rig) -> dict[str, Any]:
    with rig.site.ledger.begin() as tx:
        return checkpoints.read(tx)["civil_affairs"]
