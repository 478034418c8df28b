"""What a delivery's rows say about people, once it is known whom they are about."""

import polars as pl

from gateway.model.frames import PersonKey, PersonKeys
from gateway.model.written import own_number
from gateway.settle.turns import KEY

#: One row per statement; `person_key` is sure. See `model.frames.ENTRIES` for the other columns.
STATEMENTS = pl.Schema(
    {
        "scope": pl.String,
        "person_key": PersonKey,
        "row": pl.UInt32,
        "source_id": pl.String,
        "identity": pl.String,
        "level": pl.String,
        "first": pl.Date,
        "last": pl.Date,
        "last_inferred": pl.Boolean,
        "next_identity": pl.String,
        "change": pl.String,
        "gives": pl.String,
        "stands": pl.Boolean,
    }
)

#: Rows that may be about somebody, but nobody knows whom.
UNRESOLVED = pl.Schema(
    {
        "scope": pl.String(),
        "row": pl.UInt32(),
        "source_id": pl.String(),
        "number": pl.String(),
        "number_state": pl.String(),
        "head_number": pl.String(),
        "name_key": pl.String(),
        "birth_from": pl.Date(),
        "birth_to": pl.Date(),
        "sex": pl.String(),
        "reason": pl.String(),
        "candidate": PersonKey(),
        "candidates": PersonKeys,
        "ruled_out": PersonKeys,
    }
)


def statements(entries: pl.DataFrame, resolutions: pl.DataFrame) -> pl.DataFrame:
    """`STATEMENTS` of a delivery: its rows that count, each with its person."""
    person = pl.coalesce("person_key", "kept")
    said = resolutions.filter(person.is_not_null() & pl.col("outcome").is_in(COUNT))
    found = _with(entries, said.select("row", person_key=person), STATEMENTS)
    # What says that somebody died is of all they have, whenever it begins.
    died = (pl.col("gives") == "none") & pl.col("row").is_in(said.filter(outcome="deceased")["row"].implode())
    return found.with_columns(first=pl.when(~died).then("first"))


def _with(entries: pl.DataFrame, known: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """The entries of the `known` rows, with what is known of them, as the schema has them."""
    read = [name for name in schema if name in entries.columns]
    rows = entries.select(*read, "raw_source_id").join(known, on="row", how="inner", maintain_order="left")
    return rows.with_columns(source_id=own_number("raw_source_id")).select(pl.col(n).cast(t) for n, t in schema.items())


#: Outcomes whose rows say something. A row in review counts only where its person is kept from before.
COUNT = ("matched", "no_identity", "deceased", "review")


def last_words(rows: pl.DataFrame) -> pl.DataFrame:
    """Of each person and identity the last statement and the last stop of a delivery, and whether the stop comes
    `after` the statement: it stands below it, and is of no day before the statement begins, whatever recognition it
    names."""
    said = rows.filter(~pl.col("stands") & pl.col("identity").is_not_null())
    states, stops = (_last(said.filter(pl.col("change") == change)) for change in ("state", "stop"))
    stated = states.select(*KEY, begun="first", stated="row")
    stops = stops.join(stated, on=KEY, how="left", maintain_order="left")
    # What never gave an identity takes none away that another row of the list gives.
    stops = stops.filter((pl.col("gives") != "none") | pl.col("stated").is_null())
    after = (pl.col("row") > pl.col("stated")) & (pl.col("last") >= pl.col("begun"))
    return pl.concat(
        [
            states.with_columns(begun="first", stated="row", after=pl.lit(value=False)),
            stops.with_columns(after=after.fill_null(value=False)),
        ]
    )


def _last(said: pl.DataFrame) -> pl.DataFrame:
    """The last row on each person and identity; hardly anybody has two, so they are looked for among those few."""
    several = said.select(KEY).with_row_index("at").filter(pl.col("person_key").is_duplicated())
    earlier = several.join(several.unique(KEY, keep="last"), on="at", how="anti")["at"]
    if earlier.is_empty():
        return said
    return said.with_row_index("at").filter(~pl.col("at").is_in(earlier.implode())).drop("at")


def unresolved(entries: pl.DataFrame, resolutions: pl.DataFrame) -> pl.DataFrame:
    """`UNRESOLVED` rows of a delivery: in review, unmatched or unusable. They hold back departures, but for those of
    which a person said that they mean nobody."""
    doubtful = pl.col("outcome").is_in(["review", "unmatched", "invalid"])
    nobody = (pl.col("outcome") == "unmatched") & (pl.col("reason") == "decided_nobody")
    known = resolutions.filter(doubtful & ~nobody).select("row", "reason", "candidate", "candidates", "ruled_out")
    return _with(entries, known, UNRESOLVED)


def may_mean(rows: pl.DataFrame) -> pl.DataFrame:
    """(scope, row, person_key) of all whom `UNRESOLVED` rows may mean by what was found of them."""
    theirs = pl.concat_list(pl.col("candidates").fill_null([]), "candidate")
    return rows.select("scope", "row", person_key=theirs).explode("person_key").drop_nulls("person_key").unique()
