"""The outbox: what waits for the platform, what it refused for good, and what a person may do about either.

Takes filters or numbers; gives changes with their people masked. Pausing stops a push that is under way before its next
wave, whoever runs it. A retry sends what is still wanted, a cancelled change is not sent again until something else is
wanted for that person and use. Every act is written down with who did it and why.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from gateway.acts import runs
from gateway.acts.masks import masked_name, masked_number
from gateway.acts.notes import checked_note
from gateway.acts.rights import May, Reach, acting
from gateway.acts.runs import Patience
from gateway.errors import NotAllowed, NotFound
from gateway.model.frames import LISTS
from gateway.pipeline import RunReport, roster
from gateway.pipeline.lookup import person_of_key, sentence
from gateway.pipeline.person import bring_all_into_line
from gateway.pipeline.platform import open_channel
from gateway.pipeline.run import recorded
from gateway.site import Site
from gateway.store import Tx, lists, outbox, people, withdrawals
from gateway.store.ledger import now, record_act
from gateway.store.outbox import ITEMS, Pause
from gateway.store.withdrawals import WithdrawalRow
from gateway.words import _

#: Changes that a screen shows; the counts are of all.
MOST_SHOWN = 100
#: A change that a person cancelled and that holds still: the ledger keeps it as a withdrawal.
CANCELLED = "cancelled"
#: States that can be listed; what was done is in the ledger by the million.
STATES = ("queued", "sending", "refused", CANCELLED)


@dataclass(frozen=True, kw_only=True)
class Which:
    """Which changes; whatever is None does not matter."""

    #: One of `STATES`.
    state: str | None = None
    #: What the platform answered last.
    result: int | None = None
    #: An instance whose record is in the list, or in what it replaces.
    instance: str | None = None
    #: Six digits, by the roster in force.
    county: str | None = None
    #: Numbers of changes; none = all of them.
    numbers: Sequence[int] = ()

    @property
    def all(self) -> bool:
        """Nothing narrows it."""
        return self == Which()


@dataclass(frozen=True, kw_only=True)
class Item:
    """A change on its way, or refused. Times are UTC."""

    number: int
    person_key: int
    #: Masked; "" where the roster in force does not have the person.
    name: str
    psn_no: str
    county: str
    use: str
    state: str
    attempts: int
    next_try: datetime | None
    result: int | None
    #: The result in words; "" = none.
    reason: str
    run: int | None
    #: Everything is taken away.
    empties: bool


@dataclass(frozen=True, kw_only=True)
class Listing:
    """What is in the outbox."""

    pause: Pause | None
    #: (state, result, its words, number of changes) of all that the filter chose.
    counts: Sequence[tuple[str, int | None, str, int]]
    #: The oldest of them.
    items: Sequence[Item]
    #: Undos that wait for a second person.
    undos: int


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One change with all that is known of it."""

    item: Item
    msgid: str | None
    seq: int | None
    settled_at: datetime | None
    #: Lines `code|level|begin|end|source`; none = the list is emptied.
    records: Sequence[str]
    #: What the platform last confirmed for that person and use; None = nothing is known.
    confirmed: Sequence[str] | None
    #: What people withdrew of it.
    withdrawals: Sequence[WithdrawalRow]


def listed(site: Site, which: Which, *, actor: str) -> Listing:
    """What waits, is in flight, was refused for good or cancelled, of the actor's counties. Raises NotAllowed, NotFound
    for a state that is none."""
    with acting(site, actor, "outbox.list") as may, site.ledger.begin() as tx:
        reach = may.reach(tx, county=which.county)
        pause, undos = outbox.paused(tx), len(withdrawals.listed(tx, state="open"))
    found = _within(site, chosen(site, which), reach)
    groups = found.group_by("state", "result").len().sort("state", "result", nulls_last=False)
    counts = [(state, result, _reason(result), number) for state, result, number in groups.iter_rows()]
    return Listing(pause=pause, counts=counts, items=_items(site, found.head(MOST_SHOWN)), undos=undos)


def show(site: Site, number: int, *, actor: str) -> Shown:
    """One change, of whatever state. Raises NotFound, NotAllowed."""
    with acting(site, actor, "outbox.show") as may:
        with site.ledger.begin() as tx:
            row = outbox.change(tx, number)
        if row is None:
            what = _("没有编号为 {number} 的变更").format(number=number)
            raise NotFound(what, next_step=_("可用 gateway outbox list 查看"))
        person = person_of_key(site, row["person_key"])
        with site.ledger.begin() as tx:
            may(tx, county=runs.county_of(person))
    with site.ledger.begin() as tx:
        confirmed = {one["use"]: one["records"] for one in people.confirmed_of(tx, row["person_key"])}
        taken = withdrawals.of_list(tx, row["person_key"], row["use"])
    found = confirmed.get(row["use"])
    return Shown(
        item=_item(row, {row["person_key"]: person.row(0, named=True)} if person.height else {}),
        msgid=row["msgid"],
        seq=row["seq"],
        settled_at=row["settled_at"],
        records=row["records"].splitlines(),
        confirmed=None if found is None else found.splitlines(),
        withdrawals=taken,
    )


