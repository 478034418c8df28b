"""The outbox goes out: open messages first, under their msgid, then what is due."""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import TypeVar

import polars as pl

from gateway.deliver import Verdict, batches, items, verdict
from gateway.errors import EnvelopeRefused, GatewayError
from gateway.pipeline import roster
from gateway.pipeline.platform import PlatformChannel
from gateway.site import Site
from gateway.store import decisions, outbox
from gateway.store.decisions import CASES
from gateway.store.ledger import Tx, now

#: Requests under way at once. More do not help: the platform answers one person at a time.
AT_ONCE = 4
#: Batches that are opened and settled in one commit each.
WAVE = 32
#: After which an item is tried again that a settlement held.
LATER = timedelta(minutes=5)
#: Purpose bound into the seal of a message's input.
PURPOSE = "message.input"
#: The input does not fit: with several items nobody knows which, so they are sent one by one.
_MISFIT = -400

T = TypeVar("T")


@dataclass(kw_only=True)
class Pushed:
    """What a push came to."""

    sent: int = 0
    done: int = 0
    later: int = 0
    refused: int = 0
    #: Why it stopped before the end; None where it did not.
    fault: GatewayError | None = None
    by_result: dict[int, int] = field(default_factory=dict)


def repeat_open(site: Site, channel: PlatformChannel, pushed: Pushed) -> None:
    """Clears what an earlier run left open: each message again, under its msgid, with the same input."""
    with site.ledger.begin() as tx:
        opened = outbox.open_messages(tx)
    repeats = ((m.msgid, site.keyring.sealer.open_bytes(m.sealed_input, PURPOSE)) for m in opened)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        _flow(site, channel, pool, _waves(repeats), pushed)


def send_due(site: Site, channel: PlatformChannel, pushed: Pushed) -> None:
    """Sends all that is due. Stops at the first fault that concerns the platform as a whole."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        # A refused batch of several comes back as single items, so a second round may follow; never more than two.
        for _round in range(2):
            if pushed.fault is None:
                _flow(site, channel, pool, _due(site, channel), pushed)
    _refused_cases(site)


#: A message: its number and its plain input.
Message = tuple[str, bytes]
Answer = list[tuple[int, int]] | GatewayError


def _due(site: Site, channel: PlatformChannel) -> Iterator[list[Message]]:
    """What is due, in waves; each is opened in the ledger before it is given."""
    with site.ledger.begin() as tx:
        due = outbox.due(tx, now())
    people = roster.people(site, ["person_key", "psn_no", "name", "certno"], due["person_key"]) if due.height else None
    for wave in _waves(batches(items(due, people))) if people is not None else ():
        numbers = channel.draw_many(len(wave))
        with site.ledger.begin() as tx:
            for msgid, batch in zip(numbers, wave, strict=True):
                sealed = site.keyring.sealer.seal_bytes(batch.plain, PURPOSE)
                outbox.open_message(tx, msgid=msgid, infno="L201", sealed_input=sealed, items=batch.changes)
        yield [(msgid, batch.plain) for msgid, batch in zip(numbers, wave, strict=True)]


def _waves(things: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(things)
    while wave := list(islice(iterator, WAVE)):
        yield wave


def _flow(
    site: Site, channel: PlatformChannel, pool: ThreadPoolExecutor, waves: Iterator[list[Message]], pushed: Pushed
) -> None:
    """Sends wave after wave; while one is under way, the one before is settled."""
    before: tuple[list[Message], list[Future[Answer]]] | None = None
    for wave in waves:
        under_way = [pool.submit(_ask, channel, msgid, plain) for msgid, plain in wave]
        if before:
            _settle_wave(site, *before, pushed)
        before = wave, under_way
        if pushed.fault is not None:
            break
    if before:
        _settle_wave(site, *before, pushed)


def _settle_wave(site: Site, wave: list[Message], under_way: list[Future[Answer]], pushed: Pushed) -> None:
    """Writes down a wave's answers in one commit. A message without a believable answer stays open."""
    answers = [future.result() for future in under_way]
    with site.ledger.begin() as tx:
        for (msgid, plain), answer in zip(wave, answers, strict=True):
            if isinstance(answer, EnvelopeRefused) and answer.infcode == _MISFIT:
                answer = [(seq, _MISFIT) for seq in range(1, plain.count(b'{"seq":') + 1)]
            if isinstance(answer, EnvelopeRefused):
                # Keys or numbers are wrong, not the items: they wait until that is mended.
                outbox.settle_message(tx, msgid, [], infcode=str(answer.infcode), next_try=now())
                pushed.fault = pushed.fault or answer
            elif isinstance(answer, GatewayError):
                pushed.fault = pushed.fault or answer
            else:
                _settle(tx, msgid, answer, pushed)


def _ask(channel: PlatformChannel, msgid: str, plain: bytes) -> Answer:
    try:
        return channel.upload(msgid, plain)
    except GatewayError as fault:
        return fault


def _settle(tx: Tx, msgid: str, answer: list[tuple[int, int]], pushed: Pushed) -> None:
    single = len(answer) == 1
    verdicts = [
        (seq, Verdict.LATER if result == _MISFIT and not single else verdict(result), result) for seq, result in answer
    ]
    misfit = any(result == _MISFIT for _seq, result in answer)
    results = [(seq, state.value, result) for seq, state, result in verdicts]
    outbox.settle_message(tx, msgid, results, infcode="0", next_try=now() if misfit else now() + LATER)
    pushed.sent += len(answer)
    for _seq, state, result in verdicts:
        pushed.done += state is Verdict.DONE
        pushed.later += state is Verdict.LATER
        pushed.refused += state is Verdict.REFUSED
        pushed.by_result[result] = pushed.by_result.get(result, 0) + 1


def _refused_cases(site: Site) -> None:
    """A final refusal is a case until a later upload for the person and use is accepted."""
    with site.ledger.begin() as tx:
        refused = outbox.refused_now(tx)
        found = refused.select(
            subject=pl.format("item:{}:{}", "person_key", "use"),
            instance=pl.lit("platform"),
            code=pl.format("platform_{}", pl.col("result").abs()),
            delivery_id=pl.lit(None, pl.Int64),
            row=pl.lit(None, pl.Int64),
            person_key="person_key",
        )
        decisions.keep_cases(tx, found.select(pl.col(n).cast(k) for n, k in CASES.items()), "item:")
