"""The sure rules: which person a number and a name mean, by a join within one bucket of the roster.

Takes claims (what a row says about who it is) whose number falls into a bucket, and the bucket's people. Gives each
claim's person, or the reason why there is none. Source: contract «Beyond reasonable doubt».
"""

import polars as pl

from gateway.model.frames import ROSTER, PersonKey
from gateway.reconcile.names import agree, agreeing

#: Columns of an entry that the sure rules read.
CLAIM = ("number", "number_state", "name_key", "head_number", "birth_from", "birth_to")
#: Roster columns that linking reads.
SEEN = ("person_key", "number", "name_key", "birth", "sex", "county", "village", "dead", "covered")
#: What is known of the person to whom a claim was linked.
OF_PERSON = ("birth", "village", "dead", "covered")
#: What the sure rules say of a claim.
VERDICT = pl.Schema(
    {
        "claim": pl.UInt32(),
        "person_key": PersonKey(),
        "candidate": PersonKey(),
        "rule": pl.String(),
        "reason": pl.String(),
        **{name: ROSTER[name] for name in OF_PERSON},
    }
)
#: What `plain_pass` says of a claim.
PLAIN = pl.Schema({name: VERDICT[name] for name in ("claim", "person_key", *OF_PERSON)})
_LENGTH = 18


def no_roster() -> pl.DataFrame:
    """No people at all, in the columns that linking reads."""
    return pl.DataFrame(schema={name: ROSTER[name] for name in SEEN})


def is_plain() -> pl.Expr:
    """Whether `plain_pass` may link a claim (CLAIM columns, `digits`): a whole number of its own, no marked name."""
    name, state = pl.col("name_key"), pl.col("number_state")
    of_head = (pl.col("number") == pl.col("head_number")).fill_null(value=False)
    written = (name != "") & ~name.str.contains("?", literal=True)
    whole = pl.col("digits").is_not_null() & ((state == "sound") | (state == "suspect"))
    return (whole & written & ~of_head).fill_null(value=False)


def with_digits(frame: pl.DataFrame) -> pl.DataFrame:
    """With `digits`: a number of 18 characters as an integer, which is joined three times as fast.

    No two numbers give the same: one that ends in X has a digit less. Null for all others, and for those that begin
    with 0.
    """
    # In two steps: in one expression, the number is read anew for each of its conditions.
    number, value = pl.col("number"), pl.col("digits")
    read = frame.with_columns(digits=number.str.strip_suffix("X").cast(pl.Int64, strict=False))
    long = (value >= 10**17) | (value >= 10**16) & number.str.ends_with("X")
    return read.with_columns(digits=pl.when(long & (number.str.len_bytes() == _LENGTH)).then(value))


def plain_pass(claims: pl.DataFrame, roster: pl.DataFrame) -> pl.DataFrame:
    """`PLAIN` of one bucket's claims (claim, digits, name_key) that have the number of one person and its very name,
    in their order. Most claims do; the others are for `exact_pass`. `roster`: with `digits`.
    """
    people = roster.select("person_key", "digits", *OF_PERSON, roster_name="name_key")
    joined = claims.join(people, on="digits", maintain_order="left")
    claim = pl.col("claim")
    shared = (claim == claim.shift(1)) | (claim == claim.shift(-1))
    alone = joined.filter(~shared.fill_null(value=False) & (pl.col("name_key") == pl.col("roster_name")))
    return alone.select(PLAIN.names())


def exact_pass(claims: pl.DataFrame, roster: pl.DataFrame) -> pl.DataFrame:
    """`VERDICT` of claims (`claim` and CLAIM columns), in any order, that are to be looked at closely.

    `roster`: at least all people who have one of their numbers.
    """
    numbers = claims.select("number").unique()
    return _judge(_with_people(claims, roster.join(numbers, on="number", how="semi"))).cast(VERDICT)


