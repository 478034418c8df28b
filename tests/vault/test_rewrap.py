"""A sealed file passes from one epoch to the next, and opens at every moment."""

import os
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import SealBroken
from gateway.vault import read_sealed_frame, write_sealed_frame
from gateway.vault.header import HEADER_BYTES, NAMED_BYTES, SLOT_BYTES, Epoch
from gateway.vault.rewrap import Rewrapped, header_of, rewrap, shred
from gateway.vault.seal import Sealer
from gateway.vault.streams import sealed_digest
from tests.vault.epochs import Kept

OLD, NEW, NEXT = (Epoch.soft(name, bytes([at] * 16)) for at, name in enumerate(("old", "new", "next"), 1))
BEFORE, BOTH, AFTER = Kept((OLD,)), Kept((OLD, NEW)), Kept((NEW,))
PLAIN = b"invented" * 100
FRAME = pl.DataFrame({"one": [1, 2], "two": ["a", "b"]})


def a_file(folder: Path) -> Path:
    """Sealed under the old epoch."""
    with Sealer(epochs=BEFORE, chunk_bytes=64).create(folder / "file") as writer:
        writer.write(PLAIN)
    return folder / "file"


def content(epochs: Kept, path: Path) -> bytes:
    with Sealer(epochs=epochs).open(path) as reader:
        return reader.read()


def test_a_file_passes_to_the_newest_epoch_and_nothing_else_of_it_changes(tmp_path: Path) -> None:
    """Afterwards it opens without the old key and with it; its digest, its size and its records are what they were."""
    path = a_file(tmp_path)
    before, digest = path.read_bytes(), sealed_digest(path)
    assert Rewrapped.DONE == rewrap(BOTH, path)
    assert Rewrapped.THERE == rewrap(BOTH, path)
    assert [PLAIN] * 3 == [content(epochs, path) for epochs in (BEFORE, BOTH, AFTER)]
    after = path.read_bytes()
    assert digest == sealed_digest(path)
    assert (before[:NAMED_BYTES], before[HEADER_BYTES:]) == (after[:NAMED_BYTES], after[HEADER_BYTES:])


def test_a_frame_keeps_its_name(tmp_path: Path) -> None:
    """A frame that passed to another epoch opens under the name that the ledger has, without the old key too."""
    path = tmp_path / write_sealed_frame(Sealer(epochs=BEFORE), tmp_path, FRAME)
    assert Rewrapped.DONE == rewrap(BOTH, path)
    assert FRAME.equals(read_sealed_frame(Sealer(epochs=AFTER), path))


def test_a_file_passes_through_many_epochs(tmp_path: Path) -> None:
    """Each new epoch takes the place of the one before the last."""
    path = a_file(tmp_path)
    rewrap(BOTH, path)
    assert Rewrapped.DONE == rewrap(Kept((NEW, NEXT)), path)
    assert PLAIN == content(Kept((NEXT,)), path)
    assert PLAIN == content(AFTER, path)
    with pytest.raises(SealBroken, match="next"):
        content(BEFORE, path)


def test_a_value_passes_to_the_newest_epoch(tmp_path: Path) -> None:
    """A sealed value is sealed anew, for the same purpose."""
    sealed = Sealer(epochs=BEFORE).seal_bytes(b"invented", "p")
    again = Sealer(epochs=BOTH).reseal(sealed, "p")
    assert b"invented" == Sealer(epochs=AFTER).open_bytes(again, "p")
    with pytest.raises(SealBroken):
        Sealer(epochs=BOTH).reseal(sealed, "other")


@given(written=st.integers(0, SLOT_BYTES))
def test_a_file_opens_however_far_the_new_slot_was_written(
    tmp_path_factory: pytest.TempPathFactory, written: int
) -> None:
    """The machine stops while the slot is written: the old slot opens the file, and the next try passes it on."""
    path = a_file(tmp_path_factory.mktemp("torn"))
    before = path.read_bytes()
    rewrap(BOTH, path)
    other = NAMED_BYTES + SLOT_BYTES
    path.write_bytes(path.read_bytes()[: other + written] + before[other + written :])
    assert PLAIN == content(BOTH, path)
    assert (Rewrapped.THERE if written == SLOT_BYTES else Rewrapped.DONE) == rewrap(BOTH, path)
    assert PLAIN == content(AFTER, path)


def test_a_file_that_is_being_written_is_left_for_later(tmp_path: Path) -> None:
    """Under a writer's hands no slot changes; when it has finished, the file passes on."""
    writer = Sealer(epochs=BEFORE).create(tmp_path / "file")
    writer.write(PLAIN)
    assert Rewrapped.BUSY == rewrap(BOTH, tmp_path / "file")
    writer.close()
    assert Rewrapped.DONE == rewrap(BOTH, tmp_path / "file")
    assert PLAIN == content(AFTER, tmp_path / "file")


def test_a_half_written_file_passes_on_and_is_finished_under_the_new_epoch(tmp_path: Path) -> None:
    """A download that stopped under the old key goes on when that key is gone."""
    writer = Sealer(epochs=BEFORE, chunk_bytes=64).create(tmp_path / "part")
    writer.write(PLAIN[:200])
    writer.abort()
    assert Rewrapped.DONE == rewrap(BOTH, tmp_path / "part")
    with Sealer(epochs=AFTER, chunk_bytes=64).resume(tmp_path / "part") as resumed:
        assert 192 == resumed.plain_size
        resumed.write(PLAIN[192:])
    assert PLAIN == content(AFTER, tmp_path / "part")


def test_another_files_slot_opens_nothing(tmp_path: Path) -> None:
    """A slot that was copied from another file of the same epoch is not believed."""
    path = a_file(tmp_path)
    (tmp_path / "other").mkdir()
    other = a_file(tmp_path / "other").read_bytes()
    sealed = path.read_bytes()
    path.write_bytes(sealed[:NAMED_BYTES] + other[NAMED_BYTES:HEADER_BYTES] + sealed[HEADER_BYTES:])
    with pytest.raises(SealBroken):
        content(BOTH, path)
    with pytest.raises(SealBroken):
        rewrap(BOTH, path)


def test_a_shredded_file_opens_under_no_key(tmp_path: Path) -> None:
    """What a second name still shows of it has no data key any more."""
    path = a_file(tmp_path)
    rewrap(BOTH, path)
    os.link(path, tmp_path / "kept")
    shred(path)
    assert not path.exists()
    with pytest.raises(SealBroken):
        header_of(BOTH, tmp_path / "kept")
    assert bytes(2 * SLOT_BYTES) == (tmp_path / "kept").read_bytes()[NAMED_BYTES:HEADER_BYTES]


def test_a_slot_with_another_data_key_opens_nothing(tmp_path: Path) -> None:
    """Whoever has the epoch's key may wrap any key: the one that the name stands for is the only one that is taken."""
    path = a_file(tmp_path)
    raw = bytearray(path.read_bytes())
    raw[NAMED_BYTES : NAMED_BYTES + SLOT_BYTES] = OLD.slot(bytes(16), bytes(raw[:NAMED_BYTES]))
    path.write_bytes(raw)
    with pytest.raises(SealBroken):
        header_of(BEFORE, path)


def test_a_slot_that_the_disk_did_not_take_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written is read again and opened before anybody takes it for granted; the old slot still opens."""
    path = a_file(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", lambda _file, content, _place: len(content))
        with pytest.raises(SealBroken):
            rewrap(BOTH, path)
    assert PLAIN == content(BOTH, path)
