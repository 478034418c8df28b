"""Holds: departures, or a whole list, that wait for a person; releasing and rejecting them.

A release lets the list's word stand: who is left out loses the identity. A rejection keeps everybody's. A release is
of the set that the person has seen, told by its digest, and of no other; past the second limit two people release it.
Who had a hand in the change (`makers`) does not release it; rejecting changes nothing for anybody and is open to all.
Both settle the site anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from gateway.acts import runs
from gateway.acts.makers import county_of, makers
from gateway.acts.masks import masked_name, masked_number
from gateway.acts.notes import checked_note
from gateway.acts.rights import MAKER, acting
from gateway.acts.runs import Patience
from gateway.errors import NotAllowed, NotFound
from gateway.pipeline import RunReport, roster
from gateway.pipeline.heldset import HELD_SET, differs, held_set
from gateway.pipeline.limits import APPROVAL
from gateway.site import Site
from gateway.store import Tx, approvals, decisions
from gateway.store.decisions import HoldRow
from gateway.store.ledger import record_act
from gateway.words import _

#: Masked people of each direction that a screen shows.
EXAMPLES = 5


def held(site: Site, *, every: bool = False, actor: str) -> list[HoldRow]:
    """Holds that are open, or `every` one there ever was, oldest first; of whose county and source the actor is."""
    with acting(site, actor, "holds.list") as may, site.ledger.begin() as tx:
        reach = may.reach(tx)
        found = decisions.holds(tx, state=None if every else "open")
    return [row for row in found if reach.covers(**_place(row))]


def hold(site: Site, number: int, *, actor: str) -> HoldRow:
    """One hold. Raises NotFound, NotAllowed."""
    with acting(site, actor, "holds.show") as may, site.ledger.begin() as tx:
        row = _find(tx, number)
        may(tx, **_place(row))
    return row


def _place(row: HoldRow) -> dict[str, str]:
    """By what a right to it is limited."""
    return {"county": county_of(row), "instance": row.instance}


#: Hex digits of a digest that a person is shown and gives back: the whole is bound, these only say which was seen.
SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Count:
    """What releasing does to one identity in one county."""

    #: end | begin | change
    direction: str
    identity: str
    #: Six digits; "" = unknown.
    county: str
    people: int


@dataclass(frozen=True, kw_only=True)
class Example:
    """One person of the set, masked."""

    direction: str
    identity: str
    county: str
    name: str
    number: str
    person_key: int


@dataclass(frozen=True, kw_only=True)
class HoldView:
    """A hold, and what releasing it would do."""

    hold: HoldRow
    #: What a person gives back to release it; "" where it cannot be released as things stand.
    digest: str
    #: Whether `counts` and `people` are of the set for which the hold's digest stands.
    current: bool
    counts: Sequence[Count]
    #: The whole set on request, else a few of each direction.
    people: Sequence[Example]
    #: The list before, and rows by identity and county: (identity, county, rows then, rows now); only what differs.
    before: str
    differs: Sequence[tuple[str, str, int, int]]
    #: Who has approved this very set.
    approved_by: Sequence[str]
    #: Who has a hand in it, and may not.
    makers: Sequence[str]


def shown(site: Site, number: int, *, everybody: bool = False, actor: str) -> HoldView:
    """What releasing a hold would do; the exact set with `everybody`. Raises NotFound, NotAllowed; of a whole list
    TryLater where a run goes on."""
    with acting(site, actor, "holds.show") as may, site.ledger.begin() as tx:
        row = _find(tx, number)
        may(tx, **_place(row))
        by, who_made = _approved_by(tx, row), makers(tx, row)
    found = held_set(site, row)
    moves = pl.DataFrame(schema=HELD_SET) if found is None else found
    counts = moves.group_by("direction", "identity", "county").len().sort("direction", "identity", "county")
    before, rows = differs(site, row)
    return HoldView(
        hold=row,
        digest=row.digest[:SHOWN] if row.state == "open" and found is not None else "",
        current=found is not None,
        counts=[Count(direction=d, identity=i, county=c, people=n) for d, i, c, n in counts.iter_rows()],
        people=_masked(site, moves if everybody else moves.group_by("direction", maintain_order=True).head(EXAMPLES)),
        before=before.name if before else "",
        differs=rows.filter(pl.col("before") != pl.col("now")).rows(),
        approved_by=by,
        makers=who_made,
    )


def _masked(site: Site, moves: pl.DataFrame) -> list[Example]:
    known = roster.people(site, ["person_key", "name", "certno"], moves["person_key"])
    rows = moves.join(known, on="person_key", how="left").sort("direction", "identity", "county", "person_key")
    names = ("direction", "identity", "county", "person_key")
    return [
        Example(**{n: row[n] for n in names}, name=masked_name(row["name"]), number=masked_number(row["certno"]))
        for row in rows.iter_rows(named=True)
    ]


def _approved_by(tx: Tx, row: HoldRow) -> list[str]:
    return [a.actor for a in approvals.of_hold(tx, row.id) if a.void_at is None and a.digest == row.digest]


def release(
    site: Site,
    number: int,
    *,
    digest: str,
    actor: str,
    note: str,
    day: date | None = None,
    patience: Patience = runs.A_MOMENT,
) -> RunReport | None:
    """Approves the set of this digest (at least `SHOWN` digits of it), and settles; None where a second person must
    approve it first. Where the set has changed by then, nobody of it leaves and the hold is open again.

    Raises NotFound, NotAllowed; TryLater where the decision is written down and another run outlasts the patience.
    """
    with acting(site, actor, "holds.release") as may, site.ledger.begin(turn=True) as tx:
        note = checked_note(note)
        row = _find(tx, number)
        may(tx, **_place(row))
        _open(row)
        _may_release(tx, row, digest, actor)
        approvals.add(tx, number, row.digest, actor=actor, note=note)
        # Whoever became a maker since counts no longer.
        last = len(set(_approved_by(tx, row)) - set(makers(tx, row))) >= row.approvals
        if last:
            decisions.decide_hold(tx, number, "released", actor=actor, note=note)
        said = {"hold": number, "delivery": row.delivery_id, "scope": row.scope, "digest": row.digest, "note": note}
        record_act(tx, actor=actor, act="hold.release" if last else "hold.approve", **said)
    return _settled(site, day, actor, APPROVAL, patience) if last else None


def reject(
    site: Site, number: int, *, actor: str, note: str, day: date | None = None, patience: Patience = runs.A_MOMENT
) -> RunReport | None:
    """Keeps everybody's identity, and settles. Raises as `release`."""
    with acting(site, actor, "holds.reject") as may, site.ledger.begin(turn=True) as tx:
        note = checked_note(note)
        row = _find(tx, number)
        may(tx, **_place(row))
        _open(row)
        decisions.decide_hold(tx, number, "cancelled", actor=actor, note=note)
        said = {"hold": number, "delivery": row.delivery_id, "scope": row.scope, "note": note}
        record_act(tx, actor=actor, act="hold.reject", **said)
    return _settled(site, day, actor, "decision", patience)


