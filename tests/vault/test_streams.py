"""Sealed files: what comes back, what is refused, how an unfinished one goes on. Chunks: 64 bytes."""

import io
import itertools
import os
import random
import resource
import signal
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import pyzipper
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import GatewayError, KeyFault, SealBroken
from gateway.vault.header import HEADER_BYTES, NAMED_BYTES, RECORD_OVERHEAD, SLOT_BYTES
from gateway.vault.seal import CHUNK_BYTES, Sealer
from tests.vault.epochs import one_epoch

CHUNK = 64
RECORD = CHUNK + RECORD_OVERHEAD
#: Invented; long enough that no chunk of ciphertext holds it by chance.
MARK = b"PLAINTEXT-MARK-OF-AN-INVENTED-PERSON"
PLAIN = bytes(random.Random(1).randbytes(3 * CHUNK + 20))


def small_sealer(key: int = 7, key_id: str = "test-key") -> Sealer:
    return Sealer(epochs=one_epoch(key_id, bytes([key] * 16)), chunk_bytes=CHUNK)


@pytest.fixture
def sealer() -> Sealer:
    return small_sealer()


def sealed_file(sealer: Sealer, path: Path, plain: bytes = PLAIN) -> Path:
    with sealer.create(path) as writer:
        writer.write(plain)
    return path


def content(sealer: Sealer, path: Path) -> bytes:
    with sealer.open(path) as reader:
        return reader.read()


def assert_broken(sealer: Sealer, path: Path, sealed: bytes) -> None:
    path.write_bytes(sealed)
    with pytest.raises(SealBroken):
        content(sealer, path)


@settings(deadline=None)
@given(plain=st.binary(max_size=5 * CHUNK), cuts=st.lists(st.integers(0, 5 * CHUNK), max_size=6))
def test_what_is_written_in_any_portions_comes_back(
    tmp_path_factory: pytest.TempPathFactory, plain: bytes, cuts: list[int]
) -> None:
    """A sealed file gives back its plain bytes, however they were portioned, and knows their number."""
    sealer, path = small_sealer(), tmp_path_factory.mktemp("any") / "file"
    edges = [0, *sorted(min(cut, len(plain)) for cut in cuts), len(plain)]
    with sealer.create(path) as writer:
        for start, end in itertools.pairwise(edges):
            assert end - start == writer.write(memoryview(plain)[start:end])
        assert len(plain) == writer.plain_size
    with sealer.open(path) as reader:
        assert len(plain) == reader.plain_size
        assert plain == reader.read()


@settings(deadline=None)
@given(steps=st.lists(st.tuples(st.integers(0, len(PLAIN) + 9), st.integers(-1, 2 * CHUNK)), max_size=8))
def test_reading_from_any_position_is_reading_the_plain_file(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]]
) -> None:
    """Seeking and reading give what the same calls give on the plain bytes."""
    sealer, twin = small_sealer(), io.BytesIO(PLAIN)
    with sealer.open(sealed_file(sealer, tmp_path_factory.mktemp("seek") / "file")) as reader:
        for position, size in steps:
            assert twin.seek(position) == reader.seek(position)
            assert twin.read(size) == reader.read(size)
            assert twin.tell() == reader.tell()
        assert twin.seek(-5, io.SEEK_END) == reader.seek(-5, io.SEEK_END)
        assert twin.readlines() == reader.readlines()


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_a_file_of_any_length_ends_with_a_chunk_that_is_not_full(
    sealer: Sealer, tmp_path: Path, length: int
) -> None:
    """The empty file and those at a chunk's edge come back, and the file is as long as the format says."""
    path = sealed_file(sealer, tmp_path / "file", PLAIN[:length])
    full, rest = divmod(length, CHUNK)
    assert HEADER_BYTES + full * RECORD + rest + RECORD_OVERHEAD == path.stat().st_size
    assert PLAIN[:length] == content(sealer, path)


def test_every_byte_of_a_sealed_file_counts(sealer: Sealer, tmp_path: Path) -> None:
    """With any one byte changed, in header, prefix, ciphertext or tag, the file does not open to its end; of the slot
    that is empty none is asked."""
    sealed = sealed_file(sealer, tmp_path / "file").read_bytes()
    empty = range(NAMED_BYTES + SLOT_BYTES, HEADER_BYTES)
    for place in (place for place in range(len(sealed)) if place not in empty):
        changed = bytearray(sealed)
        changed[place] ^= 1 + place % 255
        assert_broken(sealer, tmp_path / "changed", bytes(changed))


def test_a_file_cut_anywhere_does_not_open(sealer: Sealer, tmp_path: Path) -> None:
    """Truncation is found at every length, the edges of chunks and header too; so is what was added."""
    sealed = sealed_file(sealer, tmp_path / "file").read_bytes()
    for length in range(len(sealed)):
        assert_broken(sealer, tmp_path / "cut", sealed[:length])
    for more in (1, RECORD_OVERHEAD, RECORD):
        assert_broken(sealer, tmp_path / "longer", sealed + bytes(more))


