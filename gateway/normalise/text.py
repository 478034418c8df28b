"""Cleaning of text cells, as expressions over whole columns: blanks, widths, words for «nothing»."""

import polars as pl

#: Blanks that people and systems leave in cells: spaces of every width, control characters, zero-width marks, marks of
#: direction and of variants, a BOM.
BLANKS = (
    r"[\s\u0000-\u001f\u007f-\u00a0\u00ad\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000"
    r"\ufe00-\ufe0f\ufeff]"
)
#: Marks around a cell by which a spreadsheet or a hand kept it a text: `'2026`, `="2026"`.
MARKS = "['‘’`´′\"“”=]"
#: Dashes that stand for a hyphen.
DASHES = "[‐‑‒–—―−]"
#: Words that mean an empty cell (contract: dirt).
NOTHING = ["", "-", "--", "—", "——", "/", "\\", "无", "暂无", "空", "NULL", "null", "None", "N/A"]

#: Text that trimming and packing leave alone, and that is no word for «nothing»: none of those is made of digits, is
#: one letter or five, or is Han without 无 and 空.
PLAIN = r"^(?:[0-9]+|[A-Za-z]|[0-9A-Za-z]{5,}|[\u4e00-\u65df\u65e1-\u7a79\u7a7b-\u9fff]+)$"

_FULL = "".join(chr(c) for c in range(0xFF01, 0xFF5F))
_HALF = "".join(chr(c - 0xFEE0) for c in range(0xFF01, 0xFF5F))


def half_width(column: pl.Expr) -> pl.Expr:
    """Full-width ASCII to ASCII. Not NFKC: that would rewrite compatibility Han."""
    return column.str.replace_many(list(_FULL), list(_HALF))


def no_word(text: pl.Expr) -> pl.Expr:
    """Null for a word for «nothing»."""
    return pl.when(text.is_in(NOTHING)).then(None).otherwise(text)


def trimmed(column: pl.Expr) -> pl.Expr:
    """Without blanks at both ends; a word for «nothing» becomes null."""
    return no_word(column.str.replace_all(rf"^{BLANKS}+|{BLANKS}+$", ""))


def packed(column: pl.Expr) -> pl.Expr:
    """Half-width, without any blank inside or marks around; a word for «nothing» becomes null."""
    bare = half_width(column).str.replace_all(f"{BLANKS}+", "")
    return no_word(bare.str.replace_all(f"^{MARKS}+|{MARKS}+$", ""))
