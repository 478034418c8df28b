"""What every test gets: its tier's marker, and the same hypothesis examples in every run of CI."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent
TIERS = {"contract", "integration", "acceptance", "laws", "golden", "house"}

# No deadline: an example's time says how busy the machine is, not whether the law holds.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("here", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "here")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with the tier whose folder it lies in; a folder that names none is a unit's."""
    for item in items:
        folders = item.path.relative_to(TESTS).parts if item.path.is_relative_to(TESTS) else ()
        item.add_marker(next((folder for folder in folders if folder in TIERS), "unit"))