def records_of(sealed: bytes) -> list[bytes]:
    return [sealed[start : start + RECORD] for start in range(HEADER_BYTES, len(sealed), RECORD)]


@pytest.mark.parametrize(
    "rearranged",
    [
        pytest.param(lambda mine, _other: [mine[1], mine[0], *mine[2:]], id="swapped"),
        pytest.param(lambda mine, _other: [mine[0], mine[0], *mine[2:]], id="repeated"),
        pytest.param(lambda mine, _other: [mine[0], *mine[2:]], id="one left out"),
        pytest.param(lambda mine, _other: [*mine[:-1], mine[0][:40]], id="an inner one as the last"),
        pytest.param(lambda mine, other: [other[0], *mine[1:]], id="another file's chunk"),
        pytest.param(lambda mine, other: [*mine[:-1], other[-1]], id="another file's last chunk"),
        pytest.param(lambda _mine, other: other, id="all of another file's chunks"),
    ],
)
def test_rearranged_chunks_do_not_open(
    sealer: Sealer, tmp_path: Path, rearranged: Callable[[list[bytes], list[bytes]], list[bytes]]
) -> None:
    """A chunk opens at its own place of its own file and nowhere else, under the same site's key too."""
    mine = sealed_file(sealer, tmp_path / "mine").read_bytes()
    other = sealed_file(sealer, tmp_path / "other").read_bytes()
    records = rearranged(records_of(mine), records_of(other))
    assert_broken(sealer, tmp_path / "file", mine[:HEADER_BYTES] + b"".join(records))


def test_another_sites_file_names_the_key_as_the_reason(sealer: Sealer, tmp_path: Path) -> None:
    """A key that is not here is named; one that only bears the same id does not open the file."""
    path = sealed_file(sealer, tmp_path / "file")
    with pytest.raises(SealBroken, match="test-key"):
        content(small_sealer(key_id="other-site"), path)
    with pytest.raises(SealBroken):
        content(small_sealer(key=8), path)


def test_a_missing_file_and_a_plain_file_are_broken_seals(sealer: Sealer, tmp_path: Path) -> None:
    """What isn't there, or was never sealed, is refused by name and nothing else of it is said."""
    (tmp_path / "plain").write_bytes(MARK * 10)
    for name in ("missing", "plain"):
        with pytest.raises(SealBroken, match=name) as refused:
            sealer.open(tmp_path / name)
        assert MARK.decode() not in str(refused.value)


def test_another_algorithm_is_refused(sealer: Sealer, tmp_path: Path) -> None:
    """The algorithm's name in the seal is checked, not assumed."""
    sealed = sealed_file(sealer, tmp_path / "file").read_bytes()
    (tmp_path / "file").write_bytes(sealed.replace(b"SM4-GCM", b"SM4-CBC"))
    with pytest.raises(SealBroken, match="SM4-GCM"):
        sealer.open(tmp_path / "file")


def test_an_aborted_file_does_not_open_and_goes_on_later(sealer: Sealer, tmp_path: Path) -> None:
    """An exception leaves a partial that is no finished file, and that holds all whole chunks."""
    path = tmp_path / "file"
    with pytest.raises(GatewayError), sealer.create(path) as writer:
        writer.write(PLAIN[: 2 * CHUNK + 5])
        raise KeyFault("invented")
    with pytest.raises(SealBroken):
        sealer.open(path)
    with sealer.resume(path) as writer:
        assert 2 * CHUNK == writer.plain_size
        writer.write(PLAIN[writer.plain_size :])
    assert PLAIN == content(sealer, path)


def test_a_partial_cut_anywhere_goes_on_after_its_last_whole_chunk(sealer: Sealer, tmp_path: Path) -> None:
    """Whatever a crash left of a file, resuming it and sending the rest gives the whole."""
    sealed, path = sealed_file(sealer, tmp_path / "whole").read_bytes(), tmp_path / "partial"
    for length in range(len(sealed)):
        path.write_bytes(sealed[:length])
        with sealer.resume(path) as writer:
            assert max(0, length - HEADER_BYTES) // RECORD * CHUNK == writer.plain_size
            writer.write(PLAIN[writer.plain_size :])
        assert PLAIN == content(sealer, path)


def test_a_damaged_partial_goes_on_before_the_damage(sealer: Sealer, tmp_path: Path) -> None:
    """A changed chunk ends what is kept, and a header that does not open keeps nothing."""
    sealed, path = sealed_file(sealer, tmp_path / "whole").read_bytes(), tmp_path / "partial"
    for place, kept in ((10, 0), (HEADER_BYTES + 9, 0), (HEADER_BYTES + RECORD + 9, CHUNK)):
        changed = bytearray(sealed)
        changed[place] ^= 1
        path.write_bytes(changed)
        with sealer.resume(path) as writer:
            assert kept == writer.plain_size
            writer.write(PLAIN[kept:])
        assert PLAIN == content(sealer, path)


