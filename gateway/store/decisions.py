"""Holds and cases: what waits for a person, and what they said."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from gateway.model.holds import WHOLE, Breach, Place
from gateway.model.outcomes import REMARKS
from gateway.model.verdicts import Verdict
from gateway.store import approvals, past
from gateway.store import tables as t
from gateway.store.dialect import insert_frame, read_frame, update_by_id
from gateway.store.ledger import Tx, inserted_id, now, record_act, record_event


@dataclass(frozen=True, kw_only=True)
class HoldRow:
    """Departures of one list and scope that wait for a person, or waited."""

    id: int
    delivery_id: int
    instance: str
    name: str
    business_date: date
    scope: str
    state: str
    #: `model.holds.Breach.kind`, and of a group of departures its identity and county.
    kind: str
    identity: str
    county: str
    leaving: int
    holding: int
    #: `model.holds.set_digest` of what a release lets through; "" = not known before the next settlement.
    digest: str
    #: How many people must approve it.
    approvals: int
    opened_at: datetime
    opened_by: str
    #: Whose runs made another set of it since.
    changed_by: Sequence[str]
    decided_at: datetime | None
    decided_by: str | None
    note: str

    @property
    def place(self) -> Place:
        """What it covers."""
        return Place(self.delivery_id, self.scope, self.identity, self.county)

    @property
    def breach(self) -> Breach:
        """Why it is held, in the numbers of when it was."""
        names = ("scope", "identity", "county", "leaving", "holding", "kind", "digest", "approvals")
        return Breach(delivery=self.delivery_id, **{name: getattr(self, name) for name in names})


def holds(tx: Tx, *, state: str | None = None) -> list[HoldRow]:
    """Holds, oldest first."""
    h, d = t.holds.c, t.deliveries.c
    fields = (
        "id",
        "delivery_id",
        "scope",
        "state",
        "kind",
        "identity",
        "county",
        "leaving",
        "holding",
        "digest",
        "approvals",
        "opened_at",
        "opened_by",
        "changed_by",
        "decided_at",
        "decided_by",
        "note",
    )
    query = (
        sa.select(*(h[f] for f in fields), d.instance, d.name, d.business_date)
        .join_from(t.holds, t.deliveries, h.delivery_id == d.id)
        .order_by(h.id)
    )
    if state:
        query = query.where(h.state == state)
    return [HoldRow(**row._mapping) for row in tx.execute(query)]


def decided(tx: Tx) -> dict[Place, str]:
    """Place -> released | cancelled, as people decided; held where they have not yet."""
    words = {"released": "released", "cancelled": "cancelled", "open": "held"}
    return {h.place: words[h.state] for h in holds(tx) if h.state in words}


def keep_holds(
    tx: Tx, breaches: Sequence[Breach], actor: str, *, judged: Set[int], approving: bool = False
) -> int:
    """Opens a hold for each breach that has none; those of departures of the `judged` deliveries that no longer breach
    are void. A whole list that was held once waits for a person. How many are open.

    A hold whose set changed is another one: approvals of it are void, and `actor` has a hand in it, unless their run
    did nothing but settle what was approved (`approving`): departures of a whole list that was released are the doing
    of those who brought that list about.
    """
    known = {h.place: h for h in holds(tx)}
    wholes = {h.delivery_id: h for h in known.values() if approving and h.scope == WHOLE}
    for breach in breaches:
        before = known.pop(breach.place, None)
        if before is None:
            _open(tx, breach, actor, wholes.get(breach.delivery))
        elif before.state != "cancelled" and (before.state, before.digest) != ("released", breach.digest):
            _keep_open(tx, before, breach, actor, approving=approving)
    for hold in known.values():
        if hold.state == "open" and hold.scope != WHOLE and hold.delivery_id in judged:
            _void_approvals(tx, hold, actor)
            tx.execute(sa.update(t.holds).where(t.holds.c.id == hold.id).values(state="void"))
            record_act(tx, actor=actor, act="hold.void", hold=hold.id, delivery=hold.delivery_id)
    return len(holds(tx, state="open"))


def _open(tx: Tx, breach: Breach, actor: str, whole: HoldRow | None) -> None:
    place = {"scope": breach.scope, "identity": breach.identity, "county": breach.county}
    by = {"opened_by": whole.opened_by, "changed_by": list(whole.changed_by)} if whole else {"opened_by": actor}
    values = {"delivery_id": breach.delivery, "state": "open", "opened_at": now(), **by}
    hold = inserted_id(tx.execute(sa.insert(t.holds).values(**values, **place, **_numbers(breach))))
    record_act(tx, actor=actor, act="hold.open", hold=hold, delivery=breach.delivery, **place, **_numbers(breach))


def _keep_open(tx: Tx, hold: HoldRow, breach: Breach, actor: str, *, approving: bool) -> None:
    """A hold goes on, or is open again."""
    values = _numbers(breach)
    if hold.state == "void":  # who opens it again is its maker
        values |= {"opened_at": now(), "opened_by": actor}
    else:  # what needed two people once does so as long as it is held
        values["approvals"] = max(breach.approvals, hold.approvals)
    if breach.digest != hold.digest:
        _void_approvals(tx, hold, actor)
        if not approving and hold.state != "void":
            values["changed_by"] = sorted({*hold.changed_by, actor})
    if hold.state == "released":
        values |= {"decided_at": None, "decided_by": None, "note": ""}
    if hold.state != "open":
        record_act(tx, actor=actor, act="hold.open", hold=hold.id, delivery=hold.delivery_id, **_numbers(breach))
    tx.execute(sa.update(t.holds).where(t.holds.c.id == hold.id).values(state="open", **values))


def _numbers(breach: Breach) -> dict[str, Any]:
    names = ("leaving", "holding", "kind", "digest", "approvals")
    return {name: getattr(breach, name) for name in names}


def _void_approvals(tx: Tx, hold: HoldRow, actor: str) -> None:
    if approvals.void(tx, hold.id):
        record_act(tx, actor=actor, act="hold.changed", hold=hold.id, delivery=hold.delivery_id, digest=hold.digest)


def decide_hold(tx: Tx, hold: int, state: str, *, actor: str, note: str) -> None:
    """Writes a person's decision on a hold: released or cancelled."""
    values = {"state": state, "decided_at": now(), "decided_by": actor, "note": note}
    tx.execute(sa.update(t.holds).where(t.holds.c.id == hold).values(**values))


