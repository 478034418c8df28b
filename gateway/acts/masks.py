"""How people are shown: the first character of a name, the first 6 and last 4 of a number, and nothing else."""

import unicodedata

#: A number shorter than this would be shown almost whole.
_LEAST = 15


def masked_name(name: str | None) -> str:
    """`王*`; the star does not say how long the name is."""
    letters = [c for c in name or "" if c.isalpha()]
    return f"{letters[0]}*" if letters else ""


def masked_number(number: str | None) -> str:
    """First 6 and last 4, of its digits and X only: a dirty cell may hold somebody's name too."""
    if not number:
        return ""
    kept = "".join(c for c in unicodedata.normalize("NFKC", number) if c.isascii() and (c.isdigit() or c in "Xx"))
    return f"{kept[:6]}****{kept[-4:]}" if len(kept) >= _LEAST else "****"