def _named(birth: pl.Expr) -> pl.Expr:
    """Marks alone name nobody. With the head's number no mark at all may stand for a character, and a birth date in the
    row must be the head's: a son may have his father's name."""
    is_head = (pl.col("number") == pl.col("head_number")).fill_null(value=False)
    name = pl.col("name_key")
    born = birth.is_between("birth_from", "birth_to").fill_null(value=True)
    return pl.when(is_head).then(~name.str.contains(r"\?") & born).otherwise(name.str.contains(r"[^?]"))


def _with_people(claims: pl.DataFrame, roster: pl.DataFrame) -> pl.DataFrame:
    """Each claim with the people of its number: the first, the one of its very name, and how many there are."""
    people = roster.sort("person_key").with_columns(holders=pl.len().over("number"))
    named = people.unique(["number", "name_key"], keep="first", maintain_order=True)
    first = people.unique("number", keep="first", maintain_order=True).rename({"name_key": "roster_name"})
    by_name = named.select("number", "name_key", *(pl.col(c).alias(f"{c}_exact") for c in ("person_key", *OF_PERSON)))
    others = people.filter(pl.col("holders") > 1).group_by("number").agg(names=pl.col("name_key"))
    joined = claims.join(first.drop("sex", "county"), on="number", how="left")
    return joined.join(by_name, on=["number", "name_key"], how="left").join(others, on="number", how="left")


def _judge(joined: pl.DataFrame) -> pl.DataFrame:
    found = pl.col("person_key").is_not_null()
    is_head = (pl.col("number") == pl.col("head_number")).fill_null(value=False)
    exact = pl.col("person_key_exact").is_not_null() & _named(pl.col("birth_exact")).fill_null(value=False)
    usable = pl.col("number_state").is_in(["sound", "suspect"])
    suspect = pl.col("number_state") == "suspect"
    alone = pl.col("holders") == 1
    joined = joined.with_columns(_soft(joined, found & ~exact & usable & alone), _twofold(joined))
    reason = (
        pl.when(pl.col("number_state") == "missing")
        .then(pl.lit("number_missing"))
        .when(exact & pl.col("twofold"))
        .then(pl.lit("several_persons"))
        .when(exact & usable)
        .then(None)
        .when(~usable | (suspect & (~found | pl.col("name_key").is_null())))
        .then(pl.lit("number_damaged"))
        .when(~found)
        .then(pl.when(is_head).then(pl.lit("head_number")).otherwise(pl.lit("not_on_roster")))
        .when(pl.col("name_key").is_null())
        .then(pl.lit("name_missing"))
        .when(~alone)
        .then(pl.lit("several_persons"))
        .when(is_head)
        .then(pl.lit("head_number"))
        .when(pl.col("soft"))
        .then(None)
        .otherwise(pl.when(suspect).then(pl.lit("number_damaged")).otherwise(pl.lit("name_differs")))
    )
    rule = pl.when(exact).then(pl.lit("number+name")).otherwise(pl.lit("number+name_form"))
    joined = joined.with_columns(reason.alias("reason"))
    linked = pl.col("reason").is_null()
    return joined.select(
        "claim",
        pl.when(linked).then(pl.coalesce("person_key_exact", "person_key")).alias("person_key"),
        pl.when(~linked & usable).then(pl.coalesce("person_key_exact", "person_key")).alias("candidate"),
        pl.when(linked).then(rule).alias("rule"),
        "reason",
        *(pl.when(linked).then(pl.coalesce(f"{c}_exact", c)).alias(c) for c in OF_PERSON),
    )


def _soft(joined: pl.DataFrame, doubtful: pl.Expr) -> pl.Series:
    """Per claim: the name agrees in form. Only claims whose number is found and whose keys differ are looked at."""
    pairs = joined.select(pl.when(doubtful).then("name_key").alias("sent"), on_roster="roster_name")
    return agreeing(pairs).alias("soft")


def _twofold(joined: pl.DataFrame) -> pl.Series:
    """Per claim: several people have its number, and the name agrees with more than one of them."""
    shared = joined.select("claim", "name_key", "names").drop_nulls()  # a few in a city
    several = [
        claim
        for claim, sent, names in shared.iter_rows()
        if sum(sent == known or agree(sent, known) for known in names if known) > 1
    ]
    return joined["claim"].is_in(several).alias("twofold")
