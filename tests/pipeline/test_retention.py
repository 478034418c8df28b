"""Originals that were kept long enough go for good, and nothing that anybody needs goes with them."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.acts import retention, runs
from gateway.errors import DiskFault, ExitCode
from gateway.pipeline import retention as ending
from gateway.pipeline.certificates import certified
from gateway.settings import RetentionSettings
from gateway.site import Site
from gateway.store import checkpoints, deliveries
from gateway.store.destroyed import ORIGINALS, ROWS
from gateway.vault.header import HEADER_BYTES
from tests.ledgers import ask
from tests.pipeline.conftest import NewRig
from tests.pipeline.rig import Rig, later

PERIODS = RetentionSettings(originals=30, refused=10, payments=20)
BY = "security"


@pytest.fixture
def rig(new_rig: NewRig) -> Rig:
    """The federation's list is a full one each day."""
    return new_rig("disabled_federation")


def with_periods(rig: Rig, periods: RetentionSettings = PERIODS) -> Site:
    """The rig's site, with these periods."""
    return replace(rig.site, settings=replace(rig.site.settings, retention=periods))


def lived(rig: Rig) -> Site:
    """Two days of lists, so that the first day's is in force no longer; nobody has to decide anything."""
    for day in (1, 2):
        rig.peers.stage(day)
        assert ExitCode.DONE == rig.told(day)[0]
    ask(rig.site.settings.root, "UPDATE cases SET state = 'closed'")
    return with_periods(rig)


def names(some: list[ending.Ended]) -> set[str]:
    return {one.name for one in some}


def fulls(rig: Rig) -> list[str]:
    """Full lists in the order of their days."""
    return [row.name for row in rig.rows() if row.mode == "full"]


def test_an_original_goes_when_its_time_is_over_and_its_list_is_replaced(rig: Rig) -> None:
    """Before its time nothing is due. After it the replaced list's original goes, and a signed certificate names file
    and key; the list in force keeps its own; the same lists again, and what is believed, are as before."""
    site = lived(rig)
    assert [] == retention.due(site, actor=BY)
    assert "" == retention.destroy(site, actor=BY)
    held = rig.records()
    with later(days=31):
        due = retention.due(site, actor=BY)
        assert fulls(rig)[-1] not in names(due)
        assert fulls(rig)[0] in names(due)
        kept = {path.name for path in site.archive.iterdir()} - {file for one in due for file in one.files}
        certificate = retention.destroy(site, actor=BY)
        assert [] == retention.due(site, actor=BY)
    assert kept == {path.name for path in site.archive.iterdir()}
    said = certified(site.settings.var / "certificates" / certificate, site.keyring.signing_key.public.hex)
    assert said is not None
    told = {one["file"]: one["key_id"] for delivery in said["deliveries"] for one in delivery["files"]}
    assert {file for one in due for file in one.files} == set(told)
    assert {32} == {len(key) for key in told.values()}
    assert (ExitCode.DONE, "") == rig.told(2)
    assert held == rig.records()


def test_without_a_period_everything_is_kept(rig: Rig) -> None:
    """A site that says nothing destroys nothing, however old."""
    lived(rig)
    with later(days=10_000):
        assert [] == retention.due(rig.site, actor=BY)


def test_a_list_with_an_open_case_is_kept(rig: Rig) -> None:
    """What somebody still has to decide about keeps its evidence; once it is decided it goes."""
    site = lived(rig)
    with later(days=31):
        one = retention.due(site, actor=BY)[0]
        for state in ("open", "later"):
            (case, *_more) = ask(site.settings.root, "SELECT id FROM cases")
            update = "UPDATE cases SET state = ?, delivery_id = ? WHERE id = ?"
            ask(site.settings.root, update, state, one.delivery, *case)
            assert one.name not in names(retention.due(site, actor=BY))
        ask(site.settings.root, "UPDATE cases SET state = 'closed'")
        assert one.name in names(retention.due(site, actor=BY))


def test_a_list_that_is_held_is_kept(rig: Rig) -> None:
    """Neither a list that waits for a person, nor one whose departures do, loses its original."""
    site = lived(rig)
    with later(days=31):
        one = retention.due(site, actor=BY)[0]
        for state in ("held", "waiting", "landed"):
            ask(site.settings.root, "UPDATE deliveries SET state = ? WHERE id = ?", state, one.delivery)
            assert one.name not in names(retention.due(site, actor=BY))


def test_a_refused_list_has_a_period_of_its_own(rig: Rig) -> None:
    """The original of what could not be used goes after its own time."""
    site = lived(rig)
    number = rig.row(fulls(rig)[0]).id
    ask(site.settings.root, "UPDATE deliveries SET state = 'refused' WHERE id = ?", number)
    with later(days=11):
        due = retention.due(site, actor=BY)
        assert [(number, ORIGINALS), (number, ROWS)] == [(one.delivery, one.what) for one in due]
        row = rig.row(fulls(rig)[0])
        assert {row.entries_file, row.resolutions_file} == set(due[1].files)
        held = rig.records()
        retention.destroy(site, actor=BY)
        assert set() == {path.name for path in site.frames.iterdir()} & set(due[1].files)
        assert (ExitCode.DONE, held) == (rig.told(2)[0], rig.records())


