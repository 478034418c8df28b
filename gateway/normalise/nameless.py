"""Rows that name nobody, and are somebody's all the same: name and number were lost, and with them who leaves.

Takes rows as received and the entries that they became. Gives which of those that name nobody are somebody's, and how
many an ordinary list has. Refuses nothing. Source: docs/decisions/0098.
"""

import polars as pl

from gateway.model.mapping import ListMapping
from gateway.model.written import has_digit, own_number
from gateway.normalise.behind import BEYOND, RECORD, REST
from gateway.normalise.numbers import BORN, BORN_OLD
from gateway.normalise.text import half_width, packed, trimmed

#: Rows that name nobody in an ordinary list: where they are one in a thousand, one list in five hundred has more.
#: So many at least, and one more for each so many rows; the fewest of these, or this share.
_ORDINARY, _SHARE = ((1, 50), (2, 240), (3, 400)), 0.003
#: Rows, from all over a list, by which it is known what a row says of somebody.
_SOME = 1_000
#: The source's own number as it is in any list, and one that a spreadsheet rounded; notes are neither.
_NUMBER = r"^(?:[0-9A-Za-z-]{4,}|[0-9](?:\.[0-9]+)?[eE]\+?[0-9]+)$"
#: An identity number of 15 to 18 digits, masked, or rounded; two telephone numbers are longer.
_IDENTITY = (
    r"(?:^|[^0-9])[1-9](?:[0-9]{14,16}|[0-9]{5,}(?:\*+|[Xx×]{3,})[0-9]{0,4})[0-9Xx]?(?:[^0-9]|$)"
    r"|^[1-9](?:\.[0-9]+)?[eE]\+?1[47]$"
)
#: A number of 18 digits that may be cut or illegible, one of 15, one that is masked, or rounded, anywhere in a record.
_WRITTEN = (
    rf"(?:^|[^0-9])(?:{BORN}[0-9]{{0,4}}[0-9Xx]?|{BORN_OLD}[0-9]{{4}}"
    r"|[1-9][0-9]{5,}(?:\*{3,}|[Xx×]{3,})[0-9]{0,4}[0-9Xx]?|[1-9](?:\.[0-9]+)?[eE]\+?1[47])(?:[^0-9]|$)"
)
#: Blanks and dashes within a number; a tab parts cells.
_SPACES = r"[ \u00a0\u2000-\u206f\u2212\u3000\ufeff-]+"
#: What is somebody's number, be it cut, masked or rounded; what may be one, where no other stands in the row: a
#: passport's, or one without a birth date; and what looks like a name.
_THEIRS = rf"^{BORN}[0-9X?\ufffd]*$|^{BORN_OLD}[0-9]{{4}}$|^[1-9][0-9]*X{{3}}[0-9X]*$|^[1-9](?:\.[0-9]+)?E\+1[47]$"
_LONG = r"^[1-9][0-9X?\ufffd]{13,18}$|^[A-Z]{1,3}[0-9]{6,10}$"
_NAME = r"^[^0-9]{2,}$"
#: How numbers are written that tell rows, as the first column of a form does.
_COUNTED = "0"


