"""Nobody leaves by a door: numbers of any form are hidden, and what foreign packages say is not repeated."""

import csv
import json
import sqlite3
import tomllib
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from gateway.cli import faults
from gateway.errors import DeliveryRefused
from gateway.redact import HIDDEN, foreign, redact, redacted

NUMBER = "451002" + "19900307" + "123X"
MESSAGE = "451000000001" + "20261101063000" + "0001"
NAME = "覃小燕"

BORN = r"(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9])"
numbers = st.from_regex(rf"[1-9][0-9]{{5}}{BORN}[0-9]{{3}}[0-9Xx]", fullmatch=True)
old = st.from_regex(r"[1-9][0-9]{14}", fullmatch=True)
mobiles = st.from_regex(r"1[3-9][0-9]{9}", fullmatch=True)
psn_nos = st.from_regex(r"4510[0-9]{12,22}", fullmatch=True)
around = st.sampled_from(["", "号", "证件号码:", "'", '"', "(", "name", "，", "\n", "X", "第"])


def wide(text: str) -> str:
    """The text in full-width characters."""
    return "".join(chr(ord(c) + 0xFEE0) if c.isascii() and c.isalnum() else c for c in text)


def split(number: str, gap: str) -> str:
    """A number as people write it to be read."""
    cuts = {18: (6, 10, 12, 14, 17), 15: (6, 8, 10, 12), 11: (3, 7)}.get(len(number), ())
    return gap.join(number[a:b] for a, b in zip((0, *cuts), (*cuts, len(number)), strict=True))


forms = st.sampled_from(["", " ", "-", "·", "/", "  ", "\t", "\u00a0", "\u200b", " - "[:2], "wide"])


@given(number=numbers | old | mobiles | psn_nos, before=around, after=around, form=forms)
def test_a_number_leaves_in_no_form(number: str, before: str, after: str, form: str) -> None:
    """Identity numbers old and new, mobile numbers and psn_no, beside whatever stands there, wide or split, are hidden
    in texts, in keys, in lists and as numbers."""
    written = wide(number) if form == "wide" else split(number, form)
    text = f"{before}{written}{after}"
    assert written not in redact(text)
    assert HIDDEN in redact(text)
    said = json.dumps(redacted({text: [text, {"a": (text,)}]}), ensure_ascii=False)
    assert written not in said
    if number.isdigit():
        assert HIDDEN == redacted(int(number))
        assert len(number) > 15 or HIDDEN == redacted(float(number))


@pytest.mark.parametrize("check", "XxＸⅩХ×*")
@pytest.mark.parametrize("gap", ["", " ", "\u200b"])
def test_however_its_check_character_is_written(check: str, gap: str) -> None:
    """An X from another alphabet, or a star for it, is part of the number."""
    assert HIDDEN == redact(split(NUMBER[:17] + check, gap))


@pytest.mark.parametrize("gap", [" ", "-", "\u00a0", "．"])
@pytest.mark.parametrize("digits", [NUMBER, "451002900307123", "6222021001122334", "6222021001122334559"])
def test_in_groups_of_four(digits: str, gap: str) -> None:
    """An identity number, new or old, as a bank card's is written, and a bank card's."""
    written = gap.join(digits[at : at + 4] for at in range(0, len(digits), 4))
    assert f"证件{HIDDEN}号" == redact(f"证件{written}号")


@pytest.mark.parametrize("text", ["2023/2024/2025/2026", "2026 1105 0821 1200", "2026-1105-0821-121"])
def test_years_and_times_are_nobodys(text: str) -> None:
    """Groups of four that begin with a year are no number of a person or a card."""
    assert text == redact(text)


def test_a_number_with_a_word_is_no_digest() -> None:
    """What follows a number does not make it one of the forms that stay."""
    assert f"{HIDDEN}abcdef" == redact("451002199003071234abcdef")


@pytest.mark.parametrize(
    "text",
    [MESSAGE, "20261101", "2026-11-01 08:30:00.123456", "MZ_451000_20261103_F_0003", "0776-1234567", "9f" * 32,
     "sm3:" + "12345678" * 7 + "1234567a", "451000", "451000 20261103", "1,234,567"],
)  # fmt: skip
def test_what_people_need_stays(text: str) -> None:
    """Message numbers, dates, names of deliveries, offices' telephones and digests are nobody."""
    assert text == redact(f"{text}。").removesuffix("。")


class _Person(BaseModel):
    age: int


def _polars() -> object:
    return pl.DataFrame({"a": [f"{NAME} {NUMBER}"]}).select(pl.col("a").cast(pl.Int64))


def _sqlite() -> object:
    return sqlite3.connect(":memory:").execute(f"SELECT '{NAME}{NUMBER}' FROM \"{NAME}\"")


def _csv() -> object:
    return list(csv.DictReader([f'"{NAME}{NUMBER}'], strict=True, fieldnames=["a"]))


SAYERS: dict[str, Callable[[], object]] = {
    "polars": _polars,
    "pydantic": lambda: _Person.model_validate({"age": f"{NAME} {NUMBER}"}),
    "sqlite": _sqlite,
    "csv": _csv,
    "json": lambda: json.loads(f'{{"{NAME}": {NUMBER}}}'),
    "toml": lambda: tomllib.loads(f"{NAME} = {NUMBER}"),
    "key": lambda: dict[str, str]()[f"{NAME}{NUMBER}"],
    "int": lambda: int(f"{NAME}{NUMBER}"),
    "codec": lambda: f"{NAME}{NUMBER}".encode("ascii"),
    "file": lambda: Path(f"/nowhere/{NAME}{NUMBER}").read_bytes(),
    "pinyin": lambda: float("Qin Xiaoyan"),
}


@pytest.mark.parametrize("sayer", SAYERS)
def test_what_a_foreign_package_says_is_not_repeated(sayer: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever a library quotes of a row, a parameter or an input, an error's line, its causes and a surprise show the
    class alone."""
    with pytest.raises(Exception) as said:
        SAYERS[sayer]()
    fault = DeliveryRefused("文件不是约定的表格", where="甲", code="unreadable")
    fault.__cause__ = said.value
    faults.tell(fault)
    faults.tell_surprise(said.value)
    err = capsys.readouterr().err
    assert type(said.value).__name__ in err
    # A traceback shows lines of code, and the lines of this file name nobody in full.
    assert [] == [who for who in (NAME, NUMBER, "Xiaoyan\n") if who in foreign(said.value) + err]