def test_what_was_cut_short_is_finished(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped after a file went, the next night ends it, and the certificate names the keys of what was gone before."""
    site = lived(rig)

    def cut_short(path: Path) -> None:
        path.unlink()
        raise OSError(5, "stopped")

    with later(days=31):
        due = retention.due(site, actor=BY)
        with monkeypatch.context() as patch:
            patch.setattr(ending, "shred", cut_short)
            with pytest.raises(DiskFault, match=os.strerror(5)):
                retention.destroy(site, actor=BY, patience=runs.AT_ONCE)
        certificate = retention.destroy(site, actor=BY)
    said = certified(site.settings.var / "certificates" / certificate, site.keyring.signing_key.public.hex)
    assert said is not None
    told = {one["file"]: one["key_id"] for delivery in said["deliveries"] for one in delivery["files"]}
    assert {file for one in due for file in one.files} == set(told)
    assert "" not in told.values()
    assert [] == [name for name in told if (site.archive / name).exists()]


def test_a_destroyed_original_does_not_open_where_it_was(rig: Rig) -> None:
    """A second name for the same bytes shows a file without its key."""
    site = lived(rig)
    with later(days=31):
        name = retention.due(site, actor=BY)[0].files[0]
        os.link(site.archive / name, site.settings.var / "kept")
        retention.destroy(site, actor=BY)
    assert bytes(120) == (site.settings.var / "kept").read_bytes()[HEADER_BYTES - 120 : HEADER_BYTES]


def test_rows_say_what_was_destroyed(rig: Rig) -> None:
    """The delivery itself, its counts and its entries stay, and its row has the certificate."""
    site = lived(rig)
    with later(days=31):
        number = retention.due(site, actor=BY)[0].delivery
        certificate = retention.destroy(site, actor=BY)
    with site.ledger.begin() as tx:
        row = deliveries.get(tx, number)
    assert row is not None
    assert certificate == row.landing["destroyed"]["certificate"]
    assert row.rows == site.read_frame(row.entries_file or "", ["row"]).height


@pytest.fixture
def paid(new_rig: NewRig) -> Rig:
    """A site that takes lists of payments."""
    return new_rig("tax", "civil_affairs")


def rows_due(site: Site) -> list[ending.Ended]:
    return [one for one in retention.due(site, actor=BY) if one.what == ROWS]


def test_rows_of_payments_go_when_their_time_is_over(paid: Rig) -> None:
    """Entries and resolutions of payments go by their keys, which the certificate lists; rows of people's lists never.
    The same lists again, and what is believed, derived anew, are as before, and the delivery keeps its counts."""
    site = lived(paid)
    assert [] == rows_due(site)
    held = paid.records()
    with later(days=21):
        due = rows_due(site)
        assert {"tax"} == {one.instance for one in due}
        before = {row.id: (row.rows, row.outcomes) for row in paid.rows()}
        certificate = retention.destroy(site, actor=BY)
        assert [] == rows_due(site)
        with site.ledger.begin() as tx:
            checkpoints.clear(tx)
        assert ExitCode.DONE == paid.told(2)[0]
    names = {file for one in due for file in one.files}
    assert set() == names & {path.name for path in site.frames.iterdir()}
    said = certified(site.settings.var / "certificates" / certificate, site.keyring.signing_key.public.hex)
    assert said is not None
    told = [one for one in said["deliveries"] if one["what"] == ROWS]
    assert names == {file["file"] for one in told for file in one["files"]}
    assert {32} == {len(file["key_id"]) for one in told for file in one["files"]}
    assert before == {row.id: (row.rows, row.outcomes) for row in paid.rows()}
    assert held == paid.records()


def test_rows_of_payments_that_somebody_waits_for_are_kept(paid: Rig) -> None:
    """With an open case, or before the department has its receipt, nothing goes."""
    site = lived(paid)
    with later(days=21):
        one = rows_due(site)[0]
        (case, *_more) = ask(site.settings.root, "SELECT id FROM cases")
        ask(site.settings.root, "UPDATE cases SET state = 'open', delivery_id = ? WHERE id = ?", one.delivery, *case)
        assert one not in rows_due(site)
        ask(site.settings.root, "UPDATE cases SET state = 'closed'")
        assert one in rows_due(site)
        ask(site.settings.root, "UPDATE deliveries SET receipt_digest = '' WHERE id = ?", one.delivery)
        assert one not in rows_due(site)
        gone = replace(site, settings=replace(site.settings, sources={}))  # nobody can have it any more
        assert one in rows_due(gone)


def test_rows_that_were_cut_short_are_finished(paid: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped before a file went, the row names it no more, and the next night destroys it."""
    site = lived(paid)

    def stopped(_path: Path) -> None:
        raise OSError(5, "stopped")

    with later(days=21):
        due = rows_due(site)
        with monkeypatch.context() as patch:
            patch.setattr(ending, "shred", stopped)
            with pytest.raises(DiskFault, match=os.strerror(5)):
                retention.destroy(site, actor=BY, patience=runs.AT_ONCE)
        (row,) = [row for row in paid.rows() if row.id == due[0].delivery]
        assert (None, None) == (row.entries_file, row.resolutions_file)
        assert retention.destroy(site, actor=BY)
    assert set() == {file for one in due for file in one.files} & {path.name for path in site.frames.iterdir()}
