"""Lists of the wrong kind are held whole, groups that leave are held alone, and all else goes on."""

import gzip
from collections import Counter
from datetime import date

import polars as pl
import pytest

from gateway.errors import ExitCode
from gateway.model.holds import WHOLE
from gateway.store import decisions
from gateway.store.decisions import HoldRow
from tests.pipeline.forge import NUMBER, Civil, civil, csv_of, table
from tests.pipeline.rig import SMALL, Rig, limited

SECOND, THIRD = date(2026, 11, 2), date(2026, 11, 3)

def _holds(rig: Rig, state: str = "open") -> list[HoldRow]:
    with rig.site.ledger.begin() as tx:
        return decisions.holds(tx, state=state)


def _decide(rig: Rig, hold: HoldRow, state: str) -> None:
    with rig.site.ledger.begin() as tx:
        decisions.decide_hold(tx, hold.id, state, actor="li", note="n")


def _other_level(csv: bytes) -> bytes:
    """Everybody's allowance is of level C."""
    level = pl.when(pl.col("保障类别") != "").then(pl.lit("C")).otherwise("保障类别")
    return csv_of(table(csv).with_columns(level.alias("保障类别")))


def _damaged(csv: bytes) -> bytes:
    """Each third row says an impossible first day."""
    broken = pl.when(pl.int_range(pl.len()) % 3 == 0).then(pl.lit("2024/2/30")).otherwise("认定日期")
    return csv_of(table(csv).with_columns(broken.alias("认定日期")))


def _wrong(csv: bytes, code: str) -> Civil:
    """A second list with this wrong."""
    match code:
        case "wrong_month":
            named = {"name": "MZ_451000_20261002.csv"}
            right = civil(2, csv, day=SECOND)
            files = [{**right.manifest["files"][0], **named}]
            return civil(2, csv, day=SECOND, members={named["name"]: csv}, files=files)
        case "leap":
            return civil(2, csv, day=date(2027, 11, 2))
        case "wrong_department":
            return civil(2, csv, day=SECOND, department="451000-XX")
        case "mix_changed":
            return civil(2, _other_level(csv), day=SECOND)
        case "more_unusable":
            return civil(2, _damaged(csv), day=SECOND)
        case _:
            raise KeyError(code)


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("MZ_451000_20261031.csv", "applied"),
        ("MZ_451000_20261110.csv", "applied"),
        ("MZ_451000_20261021.csv", "held"),
        ("MZ_451000_202610.csv", "held"),
        ("MZ_451000_20261099.csv", "held"),
    ],
)
def test_a_file_of_the_eve_is_of_no_other_month(civil_rig: Rig, civil_csv: bytes, name: str, state: str) -> None:
    """The day in a file's name may be that of the export, some days from its list's date; a month is the list's."""
    files = [{**civil(1, civil_csv).manifest["files"][0], "name": name}]
    stem = civil(1, civil_csv, members={name: civil_csv}, files=files).put(civil_rig.outbox)
    civil_rig.run()
    assert state == civil_rig.row(stem).state


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ("wrong_month", "wrong_month"),
        ("leap", "wrong_month"),
        ("wrong_department", "wrong_department"),
        ("mix_changed", "mix_changed"),
        ("more_unusable", "more_unusable"),
    ],
)
def test_a_wrong_list_is_held_as_a_whole(guarded: Rig, civil_csv: bytes, wrong: str, code: str) -> None:
    """It says nothing, and tells why and what to do; released it counts like any other, rejected it never does."""
    before = guarded.records()
    delivery = _wrong(civil_csv, wrong)
    delivery.put(guarded.outbox)
    assert ExitCode.HELD == guarded.run(2).exit_code
    row = guarded.row(delivery.stem)
    assert ("held", code) == (row.state, row.code)
    reason, _arrow, step = row.message.partition(" → ")
    assert reason and "gateway holds release" in step
    (hold,) = _holds(guarded)
    assert (WHOLE, code) == (hold.scope, hold.kind)
    assert before == guarded.records()
    _decide(guarded, hold, "released")
    assert ExitCode.DONE == guarded.run(2).exit_code
    assert "applied" == guarded.row(delivery.stem).state


