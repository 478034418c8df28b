"""The end of a key of the blind index, and people who left the roster before or after it."""

from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from gateway.acts import keys
from gateway.acts.explain import explain
from gateway.bootstrap import open_site
from gateway.errors import ExitCode, KeyFault, NotAllowed, NotFound, StoreFault, TryLater
from gateway.pipeline import reindex, roster
from gateway.pipeline.certificates import certified
from gateway.store import indexkeys
from gateway.store import tables as t
from tests.conftest import on_both_databases
from tests.pipeline.digests import found_in_frames, leave_the_roster, lived_a_day, numbers, reopened, told
from tests.pipeline.rig import Rig, later

BY = "security"


def _somebody_left(rig: Rig) -> tuple[str, Path, bytes]:
    """Somebody with an identity who left the roster, its file, and what it was with them."""
    lived_a_day(rig)
    who = min(record[0] for record in rig.records() if record[-1] == "civil_affairs")
    file = rig.peers.workdir / "platform" / "roster.csv.gz"
    whole = file.read_bytes()
    leave_the_roster(rig, who)
    rig.run(2)
    return who, file, whole


def test_somebody_whose_number_is_not_known_keeps_their_history(civil_rig: Rig) -> None:
    """Who left before numbers were kept has all that was theirs under a key of their own; when they come back they are
    found by their number again, and nothing changes on the platform."""
    who, file, whole = _somebody_left(civil_rig)
    believed = explain(civil_rig.site, who, actor="clerk").believed
    with civil_rig.site.ledger.begin() as tx:
        tx.execute(sa.update(t.rosters).values(former=None))
        history = tx.execute(sa.select(sa.func.count()).select_from(t.recognitions)).scalar_one()
    assert 1 == keys.rotate_index(civil_rig.site, actor=BY).numberless
    with pytest.raises(NotFound):
        explain(civil_rig.site, who, actor="clerk")
    with civil_rig.site.ledger.begin() as tx:
        assert history == tx.execute(sa.select(sa.func.count()).select_from(t.recognitions)).scalar_one()
        people = set(indexkeys.people(tx))
    (stranger,) = people - set(numbers(civil_rig.site))
    assert len(believed) == len(explain(civil_rig.site, str(stranger), actor="clerk").believed)
    held = civil_rig.records()
    file.write_bytes(whole)
    assert ExitCode.DONE == civil_rig.run(3).exit_code
    assert held == civil_rig.records()
    assert explain(civil_rig.site, who, actor="clerk").believed


def test_who_comes_back_is_who_they_were(civil_rig: Rig) -> None:
    """Who left the roster is found by their number under the new key, and has their history when they return."""
    who, file, whole = _somebody_left(civil_rig)
    keys.rotate_index(civil_rig.site, actor=BY)
    before = explain(civil_rig.site, who, actor="clerk")
    assert (False, True) == (before.on_roster, bool(before.believed))
    file.write_bytes(whole)
    civil_rig.run(3)
    after = explain(civil_rig.site, who, actor="clerk")
    assert (True, before.person_key) == (after.on_roster, after.person_key)
    assert who not in set(roster.former(civil_rig.site)["psn_no"])


@on_both_databases
def test_the_old_key_goes_after_proof(civil_rig: Rig) -> None:
    """Not while it is in force, nor within the hour; then the certificate says who was found without it, everything
    answers as before, and a ledger of before cannot be used any more, which is told."""
    lived_a_day(civil_rig)
    site = civil_rig.site
    old = site.keyring.index.key_id
    with pytest.raises(NotAllowed, match=old):
        keys.destroy(site, old, actor=BY, note="换用新密钥")
    new = keys.rotate_index(site, actor=BY).key_id
    with pytest.raises(TryLater):
        keys.destroy(site, old, actor=BY, note="换用新密钥")
    before, digests = told(civil_rig), site.keyring.index.under(old).digests(numbers(site).values())
    assert [old, new] == [one.key_id for one in keys.status(site, actor=BY).index]
    with later(hours=1.1):
        name = keys.destroy(site, old, actor=BY, note="换用新密钥")
    said = certified(site.settings.var / "certificates" / name, site.keyring.signing_key.public.hex)
    assert said is not None
    assert ("index", old) == (said["kind"], said["key"])
    assert {"people": len(numbers(site)), "decisions": 0} == said["found_without"]
    assert [new] == [one.key_id for one in site.keyring.ring.file.index]
    assert set() == found_in_frames(site, set(digests))
    with later(hours=1.2), reopened(civil_rig) as again:
        assert before == told(again)
        assert 0 == again.run().pushed.sent
        with again.site.ledger.begin() as tx:
            indexkeys.set_in_force(tx, old)
    with pytest.raises(KeyFault, match=old):
        open_site(site.settings.root)


def test_a_key_that_something_needs_is_not_destroyed(civil_rig: Rig) -> None:
    """Where a digest is not what the key in force makes of it, the old key stays."""
    lived_a_day(civil_rig)
    old = civil_rig.site.keyring.index.key_id
    begun = civil_rig.site.keyring.ring.begin_index(old)
    with civil_rig.site.ledger.begin() as tx:
        indexkeys.set_in_force(tx, begun.key_id)
    with reopened(civil_rig) as again:
        with pytest.raises(NotAllowed):
            keys.destroy(again.site, old, actor=BY, note="换用新密钥")
        assert [old, begun.key_id] == [one.key_id for one in again.site.keyring.ring.file.index]


def test_a_new_epoch_takes_every_index_key_along(civil_rig: Rig) -> None:
    """Between the two rotations both keys of the index open; without the old epoch too."""
    lived_a_day(civil_rig)
    site = civil_rig.site
    before = site.keyring.person_digest(["x"])
    old, (epoch,) = site.keyring.index.key_id, [one.key_id for one in site.keyring.ring.file.epochs]
    keys.rotate_index(site, actor=BY)
    now = site.keyring.person_digest(["x"])
    keys.rotate(site, actor=BY)
    with later(hours=1.1):
        keys.destroy(site, epoch, actor=BY, note="换用新密钥")
    with reopened(civil_rig) as again:
        index = again.site.keyring.index
        assert (before, now) == (index.under(old).digests(["x"]), index.digests(["x"]))
    assert before != now


@pytest.mark.parametrize(
    "known", [{"old": [1, 2], "new": [7, 7]}, {"old": [1, 2], "new": [7, 1]}], ids=["of two", "of before"]
)
def test_two_people_never_come_to_have_one_key(known: dict[str, list[int]]) -> None:
    """A new key that two people would share, or that was somebody's before, stops the rotation before it begins."""
    with pytest.raises(TryLater):
        reindex.distinct(pl.DataFrame(known))
    reindex.distinct(pl.DataFrame({"old": [1, 2], "new": [7, 8]}))


@on_both_databases
def test_a_key_that_nothing_takes_the_place_of_stops_everything(civil_rig: Rig) -> None:
    """Where one person's key would stay, nobody's has changed."""
    lived_a_day(civil_rig)
    before = told(civil_rig)
    with civil_rig.site.ledger.begin() as tx:
        people = indexkeys.people(tx)
    passing = pl.DataFrame({"old": people, "new": people + 1}).head(people.len() - 1)
    with pytest.raises(StoreFault), civil_rig.site.ledger.begin() as tx:
        indexkeys.pass_people(tx, passing)
    assert before == told(civil_rig)
