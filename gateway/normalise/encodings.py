"""Bytes that are GB18030, decoded column by column once the table is read.

Takes a file's bytes. Gives a form in which a table is read without being decoded, and the columns of that table as
text. Refuses nothing: what fits nowhere becomes U+FFFD, and is told.
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
#: After the last cell: a decoder looks at as many bytes before it says that they fit nowhere.
_END = 4 * _BETWEEN
#: Cells by which is seen whether a column repeats itself: codes do, and are decoded once each.
_FIRST = 1_000


def is_utf8(content: bytes) -> bool:
    """Whether every byte fits."""
    try:
        for _text in _decoded(content, "utf-8"):
            pass
    except UnicodeDecodeError:
        return False
    return True


def begins_with(content: bytes, length: int) -> str:
    """The text of the first bytes of GB18030, but for a character that is cut."""
    return codecs.getincrementaldecoder("gb18030")("replace").decode(content[:length])


def undecoded(content: bytes) -> bytes:
    """GB18030 as UTF-8 in which every character stands for a byte. What parts cells and lines stays what it is, since
    no character has those bytes within; the cells are for `decoded`."""
    return content.decode("latin-1").encode()


def fits(text: str) -> bool:
    """Whether every byte of the text had a meaning, and none says itself that it had not."""
    return _BAD not in text


def cells_fit(cells: pl.Series) -> bool:
    """The same of cells out of `undecoded`."""
    return cells.drop_nulls().is_empty() or fits(_text(cells))


def decoded(cells: pl.Series) -> tuple[pl.Series, bool]:
    """The text of cells out of `undecoded`, as decoding the whole file gives it, and whether it `fits`."""
    odd = (cells.str.len_bytes() != cells.str.len_chars()).arg_true()
    if odd.is_empty():
        return cells, True
    if odd.len() == cells.len():
        return _texts(cells)
    texts, fit = _texts(cells.gather(odd))
    return cells.clone().scatter(odd, texts), fit


def decoded_cell(cell: str) -> str:
    """The text of one of them."""
    return cell.encode("latin-1").decode("gb18030", "replace")


def _texts(cells: pl.Series) -> tuple[pl.Series, bool]:
    """The same of cells in which something stands."""
    if cells.head(_FIRST).n_unique() > _FIRST // 10:
        text = _text(cells)
        return pl.Series(cells.name, [text]).str.split(_BETWEEN).explode(), fits(text)
    different, places = distinct(cells)
    text = _text(different)
    return pl.Series(cells.name, text.split(_BETWEEN)).gather(places), fits(text)


def _text(cells: pl.Series) -> str:
    """The text of all cells but the empty ones, one after the other. A character that is cut takes nothing of the
    next cell with it, since what stands between them and at the end is, like a comma, within no character."""
    joined: str = cells.str.join(_BETWEEN).item() + _END
    return joined.encode("latin-1").decode("gb18030", "replace").removesuffix(_END)


def _decoded(content: bytes, encoding: str) -> Iterator[str]:
    """The text in blocks: as one it would be twice the file."""
    decoder, view = codecs.getincrementaldecoder(encoding)(), memoryview(content)
    for at in range(0, len(content), _BLOCK):
        yield decoder.decode(view[at : at + _BLOCK])
    yield decoder.decode(b"", final=True)
