"""Every step that led to each record of a person: line of the delivery, rule, resolution, change, receipt.

Takes a person number, an identity number or a person key. Opens of the roster, and of each delivery that said something
of the person, the blocks that can have the row; names and numbers leave it masked.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

import polars as pl

from gateway.acts.masks import masked_name, masked_number
from gateway.acts.rights import acting
from gateway.acts.runs import county_of
from gateway.errors import SealBroken
from gateway.model.deliveries import DeliveryState
from gateway.model.frames import ENTRIES, RESOLUTIONS
from gateway.model.holds import Place
from gateway.model.outcomes import EVIDENCE
from gateway.pipeline.lookup import find_person, sentence
from gateway.site import Site
from gateway.store import decisions, deliveries, outbox, people, runs, takebacks
from gateway.store.deliveries import DeliveryRow
from gateway.store.takebacks import TakebackRow
from gateway.words import _, translated


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The row of a delivery from which something came."""

    delivery: int
    instance: str
    name: str
    business_date: date | None
    part: str
    #: As a clerk counts in the file or sheet.
    line: int | None
    row: int
    #: The list's rows ended: what stood in the cells is gone.
    ended: bool
    category: str
    #: Masked, as the department wrote them.
    person: str
    number: str
    outcome: str
    rule: str
    reason: str
    #: What speaks for the person, in words, and how much in bits; None where nobody is in sight.
    evidence: Sequence[str]
    score: float | None


@dataclass(frozen=True, kw_only=True)
class Believed:
    """One recognition that is or was believed."""

    identity: str
    level: str
    first: date
    last: date | None
    #: row | stop | departure | "": by what it ended.
    ended_by: str
    #: When the gateway began to believe it, and stopped; None = still.
    from_run: int
    from_time: datetime | None
    to_run: int | None
    to_time: datetime | None
    #: Where it was said first.
    origin: Origin
    #: Where that list's rows ended: the newest row of its department that means the person; None = there is none.
    later: Origin | None = None


@dataclass(frozen=True, kw_only=True)
class Departure:
    """A full list that no longer named the person, and what became of that."""

    instance: str
    delivery: int
    name: str
    business_date: date | None
    identity: str
    last: date
    state: str
    #: Who decided, where a person had to; "" = nobody had to.
    decided_by: str
    note: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """One record of a list for the platform."""

    identity: str
    code: str
    level: str
    begin: str
    end: str
    source: str


@dataclass(frozen=True, kw_only=True)
class Confirmed:
    """What the platform is known to hold for one use."""

    use: str
    #: receipt: accepted from us; readback: it stood there before our first upload.
    origin: str
    at: datetime
    records: Sequence[Record]


@dataclass(frozen=True, kw_only=True)
class Sent:
    """One change, and its receipt."""

    use: str
    state: str
    run: int
    msgid: str | None
    seq: int | None
    result: int | None
    attempts: int
    at: datetime | None
    records: Sequence[Record]


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """A person and every step."""

    person_key: int
    #: Masked; "" where the roster in force does not have the person.
    psn_no: str
    name: str
    number: str
    on_roster: bool
    dead: bool
    covered: bool
    believed: Sequence[Believed]
    #: Identities that were never true: their rows meant somebody else.
    taken_back: Sequence[TakebackRow]
    departures: Sequence[Departure]
    confirmed: Sequence[Confirmed]
    changes: Sequence[Sent]
    #: Open cases about the person: (number, sentence).
    cases: Sequence[tuple[int, str]]


def explain(site: Site, person: str, *, actor: str) -> Explanation:
    """Every step. Raises NotAllowed, and NotFound where nobody is meant, or several are."""
    with acting(site, actor, "explain") as may:
        key, roster = find_person(site, person.strip())
        with site.ledger.begin() as tx:
            may(tx, county=county_of(roster))
    with site.ledger.begin() as tx:
        history, gone = people.history(tx, key), people.departures_of(tx, key)
        named = {row["delivery"] for row in [*history, *gone]}
        known = {d: row for d in sorted(named) if (row := deliveries.get(tx, d)) is not None}
        times = runs.started(tx, {run for row in history for run in (row["known_from"], row["known_to"]) if run})
        holds = {h.place: h for h in decisions.holds(tx)}
        confirmed, changes = people.confirmed_of(tx, key), outbox.changes_of(tx, key)
        cases, taken_back = decisions.cases_of(tx, key), takebacks.listed(tx, person=key)
    rows = origins_of(site, history, known)
    later = _later(site, key, {known[row["delivery"]].instance for row in history if known[row["delivery"]].ended})
    codes = {code.code: code.identity for code in site.policy.codes}
    seen = roster.row(0, named=True) if roster.height else None
    return Explanation(
        person_key=key,
        psn_no=masked_number(seen["psn_no"]) if seen else "",
        name=masked_name(seen["name"]) if seen else "",
        number=masked_number(seen["certno"]) if seen else "",
        on_roster=seen is not None,
        dead=bool(seen and seen["dead"]),
        covered=bool(seen and seen["covered"]),
        believed=[_with_later(belief(row, rows[row["delivery"], row["row"]], times), later) for row in history],
        taken_back=taken_back,
        departures=[departure(row, known[row["delivery"]], holds, seen) for row in gone],
        confirmed=[_confirmed(row, codes) for row in confirmed],
        changes=[_sent(row, codes) for row in changes],
        cases=[(case["id"], sentence(case["code"])) for case in cases],
    )


