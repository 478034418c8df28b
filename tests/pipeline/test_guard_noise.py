"""A noisy guard gets switched off: a year of ordinary lists, and how often it stops one."""

from collections import Counter
from pathlib import Path

import pytest

from gateway import pipeline
from gateway.store import decisions, people
from tests.pipeline.months import first_of, write_months
from tests.pipeline.rig import Rig, open_rig

#: Enough for lists whose ordinary leavers are more than the number of each limit.
PEOPLE = 8_000
SOURCES = ("civil_affairs", "rural_revitalization", "disabled_federation")


def _month(rig: Rig, month: int) -> None:
    rig.peers.stage(month)
    report = pipeline.run(rig.site, list(SOURCES), first_of(month), actor="test")
    assert report is not None and [] == report.faults


def _release(rig: Rig, month: int) -> int:
    """Somebody looks at what was held, and lets it go. How many holds that were."""
    with rig.site.ledger.begin() as tx:
        held = decisions.holds(tx, state="open")
        for hold in held:
            decisions.decide_hold(tx, hold.id, "released", actor="li", note="n")
    if held:
        pipeline.run(rig.site, [], first_of(month), actor="test")
    return len(held)


@pytest.mark.slow
@pytest.mark.parametrize("months", [3, pytest.param(12, marks=pytest.mark.long)])
def test_ordinary_months_are_seldom_held(tmp_path: Path, months: int) -> None:
    """Of twelve ordinary months none has more than one list or group held, while people leave in each of them."""
    write_months(tmp_path / "city", PEOPLE, 5, months)
    with open_rig(tmp_path / "city", tmp_path, *SOURCES) as rig:
        held = {}
        for month in range(1, months + 1):
            _month(rig, month)
            held[month] = _release(rig, month)
        with rig.site.ledger.begin() as tx:
            leavers = Counter[int]()
            for delivery, state, count in people.departure_counts(tx):
                leavers[delivery] += count if state == "released" else 0
    assert {} == {month: count for month, count in held.items() if count > 1}
    assert 20 < max(leavers.values())
