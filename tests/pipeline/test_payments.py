"""Rows of payments: what a person decided about one holds for later lists, and its case is its county's."""

from pathlib import Path

import pytest

from gateway.acts import cases, worklist
from gateway.model.verdicts import Verdict
from gateway.store import decisions
from tests.pipeline.conftest import NewRig
from tests.pipeline.exports import HEADER, ROW, TAX, taken
from tests.pipeline.rig import Rig


def paid(rig: Rig, name: str, row: str) -> tuple[str, str]:
    """Outcome and reason of a list's only row."""
    assert [name] == taken(rig, {"payments.csv": f"{HEADER}\n{row}\n".encode()}, name)
    rig.run(only=[])
    read = rig.site.read_frame(rig.row(name).resolutions_file or "")
    return read.select("outcome", "reason").row(0)


@pytest.fixture
def rig(new_rig: NewRig) -> Rig:
    """A site that took a payment without a number."""
    rig = new_rig(TAX)
    rig.peers.stage(1)
    assert ("review", "number_missing") == paid(rig, "first", ROW)
    return rig


def case_of(rig: Rig) -> dict[str, object]:
    with rig.site.ledger.begin() as tx:
        (case,) = decisions.cases(tx, limit=None)
    return case


def test_a_decision_about_a_payment_without_a_number_holds(rig: Rig) -> None:
    """It belongs to the department's own row, of which the area is a part: a later payment of the same is not asked
    about, one of the same name from elsewhere is."""
    cases.decide(rig.site, int(str(case_of(rig)["id"])), Verdict.NOBODY, note="核对过缴费凭证", actor="clerk")
    again, elsewhere = ROW.replace("T1", "T2"), ROW.replace("T1", "T3").replace("451022", "451025")
    assert "decided_nobody" == paid(rig, "second", again)[1]
    assert ("review", "number_missing") == paid(rig, "third", elsewhere)


def test_a_case_of_a_payment_is_its_countys(rig: Rig, tmp_path: Path) -> None:
    """The clerk of the county that the row names has it in the worklist."""
    out = tmp_path / "list.xlsx"
    said = worklist.export(rig.site, "451022", "韦测试", "a long password", reason="核查", actor="clerk", out=out)
    assert (1, "451022") == (said.cases, case_of(rig)["county"])
