"""Takebacks: flags that were on the wrong person, and what hospitals settled while they were there.

What was taken back, a settlement wrote down; this looks at it, and asks the platform for the settlements that could
have used such a flag, with the refunds that took them back. Person numbers are masked; who sees them whole says why,
and that is written down first.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

import polars as pl

from gateway.acts import runs
from gateway.acts.files import outside, write_new
from gateway.acts.masks import masked_name, masked_number
from gateway.acts.notes import checked_note
from gateway.acts.rights import Reach, acting
from gateway.errors import NotFound, TryLater
from gateway.model.frames import PersonKey
from gateway.model.verdicts import Verdict
from gateway.pipeline import roster
from gateway.pipeline.billing import BILLS, bills
from gateway.pipeline.platform import open_channel
from gateway.plugin.forms import CHINA, harmless
from gateway.site import Site
from gateway.store import Tx, outbox, people, takebacks, verdicts
from gateway.store.ledger import record_act
from gateway.store.takebacks import TakebackRow
from gateway.words import _

#: What a settlement was for, by the platform's code.
MED_TYPES = {"21": _("住院"), "11": _("普通门诊"), "14": _("门诊慢特病")}
#: The use whose records a settlement looks at.
_BENEFIT = "1"
_AMOUNTS = ("medfee_sumamt", "maf_pay", "othfund_pay")


class OnPlatform(StrEnum):
    """What became of the flag on the platform."""

    #: It never stood there: another identity came first, or nothing had been sent yet.
    NEVER = "never"
    #: It stands there still.
    STANDING = "standing"
    #: The platform has accepted a list without it.
    OFF = "off"


@dataclass(frozen=True, kw_only=True)
class Takeback:
    """An identity that a person never had, and for how long it was believed."""

    number: int
    #: When it was found (UTC), and the run that found it.
    found_at: datetime
    run: int
    person_key: int
    #: Masked; "" where the roster in force does not have the person, who may be there under another number.
    psn_no: str
    name: str
    identity: str
    level: str
    first: date
    #: None = it was still believed when it was found.
    last: date | None
    #: The row that said it first.
    instance: str
    delivery: int
    row: int
    #: The case where a person decided so, and who last did; None and "" where the roster changed.
    case: int | None
    decided_by: str
    platform: OnPlatform
    #: When the platform accepted a list without it (UTC).
    off_at: datetime | None
    #: The run from which on it is believed again; None = it is not.
    restored_run: int | None
    #: Identities that the person holds all the same.
    holds: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Settlement:
    """A settlement that could have used such a flag, or a refund of one. Yuan; a refund's amounts are negative."""

    #: Numbers of the takebacks within whose period it lies.
    takebacks: Sequence[int]
    setl_id: str
    #: Masked, unless a reason was given.
    psn_no: str
    setl_date: date
    begn_date: date | None
    #: The platform's code; `MED_TYPES` has the words.
    med_type: str
    medfee_sumamt: Decimal
    #: Medical assistance that was paid.
    maf_pay: Decimal
    othfund_pay: Decimal
    onestop: bool
    #: What a refund takes back.
    refund_of: str | None
    #: Medical assistance was paid.
    used: bool


@dataclass(frozen=True, kw_only=True)
class Billed:
    """What was settled while the flags were there."""

    #: Numbers of the takebacks that were looked at; those that never stood on the platform, or stand again, are not.
    looked_at: Sequence[int]
    #: By person and day, each refund behind what it takes back.
    rows: Sequence[Settlement]
    settlements: int
    refunds: int
    #: Settlements with medical assistance.
    used: int
    #: Yuan, refunds taken off.
    medfee_sumamt: Decimal
    maf_pay: Decimal
    othfund_pay: Decimal


def listed(site: Site, *, actor: str) -> list[Takeback]:
    """Every takeback of the actor's counties and sources, oldest first. Raises NotAllowed."""
    with acting(site, actor, "takebacks.list") as may, site.ledger.begin() as tx:
        reach = may.reach(tx)
    return _listed(site, reach)


