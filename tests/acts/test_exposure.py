"""A site that others can write is nobody's through sudo, and what others can read is told."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.acts import exposure
from gateway.errors import NotAllowed


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A site's folder that only its owner can write."""
    site = tmp_path / "above" / "site"
    for name in ("plugins", "mappings", "keys", "var"):
        (site / name).mkdir(parents=True, mode=0o700)
    (site / "gateway.toml").write_text("", "utf-8")
    for place in (tmp_path, tmp_path / "above", site, *site.iterdir()):
        place.chmod(0o700)
    return site


def test_the_service_user_s_own_site_is_taken(root: Path) -> None:
    """Where only root and the process's user can write, the site is the one that was named, without links in it."""
    link = root.parent / "link"
    link.symlink_to(root)
    assert root.resolve() == exposure.not_somebody_else_s(link, another=True)


@pytest.mark.parametrize("place", ["", "gateway.toml", "plugins", "mappings", "keys", "var", ".."])
@pytest.mark.parametrize("mode", [0o720, 0o702])
def test_a_site_that_others_can_write_is_refused(root: Path, place: str, mode: int) -> None:
    """The folder, what decides in it, and those above it: whoever can write one chooses what the program does with the
    service user's keys. For oneself that is one's own affair."""
    (root / place).chmod(mode)
    with pytest.raises(NotAllowed):
        exposure.not_somebody_else_s(root, another=True)
    assert root == exposure.not_somebody_else_s(root, another=False)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda root: (root / "keys").chmod(0o750), ["keys"]),
        (lambda root: (root / "var").chmod(0o701), ["var"]),
        (lambda root: (root / "var" / "ledger.db").chmod(0o644), []),  # nobody comes so far
        (lambda root: [(root / "var").chmod(0o755), (root / "var" / "ledger.db").chmod(0o640)], ["var", "ledger.db"]),
        (lambda root: None, []),
    ],
)
def test_what_others_can_read_is_found(root: Path, change: Callable[[Path], object], found: list[str]) -> None:
    """Keys, data and ledger, each where somebody else can get at it."""
    ledger = root / "var" / "ledger.db"
    ledger.touch(mode=0o600)
    change(root)
    assert found == [place.name for place in exposure.readable(root, f"sqlite:///{ledger}")]
    assert [name for name in found if name != "ledger.db"] == [
        place.name for place in exposure.readable(root, "postgresql://db.example/gateway")
    ]
