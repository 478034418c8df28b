"""Rules for cells, worked out only where they can matter: lists repeat themselves, and most cells are clean.

Takes columns of text, and rules as expressions over `CELL`. Gives for every cell what the rules give for it alone.
Refuses nothing.
"""

from collections.abc import Sequence

import polars as pl

_CELL = "__cell"
#: The cell that a rule speaks about.
CELL = pl.col(_CELL)


def per_value(cells: pl.Series, *steps: Sequence[pl.Expr]) -> pl.DataFrame:
    """The columns that the rules give, each different cell looked at once. A step's rules see what came before."""
    asked = cells.alias(_CELL).to_frame()
    # Lazily, since what the rules have in common is then worked out once.
    answers = asked.unique().lazy()
    for rules in steps:
        answers = answers.with_columns(rules)
    known = answers.collect()
    return asked.join(known, on=_CELL, how="left", nulls_equal=True, maintain_order="left").drop(_CELL)


def mend(cells: pl.Series, rule: pl.Expr, *, clean: str) -> pl.Series:
    """The cells under a rule from text to text. Those that `clean` matches are known to stay as they are."""
    odd = (~cells.str.contains(clean)).arg_true()
    if odd.is_empty():
        return cells
    if odd.len() > cells.len() // 2:
        return _mended(cells, rule).alias(cells.name)
    return cells.clone().scatter(odd, _mended(cells.gather(odd), rule))


def _mended(cells: pl.Series, rule: pl.Expr) -> pl.Series:
    return per_value(cells, [rule.alias("mended")])["mended"]
