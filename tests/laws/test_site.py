"""Laws 1 to 5 and 7 at a whole site, whatever happens to it: lists, roster, decisions, holds, faults, deaths of a run.

A town of sixty people is lived through at random. After each run without a fault the platform holds what the model
says, which knows the contracts and nothing of the gateway; after one with a fault, for each person what it held before
or that. `HUNT=500` tries so many lives instead of a few.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from gateway.peers import retry
from tests.laws.town.life import STEPS, Life

#: Lives, what happens in each at most, and the seed that draws them: as many as `make test` has time for.
LIVES, STEPS_EACH, SEED = 3, 22, 15
HUNT = int(os.environ.get("HUNT", "0"))


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every wait between two attempts passes at once."""
    monkeypatch.setattr(retry, "pause", lambda seconds: None)
    yield


def live(folder: Path, lives: int, steps: int) -> Counter[str]:
    """What happened in so many lives."""
    met: Counter[str] = Counter()
    lived = settings(
        max_examples=HUNT or lives,
        stateful_step_count=40 if HUNT else steps,
        derandomize=False,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink] if HUNT else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    class Lived(Life):
        def __init__(self) -> None:
            super().__init__(folder, met)

    run_state_machine_as_test(Lived if HUNT else seed(SEED)(Lived), settings=lived)
    return met


@pytest.mark.slow
def test_whatever_happens_the_platform_holds_what_was_said(tmp_path: Path) -> None:
    """No flag ends but by a list that applies, a row or a release; nothing is lost, doubled or left over; everything
    derived anew, and a fresh site that gets all at once, come to the same. All that may happen does."""
    met = live(tmp_path, LIVES, STEPS_EACH)
    for what, times in sorted(met.items()):
        print(f"{times:5d} {what}")
    assert HUNT or set(met) == STEPS
