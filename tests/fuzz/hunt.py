"""So many damaged inputs for one parser: each is read, or refused with a known error, in time and within bounds."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from hypothesis import HealthCheck, Phase, given, settings

from gateway.errors import GatewayError
from tests.fuzz.bounds import taken
from tests.fuzz.damage import damaged
from tests.fuzz.parsers import Parser

#: Seconds for one input.
LONGEST = 2.0
#: MiB that an input of this size may unpack to, by the parsers' own bounds: a packed export most of all. Never is twice
#: of it taken.
BOUND = 32.0


@dataclass(kw_only=True)
class Hunted:
    """What the inputs came to."""

    #: Inputs by how they ended: «read», or the class of the refusal.
    ended: Counter[str] = field(default_factory=Counter)
    #: The most that one of them took.
    seconds: float = 0.0
    mib: float = 0.0


def hunt(parser: Parser, tries: int) -> Hunted:
    """Raises AssertionError for the first input that takes too long or too much, and whatever a parser raises that is
    no known error."""
    found = Hunted()
    for sound in parser.sounds:  # what is loaded once is nobody's
        _ended(parser, sound)

    @settings(
        max_examples=tries,
        deadline=timedelta(seconds=60),
        suppress_health_check=list(HealthCheck),
        database=None,
        phases=[Phase.generate, Phase.shrink],
    )
    @given(data=damaged(parser.sounds, parser.ways))
    def tried(data: bytes) -> None:
        took = taken(lambda: found.ended.update([_ended(parser, data)]))
        found.seconds, found.mib = max(found.seconds, took.seconds), max(found.mib, took.mib)
        assert took.seconds < LONGEST
        assert took.mib < 2 * BOUND

    tried()
    return found


def _ended(parser: Parser, data: bytes) -> str:
    try:
        parser.read(data)
    except GatewayError as refusal:
        assert refusal.what
        return type(refusal).__name__
    return "read"