def _later(site: Site, person: int, instances: Set[str]) -> dict[str, Origin]:
    """Instance -> the newest row that means the person, of its lists whose rows did not end."""
    found = {}
    for instance in sorted(instances):
        with site.ledger.begin() as tx:
            lists = deliveries.select(tx, instance=instance, states=[DeliveryState.APPLIED])
        newest = sorted(lists, key=lambda row: (row.business_date or date.min, row.sequence or 0, row.id), reverse=True)
        for delivery in newest:
            if delivery.ended or not delivery.resolutions_file:
                continue
            means = site.read_frame(delivery.resolutions_file, ["row", "person_key"]).filter(person_key=person)
            if means.height:
                found[instance] = row_details(site, delivery, means["row"].to_list()[:1])[0]
                break
    return found


def _with_later(believed: Believed, later: Mapping[str, Origin]) -> Believed:
    if believed.to_run or not believed.origin.ended:
        return believed
    return replace(believed, later=later.get(believed.origin.instance))


def origins_of(
    site: Site, history: Sequence[Mapping[str, Any]], known: Mapping[int, DeliveryRow]
) -> dict[tuple[int, int], Origin]:
    """(delivery, row) -> where it stands and what it came to. Reads each delivery once."""
    wanted: dict[int, set[int]] = {}
    for row in history:
        wanted.setdefault(row["delivery"], set()).add(row["row"])
    origins = {}
    for delivery, numbers in wanted.items():
        for origin in row_details(site, known[delivery], sorted(numbers)):
            origins[delivery, origin.row] = origin
    return origins


#: Columns of an entry that explain it: where it stands, and cells as they came.
_PLACE, _CELLS = ["row", "line", "part"], ["raw_name", "raw_number", "raw_category"]
#: Columns of a row's resolution that explain it.
_RESOLVED = ["row", "outcome", "reason", "rule", "evidence", "score"]


def row_details(site: Site, delivery: DeliveryRow, rows: Sequence[int]) -> list[Origin]:
    """These rows of a delivery, masked, with what they came to; where its rows ended, only that. Raises SealBroken."""
    if not delivery.entries_file:
        raise SealBroken(_("批次 {id} 没有封存的明细").format(id=delivery.id))
    chosen = pl.Series(rows, dtype=ENTRIES["row"])
    columns = _PLACE if delivery.ended else [*_PLACE, *_CELLS]
    entries = site.read_rows(delivery.entries_file, chosen, columns)
    if delivery.ended:
        entries = entries.with_columns(pl.lit(None, pl.String).alias(name) for name in _CELLS)
    resolved = pl.DataFrame(schema={n: RESOLUTIONS[n] for n in _RESOLVED})
    if delivery.resolutions_file:
        resolved = site.read_rows(delivery.resolutions_file, chosen, resolved.columns)
    joined = entries.join(resolved, on="row", how="left")
    return [origin(delivery, row) for row in joined.iter_rows(named=True)]


def origin(delivery: DeliveryRow, row: Mapping[str, Any]) -> Origin:
    """A row of a delivery, masked: columns of its entry and of its resolution by name."""
    return Origin(
        delivery=delivery.id,
        instance=delivery.instance,
        name=delivery.name,
        business_date=delivery.business_date,
        part=row["part"],
        line=row["line"],
        row=row["row"],
        ended=delivery.ended,
        category=row["raw_category"] or "",
        person=masked_name(row["raw_name"]),
        number=masked_number(row["raw_number"]),
        outcome=row["outcome"] or "",
        rule=row["rule"] or "",
        reason=sentence(row["reason"] or ""),
        evidence=[translated(EVIDENCE.get(code, code)) for code in (row["evidence"] or "").split(",") if code],
        score=row["score"],
    )


def belief(row: Mapping[str, Any], origin: Origin, times: Mapping[int, datetime]) -> Believed:
    return Believed(
        **{name: row[name] for name in ("identity", "level", "first", "last", "ended_by")},
        from_run=row["known_from"],
        from_time=times.get(row["known_from"]),
        to_run=row["known_to"],
        to_time=times.get(row["known_to"]),
        origin=origin,
    )


def departure(
    row: Mapping[str, Any],
    delivery: DeliveryRow,
    holds: Mapping[Place, decisions.HoldRow],
    seen: Mapping[str, Any] | None,
) -> Departure:
    scope = row["scope"]
    county = scope or (seen["county"] if seen else "")
    groups = holds.get(Place(delivery.id, scope, row["identity"], county))
    hold = groups or holds.get(Place(delivery.id, scope))
    return Departure(
        instance=delivery.instance,
        delivery=delivery.id,
        name=delivery.name,
        business_date=delivery.business_date,
        identity=row["identity"],
        last=row["last"],
        state=row["state"],
        decided_by=(hold.decided_by or "") if hold else "",
        note=hold.note if hold else "",
    )


def _confirmed(row: Mapping[str, Any], codes: Mapping[str, str]) -> Confirmed:
    return Confirmed(
        use=row["use"], origin=row["origin"], at=row["confirmed_at"], records=records_of(row["records"], codes)
    )


def _sent(row: Mapping[str, Any], codes: Mapping[str, str]) -> Sent:
    return Sent(
        **{name: row[name] for name in ("use", "state", "msgid", "seq", "result", "attempts")},
        run=row["run_id"],
        at=row["settled_at"],
        records=records_of(row["records"], codes),
    )


def records_of(text: str, codes: Mapping[str, str]) -> list[Record]:
    """A list's text, `code|level|begin|end|source` a line, as records."""
    fields = [line.split("|") for line in text.splitlines()]
    return [
        Record(identity=codes.get(code, ""), code=code, level=level, begin=begin, end=end, source=source)
        for code, level, begin, end, source in fields
    ]
