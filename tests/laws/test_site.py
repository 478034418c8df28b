"""Laws 1 to 5 and 7 at a whole site, whatever happens to it: lists, roster, decisions, holds, faults, deaths of a run.

A town of sixty people is lived through at random. After each run without a fault the platform holds what the model
says, which knows the contracts and nothing of the gateway; after one with a fault, for each person what it held before
or that. `HUNT=500` tries so many lives instead of a few.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from gateway.peers import retry
from tests.laws.town.life import Life

#: Lives, and what happens in each at most: as many as `make test` has time for, and always those of this seed.
LIVES, STEPS, SEED = 6, 20, 11
HUNT = int(os.environ.get("HUNT", "0"))


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every wait between two attempts passes at once."""
    monkeypatch.setattr(retry, "pause", lambda seconds: None)
    yield


@pytest.mark.slow
def test_whatever_happens_the_platform_holds_what_was_said(tmp_path: Path) -> None:
    """No flag ends but by a list that applies, a row or a release; nothing is lost, doubled or left over; everything
    derived anew, and a fresh site that gets all at once, come to the same."""
    lived = settings(
        max_examples=HUNT or LIVES,
        stateful_step_count=40 if HUNT else STEPS,
        derandomize=False,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink] if HUNT else [Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    class Lived(Life):
        def __init__(self) -> None:
            super().__init__(tmp_path)

    run_state_machine_as_test(Lived if HUNT else seed(SEED)(Lived), settings=lived)