def _listed(site: Site, reach: Reach) -> list[Takeback]:
    with site.ledger.begin() as tx:
        rows = takebacks.listed(tx)
        keys = pl.Series("person_key", sorted({row.person_key for row in rows}), PersonKey)
        held = people.recognitions(tx, people=keys).group_by("person_key").agg(pl.col("identity").unique().sort())
        holds = dict(held.iter_rows())
        seen = [(row, *_on_platform(site, tx, row), _decided_by(tx, row)) for row in rows]
    columns = ["person_key", "psn_no", "name", "county"]
    known = roster.people(site, columns, keys).rows_by_key("person_key", unique=True)
    return [
        _takeback(row, platform, off_at, by, known.get(row.person_key, ("", "")), holds.get(row.person_key, []))
        for row, platform, off_at, by in seen
        if reach.covers(known.get(row.person_key, ("", "", None))[2] or "", row.instance)
    ]


def settlements(site: Site, number: int | None = None, *, actor: str, day: date | None = None) -> Billed:
    """What was settled for whom a flag, or that of this number, was taken back from; masked.

    From the flag's first day to the day on which it was taken off the platform. Raises NotFound, NotAllowed; TryLater
    where the platform is away.
    """
    with acting(site, actor, "takebacks.settlements") as may, site.ledger.begin() as tx:
        reach = may.reach(tx)
    return _billed(site, number, day, reach, clear=False)


def unmasked(site: Site, number: int | None = None, *, reason: str, actor: str, day: date | None = None) -> Billed:
    """The same with whole person numbers; who asked and why is written down first. Raises NotAllowed too."""
    with acting(site, actor, "takebacks.unmask") as may, site.ledger.begin() as tx:
        reason = checked_note(reason)
        reach = may.reach(tx)
        record_act(tx, actor=actor, act="takebacks.unmask", takeback=number, reason=reason)
    return _billed(site, number, day, reach, clear=True)


def save(site: Site, billed: Billed, out: Path) -> None:
    """The settlements as a CSV (UTF-8 with mark, for spreadsheets) that only its owner reads. Raises NotAllowed where
    the file is there, DiskFault."""
    outside(site, out)
    yes = {True: _("是"), False: ""}
    columns = {
        _("收回编号"): [_("、").join(map(str, row.takebacks)) for row in billed.rows],
        _("结算编号"): [row.setl_id for row in billed.rows],
        _("人员编号"): [row.psn_no for row in billed.rows],
        _("结算日期"): [row.setl_date for row in billed.rows],
        _("开始日期"): [row.begn_date for row in billed.rows],
        _("医疗类别"): [MED_TYPES.get(row.med_type, row.med_type) for row in billed.rows],
        _("医疗费总额"): [row.medfee_sumamt for row in billed.rows],
        _("医疗救助支付"): [row.maf_pay for row in billed.rows],
        _("其他基金支付"): [row.othfund_pay for row in billed.rows],
        _("一站式"): [yes[row.onestop] for row in billed.rows],
        _("退费所退的结算"): [row.refund_of or "" for row in billed.rows],
        _("用到"): [yes[row.used] for row in billed.rows],
    }
    text = harmless(pl.DataFrame(columns)).write_csv(line_terminator="\r\n")
    write_new(out, text.encode("utf-8-sig"))


def _takeback(
    row: TakebackRow,
    platform: OnPlatform,
    off_at: datetime | None,
    decided_by: str,
    known: tuple[str, ...],
    holds: Sequence[str],
) -> Takeback:
    names = ("found_at", "person_key", "identity", "level", "first", "last", "instance", "delivery", "row")
    return Takeback(
        **{name: getattr(row, name) for name in (*names, "restored_run")},
        number=row.id,
        run=row.run_id,
        psn_no=masked_number(known[0]),
        name=masked_name(known[1]),
        case=row.case_id,
        decided_by=decided_by,
        platform=platform,
        off_at=off_at,
        holds=holds,
    )


def _decided_by(tx: Tx, row: TakebackRow) -> str:
    decided = verdicts.of_case(tx, row.case_id) if row.case_id is not None else []
    in_force = [one.actor for one in decided if one.undone_at is None and one.verdict != Verdict.LATER]
    return in_force[-1] if in_force else ""


def _on_platform(site: Site, tx: Tx, row: TakebackRow) -> tuple[OnPlatform, datetime | None]:
    """Whether the flag stood on the platform, and since when it does not."""
    changes = [one for one in outbox.changes_of(tx, row.person_key) if one["use"] == _BENEFIT]
    sent = [one for one in changes if one["run_id"] < row.run_id and one["state"] == "done"]
    since = [one for one in changes if one["run_id"] >= row.run_id and one["state"] != "superseded"]
    # Without a list of ours before, a list that must be corrected was read back: an earlier ledger had sent it.
    stood = any(_names(site, row.identity, one) for one in sent) if sent else bool(since)
    if not stood:
        return OnPlatform.NEVER, None
    off = next((one["settled_at"] for one in since if one["state"] == "done"), None)
    return (OnPlatform.OFF, off) if off else (OnPlatform.STANDING, None)


