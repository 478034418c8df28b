"""Claims meet the roster: which person a number and a name mean, by the sure rules.

A claim is what a row says about who it is. Rows of many deliveries share one claim, so each is looked at once. The
exact pass is a join within a bucket; what it leaves (other spellings, numbers nobody has) is the residue and meets
every bucket in turn. Source: contract «Beyond reasonable doubt».
"""

from collections.abc import Callable, Iterator

import polars as pl

from gateway.model.buckets import by_number
from gateway.model.frames import ROSTER
from gateway.reconcile.names import agree

#: The columns of an entry that say who it is about.
CLAIM = ("number", "number_state", "name_key", "head_number", "birth_from", "birth_to", "sex", "area")
#: Roster columns that linking reads.
SEEN = ("person_key", "number", "name_key", "birth", "sex", "county", "village", "dead", "covered")

Buckets = Callable[[], Iterator[pl.DataFrame]]


def link(entries: pl.DataFrame, roster: Buckets) -> pl.DataFrame:
    """Links of all distinct claims: CLAIM columns, person_key, candidate, rule, reason, dead, covered, birth.

    `roster` yields the roster's buckets, cut by `buckets.by_number`, each time it is called.
    """
    claims = entries.select(CLAIM).unique(maintain_order=True).with_row_index("claim")
    claims = claims.with_columns(by_number(pl.col("number")).alias("bucket"))
    parts = claims.partition_by("bucket", as_dict=True)
    nothing = claims.clear()
    decided = [exact_pass(parts.get((bucket,), nothing), part.select(SEEN)) for bucket, part in enumerate(roster())]
    links = pl.concat(decided) if decided else exact_pass(claims, _no_roster())
    links = _second_look(links, roster)
    columns = ["person_key", "candidate", "rule", "reason", "dead", "covered", "birth"]
    return links.select(*CLAIM, *columns)


def _no_roster() -> pl.DataFrame:
    return pl.DataFrame(schema={name: ROSTER[name] for name in SEEN})


def exact_pass(claims: pl.DataFrame, roster: pl.DataFrame) -> pl.DataFrame:
    """One bucket: each claim joined with the people of its number, and judged."""
    people = roster.filter(pl.col("number").is_not_null()).with_columns(
        pl.len().over("number").alias("holders"),
        pl.len().over("number", "name_key").alias("namesakes"),
    )
    named = people.unique(["number", "name_key"], keep="first", maintain_order=True)
    first = people.unique("number", keep="first", maintain_order=True).rename({"name_key": "roster_name"})
    by_name = named.select("number", "name_key", *(pl.col(c).alias(f"{c}_exact") for c in _PERSON))
    others = people.filter(pl.col("holders") > 1).group_by("number").agg(names=pl.col("name_key"))
    joined = claims.join(first.drop("sex", "county", "village"), on="number", how="left")
    joined = joined.join(by_name, on=["number", "name_key"], how="left").join(others, on="number", how="left")
    return _judge(joined)


#: A name of which at least one character could be read.
_WRITTEN = pl.col("name_key").str.contains(r"[^?]")
_PERSON = ("person_key", "dead", "covered", "birth", "namesakes")


def _judge(joined: pl.DataFrame) -> pl.DataFrame:
    found = pl.col("person_key").is_not_null()
    is_head = (pl.col("number") == pl.col("head_number")).fill_null(value=False)
    # Marks alone name nobody, and with the head's number no mark at all may stand for a character.
    written = pl.when(is_head).then(~pl.col("name_key").str.contains(r"\?")).otherwise(_WRITTEN)
    exact = pl.col("person_key_exact").is_not_null() & written.fill_null(value=False)
    usable = pl.col("number_state").is_in(["sound", "suspect"])
    suspect = pl.col("number_state") == "suspect"
    alone = pl.col("holders") == 1
    joined = joined.with_columns(_soft(joined, found & ~exact & usable & alone), _twofold(joined))
    reason = (
        pl.when(pl.col("number_state") == "missing")
        .then(pl.lit("number_missing"))
        .when(exact & pl.col("twofold"))
        .then(pl.lit("several_persons"))
        .when(
            exact & (usable | (pl.col("number").str.len_chars() >= 6) & (pl.col("number_state") == "damaged") & alone)
        )
        .then(None)
        .when(~usable | (suspect & (~found | pl.col("name_key").is_null())))
        .then(pl.lit("number_damaged"))
        .when(~found)
        .then(pl.lit("not_on_roster"))
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
        "bucket",
        *CLAIM,
        pl.when(linked).then(pl.coalesce("person_key_exact", "person_key")).alias("person_key"),
        pl.when(~linked & usable).then(pl.coalesce("person_key_exact", "person_key")).alias("candidate"),
        pl.when(linked).then(rule).alias("rule"),
        "reason",
        *(pl.when(linked).then(pl.coalesce(f"{c}_exact", c)).alias(c) for c in ("dead", "covered", "birth")),
    )


