"""Receipts: the last word on a date stays the last."""

import gzip
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
import python_calamine as calamine
import sqlalchemy as sa

from gateway.errors import ExitCode
from gateway.pipeline.receipts import write_receipts
from gateway.store import Tx, deliveries
from gateway.store import tables as t
from gateway.store.deliveries import DeliveryRow
from gateway.vault.sm import sm3_hex
from tests.pipeline.conftest import NewRig
from tests.pipeline.digests import leave_the_roster, numbers
from tests.pipeline.ending import replaced
from tests.pipeline.forge import DAY, civil, sums
from tests.pipeline.rig import Rig


def _written(rig: Rig, folder: str) -> Sequence[Sequence[object]]:
    """The rows of the one receipt of that folder."""
    (path,) = (rig.rural.parent / "inbox" / folder).iterdir()
    return calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0).to_python()


def test_an_earlier_set_of_workbooks_never_writes_over_a_later_one(new_rig: NewRig, city: Path) -> None:
    """Where a case of a date's earlier set is decided, the receipts of its later set are the last that come."""
    rig = new_rig("rural_revitalization")
    (day,) = (city / "day1" / "xczx" / "outbox").iterdir()
    book = min(day.glob("*.xlsx"))
    county = book.name.split("_")[1]
    folder = rig.rural / day.name
    folder.mkdir(exist_ok=True)
    shutil.copy(book, folder)
    sums(folder)
    rig.run()
    earlier = _written(rig, day.name)
    # What the county says of the next day stands under the first's name.
    (later,) = (city / "day2" / "xczx" / "outbox").glob(f"*/XCZX_{county}_*.xlsx")
    (folder / book.name).write_bytes(later.read_bytes())
    sums(folder)
    rig.run()
    last = _written(rig, day.name)
    assert earlier != last
    with rig.site.ledger.begin() as tx:
        first = tx.execute(sa.select(sa.func.min(t.deliveries.c.id))).scalar_one()
        tx.execute(sa.update(t.deliveries).where(t.deliveries.c.id == first).values(receipt_digest=""))
    rig.run()
    assert last == _written(rig, day.name)


def test_a_crash_between_two_receipts_of_one_name_leaves_the_later_one_due(civil_rig: Rig) -> None:
    """In the moment in which an earlier receipt lies where a later one was, the later one is due again."""
    with civil_rig.site.ledger.begin() as tx:
        for name, content in (("one", "1"), ("one", "2"), ("other", "3")):
            number = deliveries.add_refused(
                tx, instance="civil_affairs", name=name, content_digest=content, manifest_digest="", code="",
                message="", files=[],
            )  # fmt: skip
            assert number
            deliveries.receipt_written(tx, number, "d", later=[])
        assert ["d"] * 3 == _receipts(tx)
        deliveries.receipt_written(tx, 1, "e", later=[2])
        assert ["e", "", "d"] == _receipts(tx)


def _receipts(tx: Tx) -> list[str]:
    return [row.receipt_digest for row in deliveries.select(tx)]


def test_one_receipt_that_fails_does_not_keep_the_others_back(new_rig: NewRig) -> None:
    """A receipt that a department's folder does not take is told, and those of other lists are written."""
    rig = new_rig("rural_revitalization")
    rig.peers.stage(1)
    rig.peers.stage(2)
    days = sorted(path.name for path in rig.rural.iterdir())
    assert len(days) > 1
    # Where the first one's receipts would lie there is a file.
    blocked = rig.rural.parent / "inbox" / days[0]
    blocked.parent.mkdir(exist_ok=True)
    blocked.write_text("")
    assert ExitCode.LATER == rig.run().exit_code
    assert all(list((rig.rural.parent / "inbox" / day).iterdir()) for day in days[1:])


class _Killed(BaseException):
    """The process ends here."""


