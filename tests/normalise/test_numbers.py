"""Identity numbers: what may stand around them, what they are worth, and python-stdnum as the oracle."""

from datetime import date

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stdnum.cn import ric

from gateway.normalise import numbers
from tests.normalise.lists import civil, number, rural

PLAIN = number()
#: A number whose check character is X.
WITH_X = next(n for i in range(100, 1000) if (n := number(f"45102219900307{i}")).endswith("X"))


def clean(cell: str | None) -> str | None:
    frame = pl.DataFrame({"cell": pl.Series([cell], dtype=pl.String)})
    out: str | None = frame.select(numbers.eighteen(numbers.cleaned(pl.col("cell")))).item()
    return out


def worth(text: str | None, *, numeric: bool = False) -> str:
    frame = pl.DataFrame({"n": pl.Series([text], dtype=pl.String)})
    state = numbers.state(pl.col("n"), numbers.is_sound(pl.col("n")), pl.lit(numeric))
    return str(frame.select(state.alias("state")).item())


def rounded(passes: bool) -> str:
    """A number that a spreadsheet rounded to 000; some of them pass the checksum all the same."""
    candidates = (
        f"4510221990{month:02d}{day:02d}{i}000" for month in (10, 11) for day in range(10, 28) for i in range(10)
    )
    return next(n for n in candidates if (number(n[:17]) == n) is passes)


@pytest.mark.parametrize(
    "written",
    [
        "".join(chr(ord(c) + 0xFEE0) for c in PLAIN),
        f"{PLAIN[:6]} {PLAIN[6:14]} {PLAIN[14:]}",
        f"'{PLAIN}",
        f"\u2019{PLAIN}",
        f"{PLAIN}\t",
        f"\u00a0{PLAIN}",
        f"{PLAIN[:6]}\u200b{PLAIN[6:]}",
        f"\u3000{PLAIN}\u3000",
        f"\ufeff{PLAIN}",
        f"{PLAIN[:6]}-{PLAIN[6:14]}-{PLAIN[14:]}",
        f"{PLAIN[:6]}—{PLAIN[6:14]}\u2011{PLAIN[14:]}",
        f'="{PLAIN}"',
        f"“{PLAIN}”",
        f"{PLAIN},",
        f"{PLAIN}。",
        f"\u2066{PLAIN}\u2069",
    ],
    ids=[
        "wide", "spaces", "quote", "curly", "tab", "nbsp", "zwsp", "ideographic", "bom", "dashes", "long dashes",
        "formula", "double", "comma", "stop", "direction",
    ],
)
def test_what_stands_around_a_number_is_taken_off(written: str) -> None:
    """Width, blanks of every kind, quotes and dashes change no number."""
    assert PLAIN == clean(written)
    assert "sound" == worth(clean(written))


@pytest.mark.parametrize("x", list("xXｘＸⅩⅹХх×*＊✖╳χ"))
def test_every_false_x_is_an_x(x: str) -> None:
    """Whatever people type for the check character X is read as X."""
    assert WITH_X == clean(WITH_X[:17] + x)
    assert "sound" == worth(clean(WITH_X[:17] + x))


def test_fifteen_digits_become_eighteen() -> None:
    """A 15-digit number gets its century and check character, also in full width."""
    old = PLAIN[:6] + PLAIN[8:17]
    assert PLAIN == clean(old)
    assert PLAIN == clean("".join(chr(ord(c) + 0xFEE0) for c in old))


def test_certificates_begin_with_the_number() -> None:
    """A disability certificate number in the ID column is its first 18 characters, reissued ones too."""
    assert [PLAIN, PLAIN, WITH_X, WITH_X] == [
        clean(PLAIN + "42"),
        clean(PLAIN + "11B1"),
        clean(WITH_X + "73b2"),
        clean(WITH_X.lower() + "61B9"),
    ]


def test_excel_forms_are_damaged() -> None:
    """A number in a spreadsheet's form, or rounded so that it fails the check, is damaged; it is never mended."""
    assert "damaged" == worth(clean(f"{int(number()[:17]) * 10:.5E}"))
    assert "damaged" == worth(clean(rounded(passes=False)))
    assert "suspect" == worth(clean(rounded(passes=True)))


def test_numeric_cells_are_damaged() -> None:
    """A number that was a numeric cell of the sheet is damaged, however sound it looks."""
    assert "damaged" == worth(PLAIN, numeric=True)
    old = PLAIN[:6] + PLAIN[8:17]
    entries = rural({"证件号码": float(int(PLAIN[:17]) * 10)}, {"证件号码": float(old)}, {"证件号码": PLAIN})
    assert ["damaged", "damaged", "sound"] == entries["number_state"].to_list()


#: 15 digits that are the beginning of somebody's 18, and that are their own: born 2005-01-01, and 1920-05-01.
CUT, OLD = "451022200501011", "451022200501123"


