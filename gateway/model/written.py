"""What a source calls a person or a household by, as it wrote it."""

import polars as pl

#: What a number has, of whatever width its digits are.
_DIGIT = "[1-9１-９]"
#: How one is written that was rounded.
_ROUNDED = r"\.[0-9]+[eE]|[eE]\+[0-9]"


def own_number(name: str) -> pl.Expr:
    """The source's own number in a column as received, without blanks around it. Null where none stands that two rows
    could share: an empty cell, a word such as 无 or 待定, the 0 that programs write for what nobody worked out, or a
    number that a spreadsheet rounded, such as 4.50102E+17."""
    cell = pl.col(name)
    whole = has_digit(name) & ~cell.str.contains(_ROUNDED)
    return pl.when(whole).then(cell.str.strip_chars()).alias(name)


def has_digit(name: str) -> pl.Expr:
    """Whether the cell has a digit by which two could be told apart."""
    return pl.col(name).str.contains(_DIGIT)
