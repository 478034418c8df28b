"""Law 8: for any person and any past day, what was believed, and what the platform had confirmed, as it was then."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from gateway.acts import cases, holds
from gateway.acts.explain import Confirmed, explain
from gateway.acts.known import known
from gateway.bootstrap import open_site
from gateway.model.verdicts import Verdict
from gateway.plugin.forms import now
from gateway.settings import FILE
from tests.ledgers import ask
from tests.pipeline.conftest import NewRig
from tests.pipeline.forge import civil, csv_of
from tests.pipeline.rig import PLATFORM, Rig, later
from tests.pipeline.test_arrival import said_by_civil_affairs, sound

#: Days about which is asked: before the lists, among them, and after.
DAYS = [date(2023, 6, 1), date(2026, 10, 20), date(2026, 11, 2), date(2026, 11, 4), date(2026, 11, 20)]
EVERYBODY = (
    "SELECT person_key FROM recognitions UNION SELECT person_key FROM departures UNION SELECT person_key FROM confirmed"
)
NOTE = "已电话核实"
#: What is said of a person and a day: believed, departures, cases, confirmed.
Said = tuple[list[Any], ...]


@contextmanager
def small_limits(new_rig: NewRig) -> Iterator[Rig]:
    """Civil affairs, of whose list more than two may not leave at once."""
    bare = new_rig("civil_affairs")
    file = bare.site.settings.root / FILE
    marked = 'plugin = "civil_affairs"\n'
    text = file.read_text("utf-8").replace(marked, f"{marked}limits = {{ share = 0.05, number = 2 }}\n")
    file.write_text(text, "utf-8")
    site = open_site(bare.site.settings.root)
    try:
        yield Rig(peers=bare.peers, site=site)
    finally:
        site.ledger.close()


def steps(rig: Rig, content: bytes) -> list[Callable[[], object]]:
    """What a site may live through, each step with its run."""
    lists = said_by_civil_affairs(content)
    faults, site = rig.peers.servers[PLATFORM].faults, rig.site
    half = civil(8, csv_of(sound(content).head(5)), day=date(2026, 11, 8))

    def comes(*numbers: int) -> None:
        for number in numbers:
            lists[number - 1](rig)
        rig.run(9)

    def away(*numbers: int) -> None:
        faults.add("status", times=1000, where="L201", code=503)
        comes(*numbers)
        faults.clear()

    def wrong() -> None:
        rows = ask(site.settings.root, "SELECT delivery, row FROM recognitions WHERE known_to IS NULL ORDER BY id")
        case = cases.report(site, *rows[0], note=NOTE, actor="clerk")
        cases.decide(site, case, Verdict.DIFFERENT, note=NOTE, actor="clerk", day=date(2026, 11, 9))

    def reported() -> None:
        rows = ask(site.settings.root, "SELECT delivery, row FROM recognitions WHERE known_to IS NULL ORDER BY id DESC")
        cases.report(site, *rows[0], note=NOTE, actor="clerk")

    def undone() -> None:
        (case,) = ask(site.settings.root, "SELECT max(case_id) FROM verdicts")[0]
        cases.undo(site, case, note=NOTE, actor="clerk", day=date(2026, 11, 9))

    def held() -> None:
        half.put(rig.outbox)
        rig.run(9)

    def released() -> None:
        (hold,) = ask(site.settings.root, "SELECT id FROM holds WHERE state = 'open'")[0]
        digest = holds.shown(site, hold, actor="colleague").digest
        holds.release(site, hold, digest=digest, actor="colleague", note=NOTE, day=date(2026, 11, 9))

    return [
        lambda: comes(1),
        lambda: away(2, 3),  # a correction and a retroactive row, which the platform does not take yet
        lambda: comes(5),  # the platform is back; a list for the fourth
        lambda: comes(4, 7, 6),  # late: what it replaces, one of the third, and an end in October
        reported,
        wrong,
        held,
        undone,
        released,
    ]


def on(day: date, confirmed: Confirmed) -> tuple[Any, ...]:
    """A confirmed list, of that day."""
    records = [r for r in confirmed.records if r.begin[:10] <= str(day) <= r.end[:10]]
    return confirmed.use, confirmed.origin, confirmed.at, records


def said_now(rig: Rig, person: int) -> dict[date, Said]:
    """What `gateway explain PERSON` says now, of each day; of its own queries."""
    seen = explain(rig.site, str(person), actor="clerk")
    believed = [b for b in seen.believed if b.to_run is None]
    return {
        day: (
            sorted(
                (b.identity, b.level, b.first, str(b.last), b.ended_by, b.origin.delivery, b.origin.line)
                for b in believed
                if b.first <= day and (b.last is None or b.last >= day)
            ),
            sorted(
                (d.delivery, d.identity, d.last, d.state, d.decided_by, d.note) for d in seen.departures if d.last < day
            ),
            sorted(seen.cases),
            [on(day, one) for one in seen.confirmed],
        )
        for day in DAYS
    }


def said_then(rig: Rig, person: int, day: date, at: datetime | None) -> Said:
    """What `gateway explain PERSON --as-of DAY --known-at TIME` says now."""
    seen = known(rig.site, str(person), as_of=day, known_at=at, actor="clerk")
    return (
        sorted(
            (b.identity, b.level, b.first, str(b.last), b.ended_by, b.origin.delivery, b.origin.line)
            for b in seen.believed
        ),
        sorted((d.delivery, d.identity, d.last, d.state, d.decided_by, d.note) for d in seen.departures),
        sorted(seen.cases),
        [(one.use, one.origin, one.at, list(one.records)) for one in seen.confirmed],
    )


@pytest.fixture
def lived(new_rig: NewRig, civil_csv: bytes) -> Iterator[tuple[Rig, list[datetime], list[dict[int, dict[date, Said]]]]]:
    """A site after all steps, the time after each, and what was said of everybody then."""
    with small_limits(new_rig) as rig:
        times, told = [], []
        for number, step in enumerate(steps(rig, civil_csv)):
            with later(hours=number):
                step()
                times.append(now())
                people = [row[0] for row in ask(rig.site.settings.root, EVERYBODY)]
                told.append({person: said_now(rig, person) for person in people})
        yield rig, times, told


def test_what_was_known_then_is_what_was_said_then(
    lived: tuple[Rig, list[datetime], list[dict[int, dict[date, Said]]]],
) -> None:
    """For everybody, each day and each time, late, retroactive, corrected and taken-back rows, holds, cases and a
    platform that was away: the answer is what `explain` said at that time."""
    rig, times, told = lived
    people = sorted(told[-1])
    nothing: Said = ([], [], [], [])
    wrong = [
        (person, number, day, expected, actual)
        for number, at in enumerate(times)
        for person in people
        for day in DAYS
        if (expected := told[number].get(person, {}).get(day, nothing)) != (actual := said_then(rig, person, day, at))
    ]
    assert [] == wrong[:1]
    before = times[0] - timedelta(days=1)
    assert [nothing] * len(people) == [said_then(rig, person, DAYS[-1], before) for person in people]
    _has_seen_everything(told)


def _has_seen_everything(told: list[dict[int, dict[date, Said]]]) -> None:
    """The site lived through what the law is about."""
    every = [said for one in told for days in one.values() for said in days.values()]
    assert {"released", "held"} <= {departure[3] for _believed, gone, *_rest in every for departure in gone}
    assert {0, 1} <= {len(open_cases) for _believed, _gone, open_cases, _confirmed in every}
    assert {"row", "stop", "departure"} & {b[4] for believed, *_rest in every for b in believed}
    versions = [{str(said) for one in told for said in [one.get(p, {}).get(DAYS[-1])]} for p in told[-1]]
    assert max(map(len, versions)) >= 4


def test_both_dates_default_to_now(civil_rig: Rig, civil_csv: bytes) -> None:
    """Without a time, what is known now is told; without a day, of today."""
    said_by_civil_affairs(civil_csv)[0](civil_rig)
    civil_rig.run()
    ((person,), *_more) = sorted(ask(civil_rig.site.settings.root, EVERYBODY))
    with later(hours=1):
        seen = known(civil_rig.site, str(person), actor="clerk")
        assert now().date() == seen.as_of
        told = said_now(civil_rig, person)[DAYS[-1]]
        assert told[0]
        assert told == said_then(civil_rig, person, DAYS[-1], None)
