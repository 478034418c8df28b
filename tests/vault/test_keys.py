"""A site's keyring: made, loaded, rotated, and what is said where a part of it is gone."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import KeyFault, SealBroken
from gateway.vault import sealedfile
from gateway.vault.blind import person_digests
from gateway.vault.keys import KeyKind, Keyring, KeySettings
from gateway.vault.sealedfile import CHEAPEST, Material
from gateway.vault.secrets import read_passphrase
from gateway.vault.sm import Sm3Keyed

KEY_FILES = ["provider.json", "ring.json"]
ALL_FILES = {*KEY_FILES, "passphrase"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    Keyring.create(tmp_path / "keys", cost=CHEAPEST)
    return tmp_path / "keys"


def values_of(folder: Path, name: str) -> Any:  # JSON
    return json.loads((folder / name).read_text("utf-8"))


def material_of(folder: Path) -> Material:
    return sealedfile.material_of(folder, read_passphrase("file:keys/passphrase", folder.parent))


def secrets_of(folder: Path) -> list[str]:
    """Every key of the folder, in the clear."""
    material = material_of(folder)
    return [material.root.get_secret_value(), *(key.get_secret_value() for key in material.signing.values())]


def test_a_keyring_is_the_same_each_time_it_is_loaded(folder: Path) -> None:
    """What one process sealed, signed and digested, the next one opens, verifies and finds."""
    first, second = Keyring.load(folder), Keyring.load(folder)
    assert b"x" == second.sealer.open_bytes(first.sealer.seal_bytes(b"x", "p"), "p")
    assert second.signing_key.public.verify(first.signing_key.sign(b"x"), b"x")
    assert first.person_digest(["invented"]) == second.person_digest(["invented"])


def test_two_sites_share_nothing(tmp_path: Path) -> None:
    """Another site's keyring opens no seal, verifies no signature and gives other digests."""
    mine, other = (Keyring.create(tmp_path / name / "keys", cost=CHEAPEST) for name in ("mine", "other"))
    with pytest.raises(SealBroken):
        other.sealer.open_bytes(mine.sealer.seal_bytes(b"x", "p"), "p")
    assert not other.signing_key.public.verify(mine.signing_key.sign(b"x"), b"x")
    assert mine.person_digest(["invented"]) != other.person_digest(["invented"])


