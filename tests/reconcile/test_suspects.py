"""Whom an unresolved row may name: a departure waits for them."""

from datetime import date
from typing import Any

import polars as pl
import pytest

from gateway.model.frames import RESOLUTIONS
from gateway.reconcile import may_name
from gateway.settle import unresolved
from tests.normalise.lists import number
from tests.reconcile.people import ELSE, A, B, entries, rounded

THEY = pl.DataFrame(
    {
        "scope": ["", "", "451023"],
        "person_key": [1, 2, 3],
        "number": [A, ELSE, A],
        "name_key": ["韦伟", "覃丽", "韦伟"],
        "birth": [date(1990, 3, 7), date(1985, 1, 1), date(1990, 3, 7)],
        "sex": ["1", "2", "1"],
    }
)


def named(they: pl.DataFrame = THEY, **row: object) -> list[int]:
    """Person keys of those in scope "" whom the row may name."""
    frame = entries(row)
    review = pl.DataFrame([{"row": 1, "outcome": "review"}], schema=RESOLUTIONS)
    found = may_name(they, unresolved(frame, review))
    assert [] == found.filter(pl.col("scope") != "").rows()
    return sorted(found["person_key"].to_list())


@pytest.mark.parametrize(
    "sent",
    [A, A[:9] + str((int(A[9]) + 1) % 10) + A[10:], A[:14] + A[15] + A[14] + A[16:], A[:17] + "*", A[:9] + A[10:],
     A[:9] + A[8:], A[:12] + "7" + A[12:]],
    ids=["as sent", "one wrong", "swapped", "wrong check", "one missing", "one doubled", "one too many"],
)  # fmt: skip
def test_numbers_as_sent_or_nearly(sent: str) -> None:
    """Its number, with one digit wrong, missing or too many, or two swapped, is theirs; without a name, too."""
    assert [1] == named(number=sent, name="-") == named(number=sent, name="谁")


@pytest.mark.parametrize(
    ("theirs", "sent"),
    [("吕丽", "lyu丽"), ("吕丽", "lu丽"), ("吕丽", "路丽"), ("曾强", "增强"), ("单雄", "善雄"), ("单雄", "丹雄"),
     ("韦伟", "weiwei")],
)  # fmt: skip
def test_a_name_that_can_be_read_alike(theirs: str, sent: str) -> None:
    """Of characters with several readings each counts, of pinyin each way to type `ü`, together or apart."""
    they = THEY.head(1).with_columns(name_key=pl.lit(theirs))
    assert [1] == named(they, number="", name=sent)


def test_other_numbers_name_nobody() -> None:
    """Two wrong digits, or a twin's number, are not nearly theirs."""
    assert [] == named(number=A[:10] + "12" + A[12:], name="谁") == named(number=B, name="谁")


@pytest.mark.parametrize("name", ["韦伟", "韋偉", "韦卫", "韦wei", "韦?", "?伟", "韦\u3000伟"])
def test_their_name_in_any_form(name: str) -> None:
    """Its name is theirs, also in a form of it, where the number says nothing."""
    assert [1] == named(number="", name=name) == named(number="4.51022E+17", name=name)


@pytest.mark.parametrize("name", ["韦国", "韦", "??", "韦伟国", "-", "韦?国"])
def test_other_names_name_nobody(name: str) -> None:
    """Another name, and a name of marks only, names nobody."""
    assert [] == named(number="", name=name)


def test_what_contradicts() -> None:
    """Another birth date or sex says that it is somebody else; what agrees, or says nothing, does not."""
    day: dict[str, Any] = {"birth_from": date(1990, 3, 7), "birth_to": date(1990, 3, 7)}
    month: dict[str, Any] = {"birth_from": date(1990, 3, 1), "birth_to": date(1990, 3, 31)}
    other: dict[str, Any] = {"birth_from": date(1991, 3, 7), "birth_to": date(1991, 3, 7)}
    row: dict[str, Any] = {"number": "", "name": "韦伟"}
    assert [1] == named(**row, **day) == named(**row, **month) == named(**row, sex="1")
    assert [] == named(**row, **other) == named(**row, sex="2") == named(number=A, name="谁", **other)


@pytest.mark.parametrize("sex", ["0", "9", None])
def test_an_unknown_sex_contradicts_nothing(sex: str | None) -> None:
    """Where the roster does not know somebody's sex (GB/T 2261.1: 0, 9), no row says otherwise."""
    they = THEY.with_columns(sex=pl.lit(sex, pl.String))
    assert [1] == named(they, number="", name="韦伟", sex="2")


def test_a_strangers_number_contradicts() -> None:
    """A name with a sound number of another birth date or sex is another person's; a rounded one still says the day."""
    assert [] == named(number=number("45102319850101339"), name="韦伟")
    assert [] == named(number=number("45102219900307124"), name="韦伟")
    assert [] == named(number=rounded(), name="韦伟")
    assert [1] == named(number=B[:16] + "1" + number(B[:16] + "1")[17], name="韦伟")


def test_the_heads_number_contradicts_nobody() -> None:
    """The head's number on a member's row says nothing about the member's birth date."""
    assert [1, 2] == named(number=ELSE, head_number=ELSE, name="韦伟")


def test_the_rows_own_birth_date_goes_first() -> None:
    """Where the row says a birth date itself, it counts, and not the one inside a number that is not theirs."""
    day: dict[str, Any] = {"birth_from": date(1990, 3, 7), "birth_to": date(1990, 3, 7), "sex": "1"}
    assert [1] == named(number=number("45102319850101333"), name="韦伟", **day)


def test_neither_number_nor_name() -> None:
    """A row with neither number nor name names nobody."""
    assert [] == named(number="", name="")
