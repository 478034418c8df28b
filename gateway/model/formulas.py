"""What formulas leave in a sheet that its reader takes for nothing: errors, and no value at all.

Takes a sheet's XML. Gives it with texts in these cells, as if somebody had typed there what the program shows.
"""

import re

from gateway.model import markup

#: How the type of a cell that holds an error is written, such as #N/A.
SIGNS_OF_ERRORS = b'"e"', b"'e'"
#: What a cell holds whose formula nobody has worked out, as one whose value is on its way.
UNKNOWN = "#GETTING_DATA"
_PREFIX = r"""(?:[^<>\s:/"'=]+:)?"""
_ERROR = rf"""(<{_PREFIX}c\s(?:[^<>]*?\s)?t\s*=\s*)(?:"e"|'e')"""
#: What a cell says of itself but its type; its formula; a value in which nothing stands.
_SAYS = r"""(?:\s+(?:[A-Za-su-z][A-Za-z0-9:._-]*|t[A-Za-z0-9:._-]+)\s*=\s*(?:"[^"<]*"|'[^'<]*'))*"""
_WITH_FORMULA = rf"\s*>\s*<{_PREFIX}f(?:\s[^<>]*)?(?:/>|>[^<]*</{_PREFIX}f\s*>)"
_NO_VALUE = rf"<{_PREFIX}v(?:\s[^<>]*)?(?:/>|>\s*</{_PREFIX}v\s*>)"
#: A cell with a formula and no value, or with an empty one and of another type than a text, which may be empty.
_UNWORKED = [
    rf"(<{_PREFIX}c{_SAYS})(?:\s+t\s*=\s*(?:{types}))?({_SAYS}{_WITH_FORMULA})\s*{value}(</{_PREFIX}c\s*>)"
    for types, value in ((r""""[A-Za-z]*"|'[A-Za-z]*'""", ""), (r""""[ebdn]"|'[ebdn]'""", rf"{_NO_VALUE}\s*"))
]
_FORMULAS_BEGIN, _ROW = (b"<f", b":f"), re.compile(f"<{_PREFIX}row".encode())


def told(sheet: bytes) -> bytes:
    """The sheet, with cells that hold an error, or a formula without a value, as texts. Its reader takes the errors
    that it knows and what has no value for empty, as if nobody had been at fault, and gives up at the others."""
    begin = sheet.find(b"<", sheet.find(b"sheetData"))
    formulas = any(sign in sheet for sign in _FORMULAS_BEGIN)
    if not formulas and not any(sign in sheet for sign in SIGNS_OF_ERRORS):
        return sheet
    said, row = bytearray(sheet[:begin]), _ROW.search(sheet, begin)
    for text in markup.texts(sheet, begin, overlap=0, sign=row[0] if row else b"<"):
        for unworked in _UNWORKED if formulas else ():
            text = text.str.replace_all(unworked, f'${{1}} t="str"${{2}}<v>{UNKNOWN}</v>${{3}}')
        said += text.str.replace_all(_ERROR, '${1}"str"').item().encode()
    return bytes(said)
