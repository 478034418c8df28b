"""The guard: which departures of a full list are held, and which lists are like no list before them.

Takes whom a list leaves out, who holds what, what lists look like (`looks`) and the limits; gives verdicts and
breaches. A share and a number must both be exceeded, so that one of two orphans stops nobody. What nobody spoke for, a
county without a workbook, is no breach; what has no list before it is not compared. Refuses nothing. Pure.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import polars as pl

from gateway.model.holds import LEAVES, Approved, Breach, Place, set_digest

#: Person keys -> person_key and county (six digits) of those whom the roster knows.
Counties = Callable[[pl.Series], pl.DataFrame]
GROUP = ["scope", "identity", "county"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Departures past both limits of their scope, or of their identity in a county, are held until a person decides."""

    #: Share of the people who hold an identity in the scope, 0 to 1.
    share: float = 0.10
    #: People.
    number: int = 20
    #: Share of the people of a county who hold this identity, 0 to 1.
    identity_share: float = 0.20
    identity_number: int = 20


def no_counties(_keys: pl.Series) -> pl.DataFrame:
    """Of nobody is the county known: an identity is one group."""
    return pl.DataFrame(schema={"person_key": pl.Int64, "county": pl.String})


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What becomes of a list's departures."""

    #: person_key, scope, identity, verdict of those not simply released: held, released by a person, cancelled.
    verdicts: pl.DataFrame
    breaches: list[Breach]


def judge(
    leaving: pl.DataFrame,
    holding: pl.DataFrame,
    *,
    delivery: int,
    mistrusted: Mapping[str, str],
    limits: Limits,
    decided: Mapping[Place, str],
    approved: Approved,
    counties: Counties,
) -> Judged:
    """What becomes of those who leave: scope by scope, and where that lets them go, group by group.

    `leaving`: scope, person_key, identity, and whether it is `over`: those left already, and count for the limits, or a
    list's departures could pass them in slices. `holding`: the first three columns. What was held once waits for a
    person, and what a person said stays, even where a changed roster leaves fewer of them; but a release is of the set
    that was `approved`: another set is held again.
    """
    past = _scopes(leaving, holding, delivery, mistrusted, limits, decided)
    frame = leaving.select("scope", "person_key", "identity", "over").unique(maintain_order=True)
    by_scope = pl.col("scope").replace_strict(
        {breach.scope: word for breach, word in past}, default=None, return_dtype=pl.String
    )
    frame = frame.with_columns(by_scope=by_scope)
    groups, more = _groups(frame, holding, delivery, limits, decided, approved, counties)
    still = frame.filter(~pl.col("over"))
    frame = still.join(groups, on=["scope", "person_key", "identity"], how="left", maintain_order="left")
    own = pl.col("by_group").is_in(["released", "cancelled"]).fill_null(value=False)
    bound = [_bound(breach, word, frame.filter(~own, scope=breach.scope), approved) for breach, word in past]
    words = {breach.scope: word for breach, word in bound}
    by_scope = pl.col("scope").replace_strict(words, default=None, return_dtype=pl.String)
    verdict = pl.when(own).then("by_group").otherwise(pl.coalesce(by_scope, "by_group"))
    verdicts = frame.select("scope", "person_key", "identity", verdict=verdict).drop_nulls("verdict")
    return Judged(verdicts=verdicts, breaches=[*(breach for breach, word in bound if word == "held"), *more])


def _bound(breach: Breach, word: str, people: pl.DataFrame, approved: Approved) -> tuple[Breach, str]:
    """The breach with the digest of its people, and what is said of them: a release of others is none."""
    digest = set_digest(breach.place, people.select(LEAVES))
    if word == "released" and people.height and approved.get(breach.place, digest) != digest:
        word = "held"
    return replace(breach, digest=digest), word


