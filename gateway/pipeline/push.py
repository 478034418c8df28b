"""The outbox goes out: open messages first, under their msgid, then what is due."""

import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
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
from gateway.store.ledger import now
from gateway.store.outbox import Answered, Opening

#: Requests under way at once. More do not help: the platform answers one person at a time.
AT_ONCE = 4
#: Batches that are opened and settled in one commit each.
WAVE = 32
#: Changes that are text at once: a city's first push has 2.8 million, a gigabyte as JSON.
AS_TEXT = 100_000
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
    repeats = ((m.msgid, _opened(site, m.sealed_input)) for m in opened)
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
    if due.is_empty():
        return
    people = roster.people(site, ["person_key", "psn_no", "name", "certno"], due["person_key"])
    made = (batch for part in due.iter_slices(AS_TEXT) for batch in batches(items(part, people)))
    for wave in _waves(made):
        sealed = [_sealed(site, batch.plain) for batch in wave]
        with channel.drawn(len(wave)) as (tx, numbers):
            drawn = zip(numbers, sealed, wave, strict=True)
            outbox.open_wave(tx, [Opening(msgid=n, infno="L201", sealed_input=s, items=b.changes) for n, s, b in drawn])
        yield [(msgid, batch.plain) for msgid, batch in zip(numbers, wave, strict=True)]


def _sealed(site: Site, plain: bytes) -> bytes:
    """At rest it is a tenth of its size: less to seal, to write, and to overwrite when it is answered."""
    return site.keyring.sealer.seal_bytes(zlib.compress(plain, 1), PURPOSE)


def _opened(site: Site, sealed: bytes) -> bytes:
    plain = site.keyring.sealer.open_bytes(sealed, PURPOSE)
    # A message left open by a version that did not compress is repeated as it was.
    return plain if plain.startswith(b"{") else zlib.decompress(plain)


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
    answered: list[Answered] = []
    at = now()
    for (msgid, plain), answer in zip(wave, answers, strict=True):
        if isinstance(answer, EnvelopeRefused) and answer.infcode == _MISFIT:
            answer = [(seq, _MISFIT) for seq in range(1, plain.count(b'{"seq":') + 1)]
        if isinstance(answer, EnvelopeRefused):
            # Keys or numbers are wrong, not the items: they wait until that is mended.
            answered.append(Answered(msgid=msgid, results=[], infcode=str(answer.infcode), next_try=at))
            pushed.fault = pushed.fault or answer
        elif isinstance(answer, GatewayError):
            pushed.fault = pushed.fault or answer
        else:
            answered.append(_answered(msgid, answer, at, pushed))
    with site.ledger.begin() as tx:
        outbox.settle_wave(tx, answered)


def _ask(channel: PlatformChannel, msgid: str, plain: bytes) -> Answer:
    try:
        return channel.upload(msgid, plain)
    except GatewayError as fault:
        return fault


def _answered(msgid: str, answer: list[tuple[int, int]], at: datetime, pushed: Pushed) -> Answered:
    """The answer by what was said: mostly one word for all items of a message."""
    said: dict[int, list[int]] = {}
    for seq, result in answer:
        said.setdefault(result, []).append(seq)
    results: list[tuple[str, int, list[int]]] = []
    for result, numbers in said.items():
        state = Verdict.LATER if result == _MISFIT and len(answer) > 1 else verdict(result)
        results.append((state.value, result, numbers))
        pushed.sent += len(numbers)
        pushed.done += len(numbers) if state is Verdict.DONE else 0
        pushed.later += len(numbers) if state is Verdict.LATER else 0
        pushed.refused += len(numbers) if state is Verdict.REFUSED else 0
        pushed.by_result[result] = pushed.by_result.get(result, 0) + len(numbers)
    return Answered(msgid=msgid, results=results, infcode="0", next_try=at if _MISFIT in said else at + LATER)


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
            county=pl.lit(""),
        )
        decisions.keep_cases(tx, found.select(pl.col(n).cast(k) for n, k in CASES.items()), "item:")