#: Columns of a case that a run opens.
CASES = pl.Schema(
    {
        "subject": pl.String,
        "instance": pl.String,
        "code": pl.String,
        "delivery_id": pl.Int64,
        "row": pl.Int64,
        "person_key": pl.Int64,
        "county": pl.String,  # six digits; "" = unknown
    }
)
#: Columns that follow the newest row of the subject.
_MOVING = ("delivery_id", "row", "person_key", "county")


def keep_cases(tx: Tx, found: pl.DataFrame, prefix: str) -> tuple[int, int]:
    """Opens cases for new subjects, reopens closed ones, closes those of `prefix` that are no more. (opened, closed).

    `found`: `CASES`, one row per subject. A case that was put off stays so; a remark that somebody has dealt with
    does not come back.
    """
    c = t.cases.c
    columns = ("id", "subject", "state", *_MOVING)
    schema = pl.Schema([("id", pl.Int64()), *((n, CASES.get(n, pl.String())) for n in columns[1:])])
    known = read_frame(tx, sa.select(*(c[name] for name in columns)).where(c.subject.startswith(prefix)), schema)
    known = known.filter(~pl.col("id").is_in(_dealt_with(tx)))
    _move(tx, known.join(found, on="subject", suffix="_now"))
    again = known.filter(pl.col("state") == "closed").join(found, on="subject", how="semi")
    update_by_id(tx, t.cases, again["id"].to_list(), state="open", opened_at=now(), closed_at=None, later_until=None)
    over = known.filter(pl.col("state") != "closed").join(found, on="subject", how="anti")
    update_by_id(tx, t.cases, over["id"].to_list(), state="closed", closed_at=now())
    new = open_cases(tx, found)
    past.remember_cases(tx)
    if again.height or over.height:
        record_event(tx, "cases", reopened=again.height, closed=over.height)
    return new + again.height, over.height


def _dealt_with(tx: Tx) -> list[int]:
    """Closed cases of a remark that somebody has dealt with: the department goes on sending it."""
    c, v = t.cases.c, t.verdicts.c
    query = (
        sa.select(c.id)
        .join_from(t.cases, t.verdicts, v.case_id == c.id)
        .where(c.state == "closed", c.code.in_(REMARKS), v.verdict == Verdict.SAME.value, v.undone_at.is_(None))
    )
    return list(tx.execute(query).scalars())


def _move(tx: Tx, pairs: pl.DataFrame) -> None:
    """Cases follow their subject to the newest row that says it."""
    moved = pairs.filter(pl.any_horizontal(pl.col(name).ne_missing(pl.col(f"{name}_now")) for name in _MOVING))
    values: dict[str, Any] = {name: sa.bindparam(f"{name}_now") for name in _MOVING}
    if rows := moved.select(pl.col("id").alias("b_id"), *(f"{name}_now" for name in _MOVING)).to_dicts():
        tx.execute(sa.update(t.cases).where(t.cases.c.id == sa.bindparam("b_id")).values(**values), rows)


def open_cases(tx: Tx, found: pl.DataFrame) -> int:
    """Opens a case for each of the `CASES` whose subject has none yet. How many."""
    c = t.cases.c
    known = read_frame(tx, sa.select(c.subject), pl.Schema({"subject": pl.String}))
    new = found.join(known, on="subject", how="anti").select(CASES.names())
    insert_frame(tx, t.cases, new.with_columns(state=pl.lit("open"), opened_at=pl.lit(now())))
    if new.height:
        past.remember_cases(tx)
        by_code = dict(new.group_by("code").len().sort("code").iter_rows())
        record_event(tx, "cases", opened=by_code)
    return new.height


