"""All usable deliveries with their entries and resolutions: what a settlement works from."""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from gateway.errors import TryLater
from gateway.model.deliveries import DeliveryState, Mode
from gateway.model.mapping import ListMapping
from gateway.pipeline import roster
from gateway.reconcile import CLAIM, link, resolve
from gateway.site import Site
from gateway.store import deliveries, rosters
from gateway.store.decisions import CASES
from gateway.store.deliveries import DeliveryRow
from gateway.vault.sm import sm3_hex
from gateway.words import _

_USABLE = (DeliveryState.LANDED, DeliveryState.WAITING, DeliveryState.HELD, DeliveryState.APPLIED)


@dataclass(kw_only=True)
class Work:
    """One delivery at hand."""

    row: DeliveryRow
    mapping: ListMapping
    entries: pl.DataFrame
    resolutions: pl.DataFrame
    #: What its rows came to before; None the first time.
    before: pl.DataFrame | None

    def resolutions_file(self, site: Site) -> str:
        """The sealed file of the resolutions: the old one where nothing changed."""
        if self.before is not None and self.row.resolutions_file and self.before.equals(self.resolutions):
            return self.row.resolutions_file
        return site.write_frame(self.resolutions)

    def review_digest(self) -> str:
        """Digest of which rows are in review: when a case is decided, the department gets another receipt."""
        rows = self.resolutions.filter(pl.col("outcome") == "review")["row"].to_list()
        return sm3_hex(",".join(map(str, rows)).encode())


def resolve_all(site: Site) -> list[Work]:
    """Every usable delivery, resolved against the roster in force. Each claim is looked at once."""
    with site.ledger.begin() as tx:
        rows = deliveries.select(tx, states=_USABLE)
        version = rosters.newest(tx)
    mappings = {r.instance: site.mappings.list_mapping(_plugin_of(site, r)) for r in rows}
    # Payments move no identity: what they came to once is not looked at again every day.
    todo = [r for r in rows if mappings[r.instance].statements or r.state != DeliveryState.APPLIED]
    if not todo:
        return []
    if version is None:
        what, step = _("还没有参保人名册,无法核对人员"), _("等医保平台可用后再运行 gateway run")
        raise TryLater(what, where=_("参保人名册"), next_step=step)
    frames = {r.id: site.read_frame(r.entries_file or "") for r in todo}
    claims = pl.concat([frame.select(CLAIM) for frame in frames.values()])
    links = link(claims, lambda: roster.buckets(site))
    insured = roster.people(site, ["person_key"])
    return [_one(site, r, mappings[r.instance], frames[r.id], links, insured) for r in todo]


def _plugin_of(site: Site, row: DeliveryRow) -> str:
    """The plugin whose mapping reads a delivery. An instance that is no longer configured, or whose plugin is broken,
    says nothing new; what it said goes on counting."""
    instance = site.settings.sources.get(row.instance)
    return instance.settings.plugin if instance else str(row.landing["plugin"])


def _one(
    site: Site,
    row: DeliveryRow,
    mapping: ListMapping,
    entries: pl.DataFrame,
    links: pl.DataFrame,
    insured: pl.DataFrame,
) -> Work:
    before = site.read_frame(row.resolutions_file) if row.resolutions_file else None
    previous = None
    if before is not None:
        sure = before.select("row", person_key=pl.coalesce("person_key", "kept")).drop_nulls()
        previous = sure.with_columns(insured=pl.col("person_key").is_in(insured["person_key"].implode()))
    resolutions = resolve(entries, links, statements=mapping.statements, previous=previous)
    return Work(row=row, mapping=mapping, entries=entries, resolutions=resolutions, before=before)


def in_force(work: Sequence[Work]) -> dict[int, set[str]]:
    """delivery -> scopes for which it is the newest full list, or comes after it."""
    forces: dict[int, set[str]] = {}
    covered: dict[str, set[str]] = {}
    ordered = sorted(work, key=lambda w: (w.row.business_date, w.row.sequence or 0, w.row.id), reverse=True)
    for w in ordered:
        seen = covered.setdefault(w.row.instance, set())
        forces[w.row.id] = set(w.row.scopes) - seen
        if w.row.mode == Mode.FULL:
            seen.update(w.row.scopes)
    return forces


def cases(site: Site, work: Sequence[Work], prefix: str) -> pl.DataFrame:
    """`CASES` of all rows in force that a person must look at: one per claim and reason; subjects begin so."""
    forces = in_force(work)
    parts = [_cases_of(w, forces[w.row.id]) for w in work]
    found = pl.concat([pl.DataFrame(schema={**CASES, "claim": pl.String}), *parts])
    digests = site.keyring.person_digest(found["claim"].to_list())
    subject = pl.concat_str(
        pl.lit(prefix), "instance", pl.lit(":"), pl.Series("digest", digests, pl.Int64), pl.lit(":"), "code"
    )
    return (
        found.with_columns(subject.alias("subject"))
        .unique("subject", keep="last", maintain_order=True)
        .select(CASES.names())
    )


def _cases_of(work: Work, scopes: set[str]) -> pl.DataFrame:
    rows = work.entries.join(work.resolutions, on="row").filter(pl.col("scope").is_in(list(scopes)))
    review = rows.filter(pl.col("outcome") == "review").with_columns(code="reason")
    remarked = rows.filter(
        pl.col("remark").is_not_null()
        & pl.col("outcome").is_in(["matched", "no_identity", "deceased"])
        & ~((pl.col("remark") == "dead_by_row") & pl.col("dead").fill_null(value=False))
    ).with_columns(code="remark")
    claim = pl.concat_str([pl.col(c).cast(pl.String).fill_null("") for c in CLAIM], separator="|")
    return pl.concat([review, remarked]).select(
        subject=pl.lit(""),
        instance=pl.lit(work.row.instance),
        code="code",
        delivery_id=pl.lit(work.row.id, pl.Int64),
        row=pl.col("row").cast(pl.Int64),
        person_key=pl.coalesce("person_key", "candidate"),
        claim=claim,
    )
