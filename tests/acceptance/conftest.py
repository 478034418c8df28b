"""A generated city that several tests read; nobody writes into it."""

from pathlib import Path

import pytest

from gateway.demo.generate import generate

PEOPLE = 1200


@pytest.fixture(scope="session")
def small_city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A city of the shape `standard` with three times the usual dirt."""
    folder = tmp_path_factory.mktemp("city")
    generate(folder, PEOPLE, 8, dirt=3.0)
    return folder
