"""What a settlement would change, without changing it."""

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from gateway.acts import runs
from gateway.errors import NotFound, TryLater
from tests.acts.lived import HELD, Lived, ask, copy, opened


def dump(root: Path) -> list[str]:
    """Everything in the ledger, and every file beside it."""
    with closing(sqlite3.connect(root / "var" / "ledger.db")) as connection:
        rows = list(connection.iterdump())
    files = [p for p in sorted((root / "var").rglob("*")) if p.is_file() and "ledger.db" not in p.name]
    return rows + [f"{p.name} {hashlib.sha256(p.read_bytes()).hexdigest()}" for p in files if p.name != "run.lock"]


def test_a_preview_shows_what_would_change_and_changes_nothing(lived: Lived, tmp_path: Path) -> None:
    """Held departures that were released would end identities; the ledger, files and platform stay as they are."""
    root = copy(lived.site, tmp_path)
    ask(root, "UPDATE holds SET state = 'released'")
    with opened(root) as site:
        before, asked = dump(root), len(lived.peers.log("insurance_platform"))
        seen = runs.would_change(site, "civil_affairs", actor="clerk")
        assert before == dump(root)
    assert asked == len(lived.peers.log("insurance_platform"))
    (gone,) = [number for _name, state, number in seen.departures if state == "released"]
    assert 0 < gone
    assert gone <= sum(added for *_what, added, _ended in seen.recognitions)
    # An identity that began on the very day of the list leaves nothing behind.
    assert {"changed", "emptied"} >= {kind for _use, kind, _people in seen.changes} >= {"changed"}
    assert [] == seen.holds


def test_a_settled_site_has_nothing_to_change(lived: Lived, tmp_path: Path) -> None:
    """Right after a run, a preview finds no change, only the hold that is open."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        seen = runs.would_change(site, "civil_affairs", actor="clerk")
    assert ([], []) == (seen.recognitions, seen.changes)
    held = ask(lived.site, f"SELECT {HELD}")[0][0]
    assert [held] == [delivery for delivery, *_rest in seen.holds]


def test_a_preview_waits_for_its_turn_and_knows_its_instances(lived: Lived, tmp_path: Path) -> None:
    """During a run there is nothing steady to look at; an instance that is not configured is not found."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site, opened(root) as other:
        with pytest.raises(NotFound):
            runs.would_change(site, "nobody", actor="clerk")
        with other.lock(), pytest.raises(TryLater):
            runs.would_change(site, "civil_affairs", actor="clerk")
