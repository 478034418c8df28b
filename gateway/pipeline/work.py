"""Deliveries at hand: read, linked to people, each row with its outcome; of each only what settling needs stays.

A payment moves no identity: what it came to once is not looked at again.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date

import polars as pl

from gateway.model.deliveries import FAILED, INCOMPLETE, Mode
from gateway.model.frames import COUNTY_DIGITS, ENTRIES, LINKS
from gateway.model.holds import Place
from gateway.model.mapping import ListMapping
from gateway.model.outcomes import Outcome
from gateway.model.verdicts import WHO, who_says
from gateway.pipeline import roster, thinned
from gateway.pipeline.reading import rows_lost
from gateway.pipeline.takebacks import taken_back
from gateway.pipeline.verdicts import verdicts
from gateway.reconcile import CLAIMS, link_parts, resolve, sure_sources
from gateway.settle import Said, Turn, may_mean, statements, unresolved
from gateway.site import Site
from gateway.store.decisions import CASES
from gateway.store.deliveries import DeliveryRow, landing_of, parts_read
from gateway.vault.sm import sm3_hex

#: Columns of entries that nobody after normalise needs but receipts and people's eyes.
_FOR_EYES = ("line", "part", "raw_name", "raw_number", "raw_category", "category")
#: Columns of entries that a list of payments fills, and that settling reads.
_OF_PAYMENTS = [
    "row", "scope", "number", "number_state", "name_key", "fault", "dup_key", "gives", "none_reason", "change",
    "remark", "said_dead", "area",
]  # fmt: skip
#: Payments whose claims are cut at once.
PAYMENTS_AT_ONCE = 1_000_000
#: Cases of rows, with the scope of each, and what of the source could still tell whom they mean.
DOUBTS = pl.Schema([*CASES.items(), ("scope", pl.String()), ("raw_source_id", pl.String())])


@dataclass(frozen=True, kw_only=True)
class Work:
    """One delivery at hand."""

    row: DeliveryRow
    mapping: ListMapping
    #: `RESOLUTIONS`
    resolutions: pl.DataFrame
    #: What its rows came to before; None the first time.
    before: pl.DataFrame | None
    said: Said
    #: `DOUBTS`: rows that a person must look at.
    doubts: pl.DataFrame
    #: `reconcile.KNOWN` of its rows that number and name made sure.
    known: pl.DataFrame
    #: `takebacks.TAKEN_BACK`: what its rows once said of people whom they do not mean.
    taken_back: pl.DataFrame

    @property
    def changed(self) -> bool:
        """Whether any row comes to something else than before."""
        return self.before is None or not self.before.equals(self.resolutions)

    def resolutions_file(self, site: Site) -> str:
        """The sealed file of the resolutions: the old one where nothing changed."""
        if self.row.resolutions_file and not self.changed:
            return self.row.resolutions_file
        return site.write_frame(self.resolutions)

    def lets_through(self) -> pl.DataFrame:
        """What the list would say of whom, were it in use: its statements, and the rows that hold departures back."""
        names = ("row", "scope", "person_key", "identity", "level", "first", "last", "next_identity", "change", "gives")
        return pl.concat([self.said.rows.select(names), may_mean(self.said.unresolved)], how="diagonal")

    def review_digest(self, *, current: bool) -> str:
        """What its receipt depends on, beside the list itself: half a digest of which rows are in review, and half a
        one of all that is told of rows that are not plainly matched. Of a list that is not `current` the second half
        stays: the department has the list that replaced it."""
        told = self.resolutions.select("row", "outcome", "reason")
        told = told.filter((pl.col("outcome") != Outcome.MATCHED) | (pl.col("reason") != ""))
        review = _half(",".join(map(str, told.filter(pl.col("outcome") == Outcome.REVIEW)["row"])))
        return review + (_half(told.write_csv(include_header=False)) if current else self.row.review_digest[_HALF:])


#: Characters of half a digest.
_HALF = 32


def _half(said: str) -> str:
    return sm3_hex(said.encode())[:_HALF]


def mapping_of(site: Site, row: DeliveryRow) -> ListMapping:
    """The mapping that reads a delivery. An instance that is no longer configured, or whose plugin is broken, says
    nothing new; what it said goes on counting."""
    instance = site.settings.sources.get(row.instance)
    return site.mappings.list_mapping(instance.settings.plugin if instance else str(row.landing["plugin"]))


def turn(row: DeliveryRow) -> Turn:
    """A delivery's place in the order."""
    return Turn(
        delivery=row.id,
        mode=Mode(row.mode or ""),
        business_date=row.business_date or date.min,
        sequence=row.sequence or 0,
        scopes=tuple(row.scopes),
    )


def resolve_all(site: Site, rows: Sequence[DeliveryRow], known: pl.DataFrame) -> list[Work]:
    """These lists, resolved against the roster in force, and linked at once: what is sure in one settles doubts in
    another. `known`: `reconcile.KNOWN` of what was sure before."""
    if not rows:
        return []
    decided = verdicts(site)
    frames = {row.id: _entries(site, row) for row in rows}
    links = link_parts(
        lambda: (_claims(row, frames[row.id]) for row in rows),
        lambda: roster.buckets(site),
        verdicts=decided,
        known=known,
    )
    return [_resolved(site, row, frames.pop(row.id), part, decided) for row, part in zip(rows, links, strict=True)]


