"""Names: the key under which two spellings of one name meet.

A key unifies width, script (traditional to simplified, character by character) and the characters that old GB18030
tables put into the private use area, and leaves out blanks and the separator `·`, which systems drop or vary. It is
for matching only; what was sent is kept.
NFKC is not applied: it rewrites compatibility Han (contract: dirt).
"""

from functools import cache, reduce

import opencc
import polars as pl

from gateway.normalise.text import BLANKS, DASHES, NOTHING, half_width, no_word

#: What stands for one character that could not be read.
UNREADABLE = "?"
_SEPARATORS = rf"[·•．・･‧.∙⋅●﹒·⸱˙ᐧㆍ､-]|{DASHES}"
_WILD = ["□", "*", "�", "■", "_", "﹖", "﹡"]
#: Code points of tables before GB18030-2022, where a character was still in the private use area.
_PRIVATE = {
    0xE816: 0x20087, 0xE817: 0x20089, 0xE818: 0x200CC, 0xE81E: 0x9FB4, 0xE826: 0x9FB5, 0xE82B: 0x9FB6,
    0xE82C: 0x9FB7, 0xE831: 0x215D7, 0xE832: 0x9FB8, 0xE83B: 0x2298F, 0xE843: 0x9FB9, 0xE854: 0x9FBA,
    0xE855: 0x241FE, 0xE864: 0x9FBB, 0xE7C7: 0x1E3F,
}  # fmt: skip
_PRIVATE_USE = r"[\u{E000}-\u{F8FF}\u{F0000}-\u{10FFFD}]"
#: Which form of a character is meant; it is the same character.
_VARIANT = r"[\u{E0100}-\u{E01EF}]+"
#: Pinyin with its tones → without; `ü` stays.
_TONES = dict(zip("āáǎàēéěèīíǐìōóǒòūúǔùǖǘǚǜńňǹ", "aaaaeeeeiiiioooouuuuüüüünnn", strict=True))


@cache
def _script() -> dict[str, str]:
    """Single characters whose simplified form differs: as written → simplified."""
    converter = opencc.OpenCC("t2s")
    written = [chr(c) for c in (*range(0x3400, 0xA000), *range(0xF900, 0xFB00))]
    simple = converter.convert("\n".join(written)).split("\n")
    pairs = [(a, b) for a, b in zip(written, simple, strict=True) if a != b and len(b) == 1]
    pairs += [(chr(a), chr(b)) for a, b in _PRIVATE.items()]
    return dict(pairs)


def _simplified(texts: pl.Series) -> pl.Series:
    """Texts in simplified characters. Only characters that occur are looked for: a search for four thousand takes
    longer to set up than most lists take to read."""
    pairs = {c: _script()[c] for c in set("".join(texts.drop_nulls())) if c in _script()}
    return texts.str.replace_many(list(pairs), list(pairs.values())) if pairs else texts


@cache
def clean() -> str:
    """A pattern of names that are their own keys: of usual characters, none with another simplified form."""
    other = "".join(c for c in "".join([*_script(), *NOTHING]) if "\u3400" <= c <= "\u9fff")
    return rf"^[[\u3400-\u9fff]--[{other}]]+$"


def _bare(text: pl.Expr) -> pl.Expr:
    return half_width(text).str.replace_all(rf"{BLANKS}+|['\"`‘’“”]+|{_VARIANT}", "")


def _unified(text: pl.Expr) -> pl.Expr:
    text = text.str.replace_all(_SEPARATORS, "")
    text = text.map_batches(_simplified, return_dtype=pl.String).str.replace_all(_PRIVATE_USE, UNREADABLE)
    text = text.str.replace_many(_WILD, [UNREADABLE] * len(_WILD)).str.to_lowercase()
    return text.str.replace_many(list(_TONES), list(_TONES.values()))


def _no_blank(text: pl.Expr) -> pl.Expr:
    return pl.when(text != "").then(text)


#: What `key` does, in its order: step by step over a column, nothing is worked out twice.
UNIFYING = (_bare, no_word, _unified, _no_blank)


def key(column: pl.Expr) -> pl.Expr:
    """The matching key of a name; unreadable characters become `?`; null where there is no name."""
    return reduce(lambda text, step: step(text), UNIFYING, column)
