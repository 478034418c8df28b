"""Bytes that are GBK or UTF-8 as text: at once, or each column by itself once the table is read.

Takes a file's bytes. Gives UTF-8, or a form in which a table is read without being decoded, and the columns of that
table as text. Refuses nothing; whoever asks for a column that isn't clean gets none, and reads the file at once.
"""

import codecs
from collections.abc import Iterator

import polars as pl

from gateway.normalise.cells import distinct

#: Bytes that are decoded at once; larger blocks are slower.
_BLOCK = 1 << 20
#: What a byte becomes that no encoding has.
_BAD = "\ufffd"
#: Between cells that are decoded together: no file of text has it.
_BETWEEN = "\0"
#: Cells by which is seen whether a column repeats itself: codes do, and are decoded once each.
_FIRST = 1_000


def is_utf8(content: bytes) -> bool:
    """Whether every byte fits."""
    try:
        for _text in _decoded(content, "utf-8", "strict"):
            pass
    except UnicodeDecodeError:
        return False
    return True


def transcoded(content: bytes) -> tuple[bytes, bool]:
    """UTF-8 of GB18030, and whether bytes did not fit: they become U+FFFD."""
    bad_bytes, blocks = False, []
    for block in _decoded(content, "gb18030", "replace"):
        bad_bytes = bad_bytes or _BAD in block
        blocks.append(block.encode())
    return b"".join(blocks), bad_bytes


def begins_with(content: bytes, length: int) -> str | None:
    """The text of the first bytes of GB18030, but for a character that is cut; None where they do not fit."""
    try:
        text = codecs.getincrementaldecoder("gb18030")().decode(content[:length])
    except UnicodeDecodeError:
        return None
    return None if _BAD in text else text


def is_gb18030(content: bytes) -> bool:
    """Whether every byte fits, and none says itself that it did not."""
    try:
        return not any(_BAD in text for text in _decoded(content, "gb18030", "strict"))
    except UnicodeDecodeError:
        return False


def undecoded(content: bytes) -> bytes:
    """GB18030 as UTF-8 in which every character stands for a byte. What parts cells and lines stays what it is, since
    no character has those bytes within; the cells are for `decoded`."""
    return content.decode("latin-1").encode()


def fits(cells: pl.Series) -> bool:
    """Whether `decoded` has the text of all cells."""
    return cells.drop_nulls().is_empty() or _text(cells) is not None


def decoded(cells: pl.Series) -> pl.Series | None:
    """The text of cells out of `undecoded`, as decoding the whole file gives it. None where bytes do not fit, or say
    themselves that they did not."""
    odd = (cells.str.len_bytes() != cells.str.len_chars()).arg_true()
    if odd.is_empty():
        return cells
    texts = _texts(cells if odd.len() == cells.len() else cells.gather(odd))
    if texts is None or odd.len() == cells.len():
        return texts
    return cells.clone().scatter(odd, texts)


def _texts(cells: pl.Series) -> pl.Series | None:
    """The same of cells in which something stands."""
    if cells.head(_FIRST).n_unique() > _FIRST // 10:
        text = _text(cells)
        return None if text is None else pl.Series(cells.name, [text]).str.split(_BETWEEN).explode()
    different, places = distinct(cells)
    text = _text(different)
    return None if text is None else pl.Series(cells.name, text.split(_BETWEEN)).gather(places)


def _text(cells: pl.Series) -> str | None:
    """The text of all cells but the empty ones, one after the other."""
    try:
        text: str = cells.str.join(_BETWEEN).item().encode("latin-1").decode("gb18030")
    except UnicodeDecodeError:
        return None
    return None if _BAD in text else text


def _decoded(content: bytes, encoding: str, errors: str) -> Iterator[str]:
    """The text in blocks: as one it would be twice the file."""
    decoder, view = codecs.getincrementaldecoder(encoding)(errors), memoryview(content)
    for at in range(0, len(content), _BLOCK):
        yield decoder.decode(view[at : at + _BLOCK])
    yield decoder.decode(b"", final=True)
