"""A platform that is down, lies, loses answers or refuses: nothing doubled, nothing lost, whole once it has passed."""

import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa

from gateway.errors import ExitCode
from gateway.pipeline.push import PURPOSE
from gateway.store import decisions, outbox
from gateway.store import tables as t
from gateway.testing.faults import Option
from tests.pipeline.rig import PLATFORM, Records, Rig, later

#: More often than any patience lasts.
ALWAYS = 1000
CIVIL = "civil_affairs"


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What the platform does, where, and how a run ends that meets it."""

    fault: str
    where: str
    order: Mapping[str, Option] = field(default_factory=dict)
    code: ExitCode = ExitCode.LATER


#: Longer than the patience of a run: it ends with the code, and says so.
LASTING: Mapping[str, Trouble] = {
    "upload_500": Trouble(fault="status", where="L201", order={"code": 500}),
    "upload_dropped": Trouble(fault="drop", where="L201"),
    "upload_garbage": Trouble(fault="garbage", where="L201"),
    "upload_endless": Trouble(fault="endless", where="L201"),
    "upload_answer_lost": Trouble(fault="lost_answer", where="L201"),
    "upload_answer_504": Trouble(fault="lost_answer", where="L201", order={"code": 504}),
    "upload_preparing": Trouble(fault="preparing", where="L201"),
    "upload_signed_wrongly": Trouble(fault="bad_signature", where="L201", code=ExitCode.FAILED),
    "upload_signs_out": Trouble(fault="expire_token", where="L201"),
    "roster_503": Trouble(fault="status", where="L101", order={"code": 503}),
    "roster_signed_wrongly": Trouble(fault="bad_signature", where="L101", code=ExitCode.FAILED),
    "roster_digest_lies": Trouble(fault="wrong_digest", where="L101"),
    "roster_gone": Trouble(fault="gone", where="/fsi/file/"),
    "roster_total_lies": Trouble(fault="lie_total", where="L101"),
    "standing_digest_lies": Trouble(fault="wrong_digest", where="L202"),
    "standing_total_lies": Trouble(fault="lie_total", where="L202"),
    "sign_in_garbage": Trouble(fault="garbage", where="9001"),
}
#: Within the patience of a run: it ends well.
PASSING: Mapping[str, Trouble] = {
    "upload_dropped": Trouble(fault="drop", where="L201"),
    "upload_answer_lost": Trouble(fault="lost_answer", where="L201"),
    "upload_answer_504": Trouble(fault="lost_answer", where="L201", order={"code": 504}),
    "upload_string_zero": Trouble(fault="string_zero", where="L201"),
    "upload_signed_out": Trouble(fault="expire_token", where="L201"),
    "roster_preparing": Trouble(fault="preparing", where="L101"),
    "roster_gone": Trouble(fault="gone", where="/fsi/file/"),
    "roster_file_cut": Trouble(fault="cut", where="/fsi/file/"),
    "roster_file_signed_out": Trouble(fault="expire_token", where="/fsi/file/"),
    "roster_total_lies": Trouble(fault="lie_total", where="L101"),
}


def _arm(rig: Rig, trouble: Trouble, times: int) -> None:
    rig.peers.servers[PLATFORM].faults.add(trouble.fault, times=times, where=trouble.where, **trouble.order)


def _happened(rig: Rig, trouble: Trouble) -> int:
    return int(rig.peers.servers[PLATFORM].faults.happened[trouble.fault])


def _changes(rig: Rig) -> Mapping[str, int]:
    with rig.site.ledger.begin() as tx:
        return outbox.counts(tx)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("case", LASTING)
def test_a_platform_in_trouble_is_a_known_error_and_passes(
    civil_rig: Rig, quiet: Callable[..., Records], case: str
) -> None:
    """Whatever the platform does wrong, the list is landed, the run says so, and the next run ends where one without
    faults ends: nothing doubled, nothing lost."""
    trouble = LASTING[case]
    civil_rig.peers.stage(1)
    _arm(civil_rig, trouble, ALWAYS)
    code, said = civil_rig.told()
    assert 0 < _happened(civil_rig, trouble)
    assert trouble.code == code
    assert said.rpartition(" → ")[2]
    assert 1 == len(civil_rig.rows())
    civil_rig.peers.well_behaved()
    assert (ExitCode.DONE, "") == civil_rig.told()
    assert quiet(CIVIL) == civil_rig.records()
    assert [] == civil_rig.applied_twice()
    assert {"done": civil_rig.changed()} == _changes(civil_rig)


@pytest.mark.one_in(2)
@pytest.mark.parametrize("case", PASSING)
def test_a_moment_of_trouble_is_waited_out(civil_rig: Rig, quiet: Callable[..., Records], case: str) -> None:
    """What passes within a run's patience leaves no trace in its result."""
    trouble = PASSING[case]
    civil_rig.peers.stage(1)
    _arm(civil_rig, trouble, 1)
    assert (ExitCode.DONE, "") == civil_rig.told()
    assert 1 == _happened(civil_rig, trouble)
    assert quiet(CIVIL) == civil_rig.records()
    assert [] == civil_rig.applied_twice()
    assert {"done": civil_rig.changed()} == _changes(civil_rig)


