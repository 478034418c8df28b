"""Whether a list is the wrong one altogether: of another month, department, county or mix, mostly unusable, or ending
what too many hold.

Takes a delivery at hand, the deliveries applied before it and its instance's limits; gives what speaks against it, each
with a code, the reason and the next step. The first list of a scope is judged by itself only. No clock is asked: a
month is wrong against the files' own names and the delivery before.
"""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date

import polars as pl

from gateway.model.deliveries import Mode
from gateway.model.frames import COUNTY_DIGITS
from gateway.model.holds import WHOLE, Breach
from gateway.pipeline import roster
from gateway.pipeline.checkpoint import Checkpoint
from gateway.pipeline.folding import months
from gateway.pipeline.limits import guard_limits
from gateway.pipeline.work import Work, place, turn
from gateway.settings import LimitSettings
from gateway.settle import LookLimits, Said, held, in_order, judge, looks, lost, may_end, oddities, told
from gateway.settle.looks import LOOKS, SEEN, Oddity
from gateway.settle.turns import KEY, Turn
from gateway.site import Site
from gateway.store import people
from gateway.store.deliveries import DeliveryRow, landing_of
from gateway.words import _

#: Share of a list's rows from which on a code is one of its county's, and no stray row's.
_OWN = 0.1
#: Year, month and perhaps day in a file's name.
_DATED = re.compile(r"(?<!\d)(20\d\d)(0[1-9]|1[0-2])(\d\d)?(?!\d)")
#: Days between a list's business date and the day in a file's name: it may be exported on the eve, or afterwards.
_EXPORTED_WITHIN = 10


@dataclass(frozen=True, kw_only=True)
class Suspicion:
    """One thing that speaks against a whole list."""

    code: str
    #: Rows that speak against it, or days, of so many.
    bad: int
    of: int
    #: What is wrong, for operators; after the arrow, what to do.
    reason: str

    def breach(self, delivery: int) -> Breach:
        """The whole list is to be held for it."""
        return Breach(delivery=delivery, scope=WHOLE, leaving=self.bad, holding=self.of, kind=self.code)


def suspicions(
    site: Site,
    work: Work,
    applied: Sequence[DeliveryRow],
    limits: LimitSettings,
    *,
    doubted: AbstractSet[int],
    unsettled: Sequence[Said],
    tip: Checkpoint | None,
) -> list[Suspicion]:
    """What speaks against a list, the gravest first. `applied`: its instance's deliveries in use; the `doubted` of
    them, whose departures wait for a person or were rejected, are no measure for others; of the `unsettled` the ledger
    does not know yet what they come to; `tip`: what is believed so far, quicker than from the ledger."""
    row = work.row
    here = place(row)
    earlier = sorted((one for one in applied if place(one) < here), key=place)
    found = [_department(row, earlier), _name(row), _county(site, row, earlier)]
    found += [_leap(row, earlier, limits), _unusable(work, limits)]
    # Whose departures were not believed has ended nothing, and lets nobody be ended behind it.
    believed = [one for one in _overruling(row, applied) if one.delivery not in doubted]
    history = {scope for one in believed for scope in one.scopes}
    found.append(_endings(site, work, unsettled, limits, history, tip))
    if row.mode == Mode.FULL and work.resolutions.height:
        measures = [one for one in earlier if _is_measure(one, row) and one.id not in doubted]
        alike = [one for one in measures if set(one.scopes) & set(row.scopes)]
        found += [_worse(work, alike, limits), *_unlike(site, row, measures, limits)]
    return [one for one in found if one is not None]


def _is_measure(one: DeliveryRow, row: DeliveryRow) -> bool:
    """A full list of an earlier day: one of the same day is replaced."""
    return one.mode == Mode.FULL and bool(one.rows) and one.business_date != row.business_date


def _department(row: DeliveryRow, earlier: Sequence[DeliveryRow]) -> Suspicion | None:
    said = landing_of(row).manifest.department
    before = next((d for one in reversed(earlier) if (d := landing_of(one).manifest.department)), said)
    if not said or said == before:
        return None
    text = _("清单中的单位代码是 {said},此前一直是 {before},疑似别的单位的名单 → 请与来源单位核对;{step}")
    reason = text.format(said=said, before=before, step=_step())
    return Suspicion(code="wrong_department", bad=row.rows, of=row.rows, reason=reason)


