"""Two dates for one person: what was true on a day, as the gateway knew it at a time.

Takes a person as `explain` does, a day, and a time. Gives the identities of that day that were believed then, each with
its line, delivery and rule; the departures, cases and decisions then open; and what the platform had confirmed by then.
Who the person is comes from the roster in force, since no older one is kept; so does the rule of a row from the last
time that the row was looked at.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from gateway.acts.explain import Believed, Confirmed, Departure, belief, departure, origins_of, records_of
from gateway.acts.masks import masked_name, masked_number
from gateway.acts.rights import acting
from gateway.acts.runs import county_of
from gateway.model.holds import Place
from gateway.pipeline.lookup import find_person, sentence
from gateway.plugin.forms import CHINA, now
from gateway.site import Site
from gateway.store import Tx, decisions, deliveries, past, people, runs
from gateway.store.decisions import HoldRow


@dataclass(frozen=True, kw_only=True)
class Known:
    """What was true of a person on a day, as it was known at a time."""

    person_key: int
    #: Masked, by the roster in force; "" where it does not have the person.
    name: str
    number: str
    as_of: date
    #: In China.
    known_at: datetime
    #: The newest run that had settled by then; 0 = none had.
    run: int
    believed: Sequence[Believed]
    #: By lists for that day or an earlier one.
    departures: Sequence[Departure]
    #: What the platform had confirmed; of it the records of that day.
    confirmed: Sequence[Confirmed]
    #: Cases about the person that were not decided: (number, sentence).
    cases: Sequence[tuple[int, str]]


def known(
    site: Site, person: str, *, as_of: date | None = None, known_at: datetime | None = None, actor: str
) -> Known:
    """What was true; both dates default to now. Raises NotAllowed, and NotFound where nobody is meant, or several."""
    at = known_at or now()
    day, utc = as_of or now().date(), at.astimezone(UTC).replace(tzinfo=None)
    with acting(site, actor, "explain") as may:
        key, roster = find_person(site, person.strip())
        with site.ledger.begin() as tx:
            may(tx, county=county_of(roster))
    with site.ledger.begin() as tx:
        run = past.last_settled(tx, utc)
        history = [row for row in people.history(tx, key) if _believed_then(row, run) and _covers(row, day)]
        gone = [row for row in past.departures_of(tx, key, utc) if row["last"] < day]
        lists = {d: r for d in {row["delivery"] for row in [*history, *gone]} if (r := deliveries.get(tx, d))}
        times = runs.started(tx, {row["known_from"] for row in history})
        holds, cases = _holds(tx, utc), past.cases_of(tx, key, utc)
        confirmed = past.confirmed_of(tx, key, utc)
    rows = origins_of(site, history, lists)
    seen = roster.row(0, named=True) if roster.height else None
    return Known(
        person_key=key,
        name=masked_name(seen["name"]) if seen else "",
        number=masked_number(seen["certno"]) if seen else "",
        as_of=day,
        known_at=at.astimezone(CHINA),
        run=run,
        # That it ended later was not known then.
        believed=[belief({**row, "known_to": None}, rows[row["delivery"], row["row"]], times) for row in history],
        departures=[departure(row, lists[row["delivery"]], holds, seen) for row in gone],
        confirmed=[_confirmed(row, site, day) for row in confirmed],
        cases=[(number, sentence(code)) for number, code in cases],
    )


def _believed_then(row: Mapping[str, Any], run: int) -> bool:
    return row["known_from"] <= run and (row["known_to"] is None or row["known_to"] > run)


def _covers(row: Mapping[str, Any], day: date) -> bool:
    return row["first"] <= day and (row["last"] is None or row["last"] >= day)


def _holds(tx: Tx, at: datetime) -> dict[Place, HoldRow]:
    """Holds, without what was decided later."""
    found = {}
    for hold in decisions.holds(tx):
        decided = hold.decided_at is not None and hold.decided_at <= at
        found[hold.place] = hold if decided else replace(hold, decided_at=None, decided_by=None, note="")
    return found


def _confirmed(row: Mapping[str, Any], site: Site, day: date) -> Confirmed:
    codes = {code.code: code.identity for code in site.policy.codes}
    records = [r for r in records_of(row["records"], codes) if r.begin[:10] <= day.isoformat() <= r.end[:10]]
    return Confirmed(use=row["use"], origin=row["origin"], at=row["confirmed_at"], records=records)
