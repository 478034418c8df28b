"""How right the gateway was: what each row came to, beside whom it means.

Takes rows with their truth, and the gateway's resolutions in the same order. Gives one line per kind, and the figures
of the issue. Refuses nothing.
"""

from dataclasses import dataclass

import polars as pl

from bench.kinds import UNSURE

_SURE, _TRUTH, _ALSO = pl.col("person_key"), pl.col("truth"), pl.col("also")


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the floors are about."""

    rows: int
    #: Rows whose person can be known beyond reasonable doubt.
    settleable: int
    #: Of these, rows settled on the right person; 0 to 1.
    settled: float
    #: Rows settled on somebody else.
    wrong: int
    #: Rows settled on the right person, though the kind always leaves a doubt.
    bold: int
    #: Rows in review whose person is on the roster.
    cases: int
    #: Of these, cases in which that person is the first candidate; 0 to 1.
    first: float


def judged(truth: pl.DataFrame, resolutions: pl.DataFrame) -> pl.DataFrame:
    """The rows (`rows.TRUTH`) with what they came to, as flags. Both frames have one line per row, in one order."""
    frame = pl.concat([truth, resolutions.select("outcome", "person_key", best=_best(resolutions))], how="horizontal")
    right = ((_SURE == _TRUTH) | (_SURE == _ALSO)).fill_null(value=False)
    review = (pl.col("outcome") == "review") & _TRUTH.is_not_null()
    found = ((pl.col("best") == _TRUTH) | (pl.col("best") == _ALSO)).fill_null(value=False)
    return frame.with_columns(
        settled=right & pl.col("settleable"),
        bold=right & pl.col("kind").is_in(UNSURE),
        wrong=_SURE.is_not_null() & ~right,
        case=review,
        first=review & found,
        review=pl.col("outcome") == "review",
        unmatched=pl.col("outcome") == "unmatched",
        invalid=pl.col("outcome") == "invalid",
    )


def _best(resolutions: pl.DataFrame) -> pl.Expr:
    """The first candidate."""
    ranked = "candidates" in resolutions.columns
    return pl.coalesce(pl.col("candidates").list.first(), "candidate") if ranked else pl.col("candidate")


def by_kind(frame: pl.DataFrame) -> pl.DataFrame:
    """One line per kind of row, the commonest first."""
    sums = ("settleable", "settled", "wrong", "bold", "review", "case", "first", "unmatched", "invalid")
    return (
        frame.group_by("kind")
        .agg(pl.len().alias("rows"), *(pl.col(c).sum() for c in sums))
        .with_columns((pl.col("settleable") - pl.col("settled")).alias("missed"))
        .sort("rows", descending=True)
    )


def figures(frame: pl.DataFrame) -> Figures:
    """The sums."""
    counts = frame.select(pl.col("settleable", "settled", "wrong", "bold", "case", "first").sum()).row(0, named=True)
    return Figures(
        rows=frame.height,
        settleable=counts["settleable"],
        settled=counts["settled"] / max(counts["settleable"], 1),
        wrong=counts["wrong"],
        bold=counts["bold"],
        cases=counts["case"],
        first=counts["first"] / max(counts["case"], 1),
    )