def test_an_unknown_outcome_is_repeated_under_its_number(civil_rig: Rig) -> None:
    """A message whose answer was lost goes out again as it was: the platform answers it from memory."""
    civil_rig.peers.stage(1)
    _arm(civil_rig, Trouble(fault="lost_answer", where="L201"), ALWAYS)
    civil_rig.told()
    open_before = {entry["msgid"] for entry in civil_rig.uploads()}
    sent_before = len(civil_rig.uploads())
    civil_rig.peers.well_behaved()
    civil_rig.told()
    again = [entry for entry in civil_rig.uploads()[sent_before:] if entry["msgid"] in open_before]
    assert open_before == {entry["msgid"] for entry in again}
    assert all(entry["repeated"] for entry in again)


def test_a_message_of_an_earlier_version_is_repeated_as_it_was(civil_rig: Rig) -> None:
    """Messages left open by a version that kept inputs uncompressed are repeated: the platform knows them again."""
    civil_rig.peers.stage(1)
    _arm(civil_rig, Trouble(fault="lost_answer", where="L201"), ALWAYS)
    civil_rig.told()
    sent, sealer = len(civil_rig.uploads()), civil_rig.site.keyring.sealer
    with civil_rig.site.ledger.begin() as tx:
        for message in outbox.open_messages(tx):
            plain = zlib.decompress(sealer.open_bytes(message.sealed_input, PURPOSE))
            values = {"sealed_input": sealer.seal_bytes(plain, PURPOSE)}
            tx.execute(sa.update(t.messages).where(t.messages.c.msgid == message.msgid).values(values))
    civil_rig.peers.well_behaved()
    assert (ExitCode.DONE, "") == civil_rig.told()
    assert {True} == {entry["repeated"] for entry in civil_rig.uploads()[sent:]}
    assert [] == civil_rig.applied_twice()


def test_a_platform_that_is_down_stops_no_department(civil_rig: Rig, quiet: Callable[..., Records]) -> None:
    """Before the first roster, too, deliveries are fetched and kept; they are settled when the platform is back."""
    civil_rig.peers.stage(1)
    civil_rig.peers.servers[PLATFORM].stop()
    code, said = civil_rig.told()
    assert ExitCode.LATER == code
    assert "连接" in said
    assert ["landed"] == [row.state for row in civil_rig.rows()]
    civil_rig.peers.servers[PLATFORM].start()
    assert (ExitCode.DONE, "") == civil_rig.told()
    assert quiet(CIVIL) == civil_rig.records()


