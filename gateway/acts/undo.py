"""Undoing what a run pushed: back to the lists before it, by new changes, once a second person says so.

Takes a run. What it queued, and the platform accepted, and still stands as the newest word, is undone; whatever was
sent since for a person and use stays, as does what others wrote there and a person kept. Who asked does not release
(law 10). From its release on an undo holds for a person and use as long as the rules still come to the undone list: the
next settlement does not push it again by itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from gateway.acts import runs
from gateway.acts.masks import masked_name, masked_number
from gateway.acts.notes import checked_note
from gateway.acts.rights import MAKER, acting
from gateway.acts.runs import Patience
from gateway.errors import NotAllowed, NotFound
from gateway.pipeline import RunReport, roster
from gateway.pipeline.person import bring_all_into_line
from gateway.pipeline.platform import open_channel
from gateway.pipeline.run import recorded
from gateway.pipeline.wanted import beside
from gateway.site import Site
from gateway.store import Tx, outbox, people, withdrawals
from gateway.store import runs as rows
from gateway.store.ledger import record_act
from gateway.store.lists import numbered, spelled
from gateway.store.withdrawals import WithdrawalRow
from gateway.words import _

#: The kind of a run that sends what an undo wants.
KIND = "undo"
#: The decision -> the act that it is.
_ACTS = {"released": "outbox.release", "rejected": "outbox.reject"}
#: People shown as examples of what an undo does.
EXAMPLES = 10


@dataclass(frozen=True, kw_only=True)
class Example:
    """One person and use, masked: what stands, and what will."""

    person_key: int
    name: str
    psn_no: str
    use: str
    #: Lines `code|level|begin|end|source`.
    now: Sequence[str]
    after: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Undo:
    """An undo, and the exact set that it takes back."""

    row: WithdrawalRow
    #: (use, kind, lists): kind is emptied, restored or changed.
    changes: Sequence[tuple[str, str, int]]
    examples: Sequence[Example]


def listed(site: Site, *, every: bool = False, actor: str) -> list[WithdrawalRow]:
    """Undos that wait for a second person, or `every` one there ever was; oldest first. An undo is the whole site's."""
    with acting(site, actor, "outbox.undos") as may, site.ledger.begin() as tx:
        may(tx)
        return [row for row in withdrawals.listed(tx, state=None if every else "open") if row.kind == "undo"]


def show(site: Site, number: int, *, actor: str) -> Undo:
    """One undo. Raises NotFound, NotAllowed."""
    with acting(site, actor, "outbox.undos") as may, site.ledger.begin() as tx:
        may(tx)
        row, items = _find(tx, number), withdrawals.of(tx, number)
    some = items.head(EXAMPLES)
    known = roster.people(site, ["person_key", "psn_no", "name"], some["person_key"].unique())
    seen = known.rows_by_key("person_key", unique=True)
    kind = (
        pl.when(pl.col("instead") == "").then(pl.lit("emptied"))
        .when(pl.col("records") == "").then(pl.lit("restored"))
        .otherwise(pl.lit("changed"))
    )  # fmt: skip
    return Undo(
        row=row,
        changes=items.group_by("use", kind=kind).len().sort("use", "kind").rows(),
        examples=[
            Example(
                person_key=one["person_key"],
                psn_no=masked_number(seen.get(one["person_key"], ("", ""))[0]),
                name=masked_name(seen.get(one["person_key"], ("", ""))[1]),
                use=one["use"],
                now=one["records"].splitlines(),
                after=one["instead"].splitlines(),
            )
            for one in some.iter_rows(named=True)
        ],
    )


def ask(site: Site, run: int, *, actor: str, note: str) -> Undo:
    """Writes down that a run's changes should be undone; nothing is sent before a second person releases it.

    Raises NotFound for an unknown run or one of whose changes none stands, NotAllowed for the run of an undo and where
    an undo of the run waits already.
    """
    with acting(site, actor, "outbox.undo") as may, site.ledger.begin() as tx:
        note = checked_note(note)
        may(tx)
        _may_be_undone(tx, run)
        items = _beside_others(site, tx, outbox.before_run(tx, run))
        if items.is_empty():
            what = _("运行 {run} 没有仍在平台上生效的变更").format(run=run)
            raise NotFound(what, next_step=_("可用 gateway runs 查看各次运行"))
        number = withdrawals.add(tx, items, kind="undo", run=run, actor=actor, note=note)
        record_act(tx, actor=actor, act="undo.ask", undo=number, run=run, lists=items.height, note=note)
    return show(site, number, actor=actor)


