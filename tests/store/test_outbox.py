"""The outbox: superseded, in flight, confirmed; message numbers that are never given twice."""

from datetime import datetime, timedelta

import polars as pl
import pytest
import sqlalchemy as sa

from gateway.errors import StoreFault
from gateway.model.frames import LISTS
from gateway.store import Ledger, Tx, outbox, past, people
from gateway.store import tables as t
from gateway.store.ledger import now, record_act
from gateway.store.outbox import Answered, Opening
from tests.store import plans
from tests.store.test_schema import run

FAR = datetime(2099, 1, 1)


def wanted(*rows: tuple[int, str]) -> pl.DataFrame:
    """(person, records) for use 1."""
    return pl.DataFrame([(person, "1", records) for person, records in rows], schema=LISTS, orient="row")


def send(tx: Tx, msgid: str = "m1") -> list[int]:
    """Everything due goes into one message."""
    due = outbox.due(tx, FAR)["id"].to_list()
    outbox.draw_messages(tx, [msgid])
    outbox.open_wave(tx, [Opening(msgid=msgid, infno="L201", sealed_input=b"sealed", items=due)])
    return due


def answer(tx: Tx, *results: tuple[int, str, int], msgid: str = "m1", later: datetime = FAR) -> None:
    """The platform's answer to one message."""
    said = [(state, result, [seq]) for seq, state, result in results]
    outbox.settle_wave(tx, [Answered(msgid=msgid, results=said, infcode="0", next_tries=[later])])


def test_the_newer_wish_supersedes(ledger: Ledger) -> None:
    """A change never sent is superseded by the newer one; the same wish again queues nothing."""
    with ledger.begin() as tx:
        number = run(tx)
        assert (2, 0) == outbox.replace_queue(tx, wanted((1, "a"), (2, "b")), number)
        assert (0, 0) == outbox.replace_queue(tx, wanted((1, "a"), (2, "b")), number)
        assert (1, 1) == outbox.replace_queue(tx, wanted((1, "c"), (2, "b")), number)
        assert (0, 1) == outbox.replace_queue(tx, wanted((1, "c")), number)
        assert {"queued": 1, "superseded": 2} == outbox.counts(tx)
        assert [(1, "c")] == outbox.due(tx, FAR).select("person_key", "records").rows()


def test_only_these_people_are_superseded(ledger: Ledger) -> None:
    """What is wanted of some people supersedes what waits for them, and nobody else's change."""
    some = pl.Series([2, 3])
    with ledger.begin() as tx:
        number = run(tx)
        outbox.replace_queue(tx, wanted((1, "a"), (2, "b"), (3, "c")), number)
        assert (1, 2) == outbox.replace_queue(tx, wanted((3, "d")), number, people=some)
        assert [(1, "a"), (3, "d")] == outbox.due(tx, FAR).select("person_key", "records").rows()
        send(tx)
        assert (0, 0) == outbox.replace_queue(tx, wanted((3, "e")), number, people=some)


def test_refusals_of_some_people(ledger: Ledger) -> None:
    """Refused lists are given of the people asked for, and of nobody else."""
    with ledger.begin() as tx:
        outbox.replace_queue(tx, wanted((1, "a"), (2, "b")), run(tx))
        send(tx)
        answer(tx, (1, "refused", 12), (2, "refused", 12))
        assert [(2, "1", "b")] == outbox.refused_lists(tx, datetime(2000, 1, 1), people=pl.Series([2, 3])).rows()


def test_many_changes_at_once(ledger: Ledger) -> None:
    """Thousands of changes are queued and read back as they were wanted, in the order of their people."""
    many = wanted(*((person, f"{person}\n二") for person in range(2345, 0, -1)))
    with ledger.begin() as tx:
        assert (2345, 0) == outbox.replace_queue(tx, many, run(tx))
        assert many.sort("person_key").equals(outbox.due(tx, FAR).select(LISTS.names()))


def test_what_waits_is_found_by_its_index(ledger: Ledger) -> None:
    """Of all that was ever sent, looking for what waits reads nothing: it goes by the index of waiting changes."""
    with ledger.begin() as tx:
        number = run(tx)
        queries = plans.asked(tx, lambda: outbox.due(tx, FAR))
        queries += plans.asked(tx, lambda: outbox.replace_queue(tx, wanted((1, "a")), number))
        queries += plans.asked(tx, lambda: outbox.replace_queue(tx, wanted((1, "b")), number, people=pl.Series([1])))
        assert [{"uq_changes_waiting"}] * 5 == [plans.indexes(tx, query) for query in queries]


def test_what_is_over_is_found_by_an_index(ledger: Ledger) -> None:
    """All changes of one person, and what was refused of anybody, are found without reading everybody's changes."""
    with ledger.begin() as tx:
        queries = plans.asked(tx, lambda: outbox.changes_of(tx, 1))
        queries += plans.asked(tx, lambda: outbox.refused_lists(tx, FAR))
        found = [plans.indexes(tx, query) for query in queries]
    assert [{"uq_changes_waiting"}, {"ix_changes_over"}, {"ix_changes_refused", "ix_changes_over"}] == found