def test_an_old_roster_serves_and_is_told(civil_rig: Rig) -> None:
    """On a day on which the platform does not give its roster, the one in force is used, and the run says later."""
    civil_rig.peers.stage(1)
    civil_rig.run()
    civil_rig.peers.stage(2)
    _arm(civil_rig, Trouble(fault="drop", where="L101"), ALWAYS)
    report = civil_rig.run(2)
    assert ExitCode.LATER == report.exit_code
    assert [1] == [len(one.taken) for one in report.instances.values()]
    assert 0 < report.pushed.done


def test_locked_items_are_tried_again(civil_rig: Rig, quiet: Callable[..., Records]) -> None:
    """Items that a settlement locks stay queued, are left alone for a while, and then go through."""
    civil_rig.peers.stage(1)
    _arm(civil_rig, Trouble(fault="lock", where=""), 5)
    report = civil_rig.run()
    assert 5 == report.pushed.later
    assert 5 == _changes(civil_rig)["queued"]
    sent = len(civil_rig.uploads())
    civil_rig.run()
    assert sent == len(civil_rig.uploads())
    with later(hours=7):
        assert 5 == civil_rig.run().pushed.done
    assert quiet(CIVIL) == civil_rig.records()


def test_one_item_that_does_not_fit_stops_no_other(civil_rig: Rig, quiet: Callable[..., Records]) -> None:
    """Where the platform refuses a whole message for one item, the others get through one by one, and the one becomes
    a case that is not sent again."""
    civil_rig.peers.stage(1)
    poison = next(record[0] for record in quiet(CIVIL) if record[-1] == CIVIL)
    _arm(civil_rig, Trouble(fault="unfit", where=poison), ALWAYS)
    report = civil_rig.run()
    wanted = Counter(record for record in quiet(CIVIL) if record[0] != poison)
    assert wanted == Counter(record for record in civil_rig.records() if record[0] != poison)
    assert report.pushed.refused == _changes(civil_rig)["refused"] > 0
    with civil_rig.site.ledger.begin() as tx:
        assert ("platform", "platform_400", report.pushed.refused) in decisions.case_counts(tx)
    sent = len(civil_rig.uploads())
    assert ExitCode.DONE == civil_rig.run().exit_code
    assert sent == len(civil_rig.uploads())


def test_an_item_that_is_refused_stops_no_other(civil_rig: Rig, quiet: Callable[..., Records]) -> None:
    """Of a message that is carried out in part, the item that the platform refuses becomes a case and is not sent
    again; the others stand."""
    civil_rig.peers.stage(1)
    poison = next(record[0] for record in quiet(CIVIL) if record[-1] == CIVIL)
    _arm(civil_rig, Trouble(fault="refuse", where=poison), ALWAYS)
    report = civil_rig.run()
    assert [record for record in quiet(CIVIL) if record[0] != poison] == [
        record for record in civil_rig.records() if record[0] != poison
    ]
    assert report.pushed.refused == _changes(civil_rig)["refused"] > 0
    with civil_rig.site.ledger.begin() as tx:
        assert ("platform", "platform_12", report.pushed.refused) in decisions.case_counts(tx)
    sent = len(civil_rig.uploads())
    assert ExitCode.DONE == civil_rig.run().exit_code
    assert sent == len(civil_rig.uploads())


def test_part_of_a_wave_may_fail(civil_rig: Rig, quiet: Callable[..., Records]) -> None:
    """Messages that were answered are settled though others of the same wave were not."""
    civil_rig.peers.stage(1)
    faults = civil_rig.peers.servers[PLATFORM].faults
    faults.add("drop", times=ALWAYS, where="L201", after=1)
    report = civil_rig.run()
    assert ExitCode.LATER == report.exit_code
    states = _changes(civil_rig)
    assert report.pushed.done == states.get("done", 0) > 0
    civil_rig.peers.well_behaved()
    assert (ExitCode.DONE, "") == civil_rig.told()
    assert quiet(CIVIL) == civil_rig.records()
