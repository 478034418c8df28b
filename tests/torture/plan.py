"""What goes wrong when: rounds of faults, drawn from a seed.

Takes a seed and a day's number; gives rounds. The same seed gives the same rounds; what a run is doing at the instant
of its death depends on the machine besides.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from gateway.testing.faults import Option

CIVIL, RURAL, FEDERATION, TAX = "civil_affairs", "rural_revitalization", "disabled_federation", "tax"
PLATFORM = "insurance_platform"
#: Seconds between the gateway's clock and everybody else's, at most.
MOST_CLOCK = 3 * 3600
#: Longer than any patience; and a slow answer.
NEVER, SLOWLY = 3600.0, 0.3

Orders = Sequence[tuple[str, Mapping[str, Option]]]

_SFTP: Orders = (
    ("drop", {}),
    ("refuse_login", {}),
    ("garbage_banner", {}),
    ("other_host_key", {}),
    ("stall", {"seconds": NEVER}),
    ("stall", {"seconds": SLOWLY}),
    ("cut", {"bytes": 1}),
    ("cut", {"bytes": 2000}),
    ("truncate", {}),
    ("grow", {}),
    ("replace", {}),
    ("reorder", {}),
)
_HTTP: Orders = (
    ("status", {"code": 500}),
    ("status", {"code": 503, "retry_after": 1}),
    ("maintenance", {}),
    ("drop", {}),
    ("garbage", {}),
    ("lost_answer", {}),
    ("lost_answer", {"code": 504}),
    ("stall", {"seconds": NEVER}),
    ("stall", {"seconds": SLOWLY}),
    ("cut", {}),
)
_FEDERATION: Orders = (
    *_HTTP,
    ("bad_signature", {}),
    ("expire_token", {}),
    ("expire_cursor", {}),
    ("repeat_page", {}),
    ("lie_total", {}),
    ("reorder", {}),
)
_TAX: Orders = (*_HTTP, ("wrong_digest", {}), ("lie_total", {}), ("gone", {}), ("job_failed", {}))
#: Neither `unfit` nor `refuse`: what the platform refuses for good is another result, not a fault that passes.
_PLATFORM: Orders = (
    *_HTTP,
    ("endless", {}),
    ("bad_signature", {}),
    ("expire_token", {}),
    ("string_zero", {}),
    ("wrong_digest", {}),
    ("lie_total", {}),
    ("gone", {}),
    ("preparing", {}),
    ("lock", {}),
)
#: Server → what it may do.
WRONGS: Mapping[str, Orders] = {
    CIVIL: _SFTP,
    RURAL: _SFTP,
    FEDERATION: _FEDERATION,
    TAX: _TAX,
    PLATFORM: _PLATFORM,
}
#: Where the platform's faults may be, but for those that are possible in some places only.
_PLACES = ("", "L201", "L201", "L101", "9001", "/fsi/file/")
_EXPORTS = ("", "L101")
_OWN_PLACES = {
    "wrong_digest": _EXPORTS, "lie_total": _EXPORTS, "preparing": _EXPORTS, "lock": ("",), "gone": ("",)
}  # fmt: skip


def kind(server: str, name: str) -> str:
    """A server's fault in a score."""
    return f"{'platform' if server == PLATFORM else server} {name}"


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """One fault of a server."""

    server: str
    name: str
    order: Mapping[str, Option]

    def sooner(self) -> "Wrong":
        """The same at the first occasion: few runs live to see the third login."""
        return replace(self, order={**self.order, "after": 0})


@dataclass(frozen=True, kw_only=True)
class Outage:
    """The database goes away under a run, and comes back."""

    #: When it goes, as a share of the time that the run has to live; for how many seconds.
    at: float
    seconds: float
    #: How a server is stopped: `fast` or `immediate`.
    stop: str


@dataclass(frozen=True, kw_only=True)
class Round:
    """One run under faults."""

    wrongs: Sequence[Wrong] = ()
    #: When it is killed, as a share of the time that a run is thought to take.
    dies: float
    #: Seconds by which the gateway's clock is wrong, and when it jumps there, as `Outage.at`.
    clock: float = 0.0
    jumps: float = 0.0
    #: Bytes beyond which no file can grow, as on a full disk; None where there is room.
    room: int | None = None
    outage: Outage | None = None
    #: Departments whose deliveries are put in place before it.
    staged: Sequence[str] = field(default=())


def rounds(seed: int, day: int, count: int) -> Iterator[Round]:
    """The rounds of one day. The departments deliver one after the other, so that there is news all day long."""
    rng = Random(f"{seed}/{day}")
    parts = ["mz", "xczx", "federation"]
    rng.shuffle(parts)
    comes = {count * at // len(parts): part for at, part in enumerate(parts)}
    # The platform is drawn as often as all departments together.
    decks = [_deck(rng, servers) for servers in (WRONGS.keys() - {PLATFORM}, {PLATFORM})]
    for number in range(count):
        yield Round(
            wrongs=[_wrong(rng, next(rng.choice(decks))) for _each in range(rng.randint(0, 4))],
            dies=rng.random(),
            clock=rng.uniform(-MOST_CLOCK, MOST_CLOCK) if rng.random() < 0.3 else 0.0,
            jumps=rng.choice([0.0, rng.random()]),
            room=2 ** rng.randint(10, 20) if rng.random() < 0.15 else None,
            outage=_outage(rng) if rng.random() < 0.2 else None,
            staged=[comes[number]] if number in comes else [],
        )


def _outage(rng: Random) -> Outage:
    return Outage(at=rng.random(), seconds=rng.uniform(0.05, 1.5), stop=rng.choice(["fast", "immediate"]))


def _deck(rng: Random, servers: Iterable[str]) -> Iterator[tuple[str, str, Mapping[str, Option]]]:
    """Whatever these servers may do, each once in a random order, then again in another."""
    cards = [(server, name, options) for server in sorted(servers) for name, options in WRONGS[server]]
    while True:
        yield from rng.sample(cards, len(cards))


def _wrong(rng: Random, card: tuple[str, str, Mapping[str, Option]]) -> Wrong:
    server, name, options = card
    where = rng.choice(_OWN_PLACES.get(name, _PLACES)) if server == PLATFORM else ""
    after = rng.choice((0, 0, 1, 2)) if server != PLATFORM else 0
    order: dict[str, Option] = {"times": rng.randint(1, 4), "after": after, "where": where}
    return Wrong(server=server, name=name, order={**order, **options})
