"""No test of a peer waits: what it would have waited is noted instead."""

import pytest

from gateway.peers import retry


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds of each wait between two attempts, in order."""
    noted: list[float] = []
    monkeypatch.setattr(retry, "pause", noted.append)
    return noted
