"""The site that these tests look at."""

import pytest

from tests.acts import lived as made
from tests.acts.lived import Lived


@pytest.fixture(scope="session")
def lived(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Lived:
    return made.lived(pytestconfig, tmp_path_factory)