def _beside_others(site: Site, tx: Tx, items: pl.DataFrame) -> pl.DataFrame:
    """Where a person has kept since what others wrote beside a run's list, it stays beside what stood before."""
    kept = items.filter("kept")
    if kept.is_empty():
        return items
    before = spelled(tx, kept.select("person_key", "use", list_id="instead_id"))
    there = beside(site, before, people.adopted(tx, people=kept["person_key"].unique()))
    instead = numbered(tx, there).rename({"list_id": "instead_id"})
    now_is = kept.drop("instead_id").join(instead, on=["person_key", "use"]).select(items.columns)
    return pl.concat([items.filter(~pl.col("kept")), now_is.filter(pl.col("list_id") != pl.col("instead_id"))])


def _may_be_undone(tx: Tx, run: int) -> None:
    kind = rows.kind_of(tx, run)
    if kind is None:
        what = _("没有编号为 {run} 的运行").format(run=run)
        raise NotFound(what, next_step=_("可用 gateway runs 查看各次运行"))
    if kind == KIND:
        what = _("运行 {run} 本身就是一次撤回").format(run=run)
        raise NotAllowed(what, next_step=_("取消该撤回请用 gateway outbox reject,编号见 gateway outbox undos --all"))
    waiting = [row.id for row in withdrawals.listed(tx, state="open") if row.run_id == run]
    if waiting:
        what = _("运行 {run} 的撤回 {number} 正在等另一位同事放行").format(run=run, number=waiting[0])
        raise NotAllowed(what, next_step=_("可用 gateway outbox undos 查看"))


def release(
    site: Site, number: int, *, actor: str, note: str, day: date | None = None, patience: Patience = runs.A_MOMENT
) -> RunReport | None:
    """The lists before the run are queued and sent. Raises NotFound; NotAllowed for whoever asked, and where it was
    decided; TryLater, with nothing written down, where another run outlasts the patience."""
    return _decide(site, number, "released", actor, note, day, patience)


def reject(
    site: Site, number: int, *, actor: str, note: str, day: date | None = None, patience: Patience = runs.A_MOMENT
) -> RunReport | None:
    """The run's lists stay; where the undo was released, what the rules come to is sent again. Raises as `release`, but
    is open to all."""
    return _decide(site, number, "rejected", actor, note, day, patience)


def _decide(
    site: Site, number: int, state: str, actor: str, note: str, day: date | None, patience: Patience
) -> RunReport | None:
    with acting(site, actor, _ACTS[state]) as may:
        note = checked_note(note)
        with site.ledger.begin() as tx:
            may(tx)
            _may(_find(tx, number), state, actor)

    def walk(report: RunReport) -> None:
        with acting(site, actor, _ACTS[state]) as still, site.ledger.begin() as tx:
            still(tx)
            row = _find(tx, number)
            _may(row, state, actor)
            meant = withdrawals.of(tx, number)["person_key"].unique()
            idle = row.state == "open" and state == "rejected"
            withdrawals.decide(tx, number, state, actor=actor, note=note, queued=idle)
            record_act(tx, actor=actor, act=f"undo.{state}", undo=number, run=row.run_id, note=note)
        if not idle:
            with open_channel(site, report.today) as channel:
                bring_all_into_line(site, channel, meant, report)

    start = runs.today() if day is None else day
    return runs.patiently(lambda: recorded(site, start, walk, actor=actor, kind=KIND), patience)


def _find(tx: Tx, number: int) -> WithdrawalRow:
    for row in withdrawals.listed(tx, number=number):
        if row.kind == "undo":
            return row
    what = _("没有编号为 {number} 的撤回").format(number=number)
    raise NotFound(what, next_step=_("可用 gateway outbox undos 查看"))


def _may(row: WithdrawalRow, state: str, actor: str) -> None:
    where = _("撤回 {number}").format(number=row.id)
    if row.state == "rejected" or row.state == state:
        what = _("已经处理过({by})").format(by=row.decided_by or "—")
        raise NotAllowed(what, where=where, next_step=_("可用 gateway outbox undos --all 查看"))
    if state == "released" and row.asked_by == actor:
        what = _("提出撤回的人不能自己放行({actor})").format(actor=actor)
        step = _("请另一位同事以本人账号运行 gateway outbox release {n} --note 理由").format(n=row.id)
        raise NotAllowed(what, where=where, next_step=step, code=MAKER)
