"""Rules for cells, worked out only where they can matter: lists repeat themselves, and most cells are clean.

Takes columns of text, and rules as expressions over `CELL`. Gives for every cell what the rules give for it alone.
Refuses nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

_CELL, _MENDED = "__cell", "__mended"
#: The cell that a rule speaks about.
CELL = pl.col(_CELL)
Steps = Sequence[Sequence[pl.Expr]]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How cells of one column are read. A step's rules see what came before."""

    #: What the usual cells match.
    usual: str
    #: Rules that give for them, and for no cell at all, what the patient ones give.
    quick: Steps
    patient: Steps


def per_value(cells: pl.Series, *steps: Sequence[pl.Expr]) -> pl.DataFrame:
    """The columns that the rules give, each different cell looked at once. A step's rules see what came before."""
    return _told(cells, lambda different: _answers(different, steps))


def read_values(cells: pl.Series, reading: Reading) -> pl.DataFrame:
    """The columns that the reading gives, each different cell looked at once."""
    return _told(cells, lambda different: read_cells(different, reading))


def read_cells(cells: pl.Series, reading: Reading) -> pl.DataFrame:
    """The columns that the reading gives, of cells that hardly repeat themselves."""
    known = _answers(cells, reading.quick)
    odd = (~cells.str.contains(reading.usual)).arg_true()
    if odd.is_empty():
        return known
    others = per_value(cells.gather(odd), *reading.patient)
    return known.with_columns(known[name].scatter(odd, others[name]) for name in known.columns)


def mend(cells: pl.Series, *rules: Callable[[pl.Expr], pl.Expr], clean: str) -> pl.Series:
    """The cells under rules from text to text, one after the other.

    Those that `clean` matches are known to stay as they are.
    """
    odd = (~cells.str.contains(clean)).arg_true()
    if odd.is_empty():
        return cells
    if odd.len() > cells.len() // 2:
        return _mended(cells, rules).alias(cells.name)
    return cells.clone().scatter(odd, _mended(cells.gather(odd), rules))


def _mended(cells: pl.Series, rules: Sequence[Callable[[pl.Expr], pl.Expr]]) -> pl.Series:
    # Step by step: in one expression, what a rule takes several times of the one before is worked out as often.
    steps = [[rule(pl.col(_MENDED)).alias(_MENDED)] for rule in rules]
    return per_value(cells, [CELL.alias(_MENDED)], *steps)[_MENDED]


def _told(cells: pl.Series, tell: Callable[[pl.Series], pl.DataFrame]) -> pl.DataFrame:
    different, places = distinct(cells)
    return tell(different).select(pl.all().gather(places))


def distinct(cells: pl.Series) -> tuple[pl.Series, pl.Series]:
    """The different cells, the last of them null, and for every cell its place among them: hashed once, and looked up
    by number from there on."""
    different = cells.cast(pl.String).alias(_CELL).drop_nulls().unique()
    places = cells.cast(pl.Enum(different)).to_physical().cast(pl.UInt32).fill_null(different.len())
    return different.extend_constant(None, 1), places


def _answers(cells: pl.Series, steps: Steps) -> pl.DataFrame:
    # Lazily, since what the rules of a step have in common is then worked out once.
    answers = cells.alias(_CELL).to_frame().lazy()
    for rules in steps:
        answers = answers.with_columns(rules)
    return answers.drop(_CELL).collect()
