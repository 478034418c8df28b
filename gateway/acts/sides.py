"""Cases as people look at them: the row, its candidates beside it, what was decided before.

Masked, unless the caller has recorded why somebody must see the whole: `cases.unmasked` and the worklists do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from gateway.acts.explain import Origin, origin
from gateway.acts.masks import masked_name, masked_number
from gateway.model.frames import COUNTY_DIGITS
from gateway.model.verdicts import Verdict
from gateway.pipeline.beside import Agreement, Beside, Said, beside, said
from gateway.pipeline.lookup import sentence
from gateway.pipeline.verdicts import claim_digest
from gateway.site import Site
from gateway.store import deliveries, verdicts
from gateway.store.ledger import now
from gateway.store.verdicts import VerdictRow

#: The fields that are set side by side, in this order.
FIELDS = ("name", "number", "birth", "sex", "area", "household")
_YEAR = 4


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of a candidate: what the roster says (household: what its neighbours say), and if the list agrees."""

    field: str
    text: str
    agreement: Agreement


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A person whom a row seems to mean, or whose upload was refused."""

    person_key: int
    psn_no: str
    on_roster: bool
    dead: bool
    covered: bool
    #: `FIELDS` of those who are on the roster.
    fields: Sequence[Field]


@dataclass(frozen=True, kw_only=True)
class Decided:
    """What somebody decided about the case."""

    id: int
    verdict: str
    person_key: int | None
    until: date | None
    actor: str
    at: datetime
    note: str
    undone_at: datetime | None
    undone_by: str | None


@dataclass(frozen=True, kw_only=True)
class CaseDetail:
    """A case with where it came from."""

    id: int
    instance: str
    code: str
    reason: str
    state: str
    #: Six digits; "" = unknown.
    county: str
    opened_at: datetime
    closed_at: datetime | None
    later_until: date | None
    #: Since it was opened.
    age_days: int
    #: None for a refusal of the platform, which comes from no single row. Its evidence speaks for the first candidate.
    origin: Origin | None
    #: Field of `FIELDS` -> what the list says; "" = nothing.
    listed: Mapping[str, str]
    #: The likeliest first.
    candidates: Sequence[Candidate]
    #: Oldest first, those undone too.
    decided: Sequence[Decided]


def details(site: Site, rows: Sequence[Mapping[str, Any]], *, clear: bool = False) -> list[CaseDetail]:
    """Of these cases (as `store.decisions.cases` gives them). Opens each delivery once, and the roster once or twice.

    `clear` leaves names and numbers whole: for whoever has recorded a reason. Raises SealBroken.
    """
    with site.ledger.begin() as tx:
        known = {d: deliveries.get(tx, d) for d in {row["delivery_id"] for row in rows} if d}
        decided = {row["id"]: verdicts.of_case(tx, row["id"]) for row in rows}
    places = [(known[row["delivery_id"]], row["row"]) for row in rows if row["delivery_id"] and row["row"]]
    lines = said(site, [(delivery, row) for delivery, row in places if delivery is not None])
    about = [
        (line, candidates_of(site, row, line, decided[row["id"]]))
        for row in rows
        for line in [lines.get((row["delivery_id"], row["row"]))]
    ]
    return [
        _detail(row, line, candidates, decided[row["id"]], clear=clear)
        for row, (line, _keys), candidates in zip(rows, about, beside(site, about), strict=True)
    ]


def candidates_of(site: Site, row: Mapping[str, Any], line: Said | None, decided: Sequence[VerdictRow]) -> list[int]:
    """Person keys in the order in which a case shows them, without whom somebody has ruled out for this very row: a
    case may go from one household's row to another's."""
    keys = list(line.candidates if line else ())
    if row["person_key"] is not None and row["person_key"] not in keys:
        keys.append(row["person_key"])
    out: set[int] = set()
    digest = claim_digest(site, line.entry, row["instance"]) if line else None
    for verdict in decided:
        if verdict.undone_at is None and verdict.digest == digest:
            out |= set(verdict.excluded)
            out -= {verdict.person_key} if verdict.verdict == Verdict.SAME else set()
    return [key for key in keys if key not in out]


def _detail(
    row: Mapping[str, Any],
    line: Said | None,
    candidates: Sequence[Beside],
    decided: Sequence[VerdictRow],
    *,
    clear: bool,
) -> CaseDetail:
    names = ("id", "instance", "code", "state", "county", "opened_at", "closed_at", "later_until")
    return CaseDetail(
        **{name: row[name] for name in names},
        reason=sentence(row["code"]),
        age_days=age(row["opened_at"]),
        origin=_origin(line) if line else None,
        listed={name: _shown(name, line.listed[name], clear=clear) if line else "" for name in FIELDS},
        candidates=[_candidate(one, clear=clear) for one in candidates],
        decided=[_decided(verdict) for verdict in decided],
    )


def age(opened_at: datetime) -> int:
    """Whole days since then."""
    return (now() - opened_at).days


def _origin(line: Said) -> Origin:
    resolved = {name: line.resolution.get(name) for name in ("outcome", "rule", "reason", "evidence", "score")}
    return origin(line.delivery, {**line.entry.row(0, named=True), **resolved})


def _candidate(one: Beside, *, clear: bool) -> Candidate:
    fields = [
        Field(field=f.field, text=_shown(f.field, f.roster, clear=clear, roster=True), agreement=f.agreement)
        for f in one.fields
    ]
    return Candidate(
        person_key=one.person_key,
        psn_no=one.psn_no if clear else masked_number(one.psn_no),
        on_roster=bool(one.psn_no),
        dead=one.dead,
        covered=one.covered,
        fields=fields,
    )


def _shown(field: str, text: str, *, clear: bool, roster: bool = False) -> str:
    """A field's text; masked: the first character of a name, the ends of a number, year, county."""
    if clear or not text or field == "sex" or (roster and field == "household"):
        return text
    if field == "name":
        return masked_name(text)
    if field == "birth":
        return f"{text[:_YEAR]}****"
    return f"{text[:COUNTY_DIGITS]}****" if field == "area" else masked_number(text)


def _decided(row: VerdictRow) -> Decided:
    names = ("id", "verdict", "person_key", "until", "actor", "at", "note", "undone_at", "undone_by")
    return Decided(**{name: getattr(row, name) for name in names})