def _scopes(
    leaving: pl.DataFrame,
    holding: pl.DataFrame,
    delivery: int,
    mistrusted: Mapping[str, str],
    limits: Limits,
    decided: Mapping[Place, str],
) -> list[tuple[Breach, str]]:
    """Scopes past the limits, `mistrusted` (scope -> why), held or decided before, and what is said of each."""
    people = leaving.group_by("scope").agg(**_PEOPLE)
    base = holding.group_by("scope").agg(holding=pl.col("person_key").n_unique())
    found = []
    people = people.filter(pl.col("rest") > 0).join(base, on="scope").sort("scope")
    for scope, number, rest, of in people.iter_rows():
        before = decided.get(Place(delivery, scope))
        past = number > limits.number and number > limits.share * of
        if past or scope in mistrusted or before is not None:
            kind = mistrusted.get(scope, "scope")
            breach = Breach(delivery=delivery, scope=scope, leaving=rest, holding=of, kind=kind)
            found.append((breach, before or "held"))
    return found


#: All whom the list leaves out, and those of them who have not left yet.
_PEOPLE = {
    "leaving": pl.col("person_key").n_unique(),
    "rest": pl.col("person_key").filter(~pl.col("over")).n_unique(),
}
_NO_GROUPS = pl.DataFrame(
    schema={"scope": pl.String, "person_key": pl.Int64, "identity": pl.String, "by_group": pl.String}
)


def _groups(
    leaving: pl.DataFrame,
    holding: pl.DataFrame,
    delivery: int,
    limits: Limits,
    decided: Mapping[Place, str],
    approved: Approved,
    counties: Counties,
) -> tuple[pl.DataFrame, list[Breach]]:
    """(scope, person_key, identity, by_group) of groups past the limits, or held or decided before; the breaches.

    Counties are looked up only of identities of which so many leave that one group of them may be past the limit.
    """
    known = {place: said for place, said in decided.items() if place.delivery == delivery and place.identity}
    many = leaving.group_by("scope", "identity").agg(n=pl.col("person_key").n_unique())
    named = pl.DataFrame(
        [(place.scope, place.identity) for place in known], schema={"scope": pl.String, "identity": pl.String},
        orient="row",
    )  # fmt: skip
    many = pl.concat([many.filter(pl.col("n") > limits.identity_number).select("scope", "identity"), named]).unique()
    if many.is_empty():
        return _NO_GROUPS, []
    both = [_in_counties(f.join(many, on=["scope", "identity"], how="semi"), counties) for f in (leaving, holding)]
    people = both[0].group_by(GROUP).agg(pl.col("by_scope").first(), **_PEOPLE).filter(pl.col("rest") > 0)
    still = both[0].filter(~pl.col("over"))
    base = both[1].group_by(GROUP).agg(holding=pl.col("person_key").n_unique())
    verdicts, breaches = [], []
    # Who moved to another county since a group was held or kept is none of that group any more, and waits as well.
    kept = {(place.scope, place.identity) for place, said in known.items() if said != "released"}
    for scope, identity, county, by_scope, number, rest, of in people.join(base, on=GROUP).sort(GROUP).iter_rows():
        breach = Breach(
            delivery=delivery, scope=scope, leaving=rest, holding=of, kind="identity",
            identity=identity, county=county,
        )  # fmt: skip
        past = number > limits.identity_number and number > limits.identity_share * of
        word = known.get(breach.place, "held" if past or (scope, identity) in kept else None)
        if word is None:
            continue
        breach, word = _bound(breach, word, still.filter(scope=scope, identity=identity, county=county), approved)
        verdicts.append((scope, identity, county, word))
        if word == "held" and by_scope is None:  # else the scope's own hold has them
            breaches.append(breach)
    schema = {**dict.fromkeys(GROUP, pl.String), "by_group": pl.String}
    found = still.join(pl.DataFrame(verdicts, schema=schema, orient="row"), on=GROUP)
    return found.select(_NO_GROUPS.columns), breaches


def _in_counties(frame: pl.DataFrame, counties: Counties) -> pl.DataFrame:
    """With `county`: a scope that is none of the whole list is one; else the person's."""
    keys = frame.filter(pl.col("scope") == "")["person_key"].unique()
    known = counties(keys) if keys.len() else no_counties(keys)
    own = pl.when(pl.col("scope") != "").then("scope").otherwise(pl.col("county").fill_null(""))
    return frame.join(known, on="person_key", how="left").with_columns(county=own)
