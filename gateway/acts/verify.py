"""Comparing the ledger with the platform: what differs, why, and bringing it into line.

A report changes nothing but its own row among the runs. A repair takes what stands on the platform for the truth about
the platform, derives anew what should stand there, and sends the difference through the outbox. What somebody else
wrote, and records in our name that the ledger knows nothing of, wait for a person: keep theirs, or put ours in its
place.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from gateway.acts import runs
from gateway.acts.masks import masked_name, masked_number
from gateway.acts.notes import checked_note
from gateway.acts.rights import acting
from gateway.acts.runs import Patience
from gateway.errors import ExitCode, NotAllowed, NotFound
from gateway.model.deliveries import DeliveryState
from gateway.model.frames import TIMELINES
from gateway.pipeline import RunReport, roster
from gateway.pipeline.compare import Compared, compare
from gateway.pipeline.lookup import find_person
from gateway.pipeline.person import bring_all_into_line
from gateway.pipeline.platform import open_channel
from gateway.pipeline.run import recorded, unless_in_maintenance
from gateway.site import Site
from gateway.store import Tx, checkpoints, deliveries, outbox, people
from gateway.store.ledger import record_act
from gateway.words import _

#: Differences that are told one by one; the counts are of all.
MOST_SHOWN = 100
KINDS = ("missing", "other", "unknown")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One person and use on which ledger and platform differ."""

    person_key: int
    #: Masked; "" where the roster in force does not have the person.
    name: str
    psn_no: str
    use: str
    #: missing | other | unknown
    kind: str
    #: Somebody else wrote it, or took it away: a person decides.
    foreign: bool
    #: Why a repair does not change it: decision, where somebody decides first; roster, where the person is dead there
    #: or not on it; "" = a repair does.
    waits_for: str
    #: What was confirmed to us, and what stands there: lines `code|level|begin|end|source`.
    confirmed: Sequence[str] | None
    shown: Sequence[str]
    #: Our change and its message, and when it was confirmed (UTC); None where none is known.
    change: int | None
    run: int | None
    msgid: str | None
    confirmed_at: datetime | None
    #: The reference that the platform shows: `GW` and the number of the change that it carried out.
    evidence: str


@dataclass(frozen=True, kw_only=True)
class Verified:
    """What comparing found."""

    report: RunReport
    #: lists compared, missing, other, unknown, of these foreign; left out in flight; theirs alone; people repaired.
    counts: Mapping[str, int]
    differences: Sequence[Difference]


def verify(
    site: Site,
    *,
    repair: bool = False,
    actor: str,
    day: date | None = None,
    slot: str | None = None,
    patience: Patience = runs.AT_ONCE,
) -> Verified | None:
    """Compares all that stands; `repair` sends what is ours to mend. None where the slot was taken.

    Raises TryLater where another run outlasts the patience; a platform that is away is told in the report.
    """
    told: list[Difference] = []
    act = "verify.repair" if repair else "verify"
    with acting(site, actor, act) as may, site.ledger.begin() as tx:
        may(tx)

    def walk(report: RunReport) -> None:
        with unless_in_maintenance(report), open_channel(site, report.today) as channel:
            found = compare(site, channel)
            ours = _mendable(site, found.differences)
            told.extend(_told(site, found, ours))
            mended = ours["person_key"].unique()
            report.verified = {**_counts(found), "repaired": mended.len() if repair else 0}
            if repair and ours.height:
                with acting(site, actor, act) as still, site.ledger.begin() as tx:
                    still(tx)
                    people.reconfirm(tx, ours.select("person_key", "use", records="shown"), origin="receipt")
                    checkpoints.clear(tx)  # after a crash here the next settlement looks at everybody
                    record_act(tx, actor=actor, act=act, lists=ours.height)
                bring_all_into_line(site, channel, mended, report)
            if found.differences.height > (ours.height if repair else 0):
                report.worse(ExitCode.HELD)

    start = runs.today() if day is None else day
    report = runs.patiently(lambda: recorded(site, start, walk, actor=actor, kind="verify", slot=slot), patience)
    return Verified(report=report, counts=report.verified, differences=told) if report else None


