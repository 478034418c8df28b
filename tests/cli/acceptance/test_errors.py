"""Whatever is wrong, a person reads a sentence and not a traceback."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acts.lived import Lived, copy, edit, here

Spoil = Callable[[Path], object]


def nothing(root: Path) -> None:
    """The site is well; the words are wrong."""


def unreadable_toml(root: Path) -> None:
    (root / "gateway.toml").write_text("[site\n", "utf-8")


def no_site(root: Path) -> None:
    (root / "gateway.toml").unlink()


def no_keys(root: Path) -> None:
    (root / "keys" / "ring.json").unlink()


def open_keys(root: Path) -> None:
    (root / "keys").chmod(0o755)


def no_database(root: Path) -> None:
    for file in (root / "var").glob("ledger.db*"):
        file.unlink()
    (root / "var" / "ledger.db").mkdir()


def damaged_database(root: Path) -> None:
    for file in (root / "var").glob("ledger.db*"):
        file.unlink()
    (root / "var" / "ledger.db").write_bytes(b"no database" * 1000)


def damaged_frames(root: Path) -> None:
    for file in (root / "var" / "frames").iterdir():
        file.write_bytes(file.read_bytes()[:-1])


def bad_mapping(root: Path) -> None:
    (root / "mappings").mkdir()
    (root / "mappings" / "tax.toml").write_text("title = 1\n", "utf-8")


def bad_address(root: Path) -> None:
    edit(root, "http://127.0.0.1", "nonsense://127.0.0.1")


CASES: list[tuple[Spoil, str, int]] = [
    (no_site, "status", 2),
    (unreadable_toml, "run", 2),
    (no_keys, "status", 2),
    (open_keys, "keys list", 2),
    (bad_mapping, "deliveries", 2),
    (no_database, "status", 75),
    (damaged_database, "runs", 75),
    (damaged_frames, "explain 1", 1),
    (damaged_frames, "resync civil_affairs --dry-run", 1),
    (bad_address, "run tax", 2),
    (nothing, "run nobody", 1),
    (nothing, "deliveries --instance nobody", 1),
    (nothing, "holds show 99", 1),
    (nothing, "holds release 99 --digest 00000000 --note x", 1),
    (nothing, "cases show 99999", 1),
    (nothing, "explain nobody", 1),
    (nothing, "keys init", 2),
    (nothing, "import tax missing.csv --mode delta --business-date 2026-01-01", 1),
    (nothing, "doctor --host-key nonsense", 2),
    (nothing, "doctor --host-key 127.0.0.1:1", 75),
]


def _cases() -> list[Any]:  # pytest keeps its class to itself
    own: dict[Spoil, Any] = {spoil: pytest.mark.of_sqlite for spoil in (no_database, damaged_database)}
    return [pytest.param(*case, id=f"{case[0].__name__}: {case[1]}", marks=own.get(case[0], [])) for case in CASES]


@pytest.mark.parametrize(("spoil", "words", "code"), _cases())
def test_a_known_error_is_a_sentence(lived: Lived, tmp_path: Path, spoil: Spoil, words: str, code: int) -> None:
    """Each branch of the tree of errors ends a command with its exit code, on stderr, without a traceback."""
    root = copy(lived.site, tmp_path)
    spoil(root)
    done = here(root, *words.split())
    assert (code, "") == (done.code, done.out), done.err
    assert "错误:" in done.err
    assert "Traceback" not in done.err and 'File "' not in done.err
