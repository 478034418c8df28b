"""CSV in which records differ in width reads as the patient reader alone would read it."""

import csv
import io
from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.normalise.tables import _even_frame
from gateway.normalise.uneven import uneven_frame

WIDTH = 3
#: So many even records that a few others are the rest.
EVEN = 40
cells = st.sampled_from(
    ["", "甲", "a b", '"b"', '"x,y"', '"say ""no"""', '"two\r\nlines"', '"a\nb"', 'stray"quote', '"']
)
records = st.lists(st.lists(cells, min_size=1, max_size=WIDTH + 2).map(",".join), max_size=4)


def patient(text: str) -> list[tuple[list[str], bool]]:
    """Each record's cells, and whether its width is another."""
    rows = [row for row in csv.reader(io.StringIO(text)) if row][1:]
    return [([*row, *[""] * WIDTH][:WIDTH], len(row) != WIDTH) for row in rows]


def told(frame: pl.DataFrame) -> list[tuple[list[str], bool]]:
    """The same of a frame; a cell that is empty may be null."""
    assert list(range(2, frame.height + 2)) == frame["line"].to_list()
    rows = frame.select("broken", *(pl.col(f"c{i}").fill_null("") for i in range(WIDTH))).rows()
    return [(list(row[1:]), row[0]) for row in rows]


def text_of(rows: Sequence[str], ends: str = "\r\n") -> str:
    return ends.join(["一,二,三", *rows, ""])


@given(records, st.integers(0, EVEN), st.sampled_from(["\n", "\r\n"]))
def test_it_reads_as_the_patient_reader_does(strange: list[str], place: int, ends: str) -> None:
    """Whatever stands among even records, quoted, stray, over several lines or too short, the records are the same."""
    even = [f"a{n},b{n},c{n}" for n in range(EVEN)]
    text = text_of([*even[:place], *strange, *even[place:]], ends)
    try:
        wanted = patient(text)
    except csv.Error:
        with pytest.raises(csv.Error):
            uneven_frame(text.encode(), WIDTH, _even_frame)
        return
    assert wanted == told(uneven_frame(text.encode(), WIDTH, _even_frame))


@pytest.mark.parametrize("blank", ["", "\r", "\r\r", "\r\r\r"], ids=len)
def test_lines_of_nothing_but_line_ends_are_no_records(blank: str) -> None:
    """However many returns a blank line is made of, it is nobody's row, beside rows that are too short."""
    even = [f"a{n},b{n},c{n}" for n in range(EVEN)]
    text = text_of([*even[:5], blank, "x,y", *even[5:]], "\n")
    found = told(uneven_frame(text.encode(), WIDTH, _even_frame))
    assert (EVEN + 1, [(["x", "y", ""], True)]) == (len(found), [row for row in found if row[1]])
