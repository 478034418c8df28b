"""Rules worked out where they can matter: the same as a rule on every cell, and «clean» is a promise that holds."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.normalise import names, numbers
from gateway.normalise.cells import CELL, Reading, mend, per_value, read_cells, read_values
from gateway.normalise.text import NOTHING, PLAIN, trimmed

CELLS = st.lists(st.none() | st.text(st.sampled_from("0123X 无-覃·"), max_size=4), max_size=12)


def alone(cells: pl.Series, rule: pl.Expr) -> list[object]:
    return cells.to_frame("__cell").select(rule.alias("x"))["x"].to_list()


@given(CELLS)
def test_values_are_asked_once_and_answered_everywhere(cells: list[str | None]) -> None:
    """Each cell gets what the rule gives for it alone: empty cells, repeated ones, in their order."""
    column = pl.Series("a", cells, pl.String)
    given_ = per_value(column, [trimmed(CELL).alias("b")], [pl.col("b").str.len_chars().alias("c")])
    assert alone(column, trimmed(CELL)) == given_["b"].to_list()
    assert alone(column, trimmed(CELL).str.len_chars()) == given_["c"].to_list()


@given(CELLS)
def test_mending_leaves_out_what_is_clean(cells: list[str | None]) -> None:
    """Whether few cells are odd or most, the column comes out as under the rule on every cell."""
    column = pl.Series("a", cells, pl.String)
    mended = mend(column, trimmed, clean=r"^[0-9]+$")
    assert alone(column, trimmed(CELL)) == mended.to_list()
    assert ("a", len(cells)) == (mended.name, mended.len())


@given(CELLS)
def test_usual_cells_are_read_quickly_and_others_patiently(cells: list[str | None]) -> None:
    """Each cell gets what the patient rules give for it alone, whether it is usual, odd or missing, however often."""
    column = pl.Series("a", cells, pl.String)
    patient = trimmed(CELL).str.extract(r"^([0-9]+)$").cast(pl.Int64, strict=False)
    quick = CELL.cast(pl.Int64, strict=False)
    reading = Reading(usual=r"^[0-9]+$", quick=[[quick.alias("b")]], patient=[[patient.alias("b")]])
    for read in (read_cells, read_values):
        assert alone(column, patient) == read(column, reading)["b"].to_list()


def test_rules_follow_one_another() -> None:
    """A rule sees what the one before it made of the cell."""
    column = pl.Series(["-1 ", "2", None])
    mended = mend(column, trimmed, lambda text: text.str.strip_prefix("-"), clean=r"^[0-9]+$")
    assert ["1", "2", None] == mended.to_list()


def test_clean_names_are_their_own_keys() -> None:
    """No character that a key changes, alone or with others, is in a name that counts as clean; usual names are."""
    characters = pl.Series([chr(c) for c in range(1, 0x11000) if not 0xD800 <= c < 0xE000])
    column = pl.concat([characters, "覃" + characters, characters + "丽", pl.Series([*NOTHING, "覃某丽"])])
    clean = column.filter(column.str.contains(names.clean()))
    assert clean.to_list() == alone(clean, names.key(CELL))
    assert "覃某丽" in clean


@given(st.from_regex(numbers.CLEAN.replace("$", r"\Z")))
def test_clean_numbers_stay_as_they_are(number: str) -> None:
    """What counts as a clean number is what cleaning would leave of it."""
    cleaned = pl.Series(alone(pl.Series([number]), numbers.cleaned(CELL)), dtype=pl.String)
    assert [number] == alone(cleaned, numbers.eighteen(CELL))


@given(st.from_regex(PLAIN.replace("$", r"\Z")))
def test_clean_text_stays_as_it_is(text: str) -> None:
    """What counts as clean text is what trimming would leave of it."""
    assert [text] == alone(pl.Series([text]), trimmed(CELL))


@pytest.mark.parametrize("cell", [*NOTHING, " 12345", "12345\u3000"])
def test_what_trimming_changes_is_not_clean(cell: str) -> None:
    """A word for «nothing» and a blank at an end are looked at, as text, as a name, as a number."""
    patterns = (PLAIN, names.clean(), numbers.CLEAN)
    assert [False] * 3 == [pl.Series([cell]).str.contains(pattern).item() for pattern in patterns]


def test_one_digit_again_and_again_is_not_clean() -> None:
    """A field filled with one digit has the form of a number, and is none."""
    assert not pl.Series([digit * 18 for digit in "123456789"]).str.contains(numbers.CLEAN).any()
