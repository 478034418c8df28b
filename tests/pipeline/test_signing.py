"""The gateway's own SM2 key gives place to the next one, and nothing is refused on the way."""

from datetime import timedelta

import pytest

from gateway.acts import keys, runs
from gateway.acts.audit import checked
from gateway.acts.signing import rotate_signing
from gateway.bootstrap import open_site
from gateway.errors import ExitCode, KeyFault, NotAllowed
from gateway.pipeline.certificates import certified
from gateway.site import Site
from gateway.testing.platform import PlatformServer
from gateway.vault import sealedfile
from gateway.vault.keys import new_signing_key
from gateway.vault.secrets import read_passphrase
from tests.pipeline.digests import reopened
from tests.pipeline.rig import PLATFORM, Rig, later

BY = "security"


def private_keys(site: Site) -> set[int]:
    """Indexes of the signing keys whose private halves are there."""
    root = site.settings.root
    return set(sealedfile.material_of(root / "keys", read_passphrase("file:keys/passphrase", root)).signing)


def platform(rig: Rig) -> PlatformServer:
    server = rig.peers.servers[PLATFORM]
    assert isinstance(server, PlatformServer)
    return server


def test_both_keys_are_valid_until_the_old_one_ends(civil_rig: Rig) -> None:
    """Until its day the old key signs, from then on the new one; the old one's private half goes, and all that it
    signed, audit chain and certificates, is verified as before."""
    civil_rig.peers.stage(1)
    assert (ExitCode.DONE, "") == civil_rig.told(1)
    site, old = civil_rig.site, civil_rig.site.keyring.signing_key.public.hex
    (epoch,) = [one.key_id for one in site.keyring.ring.file.epochs]
    keys.rotate(site, actor=BY)
    with later(hours=1.1):
        certificate = keys.destroy(site, epoch, actor=BY, note="换用新密钥")
    new = rotate_signing(site, runs.today() + timedelta(days=2), actor=BY)
    assert old == site.keyring.signing_key.public.hex
    assert (ExitCode.DONE, "") == civil_rig.told(1)
    platform(civil_rig).register(old, new.public_key)
    with later(days=3), reopened(civil_rig) as again:
        platform(civil_rig).register(new.public_key)
        civil_rig.peers.stage(2)
        assert new.public_key == again.site.keyring.signing_key.public.hex
        assert (ExitCode.DONE, "") == again.told(2)
        former = site.keyring.ring.file.signing[0].key_id
        name = keys.destroy(again.site, former, actor=BY, note="换用新密钥")
        assert {2} == private_keys(again.site)
        assert [] == list(checked(again.site).breaks)
    certificates = site.settings.var / "certificates"
    said = certified(certificates / name, new.public_key)
    assert said is not None and ("signing", former) == (said["kind"], said["key"])
    assert certified(certificates / certificate, old) is not None
    assert [old, new.public_key] == [one.public_key for one in site.keyring.ring.file.signing]


def test_whoever_was_there_before_takes_the_new_key_up(civil_rig: Rig) -> None:
    """A process that had the provider open before the key was made signs with it from its day on, and what both sign of
    the audit chain holds."""
    civil_rig.peers.stage(1)
    assert (ExitCode.DONE, "") == civil_rig.told(1)
    old = civil_rig.site.keyring.signing_key.public.hex
    with reopened(civil_rig) as other:
        new = rotate_signing(other.site, runs.today() + timedelta(days=1), actor=BY)
        assert [old, old] == [one.keyring.signing_key.public.hex for one in (civil_rig.site, other.site)]
    with later(days=2):
        platform(civil_rig).register(new.public_key)
        assert new.public_key == civil_rig.site.keyring.signing_key.public.hex
        assert (ExitCode.DONE, "") == civil_rig.told(1)
        assert [] == list(checked(civil_rig.site).breaks)


def test_whoever_was_stopped_between_takes_the_key_that_is_there(civil_rig: Rig) -> None:
    """A key that is in the provider, and not in the ring yet, is the next one, and no further one is made."""
    root, settings = civil_rig.site.settings.root, civil_rig.site.settings.keys
    made = new_signing_key(root / "keys", settings, 2).public_key(2).hex
    with reopened(civil_rig) as again:
        assert made == rotate_signing(again.site, runs.today(), actor=BY).public_key
        assert {1, 2} == private_keys(again.site)


def test_what_is_refused(civil_rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """No day that has passed, no third key while one waits, and no end of a key that signs or is to sign; a credential
    without a next key is told."""
    site = civil_rig.site
    (old,) = site.keyring.ring.file.signing
    with pytest.raises(NotAllowed):
        rotate_signing(site, runs.today() - timedelta(days=1), actor=BY)
    new = rotate_signing(site, runs.today() + timedelta(days=2), actor=BY)
    with pytest.raises(NotAllowed):
        rotate_signing(site, runs.today() + timedelta(days=3), actor=BY)
    for entry in (old, new):
        with pytest.raises(NotAllowed, match=entry.key_id):
            keys.destroy(site, entry.key_id, actor=BY, note="换用新密钥")
    assert {1, 2} == private_keys(site)
    root = site.settings.root
    material = sealedfile.material_of(root / "keys", read_passphrase("file:keys/passphrase", root))
    (root / "gateway-keys").write_bytes(material.plain())
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(root))
    text = (root / "gateway.toml").read_text("utf-8")
    (root / "gateway.toml").write_text(text + '\n[keys]\nprovider = "credential"\n', "utf-8")
    with later(days=3):
        other = open_site(root)
        with pytest.raises(KeyFault, match="3"):
            rotate_signing(other, runs.today(), actor=BY)
        other.ledger.close()
