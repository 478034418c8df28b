"""What is done to the number and the name of a row, for whole columns of rows of one kind.

Takes rows (`rows.ROW` columns of the person, `number` and `name` as they should be) and the people, by whose index
others are looked up. Gives the rows with `number` and `name` as they were sent. Refuses nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from bench import names
from bench.draw import Draws
from bench.people import with_check

_INDEX, _NUMBER, _NAME = pl.col("index"), pl.col("number"), pl.col("name")
_NOTHING = ("", "-", "无", "暂无")
_MARKS = ("□", "?", "*", "？")
#: An area that nobody of the city has, for numbers that were given anew.
_ELSEWHERE = "452201"
_WIDE = tuple("０１２３４５６７８９")


@dataclass(frozen=True, kw_only=True)
class Damage:
    """The damages of one city."""

    draws: Draws
    people: pl.DataFrame

    def done(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows with each damage done that its column says, in the order of their index."""
        parts = rows.partition_by("damage", as_dict=True)
        done = [self._by_name(str(name))(part) for (name,), part in parts.items()]
        return pl.concat(done).sort("index")

    def _by_name(self, name: str) -> Callable[[pl.DataFrame], pl.DataFrame]:
        verbs: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
            "digit": self._digit,
            "swap": self._swap,
            "missing": lambda rows: rows.with_columns(self._one_of(_NOTHING, "nothing").alias("number")),
            "name_traditional": self._traditional,
            "name_homophone": self._homophone,
            "name_mark": self._mark,
            "other_name": self._other_name,
            "rounded": self._rounded,
            "column_power": self._power,
            "head_number": lambda rows: self._number_of(rows, pl.col("head")),
            "another_number": lambda rows: self._number_of(rows, self._somebody(rows)),
            "changed_name": self._changed_name,
            "changed_number": self._changed_number,
            "digit_and_mark": lambda rows: self._digit(self._mark(rows)),
            "digit_and_other_name": lambda rows: self._digit(self._other_name(rows)),
            "twin_digit": self._twin_digit,
            "twin_name": lambda rows: self._name_of(rows, pl.col("twin")),
            "twin_mark": lambda rows: self._mark(self._twin_digit(rows)),
            "written_otherwise": self._otherwise,
        }
        return verbs.get(name, lambda rows: rows)

    def _one_of(self, values: tuple[str, ...], purpose: str) -> pl.Expr:
        return pl.lit(pl.Series(values)).gather(self.draws.below(_INDEX, purpose, len(values)))

    def _others(self, rows: pl.DataFrame, who: pl.Expr, column: str) -> pl.Series:
        return self.people[column].gather(rows.select(who).to_series())

    def _number_of(self, rows: pl.DataFrame, who: pl.Expr) -> pl.DataFrame:
        return rows.with_columns(self._others(rows, who, "number").alias("number"))

    def _name_of(self, rows: pl.DataFrame, who: pl.Expr) -> pl.DataFrame:
        return rows.with_columns(self._others(rows, who, "name").alias("name"))

    def _somebody(self, rows: pl.DataFrame) -> pl.Expr:
        """Anybody of another household; of a household next to it where chance chose one's own."""
        count = self.people.height
        chosen = self.draws.below(_INDEX, "somebody", count)
        return pl.when((chosen - _INDEX).abs() < 20).then((chosen + 40) % count).otherwise(chosen)

    def _digit(self, rows: pl.DataFrame) -> pl.DataFrame:
        """One of the first 17 digits is another one."""
        at = self.draws.below(_INDEX, "digit at", 17)
        old = _NUMBER.str.slice(at, 1).cast(pl.Int64)
        new = (old + 1 + self.draws.below(_INDEX, "digit", 9)) % 10
        return rows.with_columns(
            pl.concat_str(_NUMBER.str.slice(0, at), new.cast(pl.String), _NUMBER.str.slice(at + 1)).alias("number")
        )

    def _swap(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Two neighbours that differ change places: the first such pair from a random place on."""
        start = self.draws.below(_INDEX, "swap at", 16)
        places = [(start + step) % 16 for step in range(16)]
        differ = [pl.when(_NUMBER.str.slice(at, 1) != _NUMBER.str.slice(at + 1, 1)).then(at) for at in places]
        at = pl.col("at")
        parts = (_NUMBER.str.slice(0, at), _NUMBER.str.slice(at + 1, 1), _NUMBER.str.slice(at, 1))
        swapped = pl.concat_str(*parts, _NUMBER.str.slice(at + 2))
        return rows.with_columns(pl.coalesce(differ).alias("at")).with_columns(swapped.alias("number")).drop("at")

    def _rounded(self, rows: pl.DataFrame) -> pl.DataFrame:
        rounded = pl.concat_str(_NUMBER.str.slice(0, 15), pl.lit("000"))
        return rows.with_columns(pl.when(_NUMBER.str.ends_with("X")).then(_NUMBER).otherwise(rounded).alias("number"))

    def _power(self, rows: pl.DataFrame) -> pl.DataFrame:
        """As a spreadsheet shows a number: six digits and the power; one that ends in X stayed a text."""
        six = ((_NUMBER.str.slice(0, 7).cast(pl.Int64) + 5) // 10).cast(pl.String)
        power = pl.concat_str(six.str.slice(0, 1), pl.lit("."), six.str.slice(1), pl.lit("E+17"))
        return rows.with_columns(pl.when(_NUMBER.str.ends_with("X")).then(_NUMBER).otherwise(power).alias("number"))

    def _changed_number(self, rows: pl.DataFrame) -> pl.DataFrame:
        seventeen = pl.concat_str(pl.lit(_ELSEWHERE), _NUMBER.str.slice(6, 11)).cast(pl.Int64)
        return rows.with_columns(with_check(seventeen).alias("number"))

    def _twin_digit(self, rows: pl.DataFrame) -> pl.DataFrame:
        theirs = self._others(rows, pl.col("twin"), "number").str.slice(17, 1)
        return rows.with_columns(pl.concat_str(_NUMBER.str.slice(0, 17), pl.lit(theirs)).alias("number"))

    def _traditional(self, rows: pl.DataFrame) -> pl.DataFrame:
        written = names.traditional(_NAME)
        return self._mark(rows.with_columns(written.alias("name")), where=written == _NAME)

    def _homophone(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Another character of the same syllable, of the last where it has one, else of the first."""
        first = pl.lit(names.HOMOPHONE).gather("first")
        second = pl.lit(names.HOMOPHONE).gather("second")
        last = second != pl.col("second")
        name = names.text(
            pl.col("surname"),
            pl.when(last.fill_null(value=False)).then("first").otherwise(first),
            pl.when(last).then(second).otherwise("second"),
            pl.col("minority"),
        )
        return self._mark(rows.with_columns(name.alias("name")), where=name == _NAME)

    def _mark(self, rows: pl.DataFrame, *, where: pl.Expr | None = None) -> pl.DataFrame:
        """A mark instead of the last character; of all rows, or of those that could not be written otherwise."""
        marked = pl.concat_str(_NAME.str.head(-1), self._one_of(_MARKS, "mark"))
        same = pl.lit(value=True) if where is None else where
        return rows.with_columns(pl.when(same).then(marked).otherwise(_NAME).alias("name"))

    def _other_name(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The name of the first of some people whose last character sounds otherwise."""
        count = self.people.height
        offsets = self.draws.below(_INDEX, "other name", count // 2) + 40
        name = pl.lit(None, pl.String)
        own = _last_syllable()
        for step in range(4):
            who = rows.select((_INDEX + offsets + step * 7) % count).to_series()
            other = self.people[who]
            differs = own != other.select(_last_syllable()).to_series()
            name = pl.coalesce(name, pl.when(differs).then(pl.lit(other["name"])))
        return rows.with_columns(name.alias("name"))

    def _changed_name(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The same surname, and given characters that sound otherwise."""
        step = len(names.GIVEN) // 3
        first, second = ((pl.col(c) + step) % len(names.GIVEN) for c in ("first", "second"))
        name = names.text(pl.col("surname"), first, second, pl.lit(None, pl.Int32))
        return rows.with_columns(name.alias("name"))

    def _otherwise(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The same number and name, typed in another form."""
        old = (_NUMBER.str.slice(6, 2) == "19") & ~pl.col("permit")
        fifteen = pl.concat_str(_NUMBER.str.slice(0, 6), _NUMBER.str.slice(8, 9))
        spaced = pl.concat_str(
            _NUMBER.str.slice(0, 6), pl.lit(" "), _NUMBER.str.slice(6, 8), pl.lit(" "), _NUMBER.str.slice(14)
        )
        wide = _NUMBER.str.replace_many(list("0123456789"), list(_WIDE))
        form = self.draws.below(_INDEX, "form", 5)
        number = (
            pl.when(form == 0)
            .then(spaced)
            .when(form == 1)
            .then(wide)
            .when(form == 2)
            .then(pl.concat_str(pl.lit("'"), _NUMBER))
            .when((form == 3) & old)
            .then(fifteen)
            .otherwise(_NUMBER.str.to_lowercase())
        )
        blank = pl.concat_str(_NAME.str.head(1), pl.lit("\u3000"), _NAME.str.slice(1))
        short = (form == 4) & (_NAME.str.len_chars() == 2)
        return rows.with_columns(number.alias("number"), pl.when(short).then(blank).otherwise(_NAME).alias("name"))


def _last_syllable() -> pl.Expr:
    """Of the last given character; a minority's name counts as a syllable of its own."""
    last = pl.coalesce("second", "first")
    return pl.when(pl.col("minority").is_null()).then(pl.lit(names.SYLLABLE).gather(last)).otherwise(-1)
