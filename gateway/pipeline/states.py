"""Which deliveries apply: those in sequence that are not held; lists to hold as a whole; and writing it down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from gateway.model.deliveries import DeliveryState, Mode
from gateway.pipeline.intake import outcome_counts
from gateway.pipeline.work import Work
from gateway.store import Tx, deliveries
from gateway.store.deliveries import DeliveryRow
from gateway.words import _

#: A list of which more rows than this share are unusable, unknown or in doubt is held as a whole.
MOSTLY = 0.5
#: … and more rows than this number, so that a list of three is not held for two.
MOSTLY_ROWS = 20


@dataclass(kw_only=True)
class States:
    """What becomes of each usable delivery."""

    #: delivery -> state, reason code, and what it waits for.
    of: dict[int, tuple[DeliveryState, str, str]] = field(default_factory=dict)
    #: Whole lists to hold: (delivery, scope "*", bad rows, all rows).
    holds: list[tuple[int, str, int, int]] = field(default_factory=list)

    def applied(self, delivery: int) -> bool:
        """Whether it is applied now."""
        return self.of[delivery][0] is DeliveryState.APPLIED


def states_of(rows: Sequence[DeliveryRow], work: Mapping[int, Work], decided: Mapping[tuple[int, str], str]) -> States:
    """The state of every usable delivery. `work` has at least those that are not applied yet.

    What was applied once stays so: a changed roster may put rows in doubt, but holds no list back.
    """
    states = States()
    seen: dict[str, set[int]] = {}
    for row in sorted(rows, key=lambda row: (row.instance, row.sequence or 0, row.id)):
        in_sequence = seen.setdefault(row.instance, set())
        if row.state == DeliveryState.APPLIED:
            states.of[row.id] = (DeliveryState.APPLIED, "", "")
        else:
            states.of[row.id] = _fresh(work[row.id], in_sequence, decided.get((row.id, "*")), states)
        if states.applied(row.id) and row.sequence is not None:
            in_sequence.add(row.sequence)
    return states


def _fresh(work: Work, in_sequence: set[int], decided: str | None, states: States) -> tuple[DeliveryState, str, str]:
    row = work.row
    before = (row.sequence or 1) - 1
    if row.mode == Mode.DELTA and before > 0 and before not in in_sequence:
        return DeliveryState.WAITING, "sequence_gap", _gap(before)
    if decided == "cancelled":
        return DeliveryState.REFUSED, "rejected", ""
    bad = int(work.resolutions["outcome"].is_in(["invalid", "unmatched", "review"]).sum())
    mostly = bad > MOSTLY_ROWS and bad > MOSTLY * work.resolutions.height and work.mapping.statements
    if mostly and decided != "released":
        states.holds.append((row.id, "*", bad, work.resolutions.height))
        return DeliveryState.HELD, "mostly_unusable", _mostly(bad, work.resolutions.height)
    return DeliveryState.APPLIED, "", ""


def _gap(missing: int) -> str:
    text = _("第 {n} 批尚未收到或未被采用,本批等待 → 请来源单位补交第 {n} 批,或提供下一份全量名单;补齐后自动处理")
    return text.format(n=missing)


def _mostly(bad: int, rows: int) -> str:
    text = _("{rows} 行中有 {bad} 行无法采用,疑似整份名单有误 → 请与来源单位核对;用 gateway holds 查看、放行或驳回")
    return text.format(rows=rows, bad=bad)


def keep_delivery(tx: Tx, work: Work, states: States, file: str | None) -> None:
    """Writes down what became of a delivery that was looked at. `file`: its sealed resolutions, where it is applied."""
    number = work.row.id
    state, code, detail = states.of[number]
    if file is not None:
        outcomes, digest = outcome_counts(work.resolutions), work.review_digest()
        deliveries.apply(tx, number, outcomes=outcomes, resolutions_file=file, review_digest=digest)
        uncovered = work.resolutions.filter((pl.col("outcome") == "matched") & ~pl.col("covered")).height
        deliveries.set_finding(tx, number, "not_covered", uncovered)
    elif work.row.state != DeliveryState.APPLIED:
        deliveries.mark(tx, number, state, code=code, message=detail)