def wake_cases(tx: Tx, today: date) -> None:
    """Cases that were put off until today, or before, are open again."""
    c = t.cases.c
    due = sa.update(t.cases).where(c.state == "later", c.later_until <= today)
    if woken := tx.execute(due.values(state="open", later_until=None)).rowcount:
        past.remember_cases(tx)
        record_event(tx, "cases", woken=woken)


def answer_case(tx: Tx, case: int, state: str, *, until: date | None = None) -> None:
    """What a decision does to its case: closed, later (`until` its day), or open again."""
    values: dict[str, Any] = {"state": state, "later_until": until, "closed_at": now() if state == "closed" else None}
    tx.execute(sa.update(t.cases).where(t.cases.c.id == case).values(**values))
    past.remember_cases(tx)


#: (county, instance) of those whose cases are meant, "" = all; None = the whole site.
Within = Sequence[tuple[str, str]]


def cases(
    tx: Tx,
    *,
    state: str | None = "open",
    instance: str | None = None,
    county: str | None = None,
    within: Within | None = None,
    limit: int | None = 100,
) -> list[dict[str, Any]]:
    """Cases, oldest first; of every state, instance and county where none is named."""
    c = t.cases.c
    query = sa.select(t.cases, t.deliveries.c.name.label("delivery")).outerjoin(
        t.deliveries, t.deliveries.c.id == c.delivery_id
    )
    query = query.where(*_of(state, instance, county, within)).order_by(c.opened_at, c.id).limit(limit)
    return [dict(row._mapping) for row in tx.execute(query)]


def _of(
    state: str | None, instance: str | None, county: str | None, within: Within | None
) -> list[sa.ColumnElement[bool]]:
    c = t.cases.c
    wanted = ((c.state, state), (c.instance, instance), (c.county, county))
    chosen = [column == value for column, value in wanted if value is not None]
    if within is None or ("", "") in within:
        return chosen
    places = [
        sa.and_(sa.true(), *(column == value for column, value in ((c.county, its), (c.instance, of)) if value))
        for its, of in within
    ]
    return [*chosen, sa.or_(sa.false(), *places)]


def count_cases(
    tx: Tx,
    *,
    state: str | None = "open",
    instance: str | None = None,
    county: str | None = None,
    within: Within | None = None,
    before: datetime | None = None,
) -> int:
    """How many cases there are, or of these how many were opened before that time (UTC); chosen as by `cases`."""
    chosen = _of(state, instance, county, within)
    chosen += [] if before is None else [t.cases.c.opened_at < before]
    return int(tx.execute(sa.select(sa.func.count()).select_from(t.cases).where(*chosen)).scalar_one())


def case(tx: Tx, number: int) -> dict[str, Any] | None:
    """One case; None where there is none of that number."""
    row = tx.execute(sa.select(t.cases).where(t.cases.c.id == number)).first()
    return dict(row._mapping) if row else None


def case_of_subject(tx: Tx, subject: str) -> dict[str, Any] | None:
    """The case of a subject; None where there was none yet."""
    row = tx.execute(sa.select(t.cases).where(t.cases.c.subject == subject)).first()
    return dict(row._mapping) if row else None


def deliveries_waiting(tx: Tx) -> set[int]:
    """Deliveries of which a case or a hold is not over."""
    c, h = t.cases.c, t.holds.c
    ofcases = sa.select(c.delivery_id).where(c.state != "closed", c.delivery_id.is_not(None))
    return set(tx.execute(ofcases.union(sa.select(h.delivery_id).where(h.state == "open"))).scalars())


def open_case(tx: Tx, **columns: Any) -> int:
    """Opens one case (`CASES` columns), again where its subject had one before; its number."""
    values = {**columns, "state": "open", "opened_at": now(), "closed_at": None, "later_until": None}
    known = case_of_subject(tx, columns["subject"])
    if known is None:
        number = inserted_id(tx.execute(sa.insert(t.cases).values(**values)))
    else:
        number = int(known["id"])
        tx.execute(sa.update(t.cases).where(t.cases.c.id == number).values(**values))
    past.remember_cases(tx)
    return number


def cases_of(tx: Tx, person: int) -> list[dict[str, Any]]:
    """A person's cases that are not closed, oldest first."""
    c = t.cases.c
    query = sa.select(t.cases).where(c.person_key == person, c.state != "closed").order_by(c.id)
    return [dict(row._mapping) for row in tx.execute(query)]


def case_counts(tx: Tx) -> list[tuple[str, str, int]]:
    """Open cases as (instance, code, count)."""
    c = t.cases.c
    query = (
        sa.select(c.instance, c.code, sa.func.count()).where(c.state == "open").group_by(c.instance, c.code)
    ).order_by(c.instance, c.code)
    return [(row[0], row[1], row[2]) for row in tx.execute(query)]