def test_key_files_are_closed_to_others(folder: Path) -> None:
    """The folder has mode 0700 and each file 0600, whatever the folder was before."""
    assert 0o700 == folder.stat().st_mode & 0o777
    assert dict.fromkeys(ALL_FILES, 0o600) == {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


def test_a_folder_that_stands_open_is_closed(tmp_path: Path) -> None:
    """Keys may be made in a folder that holds other files, which others may no longer enter then."""
    (tmp_path / "keys").mkdir(mode=0o755)
    (tmp_path / "keys" / "README.md").write_text("invented", "utf-8")
    Keyring.create(tmp_path / "keys", cost=CHEAPEST)
    assert 0o700 == (tmp_path / "keys").stat().st_mode & 0o777


@pytest.mark.parametrize("left", KEY_FILES)
def test_keys_are_never_overwritten(folder: Path, left: str) -> None:
    """While one of the two files is there, no new keys are made and the file stays as it is."""
    for name in ALL_FILES - {left}:
        (folder / name).unlink()
    before = (folder / left).read_bytes()
    with pytest.raises(KeyFault, match=left):
        Keyring.create(folder, cost=CHEAPEST)
    assert {left: before} == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_passphrase_that_is_there_is_used(tmp_path: Path) -> None:
    """Where a person chose the passphrase, inside the site or outside, it is that one and no other."""
    outside = tmp_path / "elsewhere"
    outside.write_text("an invented passphrase\n", "utf-8")
    outside.chmod(0o600)
    settings = KeySettings(passphrase=f"file:{outside}")
    made = Keyring.create(tmp_path / "keys", settings, CHEAPEST)
    assert set(KEY_FILES) == {path.name for path in (tmp_path / "keys").iterdir()}
    assert made.ids() == Keyring.load(tmp_path / "keys", settings).ids()
    with pytest.raises(KeyFault, match="passphrase"):
        Keyring.load(tmp_path / "keys")


def test_a_site_passes_from_a_file_to_a_credential(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what lay in the file in a credential of systemd, and the file gone, everything opens as before."""
    before = Keyring.load(folder)
    sealed = before.sealer.seal_bytes(b"x", "p")
    (tmp_path / "gateway-keys").write_bytes(material_of(folder).plain())
    for name in ("provider.json", "passphrase"):
        (folder / name).unlink()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    after = Keyring.load(folder, KeySettings(provider="credential"))
    assert ("credential", b"x") == (after.provider.kind, after.sealer.open_bytes(sealed, "p"))
    assert before.signing_key.public == after.signing_key.public


def test_ids_are_shown_and_keys_are_not(folder: Path) -> None:
    """What a keyring shows of itself is kinds, ids and dates."""
    keyring = Keyring.load(folder)
    assert [KeyKind.EPOCH, KeyKind.INDEX, KeyKind.GATEWAY] == [info.kind for info in keyring.ids()]
    ring = values_of(folder, "ring.json")
    ids = [ring["epochs"][0]["key_id"], ring["index"][0]["key_id"], ring["signing"][0]["key_id"]]
    assert ids == [info.key_id for info in keyring.ids()]
    parts = (keyring, keyring.ids(), keyring.sealer, keyring.signing_key, keyring.ring.newest())
    shown = " ".join(map(repr, parts))
    assert [] == [secret for secret in secrets_of(folder) if secret in shown]
    assert "=b'" not in shown
    texts = "".join((folder / name).read_text("utf-8") for name in KEY_FILES)
    assert [] == [secret for secret in secrets_of(folder) if secret in texts]


@pytest.mark.parametrize("name", sorted(ALL_FILES))
def test_a_key_file_that_others_may_read_is_refused(folder: Path, name: str) -> None:
    """The refusal names the command that mends it."""
    (folder / name).chmod(0o640)
    with pytest.raises(KeyFault, match="chmod 600"):
        Keyring.load(folder)


def test_a_key_folder_that_others_may_enter_is_refused(folder: Path) -> None:
    """The folder is checked as its files are."""
    folder.chmod(0o755)
    with pytest.raises(KeyFault, match="chmod 700"):
        Keyring.load(folder)


@pytest.mark.parametrize("name", sorted(ALL_FILES))
def test_a_missing_key_file_is_named(folder: Path, name: str) -> None:
    """Without any one of the three files nothing opens, and the file that is missing is told."""
    (folder / name).unlink()
    with pytest.raises(KeyFault, match=name):
        Keyring.load(folder)


def spoilt(entry: str, **change: object) -> Any:  # JSON to JSON
    """A change of the first, or only, one of these entries of the ring."""

    def spoil(ring: Any) -> Any:
        one = ring[entry] if isinstance(ring[entry], dict) else ring[entry][0]
        one.update(change)
        return ring

    return spoil


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(spoilt("epochs", key="00"), id="short key"),
        pytest.param(spoilt("epochs", key="no hex"), id="no hex"),
        pytest.param(spoilt("epochs", key_id="another"), id="another id"),
        pytest.param(spoilt("epochs", created="yesterday"), id="no time"),
        pytest.param(spoilt("epochs", unknown="x"), id="unknown entry"),
        pytest.param(spoilt("index", epoch="another"), id="index of an unknown epoch"),
        pytest.param(spoilt("index", key_id="another"), id="another index"),
        pytest.param(spoilt("signing", public_key="00" * 64), id="another public key"),
        pytest.param(spoilt("signing", index=2), id="another signing key"),
        pytest.param(lambda ring: {**ring, "epochs": []}, id="no epoch"),
        pytest.param(lambda ring: {**ring, "signing": []}, id="no signing key"),
        pytest.param(lambda _ring: [], id="no ring"),
    ],
)
def test_a_damaged_ring_is_refused_without_showing_it(folder: Path, spoil: Any) -> None:  # JSON to JSON
    """A ring that isn't what it should be is a key fault, and nothing of it is in the message."""
    ring = values_of(folder, "ring.json")
    (folder / "ring.json").write_text(json.dumps(spoil(values_of(folder, "ring.json"))), "utf-8")
    with pytest.raises(KeyFault) as refused:
        Keyring.load(folder)
    assert [] == [one for one in (ring["epochs"][0]["key"], ring["index"][0]["key"]) if one in str(refused.value)]
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_the_ring_of_another_site_is_refused(tmp_path: Path) -> None:
    """A ring and a provider that do not belong together open nothing, and the message says where to look."""
    for name in ("mine", "other"):
        Keyring.create(tmp_path / name / "keys", cost=CHEAPEST)
    ring = (tmp_path / "other" / "keys" / "ring.json").read_bytes()
    (tmp_path / "mine" / "keys" / "ring.json").write_bytes(ring)
    with pytest.raises(KeyFault, match=r"provider\.json"):
        Keyring.load(tmp_path / "mine" / "keys")


def test_a_new_epoch_seals_and_the_old_one_opens(folder: Path) -> None:
    """Whoever has the ring open sees another process's new epoch at the next seal; digests stay what they were."""
    ours, theirs = Keyring.load(folder), Keyring.load(folder)
    old, who = ours.sealer.seal_bytes(b"old", "p"), ours.person_digest(["invented"])
    begun = theirs.ring.begin_epoch()
    new = ours.sealer.seal_bytes(b"new", "p")
    assert begun.key_id == ours.sealer.key_id
    for keyring in (ours, theirs, Keyring.load(folder)):
        assert (b"old", b"new") == (keyring.sealer.open_bytes(old, "p"), keyring.sealer.open_bytes(new, "p"))
        assert who == keyring.person_digest(["invented"])
    assert ALL_FILES == {path.name for path in folder.iterdir()}


def test_a_dropped_epoch_opens_nothing_any_more(folder: Path) -> None:
    """Its seals name it; the index and the newest epoch go on, for those who have the ring open too."""
    ours, theirs = Keyring.load(folder), Keyring.load(folder)
    old, who, first = ours.sealer.seal_bytes(b"old", "p"), ours.person_digest(["invented"]), ours.sealer.key_id
    theirs.ring.begin_epoch()
    theirs.ring.drop_epoch(first)
    assert b"new" == theirs.sealer.open_bytes(ours.sealer.seal_bytes(b"new", "p"), "p")
    for keyring in (ours, Keyring.load(folder)):
        with pytest.raises(SealBroken, match=first):
            keyring.sealer.open_bytes(old, "p")
        assert who == keyring.person_digest(["invented"])


def test_the_newest_epoch_is_never_dropped(folder: Path) -> None:
    """Neither it nor one that is not there: the ring stays as it is."""
    keyring, before = Keyring.load(folder), (folder / "ring.json").read_bytes()
    for key_id in (keyring.sealer.key_id, "nobody"):
        with pytest.raises(KeyFault, match=key_id):
            keyring.ring.drop_epoch(key_id)
    assert before == (folder / "ring.json").read_bytes()


def digests(values: list[str], key: bytes = bytes(32)) -> list[int]:
    return person_digests(Sm3Keyed(key=key), values)


@given(values=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20)))
def test_a_digest_is_a_non_negative_int64_and_depends_on_its_string_alone(values: list[str]) -> None:
    """Digests come in the strings' order, fit an Int64, and equal strings have equal ones."""
    result = digests(values)
    assert [digests([value])[0] for value in values] == result
    assert all(0 <= digest < 2**63 for digest in result)
    assert len(set(values)) == len(set(result))


def test_a_digest_does_not_change_from_release_to_release() -> None:
    """The first 63 bits of HMAC-SM3: a stored index must be found again for ever."""
    gmssl = pytest.importorskip("gmssl_pyx")
    expected = int.from_bytes(gmssl.sm3_hmac(bytes(32), "invented 名".encode())[:8], "big") >> 1
    assert [expected] == digests(["invented 名"])


def test_the_index_key_in_force_is_never_dropped(folder: Path) -> None:
    """Another one goes, and is another one each time; the one in force, and one that is not there, stay."""
    ring = Keyring.load(folder).ring
    (old,) = ring.file.index
    new = ring.begin_index(old.key_id)
    assert new == ring.begin_index(old.key_id)
    for key_id in (new.key_id, "nobody"):
        with pytest.raises(KeyFault, match=key_id):
            ring.drop_index(key_id, new.key_id)
    ring.drop_index(old.key_id, new.key_id)
    assert (new,) == ring.file.index
    with pytest.raises(KeyFault, match=old.key_id):
        ring.index(old.key_id)