def _names(site: Site, identity: str, change: Mapping[str, Any]) -> bool:  # the ledger's columns
    codes = {one.code for one in site.policy.codes if one.identity == identity}
    return any(record.split("|", 1)[0] in codes for record in change["records"].splitlines())


def _billed(site: Site, number: int | None, day: date | None, reach: Reach, *, clear: bool) -> Billed:
    known = _listed(site, reach)
    if number is not None:
        known = [one for one in known if one.number == number]
        if not known:
            what = _("没有编号为 {number} 的收回记录").format(number=number)
            raise NotFound(what, next_step=_("可用 gateway takebacks list 查看"))
    windows = _windows(known, site.settings.site.flags_from)
    if windows.is_empty():
        return _total([], windows)
    # A refund may come in any later year.
    years = range(min(windows["since"].dt.year().to_list()), (day or runs.today()).year + 1)
    try:
        with open_channel(site, day or runs.today()) as channel:
            found = bills(site.keyring, channel, years, windows["person_key"])
    except TryLater as fault:
        step = _("请稍后再运行 gateway takebacks settlements;收回记录本身可用 gateway takebacks list 查看")
        raise TryLater(_("暂时取不到医保平台的结算明细"), where=_("医保平台 L302"), next_step=step) from fault
    rows = [_settlement(row, clear=clear) for row in _within(found, windows).iter_rows(named=True)]
    return _total(rows, windows)


_WINDOWS = pl.Schema({"takeback": pl.Int64(), "person_key": PersonKey(), "since": pl.Date(), "until": pl.Date()})


def _windows(known: Sequence[Takeback], flags_from: date) -> pl.DataFrame:
    """Of each takeback the days on which its flag could be used; until null = still."""
    rows = []
    for one in known:
        off = one.off_at.replace(tzinfo=UTC).astimezone(CHINA).date() if one.off_at else None
        since = max(one.first, flags_from)
        until = min((end for end in (one.last, off) if end), default=None)
        usable = one.platform is not OnPlatform.NEVER and one.restored_run is None
        if usable and (until is None or since <= until):
            rows.append((one.number, one.person_key, since, until))
    return pl.DataFrame(rows, schema=_WINDOWS, orient="row")


def _within(found: pl.DataFrame, windows: pl.DataFrame) -> pl.DataFrame:
    """`BILLS` with `takebacks`: settlements within a window, each with its refunds behind it."""
    own = found.filter(pl.col("refund_of").is_null())
    late = pl.col("until").is_not_null() & (pl.col("setl_date") > pl.col("until"))
    hits = own.join(windows, on="person_key").filter((pl.col("setl_date") >= pl.col("since")) & ~late)
    used = hits.group_by("setl_id").agg(takebacks=pl.col("takeback").sort(), of_date=pl.col("setl_date").first())
    about = pl.coalesce("refund_of", "setl_id")
    joined = found.with_columns(of=about).join(used, left_on="of", right_on="setl_id", how="inner")
    order = ["person_key", "of_date", "of", pl.col("refund_of").is_not_null(), "setl_date", "setl_id"]
    return joined.sort(order).select(*BILLS.names(), "takebacks")


def _settlement(row: Mapping[str, Any], *, clear: bool) -> Settlement:  # `BILLS`' values
    names = ("takebacks", "setl_id", "setl_date", "begn_date", *_AMOUNTS, "onestop", "refund_of")
    return Settlement(
        **{name: row[name] for name in names},
        psn_no=row["psn_no"] if clear else masked_number(row["psn_no"]),
        med_type=row["med_type"] or "",
        used=row["refund_of"] is None and row["maf_pay"] > 0,
    )


def _total(rows: Sequence[Settlement], windows: pl.DataFrame) -> Billed:
    refunds = sum(row.refund_of is not None for row in rows)
    return Billed(
        looked_at=sorted(windows["takeback"].to_list()),
        rows=rows,
        settlements=len(rows) - refunds,
        refunds=refunds,
        used=sum(row.used for row in rows),
        **{name: sum((getattr(row, name) for row in rows), Decimal("0.00")) for name in _AMOUNTS},
    )
