"""The redactor: what leaves as a log line, an error, a report of a run or an act passes through here.

Takes text, or whatever JSON may hold; gives the same without anything that by its form could be somebody: identity
numbers, mobile numbers, and any long run of digits, psn_no among them, however wide or split they are written. A name
has no form, so it cannot be found here: names are kept out where they could come in (no foreign exception is repeated,
see `foreign`). Message numbers and hexadecimal digests stay, since operators need them and nobody is in them. See
docs/decisions/0075-what-the-redactor-knows.md.
"""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from traceback import extract_tb
from typing import Any

from pydantic import SecretStr

HIDDEN = "***"
#: A digit, half or full width; \d would also take those of other scripts, which our texts do not hold.
_D = "[0-9０-９]"
#: What may stand between the digits of a number that was split to be read.
_GAP = "(?:[^\\S\\r\\n]|[-‐–—·.．/／\u200b-\u200d\u2060\ufeff]){0,2}"
#: How the check character X is written, or what stands where it was.
_CHECK = "[0-9０-９XxＸｘⅩⅹХхΧχ×*＊]"
#: A mobile number, with or without the country's code: 11 digits that begin with 13 to 19.
_MOBILE = f"(?:[+＋]?(?:86|８６){_GAP})?[1１][3-9３-９]{_D}{_GAP}{_D}{{4}}{_GAP}{_D}{{4}}"
#: Area, date of birth, sequence: 18 characters in three or four groups, or without any; of old, 15.
_NUMBER = f"{_D}{{6}}{_GAP}{_D}{{4}}{_GAP}{_D}{{2}}{_GAP}{_D}{{2}}{_GAP}{_D}{{3}}{_GAP}{_CHECK}"
_OLD = f"{_D}{{6}}{_GAP}{_D}{{2}}{_GAP}{_D}{{2}}{_GAP}{_D}{{2}}{_GAP}{_D}{{3}}"
#: The same, and a bank card's 16 or 19 digits, in groups of four; what begins with 19 or 20 is neither, but years.
_CARD = f"{_D}{{4}}(?:{_GAP}{_D}(?:{_CHECK}|{_D}{{2}}))?"
_FOURS = f"(?![1１][9９]|[2２][0０]){_D}{{4}}(?:{_GAP}{_D}{{4}}){{2}}{_GAP}(?:{_CARD}|{_D}{{3}})"
#: 15 digits and more, which nothing that a person need read has, but for message numbers.
_LONG = f"{_D}{{15,}}{_CHECK}?"
#: Look-arounds, since \b sees no boundary between a digit and a Chinese character.
_SOMEBODY = re.compile(f"(?<!{_D})(?:{_NUMBER}|{_FOURS}|{_LONG}|{_OLD}|{_MOBILE})(?!{_D})")
#: Digests and public keys: hexadecimal with letters, in the lengths that they have; no number with a word after it.
_HEX = r"(?<![0-9A-Za-z])(?=[0-9]*[a-f])(?![0-9]{15,18}[a-f]+(?![0-9a-f]))[0-9a-f]{%d}(?![0-9A-Za-z])"
#: Organisation (12), time (14), sequence (4): the platform's contract.
_MESSAGE = r"(?<![0-9])[0-9]{12}20[0-9]{2}[01][0-9][0-3][0-9][0-2][0-9][0-5][0-9][0-5][0-9][0-9]{4}(?![0-9])"
_KEPT = re.compile("|".join([*(_HEX % n for n in (16, 24, 32, 40, 64, 128)), _MESSAGE]))


def redact(text: str) -> str:
    """The text without anything that looks like somebody's number."""
    pieces, at = [], 0
    for kept in _KEPT.finditer(text):
        pieces += [_SOMEBODY.sub(HIDDEN, text[at : kept.start()]), kept.group()]
        at = kept.end()
    return "".join([*pieces, _SOMEBODY.sub(HIDDEN, text[at:])])


def redacted(value: Any, shown: Collection[str] = ()) -> Any:  # whatever somebody logs or stores as JSON
    """The value with every text in it redacted, keys too; secrets and bytes are hidden whole. What stands under a name
    of `shown` is kept as it is."""
    if isinstance(value, SecretStr | bytes | bytearray):
        return HIDDEN
    if isinstance(value, Mapping):
        return {redacted(k): v if k in shown else redacted(v, shown) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(v, shown) for v in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, float) and not value.is_integer():
        return value
    if isinstance(value, int | float):
        return HIDDEN if redact(str(int(value))) != str(int(value)) else value
    return redact(str(value))


def place_of(error: BaseException) -> str:
    """File and line of the code that raised it: `tax.py:12`; "" where it was never raised."""
    frames = extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""


def foreign(error: BaseException) -> str:
    """What may be said of an exception that is not ours: its class, and the operating system's word where there is
    one. Its message may quote a row, a parameter or an input."""
    name = type(error).__name__
    if isinstance(error, OSError) and error.errno is not None:
        return f"{name}({error.errno})"
    return name


def toml_place(fault: BaseException) -> str:
    """Line and column of a fault in a TOML file, as far as it is known."""
    found = re.search(r"\((at line \d+, column \d+)\)$", str(fault))
    return found[1] if found else ""