@pytest.mark.parametrize(
    ("digits", "birth", "state", "kept"),
    [
        (CUT, "2005-01-01", "damaged", CUT),
        (CUT, "", "damaged", CUT),
        (CUT, "200501", "damaged", CUT),
        (OLD, "1920-05-01", "sound", number("45102219200501123")),
        (OLD, "192005", "sound", number("45102219200501123")),
        ("451022500501123", "1950-05-01", "sound", number("45102219500501123")),
        ("451022500501123", "", "sound", number("45102219500501123")),
        ("451022500501123", "1951-05-01", "damaged", number("45102219500501123")),
        ("451022199003071", "1990-03-07", "damaged", "451022199003071"),
    ],
)
def test_fifteen_digits_may_be_eighteen_that_were_cut(digits: str, birth: str, state: str, kept: str) -> None:
    """15 digits that may be the beginning of 18, or that the row's birth date contradicts, are damaged; digits that may
    be a beginning stay as they were sent, since people are found by them."""
    entry = civil({"身份证号码": digits, "出生日期": birth})
    assert (state, kept) == entry.select("number_state", "number").row(0)
    assert [None] == entry["fault"].to_list()


@pytest.mark.parametrize(
    "front",
    [
        "45260119510408",
        "45262719630102",
        "45102119880808",
        "81000019900101",
        "82000020010203",
        "83000019770707",
        "93201019850505",
    ],
)
def test_no_area_code_is_judged(front: str) -> None:
    """Withdrawn area codes, residence permits 81, 82, 83 and foreigners' cards 9… are sound."""
    assert "sound" == worth(clean(number(front + "123")))


@pytest.mark.parametrize("nothing", ["", "-", "无", "暂无", "—", "NULL", "  ", "\u3000", "暂 无"])
def test_words_for_nothing_are_missing(nothing: str) -> None:
    """An empty cell and the words for it are a missing number, not a damaged one."""
    assert clean(nothing) is None
    assert "missing" == worth(clean(nothing))


def test_a_damaged_number_is_no_fault_of_the_row() -> None:
    """A damaged number's digits make no row invalid: no month 13 in it is an impossible date."""
    entries = civil({"身份证号码": "451022199013451234"}, {"身份证号码": "45102219"}, {"身份证号码": "护照E1234567"})
    assert [None] * 3 == entries["fault"].to_list()
    assert ["damaged"] * 3 == entries["number_state"].to_list()


FRONTS = st.builds(
    lambda area, born, seq: f"{area}{born:%Y%m%d}{seq:03d}",
    st.integers(100_000, 999_999),
    st.dates(date(1900, 1, 1), date(2026, 11, 5)),
    st.integers(1, 999),
)


@settings(max_examples=40)
@given(st.lists(FRONTS, min_size=1, max_size=30))
def test_check_characters_agree_with_stdnum(fronts: list[str]) -> None:
    """The vectorised check character is python-stdnum's, for every area, birth date and sequence."""
    frame = pl.DataFrame({"n": fronts})
    expected = [number(front)[17] for front in fronts]
    assert expected == frame.select(numbers.check_character(pl.col("n"))).to_series().to_list()


@settings(max_examples=40)
@given(FRONTS, st.sampled_from("0123456789X"))
def test_sound_is_what_stdnum_computes(front: str, last: str) -> None:
    """A number is sound exactly where its check character is the computed one; the birth date is that inside it."""
    frame = pl.DataFrame({"n": [front + last]})
    sound, born = frame.select(
        numbers.is_sound(pl.col("n")).alias("sound"),
        numbers.birth_of(pl.col("n")).alias("born"),
    ).row(0)
    assert (number(front)[17] == last) == sound
    assert ric.get_birth_date(front + last) == born


@settings(max_examples=40)
@given(FRONTS, st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_is_never_sound(front: str, place: int, by: int) -> None:
    """One wrong digit or two swapped neighbours fail the check, so that neither becomes another person's number."""
    whole = number(front)
    wrong = whole[:place] + str((int(whole[place]) + by) % 10) + whole[place + 1 :]
    swapped = whole[:place] + whole[place + 1] + whole[place] + whole[place + 2 :]
    assert "damaged" == worth(wrong)
    assert swapped == whole or "damaged" == worth(swapped)


@settings(max_examples=30)
@given(st.lists(st.text(max_size=40), min_size=1, max_size=30))
@example(["0´:", "45108120260317064X=;", "暂无。", "null:"])
def test_any_cell_can_be_cleaned(cells: list[str]) -> None:
    """Whatever stands in a number cell, cleaning gives a text without blanks, or nothing; twice is once."""
    once = pl.DataFrame({"n": cells}).select(numbers.cleaned(pl.col("n")).alias("n"))
    assert not any(n == "" or any(c.isspace() for c in n) for n in once["n"].drop_nulls())
    assert once.equals(once.select(numbers.cleaned(pl.col("n")).alias("n")))


def test_digits_of_an_area_are_read_in_any_form() -> None:
    """Width, blanks, quotes and what a spreadsheet puts behind it change no area code."""
    area = "451022101201"
    wide = "".join(chr(ord(c) + 0xFEE0) for c in area)
    written = [area, f"'{area}", wide, f" {area[:6]} {area[6:]}", f"{area}.0", f'="{area}"']
    assert [area] * 6 == civil(*({"行政区划代码": cell} for cell in written))["area"].to_list()
