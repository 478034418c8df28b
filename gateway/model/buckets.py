"""Into which bucket a person number or an identity number falls. Frames at rest are cut this way."""

import polars as pl

#: Buckets of a site: enough that two in memory at once stay small for a province.
BUCKETS = 16


def by_number(number: pl.Expr) -> pl.Expr:
    """Bucket 0…15 of a cleaned identity number; numbers without the usual digits fall into 0."""
    digits = number.str.slice(14, 3).cast(pl.Int32, strict=False)
    return (digits % BUCKETS).fill_null(0).cast(pl.UInt8)


def by_key(key: pl.Expr) -> pl.Expr:
    """Bucket 0…15 of a person key."""
    return (key % BUCKETS).cast(pl.UInt8)
