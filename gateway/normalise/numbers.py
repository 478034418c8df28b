"""Identity numbers: cleaning, 15 to 18, check character, and what a number is worth.

Sources: GB 11643-1999 (structure, ISO 7064 MOD 11-2), contract «dirt». The area code is never judged: withdrawn codes
are real, and permits 81/82/83 and foreigners' cards 9… follow the same check.
"""

from datetime import date
from functools import cache, reduce

import polars as pl

from gateway.normalise.text import DASHES, MARKS, no_word, packed

#: Characters that people type for the check character X.
_FALSE_X = ["x", "Ⅹ", "ⅹ", "Х", "х", "×", "*", "✕", "✖", "╳", "Χ", "χ"]
#: Stops around a number that a hand left, with marks behind them.
_STOPS = "[,;:.、。" + MARKS[1:]
#: A rounded number as Java writes it, without the plus.
_POWER = r"^(\d(?:\.\d+)?)E(1[47])$"
_CHECKS = pl.Series(list("10X98765432"))
#: Disability certificate: the number, type and grade digits, and `B1`… for a reissue.
_CERTIFICATE = r"^(\d{17}[\dX])[1-7][1-4](?:B\d)?$"
_EIGHTEEN = r"^[1-9]\d{16}[\dX]$"
_FIFTEEN = r"^[1-9][0-9]{14}$"
OLD_LENGTH = 15
#: How 18 digits go on after the area.
_CENTURIES = ["19", "20"]
#: A number in which there is nothing to clean. ASCII digits only, where `\d` means every script's; the digits of its
#: century differ, so that it is not one digit again and again.
CLEAN = r"^[1-9][0-9]{5}(?:18|19|20)[0-9]{9}[0-9X]$"
#: Area and birth date of 18 digits, which an account's number has not; and those of 15.
BORN = r"[1-9][0-9]{5}(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])[0-3][0-9]"
BORN_OLD = r"[1-9][0-9]{7}(?:0[1-9]|1[0-2])[0-3]"
#: The year in which people were born whose 15 digits look like 18 of 2001 to 2012 that were cut.
_LOOKS_CUT = 1920
#: Nobody on a list was born before.
_EARLIEST = date(1850, 1, 1)


@cache
def _six_digits() -> pl.Series:
    """Up to six digits in a row → what they add to a check, mod 11. A digit counts twice what the one behind it
    counts."""
    sums = pl.Series([0], dtype=pl.UInt8)
    for place in range(6):
        sums = pl.concat([(sums + digit * 2**place % 11) % 11 for digit in range(10)], rechunk=True)
    return sums


def _bare(text: pl.Expr) -> pl.Expr:
    text = no_word(text.str.replace_all(f"-|{DASHES}", "").str.replace_all(f"^{_STOPS}+|{_STOPS}+$", ""))
    text = text.str.replace_many(_FALSE_X, ["X"] * len(_FALSE_X)).str.to_uppercase()
    return text.str.replace(_POWER, "${1}E+$2")


def _of_certificate(text: pl.Expr) -> pl.Expr:
    return pl.coalesce(text.str.extract(_CERTIFICATE, 1), text)


def _no_filling(text: pl.Expr) -> pl.Expr:
    return pl.when(text.str.strip_chars(text.str.head(1)) != "").then(text)


#: What `cleaned` does, in its order: step by step over a column, nothing is worked out twice.
CLEANING = (packed, _bare, _of_certificate, _no_filling)


def cleaned(column: pl.Expr) -> pl.Expr:
    """The number without dirt: half-width, no blanks or quotes, X as X; a certificate's number is its first 18.

    One character again and again, as people fill a field that must not be empty, is no number.
    """
    return reduce(lambda text, step: step(text), CLEANING, column)


def check_character(number: pl.Expr) -> pl.Expr:
    """The check character that the first 17 digits call for (ISO 7064 MOD 11-2)."""
    first, middle, last = (
        pl.lit(_six_digits()).gather(number.str.slice(at, length).cast(pl.UInt32, strict=False))
        for at, length in ((0, 5), (5, 6), (11, 6))
    )
    return pl.lit(_CHECKS).gather((first * (2**13 % 11) + middle * (2**7 % 11) + last * 2) % 11)


def eighteen(number: pl.Expr) -> pl.Expr:
    """A cleaned number, with numbers of 15 digits brought to 18."""
    long = pl.concat_str(number.str.slice(0, 6), pl.lit("19"), number.str.slice(6, 9))
    return pl.when(number.str.contains(_FIFTEEN)).then(long + check_character(long)).otherwise(number)


def birth_of(number: pl.Expr) -> pl.Expr:
    """The birth date inside an 18-character number; null where there is none."""
    born = number.str.slice(6, 8).str.to_date("%Y%m%d", strict=False, cache=False)
    return pl.when(number.str.contains(_EIGHTEEN) & (born >= _EARLIEST)).then(born)


def old_fits(born: pl.Expr, birth_from: pl.Expr, birth_to: pl.Expr) -> pl.Expr:
    """Whether 15 digits are a number of their own, by the birth date that they say and the row's.

    18 digits of somebody born 2001 to 2012 that were cut look like the 15 of somebody born 1920: these only where the
    row says that too.
    """
    said = born.is_between(birth_from, birth_to)
    return pl.when(birth_from.is_null()).then(born.dt.year() != _LOOKS_CUT).otherwise(said).fill_null(value=False)


def as_cut(number: pl.Expr) -> pl.Expr:
    """The 15 digits that a brought-to-18 number was made of, where they may be the beginning of 18."""
    sent = number.str.slice(0, 6) + number.str.slice(8, 9)
    return pl.when(number.str.slice(8, 2).is_in(_CENTURIES)).then(sent).otherwise(number)


def is_checked(number: pl.Expr) -> pl.Expr:
    """True where the last of 18 characters is the one that the first 17 digits call for."""
    return (number.str.slice(17) == check_character(number)).fill_null(value=False)


def is_sound(number: pl.Expr) -> pl.Expr:
    """True where a brought-to-18 number has the form, a real birth date and the right check character."""
    return birth_of(number).is_not_null() & is_checked(number)


def state(number: pl.Expr, sound: pl.Expr, is_numeric_cell: pl.Expr) -> pl.Expr:
    """What a brought-to-18 number is worth, by name; `sound` is `is_sound` of it.

    missing: nothing there. damaged: a numeric cell (its last digits are lost), a spreadsheet's form, or a wrong
    check. suspect: right, but ending in 000 as a rounded one would. sound: right.
    """
    return (
        pl.when(number.is_null())
        .then(pl.lit("missing"))
        .when(is_numeric_cell)
        .then(pl.lit("damaged"))
        .when(sound & number.str.ends_with("000"))
        .then(pl.lit("suspect"))
        .when(sound)
        .then(pl.lit("sound"))
        .otherwise(pl.lit("damaged"))
    )