def test_a_rejected_list_never_counts(guarded: Rig, civil_csv: bytes) -> None:
    """What a person rejected is refused for good, and the next right list is taken."""
    before = guarded.records()
    wrong = _wrong(civil_csv, "mix_changed")
    wrong.put(guarded.outbox)
    guarded.run(2)
    _decide(guarded, _holds(guarded)[0], "cancelled")
    assert ExitCode.DONE == guarded.run(2).exit_code
    assert ("refused", "rejected") == (guarded.row(wrong.stem).state, guarded.row(wrong.stem).code)
    right = civil(3, civil_csv, day=THIRD)
    right.put(guarded.outbox)
    assert ExitCode.DONE == guarded.run(3).exit_code
    assert ("applied", before) == (guarded.row(right.stem).state, guarded.records())


def test_a_release_of_a_whole_list_is_of_what_it_said_then(guarded: Rig, civil_csv: bytes) -> None:
    """Where the next roster has one of its people no more, the list means others than those that were released."""
    delivery = _wrong(civil_csv, "mix_changed")
    delivery.put(guarded.outbox)
    guarded.run(2)
    (hold,) = _holds(guarded)
    _decide(guarded, hold, "released")
    _leaves_the_roster(guarded, min(record[0] for record in guarded.records() if record[-1] == "civil_affairs"))
    assert ExitCode.HELD == guarded.run(3).exit_code
    assert "held" == guarded.row(delivery.stem).state
    (again,) = _holds(guarded)
    assert hold.digest != again.digest
    _decide(guarded, again, "released")
    assert ExitCode.DONE == guarded.run(3).exit_code
    assert "applied" == guarded.row(delivery.stem).state


def test_a_release_of_a_whole_list_is_of_whom_it_holds_back_too(
    guarded: Rig, civil_csv: bytes, at: int, who: str
) -> None:
    """Where a row in doubt may mean somebody no more, whom the list leaves out, it is another set, though it states the
    same of everybody."""
    here = pl.int_range(pl.len()) == at
    rows = table(_other_level(civil_csv))
    cells = {NUMBER: rows[NUMBER][at][:17], "姓名": "欧阳", "出生日期": None, "救助证号": None, "户主身份证号": None}
    damaged = [pl.when(here).then(pl.lit(cell, pl.String)).otherwise(name).alias(name) for name, cell in cells.items()]
    civil(2, csv_of(rows.with_columns(damaged)), day=SECOND).put(guarded.outbox)
    guarded.run(2)
    (hold,) = _holds(guarded)
    _decide(guarded, hold, "released")
    _leaves_the_roster(guarded, who)
    assert ExitCode.HELD == guarded.run(3).exit_code
    (again,) = _holds(guarded)
    assert (hold.place, True) == (again.place, hold.digest != again.digest)


def _leaves_the_roster(rig: Rig, psn_no: str) -> None:
    file = rig.peers.workdir / "platform" / "roster.csv.gz"
    rows = pl.read_csv(gzip.decompress(file.read_bytes()), infer_schema=False)
    left = rows.filter(pl.col("psn_no") != psn_no)
    assert left.height < rows.height
    file.write_bytes(gzip.compress(left.write_csv().encode()))


def test_who_raises_a_limit_releases_nothing(guarded: Rig, civil_csv: bytes) -> None:
    """A list that was held waits for a person, also where the limits would let it through by now."""
    delivery = _wrong(civil_csv, "mix_changed")
    delivery.put(guarded.outbox)
    guarded.run(2)
    before = guarded.records()
    raised = limited(guarded, "mix_share = 1, mix_number = 1000")
    assert ExitCode.HELD == raised.run(2).exit_code
    assert ("held", before) == (raised.row(delivery.stem).state, raised.records())
    assert [(WHOLE, "mix_changed")] == [(hold.scope, hold.kind) for hold in _holds(raised)]
    raised.site.ledger.close()


