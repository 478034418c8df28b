"""Which lists of people are replaced for good, and which come too late to be put before them.

Takes an instance's usable lists. Everything that is derived begins at the first list; so rows end from the first one
on, in the order in which the lists count, and nothing is put between them afterwards, or before what replaced them.
"""

from collections.abc import Sequence, Set
from datetime import date

from gateway.errors import DeliveryRefused
from gateway.model.deliveries import DeliveryState, Manifest, Mode
from gateway.pipeline.work import turn
from gateway.settle import Turn, in_order
from gateway.store.deliveries import ROWS_ENDED, DeliveryRow
from gateway.words import _

#: The number of a list that has none yet: it comes after all that have.
_NEXT = 1 << 62


def replaced(
    rows: Sequence[DeliveryRow], doubted: Set[tuple[int, str]]
) -> list[tuple[DeliveryRow, Sequence[DeliveryRow]]]:
    """The lists that were replaced for all that they speak for, each with those behind it up to the full list that was
    the last to do so. From the first list on, as far as all of these are applied. None takes the place of another where
    it is `doubted` (delivery and scope), as for `work.in_force`."""
    known = {row.id: row for row in rows}
    order = [known[one.delivery] for one in in_order([turn(row) for row in rows])]
    found = []
    for at, row in enumerate(order):
        behind = _behind(row, order[at + 1 :], doubted)
        if row.state != DeliveryState.APPLIED or not behind:
            break
        found.append((row, behind))
    return found


def _behind(
    row: DeliveryRow, later: Sequence[DeliveryRow], doubted: Set[tuple[int, str]]
) -> Sequence[DeliveryRow]:
    """The lists up to the last of those that replaced it; none where it is in force, or one of them is not applied."""
    in_force = set(row.scopes)
    for at, one in enumerate(later):
        if one.state != DeliveryState.APPLIED:
            return ()
        if one.mode == Mode.FULL:
            in_force -= {scope for scope in one.scopes if (one.id, scope) not in doubted}
        if row.scopes and not in_force:
            return later[: at + 1]
    return ()


def refuse_too_late(rows: Sequence[DeliveryRow], manifest: Manifest) -> None:
    """Raises DeliveryRefused for a list that would count before one by which lists whose rows ended were replaced.

    Whom those lists named in a row that was in doubt is gone: what such a list would end could no longer be held back.
    """
    lines = {row.landing[ROWS_ENDED]["replaced_by"] for row in rows if row.ended and row.entries_file}
    if not lines:
        return
    it = Turn(
        delivery=_NEXT,
        mode=manifest.mode,
        business_date=manifest.business_date,
        sequence=manifest.sequence or 0,
        scopes=manifest.scopes,
    )
    applied = [turn(row) for row in rows if row.state == DeliveryState.APPLIED]
    order = [one.delivery for one in in_order([*applied, it])]
    if order.index(_NEXT) < max(order.index(line) for line in lines):
        what = _("业务日期 {day} 以前的名单已到期,明细已销毁,不能再采用更早的名单").format(
            day=max(row.business_date or date.min for row in rows if row.id in lines)
        )
        step = _("请来源单位确认日期;确需更正的,请在以后的名单中更正")
        raise DeliveryRefused(what, where=manifest.name, next_step=step, code="too_late")
