"""A delivery's receipt: the department's own words as received, and what each row came to."""

import polars as pl

from gateway.model.outcomes import DEPARTMENT_WORDS, REASONS


def receipt_rows(entries: pl.DataFrame, resolutions: pl.DataFrame) -> pl.DataFrame:
    """`plugin.api.RECEIPT` rows of a delivery, in row order."""
    words = {outcome.value: word for outcome, word in DEPARTMENT_WORDS.items()}
    return entries.join(
        resolutions.select("row", "outcome", "reason"), on="row", maintain_order="left"
    ).select(
        "row",
        "line",
        "part",
        name="raw_name",
        number="raw_number",
        category="raw_category",
        household="raw_household",
        source_id="raw_source_id",
        result=pl.col("outcome").replace_strict(words, return_dtype=pl.String),
        reason=pl.col("reason").fill_null("").replace_strict(REASONS, default="", return_dtype=pl.String),
    )
