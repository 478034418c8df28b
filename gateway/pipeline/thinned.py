"""What stays of the rows of a list of people when they end: what it said of whom, and nothing of who that is.

A list that was replaced is folded again each time everything is derived anew, so what it came to must stay: of rows
that count their statement, under a person key; of people who wait at it that they wait; of every row what the guard
counts. Names, numbers, birth dates, heads and cells as they came go. From then on the list counts as it was resolved
last, whatever roster or decision comes; but a decision that counted there and is undone counts no more.

A source's own number of a person tells who a row in doubt may mean, and may have an identity number in it. It stays
where it stands in a later list too, or its person holds something still that no later list names.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from gateway.model.frames import COUNTY_DIGITS, ENTRIES, RESOLUTIONS
from gateway.model.written import own_number
from gateway.pipeline import roster
from gateway.pipeline.verdicts import Standing, claim_digest, standing
from gateway.reconcile import KNOWN
from gateway.settle.statements import COUNT, UNRESOLVED
from gateway.site import Site
from gateway.store import people, verdicts
from gateway.store.deliveries import DeliveryRow

#: Columns of entries that stay of every row: its place, and what the guard counts.
_COUNTED = ("row", "line", "part", "scope", "category", "level", "identity")
#: Those that stay of rows that count.
_SAID = ("first", "last", "last_inferred", "next_identity", "change", "gives", "stands")
#: `decision`: the first one about who the row says it is, where one named its person or ruled people out.
THINNED = pl.Schema(
    {name: ENTRIES[name] for name in (*_COUNTED, "area", "raw_source_id", *_SAID)} | {"decision": pl.Int64}
)
_DOUBTFUL = ("review", "unmatched", "invalid")
#: The outcome of rows whose person is not on the roster: they count once the person is there again.
_AWAY = "unmatched"
_PERSON = pl.coalesce("person_key", "kept")
_SURE = "number+name"
#: Rules by which a number on the roster says who is meant.
_BY_NUMBER = (_SURE, "number+name_form")


@dataclass(frozen=True, kw_only=True)
class Needed:
    """What of an instance's lists that end may still be asked for."""

    #: Sources' own numbers that stand in lists that stay.
    source_ids: pl.Series
    #: Person keys of those whose own number of the source may tell that they wait.
    people: pl.Series


def needed(site: Site, instance: str, staying: Collection[DeliveryRow]) -> Needed:
    """Of the instance, once only these of its lists stay as they are."""
    numbers = [_own(site.read_frame(row.entries_file or "", ["raw_source_id"])) for row in staying]
    since = min(row.business_date for row in staying if row.business_date)
    with site.ledger.begin() as tx:
        held = people.recognitions(tx).filter(pl.col("instance") == instance)
        waiting = people.departures_at(tx, [row.id for row in staying]).filter(pl.col("state") != "released")
    still = held.filter(pl.col("last").is_null() | (pl.col("last") >= since))
    return Needed(
        source_ids=pl.concat([pl.Series("raw_source_id", [], pl.String), *numbers]).unique(),
        people=pl.concat([still["person_key"], waiting["person_key"]]).unique(),
    )


def _own(frame: pl.DataFrame) -> pl.Series:
    return frame.select(own_number("raw_source_id")).to_series().drop_nulls().unique()


def thin(site: Site, row: DeliveryRow, needed: Needed) -> tuple[str, str]:
    """The new sealed files of entries and resolutions of a list of people."""
    entries, resolutions = site.read_frame(row.entries_file or ""), site.read_frame(row.resolutions_file or "")
    said = resolutions.select(
        "row",
        counts=pl.col("outcome").is_in([*COUNT, _AWAY]) & _PERSON.is_not_null(),
        person=_PERSON,
    )
    rows = entries.join(said, on="row", how="left", maintain_order="left").join(
        _decisions(site, row, entries, resolutions), on="row", how="left", maintain_order="left"
    )
    own = own_number("raw_source_id")
    asked = own.is_in(needed.source_ids.implode()) | pl.col("person").is_in(needed.people.implode())
    rows = rows.select(
        *_COUNTED,
        pl.col("area").str.slice(0, COUNTY_DIGITS),
        pl.when(pl.col("person").is_not_null() & asked).then(own).alias("raw_source_id"),
        *(pl.when("counts").then(name).alias(name) for name in _SAID),
        "decision",
    )
    stays = rows.select(pl.col(name).cast(kind) for name, kind in THINNED.items())
    return site.write_frame(stays), site.write_frame(_resolutions(site, row, entries, resolutions))


def _decisions(site: Site, row: DeliveryRow, entries: pl.DataFrame, resolutions: pl.DataFrame) -> pl.DataFrame:
    """row, decision: of rows whose person a decision named, or of whom it said that they are not meant. The few."""
    with site.ledger.begin() as tx:
        known = verdicts.first_of_claims(tx)
    told = (pl.col("rule") == "decided") | (pl.col("ruled_out").list.len() > 0)
    decided = entries.join(resolutions.filter(told).select("row"), on="row", how="semi")
    found = [(one["row"][0], known.get(claim_digest(site, one, row.instance))) for one in decided.iter_slices(1)]
    return pl.DataFrame(found, schema={"row": ENTRIES["row"], "decision": pl.Int64}, orient="row")