def test_many_lists_have_one_text(ledger: Ledger) -> None:
    """The same text of many people is kept once, whoever it was first said of, and is given back for each of them."""
    with ledger.begin() as tx:
        number = run(tx)
        outbox.replace_queue(tx, wanted((1, "a"), (2, "a"), (3, "b")), number)
        people.confirm_readback(tx, wanted((4, "a"), (5, "")))
        assert {"a", "b", ""} == set(tx.execute(sa.select(t.lists.c.records)).scalars())
        assert 3 == tx.execute(sa.select(sa.func.count()).select_from(t.lists)).scalar_one()
        assert ["a", "a", "b"] == outbox.due(tx, FAR)["records"].to_list()
        assert [(4, "a"), (5, "")] == people.confirmed(tx).select("person_key", "records").sort("person_key").rows()
        assert ["a"] == [row["records"] for row in outbox.changes_of(tx, 2)]
        assert ["a"] == [row["records"] for row in people.confirmed_of(tx, 4)]


def test_nothing_follows_what_is_in_flight(ledger: Ledger) -> None:
    """While a change is in flight its person waits: the next is queued only when the outcome is known."""
    with ledger.begin() as tx:
        number = run(tx)
        outbox.replace_queue(tx, wanted((1, "a")), number)
        send(tx)
        assert (0, 0) == outbox.replace_queue(tx, wanted((1, "b")), number)
        assert [] == outbox.due(tx, FAR)["id"].to_list()
        answer(tx, (1, "done", 0))
        assert (1, 0) == outbox.replace_queue(tx, wanted((1, "b")), number)


def test_answers_settle_each_item(ledger: Ledger) -> None:
    """Done confirms the list, a lock waits for its time, a refusal is final, an item without answer waits too."""
    later = datetime(2026, 11, 1)
    with ledger.begin() as tx:
        number = run(tx)
        outbox.replace_queue(tx, wanted((1, "a"), (2, "b"), (3, "c"), (4, "d")), number)
        send(tx)
        assert [b"sealed"] == [message.sealed_input for message in outbox.open_messages(tx)]
        answer(tx, (1, "done", 0), (2, "queued", 19), (3, "refused", 12), later=later)
        assert [(1, "1", "a", "receipt")] == people.confirmed(tx).rows()
        assert [] == outbox.due(tx, later - timedelta(seconds=1)).rows()
        assert [2, 4] == outbox.due(tx, later)["person_key"].to_list()
        assert [(3, "1", 12)] == outbox.refused_now(tx).rows()
        assert [(3, "1", "c")] == outbox.refused_lists(tx, later - timedelta(days=9999)).rows()
        assert [] == outbox.open_messages(tx)
        left = tx.execute(sa.select(t.messages.c.sealed_input)).scalars().all()
        assert [b""] == left


def test_a_later_acceptance_clears_a_refusal(ledger: Ledger) -> None:
    """What was refused is no refusal any more once a later list of the person and use is accepted."""
    with ledger.begin() as tx:
        number = run(tx)
        for msgid, records, state in (("m1", "a", "refused"), ("m2", "b", "done"), ("m3", "c", "done")):
            outbox.replace_queue(tx, wanted((1, records)), number)
            send(tx, msgid)
            answer(tx, (1, state, 0), msgid=msgid)
        assert [] == outbox.refused_now(tx).rows()
        assert [(1, "1", "c", "receipt")] == people.confirmed(tx).rows()


def test_a_message_survives_a_crash(ledger: Ledger) -> None:
    """A message opened and never answered is still there, in order, with its input, to be repeated under its number."""
    with ledger.begin() as tx:
        outbox.replace_queue(tx, wanted((1, "a")), run(tx))
        send(tx, "m2")
    with pytest.raises(StoreFault), ledger.begin() as tx:
        answer(tx, (1, "done", 0), msgid="m2")
        tx.execute(sa.insert(t.findings).values(delivery_id=9, code="", detail="", count=1))
    with ledger.begin() as tx:
        assert ["m2"] == [message.msgid for message in outbox.open_messages(tx)]
        assert {"sending": 1} == outbox.counts(tx)


def test_a_message_number_is_given_once(ledger: Ledger) -> None:
    """Drawing a number twice is refused by the database; the highest with a prefix is known."""
    with ledger.begin() as tx:
        outbox.draw_messages(tx, ["A1", "A3", "B9"])
        assert ("A3", "B9", None) == tuple(outbox.last_msgid(tx, prefix) for prefix in "ABC")
    with pytest.raises(StoreFault), ledger.begin() as tx:
        outbox.draw_messages(tx, ["A2", "A3"])


