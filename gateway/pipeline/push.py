"""The outbox goes out: open messages first, under their msgid, then what is due.

Nothing leaves while sending is paused, and a platform in maintenance is no fault: what waits goes on waiting. A message
without a believable answer stays open and stops no other; where a whole wave stays without, the platform is taken to be
away. A message that is older than the platform remembers is not repeated: what the read-back shows is its outcome.
"""

import zlib
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import TypeVar

import polars as pl

from gateway.deliver import MISFIT, UNANSWERED, UNKNOWN, Verdict, batches, items, verdict
from gateway.errors import EnvelopeRefused, GatewayError
from gateway.pipeline import roster
from gateway.pipeline.platform import PlatformChannel
from gateway.pipeline.standing import shown_lists
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
#: The first wait before an item is tried again; each is twice the one before, up to the longest.
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=5), timedelta(hours=6)
#: Attempts after which an item is a dead letter: after about a day and a half.
MOST_ATTEMPTS = 12
#: How long the platform keeps a message's number (contract «Idempotency»).
REMEMBERED = timedelta(hours=24)
#: What a platform in maintenance answers.
_MAINTENANCE = "http-503"
#: Halvings until of a hundred items one is alone, and one more for the others of that round.
_ROUNDS = 9
#: Purpose bound into the seal of a message's input.
PURPOSE = "message.input"

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
    #: Nothing was sent, or no more, since somebody paused sending.
    paused: bool = False
    #: The platform said that it is in maintenance.
    maintenance: bool = False
    #: The last wave stayed without any answer.
    stuck: bool = False
    by_result: dict[int, int] = field(default_factory=dict)

    def trouble(self, fault: GatewayError) -> None:
        """Notes why something was not answered."""
        if in_maintenance(fault):
            self.maintenance = True
        else:
            self.fault = self.fault or fault


def in_maintenance(fault: GatewayError) -> bool:
    """Whether it is the platform's word that it is away for a while."""
    return fault.code == _MAINTENANCE


def repeat_open(site: Site, channel: PlatformChannel, pushed: Pushed) -> None:
    """Clears what an earlier run left open: each message again, under its msgid, with the same input."""
    with site.ledger.begin() as tx:
        pushed.paused = outbox.paused(tx) is not None
        opened = [] if pushed.paused else outbox.open_messages(tx)
    forgotten = now() - REMEMBERED
    if old := [m.msgid for m in opened if m.created_at <= forgotten]:
        _look_up(site, channel, old, pushed)
    repeats = ((m.msgid, _opened(site, m.sealed_input)) for m in opened if m.created_at > forgotten)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        _flow(site, channel, pool, _waves(repeats), pushed)


def _look_up(site: Site, channel: PlatformChannel, msgids: list[str], pushed: Pushed) -> None:
    """Messages that the platform has forgotten: what it shows of their people now is their outcome."""
    with site.ledger.begin() as tx:
        flying = outbox.flying(tx, msgids)
    try:
        shown = shown_lists(site, channel, flying["person_key"])
    except GatewayError as fault:
        pushed.trouble(fault)
        return
    seen = flying.join(shown, on=["person_key", "use"], how="left", suffix="_shown")
    done = pl.col("records") == pl.col("records_shown").fill_null("")
    found = seen.with_columns(result=pl.when(done).then(0).otherwise(UNKNOWN))
    said = {msgid: frame.select("seq", "result").rows() for (msgid,), frame in found.group_by("msgid")}
    answers = [_answered(msgid, said.get(msgid, []), pushed, infcode="") for msgid in msgids]
    with site.ledger.begin() as tx:
        outbox.settle_wave(tx, answers)


