"""A table whose columns are decoded by themselves says what decoding the whole file says."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.normalise.encodings import begins_with, cells_fit, decoded, fits, is_utf8, undecoded

CHARACTERS = st.characters(codec="gb18030", exclude_characters="\0,\n")
SOUND = st.text(CHARACTERS, max_size=6).map(lambda text: text.encode("gb18030"))
ANY = st.binary(max_size=6).map(lambda cell: bytes(byte for byte in cell if byte not in b"\0,\n"))


Column = tuple[list[str | None], bool]


def by_column(cells: list[bytes]) -> Column:
    """The column's text, and whether it fits."""
    column = pl.Series([undecoded(cell).decode() or None for cell in cells], dtype=pl.String)
    text, fit = decoded(column)
    assert cells_fit(column) is fit
    return text.to_list(), fit


def at_once(cells: list[bytes]) -> Column:
    """The whole file's."""
    text = b",".join([*cells, b"more"]).decode("gb18030", "replace")
    return [cell or None for cell in text.split(",")[:-1]], "\ufffd" not in text


@pytest.mark.parametrize("times", [1, 300], ids=["few", "repeated"])
@given(st.data())
def test_columns_are_decoded_as_the_file_is(times: int, data: st.DataObject) -> None:
    """Characters of one, two and four bytes, empty cells, bytes that fit nowhere: the same text and marks."""
    cells = data.draw(st.lists(SOUND | ANY, min_size=1, max_size=12)) * times
    assert at_once(cells) == by_column(cells)


def test_names_that_hardly_repeat() -> None:
    """A column of a thousand names, with blanks and damaged ones between, keeps its order."""
    cells = [f"黄{chr(0x4E00 + i)}".encode("gb18030") if i % 7 else b"" for i in range(2_000)]
    assert at_once(cells) == by_column(cells)
    assert at_once([*cells, b"\x81"]) == by_column([*cells, b"\x81"])


def test_what_parts_cells_is_never_within_a_character() -> None:
    """Commas, quotes and line ends of the bytes are those of the text."""
    every = "".join(chr(c) for c in range(0x20, 0x30000) if not 0xD800 <= c < 0xE000)
    text = undecoded(every.encode("gb18030")).decode()
    assert [every.count(c) for c in ',"\n\r\0'] == [text.count(c) for c in ',"\n\r\0']


def test_a_beginning_may_cut_a_character() -> None:
    """The header is read before the rest; bytes that fit nowhere are marked."""
    assert "姓" == begins_with("姓名".encode("gb18030"), 3)
    assert ("\ufffd\ufffd,", False) == ((text := begins_with(b"\xff\xff,", 3)), fits(text))
    assert (True, False) == (is_utf8("姓名".encode()), is_utf8("姓名".encode("gb18030")))
