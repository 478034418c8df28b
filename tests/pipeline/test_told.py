"""Every delivery's receipt reaches its department, however many come in a day, and each once."""

import json
from datetime import date
from typing import Any

import polars as pl
import sqlalchemy as sa

from gateway.pipeline.intake import open_session
from gateway.plugin.api import RECEIPT, Receipt
from gateway.store import tables as t
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


def test_what_a_delta_said_stays_the_last_word(new_rig: NewRig) -> None:
    """Where the roster says something else of a full list, and it is told again, the deltas after it are too: of those
    whom they are about the federation keeps what it heard last."""
    rig = new_rig(SOURCE)
    rig.peers.stage(1)
    options = rig.site.settings.sources[SOURCE].options
    object.__setattr__(options, "full_every", 30)
    rig.run()
    holders = json.loads((rig.peers.workdir / "federation" / "holders.json").read_text("utf-8"))["holders"]
    before = _last_words(rig)
    at = next(i for i, one in enumerate(holders) if before.get(one["cert_no"]) == "无需标识" and one["grade"] == "3")
    somebody = min(record[0] for record in rig.records() if record[-1] == SOURCE)
    _change(rig, at, grade="1")
    rig.run()
    said = {holders[at]["cert_no"]: "已标识"}
    assert said.items() <= _last_words(rig).items()
    with wrong_roster(rig, somebody, {"surv_stas": "3"}):
        rig.run(2)
    assert ["full", "delta"] == [row.mode for row in rig.rows()]
    assert said.items() <= _last_words(rig).items()
    assert "已死亡" in _last_words(rig).values()


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
