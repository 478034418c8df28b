"""Numbers drawn at random for whole columns: the same seed, purpose and row give the same number, in any order.

Takes integer columns; gives expressions. Counter-based (SplitMix64), so that a part of a city can be made without the
rest of it, and the same on every machine and version. Refuses nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from zlib import crc32

import polars as pl

_MASK = 2**64 - 1
_STEP = 0x9E3779B97F4A7C15
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_PARTS = 1_000_000
#: Values of a quarter: 1.5 in 100 000 is the smallest share that it can hold.
_QUARTER = 65_536


def _u64(value: int) -> pl.Expr:
    return pl.lit(value & _MASK, pl.UInt64)


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Columns of random numbers of one seed."""

    #: Any integer; another one gives another city.
    seed: int

    def bits(self, column: pl.Expr, purpose: str) -> pl.Expr:
        """64 random bits (UInt64) for each value of an integer column."""
        salt = (self.seed << 32 | crc32(purpose.encode())) * 0xD1342543DE82EF95
        mixed = column.cast(pl.UInt64) * _u64(_STEP) + _u64(salt)
        for shift, factor in _MIX:
            mixed = (mixed ^ (mixed // _u64(1 << shift))) * _u64(factor)
        return mixed ^ (mixed // _u64(1 << 31))

    def below(self, column: pl.Expr, purpose: str, limit: int) -> pl.Expr:
        """A whole number from 0 to `limit` - 1 (Int64)."""
        return (self.bits(column, purpose) % _u64(limit)).cast(pl.Int64)

    def chance(self, column: pl.Expr, purpose: str, share: float) -> pl.Expr:
        """True in `share` of the rows."""
        return self.below(column, purpose, _PARTS) < round(share * _PARTS)


def quarter(bits: pl.Expr, which: int) -> pl.Expr:
    """One of the four quarters (0 to 3) of 64 random bits, 0 to 65 535 (Int32): four draws for the price of one."""
    return (bits // _u64(1 << 16 * which) % _u64(_QUARTER)).cast(pl.Int32)


def up_to(quarter: pl.Expr, limit: int) -> pl.Expr:
    """A whole number from 0 to `limit` - 1 (Int32) out of a quarter; `limit` at most 32 768."""
    return quarter * limit // _QUARTER


def within(quarter: pl.Expr, share: float) -> pl.Expr:
    """True in `share` of the rows."""
    return quarter < round(share * _QUARTER)


def weighted(quarter: pl.Expr, weights: Sequence[float]) -> pl.Expr:
    """An index into `weights` (Int32), each as often as its weight says."""
    total = sum(weights)
    ends = [round(_QUARTER * end / total) for end in accumulate(weights)]
    starts = [0, *ends[:-1]]
    table = [i for i, (a, b) in enumerate(zip(starts, ends, strict=True)) for _ in range(b - a)]
    return pl.lit(pl.Series(table, dtype=pl.Int32)).gather(quarter)