def usual(rows: int) -> int:
    """So many rows that name nobody, and are somebody's, are ordinary in a list of so many."""
    return max(min(least + rows // more for least, more in _ORDINARY), int(rows * _SHARE))


def names_nobody(rows: pl.DataFrame, entries: pl.DataFrame) -> pl.Series:
    """Which entries have neither name nor number. In a row of too many or too few cells, or with text beyond the header
    and no category in its column, what stands there may be another column's: it names somebody by a right number, by
    what looks like a name beside a number, or by a name where no identity number stands anywhere in the row."""
    fault, number = pl.col("fault"), pl.col("number")
    nobody = entries.select((fault == "nobody_named").fill_null(value=False)).to_series()
    if RECORD not in rows.columns:
        return nobody
    broken = entries.select((fault == "row_broken").fill_null(value=False)).to_series()
    if BEYOND in rows.columns:
        broken |= rows[BEYOND] & entries.select(fault.is_not_null() & pl.col("category").is_null()).to_series()
    broken = broken.arg_true()
    right = pl.col("number_state").is_in(["sound", "suspect"])
    perhaps = number.is_null() | number.str.contains(_LONG)
    beside = number.str.contains(_THEIRS).fill_null(value=False) | perhaps & ~_is_written()
    named = right | pl.col("name_key").str.contains(_NAME) & beside
    looked_at = entries[broken].with_columns(rows[broken][RECORD])
    return nobody.scatter(broken, looked_at.select(~named.fill_null(value=False)).to_series())


def somebodys(rows: pl.DataFrame, entries: pl.DataFrame, mapping: ListMapping) -> pl.Series:
    """Which entries name nobody, and are somebody's. `rows`: their cells, by field."""
    nobody = names_nobody(rows, entries)
    named = (~nobody).arg_true()
    # A row that says its kind in the column for it was cut short, and is one of its own.
    rest = rows[REST] & entries["category"].is_null() if REST in rows.columns else None
    if rest is not None:  # of whom the part before it names by a number
        told = ~nobody & entries["number"].is_not_null()
        nobody &= ~(rest & told.shift(1, fill_value=False))
    if not nobody.any():
        return nobody
    named = named.gather_every(max(1, named.len() // _SOME))
    lost, theirs, some, known = rows.filter(nobody), entries.filter(nobody), rows[named], entries[named]
    numbered, places = _has_number(theirs, known), nobody.arg_true()
    found = _says_much(lost, some, mapping) | numbered | _has_identity(lost, mapping)
    somebodys = nobody.scatter(places, found)
    if rest is None:
        return somebodys
    # Two parts of one row are one person; of two rows that were cut short, the second has a number of its own.
    own = pl.repeat(False, rows.height, eager=True).scatter(places, numbered)
    return somebodys & ~(rest & own.shift(1, fill_value=False) & ~own)


def _says_much(lost: pl.DataFrame, some: pl.DataFrame, mapping: ListMapping) -> pl.Series:
    """Which say two fifths as much beside name and number as rows of somebody do that say little, and three things
    where most say as many: a formula gave an empty text, or a column was lost. Notes, and what was filled in, say less.
    """
    others = [trimmed(pl.col(c.field)).is_not_null() for c in mapping.columns if c.kind not in ("name", "number")]
    said = pl.sum_horizontal(pl.repeat(0, pl.len()), *(other.cast(pl.Int64) for other in others))
    # Rows of one category say less than those of another.
    little, usually = some.select(said.quantile(0.25).alias("little"), said.median().alias("usually")).row(0)
    return lost.select(said * 5 >= max(min(3, usually or 0) * 5, (little or 0) * 2, 1)).to_series()


def _has_number(theirs: pl.DataFrame, known: pl.DataFrame) -> pl.Series:
    """Which have the source's own number of a person or household: as numbers are in any list, or written as those of
    other rows are, such as 低保字第00123号."""
    has = []
    for name in ("raw_source_id", "raw_household"):
        shapes = known.select(_shape(name).alias("shape")).filter(pl.col("shape") != _COUNTED)["shape"].unique()
        has += [packed(pl.col(name)).str.contains(_NUMBER) & has_digit(name), _shape(name).is_in(shapes.implode())]
    return theirs.select(pl.any_horizontal(has).fill_null(value=False)).to_series()


def _shape(name: str) -> pl.Expr:
    """How a number is written: which digits and letters they are, and how many, tells numbers apart."""
    written = half_width(own_number(name))
    return written.str.replace_all("[0-9]+", "0").str.replace_all("[A-Za-z]+", "a")


def _has_identity(lost: pl.DataFrame, mapping: ListMapping) -> pl.Series:
    """Which have the identity number of the head of household, or of somebody else; where the cells are others than
    the header's, anywhere."""
    others = [packed(pl.col(c.field)).str.contains(_IDENTITY) for c in mapping.columns if c.kind == "number"]
    if RECORD in lost.columns:
        others.append(_is_written())
    return lost.select(pl.any_horizontal(pl.lit(value=False), *others).fill_null(value=False)).to_series()


def _is_written() -> pl.Expr:
    """Whether an identity number stands anywhere in a broken record, also with blanks in it."""
    record = half_width(pl.col(RECORD))
    return record.str.contains(_WRITTEN) | record.str.replace_all(_SPACES, "").str.contains(_WRITTEN)
