"""Dates in all the forms in which they come, as expressions over whole columns.

Forms (contract: common): yyyyMMdd, yyyy-MM-dd, yyyy/M/d, yyyy年M月d日, yyyyMM, an Excel serial number; a time of day
behind the date is ignored.
"""

from datetime import date

import polars as pl

from gateway.normalise.text import DASHES, half_width, packed

#: Excel's day zero; serials below 60 fall into its fictitious leap day and never come.
EXCEL_EPOCH = date(1899, 12, 30)
#: Serial numbers that can be a date of this domain: 1902 to 2173.
SERIAL_RANGE = (1000, 99_999)
#: Serial numbers that are rather a year that somebody typed alone; that is no day.
LONE_YEARS = (1900, 2100)
#: Days that can be meant; others are typing errors.
DAYS = (date(1850, 1, 1), date(9999, 12, 31))

#: The two usual forms, as `plain_day` reads them.
PLAIN = r"^[0-9]{4}(?:[0-9]{4}|-[0-9]{2}-[0-9]{2})$"
_SEPARATED = r"^(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})[日号]?$"
_TIME = r"[\s\u00a0T]+\d{1,2}:\d{1,2}.*$"
_COMPACT = r"^(\d{4})(\d{2})(\d{2})(?:0{6})?$"
_MONTH = r"^(\d{4})(?:[-/.年](\d{1,2})月?|(\d{2}))$"
_SERIAL = r"^(\d{4,5})(?:\.\d+)?$"


def _day(year: pl.Expr, month: pl.Expr, day: pl.Expr) -> pl.Expr:
    text = pl.concat_str([year, month.str.zfill(2), day.str.zfill(2)], separator="-")
    parsed = text.str.to_date("%Y-%m-%d", strict=False)
    return pl.when(parsed.is_between(*DAYS)).then(parsed)


def _month_start(text: pl.Expr) -> pl.Expr:
    month = pl.coalesce(text.str.extract(_MONTH, 2), text.str.extract(_MONTH, 3))
    return _day(text.str.extract(_MONTH, 1), month, pl.lit("01"))


def _exact(text: pl.Expr) -> pl.Expr:
    separated = _day(*(text.str.extract(_SEPARATED, i) for i in (1, 2, 3)))
    compact = _day(*(text.str.extract(_COMPACT, i) for i in (1, 2, 3)))
    days = text.str.extract(_SERIAL, 1).cast(pl.Int32, strict=False)
    is_serial = days.is_between(*SERIAL_RANGE) & ~days.is_between(*LONE_YEARS)
    serial = pl.when(is_serial).then(pl.lit(EXCEL_EPOCH) + pl.duration(days=days))
    return pl.coalesce(separated, compact, serial)


def plain_day(cell: pl.Expr) -> pl.Expr:
    """First and last day of a cell that matches `PLAIN`, as `first_day` and `last_day` give them."""
    parsed = cell.str.replace_all("-", "", literal=True).str.to_date("%Y%m%d", strict=False, cache=False)
    return pl.when(parsed.is_between(*DAYS)).then(parsed)


def day_part(cell: pl.Expr) -> pl.Expr:
    """The cell without a time of day; to be cut before blanks go, since `1 23:00` packed would read as the 12th."""
    return half_width(cell).str.replace(_TIME, "")


def bare(cell: pl.Expr) -> pl.Expr:
    """The cell as `first_day` and `last_day` read it: without its time, blanks and marks."""
    return packed(day_part(cell)).str.replace_all(DASHES, "-")


def first_day(text: pl.Expr) -> pl.Expr:
    """A first day: yyyyMM is the 1st. Null where empty or impossible. Takes `bare` cells."""
    return pl.coalesce(_exact(text), _month_start(text))


def last_day(text: pl.Expr) -> pl.Expr:
    """A last day: yyyyMM is the month's last. Null where empty or impossible. Takes `bare` cells."""
    return pl.coalesce(_exact(text), _month_start(text).dt.month_end())
