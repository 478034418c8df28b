"""Which deliveries apply: those in sequence that are not held; lists to hold as a whole; and writing it down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import polars as pl

from gateway.model.deliveries import DeliveryState, Mode
from gateway.model.holds import WHOLE, Breach, Place, set_digest
from gateway.pipeline.checkpoint import Checkpoint
from gateway.pipeline.intake import outcome_counts
from gateway.pipeline.limits import approvals, limits_of
from gateway.pipeline.suspicion import suspicions
from gateway.pipeline.work import Work
from gateway.site import Site
from gateway.store import Tx, deliveries
from gateway.store.decisions import HoldRow
from gateway.store.deliveries import DeliveryRow
from gateway.words import _


@dataclass(kw_only=True)
class States:
    """What becomes of each usable delivery."""

    #: delivery -> state, reason code, and what it waits for.
    of: dict[int, tuple[DeliveryState, str, str]] = field(default_factory=dict)
    #: Whole lists to hold.
    holds: list[Breach] = field(default_factory=list)

    def applied(self, delivery: int) -> bool:
        """Whether it is applied now."""
        return self.of[delivery][0] is DeliveryState.APPLIED


def states_of(
    site: Site,
    rows: Sequence[DeliveryRow],
    work: Mapping[int, Work],
    decided: Mapping[Place, str],
    held: Mapping[Place, HoldRow] | None = None,
    tips: Mapping[str, Checkpoint] | None = None,
) -> States:
    """The state of every usable delivery. `work` has at least those that are not applied yet; `held`: the holds there
    are, of which those that were released say what was approved; `tips`: of instances, what is believed so far.

    What was applied once stays so: a changed roster may put rows in doubt, but holds no list back.
    """
    states = States()
    applied: dict[str, list[DeliveryRow]] = {}
    for row in rows:
        if row.state == DeliveryState.APPLIED:
            states.of[row.id] = (DeliveryState.APPLIED, "", "")
            applied.setdefault(row.instance, []).append(row)
    fresh = sorted(
        (row for row in rows if row.id not in states.of),
        key=lambda row: (row.instance, row.sequence or 0, row.business_date or date.min, row.id),
    )
    # A full list closes the gaps before it: whom they leave waiting is looked at once more.
    for row in (*fresh, *fresh):
        before = applied.setdefault(row.instance, [])
        if row.id not in states.of or (_waits(states, row) and _closed(row, before)):
            tip = (tips or {}).get(row.instance)
            states.of[row.id] = _fresh(site, work, row, before, decided, held or {}, states, tip)
            if states.applied(row.id):
                before.append(replace(row, outcomes=outcome_counts(work[row.id].resolutions)))
    return states


def _waits(states: States, row: DeliveryRow) -> bool:
    return states.of[row.id][0] is DeliveryState.WAITING


def _closed(row: DeliveryRow, applied: Sequence[DeliveryRow]) -> bool:
    """Whether a list behind a gap may be applied: the one before it is, or a full list after it.

    Contract: a delivery that is held or was rejected is a gap for later deltas, until it is released or the next full
    list is applied; what lists say is put in their order, so a delta before that full list is history.
    """
    number = row.sequence or 1
    return any(
        one.sequence == number - 1 or (one.mode == Mode.FULL and (one.sequence or 0) > number) for one in applied
    )


def _fresh(
    site: Site,
    works: Mapping[int, Work],
    row: DeliveryRow,
    applied: Sequence[DeliveryRow],
    said: Mapping[Place, str],
    held: Mapping[Place, HoldRow],
    states: States,
    tip: Checkpoint | None,
) -> tuple[DeliveryState, str, str]:
    work, whole = works[row.id], Place(row.id, WHOLE)
    decided, hold = said.get(whole), held.get(whole)
    digest = set_digest(whole, work.lets_through()) if hold else ""
    if decided == "released" and hold and hold.digest != digest:
        decided = "held"
    if row.mode == Mode.DELTA and (row.sequence or 1) > 1 and not _closed(row, applied):
        return DeliveryState.WAITING, "sequence_gap", _gap((row.sequence or 1) - 1)
    if decided == "cancelled":
        return DeliveryState.REFUSED, "rejected", ""
    if decided == "released" or not work.mapping.statements:
        return DeliveryState.APPLIED, "", ""
    doubted = {place.delivery for place, word in said.items() if place.scope != WHOLE and word != "released"}
    limits = limits_of(site, row.instance)
    unsettled = [works[one.id].said for one in applied if one.state != DeliveryState.APPLIED]
    found = suspicions(site, work, applied, limits, doubted=doubted, unsettled=unsettled, tip=tip)
    if found:
        needed = max(approvals(limits, one.breach(row.id)) for one in found)
        seal = digest or set_digest(whole, work.lets_through())
        states.holds.append(replace(found[0].breach(row.id), approvals=needed, digest=seal))
        return DeliveryState.HELD, found[0].code, "\n".join(one.reason for one in found)
    if decided == "held" and hold:  # what was held once, a person decides; its hold stands with the numbers of then
        states.holds.append(replace(hold.breach, digest=digest))
        return DeliveryState.HELD, row.code, row.message
    return DeliveryState.APPLIED, "", ""


def _gap(missing: int) -> str:
    text = _("第 {n} 批尚未收到或未被采用,本批等待 → 请来源单位补交第 {n} 批,或提供下一份全量名单;补齐后自动处理")
    return text.format(n=missing)


def keep_delivery(tx: Tx, work: Work, states: States, file: str | None, *, current: bool) -> None:
    """Writes down what became of a delivery that was looked at. `file`: its sealed resolutions, where it is applied.
    `current`: whether it is a list in force."""
    number = work.row.id
    state, code, detail = states.of[number]
    if file is not None:
        outcomes, digest = outcome_counts(work.resolutions), work.review_digest(current=current)
        deliveries.apply(tx, number, outcomes=outcomes, resolutions_file=file, review_digest=digest)
        uncovered = work.resolutions.filter((pl.col("outcome") == "matched") & ~pl.col("covered")).height
        deliveries.set_finding(tx, number, "not_covered", uncovered)
    elif work.row.state != DeliveryState.APPLIED:
        deliveries.mark(tx, number, state, code=code, message=detail)
