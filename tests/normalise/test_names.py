"""Name keys: which spellings of one name meet, and which names stay apart."""

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.normalise import names
from tests.normalise.lists import civil

#: Two-byte codes that Python's gb18030 leaves in the private use area, and the characters they are.
OLD_CODES = {
    0xFE51: 0x20087,
    0xFE52: 0x20089,
    0xFE53: 0x200CC,
    0xFE59: 0x9FB4,
    0xFE61: 0x9FB5,
    0xFE66: 0x9FB6,
    0xFE67: 0x9FB7,
    0xFE6C: 0x215D7,
    0xFE6D: 0x9FB8,
    0xFE76: 0x2298F,
    0xFE7E: 0x9FB9,
    0xFE90: 0x9FBA,
    0xFE91: 0x241FE,
    0xFEA0: 0x9FBB,
    0xA8BC: 0x1E3F,
}
VERTICAL_MARKS = [*range(0xA6D9, 0xA6E0), 0xA6EC, 0xA6ED, 0xA6F3]


def key(name: str | None) -> str | None:
    frame = pl.DataFrame({"name": pl.Series([name], dtype=pl.String)})
    out: str | None = frame.select(names.key(pl.col("name")).alias("name")).item()
    return out


@pytest.mark.parametrize(
    "written",
    ["韦\u3000伟", " 韦伟 ", "韦\u00a0伟", "\u200b韦伟\t", "“韦伟”", "韋偉", "'韦伟", "韦\U000e0100伟\ufe00"],
)
def test_one_name_has_one_key(written: str) -> None:
    """Spaces of any width, quotes and traditional characters do not change whose name it is."""
    assert key("韦伟") == key(written)


@pytest.mark.parametrize("separator", ["·", "•", "．", "・", "‧", ".", "･", "∙", "-", "—", "˙", "", " ", "·\u3000"])
def test_separators_are_one(separator: str) -> None:
    """Whatever stands for the separator, or nothing at all, the name is the same."""
    assert key("买买提·吐尔逊") == key(f"买买提{separator}吐尔逊")


def test_tones_of_pinyin_are_left_out() -> None:
    """Pinyin with its tones is pinyin; `ü` is another vowel than `u`."""
    assert [key("韦wei"), key("吕lü"), key("何nuo")] == [key("韦Wěi"), key("吕LǛ"), key("何nuò")]


def test_width_and_case_are_one() -> None:
    """Full-width letters and case do not change a foreigner's name."""
    assert key("Anna Maria") == key("ＡＮＮＡ　ＭＡＲＩＡ")


@pytest.mark.parametrize(("code", "point"), OLD_CODES.items(), ids=[f"{code:X}" for code in OLD_CODES])
def test_characters_of_old_tables_are_found(code: int, point: int) -> None:
    """A character that Python's gb18030 puts into the private use area meets the one of today's table."""
    old = code.to_bytes(2, "big").decode("gb18030")
    assert 0xE000 <= ord(old) <= 0xF8FF
    assert key(f"覃{chr(point)}") == key(f"覃{old}")
    assert key(f"覃{chr(point)}") != key("覃?")


def test_other_private_characters_are_marks() -> None:
    """A private-use character of no known table is unreadable, and nothing else is."""
    marks = [code.to_bytes(2, "big").decode("gb18030") for code in VERTICAL_MARKS]
    assert ["覃?"] * 10 == [key(f"覃{mark}") for mark in marks]
    assert ["覃?"] * 6 == [key(f"覃{mark}") for mark in "□*?＊？\ue123"]
    assert "覃?" != key("覃\U00020087")


def test_names_are_kept_as_sent() -> None:
    """A key is for matching only: compatibility Han, variants and width stay in what is written back."""
    sent = ["\uf9dc某", "韋\u3000偉", "ＡＢ", "覃\ue816"]
    assert sent == civil(*({"姓名": name} for name in sent))["raw_name"].to_list()


def test_extension_b_survives() -> None:
    """Characters outside the basic plane are kept whole, and four-byte GB18030 reads them."""
    name = "覃\U00020bb7"
    assert name == key(name)
    assert [name] == civil({"姓名": name})["raw_name"].to_list()


@pytest.mark.parametrize("nothing", ["", "-", "无", "暂无", "  ", "·", ".", "\u3000"])
def test_words_for_nothing_are_no_name(nothing: str) -> None:
    """An empty cell, a word for nothing, or a lone separator is no name."""
    assert key(nothing) is None


def test_other_names_stay_apart() -> None:
    """Homophones, another order and another length are other keys: they are for the rules to judge."""
    assert 5 == len({key("韦伟"), key("韦卫"), key("伟韦"), key("韦伟伟"), key("韦?")})


@settings(max_examples=30)
@given(st.lists(st.text(max_size=50), min_size=1, max_size=30))
def test_a_key_of_a_key_is_itself(cells: list[str]) -> None:
    """Whatever was typed, a key is made once: it has no blanks, and making it again changes nothing."""
    once = pl.DataFrame({"name": cells}).select(names.key(pl.col("name")).alias("name"))
    assert not any(name == "" or any(c.isspace() for c in name) for name in once["name"].drop_nulls())
    assert once.equals(once.select(names.key(pl.col("name")).alias("name")))
