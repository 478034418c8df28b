"""A list that is not in use tells nothing of whom other rows mean: perhaps it is the wrong one altogether."""

import csv
import gzip
from datetime import date
from pathlib import Path

import pytest

from gateway.acts import lists
from gateway.errors import ExitCode
from gateway.model.deliveries import Mode
from gateway.pipeline.bring import Brought
from gateway.store import checkpoints, decisions
from tests.normalise.lists import rural_rows, workbook
from tests.pipeline.conftest import NewRig
from tests.pipeline.rig import Rig

RURAL = "rural_revitalization"
DAY = date(2026, 11, 2)
#: The source's number of one person, and rows that mean nobody: past the limit of a list that is mostly unusable.
SAME, NOBODY = "450000777", 30


@pytest.fixture
def rig(new_rig: NewRig) -> Rig:
    """A site that has a roster, and no list."""
    made = new_rig(RURAL)
    made.peers.stage(1)
    for folder in made.rural.iterdir():
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
    made.run()
    return made


@pytest.fixture
def person(city: Path) -> dict[str, str]:
    """Somebody insured of whose name there is one."""
    with gzip.open(city / "platform_and_tax" / "roster.csv.gz", "rt", encoding="utf-8") as file:
        people = [row for row in csv.DictReader(file) if len(row["certno"]) == 18]
    names = [row["psn_name"] for row in people]
    return next(row for row in people if names.count(row["psn_name"]) == 1)


def taken(rig: Rig, folder: Path, county: str, rows: list[dict[str, str | float | date]]) -> ExitCode:
    """A county's workbook comes on a stick."""
    file = folder / f"{county}.xlsx"
    file.write_bytes(workbook(rural_rows(*rows)))
    said = Brought(file=file, mode=Mode.FULL, business_date=DAY, scope=county, sequence=None)
    report = lists.import_list(rig.site, RURAL, said, actor="clerk", day=DAY)[1]
    assert report is not None
    return report.exit_code


def outcomes(rig: Rig) -> dict[str, dict[str, int]]:
    return {row.name: {name: count for name, count in row.outcomes.items() if count} for row in rig.rows()}


def test_what_a_held_list_knows_settles_no_doubt(rig: Rig, person: dict[str, str], tmp_path: Path) -> None:
    """A row without a number stays in doubt although a held list has the source's number with the person's own; it is
    settled once somebody has released that list."""
    doubtful: dict[str, str | float | date] = {"姓名": person["psn_name"], "证件号码": "", "人编号": SAME}
    assert ExitCode.DONE == taken(rig, tmp_path, "451022", [doubtful])
    alone = outcomes(rig)["451022"]
    assert {"matched": 1} != alone
    sure: dict[str, str | float | date] = {**doubtful, "证件号码": person["certno"]}
    nobody: list[dict[str, str | float | date]] = [
        {"姓名": "无此人", "证件号码": "不详", "人编号": f"45000{n:04}"} for n in range(NOBODY)
    ]
    assert ExitCode.HELD == taken(rig, tmp_path, "451023", [sure, *nobody])
    assert alone == outcomes(rig)["451022"]
    with rig.site.ledger.begin() as tx:
        checkpoints.clear(tx)  # so that everything is looked at anew
    rig.run(2)
    assert alone == outcomes(rig)["451022"]
    with rig.site.ledger.begin() as tx:
        (hold,) = decisions.holds(tx, state="open")
        decisions.decide_hold(tx, hold.id, "released", actor="li", note="n")
    rig.run(2)
    assert {"matched": 1} == outcomes(rig)["451022"]
