"""What waits goes out in its time: a pause and a maintenance are no faults, and no item stands in another's way."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from gateway.acts import outbox as acts
from gateway.acts import runs
from gateway.acts.outbox import Which
from gateway.deliver import UNKNOWN
from gateway.errors import ExitCode, NotAllowed, NotFound
from gateway.pipeline.push import MOST_ATTEMPTS
from gateway.store import decisions, outbox
from gateway.store import tables as t
from tests.acts.lived import moved
from tests.pipeline.rig import PLATFORM, Records, Rig, later, overtaken, refused

ALWAYS = 1000
CIVIL = "civil_affairs"


def states(rig: Rig) -> dict[str, int]:
    with rig.site.ledger.begin() as tx:
        return outbox.counts(tx)


def poison_of(records: Records) -> str:
    """Somebody of the civil list."""
    return next(record[0] for record in records if record[-1] == CIVIL)


def break_(rig: Rig, fault: str, where: str = "", **order: int) -> None:
    rig.peers.servers[PLATFORM].faults.add(fault, times=ALWAYS, where=where, **order)


def test_a_platform_in_maintenance_is_no_fault(civil_rig: Rig, quiet: Callable[..., Records]) -> None:
    """While it says so, changes queue and the run ends well, telling so; afterwards everything arrives, once."""
    civil_rig.peers.stage(1)
    break_(civil_rig, "maintenance", "L201")
    for _time in range(2):
        report = civil_rig.run()
        assert (ExitCode.DONE, [], True) == (report.exit_code, report.faults, report.pushed.maintenance)
    assert {"sending"} <= states(civil_rig).keys() <= {"sending", "queued"}
    civil_rig.peers.well_behaved()
    assert not civil_rig.run().pushed.maintenance
    assert quiet(CIVIL) == civil_rig.records()
    assert [] == civil_rig.applied_twice()


def test_a_whole_platform_in_maintenance_leaves_lists_for_the_next_run(
    civil_rig: Rig, quiet: Callable[..., Records]
) -> None:
    """Roster, read-back and uploads in maintenance: what came is kept, and settled when the platform is back."""
    civil_rig.run()
    civil_rig.peers.stage(1)
    break_(civil_rig, "maintenance")
    report = civil_rig.run()
    assert (ExitCode.DONE, [], True) == (report.exit_code, report.faults, report.pushed.maintenance)
    assert ["landed"] == [row.state for row in civil_rig.rows()]
    civil_rig.peers.well_behaved()
    civil_rig.run()
    assert quiet(CIVIL) == civil_rig.records()


def test_nothing_leaves_while_sending_is_paused(civil_rig: Rig, quiet: Callable[..., Records]) -> None:
    """What is wanted queues, across processes, runs and single people; once resumed it goes out."""
    civil_rig.peers.stage(1)
    acts.pause(civil_rig.site, actor="clerk", note="the platform is being moved")
    report = civil_rig.run()
    assert (ExitCode.DONE, True) == (report.exit_code, report.pushed.paused)
    assert {"queued"} == states(civil_rig).keys()
    runs.resync_person(civil_rig.site, poison_of(quiet(CIVIL)), actor="clerk")
    assert [] == civil_rig.uploads()
    seen = acts.listed(civil_rig.site, Which(), actor="clerk").pause
    assert seen is not None and ("clerk", "the platform is being moved") == (seen.actor, seen.note)
    acts.resume(civil_rig.site, actor="clerk", note="it has moved")
    assert not civil_rig.run().pushed.paused
    assert quiet(CIVIL) == civil_rig.records()


def test_open_messages_wait_for_the_end_of_a_pause(civil_rig: Rig) -> None:
    """A message whose answer was lost is not repeated either while sending is paused."""
    civil_rig.peers.stage(1)
    break_(civil_rig, "lost_answer", "L201")
    civil_rig.run()
    civil_rig.peers.well_behaved()
    acts.pause(civil_rig.site, actor="clerk", note="stop")
    sent = len(civil_rig.uploads())
    civil_rig.run()
    assert sent == len(civil_rig.uploads())
    acts.resume(civil_rig.site, actor="clerk", note="go on")
    civil_rig.run()
    assert {"done"} == states(civil_rig).keys()


def test_one_is_paused_once(civil_rig: Rig) -> None:
    """To pause what is paused, or to resume what is not, is refused, and so is doing it without a reason."""
    with pytest.raises(NotAllowed):
        acts.resume(civil_rig.site, actor="clerk", note="go on")
    with pytest.raises(NotAllowed):
        acts.pause(civil_rig.site, actor="clerk", note=" ")
    acts.pause(civil_rig.site, actor="clerk", note="stop")
    with pytest.raises(NotAllowed):
        acts.pause(civil_rig.site, actor="clerk", note="stop")


def test_an_item_that_does_not_fit_is_found_by_halving(civil_rig: Rig, quiet: Callable[..., Records]) -> None:
    """A message refused for one of its items costs a few messages, not one for each item, and the item a refusal."""
    civil_rig.peers.stage(1)
    poison = poison_of(quiet(CIVIL))
    break_(civil_rig, "unfit", poison)
    report = civil_rig.run()
    items = states(civil_rig)["done"] + report.pushed.refused
    assert items - report.pushed.refused == report.pushed.done
    assert report.pushed.refused <= 2
    assert len(civil_rig.uploads()) <= items // 100 + 1 + 2 * 8 * report.pushed.refused
    assert items > len(civil_rig.uploads())


def test_a_message_that_never_gets_an_answer_stops_no_other(civil_rig: Rig, quiet: Callable[..., Records]) -> None:
    """Where the platform breaks over one open message and works otherwise, all others go out, and the run says that
    something is open; without any answer nothing more is opened."""
    civil_rig.peers.stage(1)
    acts.pause(civil_rig.site, actor="clerk", note="first one alone")
    civil_rig.run()
    acts.resume(civil_rig.site, actor="clerk", note="first one alone")
    faults = civil_rig.peers.servers[PLATFORM].faults
    break_(civil_rig, "status", "L201", code=500)
    runs.resync_person(civil_rig.site, poison_of(quiet(CIVIL)), actor="clerk")
    tries, alone = faults.happened["status"], states(civil_rig)["sending"]
    civil_rig.peers.well_behaved()
    faults.add("status", times=tries, where="L201", code=500)
    report = civil_rig.run()
    assert ExitCode.LATER == report.exit_code
    assert {"sending": alone, "done": report.pushed.done} == states(civil_rig)
    assert ExitCode.DONE == civil_rig.run().exit_code
    assert quiet(CIVIL) == civil_rig.records()


def test_a_platform_that_answers_nothing_gets_one_more_message_a_run(civil_rig: Rig) -> None:
    """While no upload is answered at all, a run tries what is open and one message more, and leaves the rest queued."""
    civil_rig.peers.stage(1)
    acts.pause(civil_rig.site, actor="clerk", note="first one alone")
    civil_rig.run()
    acts.resume(civil_rig.site, actor="clerk", note="first one alone")
    break_(civil_rig, "status", "L201", code=500)
    first = acts.listed(civil_rig.site, Which(), actor="clerk").items[0].person_key
    runs.resync_person(civil_rig.site, str(first), actor="clerk")
    for number in (2, 3):
        civil_rig.run()
        with civil_rig.site.ledger.begin() as tx:
            assert min(number, 3) == len(outbox.open_messages(tx))
    civil_rig.peers.servers[PLATFORM].stop()
    waiting = states(civil_rig).get("queued", 0)
    civil_rig.run()
    assert waiting == states(civil_rig).get("queued", 0)
    civil_rig.peers.servers[PLATFORM].start()


def test_after_a_day_the_read_back_says_what_became_of_a_message(
    civil_rig: Rig, quiet: Callable[..., Records]
) -> None:
    """The platform has forgotten the number, so it is not repeated: what stands is done, without another upload."""
    civil_rig.peers.stage(1)
    break_(civil_rig, "lost_answer", "L201")
    civil_rig.run()
    sent = len(civil_rig.uploads())
    civil_rig.peers.well_behaved()
    with later(hours=25):
        report = civil_rig.run()
    assert ExitCode.DONE == report.exit_code
    assert {"done"} == states(civil_rig).keys()
    assert sent == len(civil_rig.uploads())
    assert quiet(CIVIL) == civil_rig.records()


def test_what_does_not_stand_after_a_day_is_sent_anew(civil_rig: Rig, quiet: Callable[..., Records]) -> None:
    """Messages that never arrived go out again in halves under new numbers, after a while, and then stand."""
    civil_rig.peers.stage(1)
    break_(civil_rig, "drop", "L201")
    civil_rig.run()
    open_before = {entry["msgid"] for entry in civil_rig.uploads()}
    civil_rig.peers.well_behaved()
    with later(hours=25):
        report = civil_rig.run()
        assert {UNKNOWN} == {result for result in report.pushed.by_result if result}
    with later(hours=32):
        assert ExitCode.DONE == civil_rig.run().exit_code
    assert quiet(CIVIL) == civil_rig.records()
    assert open_before.isdisjoint(entry["msgid"] for entry in civil_rig.uploads() if entry.get("changed"))


def test_what_is_locked_for_good_becomes_a_dead_letter(civil_rig: Rig, quiet: Callable[..., Records]) -> None:
    """Tried so many times, with growing waits, it is refused with its reason and becomes a case; a person's retry sends
    it once it is free."""
    civil_rig.peers.stage(1)
    locked = poison_of(quiet(CIVIL))
    break_(civil_rig, "lock", locked)
    civil_rig.run()
    for times in range(1, MOST_ATTEMPTS):
        with later(hours=7 * times):
            civil_rig.run()
    seen = acts.listed(civil_rig.site, Which(state="refused"), actor="clerk")
    number = len(seen.items)
    assert [("refused", 19, "一直被结算锁定,已试满次数", number)] == seen.counts
    assert {MOST_ATTEMPTS} == {one.attempts for one in seen.items}
    with civil_rig.site.ledger.begin() as tx:
        assert ("platform", "platform_19", number) in decisions.case_counts(tx)
    civil_rig.peers.well_behaved()
    report = acts.retry(civil_rig.site, Which(result=19), actor="clerk", note="the settlement is over")
    assert report is not None and number == report.pushed.done
    assert quiet(CIVIL) == civil_rig.records()
    with civil_rig.site.ledger.begin() as tx:
        assert "platform_19" not in {code for _instance, code, _number in decisions.case_counts(tx)}


def test_filters_choose_by_place_source_and_result(civil_rig: Rig, quiet: Callable[..., Records]) -> None:
    """What is listed, retried or cancelled is what result, state, source, county and number say, all together."""
    civil_rig.peers.stage(1)
    break_(civil_rig, "refuse", poison_of(quiet(CIVIL)), code=12)
    civil_rig.run()
    (one, *more) = acts.listed(civil_rig.site, Which(), actor="clerk").items
    told = Which(state="refused", result=12, instance=CIVIL, county=one.county, numbers=[one.number])
    assert [one] == acts.listed(civil_rig.site, told, actor="clerk").items
    for other in (Which(result=11), Which(county="000000"), Which(state="queued")):
        assert [] == acts.listed(civil_rig.site, other, actor="clerk").items
    assert one.number not in {other.number for other in more}
    for none in (Which(state="done"), Which(instance="tax")):
        with pytest.raises(NotFound):
            acts.listed(civil_rig.site, none, actor="clerk")
    with pytest.raises(NotFound):
        acts.retry(civil_rig.site, Which(county="000000"), actor="clerk", note="again")


def test_a_retry_does_not_send_what_is_no_longer_wanted(civil_rig: Rig, quiet: Callable[..., Records]) -> None:
    """A refused list that nobody believes any more is not sent by a retry."""
    civil_rig.peers.stage(1)
    poison = poison_of(quiet(CIVIL))
    break_(civil_rig, "refuse", poison, code=12)
    civil_rig.run()
    civil_rig.peers.well_behaved()
    with civil_rig.site.ledger.begin() as tx:
        key = civil_rig.site.keyring.person_digest([poison])[0]
        tx.execute(sa.update(t.recognitions).where(t.recognitions.c.person_key == key).values(known_to=1))
    report = acts.retry(civil_rig.site, Which(state="refused"), actor="clerk", note="again")
    assert report is not None and 0 == report.pushed.sent
    assert {"done", "superseded"} == states(civil_rig).keys()


def test_what_was_cancelled_is_not_queued_again(civil_rig: Rig, quiet: Callable[..., Records]) -> None:
    """The next settlements leave it, until a person gives it back; all others go out."""
    civil_rig.peers.stage(1)
    acts.pause(civil_rig.site, actor="clerk", note="look first")
    civil_rig.run()
    whom = acts.listed(civil_rig.site, Which(state="queued"), actor="clerk").items[0]
    assert 1 == acts.cancel(civil_rig.site, Which(numbers=[whom.number]), actor="clerk", note="not this one")
    acts.resume(civil_rig.site, actor="clerk", note="the rest is right")
    for _time in range(2):
        civil_rig.run()
        assert quiet(CIVIL) != civil_rig.records()  # a list that only changes what stands there is no record more
    (held,) = acts.listed(civil_rig.site, Which(state="cancelled"), actor="clerk").items
    assert (whom.person_key, whom.use) == (held.person_key, held.use)
    (shown,) = acts.show(civil_rig.site, whom.number, actor="clerk").withdrawals
    assert ("clerk", "not this one") == (shown.asked_by, shown.note)
    report = acts.retry(civil_rig.site, Which(state="cancelled"), actor="clerk", note="it was right")
    assert report is not None and 1 == report.pushed.done
    assert quiet(CIVIL) == civil_rig.records()


def test_who_lost_the_role_while_another_run_went_on_sends_nothing(civil_rig: Rig) -> None:
    """Asked again in the run itself, they are refused, and that is written down."""
    site = civil_rig.site
    civil_rig.peers.stage(1)
    acts.pause(site, actor="clerk", note="look first")
    civil_rig.run()
    before = civil_rig.records()
    acts.resume(site, actor="clerk", note="the rest is right")
    with overtaken(site, lambda: moved(site, "clerk", None)) as patience:
        report = acts.retry(site, Which(state="queued"), actor="clerk", note="now", patience=patience)
    assert report is not None and ExitCode.FAILED == report.exit_code
    assert before == civil_rig.records()
    assert [("clerk", "outbox.retry")] == refused(civil_rig)


def test_what_was_sent_is_not_cancelled(civil_rig: Rig) -> None:
    """Only what is queued can be cancelled; what is done or unknown says so."""
    civil_rig.peers.stage(1)
    civil_rig.run()
    with pytest.raises(NotFound):
        acts.cancel(civil_rig.site, Which(), actor="clerk", note="none of it")
    with pytest.raises(NotAllowed):
        acts.cancel(civil_rig.site, Which(state="refused"), actor="clerk", note="none of it")
    with pytest.raises(NotFound):
        acts.show(civil_rig.site, 10**9, actor="clerk")