def pause(site: Site, *, actor: str, note: str) -> None:
    """Nothing is sent until somebody resumes. Raises NotAllowed where sending is paused already."""
    _switch(site, outbox.PAUSE, actor, note)


def resume(site: Site, *, actor: str, note: str) -> None:
    """Sending goes on with the next run. Raises NotAllowed where it is not paused."""
    _switch(site, outbox.RESUME, actor, note)


def _switch(site: Site, act: str, actor: str, note: str) -> None:
    with acting(site, actor, act) as may, site.ledger.begin() as tx:
        note = checked_note(note)
        may(tx)
        if (outbox.paused(tx) is not None) == (act == outbox.PAUSE):
            what = _("上传已经暂停") if act == outbox.PAUSE else _("上传没有暂停")
            raise NotAllowed(what, next_step=_("可用 gateway outbox list 查看"))
        record_act(tx, actor=actor, act=act, note=note)


def retry(
    site: Site, which: Which, *, actor: str, note: str, day: date | None = None, patience: Patience = runs.A_MOMENT
) -> RunReport | None:
    """Sends these now, as far as they are still wanted: dead letters, and what waits for its next try; of those that
    were cancelled only where the filter says so. Raises NotFound where there are none; TryLater after the patience."""
    with acting(site, actor, "outbox.retry") as may:
        note = checked_note(note)
        found = _again(site, which)
        _some(found)
        places = _places(site, found, may)
        with site.ledger.begin() as tx:
            _all(tx, may, places)

    def walk(report: RunReport) -> None:
        found = _again(site, which)
        with acting(site, actor, "outbox.retry") as still:
            places = _places(site, found, still)
            with site.ledger.begin() as tx:
                _all(tx, still, places)
                _free(tx, found)
                _record(tx, "outbox.retry", which, found, actor=actor, note=note)
        with open_channel(site, report.today) as channel:
            bring_all_into_line(site, channel, found["person_key"].unique(), report)

    start = runs.today() if day is None else day
    return runs.patiently(lambda: recorded(site, start, walk, actor=actor, kind="retry"), patience)


def _again(site: Site, which: Which) -> pl.DataFrame:
    found = chosen(site, which)
    return found.filter(pl.col("state") != "sending") if which.state else found.filter(
        pl.col("state").is_in(["queued", "refused"])
    )


def _free(tx: Tx, found: pl.DataFrame) -> None:
    """These may go: they are queued and due, or nobody withdraws them any more."""
    of = {state: found.filter(pl.col("state") == state)["id"].to_list() for state in STATES}
    outbox.hasten(tx, of["queued"])
    outbox.requeue(tx, of["refused"])
    withdrawals.give_back(tx, of[CANCELLED])


def cancel(site: Site, which: Which, *, actor: str, note: str) -> int:
    """Queued changes are not sent, and not queued again until something else is wanted; how many. Raises NotFound where
    there are none, NotAllowed where they are not queued; TryLater where a run goes on."""
    with acting(site, actor, "outbox.cancel") as may, site.lock():
        note = checked_note(note)
        if which.state not in (None, "queued"):
            what = _("只有待发的变更可以取消")
            raise NotAllowed(what, next_step=_("已发出的可用 gateway outbox undo 撤回,见 gateway outbox list"))
        found = chosen(site, which).filter(pl.col("state") == "queued")
        _some(found)
        places = _places(site, found, may)
        with site.ledger.begin() as tx:
            _all(tx, may, places)
            items = lists.numbered(tx, found.select(LISTS.names())).with_columns(instead_id=pl.lit(None, pl.Int64))
            withdrawals.add(tx, items, kind="cancel", run=None, actor=actor, note=note)
            outbox.supersede(tx, found["id"].to_list())
            _record(tx, "outbox.cancel", which, found, actor=actor, note=note)
    return found.height


def _within(site: Site, found: pl.DataFrame, reach: Reach) -> pl.DataFrame:
    """Of `ITEMS` those of people whose county is within reach; a list is of all sources at once."""
    if reach.whole:
        return found
    mine = pl.Series([county for county, instance in reach.places if instance == ""], dtype=pl.String)
    return found.join(_counties(site, found).filter(pl.col("county").is_in(mine)), on="person_key", how="semi")


