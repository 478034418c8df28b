"""One person is brought into line alone: by what is believed of them, and over nobody else's word."""

from datetime import date

import polars as pl
import pytest
import sqlalchemy as sa

from gateway.acts import runs
from gateway.errors import ExitCode, NotFound, TryLater
from gateway.model.frames import LISTS, RECOGNITIONS
from gateway.store import outbox, people
from gateway.store import tables as t
from gateway.store.ledger import now
from tests.pipeline.rig import Rig, flagged

#: By older systems, on the invented platform.
THEIRS = "-YB"


def key_of(rig: Rig, psn_no: str) -> pl.Series:
    return pl.Series("person_key", rig.site.keyring.person_digest([psn_no]), pl.Int64)


def believe(rig: Rig, who: str, *rows: dict[str, object]) -> None:
    """From now on this, and nothing else, is believed of the person."""
    only = key_of(rig, who)
    whole = [{"instance": "civil_affairs", "scope": "", "person_key": only[0], "level": "", **row} for row in rows]
    with rig.site.ledger.begin() as tx:
        people.replace_recognitions(tx, pl.DataFrame(whole, schema=RECOGNITIONS), 1, people=only)


def test_what_is_no_longer_believed_of_a_person_leaves_the_platform(civil_rig: Rig, who: str) -> None:
    """Their records go, everybody else's stay, the run is written down, and a second time there is nothing to send."""
    civil_rig.peers.stage(1)
    civil_rig.run()
    before = civil_rig.records()
    assert flagged(civil_rig, who)
    believe(civil_rig, who)
    seen = runs.person_would_change(civil_rig.site, who, actor="clerk")
    assert {("emptied", 1)} == {(kind, number) for _use, kind, number in seen.changes}
    assert before == civil_rig.records()
    report = runs.resync_person(civil_rig.site, who, actor="clerk")
    assert (ExitCode.DONE, len(seen.changes)) == (report.exit_code, report.pushed.done)
    assert [record for record in before if record[0] != who] == civil_rig.records()
    with civil_rig.site.ledger.begin() as tx:
        assert ("resync", "clerk", "done") == tx.execute(
            sa.select(t.runs.c.kind, t.runs.c.actor, t.runs.c.state).where(t.runs.c.id == report.run)
        ).one()
    uploads = len(civil_rig.uploads())
    assert 0 == runs.resync_person(civil_rig.site, who, actor="clerk").pushed.sent
    assert uploads == len(civil_rig.uploads())


def test_what_others_wrote_stays(civil_rig: Rig) -> None:
    """Somebody who was never uploaded is read back first: what an older system wrote stands, ours comes beside it."""
    civil_rig.peers.stage(1)
    civil_rig.run()
    before = civil_rig.records()
    ours = {record[0] for record in before if not record[6].endswith(THEIRS)}
    who, *theirs = next(r for r in before if r[0] not in ours and r[1] == "1" and r[2] == "7019" and r[5] > "2026-12")
    row = {"identity": "突发严重困难人口", "first": date(2026, 1, 1), "delivery": 1, "row": 1, "ended_by": ""}
    believe(civil_rig, who, row)
    report = runs.resync_person(civil_rig.site, who, actor="clerk")
    assert (ExitCode.DONE, 1) == (report.exit_code, report.pushed.done)
    after = civil_rig.records()
    assert set(before) < set(after)
    assert {(who, "civil_affairs")} == {(record[0], record[6]) for record in set(after) - set(before)}
    assert [theirs] == [list(record[1:]) for record in after if record[0] == who and record[6].endswith(THEIRS)]


def test_others_wait_for_their_own_turn(civil_rig: Rig, who: str) -> None:
    """What is queued for somebody else is not sent with one person's."""
    civil_rig.peers.stage(1)
    civil_rig.run()
    other = next(record[0] for record in civil_rig.records() if record[0] != who and record[6] == "civil_affairs")
    key = key_of(civil_rig, other)
    queued = pl.DataFrame({"person_key": key, "use": "1", "records": ""}, schema=LISTS)
    with civil_rig.site.ledger.begin() as tx:
        outbox.replace_queue(tx, queued, 1, people=key)
    believe(civil_rig, who)
    runs.resync_person(civil_rig.site, who, actor="clerk")
    assert not flagged(civil_rig, who)
    assert other in {record[0] for record in civil_rig.records()}
    with civil_rig.site.ledger.begin() as tx:
        assert key.to_list() == outbox.due(tx, now())["person_key"].to_list()


def test_nobody_and_a_run_under_way(civil_rig: Rig, who: str) -> None:
    """Without a roster, for a person whom nobody knows, and while a run goes on, nothing happens."""
    with pytest.raises(NotFound):
        runs.resync_person(civil_rig.site, who, actor="clerk")
    civil_rig.peers.stage(1)
    civil_rig.run()
    with civil_rig.site.lock(), pytest.raises(TryLater):
        runs.resync_person(civil_rig.site, who, actor="clerk")
    with civil_rig.site.lock(), pytest.raises(TryLater):
        runs.person_would_change(civil_rig.site, who, actor="clerk")