def _name(row: DeliveryRow) -> Suspicion | None:
    day = row.business_date or date.min
    for part in landing_of(row).manifest.parts:
        said = _DATED.findall(part.name)
        # A name may also give the day of the export.
        if said and not any(_fits(day, *one) for one in said):
            text = _("文件 {file} 按名称属于 {year} 年 {month} 月,业务日期却是 {day} → 请与来源单位核对;{step}")
            reason = text.format(file=part.name, year=said[0][0], month=int(said[0][1]), day=day, step=_step())
            return Suspicion(code="wrong_month", bad=row.rows, of=row.rows, reason=reason)
    return None


def _fits(day: date, year: str, month: str, of_month: str) -> bool:
    if (day.year, day.month) == (int(year), int(month)):
        return True
    try:
        said = date(int(year), int(month), int(of_month or 0))
    except ValueError:  # no day is said, or none that there is
        return False
    return abs((day - said).days) <= _EXPORTED_WITHIN


def _county(site: Site, row: DeliveryRow, earlier: Sequence[DeliveryRow]) -> Suspicion | None:
    """A list of one county, most of whose rows have neither its code nor one that its list before had in earnest, such
    as a withdrawn one: taken for that county's, it would end whoever the county has."""
    if len(row.scopes) != 1 or row.mode != Mode.FULL or not row.scopes[0]:
        return None
    (scope,) = row.scopes
    before = next((one for one in reversed(earlier) if one.mode == Mode.FULL and scope in one.scopes), None)
    known, codes = {scope}, _codes(site, row, scope)
    if before:
        earlier_codes = _codes(site, before, scope).value_counts(normalize=True)
        known |= set(earlier_codes.filter(pl.col("proportion") >= _OWN)["area"])
    other, rows = int((~codes.is_in(list(known))).sum()), codes.len()
    if other <= rows / 2:
        return None
    text = _("{scope} 的名单中 {bad}/{rows} 行的区划代码是别的县,疑似别的县的名单 → 请与来源单位核对;{step}")
    reason = text.format(scope=scope, bad=other, rows=rows, step=_step())
    return Suspicion(code="wrong_county", bad=other, of=rows, reason=reason)


def _codes(site: Site, row: DeliveryRow, scope: str) -> pl.Series:
    """The county's code in each row of the scope that has one."""
    rows = site.read_frame(row.entries_file or "", ["scope", "area"]).filter(pl.col("scope") == scope)
    codes = rows["area"].str.slice(0, COUNTY_DIGITS)
    return codes.filter(codes.str.len_chars() == COUNTY_DIGITS)


def _leap(row: DeliveryRow, earlier: Sequence[DeliveryRow], limits: LimitSettings) -> Suspicion | None:
    if not earlier or not row.business_date or not earlier[-1].business_date:
        return None
    before = earlier[-1].business_date
    if (row.business_date - before).days <= limits.days_ahead:
        return None
    text = _("业务日期 {day} 比前一批的 {before} 晚了 {n} 天(限 {limit} 天),疑似日期有误 → 请与来源单位核对;{step}")
    days = (row.business_date - before).days
    reason = text.format(day=row.business_date, before=before, n=days, limit=limits.days_ahead, step=_step())
    return Suspicion(code="wrong_month", bad=row.rows, of=row.rows, reason=reason)


def _unusable(work: Work, limits: LimitSettings) -> Suspicion | None:
    bad, rows = _bad(work, "invalid", "unmatched", "review"), work.resolutions.height
    if bad <= limits.unusable_number or bad <= limits.unusable_share * rows:
        return None
    text = _("{rows} 行中有 {bad} 行无法采用,疑似整份名单有误 → 请与来源单位核对;{step}")
    reason = text.format(rows=rows, bad=bad, step=_step())
    return Suspicion(code="mostly_unusable", bad=bad, of=rows, reason=reason)


def _worse(work: Work, measures: Sequence[DeliveryRow], limits: LimitSettings) -> Suspicion | None:
    if not measures:
        return None
    before = measures[-1]
    bad, rows = _bad(work, "invalid", "unmatched"), work.resolutions.height
    usual = (before.outcomes.get("invalid", 0) + before.outcomes.get("unmatched", 0)) / before.rows
    if bad - usual * rows <= limits.unusable_number or bad / rows - usual <= limits.unusable_rise:
        return None
    text = _("数据有误或未参保的有 {bad} 行,占 {share:.0%};前一份 {name} 只占 {usual:.0%} → 请与来源单位核对;{step}")
    reason = text.format(bad=bad, share=bad / rows, name=before.name, usual=usual, step=_step())
    return Suspicion(code="more_unusable", bad=bad, of=rows, reason=reason)


