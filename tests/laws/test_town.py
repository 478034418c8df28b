"""Stories of the town that the search for its laws has told, each by itself."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from gateway.peers import retry
from tests.laws.town.model import Listed
from tests.laws.town.people import CIVIL, LEVELS, Row, found
from tests.laws.town.site import TownSite, open_town

FIRST, THEN = date(2026, 11, 2), date(2026, 11, 4)
#: Somebody of civil affairs' list.
ONE = 3


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TownSite]:
    """The town after civil affairs' first list."""
    monkeypatch.setattr(retry, "pause", lambda seconds: None)
    site = open_town(tmp_path, found(tmp_path / "city"))
    site.put(Listed(sequence=1, day=FIRST, full=True, rows=everybody()))
    site.run()
    yield site
    site.close()


def everybody(*, misnamed: bool = False) -> dict[int, Row]:
    """A list of all, with or without ONE under another name."""
    return {each: Row(level=LEVELS[each % 3], misnamed=misnamed and each == ONE) for each in CIVIL}


@pytest.mark.parametrize("nobody", [False, True])
def test_who_is_not_meant_is_not_held_back(town: TownSite, nobody: bool) -> None:
    """A row in doubt holds back whom it may mean; once a person has said that it does not mean them, or means nobody,
    they leave like anybody whom the list does not name; once that is taken back, the row holds them back again."""
    town.put(Listed(sequence=2, day=THEN, full=True, rows=everybody(misnamed=True)))
    town.run()
    assert ["2099-12-31"] == ends(town)
    case = town.case_of(ONE)
    assert case is not None
    town.decide(case, same=False, nobody=nobody)
    town.run()
    assert ["2026-11-03"] == ends(town)
    town.undo(case)
    assert ["2099-12-31"] == ends(town)


def ends(town: TownSite) -> list[str]:
    """Until when ONE is flagged."""
    return [last for use, *_what, last in town.standing()[ONE] if use == "1"]
