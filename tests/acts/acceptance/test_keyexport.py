"""The topmost keys leave in the clear only by two security administrators, and another passphrase is all or nothing."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.acts import keyexport, keys
from gateway.acts.rights import MAKER, REFUSED
from gateway.bootstrap import open_site
from gateway.errors import KeyFault, NotAllowed, NotFound
from gateway.model.roles import Role
from gateway.site import Site
from gateway.store import ledger
from gateway.vault import sealedfile
from gateway.vault.keys import Keyring, KeySettings
from gateway.vault.secrets import read_passphrase
from tests.acts.lived import Lived, copy, granted, opened
from tests.ledgers import ask
from tests.pipeline.rig import later

FIRST, SECOND = "security", "second-security"
NOTE = "改用系统凭据"


@pytest.fixture
def site(lived: Lived, tmp_path: Path) -> Iterator[Site]:
    """With two security administrators."""
    with opened(copy(lived.fresh, tmp_path)) as site:
        granted(site, SECOND, Role.SECURITY)
        yield site


def refusals(site: Site) -> list[tuple[str, str, str]]:
    """(actor, act, why) of what was refused, oldest first."""
    rows = ask(site.settings.root, "SELECT actor, detail FROM acts WHERE act = ? ORDER BY id", REFUSED)
    said = [(who, json.loads(detail)) for who, detail in rows]
    return [(who, detail["wanted"], detail["why"]) for who, detail in said]


def test_two_take_the_keys_once(site: Site) -> None:
    """Who asked takes them when another has approved, and not a second time; what comes is what lies in the file."""
    number = keyexport.ask(site, actor=FIRST, note=NOTE)
    keyexport.approve(site, number, actor=SECOND, note="核对过")
    root = site.settings.root
    expected = sealedfile.material_of(root / "keys", read_passphrase("file:keys/passphrase", root)).plain()
    assert expected == keyexport.export(site, actor=FIRST)
    with pytest.raises(NotAllowed):
        keyexport.export(site, actor=FIRST)
    with site.ledger.begin() as tx:
        (taken,) = ledger.acts(tx, "keys.export")
    assert (FIRST, SECOND, number) == (taken.actor, taken.detail["approved_by"], taken.detail["request"])


def test_nobody_takes_them_alone(site: Site) -> None:
    """Without a request, without approval, approved by oneself, or by whoever approved: refused, and written down."""
    with pytest.raises(NotAllowed):
        keyexport.export(site, actor=FIRST)
    with pytest.raises(NotFound):
        keyexport.approve(site, 1, actor=SECOND, note="核对过")
    number = keyexport.ask(site, actor=FIRST, note=NOTE)
    with pytest.raises(NotAllowed):
        keyexport.export(site, actor=FIRST)
    with pytest.raises(NotAllowed):
        keyexport.approve(site, number, actor=FIRST, note="核对过")
    with pytest.raises(NotAllowed):
        keyexport.export(site, actor=FIRST)
    keyexport.approve(site, number, actor=SECOND, note="核对过")
    with pytest.raises(NotAllowed):
        keyexport.export(site, actor=SECOND)
    assert [
        (FIRST, "keys.export", "state"),
        (FIRST, "keys.export", "state"),
        (FIRST, "keys.export.approve", MAKER),
        (FIRST, "keys.export", "state"),
        (SECOND, "keys.export", "state"),
    ] == refusals(site)


def test_a_request_ends_after_a_day_and_with_the_next(site: Site) -> None:
    """An old approval is of no use, and neither is one of a request that another took the place of."""
    number = keyexport.ask(site, actor=FIRST, note=NOTE)
    keyexport.approve(site, number, actor=SECOND, note="核对过")
    with later(hours=24.1):
        with pytest.raises(NotAllowed):
            keyexport.export(site, actor=FIRST)
        with pytest.raises(NotAllowed):
            keyexport.approve(site, number, actor=SECOND, note="核对过")
    keyexport.ask(site, actor=FIRST, note=NOTE)
    with pytest.raises(NotAllowed):
        keyexport.export(site, actor=FIRST)
    with pytest.raises(NotAllowed):
        keyexport.approve(site, number, actor=SECOND, note="核对过")


def test_another_passphrase_opens_the_same_keys(site: Site) -> None:
    """Afterwards the new one opens them and the old one does not; what was sealed and digested is as before."""
    root = site.settings.root
    sealed, digest = site.keyring.sealer.seal_bytes(b"x", "p"), site.keyring.person_digest(["x"])
    _passphrase(root / "keys" / "next", "another invented passphrase")
    keys.change_passphrase(site, "file:keys/next", actor=FIRST)
    with pytest.raises(KeyFault, match=r"provider\.json"):
        open_site(root)
    again = Keyring.load(root / "keys", KeySettings(passphrase="file:keys/next"))
    assert (b"x", digest) == (again.sealer.open_bytes(sealed, "p"), again.person_digest(["x"]))
    with site.ledger.begin() as tx:
        assert [FIRST] == [one.actor for one in ledger.acts(tx, "keys.passphrase")]


@pytest.mark.parametrize("reference", ["file:keys/nowhere", "env:GATEWAY_NOTHING", "file:keys/open"])
def test_a_passphrase_that_cannot_be_read_changes_nothing(site: Site, reference: str) -> None:
    """One that is not there, or that others may read: the file stays, and nothing is written down."""
    root = site.settings.root
    _passphrase(root / "keys" / "open", "x").chmod(0o644)
    before = (root / "keys" / sealedfile.FILE).read_bytes()
    with pytest.raises(KeyFault):
        keys.change_passphrase(site, reference, actor=FIRST)
    assert before == (root / "keys" / sealedfile.FILE).read_bytes()
    with site.ledger.begin() as tx:
        assert [] == ledger.acts(tx, "keys.passphrase")


def test_no_passphrase_changes_without_a_record(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is written down before the file is replaced: who is stopped between leaves the old one, and a record."""
    root = site.settings.root
    _passphrase(root / "keys" / "next", "another invented passphrase")
    before = (root / "keys" / sealedfile.FILE).read_bytes()

    def stopped(*_args: object, **_kwargs: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        keys.change_passphrase(site, "file:keys/next", actor=FIRST)
    monkeypatch.undo()
    assert before == (root / "keys" / sealedfile.FILE).read_bytes()
    with site.ledger.begin() as tx:
        assert 1 == len(ledger.acts(tx, "keys.passphrase"))


def _passphrase(path: Path, text: str) -> Path:
    path.touch(mode=0o600)
    path.write_text(f"{text}\n", "utf-8")
    return path