def _settled(site: Site, day: date | None, actor: str, kind: str, patience: Patience) -> RunReport | None:
    said = _("决定已记入台账,但另一个运行正在进行")
    return runs.settle_after(site, day, actor=actor, kind=kind, recorded=said, patience=patience)


def _find(tx: Tx, number: int) -> HoldRow:
    for row in decisions.holds(tx):
        if row.id == number:
            return row
    what = _("没有编号为 {number} 的待决事项").format(number=number)
    raise NotFound(what, next_step=_("可用 gateway holds list 查看"))


def _where(row: HoldRow) -> str:
    return _("待决事项 {number}").format(number=row.id)


def _open(row: HoldRow) -> None:
    if row.state != "open":
        by = row.decided_by or "—"
        what = _("已经处理过({by})").format(by=by)
        raise NotAllowed(what, where=_where(row), next_step=_("可用 gateway holds show {n} 查看").format(n=row.id))


def _may_release(tx: Tx, row: HoldRow, digest: str, actor: str) -> None:
    """Raises NotAllowed for a set that nobody has seen, and for whoever made it or has approved it already."""
    step = _("请另一位同事以本人账号运行 gateway holds show {n},核对后放行").format(n=row.id)
    if actor in makers(tx, row):
        what = _("发起变更的人不能批准自己的变更({actor})").format(actor=actor)
        raise NotAllowed(what, where=_where(row), next_step=step, code=MAKER)
    if actor in _approved_by(tx, row):
        what = _("还需要另一个人批准({actor} 已批准过)").format(actor=actor)
        raise NotAllowed(what, where=_where(row), next_step=step, code=MAKER)
    seen = digest.strip().lower()
    if len(seen) < SHOWN or not row.digest.startswith(seen):
        what = _("摘要与现在的内容不符,内容可能已变化,未放行")
        again = _("请重新核对 gateway holds show {n},用其中给出的命令放行").format(n=row.id)
        raise NotAllowed(what, where=_where(row), next_step=again)
