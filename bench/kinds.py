"""What can be wrong with a row, how often, and whether the person can be settled all the same.

Gives `KINDS` in the order in which they are tried, and the columns that say which befell a row. Source of the shares:
the issue «Identity»; of what is sure: contract «Beyond reasonable doubt».
"""

from dataclasses import dataclass

import polars as pl

from bench.people import TODAY, City

#: Draws are out of so many.
OUT_OF = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One thing that befalls rows."""

    name: str
    #: Of a million rows that fit.
    share: int
    #: Rows whom it can befall; None = any.
    fits: pl.Expr | None = None
    #: Whether the rest of the row can put the person beyond reasonable doubt.
    sure: bool = True
    #: True where that needs the whole birth date, since the number says nothing.
    needs_birth: bool = False
    #: What is done to the row, where several kinds do the same.
    damage: str = ""


_TWIN = pl.col("twin").is_not_null()
_TWIN_HERE = pl.col("twin_here").fill_null(value=False)
#: Twins of one sex whose numbers differ in two places and whose names only at the end.
_NEAR_TWIN = _TWIN_HERE & pl.col("near_twin")
_SMALL = pl.col("born").dt.year() >= TODAY.year - 1
#: Of a household, who is neither its head nor called as the head is.
_MEMBER = pl.col("named_apart")
#: A check character X makes a number a text, which no spreadsheet rounds.
_ROUNDS = ~pl.col("number").str.ends_with("X")

#: Of people in a situation of their own: the shares are of those people, and each counts on from the one before.
SPECIAL = (
    # One number and name under two psn_no: a person must decide.
    Kind(name="twice_on_roster", share=OUT_OF, fits=pl.col("copy").is_not_null(), sure=False),
    Kind(name="shared_number", share=OUT_OF, fits=pl.col("shares").is_not_null()),
    # The check character is the other twin's: one digit from both numbers, the name decides.
    Kind(name="twin_digit", share=60_000, fits=_TWIN),
    Kind(name="twin_name", share=20_000, fits=_TWIN_HERE, sure=False),
    Kind(name="twin_mark", share=20_000, fits=_NEAR_TWIN, sure=False),
    Kind(name="twin_missing", share=40_000, fits=_TWIN, needs_birth=True, damage="missing"),
    Kind(name="son_missing", share=150_000, fits=pl.col("similar"), needs_birth=True, damage="missing"),
    Kind(name="son_fathers_number", share=150_000, fits=pl.col("similar") & _MEMBER, sure=False, damage="head_number"),
    Kind(name="namesake_missing", share=200_000, fits=pl.col("namesake"), needs_birth=True, damage="missing"),
    Kind(name="newborn_missing", share=30_000, fits=_SMALL, needs_birth=True, damage="missing"),
    Kind(name="newborn_new_number", share=30_000, fits=_SMALL, sure=False, damage="changed_number"),
    Kind(name="column_power", share=OUT_OF, fits=pl.col("column") == "power", needs_birth=True),
    Kind(name="column_rounded", share=OUT_OF, fits=pl.col("column") == "rounded", damage="rounded"),
)

#: Of everybody else.
COMMON = (
    Kind(name="digit", share=10_000),
    Kind(name="swap", share=5_000),
    Kind(name="missing", share=5_000, needs_birth=True),
    Kind(name="name_traditional", share=1_700),
    Kind(name="name_homophone", share=1_700),
    Kind(name="name_mark", share=1_600),
    Kind(name="other_name", share=3_000, sure=False),
    Kind(name="rounded", share=500, fits=_ROUNDS),
    Kind(name="head_number", share=500, fits=_MEMBER, sure=False),
    Kind(name="another_number", share=200, sure=False),
    Kind(name="changed_name", share=200, sure=False),
    Kind(name="changed_number", share=200, sure=False),
    Kind(name="digit_and_mark", share=100),
    Kind(name="digit_and_other_name", share=100, sure=False),
    Kind(name="written_otherwise", share=30_000),
)

#: Of those who are left, so that they have lines of their own.
PLAIN = (
    Kind(name="permit", share=OUT_OF, fits=pl.col("permit"), damage="clean"),
    Kind(name="withdrawn_area", share=OUT_OF, fits=pl.col("number").str.starts_with("4526"), damage="clean"),
    Kind(name="clean", share=OUT_OF),
)
KINDS = (*SPECIAL, *COMMON, *PLAIN)
#: Kinds that nobody may be settled in without a person's decision.
UNSURE = tuple(kind.name for kind in KINDS if not kind.sure)
HARMLESS = ("written_otherwise", *(kind.name for kind in PLAIN))


def with_kinds(frame: pl.DataFrame, city: City) -> pl.DataFrame:
    """The rows with `kind`, `damage`, `sure` and `needs_birth`.

    Rows about people who are not on the roster are damaged more often: they are what wrong links are made of.
    """
    index = pl.col("index")
    special = city.draws.below(index, "special kind", OUT_OF)
    common = city.draws.below(index, "common kind", OUT_OF)
    common = pl.when("absent").then(common // 10).otherwise(common)
    special = pl.when("absent").then(special // 3).otherwise(special)
    frame = frame.with_columns(special=special, common=common)
    chosen = pl.coalesce(_choice(SPECIAL, pl.col("special")), _choice(COMMON, pl.col("common")), _choice(PLAIN))
    frame = frame.with_columns(chosen.alias("chosen")).drop("special", "common")
    return frame.with_columns(
        pl.when("absent").then(_outside()).otherwise("chosen").alias("kind"),
        pl.col("chosen").replace_strict({k.name: k.damage or k.name for k in KINDS}).alias("damage"),
        pl.col("chosen").replace_strict({k.name: k.sure for k in KINDS}).alias("sure"),
        pl.col("chosen").replace_strict({k.name: k.needs_birth for k in KINDS}).alias("needs_birth"),
    ).drop("chosen")


def _outside() -> pl.Expr:
    """Kinds of rows about people who are not on the roster."""
    return (
        pl.when(pl.col("chosen").is_in(HARMLESS))
        .then(pl.lit("outside"))
        .when(_TWIN)
        .then(pl.lit("outside_twin_damaged"))
        .when("namesake")
        .then(pl.lit("outside_namesake_damaged"))
        .otherwise(pl.lit("outside_damaged"))
    )


def _choice(kinds: tuple[Kind, ...], draw: pl.Expr | None = None) -> pl.Expr:
    """The first kind that fits and whose share the draw falls into; null = none."""
    found = pl.lit(None, pl.String)
    ends = _ends(kinds)
    for kind in reversed(kinds):
        fits = pl.lit(value=True) if kind.fits is None else kind.fits
        if draw is not None:
            fits = fits & draw.is_between(ends[kind.name] - kind.share, ends[kind.name], closed="left")
        found = pl.when(fits.fill_null(value=False)).then(pl.lit(kind.name)).otherwise(found)
    return found


def _ends(kinds: tuple[Kind, ...]) -> dict[str, int]:
    """Kind -> where its share ends: shares of one kind of people follow each other, whole ones start anew."""
    ends: dict[str, int] = {}
    at = 0
    for kind in kinds:
        at = kind.share if kind.share == OUT_OF else (at % OUT_OF) + kind.share
        ends[kind.name] = at
    return ends