def test_resuming_begins_a_file_and_takes_up_a_finished_one(sealer: Sealer, tmp_path: Path) -> None:
    """Where there is no file one begins; a finished one is taken up at its end and may grow."""
    path = tmp_path / "file"
    for start, end in ((0, 100), (100, 100), (100, len(PLAIN))):
        with sealer.resume(path) as writer:
            assert start == writer.plain_size
            writer.write(PLAIN[start:end])
        assert PLAIN[:end] == content(sealer, path)


def test_a_resumed_file_never_seals_twice_under_one_nonce(sealer: Sealer, tmp_path: Path) -> None:
    """A chunk that is sealed again after a crash has another nonce than the lost one had."""
    path = tmp_path / "file"
    sealed_file(sealer, path)
    lost = records_of(path.read_bytes())[2]
    os.truncate(path, HEADER_BYTES + 2 * RECORD + 30)
    with sealer.resume(path) as writer:
        writer.write(PLAIN[writer.plain_size :])
    assert lost[:7] != records_of(path.read_bytes())[2][:7]
    assert PLAIN == content(sealer, path)


def test_restart_empties_the_file_and_changes_its_key(sealer: Sealer, tmp_path: Path) -> None:
    """After `restart` nothing of the earlier file is left, not even its data key."""
    path = sealed_file(sealer, tmp_path / "file")
    before = path.read_bytes()
    with sealer.resume(path) as writer:
        writer.restart()
        assert 0 == writer.plain_size
        writer.write(b"other")
    assert b"other" == content(sealer, path)
    assert before[44:HEADER_BYTES] != path.read_bytes()[44:HEADER_BYTES]


def test_no_plaintext_lies_in_any_file_while_writing(sealer: Sealer, tmp_path: Path) -> None:
    """After each portion, and after the end, no file in the folder holds the plain bytes."""
    with sealer.create(tmp_path / "file") as writer:
        for _portion in range(20):
            writer.write(MARK)
            assert not [path for path in tmp_path.iterdir() if MARK in path.read_bytes()]
    assert MARK not in (tmp_path / "file").read_bytes()
    assert 0o600 == (tmp_path / "file").stat().st_mode & 0o777


def test_a_closed_writer_takes_nothing(sealer: Sealer, tmp_path: Path) -> None:
    """Closing twice is once; writing after it is an error and changes nothing."""
    writer = sealer.create(tmp_path / "file")
    writer.write(PLAIN)
    writer.close()
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"more")
    assert PLAIN == content(sealer, tmp_path / "file")


def test_a_full_disk_is_reported_and_the_writer_closed(sealer: Sealer, tmp_path: Path) -> None:
    """The disk's own error comes through, the writer is closed, and the file may be resumed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError), sealer.create(tmp_path / "file") as writer:
            writer.write(PLAIN * 2000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert writer.closed
    with sealer.resume(tmp_path / "file") as resumed:
        resumed.write((PLAIN * 2000)[resumed.plain_size :])
    assert PLAIN * 2000 == content(sealer, tmp_path / "file")


def test_archives_and_tables_are_read_from_sealed_files(tmp_path: Path) -> None:
    """`zipfile`, `pyzipper` and Polars take a reader as they take a file, over several chunks."""
    sealer, table = small_sealer(), "number,name\n" + "1,invented\n" * 200
    plain, secret = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(plain, "w") as archive:
        archive.writestr("list.csv", table)
    with pyzipper.AESZipFile(secret, "w", encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(b"invented")
        archive.writestr("list.csv", table)
    with (
        sealer.open(sealed_file(sealer, tmp_path / "plain", plain.getvalue())) as reader,
        zipfile.ZipFile(reader) as archive,
    ):
        assert table.encode() == archive.read("list.csv")
    with (
        sealer.open(sealed_file(sealer, tmp_path / "secret", secret.getvalue())) as reader,
        pyzipper.AESZipFile(reader) as archive,
    ):
        assert table.encode() == archive.read("list.csv", pwd=b"invented")
    with sealer.open(sealed_file(sealer, tmp_path / "table", table.encode())) as reader:
        assert (200, 2) == pl.read_csv(reader).shape


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    """Writing and reading 24 chunks of full size needs room for a few of them."""
    sealer = Sealer(epochs=one_epoch("test-key", bytes(16)))
    tracemalloc.start()
    try:
        with sealer.create(tmp_path / "file") as writer:
            for _chunk in range(24):
                writer.write(bytes(CHUNK_BYTES))
        with sealer.open(tmp_path / "file") as reader:
            while reader.read(CHUNK_BYTES // 2):
                pass
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * CHUNK_BYTES
