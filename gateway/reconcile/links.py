"""Claims meet the roster: which person each row means.

A claim is what a row says about who it is. The sure rules (`exact`) join number and name within a bucket; what they
leave meets every bucket in turn (`residue`), and is weighed (`weigh`). What a person decided goes before all of it.
Source: contract «Beyond reasonable doubt».
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import polars as pl

from gateway.model.buckets import by_number
from gateway.model.frames import LINKS, VERDICTS
from gateway.model.verdicts import WHO, who_says
from gateway.reconcile import residue, weigh
from gateway.reconcile.exact import CLAIM, OF_PERSON, SEEN, VERDICT, exact_pass, no_roster

Frames = Iterator[pl.DataFrame]
Buckets = Callable[[], Frames]
#: Buckets that are worked on side by side: two cores take two at a time.
_AT_ONCE = 2

#: Columns of entries that linking reads; with them come `instance` and `delivery`, that is, who said it and where.
CLAIMS = (*residue.OF_ROW[1:], "instance", "delivery", "raw_household", "raw_source_id")
#: Source numbers that led to one person.
KNOWN = pl.Schema({"instance": pl.String, "raw_source_id": pl.String, "person_key": pl.Int64})


def link(
    claims: pl.DataFrame, roster: Buckets, *, verdicts: pl.DataFrame | None = None, known: pl.DataFrame | None = None
) -> pl.DataFrame:
    """`LINKS` of the claims (CLAIMS columns), row by row in their order.

    `roster` yields the roster's buckets, cut by `buckets.by_number`, each time it is called. `verdicts` (`VERDICTS`):
    what people decided. `known` (`KNOWN`): whom the sources' own numbers meant in rows that were sure before.
    """
    claims = claims.select(CLAIMS).with_columns(_written("raw_household"), _written("raw_source_id"))
    claims = claims.with_row_index("claim")
    decided = _decided(claims, pl.DataFrame(schema=VERDICTS) if verdicts is None else verdicts)
    links = _without_excluded(_exact(claims, roster), decided)
    told = pl.col("claim").is_in(decided["claim"].implode())
    by_form = pl.col("rule") == "number+name_form"
    left = links.filter(pl.col("person_key").is_null() | by_form | told).select("claim", linked="person_key")
    sources = pl.concat([pl.DataFrame(schema=KNOWN) if known is None else known, sure_sources(claims, links)])
    pairs = _pairs(claims, links, left, roster, decided, sources)
    return _concluded(links, weigh.choose(pairs), decided).select(pl.col(n).cast(t) for n, t in LINKS.items())


def sure_sources(claims: pl.DataFrame, links: pl.DataFrame) -> pl.DataFrame:
    """`KNOWN` of the rows (SOURCE columns) that number and name made sure; `links`: `LINKS` of the same rows."""
    rows = claims.select("instance", _written("raw_source_id")).with_columns(links["person_key"], links["rule"])
    sure = rows.filter(pl.col("rule") == "number+name").drop_nulls("raw_source_id")
    return sure.select(pl.col(n).cast(t) for n, t in KNOWN.items()).unique()


def _written(name: str) -> pl.Expr:
    """The cell; an empty one says nothing that two rows could share."""
    return pl.col(name).str.strip_chars().replace("", None)


def _exact(claims: pl.DataFrame, roster: Buckets) -> pl.DataFrame:
    """`VERDICT` by the sure rules, in the order of the claims."""
    narrow = claims.select("claim", *CLAIM, bucket=by_number(pl.col("number")))
    parts = narrow.partition_by("bucket", as_dict=True, include_key=False)
    none = narrow.drop("bucket").clear()

    def judge(bucket: int, people: pl.DataFrame) -> pl.DataFrame:
        return exact_pass(parts.pop((bucket,), none), people.select(SEEN))

    judged = list(_side_by_side(judge, roster()))
    judged += [exact_pass(part, no_roster()) for part in parts.values()]  # without a roster nobody is found
    return pl.concat([pl.DataFrame(schema=VERDICT), *judged]).sort("claim")


def _side_by_side(work: Callable[[int, pl.DataFrame], pl.DataFrame], buckets: Iterator[pl.DataFrame]) -> Frames:
    """What each bucket comes to, in their order: two at a time, and no more of them in memory."""
    numbered = enumerate(buckets)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while pair := list(islice(numbered, _AT_ONCE)):
            yield from pool.map(lambda one: work(*one), pair)


def _decided(claims: pl.DataFrame, verdicts: pl.DataFrame) -> pl.DataFrame:
    """claim, same, excluded, nobody: of the claims about which a person decided."""
    named = claims.join(verdicts, on=["number", "name_key"], how="semi", nulls_equal=True)
    keyed = named.select("claim", *who_says(pl.col("instance")))
    joined = keyed.join(verdicts, on=list(WHO), how="inner", nulls_equal=True)
    return joined.select("claim", "same", "excluded", "nobody")


def _excluded(decided: pl.DataFrame) -> pl.DataFrame:
    """(claim, person_key) of people whom somebody ruled out."""
    return decided.select("claim", person_key="excluded").explode("person_key").drop_nulls()


def _without_excluded(links: pl.DataFrame, decided: pl.DataFrame) -> pl.DataFrame:
    """Links to somebody whom a person ruled out are none."""
    seen = links.select("claim", person_key=pl.coalesce("person_key", "candidate"))
    ruled_out = seen.join(_excluded(decided), on=["claim", "person_key"], how="semi")
    is_out = pl.col("claim").is_in(ruled_out["claim"].implode())
    was_linked = is_out & pl.col("person_key").is_not_null()
    return links.with_columns(
        *(pl.when(~is_out).then(n).alias(n) for n in ("person_key", "candidate", "rule", *OF_PERSON)),
        reason=pl.when(was_linked).then(pl.lit("decided_other")).otherwise("reason"),
    )


def _pairs(
    claims: pl.DataFrame,
    links: pl.DataFrame,
    left: pl.DataFrame,
    roster: Buckets,
    decided: pl.DataFrame,
    known: pl.DataFrame,
) -> pl.DataFrame:
    """The residue and whom it may mean, weighed."""
    sure = claims.select("claim", *residue.HOUSEHOLD).with_columns(links["rule"], links["village"])
    sources = known.unique().filter(pl.col("person_key").n_unique().over(residue.SOURCE) == 1)
    frame = residue.context(
        claims.join(left, on="claim", how="semi", maintain_order="left"),
        sure.filter(pl.col("rule") == "number+name"),
        sources,
    )
    blocks = residue.Blocks(frame, decided.select("claim", person_key="same").drop_nulls())
    met = list(_side_by_side(lambda bucket, people: blocks.meet(bucket, people.select(SEEN)), roster()))
    pairs = pl.concat(met or [blocks.meet(0, no_roster())])
    pairs = pairs.join(_excluded(decided), on=["claim", "person_key"], how="anti")
    told = decided.select("claim", "same")
    return weigh.weigh(pairs.join(frame, on="claim").join(left, on="claim").join(told, on="claim", how="left"))


#: Doubts about the number alone: the rest of the row may still leave one person.
_ABOUT_NUMBER = ("number_damaged", "number_missing")
#: What speaks for a link by the sure rules.
_BY_RULE = {"number+name": "number_same,name_same", "number+name_form": "number_same,name_form"}


def _concluded(links: pl.DataFrame, chosen: pl.DataFrame, decided: pl.DataFrame) -> pl.DataFrame:
    """Links after the second look: what a person decided, what is beyond doubt now, and what came into doubt."""
    frame = links.join(chosen, on="claim", how="left", maintain_order="left")
    frame = frame.join(decided.drop("same"), on="claim", how="left", maintain_order="left")
    linked = pl.col("person_key").is_not_null()
    weighed = pl.col("settled") & pl.col("reason").is_in(_ABOUT_NUMBER)
    found = (pl.col("told") | weighed).fill_null(value=False)
    doubted = linked & pl.col("namesake").is_not_null() & ~found
    person = pl.when(found).then("first").when(~doubted).then("person_key")
    none_left = pl.col("nobody") | (pl.col("reason") == "decided_other") & pl.col("candidates").is_null()
    reason = (
        pl.when(found | (linked & ~doubted))
        .then(None)
        .when(none_left)
        .then(pl.lit("decided_nobody"))
        .when(doubted)
        .then(pl.lit("near_namesake"))
        .when((pl.col("reason") == "not_on_roster") & pl.col("moved").is_not_null())
        .then(pl.lit("number_changed"))
        .when(pl.col("rivals") & pl.col("reason").is_in(_ABOUT_NUMBER))
        .then(pl.lit("several_persons"))
        .otherwise("reason")
    )
    rule = pl.when("told").then(pl.lit("decided")).when(weighed).then(pl.lit("weighed")).when(~doubted).then("rule")
    by_rule = rule.replace_strict(_BY_RULE, default=None, return_dtype=pl.String)
    bits = {rule: sum(weigh.BITS[code] for code in codes.split(",")) for rule, codes in _BY_RULE.items()}
    return frame.select(
        person.alias("person_key"),
        pl.when(person.is_null() & ~none_left.fill_null(value=False))
        .then(pl.coalesce("namesake", "moved", "candidate"))
        .alias("candidate"),
        pl.when(person.is_null() & ~none_left.fill_null(value=False)).then("candidates").alias("candidates"),
        pl.coalesce(rule.replace_strict(bits, default=None, return_dtype=pl.Float32), "score").alias("score"),
        pl.coalesce(by_rule, "evidence").alias("evidence"),
        rule.alias("rule"),
        reason.alias("reason"),
        *(pl.when(found).then(f"first_{c}").when(~doubted).then(c).alias(c) for c in ("dead", "covered", "birth")),
        ruled_out="excluded",
    )
