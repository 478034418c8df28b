"""CSV in which records differ in width reads as the patient reader alone would read it."""

import csv
import io
from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.normalise import quotes, uneven
from gateway.normalise.tables import _even_frame
from gateway.normalise.uneven import uneven_frame

WIDTH = 3
#: So many even records that a few others are the rest.
EVEN = 40
cells = st.sampled_from(
    ["", "甲", "a b", '"b"', '"x,y"', '"say ""no"""', '"two\r\nlines"', '"a\nb"', 'stray"quote', '"']
)
records = st.lists(st.lists(cells, min_size=1, max_size=WIDTH + 2).map(",".join), max_size=4)


def patient(text: str, width: int = WIDTH) -> list[tuple[list[str], bool]]:
    """Each record's first cells, and whether its width is another."""
    rows = [row for row in csv.reader(io.StringIO(text)) if row][1:]
    return [([*row, *[""] * WIDTH][:WIDTH], len(row) != width) for row in rows]


def told(frame: pl.DataFrame) -> list[tuple[list[str], bool]]:
    """The same of a frame; a cell that is empty may be null."""
    assert list(range(2, frame.height + 2)) == frame["line"].to_list()
    rows = frame.select("broken", *(pl.col(f"c{i}").fill_null("") for i in range(WIDTH))).rows()
    return [(list(row[1:]), row[0]) for row in rows]


def text_of(rows: Sequence[str], ends: str = "\r\n") -> str:
    return ends.join(["一,二,三", *rows, ""])


@given(
    records,
    st.lists(st.integers(0, EVEN), min_size=4, max_size=4).map(sorted),
    st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["", "\n", "\r\n\r\n"]),
    st.sampled_from([1, 20, 1 << 20]),
)
def test_it_reads_as_the_patient_reader_does(
    strange: list[str], places: list[int], ends: str, last: str, block: int
) -> None:
    """Whatever stands among even records, quoted, stray, over several lines, too short or too long, at whatever place
    and however the text ends, the records are the same, in whatever blocks it is looked through."""
    rows = [f"a{n},b{n},c{n}" for n in range(EVEN)]
    for place, row in reversed(list(zip(places, strange, strict=False))):
        rows.insert(place, row)
    text = text_of(rows, ends).removesuffix(ends) + last
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uneven, "_BLOCK", block)
        try:
            wanted = patient(text)
        except csv.Error:
            with pytest.raises(csv.Error):
                uneven_frame(text.encode(), WIDTH, _even_frame)
            return
        assert wanted == told(uneven_frame(text.encode(), WIDTH, _even_frame))


@given(
    st.lists(st.lists(cells, min_size=WIDTH - 1, max_size=WIDTH + 1).map(",".join), max_size=6),
    st.sampled_from(["\n", "\r\n"]),
)
@example(['"x,y",甲'], "\n")
@example(['甲"x,y",乙'], "\n")
@example(['"x,y"甲,乙', "甲"], "\n")
@example(['"x,y"甲,乙,丙'], "\n")
@example(['"x,y"甲,乙'], "\n")
def test_few_quoted_cells_are_looked_at_as_many_are(rows: list[str], ends: str) -> None:
    """Whether records are even does not depend on whether quoted cells are counted in the text or in the columns."""
    text, header = text_of(rows, ends).encode(), ["一", "二", "三"]
    few = _even_frame(text, header)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quotes, "_FEW", 0)
        many = _even_frame(text, header)
    assert (few is None) == (many is None)
    assert few is None or many is None or few.equals(many)


@pytest.mark.parametrize("strange", ["x,y", "x,y,z,", "x", '"two\r\nlines",y,z', 'stray"quote,y,z', '"x,y",z', "\r"])
@pytest.mark.parametrize("width", [WIDTH, uneven._WIDEST + 1])
def test_only_what_is_strange_is_read_patiently(strange: str, width: int) -> None:
    """With few strange lines the result is the fast reader's; where there are too many cells for that, the patient
    reader's, with the same records."""
    read: list[pl.DataFrame | None] = []

    def fast(text: bytes, header: list[str]) -> pl.DataFrame | None:
        read.append(_even_frame(text, header))
        return read[-1]

    more = ",".join([""] * (width - WIDTH + 1))
    rows = [f"{row}{more}" for row in ("一,二,三", *["a,b,c"] * EVEN)]
    text = "\r\n".join([*rows[:9], strange + more if strange != "\r" else strange, *rows[9:]])
    frame = uneven_frame(text.encode(), width, fast)
    assert patient(text, width) == told(frame)
    if width == WIDTH:
        (one,) = read
        assert one is not None
        assert frame.height == one.height - 1
    else:
        assert [] == read


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_what_one_record_lacks_and_another_has_too_much_is_seen(ends: str) -> None:
    """Where two records that stand together have as many cells as two even ones, both are found, and the others are not
    read patiently for it."""
    read: list[pl.DataFrame | None] = []

    def fast(text: bytes, header: list[str]) -> pl.DataFrame | None:
        read.append(_even_frame(text, header))
        return read[-1]

    even = [f"a{n},b{n},c{n}" for n in range(EVEN)]
    text = text_of([*even[:5], "x,y", *even[5:7], "x,y,z,more", *even[7:]], ends)
    frame = uneven_frame(text.encode(), WIDTH, fast)
    assert patient(text) == told(frame)
    assert [False, True] == [one is not None for one in read]
    assert [("x", ""), ("x", "more")] == frame.filter("broken").select("c0", f"c{WIDTH}").rows()


@pytest.mark.parametrize("blank", ["", "\r", "\r\r", "\r\r\r"], ids=len)
def test_lines_of_nothing_but_line_ends_are_no_records(blank: str) -> None:
    """However many returns a blank line is made of, it is nobody's row, beside rows that are too short."""
    even = [f"a{n},b{n},c{n}" for n in range(EVEN)]
    text = text_of([*even[:5], blank, "x,y", *even[5:]], "\n")
    found = told(uneven_frame(text.encode(), WIDTH, _even_frame))
    assert (EVEN + 1, [(["x", "y", ""], True)]) == (len(found), [row for row in found if row[1]])
