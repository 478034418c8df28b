"""Claims meet the roster: which person each row means.

A claim is what a row says about who it is. The sure rules (`sure`, `exact`) join number and name within a bucket; what
they leave meets every bucket in turn (`residue`), and is weighed (`weigh`). What a person decided goes before all of
it. Source: contract «Beyond reasonable doubt».
"""

from collections.abc import Iterator
from itertools import pairwise

import polars as pl

from gateway.model.frames import LINKS, VERDICTS
from gateway.reconcile import residue, sure, weigh
from gateway.reconcile.exact import OF_PERSON, exact_pass, no_roster
from gateway.reconcile.sure import CLAIMS, KNOWN, Buckets, Parts, side_by_side, sure_sources

#: People who meet the residue at once: what is said of each of their pairs takes half a kilobyte, what is left of it a
#: tenth.
_MET_AT_ONCE = 200_000

__all__ = ["CLAIMS", "KNOWN", "link", "link_parts", "sure_sources"]


def link(
    claims: pl.DataFrame, roster: Buckets, *, verdicts: pl.DataFrame | None = None, known: pl.DataFrame | None = None
) -> pl.DataFrame:
    """`LINKS` of the claims (CLAIMS columns), row by row in their order; the rest as `link_parts` has it."""
    return pl.concat(link_parts(lambda: iter([claims]), roster, verdicts=verdicts, known=known))


def link_parts(
    parts: Parts, roster: Buckets, *, verdicts: pl.DataFrame | None = None, known: pl.DataFrame | None = None
) -> Iterator[pl.DataFrame]:
    """`LINKS` of each part's claims, row by row in their order. They are linked at once: what is sure in one part
    settles doubts in another. Held are a few columns of the sure claims, and what the residue says.

    `parts` yields the same CLAIMS frames each time it is called; all rows of a household stand in one. `roster` yields
    the roster's buckets, cut by `buckets.by_number`, each time it is called. `verdicts` (`VERDICTS`): what people
    decided. `known` (`KNOWN`): whom the sources' own numbers meant in rows that were sure before.
    """
    cut = sure.cut(parts, pl.DataFrame(schema=VERDICTS) if verdicts is None else verdicts)
    starts, decided = cut.starts, cut.decided
    if len(starts) == 1:
        return
    plain, people = sure.plain(cut, roster)
    del cut
    rest = sure.rest(parts, starts, plain)
    plain = plain.drop("village")  # half of what is held of it
    links = _without_excluded(exact_pass(rest.claims, people).sort("claim"), decided)
    several = people.filter(pl.col("number").is_duplicated())["number"].drop_nulls().unique()
    del people
    sources = [pl.DataFrame(schema=KNOWN) if known is None else known, rest.sources, sure_sources(rest.claims, links)]
    pairs = _pairs(rest, links, roster, decided, pl.concat(sources), several)
    few = _concluded(links, weigh.choose(pairs), decided)
    del rest, links, pairs
    for start, end in pairwise(starts):
        yield _together(sure.between(plain, start, end), sure.between(few, start, end))


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
    rest: sure.Rest,
    links: pl.DataFrame,
    roster: Buckets,
    decided: pl.DataFrame,
    known: pl.DataFrame,
    several: pl.Series,
) -> pl.DataFrame:
    """`weigh.weigh` of the residue and whom it may mean. `several`: numbers that stand on several people."""
    told = pl.col("claim").is_in(decided["claim"].implode())
    doubtful = pl.col("person_key").is_null() | (pl.col("rule") == "number+name_form") | told
    # The head of household's number on another's row: somebody of the head's name may live there too.
    of_head = rest.claims.filter(pl.col("number") == pl.col("head_number"))["claim"]
    doubtful = doubtful | pl.col("claim").is_in(of_head.implode())
    left = links.filter(doubtful).select("claim", linked="person_key")
    by_name = links.filter(pl.col("rule") == "number+name").select("claim", "village")
    wanted = rest.claims["raw_source_id"].drop_nulls().hash()
    known = known.filter(pl.col("raw_source_id").hash().is_in(wanted.implode())).unique()
    members = rest.claims.select("claim", *residue.HOUSEHOLD).join(by_name, on="claim").drop("claim")
    frame = residue.context(
        rest.claims.join(left, on="claim", how="semi", maintain_order="left"),
        pl.concat([rest.members, members]),
        known.filter(pl.col("person_key").n_unique().over(residue.SOURCE) == 1),
    )
    blocks = residue.Blocks(frame, decided.select("claim", person_key="same").drop_nulls())
    near = _gathered(side_by_side(blocks.near, roster()))
    same, excluded = decided.select("claim", "same"), _excluded(decided)

    def weighed(pairs: pl.DataFrame) -> pl.DataFrame:
        pairs = pairs.join(frame, on="claim").with_columns(weigh.shared(several))
        pairs = pairs.join(excluded, on=["claim", "person_key"], how="anti")
        return weigh.weigh(pairs.join(left, on="claim").join(same, on="claim", how="left"))

    return pl.concat([weighed(blocks.pairs(people)) for people in near])


