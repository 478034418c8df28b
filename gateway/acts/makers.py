"""Who had a hand in what a hold covers, and so does not release it.

Takes a hold; gives actors. What happened, and in which order, is told by the audit chain: a clock, or a role that
somebody has by now, says nothing of it.
"""

from collections.abc import Mapping
from typing import Any

from gateway.acts.cases import DECIDED, UNDONE
from gateway.model.deliveries import DeliveryState, Mode
from gateway.model.holds import WHOLE
from gateway.pipeline.limits import CHANGED
from gateway.store import Tx, decisions, deliveries, people, verdicts
from gateway.store.decisions import HoldRow
from gateway.store.deliveries import TAKEN
from gateway.store.ledger import acts


def county_of(row: HoldRow) -> str:
    """Six digits; "" = everybody's: a whole list, or the departures of a list that speaks for the city."""
    return row.county or (row.scope if row.scope != WHOLE else "")


def makers(tx: Tx, row: HoldRow) -> list[str]:
    """Whose runs opened or changed the hold; who imported a list of its source, day and county; whose runs first used
    the source's limits that are in force; and since the list before went through, whose runs used others, and who
    decided cases of the source that are of its list or county, of none, or of somebody who leaves."""
    since, day = _since(tx, row), row.business_date.isoformat()
    limits = [act for act in acts(tx, CHANGED) if _bears_on(act.detail, row)]
    hands = [act for act in acts(tx, "list.import") if act.detail.get("business_date") == day]
    hands = [act for act in hands if _bears_on(act.detail, row)]
    hands += [act for act in limits if act.id > since or act is limits[-1]]
    return sorted({row.opened_by, *row.changed_by, *(act.actor for act in hands), *_deciders(tx, row, since)})


def _deciders(tx: Tx, row: HoldRow, since: int) -> set[str]:
    told = [act for act in acts(tx, *DECIDED) if act.detail.get("instance") == row.instance]
    # Who undoes a decision has a hand where who made it had; to put off, and no longer, decides nothing. Acts of before
    # December 2026 tell no scope: then it may be the city's list.
    scopes = {act.detail["verdict"]: act.detail.get("scope", "") for act in told if act.act != UNDONE}
    decided = [act for act in told if act.id > since and act.detail["verdict"] in scopes]
    said = [(act.id, {**act.detail, "scope": scopes[act.detail["verdict"]]}) for act in decided]
    here = {number for number, detail in said if _bears_on(detail, row)}
    others = {act.detail["case"] for act in decided if act.id not in here}
    leave = _leaving(tx, row) if others else set()
    theirs = {case for case in others if leave & _people(tx, case)}
    return {act.actor for act in decided if act.id in here or act.detail["case"] in theirs}


def _bears_on(said: Mapping[str, Any], row: HoldRow) -> bool:
    """Of its source; and of its county, of none, or of its list: by what an act is limited, or by where a row stands.
    Any row in doubt may hold back whoever leaves by the same list."""
    county, scope = county_of(row), said.get("scope", "")
    here = not county or said.get("county", scope) in ("", county) or scope in (county, row.scope)
    return said.get("instance") == row.instance and here


def _since(tx: Tx, row: HoldRow) -> int:
    """The entry of the chain by which the list before this one was taken: the last of an earlier date that says the
    same scopes in full, and nobody's departure of which is held or was rejected; of several scopes the earliest, but
    for those that no list said. 0 where there is none."""
    taken = {act.detail["delivery"]: act.id for act in acts(tx, TAKEN)}
    this = deliveries.get(tx, row.delivery_id)
    scopes = this.scopes if this and row.scope == WHOLE else [row.scope]
    kept = {(hold.delivery_id, hold.scope) for hold in decisions.holds(tx) if hold.state != "released"}
    earlier = [
        list_
        for list_ in deliveries.select(tx, instance=row.instance, states=[DeliveryState.APPLIED])
        if list_.id < row.delivery_id and list_.mode == Mode.FULL and str(list_.business_date) < str(row.business_date)
    ]
    last = {scope: 0 for list_ in earlier for scope in scopes if scope in list_.scopes}
    for list_ in sorted(earlier, key=lambda list_: (str(list_.business_date), list_.id)):
        for scope in last:
            if scope in list_.scopes and not kept & {(list_.id, scope), (list_.id, WHOLE)}:
                last[scope] = taken.get(list_.id, 0)
    return min(last.values(), default=0)


def _leaving(tx: Tx, row: HoldRow) -> set[int]:
    return set(people.departures_in(tx, row.delivery_id, row.scope, "held")["person_key"])


def _people(tx: Tx, case: int) -> set[int | None]:
    """Whom a case and what was decided about it are about."""
    found, said = decisions.case(tx, case) or {}, verdicts.of_case(tx, case)
    return {found.get("person_key"), *(key for one in said for key in (one.person_key, *one.excluded))}