def _bad(work: Work, *outcomes: str) -> int:
    return int(work.resolutions["outcome"].is_in(outcomes).sum())


def _overruling(row: DeliveryRow, applied: Sequence[DeliveryRow]) -> list[Turn]:
    """Full lists in use that have the word after this one, which is history then, as far as they speak."""
    order = in_order([turn(one) for one in (*applied, row)])
    at = [one.delivery for one in order].index(row.id)
    return [one for one in order[at + 1 :] if one.mode is Mode.FULL]


def _endings(
    site: Site,
    work: Work,
    unsettled: Sequence[Said],
    limits: LimitSettings,
    history: AbstractSet[str],
    tip: Checkpoint | None,
) -> Suspicion | None:
    """Its own rows end what more people hold than may leave by being left out, but for scopes that are `history`."""
    row, length = work.row, months(site)
    said = replace(work.said, rows=work.said.rows.filter(~pl.col("scope").is_in(list(history))))
    between, spoken = in_order(unsettled), may_end(said)
    few = min(limits.number, limits.identity_number)
    if spoken.len() <= few:
        return None
    before = told(_believed(site, row, spoken, tip), between, length, spoken)
    ending = lost(before, told(before, [said], length), said)
    if ending["person_key"].n_unique() <= few:
        return None
    holding = held(told(_believed(site, row, None, tip), between, length), said.business_date)
    judged = judge(
        ending.select(*KEY, over=pl.lit(value=False)),
        holding,
        delivery=row.id,
        mistrusted={},
        limits=guard_limits(limits),
        decided={},
        approved={},
        counties=lambda keys: roster.people(site, ["person_key", "county"], keys),
    )
    if not judged.breaches:
        return None
    first = judged.breaches[0]
    text = _("名单自己的行会终止 {where}{of} 人中 {bad} 人的身份,占 {share:.0%} → 请与来源单位核对;{step}")
    where = f"{first.county or _('未注明的县')} {first.identity} " if first.identity else ""
    share = first.leaving / first.holding
    reason = text.format(where=where, of=first.holding, bad=first.leaving, share=share, step=_step())
    return Suspicion(code="many_endings", bad=first.leaving, of=first.holding, reason=reason)


def _believed(site: Site, row: DeliveryRow, whose: pl.Series | None, tip: Checkpoint | None) -> pl.DataFrame:
    """Recognitions of the instance, of these people or of all."""
    if whose is None and tip:
        return tip.recognitions(site)
    with site.ledger.begin() as tx:
        return people.recognitions(tx, people=whose).filter(instance=row.instance)


def _unlike(site: Site, row: DeliveryRow, measures: Sequence[DeliveryRow], limits: LimitSettings) -> list[Suspicion]:
    """Against the newest full list before it of each of its scopes."""
    open_scopes, before, scopes = set(row.scopes), [pl.DataFrame(schema=LOOKS)], list[str]()
    for one in reversed(measures):
        if shared := sorted(open_scopes & set(one.scopes)):
            before.append(_looks(site, one, shared))
            scopes += shared
            open_scopes -= set(shared)
        if not open_scopes:
            break
    if not scopes:
        return []
    allowed = LookLimits(
        mix_share=limits.mix_share,
        mix_number=limits.mix_number,
        arrivals_share=limits.arrivals_share,
        arrivals_number=limits.arrivals_number,
    )
    return [_odd(one) for one in oddities(_looks(site, row, scopes), pl.concat(before), allowed)]


def _looks(site: Site, row: DeliveryRow, scopes: Sequence[str]) -> pl.DataFrame:
    return looks(site.read_frame(row.entries_file or "", SEEN), scopes)


def _odd(odd: Oddity) -> Suspicion:
    if odd.code == "mix_changed":
        text = _("各类别的比例与前一份名单相差 {share:.0%}({rows} 行),疑似另一种名单 → 请与来源单位核对;{step}")
    else:
        text = _("{county} 的 {identity} 有 {of} 行,比前一份名单多 {rows} 行 → 请与来源单位核对;{step}")
    reason = text.format(
        share=odd.rows / odd.of, rows=odd.rows, of=odd.of, county=odd.county or _("未注明的县"),
        identity=odd.identity, step=_step(),
    )  # fmt: skip
    return Suspicion(code=odd.code, bad=odd.rows, of=odd.of, reason=reason)


def _step() -> str:
    return _("用 gateway holds list 查看,由发起人以外的人放行(gateway holds release)或驳回(gateway holds reject)")