def _gathered(near: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    """People of several buckets together: a city's at once, a province's as they come."""
    waiting = [no_roster()]
    for people in near:
        waiting.append(people)
        if sum(frame.height for frame in waiting) >= _MET_AT_ONCE:
            yield pl.concat(waiting)
            waiting = [no_roster()]
    yield pl.concat(waiting)


#: Doubts about the number alone: the rest of the row may still leave one person.
_ABOUT_NUMBER = ("number_damaged", "number_missing")
#: What speaks for a link by the sure rules.
_BY_RULE = {"number+name": "number_same,name_same", "number+name_form": "number_same,name_form"}
#: What contradicts a number and a name that agree.
_CONTRADICTED = "birth_other|sex_other"


def _bits(evidence: str) -> int:
    return sum(weigh.BITS[code] for code in evidence.split(","))


def _concluded(links: pl.DataFrame, chosen: pl.DataFrame, decided: pl.DataFrame) -> pl.DataFrame:
    """claim and `LINKS` after the second look: what a person decided, what is beyond doubt, what came into doubt."""
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
    # What speaks against somebody whom the rule is sure of is not left unsaid.
    against = (pl.col("first") == pl.col("person_key")) & pl.col("evidence").str.contains(_CONTRADICTED)
    rule_alone = pl.when(~against.fill_null(value=False)).then(rule)
    by_rule = rule_alone.replace_strict(_BY_RULE, default=None, return_dtype=pl.String)
    bits = {rule: _bits(codes) for rule, codes in _BY_RULE.items()}
    return frame.select(
        "claim",
        person.alias("person_key"),
        pl.when(person.is_null() & ~none_left.fill_null(value=False))
        .then(pl.coalesce("namesake", "moved", "candidate"))
        .alias("candidate"),
        pl.when(person.is_null() & ~none_left.fill_null(value=False)).then("candidates").alias("candidates"),
        pl.coalesce(rule_alone.replace_strict(bits, default=None, return_dtype=pl.Float32), "score").alias("score"),
        pl.coalesce(by_rule, "evidence").alias("evidence"),
        rule.alias("rule"),
        reason.alias("reason"),
        *(pl.when(found).then(f"first_{c}").when(~doubted).then(c).alias(c) for c in ("dead", "covered", "birth")),
        ruled_out="excluded",
    ).select("claim", *(pl.col(n).cast(t) for n, t in LINKS.items()))


def _together(plain: pl.DataFrame, few: pl.DataFrame) -> pl.DataFrame:
    """`LINKS` of the claims that are plain and of the others, in the order of the claims."""
    evidence = _BY_RULE["number+name"]
    said = {
        "score": pl.lit(_bits(evidence)),
        "evidence": pl.lit(evidence),
        "rule": pl.lit("number+name"),
        **{name: pl.col(name) for name in ("person_key", "dead", "covered", "birth")},
    }
    links = plain.select(
        "claim", *(said.get(name, pl.lit(None)).cast(kind).alias(name) for name, kind in LINKS.items())
    )
    return pl.concat([links, few]).sort("claim").drop("claim")
