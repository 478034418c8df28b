"""Every delivery's receipt reaches its department, however many come in a day, and each once."""

import json
import sys
from dataclasses import replace
from datetime import date
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from gateway.bootstrap import open_site
from gateway.errors import ExitCode
from gateway.pipeline.intake import open_session
from gateway.plugin.api import RECEIPT, Receipt
from gateway.settings import FILE
from gateway.store import tables as t
from gateway.testing import federation
from tests.pipeline.conftest import NewRig
from tests.pipeline.rig import Rig
from tests.pipeline.test_receipts import wrong_roster

SOURCE = "disabled_federation"


def _change(rig: Rig, at: int, **fields: Any) -> None:  # Any: JSON
    """Something of that holder's record is another from the first day on."""
    path = rig.peers.workdir / "federation" / "holders.json"
    said = json.loads(path.read_text("utf-8"))
    said["holders"][at] |= {"updated_at": "2026-11-01", **fields}
    path.write_text(json.dumps(said, ensure_ascii=False), "utf-8")


def test_two_deltas_of_a_day_are_both_answered(new_rig: NewRig) -> None:
    """The federation takes the same batch once; deltas of a day are a batch each, also where they say the same."""
    rig = new_rig(SOURCE)
    rig.peers.stage(1)
    rig.run()
    for at, hukou in ((0, "1"), (1, "1"), (1, "2"), (1, "1")):
        _change(rig, at, hukou=hukou)
        rig.run()
    applied = [row for row in rig.rows() if row.instance == SOURCE]
    assert 5 == len(applied) and {"applied"} == {row.state for row in applied}
    assert sum(row.rows for row in applied) == len(rig.peers.feedback())


def test_a_call_has_a_number_by_what_it_tells(new_rig: NewRig) -> None:
    """The same rows told again are the same batch; others of the same receipt are another, so that none is lost."""
    rig = new_rig(SOURCE)
    instance = rig.site.settings.sources[SOURCE]
    source = rig.site.plugins.source(SOURCE)(instance.options)
    values: dict[str, Any] = {name: "" for name in RECEIPT} | {"row": 1, "line": 1, "source_id": "1"}
    for result in ("待核查", "待核查", "已标识"):
        rows = pl.DataFrame([{**values, "result": result}], schema=RECEIPT)
        receipt = Receipt(delivery="CL_20261101_D", business_date=date(2026, 11, 1), issue="1" * 12, rows=rows)
        with open_session(rig.site, instance, date(2026, 11, 1)) as session:
            source.feedback(session, receipt)
    assert ["待核查", "已标识"] == [told["result"] for told in rig.peers.feedback()]


@pytest.fixture
def deltas(new_rig: NewRig) -> Rig:
    """A site to which the federation's list came, and of which it asks what changed from there on."""
    rig = new_rig(SOURCE)
    rig.peers.stage(1)
    object.__setattr__(rig.site.settings.sources[SOURCE].options, "full_every", 30)
    return rig


def _recognised(rig: Rig) -> tuple[str, str]:
    """The list, and a delta by which somebody is entitled. Gives their certificate's number, and a psn_no of somebody
    else whom the list names."""
    rig.run()
    before = _last_words(rig)
    holders = json.loads((rig.peers.workdir / "federation" / "holders.json").read_text("utf-8"))["holders"]
    at = next(i for i, one in enumerate(holders) if before.get(one["cert_no"]) == "无需标识" and one["grade"] == "3")
    somebody = min(record[0] for record in rig.records() if record[-1] == SOURCE)
    _change(rig, at, grade="1")
    rig.run()
    assert "已标识" == _last_words(rig)[holders[at]["cert_no"]]
    return holders[at]["cert_no"], somebody


def test_what_a_delta_said_stays_the_last_word(deltas: Rig) -> None:
    """Where the roster says something else of a full list, and it is told again, the deltas after it are too: of those
    whom they are about the federation keeps what it heard last."""
    who, somebody = _recognised(deltas)
    with wrong_roster(deltas, somebody, {"surv_stas": "3"}):
        deltas.run(2)
    assert ["full", "delta"] == [row.mode for row in deltas.rows()]
    assert "已标识" == _last_words(deltas)[who]
    assert "已死亡" in _last_words(deltas).values()


def test_a_list_in_doubt_takes_no_last_word_away(deltas: Rig) -> None:
    """Where the departures of the next full list are held, what the delta said is in force still, and is told still."""
    file = deltas.site.settings.root / FILE
    text, place = file.read_text("utf-8"), f"[sources.{SOURCE}]"
    file.write_text(text.replace(place, f"{place}\nlimits = {{ share = 0.001, number = 0 }}"), "utf-8")
    rig = replace(deltas, site=open_site(deltas.site.settings.root))
    options = rig.site.settings.sources[SOURCE].options
    object.__setattr__(options, "full_every", 30)
    who, somebody = _recognised(rig)
    path = rig.peers.workdir / "federation" / "holders.json"
    said = json.loads(path.read_text("utf-8"))
    said |= {"holders": [one for one in said["holders"] if one["cert_no"] != who], "as_of": "2026-11-02T08:00:00"}
    path.write_text(json.dumps(said, ensure_ascii=False), "utf-8")
    object.__setattr__(options, "full_every", 1)
    assert ExitCode.HELD == rig.run(2).exit_code
    assert ["full", "delta", "full"] == [row.mode for row in rig.rows()]
    with wrong_roster(rig, somebody, {"surv_stas": "3"}):
        rig.run(3)
    assert ("已标识", True) == (_last_words(rig)[who], "已死亡" in _last_words(rig).values())
    rig.site.ledger.close()


def test_a_receipt_that_came_in_part_takes_no_last_word_away(deltas: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The federation takes the first part of a full list's receipt and refuses another, time and again: the delta's is
    told after it each time."""
    module = sys.modules[deltas.site.plugins.source(SOURCE).__module__]
    monkeypatch.setattr(module, "SIZE", 12)
    who, somebody = _recognised(deltas)
    fits, parts = federation._is_feedback, len({row["batch"] for row in deltas.peers.feedback()})
    assert 3 <= parts
    last = max(part for row in deltas.peers.feedback() for part in [row["batch"].split("-")[-2]])
    monkeypatch.setattr(federation, "_is_feedback", lambda told: fits(told) and f"-{last}-" not in told["batch"])
    with wrong_roster(deltas, somebody, {"surv_stas": "3"}):
        for day in (2, 3):
            assert ExitCode.DONE != deltas.run(day).exit_code
            assert "已标识" == _last_words(deltas)[who]
    assert "已死亡" in _last_words(deltas).values()


def _last_words(rig: Rig) -> dict[str, str]:
    """Number → what the federation heard last."""
    return {row["cert_no"]: row["result"] for row in rig.peers.feedback()}


def test_a_receipt_is_told_once_until_it_changes(new_rig: NewRig) -> None:
    """A receipt whose being written was forgotten is sent under its number, and is there once."""
    rig = new_rig(SOURCE)
    rig.peers.stage(1)
    rig.run()
    told = rig.peers.feedback()
    with rig.site.ledger.begin() as tx:
        tx.execute(sa.update(t.deliveries).values(receipt_digest="", receipt_at=None))
    rig.run()
    assert told == rig.peers.feedback()[: len(told)]
    assert len(told) == len(rig.peers.feedback())