def resolve_payments(site: Site, row: DeliveryRow) -> Work:
    """A list of payments: millions of rows of which little is read, linked in parts."""
    decided = verdicts(site)
    entries = site.read_frame(row.entries_file or "", _OF_PAYMENTS)
    absent = [name for name in ENTRIES if name not in _OF_PAYMENTS]
    entries = entries.with_columns(pl.lit(None, ENTRIES[name]).alias(name) for name in absent)
    parts = link_parts(
        lambda: (_claims(row, part) for part in entries.iter_slices(PAYMENTS_AT_ONCE)),
        lambda: roster.buckets(site),
        verdicts=decided,
    )
    links = pl.concat([pl.DataFrame(schema=LINKS), *parts], rechunk=True)
    return _resolved(site, row, entries, links, decided)


def _claims(row: DeliveryRow, entries: pl.DataFrame) -> pl.DataFrame:
    """`reconcile.CLAIMS` of a delivery."""
    return entries.select(pl.lit(row.instance).alias("instance"), pl.lit(row.id).alias("delivery"), *_CLAIM_CELLS)


def said_before(site: Site, row: DeliveryRow) -> Said:
    """What a delivery says, as it was resolved before."""
    if row.ended:
        return _said(row, *thinned.opened(site, row))
    return _said(row, _entries(site, row), site.read_frame(row.resolutions_file or ""))


_CLAIM_CELLS = [name for name in CLAIMS if name not in ("instance", "delivery")]


def _entries(site: Site, row: DeliveryRow) -> pl.DataFrame:
    return site.read_frame(row.entries_file or "", [name for name in ENTRIES if name not in _FOR_EYES])


def _resolved(site: Site, row: DeliveryRow, entries: pl.DataFrame, links: pl.DataFrame, decided: pl.DataFrame) -> Work:
    mapping = mapping_of(site, row)
    before = site.read_frame(row.resolutions_file) if row.resolutions_file else None
    previous = _previous(site, row, entries.filter(links["person_key"].is_null()), before, decided)
    resolutions = resolve(entries, links, statements=mapping.statements, previous=previous)
    return Work(
        row=row,
        mapping=mapping,
        resolutions=resolutions,
        before=before,
        said=_said(row, entries if mapping.statements else entries.clear(), resolutions),
        doubts=_doubts(site, row, entries, resolutions, "row:" if mapping.statements else "pay:"),
        known=sure_sources(_claims(row, entries), links),
        taken_back=taken_back(row.instance, entries, before, resolutions, decided),
    )


def _previous(
    site: Site, row: DeliveryRow, entries: pl.DataFrame, before: pl.DataFrame | None, decided: pl.DataFrame
) -> pl.DataFrame | None:
    """row, person_key, decided, insured of entries that mean nobody for sure now: whom they were sure about, whether a
    person had said so, and whether these are on the roster still. Whom only a decision named that holds no longer
    nobody was ever sure about. None where they were never resolved."""
    if before is None:
        return None
    sure = before.select("row", person_key=pl.coalesce("person_key", "kept"), decided=pl.col("rule") == "decided")
    sure = (
        sure.drop_nulls("person_key")
        .filter(pl.col("row").is_in(entries["row"].implode()))
        .with_columns(pl.col("decided").fill_null(value=False))
    )
    told = sure.filter("decided")
    if told.height:
        who = entries.join(told, on="row").select("row", "person_key", *who_says(pl.lit(row.instance)))
        holds = who.join(decided, on=list(WHO), nulls_equal=True).filter(pl.col("same") == pl.col("person_key"))
        sure = sure.join(told.join(holds, on="row", how="anti"), on="row", how="anti")
    insured = roster.people(site, ["person_key"], sure["person_key"]).with_columns(insured=pl.lit(value=True))
    return sure.join(insured, on="person_key", how="left").with_columns(pl.col("insured").fill_null(value=False))


def _said(row: DeliveryRow, entries: pl.DataFrame, resolutions: pl.DataFrame) -> Said:
    place = turn(row)
    return Said(
        delivery=place.delivery,
        mode=place.mode,
        business_date=place.business_date,
        sequence=place.sequence,
        scopes=place.scopes,
        rows=statements(entries, resolutions),
        unresolved=unresolved(entries, resolutions),
        mistrusted=_mistrusted(row, entries),
    )


