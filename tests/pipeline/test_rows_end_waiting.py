"""Who waits for a row in doubt of a list whose rows end waits on, whoever comes back to the roster."""

import gzip
from datetime import date

import polars as pl

from gateway.acts import cases
from gateway.model.verdicts import Verdict
from gateway.store import decisions
from tests.normalise.lists import number as composed
from tests.pipeline import forge
from tests.pipeline.ending import end, ended, enrol, replaced, settle
from tests.pipeline.rig import Rig, flagged


def insured(rig: Rig, civil_csv: bytes) -> pl.DataFrame:
    """A dozen rows of a list whose number and name the roster has once, with their `psn_no`."""
    roster = pl.read_csv(
        gzip.decompress((rig.peers.city / "platform_and_tax" / "roster.csv.gz").read_bytes()), infer_schema=False
    )
    alive = roster.filter(pl.col("surv_stas") == "1").unique("certno").select("certno", "psn_name", "psn_no")
    plain = pl.col(forge.NUMBER).is_unique() & pl.col("姓名").str.contains(r"^[\u4e00-\u9fff]{2,3}$")
    allowed = pl.col("保障类别").is_in(["A", "B", "C"]) & (pl.col("救助类别") == "低保对象")
    allowed = allowed & pl.col("停止日期").is_null()
    rows = forge.table(civil_csv).filter(plain & allowed & ~pl.col(forge.NUMBER).str.ends_with("000"))
    theirs = ["certno", "psn_name"]
    return rows.join(alive, left_on=[forge.NUMBER, "姓名"], right_on=theirs, maintain_order="left").head(12)


def test_who_comes_back_lets_nobody_go(civil_rig: Rig, civil_csv: bytes) -> None:
    """Somebody waits for a damaged row. Above it stands somebody who was off the roster on the night on which rows end:
    that row is one in doubt then, and no longer once they are back; who waited for the other waits on."""
    rows = insured(civil_rig, civil_csv)
    away, waits = rows["psn_no"][0], rows["psn_no"][3]
    number = rows[forge.NUMBER][3]
    damage = {
        "姓名": "欧阳", "出生日期": None, "性别": None, "救助证号": None, "户主身份证号": None,
        forge.NUMBER: f"{number[0]}.{number[1:15]}E+17",
    }  # fmt: skip
    damaged = replaced(rows, waits, damage)
    for day, listed in ((1, rows), (2, damaged), (3, damaged)):
        content = forge.csv_of(listed.drop("psn_no"))
        forge.civil(day, content, day=date(2026, 11, day)).put(civil_rig.outbox)
        civil_rig.run(day)
    enrol(civil_rig, date(2026, 11, 4), away=[away])
    assert end(civil_rig)
    assert {"MZ_451000_20261101_F_0001", "MZ_451000_20261102_F_0002"} == ended(civil_rig)
    enrol(civil_rig, date(2026, 11, 5))
    settle(civil_rig, date(2026, 11, 6), anew=True)
    assert flagged(civil_rig, waits)
    assert flagged(civil_rig, away)


def test_who_may_be_meant_by_any_of_those_away_waits_for_all(civil_rig: Rig, civil_csv: bytes) -> None:
    """Of two who are off the roster on the night on which rows end, the second has the name and the birth date of
    somebody who left the list: that one waits while the second is away, though the first is back."""
    rows = insured(civil_rig, civil_csv)
    first, second, waits = rows["psn_no"][0], rows["psn_no"][1], rows["psn_no"][3]
    number = rows[forge.NUMBER][3]
    # The next but one who was born there on that day, of the same sex.
    twin = composed(f"{number[:14]}{(int(number[14:17]) + 2) % 1000:03}")
    as_twin = {"psn_name": rows["姓名"][3], "certno": twin, "brdy": f"{number[6:10]}-{number[10:12]}-{number[12:14]}"}
    listed_as = {"姓名": rows["姓名"][3], forge.NUMBER: twin, "出生日期": None, "性别": None, "户主身份证号": None}
    damage = {
        "姓名": "欧阳", "出生日期": None, "性别": None, "救助证号": None, "户主身份证号": None,
        forge.NUMBER: f"{number[0]}.{number[1:15]}E+17",
    }  # fmt: skip
    rows = replaced(rows, second, listed_as)
    hurt = replaced(rows, waits, damage)
    twins = {second: as_twin}
    enrol(civil_rig, date(2026, 11, 1), others=twins)
    for day, listed in ((1, rows), (2, hurt), (3, hurt)):
        forge.civil(day, forge.csv_of(listed.drop("psn_no")), day=date(2026, 11, day)).put(civil_rig.outbox)
        civil_rig.run(day)
    assert flagged(civil_rig, second)
    enrol(civil_rig, date(2026, 11, 4), others=twins, away=[first, second])
    with civil_rig.site.ledger.begin() as tx:
        opened = decisions.cases(tx, instance="civil_affairs", limit=None)
    (case,) = [one for one in opened if one["code"] == "number_damaged"]
    cases.decide(civil_rig.site, case["id"], Verdict.NOBODY, note="电话核实", actor="clerk", day=date(2026, 11, 4))
    assert end(civil_rig)
    for day, away, still in ((5, [second], True), (6, [], False)):
        enrol(civil_rig, date(2026, 11, day), others=twins, away=away)
        settle(civil_rig, date(2026, 11, day), anew=True)
        assert still == flagged(civil_rig, waits)
        assert flagged(civil_rig, first)