def send_due(site: Site, channel: PlatformChannel, pushed: Pushed, only: pl.Series | None = None) -> None:
    """Sends all that is due, or only what is due of these people (person keys).

    Stops where the platform as a whole does not answer."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waves = _due(site, channel, only, first=1 if pushed.stuck else WAVE)
        if pushed.stuck and _at_home(channel, pushed):
            # What was open may itself be the reason: one message shows whether others get through.
            _flow(site, channel, pool, islice(waves, 1), pushed)
        if not pushed.stuck:
            _flow(site, channel, pool, waves, pushed)
        for _round in range(_ROUNDS):
            if pushed.stuck or not _flow(site, channel, pool, _due(site, channel, only, misfits=True), pushed):
                break
    _refused_cases(site)


def _at_home(channel: PlatformChannel, pushed: Pushed) -> bool:
    try:
        channel.sign_in()
    except GatewayError as fault:
        pushed.trouble(fault)
        return False
    return True


#: A message's number and its plain input.
Plain = tuple[str, bytes]
Answer = list[tuple[int, int]] | GatewayError


def _due(
    site: Site, channel: PlatformChannel, only: pl.Series | None, *, first: int = WAVE, misfits: bool = False
) -> Iterator[list[Plain]]:
    """What is due, in waves, the first of so many messages; each is opened in the ledger before it is given.

    `misfits`: only what was refused with others of its message."""
    with site.ledger.begin() as tx:
        due = outbox.due(tx, now(), people=only)
    due = due.filter(pl.col("result") == MISFIT) if misfits else due
    if due.is_empty():
        return
    people = roster.people(site, ["person_key", "psn_no", "name", "certno"], due["person_key"])
    made = (batch for part in due.iter_slices(AS_TEXT) for batch in batches(items(part, people)))
    for wave in chain(_waves(islice(made, first)), _waves(made)):
        if _paused(site):
            return
        sealed = [_sealed(site, batch.plain) for batch in wave]
        with channel.drawn(len(wave)) as (tx, numbers):
            drawn = zip(numbers, sealed, wave, strict=True)
            outbox.open_wave(tx, [Opening(msgid=n, infno="L201", sealed_input=s, items=b.changes) for n, s, b in drawn])
        yield [(msgid, batch.plain) for msgid, batch in zip(numbers, wave, strict=True)]


def _paused(site: Site) -> bool:
    with site.ledger.begin() as tx:
        return outbox.paused(tx) is not None


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
    site: Site, channel: PlatformChannel, pool: ThreadPoolExecutor, waves: Iterator[list[Plain]], pushed: Pushed
) -> bool:
    """Sends wave after wave; while one is under way, the one before is settled. Whether there was any."""
    before: tuple[list[Plain], list[Future[Answer]]] | None = None
    for wave in waves:
        under_way = [pool.submit(_ask, channel, msgid, plain) for msgid, plain in wave]
        if before:
            _settle_wave(site, *before, pushed)
        before = wave, under_way
        if pushed.stuck:
            break
    if before:
        _settle_wave(site, *before, pushed)
    return before is not None


def _settle_wave(site: Site, wave: list[Plain], under_way: list[Future[Answer]], pushed: Pushed) -> None:
    """Writes down a wave's answers in one commit. A message without a believable answer stays open."""
    answers = [future.result() for future in under_way]
    answered: list[Answered] = []
    back: dict[tuple[int | None, int], list[str]] = {}
    for (msgid, plain), answer in zip(wave, answers, strict=True):
        count = plain.count(b'{"seq":')
        if isinstance(answer, EnvelopeRefused) and answer.infcode == MISFIT:
            if count > 1:  # nobody knows which of them
                back.setdefault((MISFIT, MISFIT), []).append(msgid)
                continue
            answer = [(1, MISFIT)]
        if isinstance(answer, EnvelopeRefused):
            # Keys or numbers are wrong, not the items: they wait until that is mended.
            back.setdefault((None, answer.infcode), []).append(msgid)
            pushed.trouble(answer)
        elif isinstance(answer, GatewayError):
            pushed.trouble(answer)
        else:
            left_out = set(range(1, count + 1)) - {seq for seq, _result in answer}
            answered.append(_answered(msgid, [*answer, *((seq, UNANSWERED) for seq in sorted(left_out))], pushed))
    pushed.stuck = not answered and (MISFIT, MISFIT) not in back
    with site.ledger.begin() as tx:
        outbox.settle_wave(tx, answered)
        for (result, infcode), msgids in back.items():
            outbox.put_back(tx, msgids, result=result, infcode=str(infcode))


def _ask(channel: PlatformChannel, msgid: str, plain: bytes) -> Answer:
    try:
        return channel.upload(msgid, plain)
    except GatewayError as fault:
        return fault


def _answered(msgid: str, answer: list[tuple[int, int]], pushed: Pushed, *, infcode: str = "0") -> Answered:
    """The answer by what was said: mostly one word for all items of a message."""
    said: dict[int, list[int]] = {}
    for seq, result in answer:
        said.setdefault(result, []).append(seq)
    results: list[tuple[str, int, list[int]]] = []
    for result, numbers in said.items():
        state = verdict(result)
        results.append((state.value, result, numbers))
        pushed.sent += len(numbers)
        pushed.done += len(numbers) if state is Verdict.DONE else 0
        pushed.later += len(numbers) if state is Verdict.LATER else 0
        pushed.refused += len(numbers) if state is Verdict.REFUSED else 0
        pushed.by_result[result] = pushed.by_result.get(result, 0) + len(numbers)
    return Answered(msgid=msgid, results=results, infcode=infcode, next_tries=_next_tries(now()))


def _next_tries(at: datetime) -> list[datetime]:
    """To the minute, so that the answers of a wave share a statement."""
    start = at.replace(second=0, microsecond=0) + timedelta(minutes=1)
    return [start + min(FIRST_WAIT * 2**n, LONGEST_WAIT) for n in range(MOST_ATTEMPTS - 1)]


def _refused_cases(site: Site) -> None:
    """A final refusal is a case until a later upload for the person and use is accepted."""
    with site.ledger.begin(turn=True) as tx:
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
