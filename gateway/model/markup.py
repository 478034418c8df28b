"""What the bytes of a part of XML show at once: that it is as programs write it, and which of some signs are in it.

Takes bytes, half a megabyte at a time: in one piece a sheet took three times its size. Polars, which works beside other
threads, finds a pattern six times as fast as a parser calls for an element; so whoever has many parts asks here first.
"""

from collections.abc import Iterator

import polars as pl

#: An element that begins or ends, as programs write them; none of their signs stands anywhere else then. Each cell says
#: its place first: it may also be written otherwise, or not at all, and lies behind the one before it then.
_CELL, _OTHER = 'c r="[A-Z]+[0-9]+"', "(?:[A-Zabd-z0-9][A-Za-z0-9]*|c[A-Za-z0-9]+)"
_ELEMENT = (
    f"<(?:/(?:[A-Za-z0-9]+:)?[A-Za-z0-9]+|(?:[A-Za-z0-9]+:)?(?:{_CELL}|{_OTHER})"
    r'(?: [A-Za-z0-9:._-]+="[^"<>]*")* ?/?)>'
)
#: Elements that may be open at once: a reader keeps up to 30 bytes of each.
_MOST_OPEN = 250_000
#: Bytes that are looked at at once; and so many without any element are no list's: a cell has 32 767 characters.
_PIECE, _NO_PIECE = 1 << 19, 1 << 17
#: So far a certain element is looked for.
_FAR = 1 << 21
#: An element that has nothing in it, in plain content.
_EMPTY = "<[^<>]*/>"


def pieces(content: bytes, begin: int, sign: bytes = b"<") -> Iterator[tuple[int, int]]:
    """Where each of some hundred kilobytes begins and ends: with the sign of an element, which is of both. Where there
    is none for some megabytes, with that of any."""
    while begin < len(content):
        end = content.find(sign, begin + _PIECE, begin + _FAR)
        end = content.find(b"<", begin + _PIECE) if end < 0 else end
        end = len(content) if end < 0 else end
        yield begin, end + 1
        begin = end


def has_gap(content: bytes) -> bool:
    """Whether somewhere in it there is no element for longer than any text of a cell."""
    return any(end - begin > _PIECE + _NO_PIECE for begin, end in pieces(content, 0))


def is_plain(content: bytes, begin: int, signs: int) -> bool:
    """Whether from there on the bytes show at once what is an element, and that few are open. `signs`: of elements, in
    all of it."""
    begun = content.count(b"<", max(begin, 0))
    if begin < 0 or begun != count(content, begin, _ELEMENT):
        return False
    return signs <= _MOST_OPEN or not _is_deep(content, begin, texts=begun != content.count(b">", begin))


def count(content: bytes, begin: int, sign: str) -> int:
    """How often the sign of an element, a pattern, is in it from there on; never in what is no UTF-8."""
    return sum(_counted(content[start : end - 1], sign) for start, end in pieces(content, begin))


def _counted(piece: bytes, sign: str) -> int:
    try:
        text = pl.Series([piece], dtype=pl.Binary).cast(pl.String)
    except pl.exceptions.ComputeError:
        return 0
    return int(text.str.count_matches(sign).item())


def has(content: bytes, begin: int, sign: str) -> bool:
    """Whether the sign is in plain content from there on."""
    return any(text.str.contains(sign).item() for text in texts(content, begin))


def texts(content: bytes, begin: int, *, overlap: int = 1, sign: bytes = b"<") -> Iterator[pl.Series]:
    """Content that is UTF-8 from there on, piece by piece, each a series of one text. `overlap`: with the sign with
    which the next one begins; `sign`: of `pieces`."""
    for start, end in pieces(content, begin, sign):
        yield pl.Series([content[start : end - 1 + overlap]], dtype=pl.Binary).cast(pl.String)


def _is_deep(content: bytes, begin: int, *, texts: bool) -> bool:
    """Whether more elements may be open at once than `_MOST_OPEN`, in plain content; whether something in its `texts`
    may look like the end of an element that has nothing in it."""
    deep = content.count(b"<", 0, begin)
    for start, end in pieces(content, begin):
        if deep > _MOST_OPEN:
            break
        begun, ended = content.count(b"<", start, end - 1), content.count(b"</", start, end)
        empty = _counted(content[start : end - 1], _EMPTY) if texts else content.count(b"/>", start, end)
        deep += begun - 2 * ended - empty
    return deep > _MOST_OPEN
