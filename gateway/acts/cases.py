"""One case: the row that a person must look at, and whom it seems to mean; both masked."""

from dataclasses import dataclass
from datetime import datetime

from gateway.acts.explain import Origin, row_details
from gateway.acts.masks import masked_name, masked_number
from gateway.errors import NotFound
from gateway.pipeline.lookup import person_of_key, sentence
from gateway.site import Site
from gateway.store import decisions, deliveries
from gateway.words import _


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A person whom a row seems to mean, or whose upload was refused."""

    person_key: int
    psn_no: str
    name: str
    number: str


@dataclass(frozen=True, kw_only=True)
class CaseDetail:
    """A case with where it came from."""

    id: int
    instance: str
    code: str
    reason: str
    state: str
    opened_at: datetime
    closed_at: datetime | None
    #: None for a refusal of the platform, which comes from no single row.
    origin: Origin | None
    candidate: Candidate | None


def case(site: Site, number: int) -> CaseDetail:
    """One case. Raises NotFound."""
    with site.ledger.begin() as tx:
        row = decisions.case(tx, number)
        delivery = deliveries.get(tx, row["delivery_id"]) if row and row["delivery_id"] else None
    if row is None:
        what = _("没有编号为 {number} 的待核查项").format(number=number)
        raise NotFound(what, next_step=_("可用 gateway cases list 查看"))
    origins = row_details(site, delivery, [row["row"]]) if delivery and row["row"] else []
    return CaseDetail(
        **{name: row[name] for name in ("id", "instance", "code", "state", "opened_at", "closed_at")},
        reason=sentence(row["code"]),
        origin=origins[0] if origins else None,
        candidate=_candidate(site, row["person_key"]) if row["person_key"] is not None else None,
    )


def _candidate(site: Site, key: int) -> Candidate:
    found = person_of_key(site, key)
    row = found.row(0, named=True) if found.height else {"psn_no": "", "name": "", "certno": ""}
    return Candidate(
        person_key=key,
        psn_no=masked_number(row["psn_no"]),
        name=masked_name(row["name"]),
        number=masked_number(row["certno"]),
    )
