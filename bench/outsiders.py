"""Two more peers, in the bench's own environment: `python -m bench.outsiders NAME FOLDER`.

`prototype` is the rules with rapidfuzz that one writes first; `splink` is Splink on DuckDB, as its tutorial says. Takes
the folder with `rows.parquet`, `roster.parquet` and `truth-0.ipc`; prints what `bench.steps` prints. The gateway leans
on nothing that is imported here.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import polars as pl

from bench.clock import Clock, report
from bench.peers import KEYS, frames, judge

#: Similarity of names from which the prototype takes them for one.
_SIMILAR = 0.5
#: Probabilities from which a pair of Splink's is taken.
_THRESHOLDS = (0.5, 0.9, 0.99, 0.999, 0.9999)
#: Pairs from which Splink learns how often values agree by chance: its own default.
_SAMPLED = 1_000_000


def _prototype(folder: Path, clock: Clock) -> object:
    """The exact join, then what it left: the same number, a near number, or name, birth date and village."""
    rows, roster = frames(folder)
    clock.start()
    exact = rows.join(roster.select("person_key", *KEYS), on=KEYS).select("row", "person_key")
    clock.done("exact")
    left = rows.join(exact, on="row", how="anti")
    pairs = pl.concat([_same_number(left, roster), _near_number(left, roster), _name_and_birth(left, roster)])
    alone = pairs.unique().filter(pl.len().over("row") == 1)
    clock.done("residue")
    return {"": judge(folder, pl.concat([exact, alone])), "versions": {"rapidfuzz": version("rapidfuzz")}}


def _same_number(left: pl.DataFrame, roster: pl.DataFrame) -> pl.DataFrame:
    pairs = left.join(roster.select("person_key", "number", theirs="name_key"), on="number")
    similarity = import_module("rapidfuzz.distance.Levenshtein").normalized_similarity
    return pairs.filter(_compared(pairs["name_key"].fill_null(""), pairs["theirs"], similarity) >= _SIMILAR).select(
        "row", "person_key"
    )


def _near_number(left: pl.DataFrame, roster: pl.DataFrame) -> pl.DataFrame:
    """The same name and a number one edit away."""
    pairs = left.join(roster.select("person_key", "name_key", theirs="number"), on="name_key").drop_nulls("number")
    distance = import_module("rapidfuzz.distance.OSA").distance
    return pairs.filter(_compared(pairs["number"], pairs["theirs"], distance) <= 1).select("row", "person_key")


def _compared(sent: pl.Series, known: pl.Series, scorer: Callable[..., object]) -> pl.Series:
    process: Any = import_module("rapidfuzz.process")  # not installed where types are checked
    return pl.Series(process.cpdist(sent.to_list(), known.to_list(), scorer=scorer, workers=-1))


def _name_and_birth(left: pl.DataFrame, roster: pl.DataFrame) -> pl.DataFrame:
    """Name, birth date and village, of rows whose number says nothing."""
    named = left.filter(pl.col("number_state").is_in(["missing", "damaged"]))
    pairs = named.join(
        roster.drop("number"), left_on=["name_key", "birth_from", "area"], right_on=["name_key", "birth", "village"]
    )
    return pairs.select("row", "person_key")


def _splink(folder: Path, clock: Clock) -> object:
    """Link-only: blocks, trains, predicts; the best person of each row at each threshold."""
    splink: Any = import_module("splink")  # not installed where types are checked
    clock.start()
    api = splink.DuckDBAPI()
    api._con.execute(f"CREATE TABLE list AS {_LIST.format(folder / 'rows.parquet')}")
    api._con.execute(f"CREATE TABLE roster AS {_ROSTER.format(folder / 'roster.parquet')}")
    linker = splink.Linker([api.register("list"), api.register("roster")], _settings(splink))
    clock.done("load")
    _train(linker, splink.block_on)
    clock.done("train")
    pairs = linker.inference.predict(threshold_match_probability=_THRESHOLDS[0]).as_duckdbpyrelation().pl()
    clock.done("predict")
    found: dict[str, object] = {str(t): judge(folder, _best(pairs, t)) for t in _THRESHOLDS}
    return {**found, "versions": {name: version(name) for name in ("splink", "duckdb")}}


_LIST = """SELECT 'r' || row AS unique_id, number, name_key, birth_from AS birth, sex,
    CASE WHEN length(area) = 12 THEN area END AS village FROM read_parquet('{}')"""
_ROSTER = """SELECT 'p' || person_key AS unique_id, number, name_key, birth, sex, village FROM read_parquet('{}')"""


def _settings(splink: Any) -> Any:  # a foreign library's object
    library: Any = import_module("splink.comparison_library")
    block = splink.block_on
    blocks = [block("number"), block("name_key", "birth"), block("name_key", "village")]
    return splink.SettingsCreator(
        link_type="link_only",
        blocking_rules_to_generate_predictions=blocks,
        comparisons=[
            library.DamerauLevenshteinAtThresholds("number", [1, 2]),
            library.LevenshteinAtThresholds("name_key", [1]).configure(term_frequency_adjustments=True),
            library.DateOfBirthComparison("birth", input_is_string=False),
            library.ExactMatch("sex"),
            library.ExactMatch("village"),
        ],
        retain_matching_columns=False,
    )


def _train(linker: Any, block: Any) -> None:
    training = linker.training
    training.estimate_probability_two_random_records_match([block("number", "name_key")], recall=0.95)
    training.estimate_u_using_random_sampling(max_pairs=_SAMPLED, seed=1)
    # Of its default, a hundredth of the records, some levels would never be seen.
    for rule in (block("number"), block("name_key", "birth")):
        training.estimate_parameters_using_expectation_maximisation(rule, record_sample_proportion=1.0)


def _best(pairs: pl.DataFrame, threshold: float) -> pl.DataFrame:
    """row, person_key: the likeliest person of each row; none where two are equally likely."""
    sides = pairs.filter(pl.col("match_probability") >= threshold).with_columns(
        row=pl.when(pl.col("unique_id_l").str.starts_with("r")).then("unique_id_l").otherwise("unique_id_r"),
        person=pl.when(pl.col("unique_id_l").str.starts_with("p")).then("unique_id_l").otherwise("unique_id_r"),
    )
    top = sides.filter(pl.col("match_weight") == pl.col("match_weight").max().over("row"))
    return top.filter(pl.len().over("row") == 1).select(
        pl.col("row").str.slice(1).cast(pl.UInt32), person_key=pl.col("person").str.slice(1).cast(pl.Int64)
    )


if __name__ == "__main__":
    _clock = Clock()
    _steps: dict[str, Callable[[Path, Clock], object]] = {"prototype": _prototype, "splink": _splink}
    report(_clock, _steps[sys.argv[1]](Path(sys.argv[2]), _clock))
