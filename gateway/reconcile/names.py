"""Whether a name as sent can be the roster's, character by character. For the few whose keys differ.

Agreeing by form only (contract «Beyond reasonable doubt»): a homophone (the same syllable, tone ignored), or an
unreadable mark or pinyin in place of a character, as long as that is not the whole name: one character is the same.
"""

import os
import re
from functools import lru_cache

import polars as pl

#: The mark that stands for one unreadable character in a name key.
UNREADABLE = "?"
#: How `ü` is typed: on keyboards, in passports since 2012, and before.
_SPELT_V = ("v", "yu", "u")
#: Places of a name that are compared character by character before its sounds are; letters may stand for several.
_PLACES = 6
_LETTERS = pl.col("sent").str.contains("[A-Za-zü]")
#: A name's letters that stand together, and each other character.
TOKENS = re.compile(r"[a-z]+|.", re.DOTALL)


@lru_cache(maxsize=30_000)
def syllables(character: str) -> frozenset[str]:
    """Every reading of a Han character without tone (`lü` written `lv`); empty for other characters."""
    # Not before: its dictionaries take a quarter of the time in which a command starts, and few commands look. That of
    # phrases is three quarters of them, and says nothing of a character alone.
    os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
    from pypinyin import Style, pinyin

    readings = pinyin(character, style=Style.NORMAL, heteronym=True, errors="ignore")
    return frozenset(r.replace("ü", "v") for group in readings for r in group)


def agree(sent: str, on_roster: str) -> bool:
    """True where both keys can be one name. Pure; keys come from `normalise.names.key`."""
    return _fits(TOKENS.findall(sent.replace("ü", "v")), on_roster, proven=False)


def agreeing(pairs: pl.DataFrame) -> pl.Series:
    """Per pair of keys (sent, on_roster; false where one is null) whether they `agree`. Each different pair is asked
    once, and only where one character can be the same: nine in ten pairs of a village have none."""
    different = pairs.drop_nulls().unique()
    length, theirs = (pl.col(name).str.len_chars() for name in ("sent", "on_roster"))
    same = pl.any_horizontal(length > _PLACES, *(_same_at(place) for place in range(_PLACES)))
    asked = different.filter(_LETTERS | (length == theirs) & same)
    fits = asked.filter(pl.Series([agree(*pair) for pair in asked.iter_rows()], dtype=pl.Boolean))
    told = pairs.join(fits.with_columns(fits=True), on=pairs.columns, how="left", maintain_order="left")
    return told["fits"].fill_null(value=False)


def _same_at(place: int) -> pl.Expr:
    sent, known = (pl.col(name).str.slice(place, 1) for name in ("sent", "on_roster"))
    return (sent == known) & (sent != "")


def _fits(tokens: list[str], name: str, *, proven: bool) -> bool:
    """`proven`: one character was written the same on both sides, and is no mark, pinyin or homophone."""
    if not tokens or not name:
        return not tokens and not name and proven
    head, rest = tokens[0], tokens[1:]
    if head.isascii() and head.isalpha():
        spelt = (n for n in range(1, len(name) + 1) if name[:n] == head or _spells(head, name[:n]))
        return any(_fits(rest, name[n:], proven=proven) for n in spelt)
    if UNREADABLE in (head, name[0]):
        return _fits(rest, name[1:], proven=proven)
    return _same_sound(head, name[0]) and _fits(rest, name[1:], proven=proven or head == name[0])


def _spells(letters: str, characters: str) -> bool:
    """True where the letters are the characters' pinyin, one syllable after the other."""
    if not characters:
        return not letters
    spelt = {s.replace("v", v) for s in syllables(characters[0]) for v in _SPELT_V}
    return any(letters.startswith(s) and _spells(letters[len(s) :], characters[1:]) for s in spelt)


def _same_sound(sent: str, on_roster: str) -> bool:
    return sent == on_roster or bool(syllables(sent) & syllables(on_roster))