def test_the_limits_are_the_instances_own(guarded: Rig, civil_csv: bytes) -> None:
    """With limits that allow it, the same list is taken."""
    raised = limited(guarded, "mix_share = 1, mix_number = 1000")
    delivery = _wrong(civil_csv, "mix_changed")
    delivery.put(raised.outbox)
    assert ExitCode.DONE == raised.run(2).exit_code
    assert "applied" == raised.row(delivery.stem).state
    raised.site.ledger.close()


@pytest.mark.parametrize(
    ("limits", "state"),
    [
        ("unusable_number = 5", "held"),
        ("unusable_number = 1000", "applied"),
        ("unusable_number = 5, unusable_share = 1.0, unusable_rise = 1.0", "applied"),
    ],
)
def test_unusable_rows_pass_a_share_and_a_number(guarded: Rig, civil_csv: bytes, limits: str, state: str) -> None:
    """Damaged rows hold a list only where they are more than both."""
    rig = limited(guarded, limits)
    delivery = civil(2, _damaged(civil_csv), day=SECOND)
    delivery.put(rig.outbox)
    rig.run(2)
    assert state == rig.row(delivery.stem).state
    rig.site.ledger.close()


def test_a_first_list_is_compared_with_nothing(civil_rig: Rig, civil_csv: bytes) -> None:
    """Whatever mix or month a first list has, it is the measure of those to come."""
    rig = limited(civil_rig, SMALL)
    delivery = civil(1, _other_level(_damaged(civil_csv)), day=date(2028, 1, 1))
    delivery.put(rig.outbox)
    assert ExitCode.DONE == rig.run().exit_code
    assert "applied" == rig.row(delivery.stem).state
    rig.site.ledger.close()


@pytest.mark.parametrize("said", ["open", "cancelled"])
def test_a_list_in_doubt_is_no_measure(guarded: Rig, civil_csv: bytes, said: str) -> None:
    """After a list whose departures are held, or were rejected, comes a whole one: it is measured by the last one that
    nobody doubts."""
    allowance = table(civil_csv).filter(pl.col("救助类别") == "低保对象")
    raised = limited(guarded, "mix_share = 1, number = 2, identity_number = 2")
    civil(2, csv_of(allowance), day=SECOND).put(raised.outbox)
    assert ExitCode.HELD == raised.run(2).exit_code
    for hold in _holds(raised) if said == "cancelled" else ():
        _decide(raised, hold, said)
    again = limited(raised, SMALL)
    right = civil(3, civil_csv, day=THIRD)
    right.put(again.outbox)
    again.run(3)
    assert "applied" == again.row(right.stem).state
    again.site.ledger.close()


def test_a_group_is_held_and_the_list_goes_on(guarded: Rig, civil_csv: bytes) -> None:
    """Most of one county's allowance gone: they keep it until a person decides, and the list is in use."""
    rows = table(civil_csv)
    counties = rows.filter(pl.col("救助类别") == "低保对象")["行政区划代码"].str.slice(0, 6)
    county = counties.value_counts(sort=True)[counties.name][0]
    here = (pl.col("救助类别") == "低保对象") & (pl.col("行政区划代码").str.slice(0, 6) == county)
    left = csv_of(rows.filter(~here))
    before = guarded.records()
    delivery = civil(2, left, day=SECOND)
    delivery.put(guarded.outbox)
    loose = limited(guarded, "identity_number = 2, mix_share = 1")
    assert ExitCode.HELD == loose.run(2).exit_code
    assert "applied" == loose.row(delivery.stem).state
    assert {("", "identity", "低保对象")} == {(h.scope, h.kind, h.identity) for h in _holds(loose)}
    assert county in {hold.county for hold in _holds(loose)}
    held = sum(hold.leaving for hold in _holds(loose))
    assert 0 < held <= rows.filter(here)[NUMBER].n_unique()
    for hold in _holds(loose):
        _decide(loose, hold, "released")
    assert ExitCode.DONE == loose.run(2).exit_code
    assert before != loose.records()
    loose.site.ledger.close()


