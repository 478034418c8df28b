"""Whom an unresolved row may name. A departure waits while such a row may be that person.

Source: contract «Departures»: its number, as sent or nearly (one digit wrong, missing or too many, two neighbours
swapped), or its name is theirs, and nothing else contradicts, nor has a person said that it is somebody else.
"""

import re
from itertools import islice, product

import polars as pl

from gateway.reconcile.names import TOKENS, UNREADABLE, syllables

_LENGTH = 18
#: People looked at in one go; 35 keys each bound the memory.
_CHUNK = 50_000
#: Ways to read one name; few characters have three, and names have four.
_READINGS = 64


def may_name(people: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """(scope, person_key) that a row of the same scope may name.

    `people`: scope, person_key, number, name_key, birth, sex. `rows`: `settle.statements.UNRESOLVED` columns.
    """
    hits = [_chunk(people.slice(at, _CHUNK), rows) for at in range(0, people.height, _CHUNK)]
    nobody = people.clear().select("scope", "person_key")
    return pl.concat([nobody, *hits]).unique()


def _chunk(people: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    known = people.rename({"number": "their_number", "name_key": "their_name", "sex": "their_sex"})
    same = known.join(rows, left_on=["scope", "their_number"], right_on=["scope", "number"])
    near = _nearly(known, rows)
    named = _by_sound(known, rows)
    columns = ["scope", "person_key", "birth", "their_sex", "birth_from", "birth_to", "sex", "ruled_out"]
    pairs = pl.concat([frame.select(columns) for frame in (same, near, named)])
    other_birth = (pl.col("birth") < pl.col("birth_from")) | (pl.col("birth") > pl.col("birth_to"))
    # The roster also knows «unknown» and «not said», which contradict nothing.
    other_sex = pl.col("their_sex").is_in(["1", "2"]) & (pl.col("sex") != pl.col("their_sex"))
    decided = pl.col("ruled_out").list.contains(pl.col("person_key"))
    contradicted = pl.any_horizontal(other_birth, other_sex, decided).fill_null(value=False)
    return pairs.filter(~contradicted).select("scope", "person_key").unique()


def _masks(frame: pl.DataFrame, number: str) -> pl.DataFrame:
    """The number with one position masked, and with two neighbours masked in sorted order: equal for near ones."""
    full = frame.filter(pl.col(number).str.len_chars() == _LENGTH)
    n = pl.col(number)
    one = [pl.concat_str(n.str.slice(0, i), pl.lit("_"), n.str.slice(i + 1)) for i in range(_LENGTH)]
    two = []
    for i in range(_LENGTH - 1):
        a, b = n.str.slice(i, 1), n.str.slice(i + 1, 1)
        pair = pl.concat_str(pl.min_horizontal(a, b), pl.max_horizontal(a, b))
        two.append(pl.concat_str(n.str.slice(0, i), pl.lit("<"), pair, pl.lit(">"), n.str.slice(i + 2)))
    return full.with_columns(mask=pl.concat_list([*one, *two])).explode("mask")


def _nearly(known: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    mine = _masks(known.drop_nulls("their_number"), "their_number")
    theirs = _masks(rows.drop_nulls("number"), "number")
    found = [mine.join(theirs, on=["scope", "mask"]), _shorter(known, rows), _longer(known, rows)]
    return pl.concat(found, how="diagonal")


def _shorter(known: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows in whose number one character is missing, and whose it may be."""
    short = rows.filter(pl.col("number").str.len_chars() == _LENGTH - 1).with_columns(mask="number")
    if short.is_empty():
        return short.clear()
    whole = known.filter(pl.col("their_number").str.len_chars() == _LENGTH)
    return _one_less(whole, "their_number", _LENGTH).join(short, on=["scope", "mask"])


def _longer(known: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """Rows in whose number one character is too many, and whose it may be."""
    long = rows.filter(pl.col("number").str.len_chars() == _LENGTH + 1)
    if long.is_empty():
        return long.clear()
    whole = known.filter(pl.col("their_number").str.len_chars() == _LENGTH).with_columns(mask="their_number")
    return whole.join(_one_less(long, "number", _LENGTH + 1), on=["scope", "mask"])


def _one_less(frame: pl.DataFrame, number: str, length: int) -> pl.DataFrame:
    """A row for every `mask` that numbers of that length come to without one character."""
    n = pl.col(number)
    left = [pl.concat_str(n.str.slice(0, i), n.str.slice(i + 1)) for i in range(length)]
    return frame.with_columns(mask=pl.concat_list(left).list.unique()).explode("mask")


def _by_sound(known: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
    """The same name, or one that sounds the same. Where the row says no birth date or sex, its sound number does,
    unless that is the number of the head of household, or of somebody else on the roster: then either may be wrong."""
    born = pl.col("number").str.slice(6, 8).str.to_date("%Y%m%d", strict=False)
    others = (pl.col("number") == pl.col("head_number")) | (pl.col("reason") == "name_differs")
    own = ~others.fill_null(value=False)
    # A rounded number keeps its birth date, but not the digit that says the sex.
    dated, whole = pl.col("number_state").is_in(["sound", "suspect"]), pl.col("number_state") == "sound"
    odd = pl.col("number").str.slice(16, 1).cast(pl.Int32, strict=False) % 2
    sex = pl.when(odd == 1).then(pl.lit("1")).otherwise(pl.lit("2"))
    named = rows.filter(pl.col("name_key").str.contains(r"[^?]")).with_columns(
        birth_from=pl.coalesce("birth_from", pl.when(own & dated).then(born)),
        birth_to=pl.coalesce("birth_to", pl.when(own & dated).then(born)),
        sex=pl.coalesce("sex", pl.when(own & whole).then(sex)),
    )
    mine = _with_sound(known.drop_nulls("their_name"), "their_name")
    theirs = _with_sound(named, "name_key")
    marked = theirs.filter(pl.col("name_key").str.contains(r"\?"))
    alike = mine.join(theirs.rename({"sounds": "heard"}), on=["scope", "run_on"])
    return pl.concat([alike, *_by_mark(mine, marked)], how="diagonal")


def _by_mark(mine: pl.DataFrame, marked: pl.DataFrame) -> list[pl.DataFrame]:
    """Rows in whose name a mark stands for a character: each fits every name that sounds so around the mark."""
    pairs = []
    for sounds, rows in marked.partition_by("sounds", as_dict=True).items():
        pattern = " ".join(r"\S+" if s == UNREADABLE else re.escape(s) for s in str(sounds[0]).split())
        fits = mine.filter(pl.col("sounds").str.contains(f"^{pattern}$"))
        pairs.append(fits.join(rows.drop("sounds", "run_on"), on="scope"))
    return pairs


def _with_sound(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """A row for every way to read the name: `sounds`, toneless syllables with a blank between them, and `run_on`,
    without. Only departing people and unresolved rows come here: the few."""
    names = frame[name].unique()
    sounds = pl.DataFrame({name: names, "sounds": pl.Series(map(_sounds, names), dtype=pl.List(pl.String))})
    sounds = sounds.explode("sounds").with_columns(run_on=pl.col("sounds").str.replace_all(" ", "", literal=True))
    return frame.join(sounds, on=name)


def _sounds(name: str) -> list[str]:
    """Every way to read a name of characters, letters and marks. `ü` may be typed `v`, `yu` or `u`."""
    ways = []
    for token in TOKENS.findall(name.replace("ü", "v")):
        read = syllables(token) if len(token) == 1 else ()
        ways.append(sorted({*read, *(s.replace("v", "u") for s in read)}) or [re.sub("(?<=[ln])yu", "v", token)])
    return list(dict.fromkeys(" ".join(way) for way in islice(product(*ways), _READINGS)))
