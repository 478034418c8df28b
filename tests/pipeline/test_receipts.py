"""Receipts: the last word on a date stays the last."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import python_calamine as calamine
import sqlalchemy as sa

from gateway.store import tables as t
from tests.pipeline.conftest import NewRig
from tests.pipeline.forge import sums
from tests.pipeline.rig import Rig


def _written(rig: Rig, folder: str) -> Sequence[Sequence[object]]:
    """The rows of the one receipt of that folder."""
    (path,) = (rig.rural.parent / "inbox" / folder).iterdir()
    return calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()


def test_an_earlier_set_of_workbooks_never_writes_over_a_later_one(new_rig: NewRig, city: Path) -> None:
    """Where a case of a date's earlier set is decided, the receipts of its later set are the last that come."""
    rig = new_rig("rural_revitalization")
    (day,) = (city / "day1" / "xczx" / "outbox").iterdir()
    books = sorted(day.glob("*.xlsx"))[:2]
    folder = rig.rural / day.name
    folder.mkdir(exist_ok=True)
    shutil.copy(books[0], folder)
    sums(folder)
    rig.run()
    earlier = _written(rig, day.name)
    # What stood in the other county's workbook is the first county's now, under the first's name.
    (folder / books[0].name).write_bytes(books[1].read_bytes())
    sums(folder)
    rig.run()
    last = _written(rig, day.name)
    assert earlier != last
    with rig.site.ledger.begin() as tx:
        first = tx.execute(sa.select(sa.func.min(t.deliveries.c.id))).scalar_one()
        tx.execute(sa.update(t.deliveries).where(t.deliveries.c.id == first).values(receipt_digest=""))
    rig.run()
    assert last == _written(rig, day.name)