def test_what_nobody_wrote_down_is_told_again(
    settled: Rig, civil_csv: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receipt that the department has, and the ledger does not know of, is followed by another, even where the rows
    come to what was told before it."""
    (told,) = settled.rows()
    site, instance = settled.site, settled.site.settings.sources["civil_affairs"]

    def comes_to(digest: str) -> None:
        with site.ledger.begin() as tx:
            tx.execute(sa.update(t.deliveries).values(review_digest=digest))

    def killed(*_what: object, **_later: object) -> None:
        raise _Killed

    comes_to("something else")
    with monkeypatch.context() as patch, pytest.raises(_Killed):
        patch.setattr(deliveries, "receipt_written", killed)
        write_receipts(site, instance, DAY)
    comes_to(told.review_digest)
    assert write_receipts(site, instance, DAY) is None
    (again,) = settled.rows()
    assert told.receipt_digest == again.receipt_digest
    assert told.receipt_at != again.receipt_at


#: What the roster says wrongly of somebody at first, and what their row comes to by it; None = they are not on it.
_WRONGLY = {
    "not_on_roster": None,
    "dead_on_roster": {"surv_stas": "3"},
    "not_covered": {"psn_insu_stas": "2"},
}


@pytest.mark.parametrize("reason", _WRONGLY)
def test_what_the_roster_knows_since_is_told(civil_rig: Rig, civil_csv: bytes, who: str, reason: str) -> None:
    """A department that was told that somebody is not insured, or dead, hears of it when that is no longer so; and
    once. What it was told of a list that another one replaced stays."""
    with wrong_roster(civil_rig, who, _WRONGLY[reason]):
        for day in (1, 2):
            civil(day, civil_csv, day=DAY + timedelta(days=day - 1)).put(civil_rig.outbox)
            civil_rig.run(day)
        before = civil_rig.rows()
        wrong = [_reasons(civil_rig, row).count(reason) for row in before]
    civil_rig.run(3)
    after = civil_rig.rows()
    assert [count - 1 for count in wrong] == [_reasons(civil_rig, row).count(reason) for row in after]
    assert [True, False] == [one.receipt_at == two.receipt_at for one, two in zip(before, after, strict=True)]
    civil_rig.run(4)
    assert [row.receipt_at for row in after] == [row.receipt_at for row in civil_rig.rows()]


def test_lists_that_were_replaced_are_not_told_again(civil_rig: Rig, civil_csv: bytes, who: str) -> None:
    """What the roster says since is told of the list in force; of one before it only who is in review no longer; also
    where their digests are those of a program before the roster counted."""
    for day in (1, 2, 3):
        civil(day, civil_csv, day=DAY + timedelta(days=day - 1)).put(civil_rig.outbox)
        civil_rig.run(day)
    with civil_rig.site.ledger.begin() as tx:
        for row in deliveries.select(tx):
            frame = civil_rig.site.read_frame(row.resolutions_file or "")
            review = frame.filter(outcome="review")["row"].to_list()
            assert review
            digest = sm3_hex(",".join(map(str, review)).encode())
            same = {"review_digest": digest, "receipt_digest": digest}
            tx.execute(sa.update(t.deliveries).where(t.deliveries.c.id == row.id).values(**same))
    with wrong_roster(civil_rig, who, {"surv_stas": "3"}):
        assert [False, False, True] == _renewed(civil_rig, 4)
        assert [False, False, False] == _renewed(civil_rig, 5)
    doubtful = _somebody_in_review(civil_rig)
    with wrong_roster(civil_rig, doubtful, None):
        assert [True, True, True] == _renewed(civil_rig, 6)


def test_a_late_list_of_an_earlier_day_is_not_the_last_word(civil_rig: Rig, civil_csv: bytes) -> None:
    """After its receipt that of the list in force is written once more."""
    for run, day in ((1, 2), (2, 1)):
        civil(day, civil_csv, day=DAY + timedelta(days=day - 1)).put(civil_rig.outbox)
        civil_rig.run(run)
    in_force, late = civil_rig.rows()
    assert in_force.business_date and late.business_date and in_force.business_date > late.business_date
    assert in_force.receipt_at and late.receipt_at and in_force.receipt_at > late.receipt_at
    assert [False, False] == _renewed(civil_rig, 3)


def test_of_two_lists_of_one_name_the_later_day_has_the_last_word(civil_rig: Rig, civil_csv: bytes) -> None:
    """Whichever came first, as lists that people bring in may; and then nothing is written any more."""
    for run, day in ((1, 2), (2, 1)):
        civil(day, civil_csv, day=DAY + timedelta(days=day - 1)).put(civil_rig.outbox)
        civil_rig.run(run)
    with civil_rig.site.ledger.begin() as tx:
        tx.execute(sa.update(t.deliveries).values(name="list", receipt_digest=""))
    before, instance = civil_rig.rows(), civil_rig.site.settings.sources["civil_affairs"]
    assert write_receipts(civil_rig.site, instance, DAY) is None
    first, second = after = civil_rig.rows()
    assert all(one.receipt_at != two.receipt_at for one, two in zip(before, after, strict=True))
    assert first.receipt_at and second.receipt_at and first.receipt_at > second.receipt_at
    assert write_receipts(civil_rig.site, instance, DAY) is None
    assert [row.receipt_at for row in after] == [row.receipt_at for row in civil_rig.rows()]


def test_a_receipt_that_fails_time_and_again_renews_no_other(civil_rig: Rig, civil_csv: bytes) -> None:
    """Lists after one that nobody could be told of are not written anew for it."""
    for day in (1, 2):
        civil(day, civil_csv, day=DAY + timedelta(days=day - 1)).put(civil_rig.outbox)
        civil_rig.run(day)
    first, _second = civil_rig.rows()
    with civil_rig.site.ledger.begin() as tx:
        deliveries.receipts_begun(tx, [first.id])
    (civil_rig.site.frames / (first.resolutions_file or "")).write_bytes(b"broken")
    instance = civil_rig.site.settings.sources["civil_affairs"]
    before = civil_rig.rows()
    assert write_receipts(civil_rig.site, instance, DAY) is not None
    assert [row.receipt_at for row in before] == [row.receipt_at for row in civil_rig.rows()]


def _renewed(rig: Rig, day: int) -> list[bool]:
    """Of which lists the next run writes a receipt anew."""
    before = rig.rows()
    rig.run(day)
    return [one.receipt_at != two.receipt_at for one, two in zip(before, rig.rows(), strict=True)]


def _somebody_in_review(rig: Rig) -> str:
    """psn_no of whom a row in doubt may mean before all others."""
    keys = rig.site.read_frame(rig.rows()[0].resolutions_file or "").filter(outcome="review")["candidate"].drop_nulls()
    return numbers(rig.site)[int(keys[0])]


@contextmanager
def wrong_roster(rig: Rig, who: str, cells: Mapping[str, str] | None) -> Iterator[None]:
    """What the platform says meanwhile of one person; None = they are not on the roster."""
    roster = rig.peers.workdir / "platform" / "roster.csv.gz"
    right = roster.read_bytes()
    if cells is None:
        leave_the_roster(rig, who)
    else:
        rows = replaced(pl.read_csv(gzip.decompress(right), infer_schema=False), who, cells)
        roster.write_bytes(gzip.compress(rows.write_csv().encode()))
    yield
    roster.write_bytes(right)


def _reasons(rig: Rig, row: DeliveryRow) -> list[str]:
    return rig.site.read_frame(row.resolutions_file or "")["reason"].to_list()
