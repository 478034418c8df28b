"""What a settlement would change, without changing it."""

import hashlib
import json
from pathlib import Path

import pytest

from gateway.acts import holds, runs
from gateway.errors import NotFound, TryLater
from gateway.store.base import metadata
from tests.acts.lived import HELD, Lived, copy, opened
from tests.ledgers import ask


def dump(root: Path) -> list[str]:
    """Everything in the ledger, and every file beside it."""
    # Whose turn it was, and that somebody looked, says nothing about anybody.
    tables = sorted({*metadata.tables} - {"leases", "heartbeats", "acts"})
    rows = [f"{name} {row}" for name in tables for row in sorted(map(repr, ask(root, f'SELECT * FROM "{name}"')))]
    files = [p for p in sorted((root / "var").rglob("*")) if p.is_file() and "ledger.db" not in p.name]
    return rows + [f"{p.name} {hashlib.sha256(p.read_bytes()).hexdigest()}" for p in files if p.name != "run.lock"]


def test_a_preview_shows_what_would_change_and_changes_nothing(lived: Lived, tmp_path: Path) -> None:
    """Held departures that were released would end identities; the ledger, files and platform stay as they are."""
    root = copy(lived.site, tmp_path)
    ask(root, "UPDATE holds SET state = 'released'")
    with opened(root) as site:
        before, asked = dump(root), len(lived.peers.log("insurance_platform"))
        seen = runs.would_change(site, "civil_affairs", actor="clerk").seen
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
        seen = runs.would_change(site, "civil_affairs", actor="clerk").seen
    assert ([], []) == (seen.recognitions, seen.changes)
    held = ask(lived.site, f"SELECT {HELD}")[0][0]
    assert [held] == [hold.delivery for hold in seen.holds]


def test_a_preview_waits_for_its_turn_and_knows_its_instances(lived: Lived, tmp_path: Path) -> None:
    """During a run there is nothing steady to look at; an instance that is not configured is not found."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site, opened(root) as other:
        with pytest.raises(NotFound):
            runs.would_change(site, "nobody", actor="clerk")
        with other.lock(), pytest.raises(TryLater):
            runs.would_change(site, "civil_affairs", actor="clerk")


def test_previews_are_kept_and_compared(lived: Lived, tmp_path: Path) -> None:
    """Two of the same site have one digest, with the digest of each hold; the ledger keeps numbers and no names."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        first, second = (runs.would_change(site, None, actor=who) for who in ("clerk", "colleague"))
        assert first.before is None and second.before is not None
        assert ("clerk", second.seen.digest) == second.before[1:]
        held = holds.held(site, actor="clerk")
        assert [hold.digest for hold in held] == [breach.digest for breach in second.seen.holds]
        ask(root, "UPDATE holds SET state = 'released'")
        third = runs.would_change(site, None, actor="clerk")
    assert ("colleague", second.seen.digest) == (third.before or ())[1:]
    assert third.seen.digest != second.seen.digest
    assert {"end"} == {direction for direction, *_rest in third.seen.moves}
    assert 3 == len(ask(root, "SELECT detail FROM acts WHERE act = 'preview'"))
    kept = json.loads(ask(root, "SELECT detail FROM acts WHERE act = 'preview' ORDER BY id DESC")[0][0])
    assert {"instance", "digest", "moves", "holds"} == set(kept)
    assert sum(row[-1] for row in kept["moves"]) == sum(row[-1] for row in third.seen.moves)