def decide(
    site: Site,
    person: str,
    *,
    keep: bool,
    actor: str,
    note: str,
    day: date | None = None,
    patience: Patience = runs.A_MOMENT,
) -> RunReport | None:
    """What stands there of one person (number or key) and others wrote is kept beside ours, or ours takes its place.

    Raises NotFound where nobody is meant, NotAllowed where ours cannot be sent, TryLater where another run outlasts the
    patience; that nothing differs is told in the report.
    """
    act = "verify.keep" if keep else "verify.replace"
    with acting(site, actor, act) as may:
        note = checked_note(note)
        key, listed = find_person(site, person.strip())
        county = runs.county_of(listed)
        with site.ledger.begin() as tx:
            may(tx, county=county)
        if not keep and (listed.is_empty() or listed["dead"].any()):
            step = _("名册更正后再决定;现在可用 --keep 保留,或请平台方处理")
            raise NotAllowed(_("该人不在现行名册中或已死亡,本系统不为其上传"), next_step=step)

    def walk(report: RunReport) -> None:
        with open_channel(site, report.today) as channel:
            found = compare(site, channel)
            differing = found.differences.filter(pl.col("person_key") == key)
            if differing.is_empty():
                step = _("可用 gateway verify 重新核对")
                raise NotFound(_("平台上该人的记录与台账没有差异"), next_step=step)
            with acting(site, actor, act) as still, site.ledger.begin() as tx:
                still(tx, county=county)
                spoke = {row.instance for row in deliveries.select(tx, states=[DeliveryState.APPLIED])}
                _take(tx, found, differing, keep=keep, ours={*site.settings.sources, *spoke})
                checkpoints.clear(tx)  # after a crash here the next settlement looks at everybody
                record_act(tx, actor=actor, act=act, person=key, uses=differing["use"].to_list(), note=note)
            bring_all_into_line(site, channel, differing["person_key"].unique(), report)

    start = runs.today() if day is None else day
    return runs.patiently(lambda: recorded(site, start, walk, actor=actor, kind="decision"), patience)


def _take(tx: Tx, found: Compared, differing: pl.DataFrame, *, keep: bool, ours: set[str]) -> None:
    """What stands there is confirmed as it is. Kept: what others wrote of it is adopted, and a record that nobody here
    knows of is not ours to take away. Else it is ours to replace."""
    strange = pl.lit(keep) & (pl.col("kind") == "unknown")
    for origin, part in (("readback", differing.filter(strange)), ("receipt", differing.filter(~strange))):
        people.reconfirm(tx, part.select("person_key", "use", records="shown"), origin=origin)
    if keep:
        there = found.shown.join(differing, on=["person_key", "use"], how="semi")
        theirs = there.filter(~pl.col("source").is_in(sorted(ours))).select(TIMELINES.names())
        people.readopt(tx, differing.select("person_key", "use"), theirs)


def _mendable(site: Site, differences: pl.DataFrame) -> pl.DataFrame:
    """Those that a repair sends: ours alone, of people alive on the roster."""
    mine = differences.filter(~pl.col("foreign"), pl.col("kind") != "unknown")
    insured = roster.people(site, ["person_key", "dead"], mine["person_key"].unique())
    return mine.join(insured.filter(~pl.col("dead")), on="person_key", how="semi")


def _counts(found: Compared) -> dict[str, int]:
    kinds = dict(found.differences.group_by("kind").len().iter_rows())
    return {
        "lists": found.lists,
        **{kind: int(kinds.get(kind, 0)) for kind in KINDS},
        "foreign": found.differences.filter("foreign").height,
        "in_flight": found.in_flight,
        "theirs": found.theirs,
    }


def _told(site: Site, found: Compared, ours: pl.DataFrame) -> list[Difference]:
    """The first of them, with whom they are about and what we sent."""
    some = found.differences.head(MOST_SHOWN)
    keys = some["person_key"].unique()
    known = roster.people(site, ["person_key", "psn_no", "name"], keys).rows_by_key("person_key", unique=True)
    mended = set(ours.select("person_key", "use").rows())
    with site.ledger.begin() as tx:
        sent = {(key, row["use"]): row for key in keys for row in people.confirmed_of(tx, key)}
        numbers = {row["change_id"] for row in sent.values() if row["change_id"]}
        changes = {number: outbox.change(tx, number) or {} for number in numbers}
    return [
        _difference(one, known.get(one["person_key"], ("", "")), sent.get(place, {}), changes, mended=place in mended)
        for one in some.iter_rows(named=True)
        for place in [(one["person_key"], one["use"])]
    ]


_Row = Mapping[str, Any]  # columns of `DIFFERENCES`, or of the ledger


def _difference(
    one: _Row, papers: tuple[str, str], sent: _Row, changes: Mapping[int, _Row], *, mended: bool
) -> Difference:
    change = changes.get(sent.get("change_id", 0), {})
    decides = one["foreign"] or one["kind"] == "unknown"
    return Difference(
        **{field: one[field] for field in ("person_key", "use", "kind", "foreign")},
        psn_no=masked_number(papers[0]),
        name=masked_name(papers[1]),
        waits_for="" if mended else "decision" if decides else "roster",
        confirmed=None if one["confirmed"] is None else one["confirmed"].splitlines(),
        shown=one["shown"].splitlines(),
        change=sent.get("change_id"),
        run=change.get("run_id"),
        msgid=change.get("msgid"),
        confirmed_at=sent.get("confirmed_at"),
        evidence=one["evidence"] or "",
    )