def _soft(joined: pl.DataFrame, doubtful: pl.Expr) -> pl.Series:
    """Per claim: the name agrees in form. Only claims whose number is found and whose keys differ are looked at."""
    pairs = joined.select(pl.when(doubtful).then("name_key").alias("sent"), "roster_name")
    distinct = pairs.drop_nulls().unique()
    verdicts = [agree(sent, known) for sent, known in zip(*(distinct[c].to_list() for c in pairs.columns), strict=True)]
    table = distinct.with_columns(pl.Series("soft", verdicts, pl.Boolean))
    return pairs.join(table, on=["sent", "roster_name"], how="left", maintain_order="left")["soft"].fill_null(
        value=False
    )


def _twofold(joined: pl.DataFrame) -> pl.Series:
    """Per claim: several people have its number, and the name agrees with more than one of them."""
    shared = joined.select("claim", "name_key", "names").drop_nulls()  # a few in a city
    several = [
        claim
        for claim, sent, names in shared.iter_rows()
        if sum(sent == known or agree(sent, known) for known in names if known) > 1
    ]
    return joined["claim"].is_in(several).alias("twofold")


def _second_look(links: pl.DataFrame, roster: Buckets) -> pl.DataFrame:
    """Doubts that only the whole roster can raise: a better namesake, or a person whose number changed."""
    by_form = pl.col("rule") == "number+name_form"
    unknown = pl.col("reason") == "not_on_roster"
    residue = links.filter((by_form | unknown) & pl.col("name_key").is_not_null())
    if residue.is_empty():
        return links
    wanted = residue.select("claim", "name_key", "area", "sex", "rule", "person_key", _born().alias("born"))
    hits = [_namesakes(wanted, part.select(SEEN)) for part in roster()]
    doubts = pl.concat(hits).unique("claim", keep="first") if hits else _namesakes(wanted, _no_roster())
    marked = links.join(doubts.select("claim", pl.col("other")), on="claim", how="left", maintain_order="left")
    doubt = pl.col("other").is_not_null()
    reason = pl.when(by_form).then(pl.lit("near_namesake")).otherwise(pl.lit("number_changed"))
    return marked.with_columns(
        pl.when(doubt).then(reason).otherwise("reason").alias("reason"),
        pl.when(doubt).then("other").otherwise("candidate").alias("candidate"),
        *(pl.when(~doubt).then(c).alias(c) for c in ("person_key", "rule", "dead", "covered", "birth")),
    ).drop("other")


def _born() -> pl.Expr:
    number = pl.col("number")
    return number.str.slice(6, 8).str.to_date("%Y%m%d", strict=False)


def _namesakes(wanted: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """Claims that another person of the bucket fits by name and birth date (and, for unknown numbers, by home)."""
    known = people.select(
        pl.col("person_key").alias("other"), "name_key", pl.col("birth").alias("born"), "county", "village"
    )
    pairs = wanted.join(known, on=["name_key", "born"], how="inner")
    home = (pl.col("area").str.slice(0, 6) == pl.col("county")) | (pl.col("area") == pl.col("village"))
    # A namesake elsewhere in the city is chance; a twin, or a neighbour, lives where the row says.
    near = pl.col("area").is_null() | (pl.col("area") == pl.col("village"))
    better = (pl.col("rule") == "number+name_form") & (pl.col("other") != pl.col("person_key")) & near
    moved = pl.col("rule").is_null() & home
    return pairs.filter((better | moved).fill_null(value=False)).select("claim", "other")
