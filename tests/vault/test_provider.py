"""What every provider of keys keeps: the contract, run over each that there is."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.errors import KeyFault, SealBroken
from gateway.vault import sealedfile
from gateway.vault.keys import Keyring, KeySettings
from gateway.vault.provider import WRAP_OVERHEAD, KeyProvider
from gateway.vault.sealedfile import CHEAPEST, Cost, Material

KEY = bytes(range(16))
PASSPHRASE = SecretStr("an invented passphrase")

#: Opens the same keys each time it is called: what one process wrapped, the next one must unwrap.
Opens = Callable[[], KeyProvider]


def sealed_file(folder: Path, _monkeypatch: pytest.MonkeyPatch) -> Opens:
    sealedfile.create(folder, PASSPHRASE, CHEAPEST)
    return lambda: sealedfile.load(folder, PASSPHRASE)


def of_credential(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Opens:
    (folder / "gateway-keys").write_bytes(Material.new().plain())
    settings = KeySettings(provider="credential")

    def opens() -> KeyProvider:
        with monkeypatch.context() as environment:
            environment.setenv("CREDENTIALS_DIRECTORY", str(folder))
            ring = folder / "keys"
            made = Keyring.load if (ring / "ring.json").exists() else Keyring.create
            return made(ring, settings).provider

    return opens


@pytest.fixture(params=[sealed_file, of_credential])
def opens(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Opens:
    """One kind of provider, and a way to open it anew."""
    kind: Callable[[Path, pytest.MonkeyPatch], Opens] = request.param
    return kind(tmp_path, monkeypatch)


def test_a_wrapped_key_is_the_same_wherever_it_is_imported(opens: Opens) -> None:
    """What a key wraps, the same key unwraps in another process, under the same binding only."""
    first, second = opens(), opens()
    wrapped = first.generate_key("one")
    mine, theirs = first.import_key("one", wrapped), second.import_key("one", wrapped)
    inner = mine.wrap(KEY, b"bound")
    assert KEY == theirs.unwrap(inner, b"bound")
    assert len(KEY) + WRAP_OVERHEAD == len(inner)
    assert mine.wrap(KEY, b"bound") != inner
    with pytest.raises(SealBroken):
        theirs.unwrap(inner, b"other")


def test_two_generated_keys_open_nothing_of_each_other(opens: Opens) -> None:
    """Each key is drawn anew."""
    provider = opens()
    one, two = (provider.import_key(name, provider.generate_key(name)) for name in ("one", "two"))
    with pytest.raises(SealBroken):
        two.unwrap(one.wrap(KEY, b""), b"")


def test_a_key_is_imported_under_its_own_id_and_whole(opens: Opens) -> None:
    """Under another id, or with any bit turned, a wrapped key is a key fault that says nothing of it."""
    provider = opens()
    wrapped = provider.generate_key("one")
    with pytest.raises(KeyFault):
        provider.import_key("two", wrapped)
    for place in range(len(wrapped)):
        with pytest.raises(KeyFault) as refused:
            provider.import_key("one", wrapped[:place] + bytes([wrapped[place] ^ 1]) + wrapped[place + 1 :])
        assert wrapped.hex() not in str(refused.value)
    with pytest.raises(KeyFault):
        provider.import_key("one", b"")


def test_every_bit_of_what_a_key_wrapped_counts(opens: Opens) -> None:
    """A wrapped data key that was changed or cut does not open."""
    provider = opens()
    handle = provider.import_key("one", provider.generate_key("one"))
    wrapped = handle.wrap(KEY, b"")
    for place in range(len(wrapped)):
        for other in (wrapped[:place] + bytes([wrapped[place] ^ 1]) + wrapped[place + 1 :], wrapped[:place]):
            with pytest.raises(SealBroken):
                handle.unwrap(other, b"")


def test_a_signature_is_made_inside_and_verifies_outside(opens: Opens) -> None:
    """The key of an index signs; its public half is always the same; an index without a key is a key fault."""
    provider, again = opens(), opens()
    public = provider.public_key(1)
    assert public == again.public_key(1)
    assert public.verify(provider.sign(1, b"said"), b"said")
    assert not public.verify(provider.sign(1, b"said"), b"not said")
    for asked in (provider.public_key, lambda index: provider.sign(index, b"said")):
        with pytest.raises(KeyFault, match="7"):
            asked(7)


def test_two_providers_share_nothing(tmp_path: Path) -> None:
    """Another provider's wrapped key is a key fault."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one, two = (sealedfile.create(tmp_path / name, PASSPHRASE, CHEAPEST) for name in ("one", "two"))
    with pytest.raises(KeyFault):
        two.import_key("x", one.generate_key("x"))
    assert one.public_key(1) != two.public_key(1)


def test_a_provider_shows_no_key(opens: Opens) -> None:
    """Neither provider nor handle has a repr with a key in it."""
    provider = opens()
    shown = f"{provider!r} {provider.import_key('one', provider.generate_key('one'))!r}"
    assert "root" not in shown
    assert "bytes" not in shown


def test_only_the_passphrase_opens_the_file(tmp_path: Path) -> None:
    """Another passphrase is a key fault that repeats neither; the file has nothing of the keys in the clear."""
    sealedfile.create(tmp_path, PASSPHRASE, CHEAPEST)
    material = sealedfile.material_of(tmp_path, PASSPHRASE)
    text = (tmp_path / "provider.json").read_text("utf-8")
    assert material.root.get_secret_value() not in text
    assert [] == [key for key in material.signing.values() if key.get_secret_value() in text]
    with pytest.raises(KeyFault) as refused:
        sealedfile.load(tmp_path, SecretStr("another"))
    assert "another" not in str(refused.value)


def test_the_passphrase_is_changed_and_the_keys_are_not(tmp_path: Path) -> None:
    """What was wrapped before opens after; the old passphrase opens nothing; the cost may be another."""
    before = sealedfile.create(tmp_path, PASSPHRASE, CHEAPEST)
    wrapped = before.generate_key("one")
    new = SecretStr("another invented passphrase")
    sealedfile.change_passphrase(tmp_path, PASSPHRASE, new, Cost(memory_kib=16, iterations=2, lanes=1))
    sealedfile.load(tmp_path, new).import_key("one", wrapped)
    with pytest.raises(KeyFault):
        sealedfile.load(tmp_path, PASSPHRASE)
    assert ["provider.json"] == [path.name for path in tmp_path.iterdir()]


def test_the_cost_of_a_guess_is_bound_to_the_file(tmp_path: Path) -> None:
    """A file whose cost was edited, or is past all sense, opens no more, and is not tried at any price."""
    sealedfile.create(tmp_path, PASSPHRASE, CHEAPEST)
    path = tmp_path / "provider.json"
    text = path.read_text("utf-8")
    for there, edited in (('"memory_kib": 8', '"memory_kib": 16'), ('"memory_kib": 8', '"memory_kib": 99999999')):
        assert there in text
        path.write_text(text.replace(there, edited), "utf-8")
        with pytest.raises(KeyFault):
            sealedfile.load(tmp_path, PASSPHRASE)
