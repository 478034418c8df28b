"""What the ledger knows, for people and scripts to look at. Changes nothing, and shows nobody."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from gateway.acts import alarms, audit
from gateway.acts.advice import advice, finding_sentence
from gateway.acts.rights import acting
from gateway.errors import NotFound
from gateway.model.deliveries import DeliveryState
from gateway.pipeline.calendar import Overdue
from gateway.pipeline.lookup import sentence
from gateway.pipeline.sharing import Ending
from gateway.site import Site
from gateway.store import decisions, deliveries, outbox, rosters, runs, withdrawals
from gateway.store.deliveries import DeliveryRow
from gateway.store.ledger import now
from gateway.store.outbox import Pause
from gateway.store.runs import RunRow
from gateway.words import _

#: Deliveries in use that a screen shows beside all that need somebody's attention.
RECENT = 20
#: Days after which a case has waited too long: by then the department has sent the next month's list.
AGED_DAYS = 30


@dataclass(frozen=True, kw_only=True)
class SourceView:
    """An instance and how it stands."""

    name: str
    plugin: str
    schedule: str
    contact: str
    #: Deliveries by state.
    deliveries: Mapping[str, int]
    #: Business date of the newest delivery in use.
    last_business_date: date | None
    last_arrival: datetime | None
    open_cases: int


@dataclass(frozen=True, kw_only=True)
class Status:
    """The site on one screen."""

    name: str
    #: People on the roster in force, and the day on which it was pulled; None before the first.
    roster_people: int | None
    roster_date: date | None
    sources: list[SourceView]
    runs: list[RunRow]
    #: Open cases as (instance, code, sentence, number).
    cases: list[tuple[str, str, str, int]]
    #: Cases that are open for more than `AGED_DAYS`.
    aged_cases: int
    open_holds: int
    #: Changes on their way, by state.
    outbox: Mapping[str, int]
    #: Since when sending is paused; None = it goes on.
    paused: Pause | None
    #: Undos that wait for a second person.
    open_undos: int
    #: The newest comparison with the platform: its run's `detail["verified"]` says what differed.
    verified: RunRow | None
    #: Lists that have not come by their day.
    overdue: list[Overdue]
    #: Sharings that have ended, or end soon.
    sharing: list[Ending]
    #: Where checkpoints of the audit chain should be outside, and are not: sentences.
    not_anchored: list[str]
    #: Plugins that were set aside, and why.
    plugins_set_aside: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class DeliveryView:
    """A delivery, what became of it, and what to do."""

    id: int
    instance: str
    name: str
    mode: str | None
    business_date: date | None
    sequence: int | None
    arrived_at: datetime
    state: str
    code: str
    rows: int
    #: Rows by outcome; they add up to `rows` once it is in use.
    outcomes: Mapping[str, int]
    reason: str
    advice: str
    findings: list[str]


@dataclass(frozen=True, kw_only=True)
class CaseView:
    """A case: which row of which delivery a person must look at."""

    id: int
    instance: str
    code: str
    reason: str
    delivery: str | None
    row: int | None
    state: str
    #: Six digits; "" = unknown.
    county: str
    opened_at: datetime
    closed_at: datetime | None
    #: The day on which a case that was put off is open again.
    later_until: date | None
    #: Since it was opened.
    age_days: int


def status(site: Site, *, actor: str) -> Status:
    """The site on one screen. Raises NotAllowed, as all here does."""
    overdue, not_anchored = alarms.overdue(site), [text for _place, text in audit.alarms(site)]
    with acting(site, actor, "status") as may, site.ledger.begin() as tx:
        may(tx)
        roster = rosters.newest(tx)
        counts = decisions.case_counts(tx)
        return Status(
            name=site.settings.site.name,
            roster_people=roster.people if roster else None,
            roster_date=roster.pulled_on if roster else None,
            sources=_sources(site, deliveries.select(tx), counts),
            runs=runs.recent(tx, 5),
            cases=[(instance, code, sentence(code), number) for instance, code, number in counts],
            aged_cases=decisions.count_cases(tx, before=_aged()),
            open_holds=len(decisions.holds(tx, state="open")),
            outbox=outbox.counts(tx),
            paused=outbox.paused(tx),
            open_undos=len(withdrawals.listed(tx, state="open")),
            verified=runs.last_verified(tx),
            overdue=overdue,
            sharing=alarms.endings(site),
            not_anchored=not_anchored,
            plugins_set_aside=dict(site.plugins.broken),
        )


def sources(site: Site, *, actor: str) -> list[SourceView]:
    """All configured instances."""
    with acting(site, actor, "sources") as may, site.ledger.begin() as tx:
        may(tx)
        return _sources(site, deliveries.select(tx), decisions.case_counts(tx))


def _sources(site: Site, known: list[DeliveryRow], counts: list[tuple[str, str, int]]) -> list[SourceView]:
    return [
        _source(site, name, [d for d in known if d.instance == name], sum(n for i, _c, n in counts if i == name))
        for name in site.settings.sources
    ]


def _source(site: Site, name: str, known: list[DeliveryRow], cases: int) -> SourceView:
    settings = site.settings.sources[name].settings
    states = [d.state for d in known]
    return SourceView(
        name=name,
        plugin=settings.plugin,
        schedule=settings.schedule,
        contact=settings.contact,
        deliveries={state: states.count(state) for state in sorted(set(states))},
        last_business_date=max(
            (d.business_date for d in known if d.state == DeliveryState.APPLIED and d.business_date), default=None
        ),
        last_arrival=max((d.arrived_at for d in known), default=None),
        open_cases=cases,
    )


def recent_runs(site: Site, limit: int, *, actor: str) -> list[RunRow]:
    """The newest runs, newest first."""
    with acting(site, actor, "runs") as may, site.ledger.begin() as tx:
        may(tx)
        return runs.recent(tx, limit)


def received(
    site: Site, *, instance: str | None = None, state: str | None = None, every: bool = False, actor: str
) -> list[DeliveryView]:
    """Deliveries of the actor's sources, oldest first: all that are not in use and the newest that are; `every` one on
    request."""
    with acting(site, actor, "deliveries") as may, site.ledger.begin() as tx:
        reach = may.reach(tx, instance=instance)
        found = deliveries.select(tx, instance=instance, states=[state] if state else ())
        known = [row for row in found if reach.covers("", row.instance)]
        # Of several scopes of one delivery, the one that is open counts.
        holds = {h.delivery_id: h for h in sorted(decisions.holds(tx), key=lambda h: h.state == "open")}
        in_use = [d.id for d in known if d.state == DeliveryState.APPLIED]
        old = set() if every else set(in_use[:-RECENT])
        taken = {(d.instance, name): d.id for d in known if d.state == DeliveryState.APPLIED for name in _named(d)}
        told = {d.id: advice(d, holds.get(d.id), mended=taken.get((d.instance, d.name), 0) > d.id) for d in known}
        return [_view(d, deliveries.findings_of(tx, d.id), told[d.id]) for d in known if d.id not in old]


def _named(row: DeliveryRow) -> list[str]:
    """The names under which it, or a part of it that speaks for a scope of its own, would have been refused."""
    return [row.name, *(f"{row.name}/{part.name}" for part in deliveries.parts_read(row))]


def _view(row: DeliveryRow, findings: list[tuple[str, str, int]], told: tuple[str, str]) -> DeliveryView:
    reason, step = told
    return DeliveryView(
        id=row.id,
        instance=row.instance,
        name=row.name,
        mode=row.mode,
        business_date=row.business_date,
        sequence=row.sequence,
        arrived_at=row.arrived_at,
        state=row.state,
        code=row.code,
        rows=row.rows,
        outcomes=row.outcomes,
        reason=reason,
        advice=step,
        findings=[finding_sentence(*finding) for finding in findings],
    )


def cases(
    site: Site,
    *,
    instance: str | None = None,
    county: str | None = None,
    state: str | None = "open",
    limit: int = 100,
    actor: str,
) -> tuple[list[CaseView], int, int]:
    """The actor's cases, oldest first and at most `limit`, of every state where it is None; how many they are in all;
    and how many of those open are so for `AGED_DAYS`."""
    with acting(site, actor, "cases.list") as may, site.ledger.begin() as tx:
        within = may.reach(tx, county=county, instance=instance).places
        seen = decisions.cases(tx, state=state, instance=instance, county=county, within=within, limit=limit)
        total = decisions.count_cases(tx, state=state, instance=instance, county=county, within=within)
        aged = decisions.count_cases(tx, instance=instance, county=county, within=within, before=_aged())
    return [_case(row) for row in seen], total, aged


def _aged() -> datetime:
    return now() - timedelta(days=AGED_DAYS)


def _case(row: Mapping[str, Any]) -> CaseView:  # the ledger's columns
    names = ("id", "instance", "code", "row", "state", "county", "opened_at", "closed_at", "later_until")
    days = (now() - row["opened_at"]).days
    return CaseView(
        reason=sentence(row["code"]), delivery=row["delivery"], age_days=days, **{name: row[name] for name in names}
    )


def delivery(site: Site, number: int, *, actor: str) -> DeliveryRow:
    """One delivery. Raises NotFound."""
    with acting(site, actor, "deliveries") as may, site.ledger.begin() as tx:
        row = deliveries.get(tx, number)
        if row is None:
            what = _("没有编号为 {number} 的批次").format(number=number)
            raise NotFound(what, next_step=_("可用 gateway deliveries --all 查看"))
        may(tx, instance=row.instance)
    return row