def test_held_groups_survive_a_settlement_from_the_start(guarded: Rig, civil_csv: bytes) -> None:
    """A limit that changes folds everything anew: what is held stays held, and nobody's records move."""
    rows = table(civil_csv)
    loose = limited(guarded, "identity_number = 2, mix_share = 1")
    civil(2, csv_of(rows.filter(pl.col("救助类别") != "低保对象")), day=SECOND).put(loose.outbox)
    assert ExitCode.HELD == loose.run(2).exit_code
    before, held = loose.records(), {(hold.place, hold.leaving) for hold in _holds(loose)}
    wide = limited(loose, "identity_share = 1, share = 1, mix_share = 1")
    assert ExitCode.HELD == wide.run(2).exit_code
    assert (before, held) == (wide.records(), {(hold.place, hold.leaving) for hold in _holds(wide)})
    wide.site.ledger.close()


@pytest.mark.parametrize("more", [1, -1])
def test_a_list_of_another_length_ends_nothing_by_itself(guarded: Rig, civil_csv: bytes, more: int) -> None:
    """A full list of more or fewer rows than its manifest says counts for whom it names; who leaves by it is held."""
    before = guarded.records()
    rows = table(civil_csv)
    shorter = csv_of(rows.filter(pl.col(NUMBER) != _alone(rows)))
    right = civil(2, shorter, day=SECOND)
    (file,) = right.manifest["files"]
    stem = civil(2, shorter, day=SECOND, files=[{**file, "rows": file["rows"] + more}]).put(guarded.outbox)
    assert ExitCode.HELD == guarded.run(2).exit_code
    assert "applied" == guarded.row(stem).state
    assert ["rows_differ"] == [code for code, _detail, _count in guarded.findings(stem) if code == "rows_differ"]
    (hold,) = _holds(guarded)
    assert ("", "incomplete") == (hold.scope, hold.kind)
    assert before == guarded.records()
    _decide(guarded, hold, "released")
    assert ExitCode.DONE == guarded.run(2).exit_code
    assert before != guarded.records()


def _alone(rows: pl.DataFrame) -> str:
    """The number of somebody whom nobody doubts and who leaves without them."""
    sure = rows.filter(
        pl.col(NUMBER).is_unique()
        & pl.col(NUMBER).str.contains(r"^\d{17}[\dX]$")
        & ~pl.col(NUMBER).str.ends_with("000")
        & (pl.col("停止日期").fill_null("") == "")
        & (pl.col("救助类别") == "低保对象")
        & pl.col("保障类别").is_in(["A", "B"])
    )
    return str(sure[NUMBER][3])


@pytest.mark.parametrize("word", ["released", "cancelled"])
def test_whom_a_held_list_leaves_out_keeps_the_case(civil_rig: Rig, civil_csv: bytes, at: int, word: str) -> None:
    """A row in doubt that a list leaves out whose departures wait is in doubt still, also when they were rejected; its
    case ends once somebody has let go whom the list leaves out."""
    rows = table(civil_csv).with_row_index("at")
    renamed = rows.with_columns(pl.when(at=at).then(pl.lit("欧阳某某")).otherwise("姓名").alias("姓名"))
    civil(1, csv_of(renamed.drop("at"))).put(civil_rig.outbox)
    civil_rig.run()
    before = _cases(civil_rig)
    half = renamed.filter(pl.col("at") % 2 != at % 2).drop("at")
    stem = civil(2, csv_of(half), day=SECOND).put(civil_rig.outbox)
    assert ExitCode.HELD == civil_rig.run(2).exit_code
    assert ("applied", [""]) == (civil_rig.row(stem).state, [hold.scope for hold in _holds(civil_rig)])
    assert before <= _cases(civil_rig)
    (hold,) = _holds(civil_rig)
    _decide(civil_rig, hold, word)
    for day in (2, 3):
        civil_rig.run(day)
        lost = before - _cases(civil_rig)
        assert (lost["name_differs"] > 0) is (word == "released")


def _cases(rig: Rig) -> Counter[str]:
    """Why people are asked."""
    with rig.site.ledger.begin() as tx:
        return Counter(str(case["code"]) for case in decisions.cases(tx))
