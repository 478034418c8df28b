"""Sealed values, as they stand in the ledger."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import KeyFault, SealBroken
from gateway.vault.header import Epoch
from gateway.vault.seal import Sealer
from tests.vault.epochs import one_epoch

SECRET = b"an-invented-key!"


@pytest.fixture
def sealer() -> Sealer:
    return Sealer(epochs=one_epoch("test-key", SECRET))


@settings(deadline=None)
@given(plain=st.binary(max_size=300), purpose=st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_a_value_opens_for_its_purpose_only(plain: bytes, purpose: str) -> None:
    """What was sealed for a purpose opens for it, and for no other."""
    sealer = Sealer(epochs=one_epoch("test-key", SECRET))
    sealed = sealer.seal_bytes(plain, purpose)
    assert plain == sealer.open_bytes(sealed, purpose)
    with pytest.raises(SealBroken):
        sealer.open_bytes(sealed, purpose + "x")


def test_every_byte_and_the_length_of_a_value_count(sealer: Sealer) -> None:
    """With a byte changed, cut or added, a value does not open."""
    sealed = sealer.seal_bytes(b"invented", "outbox.payload")
    for place in range(len(sealed)):
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        for other in (changed, sealed[:place]):
            with pytest.raises(SealBroken):
                sealer.open_bytes(other, "outbox.payload")
    with pytest.raises(SealBroken):
        sealer.open_bytes(sealed + b"\0", "outbox.payload")


def test_two_seals_of_one_value_differ(sealer: Sealer) -> None:
    """Nobody can tell from the seals that two values are equal."""
    assert sealer.seal_bytes(b"invented", "p") != sealer.seal_bytes(b"invented", "p")


def test_another_sites_value_names_the_key_as_the_reason(sealer: Sealer) -> None:
    """A key that is not here is named, and told from damage; the same id with another key is damage."""
    sealed = sealer.seal_bytes(b"invented", "p")
    with pytest.raises(SealBroken, match="test-key"):
        Sealer(epochs=one_epoch("other-key", SECRET)).open_bytes(sealed, "p")
    with pytest.raises(SealBroken):
        Sealer(epochs=one_epoch("test-key", bytes(16))).open_bytes(sealed, "p")


def test_a_seal_names_its_algorithm_and_key(sealer: Sealer) -> None:
    """Whoever finds a seal can tell what it needs to open."""
    assert (
        b"GWSEAL2V" + b"SM4-GCM".ljust(16, b"\0") + b"test-key".ljust(16, b"\0")
        == sealer.seal_bytes(b"", "p")[:40]
    )


def test_repr_hides_the_key(sealer: Sealer) -> None:
    """A sealer in a log line shows its key's id and not the key."""
    assert "test-key" in repr(sealer)
    assert SECRET.decode() not in repr(sealer)


@pytest.mark.parametrize(
    ("key_id", "key"),
    [
        pytest.param("", SECRET, id="no id"),
        pytest.param("a" * 17, SECRET, id="long id"),
        pytest.param("站点", SECRET, id="id not ASCII"),
        pytest.param("a\0b", SECRET, id="id with a zero"),
        pytest.param("test-key", SECRET[1:], id="short key"),
    ],
)
def test_a_key_that_fits_no_header_is_a_key_fault(key_id: str, key: bytes) -> None:
    """Ids that a header cannot hold, and keys that SM4 cannot use, are refused before anything is sealed."""
    with pytest.raises(KeyFault):
        Epoch.soft(key_id, key)