def test_a_wave_is_settled_at_once(ledger: Ledger) -> None:
    """Several messages answered together: each item gets what was said of it, and a message without answer stays."""
    with ledger.begin() as tx:
        outbox.replace_queue(tx, wanted((1, "a"), (2, "b"), (3, "c"), (4, "d")), run(tx))
        due = outbox.due(tx, FAR)["id"].to_list()
        outbox.draw_messages(tx, ["m1", "m2", "m3"])
        parts = {"m1": due[:2], "m2": due[2:3], "m3": due[3:]}
        wave = [Opening(msgid=m, infno="L201", sealed_input=b"s", items=part) for m, part in parts.items()]
        outbox.open_wave(tx, wave)
        said = {"m1": [("refused", 12, [1]), ("done", 0, [2])], "m2": [("done", 0, [1])]}
        answers = [Answered(msgid=m, results=results, infcode="0", next_tries=[FAR]) for m, results in said.items()]
        outbox.settle_wave(tx, answers)
        states = [outbox.changes_of(tx, person)[0] for person in (1, 2, 3, 4)]
        assert [("refused", 12), ("done", 0), ("done", 0), ("sending", None)] == [
            (row["state"], row["result"]) for row in states
        ]
        assert [2, 3] == people.confirmed(tx)["person_key"].sort().to_list()
        assert ["m3"] == [message.msgid for message in outbox.open_messages(tx)]


def test_answering_twice_changes_nothing(ledger: Ledger) -> None:
    """The answer to a message, taken once more, moves nothing that it does not hold any more."""
    with ledger.begin() as tx:
        outbox.replace_queue(tx, wanted((1, "a")), run(tx))
        send(tx)
        answer(tx, (1, "done", 0))
        answer(tx, (1, "refused", 11))
        assert {"done": 1} == outbox.counts(tx)
        assert [(1, "1", "a", "receipt")] == people.confirmed(tx).rows()


def test_each_attempt_waits_longer_and_the_last_is_a_dead_letter(ledger: Ledger) -> None:
    """After its n-th attempt an item waits until the n-th time; one attempt more, and it is refused with its result."""
    tries = [datetime(2026, 11, day) for day in (1, 3)]
    seen = []
    with ledger.begin() as tx:
        outbox.replace_queue(tx, wanted((1, "a")), run(tx))
        for msgid in ("m1", "m2", "m3"):
            send(tx, msgid)
            said = [("queued", 19, [1])]
            outbox.settle_wave(tx, [Answered(msgid=msgid, results=said, infcode="0", next_tries=tries)])
            (row,) = outbox.changes_of(tx, 1)
            seen.append((row["state"], row["next_try"], row["result"]))
        assert [("queued", tries[0], 19), ("queued", tries[1], 19), ("refused", None, 19)] == seen
        assert [(1, "a", 3)] == outbox.items(tx, "refused").select("person_key", "records", "attempts").rows()


def test_what_was_put_back_was_never_tried(ledger: Ledger) -> None:
    """A message refused for its keys or its form costs its items no attempt; they are due at once, with its number."""
    with ledger.begin() as tx:
        outbox.replace_queue(tx, wanted((1, "a"), (2, "b")), run(tx))
        send(tx)
        outbox.put_back(tx, ["m1"], result=-400, infcode="-400")
        due = outbox.due(tx, datetime(2000, 1, 1))
        assert [(0, -400, "m1")] * 2 == due.select("attempts", "result", "msgid").rows()
        assert [] == outbox.open_messages(tx)


def test_the_newest_word_pauses_or_resumes(ledger: Ledger) -> None:
    """Sending is paused from a pause until a resumption, with who said so and why."""
    with ledger.begin() as tx:
        assert outbox.paused(tx) is None
    for act, note in ((outbox.PAUSE, "one"), (outbox.RESUME, "two"), (outbox.PAUSE, "three")):
        with ledger.begin() as tx:
            record_act(tx, actor="clerk", act=act, note=note)
        with ledger.begin() as tx:
            pause = outbox.paused(tx)
        assert (act == outbox.PAUSE) == (pause is not None)
    assert pause is not None
    assert ("clerk", "three") == (pause.actor, pause.note)


def test_what_is_in_flight_is_found_by_its_messages(ledger: Ledger) -> None:
    """Of the messages asked for, each change that is in flight, with its place and its list."""
    with ledger.begin() as tx:
        outbox.replace_queue(tx, wanted((1, "a"), (2, "b")), run(tx))
        send(tx)
        assert [("m1", 1, 1, "1", "a"), ("m1", 2, 2, "1", "b")] == outbox.flying(tx, ["m1"]).sort("seq").rows()
        assert [] == outbox.flying(tx, ["m2"]).rows()


def test_of_receipt_and_read_back_the_newest_was_confirmed(ledger: Ledger) -> None:
    """What the platform had confirmed by a time is the newer of what it accepted and what it showed, whichever came
    first."""
    known, times = list[tuple[str, str]](), list[datetime]()
    for step in ("receipt", "readback", "receipt"):
        with ledger.begin() as tx:
            if step == "receipt":
                msgid = f"m{len(times)}"
                outbox.replace_queue(tx, wanted((1, msgid)), run(tx))
                send(tx, msgid)
                answer(tx, (1, "done", 0), msgid=msgid)
            else:
                people.reconfirm(tx, wanted((1, "shown")), origin="readback")
        times.append(now())
    with ledger.begin() as tx:
        for at in times:
            known += [(one["origin"], one["records"]) for one in past.confirmed_of(tx, 1, at)]
    assert [("receipt", "m0"), ("readback", "shown"), ("receipt", "m2")] == known