def _resolutions(site: Site, row: DeliveryRow, entries: pl.DataFrame, resolutions: pl.DataFrame) -> pl.DataFrame:
    """The resolutions; whom rows in doubt may mean is no longer said row by row, but for who waits at the list: a row
    of their scope may mean them, the first that stays in doubt whoever comes back to the roster, or all where none
    does."""
    with site.ledger.begin() as tx:
        waiting = people.departures_at(tx, [row.id]).filter(pl.col("state") == "waiting")
    doubtful = pl.col("outcome").is_in(_DOUBTFUL)
    nobody = (pl.col("outcome") == "unmatched") & (pl.col("reason") == "decided_nobody")
    returns = (pl.col("outcome") == _AWAY) & pl.col("kept").is_not_null()
    doubts = resolutions.filter(doubtful & ~nobody).select("row", returns=returns)
    doubts = doubts.join(entries.select("row", "scope"), on="row")
    stays = doubts.filter(~pl.col("returns")).group_by("scope").agg(pl.col("row").min())
    rows = pl.concat([stays, doubts.join(stays, on="scope", how="anti").select("scope", "row")])
    who = waiting.group_by("scope").agg(waits=pl.col("person_key").unique().sort()).join(rows, on="scope")
    assert who["scope"].n_unique() == waiting["scope"].n_unique(), row.id  # who waits, waits for such a row
    return resolutions.join(who.select("row", "waits"), on="row", how="left", maintain_order="left").with_columns(
        candidate=pl.when(~doubtful).then("candidate"),
        candidates=pl.when(doubtful).then("waits").otherwise("candidates"),
    ).select(resolutions.columns)


def opened(site: Site, row: DeliveryRow) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Entries and resolutions of a list whose rows ended, as far as settling asks for them."""
    rows, resolutions = site.read_frame(row.entries_file or ""), site.read_frame(row.resolutions_file or "")
    absent = {*UNRESOLVED, *ENTRIES} & {*ENTRIES} - {*rows.columns}
    entries = rows.with_columns(pl.lit(None, ENTRIES[name]).alias(name) for name in sorted(absent))
    decided = rows.select("row", "decision").drop_nulls()
    if decided.height:
        with site.ledger.begin() as tx:
            claims = {number: digest for digest, number in verdicts.first_of_claims(tx).items()}
        resolutions = _without_undone(resolutions, dict(decided.iter_rows()), claims, standing(site))
    return entries, _on_roster(site, resolutions)


def _on_roster(site: Site, resolutions: pl.DataFrame) -> pl.DataFrame:
    """What rows say of people counts while these are on the roster, as with any list; and where it was not by their
    number that a row meant them, it is in doubt meanwhile, and goes on."""
    keys = resolutions.select(_PERSON).to_series().drop_nulls().unique()
    here = _PERSON.is_in(roster.people(site, ["person_key"], keys)["person_key"].implode())
    leaves = pl.col("person_key").is_not_null() & ~here
    decided = (pl.col("reason") == "decided_nobody").fill_null(value=False)
    returns = (pl.col("outcome") == _AWAY) & pl.col("kept").is_not_null() & here & ~decided
    doubt = leaves & ~pl.col("rule").is_in(_BY_NUMBER)
    return resolutions.with_columns(
        outcome=pl.when(doubt)
        .then(pl.lit("review"))
        .when(leaves)
        .then(pl.lit(_AWAY))
        .when(returns)
        .then(pl.lit("matched"))
        .otherwise("outcome"),
        person_key=pl.when(returns).then("kept").when(~leaves).then("person_key"),
        kept=pl.when(leaves).then("person_key").when(~returns).then("kept"),
    )


def _without_undone(
    resolutions: pl.DataFrame, decided: Mapping[int, int], claims: Mapping[int, int], now: Mapping[int, Standing]
) -> pl.DataFrame:
    """Rows whose decision holds no longer are in doubt: one that meant its person by it, and one that it had said does
    not mean some people. They may mean these again, but for whom another decision rules out."""
    names = ("row", "rule", "ruled_out")
    rows = resolutions.filter(pl.col("row").is_in(list(decided))).select(*names, person=_PERSON)
    doubts = []
    for row, rule, ruled_out, person_key in rows.iter_rows():
        said = now.get(claims.get(decided[row], 0), Standing())
        was = [person_key] if person_key is not None else ruled_out or []
        if (rule != "decided" or said.same == person_key) if person_key is not None else not ruled_out:
            continue
        may = [] if said.nobody or said.same is not None else [key for key in was if key not in said.excluded]
        if may or person_key is not None:
            doubts.append((row, may))
    again = pl.DataFrame(doubts, schema={"row": ENTRIES["row"], "may": RESOLUTIONS["candidates"]}, orient="row")
    frame = resolutions.join(again, on="row", how="left", maintain_order="left")
    doubtful = pl.col("may").is_not_null()
    return frame.with_columns(
        outcome=pl.when(doubtful).then(pl.lit("review")).otherwise("outcome"),
        candidates=pl.when(doubtful)
        .then(pl.concat_list(pl.col("candidates").fill_null([]), "may"))
        .otherwise("candidates"),
        person_key=pl.when(~doubtful).then("person_key"),
        kept=pl.when(~doubtful).then("kept"),
    ).select(resolutions.columns)


def known(site: Site, row: DeliveryRow) -> pl.DataFrame:
    """`KNOWN` of what stays of the rows that number and name had made sure."""
    entries = site.read_frame(row.entries_file or "", ["row", "raw_source_id"]).drop_nulls()
    sure = site.read_frame(row.resolutions_file or "", ["row", "rule", "person_key"]).filter(pl.col("rule") == _SURE)
    rows = entries.join(sure.drop_nulls("person_key"), on="row").with_columns(instance=pl.lit(row.instance))
    return rows.select(pl.col(name).cast(kind) for name, kind in KNOWN.items()).unique()
