"""Frames at rest: sealed, named by their digest, whole or not at all."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from gateway.errors import SealBroken
from gateway.vault.frames import read_sealed_frame, write_sealed_frame
from gateway.vault.header import SiteKey
from gateway.vault.seal import Sealer
from gateway.vault.sm import sm3_hex

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
    return Sealer(site=SiteKey(key_id="test-key", key=bytes(16)))


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
    assert FRAME.select("from", "person").equals(
        read_sealed_frame(sealer, tmp_path / name, ["from", "person"])
    )


def test_the_name_is_the_digest_and_the_only_file(sealer: Sealer, tmp_path: Path) -> None:
    """One file is left, named by the SM3 of what lies in it, and nothing in it is plain."""
    name = write_sealed_frame(sealer, tmp_path, FRAME)
    sealed = (tmp_path / name).read_bytes()
    assert [name] == [path.name for path in tmp_path.iterdir()]
    assert f"{sm3_hex(sealed)}.sealed" == name
    assert MARK.encode() not in sealed


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
        read_sealed_frame(sealer, tmp_path / "0.sealed")


def test_a_write_that_fails_leaves_no_file(
    sealer: Sealer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk refuses the last step, the error passes and no partial stays."""

    def refuse(_source: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match="space"):
        write_sealed_frame(sealer, tmp_path, FRAME)
    assert [] == list(tmp_path.iterdir())
