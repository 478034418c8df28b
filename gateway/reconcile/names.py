"""Whether a name as sent can be the roster's, character by character. For the few whose keys differ.

Agreeing by form only (contract «Beyond reasonable doubt»): a homophone (the same syllable, tone ignored), or an
unreadable mark or pinyin in place of a character, as long as that is not the whole name.
"""

import re
from functools import lru_cache

from pypinyin import Style, pinyin

#: The mark that stands for one unreadable character in a name key.
UNREADABLE = "?"
_TOKENS = re.compile(r"[a-z]+|.", re.DOTALL)


@lru_cache(maxsize=30_000)
def syllables(character: str) -> frozenset[str]:
    """Every reading of a Han character without tone (`lü` written `lv`); empty for other characters."""
    readings = pinyin(character, style=Style.NORMAL, heteronym=True, errors="ignore")
    return frozenset(r.replace("ü", "v") for group in readings for r in group)


def agree(sent: str, on_roster: str) -> bool:
    """True where both keys can be one name. Pure; keys come from `normalise.names.key`."""
    tokens = _TOKENS.findall(sent)
    return _fits(tokens, on_roster) and _has_a_character(tokens, on_roster)


def _fits(tokens: list[str], name: str) -> bool:
    if not tokens or not name:
        return not tokens and not name
    head, rest = tokens[0], tokens[1:]
    if len(head) > 1 and not name.startswith(head):
        return any(_fits(rest, name[n:]) for n in range(1, len(name) + 1) if _spells(head, name[:n]))
    if len(head) > 1:
        return _fits(rest, name[len(head) :])
    return _same_character(head, name[0]) and _fits(rest, name[1:])


def _spells(letters: str, characters: str) -> bool:
    """True where the letters are the characters' pinyin, one syllable after the other."""
    if not characters:
        return not letters
    return any(
        letters.startswith(s) and _spells(letters[len(s) :], characters[1:]) for s in syllables(characters[0])
    )


def _same_character(sent: str, on_roster: str) -> bool:
    if sent == on_roster or UNREADABLE in (sent, on_roster):
        return True
    return bool(syllables(sent) & syllables(on_roster)) or sent in syllables(on_roster)


def _has_a_character(tokens: list[str], name: str) -> bool:
    """At least one character was really written, and not only a mark or pinyin."""
    return any(len(t) == 1 and t not in (UNREADABLE, "·") and not t.isascii() for t in tokens)