def _places(site: Site, found: pl.DataFrame, may: May) -> list[str]:
    """The counties of which each must be within the actor's reach; who is not on the roster is of none."""
    with site.ledger.begin() as tx:
        if may.reach(tx).whole:
            return [""]
    known = found.join(_counties(site, found), on="person_key", how="left")
    return known["county"].fill_null("").unique().sort().to_list()


def _all(tx: Tx, may: May, places: Sequence[str]) -> None:
    for county in places:
        may(tx, county=county)


def _counties(site: Site, found: pl.DataFrame) -> pl.DataFrame:
    return roster.people(site, ["person_key", "county"], found["person_key"].unique())


def _some(found: pl.DataFrame) -> None:
    if found.is_empty():
        raise NotFound(_("没有符合条件的变更"), next_step=_("可用 gateway outbox list 查看,条件相同"))


def _record(tx: Tx, act: str, which: Which, found: pl.DataFrame, *, actor: str, note: str) -> None:
    told = {name: value for name, value in vars(which).items() if value not in (None, ())}
    record_act(tx, actor=actor, act=act, **told, changes=found.height, note=note)


def chosen(site: Site, which: Which) -> pl.DataFrame:
    """`ITEMS` that the filter chooses, oldest first. Raises NotFound for a state that is none, and where nothing
    is found, for a source that is none."""
    if which.state not in (None, *STATES):
        what = _("没有名为 {state} 的状态").format(state=which.state)
        raise NotFound(what, next_step=_("可选:{states}").format(states=_("、").join(STATES)))
    with site.ledger.begin() as tx:
        states = [which.state] if which.state else STATES
        found = pl.concat([_cancelled(tx) if state == CANCELLED else outbox.items(tx, state) for state in states])
        if which.numbers:
            found = found.filter(pl.col("id").is_in(list(which.numbers)), pl.col("state") != CANCELLED)
        if which.result is not None:
            found = found.filter(pl.col("result") == which.result)
        if which.instance is not None:
            found = _of_instance(tx, found, which.instance)
    if which.instance is not None and found.is_empty():  # of one that is configured no longer something may be there
        runs.check_instances(site, [which.instance])
    if which.county is not None:
        there = _counties(site, found).filter(pl.col("county") == which.county)
        found = found.join(there, on="person_key", how="semi")
    return found


def _cancelled(tx: Tx) -> pl.DataFrame:
    """Cancelled changes as `ITEMS`; the number is that of the withdrawn list."""
    held = withdrawals.in_force(tx).filter(pl.col("instead").is_null()).with_columns(state=pl.lit(CANCELLED))
    missing = {name: kind for name, kind in ITEMS.items() if name not in held.columns}
    whole = held.with_columns(pl.lit(None, kind).alias(name) for name, kind in missing.items())
    return whole.with_columns(attempts=pl.lit(0, pl.Int64)).select(ITEMS.names())


def _of_instance(tx: Tx, found: pl.DataFrame, instance: str) -> pl.DataFrame:
    """Of the whole list, what replaces it counts too: who loses everything has no record with a source."""
    before = people.confirmed(tx, people=found["person_key"].unique()).select(*LISTS)
    both = found.join(before, on=["person_key", "use"], how="left", suffix="_before", maintain_order="left")
    said = pl.concat_str("records", pl.col("records_before").fill_null(""), separator="\n")
    return both.filter(said.str.contains(rf"(?m)\|{re.escape(instance)}$")).select(ITEMS.names())


def _items(site: Site, found: pl.DataFrame) -> list[Item]:
    columns = ["person_key", "psn_no", "name", "county"]
    known = roster.people(site, columns, found["person_key"].unique()) if found.height else None
    seen = {person["person_key"]: person for person in known.iter_rows(named=True)} if known is not None else {}
    return [_item(row, seen) for row in found.iter_rows(named=True)]


def _item(row: Mapping[str, Any], known: Mapping[int, Mapping[str, Any]]) -> Item:  # the ledger's and roster's columns
    person = known.get(row["person_key"], {})
    return Item(
        number=row["id"],
        name=masked_name(person.get("name")),
        psn_no=masked_number(person.get("psn_no")),
        county=person.get("county") or "",
        reason=_reason(row["result"]),
        run=row["run_id"],
        empties=row["records"] == "",
        **{name: row[name] for name in ("person_key", "use", "state", "attempts", "result")},
        next_try=row["next_try"] if row["next_try"] and row["next_try"] > now() else None,
    )


def _reason(result: int | None) -> str:
    return "" if result in (None, 0) else sentence(f"platform_{abs(result)}")