def _mistrusted(row: DeliveryRow, entries: pl.DataFrame) -> dict[str, str]:
    """Scopes of which nobody is believed to have left, and why. Of several counties' workbooks two may have been mixed
    up: most rows of the one have the other's code."""
    if row.mode != Mode.FULL:
        return {}
    if any(code == INCOMPLETE for code, _detail in landing_of(row).remarks):
        return dict.fromkeys(row.scopes, "incomplete")
    manifest, parts = landing_of(row).manifest, parts_read(row)
    whose = manifest.whose
    failed = {whose[read.name] for read in parts if any(code == FAILED for code, _detail in read.remarks)}
    failed |= rows_lost(manifest, parts)
    said = set(entries.filter(pl.col("fault").is_null())["scope"].unique())
    scopes = set(row.scopes) - {""}
    found = {scope: "empty" for scope in row.scopes if scope not in said}
    found |= {scope: FAILED for scope in row.scopes if failed & {scope, ""}}
    if len(scopes) > 1:
        county = pl.col("area").str.slice(0, COUNTY_DIGITS)
        coded = (county.str.len_chars() == COUNTY_DIGITS).sum()
        other = (county.is_in(list(scopes)) & (county != pl.col("scope"))).sum()
        # Most of those that have a code, and no stray one where hardly any has.
        wrong = entries.group_by("scope").agg(wrong=(other > coded / 2) & (other > pl.len() / 10))
        found |= {scope: "wrong_county" for scope in wrong.filter("wrong")["scope"]}
    return found


def place(row: DeliveryRow) -> tuple[date, int, int]:
    """By what deliveries of an instance count in their order."""
    return row.business_date or date.min, row.sequence or 0, row.id


def in_doubt(said: Mapping[Place, str]) -> set[tuple[int, str]]:
    """delivery and scope whose departures wait for a person, or were rejected: such a list has not taken the place
    of the one before. `said`: released | cancelled | held."""
    return {(at.delivery, at.scope) for at, word in said.items() if word != "released"}


def in_force(rows: Sequence[DeliveryRow], doubted: Set[tuple[int, str]] = frozenset()) -> dict[int, set[str]]:
    """delivery -> scopes for which it is the newest full list, or comes after it; where the newest is `doubted`
    (`in_doubt`), also what it would replace."""
    forces: dict[int, set[str]] = {}
    covered: dict[str, set[str]] = {}
    for row in sorted(rows, key=place, reverse=True):
        seen = covered.setdefault(row.instance, set())
        forces[row.id] = set(row.scopes) - seen
        if row.mode == Mode.FULL:
            seen.update(scope for scope in row.scopes if (row.id, scope) not in doubted)
    return forces


#: What a case is about: rows of later deliveries that say the same of who they are belong to it.
_CLAIM = ("number", "number_state", "name_key", "head_number", "birth_from", "birth_to", "sex", "area")


def claim_texts(entries: pl.DataFrame, *, payments: bool = False) -> pl.Series:
    """Of each row what the digest in its case's subject is of: a person's number and name in the clear."""
    read = _OF_PAYMENTS if payments else _CLAIM
    cells = (pl.col(c).cast(pl.String).fill_null("") if c in read else pl.lit("") for c in _CLAIM)
    return entries.select(pl.concat_str(list(cells), separator="|")).to_series()


def _doubts(
    site: Site, row: DeliveryRow, entries: pl.DataFrame, resolutions: pl.DataFrame, prefix: str
) -> pl.DataFrame:
    """`DOUBTS` of a delivery: one per row and reason."""
    odd = (resolutions["outcome"] == "review") | entries["remark"].is_not_null()
    rows = entries.filter(odd).join(resolutions.filter(odd), on="row")
    review = rows.filter(pl.col("outcome") == "review").with_columns(code="reason")
    remarked = rows.filter(
        pl.col("remark").is_not_null()
        & pl.col("outcome").is_in(["matched", "no_identity", "deceased"])
        & ~((pl.col("remark") == "dead_by_row") & pl.col("dead").fill_null(value=False))
    ).with_columns(code="remark")
    both = pl.concat([review, remarked])
    digests = site.keyring.person_digest(claim_texts(both).to_list())
    subject = pl.concat_str(
        pl.lit(f"{prefix}{row.instance}:"), pl.Series("digest", digests, pl.Int64), pl.lit(":"), "code"
    )
    return both.select(
        subject=subject,
        instance=pl.lit(row.instance),
        code="code",
        delivery_id=pl.lit(row.id, pl.Int64),
        row=pl.col("row").cast(pl.Int64),
        person_key=pl.coalesce("person_key", "candidate", pl.col("candidates").list.first()),
        county=pl.coalesce(pl.when(pl.col("area").str.len_chars() >= 6).then(pl.col("area").str.slice(0, 6)), "scope"),
        scope="scope",
        raw_source_id="raw_source_id",
    ).select(pl.col(n).cast(t) for n, t in DOUBTS.items())


def subjects(doubts: pl.DataFrame, forces: Mapping[int, set[str]]) -> pl.DataFrame:
    """`CASES` of the doubts that are in force: one per claim and reason, where the newest delivery says it."""
    pairs = [(delivery, scope) for delivery, scopes in forces.items() for scope in scopes]
    force = pl.DataFrame(pairs, schema={"delivery_id": pl.Int64, "scope": pl.String}, orient="row")
    found = doubts.join(force, on=["delivery_id", "scope"], how="semi").sort("delivery_id", "row")
    return found.unique("subject", keep="last", maintain_order=True).select(CASES.names())
