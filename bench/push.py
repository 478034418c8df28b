"""`make bench-push`: a first push beside a bare loop, both against the platform's server in a process of its own.

Takes PUSH_PEOPLE (100 000; two items for each), SEED (1) and RUNS (3) from the environment. Prints items a second and
seconds of the processor of the gateway's push and of the bare loop, with as many threads as is best for it; medians.
Exits 1 where the gateway is slower than `LEAST` of the fastest bare loop.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import polars as pl

from bench.bare import Bare, by_hand, by_library, pushed
from bench.lists import write_roster
from bench.people import City, people_of, roster_of
from bench.processes import machine
from gateway.bootstrap import open_site
from gateway.deliver import batches, items
from gateway.model.frames import LISTS
from gateway.pipeline import roster
from gateway.pipeline.platform import open_channel
from gateway.pipeline.push import Pushed, send_due
from gateway.site import Site
from gateway.store import outbox, runs
from gateway.testing.city import CityPeers
from gateway.testing.site import new_site, write_site

TODAY = date(2026, 11, 1)
#: The gateway's items a second to the fastest bare loop's.
LEAST = 0.6
GATEWAY = "the gateway"
_ALWAYS = datetime(2099, 1, 1)


def main() -> int:
    """Makes, measures, prints. 1 where the limit is missed."""
    people, runs_ = int(os.environ.get("PUSH_PEOPLE", "100000")), int(os.environ.get("RUNS", "3"))
    city = City(people=people, seed=int(os.environ.get("SEED", "1")))
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        work = Path(folder)
        (work / "city" / "platform_and_tax").mkdir(parents=True)
        write_roster(work / "city" / "platform_and_tax" / "roster.csv.gz", roster_of(people_of(city), city), city)
        public = new_site(work / "site")
        with CityPeers(work / "city", work / "peers", process=True, gateway_public_hex=public) as peers:
            write_site(work / "site", peers.addresses)
            site = open_site(work / "site")
            with open_channel(site, TODAY) as channel:
                roster.refresh_roster(site, channel, TODAY)
            print(f"{machine('sqlalchemy', 'httpx', 'cryptography')}; medians of {runs_}")
            turns = [_turn(site, peers, number) for number in range(1, runs_ + 1)]
            site.ledger.close()
    ratio = _print(turns)
    return 0 if ratio >= LEAST else 1


def _turn(site: Site, peers: CityPeers, number: int) -> dict[str, tuple[float, float]]:
    """Way -> (items a second, seconds of the processor): the same items, first by bare loops, then by the gateway."""
    count = _queue(site, number)
    inputs = _inputs(site)
    address, key = peers.addresses["insurance_platform"], site.keyring.signing_key
    ways: dict[str, Callable[[], float]] = {}
    for name, make, threads in (
        ("bare, http.client", by_hand, (1, 2, 4)),
        ("bare, httpx", by_library, (2, 4)),
    ):
        client = Bare(address, key, make(str(address["base"])))
        for at_once in threads:
            ways[f"{name}, {at_once} threads"] = lambda c=client, n=at_once: pushed(c, inputs, n)  # type: ignore[misc]
    ways[GATEWAY] = lambda: _ours(site)
    turn = {}
    for name, way in ways.items():
        worked = time.process_time()
        turn[name] = (count / way(), time.process_time() - worked)
    print(f"  {count:,} items in {len(inputs):,} messages of {sum(map(len, inputs)) // len(inputs):,} bytes")
    return turn


def _queue(site: Site, number: int) -> int:
    """Queues a list of each use for everybody alive, another one each turn; how many."""
    alive = roster.people(site, ["person_key", "dead"]).filter(~pl.col("dead")).select("person_key")
    records = f"7019|B|2026-01-{number:02} 00:00:00|2099-12-31 00:00:00|civil_affairs"
    lists = pl.concat([alive.with_columns(use=pl.lit(use), records=pl.lit(records)) for use in "12"])
    with site.ledger.begin() as tx:
        run = runs.start(tx, kind="run", actor="bench", today=TODAY)
        assert run is not None
        outbox.replace_queue(tx, lists.select(LISTS.names()), run)
        runs.end(tx, run, "done", {})
    return lists.height


def _inputs(site: Site) -> list[bytes]:
    """The plain inputs of what is due."""
    with site.ledger.begin() as tx:
        due = outbox.due(tx, _ALWAYS)
    people = roster.people(site, list(roster.PAPERS), due["person_key"])
    return [batch.plain for batch in batches(items(due, people))]


def _ours(site: Site) -> float:
    """Seconds in which the gateway sends all that is due."""
    done = Pushed()
    start = time.perf_counter()
    with open_channel(site, TODAY) as channel:
        send_due(site, channel, done)
    took = time.perf_counter() - start
    assert done.fault is None and done.done == done.sent > 0, done
    return took


def _print(turns: list[dict[str, tuple[float, float]]]) -> float:
    """A line for each way; the gateway's rate to the fastest bare loop's: the median of what each turn gives."""
    bare = [name for name in turns[0] if name != GATEWAY]
    fastest = max(bare, key=lambda name: statistics.median(turn[name][0] for turn in turns))
    print(f"  {'':<32}{'items/s':>9}{'CPU s':>8}{'of it':>7}")
    for name in turns[0]:
        rate, worked = (statistics.median(turn[name][at] for turn in turns) for at in (0, 1))
        ratio = statistics.median(turn[GATEWAY][0] / turn[name][0] for turn in turns)
        print(f"  {name:<32}{rate:9.0f}{worked:8.2f}{'' if name == GATEWAY else f'{ratio:.2f}':>7}")
    ratio = statistics.median(turn[GATEWAY][0] / turn[fastest][0] for turn in turns)
    print(f"  the gateway's rate is {ratio:.2f} of the fastest bare loop's ({fastest}); at least {LEAST}")
    return ratio


if __name__ == "__main__":
    sys.exit(main())
