"""Frames at rest: sealed in blocks, opened as far as they are asked for, named by what binds all of them."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from gateway.errors import SealBroken
from gateway.vault.frames import BLOCK_ROWS, MAGIC, read_sealed_frame, read_sealed_rows, write_sealed_frame
from gateway.vault.header import HEADER_BYTES, NAMED_BYTES, SLOT_BYTES
from gateway.vault.seal import Sealer
from gateway.vault.sm import TAG_BYTES, sm3_hex
from tests.vault.epochs import one_epoch

MARK = "PLAINTEXT-MARK-OF-AN-INVENTED-PERSON"
FRAME = pl.DataFrame(
    {
        "person": [1, 2**63 - 1, None],
        "name": [MARK, MARK, None],
        "from": [date(2026, 1, 31), None, date(1949, 10, 1)],
    },
    schema_overrides={"person": pl.Int64},
)


@pytest.fixture
def sealer() -> Sealer:
    return Sealer(epochs=one_epoch("test-key", bytes(16)))


@pytest.mark.parametrize("frame", [FRAME, FRAME.clear()], ids=["rows", "no rows"])
def test_a_frame_comes_back_with_its_types(sealer: Sealer, tmp_path: Path, frame: pl.DataFrame) -> None:
    """Rows, nulls, columns and types are what they were, for the frame without rows too."""
    name = write_sealed_frame(sealer, tmp_path, frame)
    again = read_sealed_frame(sealer, tmp_path / name)
    assert frame.schema == again.schema
    assert frame.equals(again)


def test_the_columns_that_were_asked_for_come_back_in_that_order(sealer: Sealer, tmp_path: Path) -> None:
    """A reader that needs two columns gets these two, as it named them."""
    name = write_sealed_frame(sealer, tmp_path, FRAME)
    assert FRAME.select("from", "person").equals(read_sealed_frame(sealer, tmp_path / name, ["from", "person"]))


def test_the_name_binds_header_and_directory(sealer: Sealer, tmp_path: Path) -> None:
    """One file is left, named by the SM3 of its first 44 bytes and its directory, and nothing in it is plain."""
    name = write_sealed_frame(sealer, tmp_path, FRAME)
    sealed = (tmp_path / name).read_bytes()
    directory = int.from_bytes(sealed[-4:])
    assert [name] == [path.name for path in tmp_path.iterdir()]
    assert f"{sm3_hex(sealed[:NAMED_BYTES] + sealed[-4 - directory : -4])}.sealed" == name
    assert MARK.encode() not in sealed


def large(rows: int = 2 * BLOCK_ROWS + 100) -> pl.DataFrame:
    """Rows 1… in several ranges of blocks, of every kind of column that frames have."""
    row = pl.int_range(1, rows + 1, dtype=pl.UInt32, eager=True)
    return pl.DataFrame({"row": row}).with_columns(
        text=pl.when(pl.col("row") % 7 > 0).then(pl.format("{}-{}", pl.lit(MARK), pl.col("row") * 7919 % rows)),
        day=pl.date(2026, 1, 1) + pl.duration(days=pl.col("row") % 365),
        keys=pl.concat_list(pl.col("row").cast(pl.Int64), pl.lit(None, pl.Int64)),
        score=pl.col("row").cast(pl.Float32) / 3,
        stands=pl.col("row") % 2 == 0,
    )


def test_a_large_frame_comes_back(sealer: Sealer, tmp_path: Path) -> None:
    """A frame of several ranges of rows comes back whole and in order, and so do some of its columns."""
    frame = large()
    path = tmp_path / write_sealed_frame(sealer, tmp_path, frame)
    assert frame.equals(read_sealed_frame(sealer, path))
    assert frame.schema == read_sealed_frame(sealer, path).schema
    assert frame.select("keys", "row").equals(read_sealed_frame(sealer, path, ["keys", "row"]))


@pytest.mark.parametrize("column", ["row", "text", "stands"], ids=["numbers", "texts and nulls", "neither"])
def test_the_rows_that_were_asked_for_come_back(sealer: Sealer, tmp_path: Path, column: str) -> None:
    """Rows by the values of the first column, sorted or not: those and no others, null among the values too."""
    frame = large().select(column, pl.exclude(column))
    path = tmp_path / write_sealed_frame(sealer, tmp_path, frame)
    for wanted in (frame[column].gather([0, BLOCK_ROWS, frame.height - 1]), frame[column][:0], frame[column].clear(1)):
        expected = frame.filter(pl.col(column).is_in(wanted.implode(), nulls_equal=True))
        assert expected.equals(read_sealed_rows(sealer, path, wanted))
        assert expected.select("day", column).equals(read_sealed_rows(sealer, path, wanted, ["day", column]))


def changed(sealed: bytes, at: int) -> bytes:
    """With one bit of one byte turned over."""
    return sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :]


def blocks_swapped(sealed: bytes) -> bytes:
    """The first two blocks of one length change places."""
    length = len(sealed) - HEADER_BYTES - 4 - int.from_bytes(sealed[-4:])
    first, second = (sealed[HEADER_BYTES + n * length // 2 :][: length // 2] for n in range(2))
    return sealed[:HEADER_BYTES] + second + first + sealed[HEADER_BYTES + length :]


@pytest.mark.parametrize(
    "harm",
    [
        lambda sealed: changed(sealed, 0),
        lambda sealed: changed(sealed, NAMED_BYTES + SLOT_BYTES - 1),
        lambda sealed: changed(sealed, HEADER_BYTES),
        lambda sealed: changed(sealed, HEADER_BYTES + 100),
        lambda sealed: changed(sealed, len(sealed) - 5),
        lambda sealed: changed(sealed, len(sealed) - 1),
        blocks_swapped,
        lambda sealed: sealed[:-1],
        lambda sealed: sealed[:HEADER_BYTES],
        lambda sealed: b"",
        lambda sealed: sealed + b"\0",
        lambda sealed: sealed[:HEADER_BYTES] + b"\0" + sealed[HEADER_BYTES:],
        lambda sealed: sealed[:HEADER_BYTES] + sealed[HEADER_BYTES + 200 :],
    ],
    ids=[
        "magic", "data key", "nonce of a block", "a block", "tag of the directory", "length", "two blocks swapped",
        "last byte cut", "header alone", "empty", "something behind", "something between", "a block cut",
    ],
)  # fmt: skip
def test_whatever_was_changed_is_found(sealer: Sealer, tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    """One bit, one byte more or less, one block for another: the file does not open."""
    frame = pl.DataFrame({"one": [1, 2], "two": [1, 2]})  # two blocks of one length
    path = tmp_path / write_sealed_frame(sealer, tmp_path, frame)
    sealed = path.read_bytes()
    assert harm(sealed) != sealed
    path.write_bytes(harm(sealed))
    with pytest.raises(SealBroken):
        read_sealed_frame(sealer, path)


def test_a_block_of_another_file_does_not_open(sealer: Sealer, tmp_path: Path) -> None:
    """The same block of a frame that was sealed a second time has another data key."""
    first, second = (tmp_path / write_sealed_frame(sealer, tmp_path, FRAME) for _time in range(2))
    ours, theirs = first.read_bytes(), second.read_bytes()
    directory = 4 + int.from_bytes(ours[-4:])
    first.write_bytes(ours[:HEADER_BYTES] + theirs[HEADER_BYTES:-directory] + ours[-directory:])
    with pytest.raises(SealBroken):
        read_sealed_frame(sealer, first)


def test_only_what_is_asked_for_is_opened(sealer: Sealer, tmp_path: Path) -> None:
    """A column, or rows, beside a broken block come back: the broken one was not opened. With it they are refused."""
    frame = large()
    path = tmp_path / write_sealed_frame(sealer, tmp_path, frame)
    path.write_bytes(changed(path.read_bytes(), HEADER_BYTES + TAG_BYTES))  # in the first block: rows 1… of `row`
    assert frame.select("text").equals(read_sealed_frame(sealer, path, ["text"]))
    last = frame[-1:]
    assert last.equals(read_sealed_rows(sealer, path, last["row"]))
    with pytest.raises(SealBroken):
        read_sealed_frame(sealer, path, ["row"])
    with pytest.raises(SealBroken):
        read_sealed_rows(sealer, path, frame["row"][:1])


def test_a_frame_and_a_sealed_file_are_not_taken_for_each_other(sealer: Sealer, tmp_path: Path) -> None:
    """Each has its own first eight bytes, and is refused where the other is meant."""
    path = tmp_path / write_sealed_frame(sealer, tmp_path, FRAME)
    assert path.read_bytes().startswith(MAGIC)
    with pytest.raises(SealBroken):
        sealer.open(path)


def test_another_sites_key_is_named(sealer: Sealer, tmp_path: Path) -> None:
    """Where the wrong ring was put back, the refusal names the key that is missing."""
    path = tmp_path / write_sealed_frame(sealer, tmp_path, FRAME)
    other = Sealer(epochs=one_epoch("other-key", bytes(16)))
    with pytest.raises(SealBroken, match="test-key"):
        read_sealed_frame(other, path)


def test_two_frames_that_changed_names_do_not_open(sealer: Sealer, tmp_path: Path) -> None:
    """A sealed file under another's name is refused, though the site's own key sealed both."""
    first, second = (tmp_path / write_sealed_frame(sealer, tmp_path, FRAME) for _time in range(2))
    first.write_bytes(second.read_bytes())
    with pytest.raises(SealBroken):
        read_sealed_frame(sealer, first)
    assert FRAME.equals(read_sealed_frame(sealer, second))


def test_a_missing_file_or_column_is_a_broken_seal(sealer: Sealer, tmp_path: Path) -> None:
    """What the ledger names and the disk lacks is refused in one way."""
    name = write_sealed_frame(sealer, tmp_path, FRAME)
    with pytest.raises(SealBroken):
        read_sealed_frame(sealer, tmp_path / name, ["no_such_column"])
    with pytest.raises(SealBroken):
        read_sealed_rows(sealer, tmp_path / name, FRAME["person"], ["no_such_column"])
    with pytest.raises(SealBroken):
        read_sealed_frame(sealer, tmp_path / "0.sealed")


def test_a_write_that_fails_leaves_no_file(sealer: Sealer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk refuses the last step, the error passes and no partial stays."""

    def refuse(_source: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match="space"):
        write_sealed_frame(sealer, tmp_path, FRAME)
    assert [] == list(tmp_path.iterdir())
