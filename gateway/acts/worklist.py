"""Worklists: a county's open cases as a workbook for one named clerk, and taking in what the clerk answered.

The workbook shows whole names and numbers, so it leaves under a password, with a reason, and both are written down
(the password is not). What comes back is checked line by line: only what the site itself wrote there is believed, and
only about cases that still are as the clerk saw them. One refused line stops no other.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

from gateway.acts import runs, sheets, worklines
from gateway.acts.cases import CONFLICT, Answer, decide_all
from gateway.acts.files import outside, write_new
from gateway.acts.notes import LONGEST, checked_note
from gateway.acts.rights import May, acting
from gateway.acts.runs import Patience
from gateway.acts.sheets import Filled
from gateway.acts.worklines import Shown
from gateway.errors import GatewayError, NotAllowed, NotFound
from gateway.model.verdicts import Verdict
from gateway.pipeline import RunReport
from gateway.redact import redact
from gateway.site import Site
from gateway.store import decisions, worklists
from gateway.store.ledger import record_act
from gateway.store.worklists import WorklistRow
from gateway.vault.office import lock_workbook, unlock_workbook
from gateway.vault.sm import sm3_hex
from gateway.words import _

#: Characters of a password: whoever has the file can try at leisure; and what Office takes.
LEAST_PASSWORD, LONGEST_PASSWORD = 10, 255
#: Days after which answers are no longer taken.
VALID_DAYS = 30
#: Characters of a clerk's name.
_CLERK = 32
_COUNTY = re.compile(r"[0-9]{6}")
#: The note of a decision that came on a worklist. By it an answer is known to have been taken, in every language.
_DECIDED = "{answer};{note}(清单 {number},{clerk} 填写)"


@dataclass(frozen=True, kw_only=True)
class Exported:
    """A worklist that left."""

    number: int
    county: str
    clerk: str
    file: Path
    #: Cases in it.
    cases: int
    #: Due cases that found no room in it.
    left_over: int
    #: The last day on which it is taken back.
    valid_until: date


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A line that was not taken."""

    #: Row of the sheet.
    line: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Taken:
    """What became of a worklist's answers."""

    number: int
    clerk: str
    #: Answers that were written down, or with `dry_run` would be.
    taken: int
    #: Lines without an answer.
    empty: int
    #: Answers of this worklist that an earlier import took.
    before: int
    refused: Sequence[Refusal]
    dry_run: bool
    #: None where nothing was settled.
    run: RunReport | None


def export(site: Site, county: str, clerk: str, password: str, *, reason: str, actor: str, out: Path) -> Exported:
    """Writes the county's due cases into a new file. Raises NotAllowed, NotFound where nothing is due, DiskFault."""
    with acting(site, actor, "cases.export") as may:
        reason = checked_note(reason)
        _check(county, clerk, password)
        outside(site, out)
        return _exported(site, county, clerk, password, reason, may, actor, out)


def _exported(
    site: Site, county: str, clerk: str, password: str, reason: str, may: May, actor: str, out: Path
) -> Exported:
    day = runs.today()
    with site.ledger.begin(turn=True) as tx:
        within = may.reach(tx, county=county).places
        decisions.wake_cases(tx, day)
        due = decisions.cases(tx, county=county, within=within, limit=None)
    # What the platform refused, and rows that contradict each other, ask nobody who a person is.
    rows = [row for row in due if row["row"] is not None and row["code"] != CONFLICT]
    if not rows:
        what = _("{county} 没有待核查的行").format(county=county)
        raise NotFound(what, next_step=_("可用 gateway cases list 查看各项的县区"))
    shown = worklines.lines_of(site, rows[: sheets.LINES])
    until = day + timedelta(days=VALID_DAYS)
    with site.ledger.begin() as tx:
        may.reach(tx, county=county)
        cases = dict(zip((one.line.case for one in shown), worklines.digests(site, shown), strict=True))
        number = worklists.add(tx, county=county, clerk=clerk, actor=actor, cases=cases)
        head = _head(site, number, county, clerk, day, until)
        content = lock_workbook(
            sheets.write(head, [one.line for one in shown], worklines.marks(site, number, shown)), password
        )
        digest = sm3_hex(content)
        worklists.made(tx, number, digest)
        detail = {"worklist": number, "county": county, "clerk": clerk, "cases": len(shown), "reason": reason}
        record_act(tx, actor=actor, act="worklist.export", file_digest=digest, **detail)
        write_new(out, content)
    return Exported(
        number=number,
        county=county,
        clerk=clerk,
        file=out,
        cases=len(shown),
        left_over=len(rows) - len(shown),
        valid_until=until,
    )


def _check(county: str, clerk: str, password: str) -> None:
    if not _COUNTY.fullmatch(county):
        raise NotAllowed(_("县区代码应为 6 位数字"), next_step=_("可用 gateway cases list 查看各项的县区"))
    if not clerk.strip() or len(clerk) > _CLERK or not clerk.isprintable() or redact(clerk) != clerk:
        what = _("经办人不能为空,不能超过 {most} 个字,不能是证件号码").format(most=_CLERK)
        raise NotAllowed(what, next_step=_("请用 --clerk 写明一名经办人的姓名或工号"))
    if not LEAST_PASSWORD <= len(password) <= LONGEST_PASSWORD or not password.isprintable():
        what = _("口令至少 {least} 个字符,最多 {most} 个,不含控制字符").format(
            least=LEAST_PASSWORD, most=LONGEST_PASSWORD
        )
        raise NotAllowed(what, next_step=_("请换一个口令;用别的途径告诉经办人,不要与文件一起发送"))


def _head(site: Site, number: int, county: str, clerk: str, day: date, until: date) -> sheets.Head:
    facts = [
        ("清单编号", str(number)),
        ("县区", county),
        ("经办人", clerk),
        ("导出日期", day.isoformat()),
        ("有效期至", until.isoformat()),
    ]
    return sheets.Head(title=f"{site.settings.site.name} 待核查清单".strip(), facts=facts)


def take(
    site: Site,
    file: Path,
    clerk: str,
    password: str,
    *,
    actor: str,
    dry_run: bool = False,
    day: date | None = None,
    patience: Patience = runs.A_MOMENT,
) -> Taken:
    """Takes the answers that can be taken, and settles once. Raises NotFound, and NotAllowed or SealBroken for what is
    no worklist of this site and clerk; TryLater where answers are written down and another run outlasts the patience.
    """
    day = day or runs.today()
    with acting(site, actor, "cases.import") as may:
        outside(site, file)
        filled = sheets.read(unlock_workbook(_content(file), password))
        genuine = worklines.genuine(site, filled)
        known = _worklist(site, genuine, clerk, day)
        with site.ledger.begin() as tx:
            may.reach(tx, county=known.county)
    sorted_out = _sort_out(site, known, filled, genuine)
    run = None if dry_run else _write_down(site, known, sorted_out, actor, day, patience)
    return Taken(
        number=known.id,
        clerk=clerk,
        taken=len(sorted_out.answers),
        empty=sorted_out.empty,
        before=sorted_out.before,
        refused=[Refusal(line=line, reason=reason) for line, reason in sorted(sorted_out.refused.items())],
        dry_run=dry_run,
        run=run,
    )


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_size > sheets.FILE_LIMIT:
            step = _("请经办人交来由本系统导出、只填了黄色两列的那份文件")
            raise NotAllowed(_("文件异常巨大"), where=file.name, next_step=step)
        return file.read_bytes()
    except OSError as fault:
        raise NotFound(_("文件不存在,或无权读取"), where=file.name, next_step=_("请核对路径")) from fault


def _worklist(site: Site, genuine: Mapping[int, tuple[int, int]], clerk: str, day: date) -> WorklistRow:
    """The worklist that the file is, where this clerk may still answer it."""
    with site.ledger.begin() as tx:
        known = worklists.get(tx, next(iter(genuine.values()))[0]) if genuine else None
    if known is None:
        what = _("不是本站点导出的清单,或每一行都被改动")
        step = _("请经办人交来由本系统导出、只填了黄色两列的那份文件;索引密钥更换以前导出的须重新导出")
        raise NotAllowed(what, where=_("清单文件"), next_step=step)
    where = _("清单 {number}").format(number=known.id)
    if known.clerk != clerk:
        step = _("请核对 --clerk;换人经办请用 gateway cases export 另行导出")
        raise NotAllowed(_("这份清单不是给这位经办人的"), where=where, next_step=step)
    until = worklines.china(known.exported_at) + timedelta(days=VALID_DAYS)
    if day > until:
        step = _("请用 gateway cases export --county {county} 重新导出").format(county=known.county)
        raise NotAllowed(_("有效期至 {day},已过期").format(day=until), where=where, next_step=step)
    return known


@dataclass(kw_only=True)
class _Sorted:
    """Answers, sorted by what becomes of them."""

    #: By line.
    answers: dict[int, Answer] = field(default_factory=dict)
    refused: dict[int, str] = field(default_factory=dict)
    empty: int = 0
    before: int = 0


def _sort_out(
    site: Site, known: WorklistRow, filled: Sequence[Filled], genuine: Mapping[int, tuple[int, int]]
) -> _Sorted:
    result = _Sorted(empty=sum(not one.answer for one in filled))
    answered = [one for one in filled if one.answer]
    ours = {line: case for line, (number, case) in genuine.items() if number == known.id and case in known.cases}
    times = Counter(ours[one.line] for one in answered if one.line in ours)
    now = _as_they_stand(site, list(times))
    digests = dict(zip(now, worklines.digests(site, list(now.values())), strict=True))
    for one in answered:
        case = ours.get(one.line)
        if case is None or case not in now:
            result.refused[one.line] = _("本行内容被改动,或不属于这份清单")
        elif times[case] > 1:
            result.refused[one.line] = _("同一编号在文件中出现多次")
        else:
            _judge(known, one, now[case], result, changed=digests[case] != known.cases[case])
    return result


def _as_they_stand(site: Site, numbers: Sequence[int]) -> dict[int, Shown]:
    with site.ledger.begin() as tx:
        rows = [row for number in numbers if (row := decisions.case(tx, number)) is not None]
    return {one.case.id: one for one in worklines.lines_of(site, rows)}


def _judge(known: WorklistRow, one: Filled, now: Shown, result: _Sorted, *, changed: bool) -> None:
    """Puts one answer where it belongs. What was taken before is known by its note, which names the worklist."""
    verdict, place = _meant(one.answer, len(now.people))
    note = redact(_DECIDED.format(answer=one.answer, note=one.note, number=known.id, clerk=known.clerk))
    mine = [decided for decided in now.case.decided if decided.note == note]
    if mine and mine[-1].undone_at is None:
        result.before += 1
    elif mine:
        result.refused[one.line] = _("这个答案采纳后已被撤销")
    elif now.case.state != "open":
        result.refused[one.line] = _("这一项已经了结或暂缓")
    elif changed:
        result.refused[one.line] = _("导出以后名单、名册或候选人有变化")
    elif verdict is None:
        result.refused[one.line] = _("核查结果不是下拉列表中的选项")
    elif not one.note:
        result.refused[one.line] = _("缺少备注")
    elif len(note) > LONGEST:
        result.refused[one.line] = _("备注过长")
    else:
        person = str(now.people[place]) if place is not None else None
        result.answers[one.line] = Answer(case=now.case.id, verdict=verdict, person=person, note=note)


def _meant(answer: str, people: int) -> tuple[Verdict | None, int | None]:
    """The verdict, and which of the people it is about; no verdict for what was not to be chosen."""
    same = {sheets.SAME.format(n=n + 1): (Verdict.SAME, n) for n in range(people)}
    different = {sheets.DIFFERENT: (Verdict.DIFFERENT, 0)} if people == 1 else {}
    nothing = {sheets.NOBODY: (Verdict.NOBODY, None), sheets.LATER: (Verdict.LATER, None)}
    return {**same, **different, **nothing}.get(answer, (None, None))


def _write_down(
    site: Site, known: WorklistRow, sorted_out: _Sorted, actor: str, day: date, patience: Patience
) -> RunReport | None:
    """Decides, records who brought whose answers, and settles where somebody's records may change."""
    written = decide_all(site, list(sorted_out.answers.values()), actor=actor, day=day)
    for line, result in zip(list(sorted_out.answers), written, strict=True):
        if isinstance(result, GatewayError):
            sorted_out.refused[line] = result.what
            del sorted_out.answers[line]
    with site.ledger.begin() as tx:
        numbers = {"taken": len(sorted_out.answers), "refused": len(sorted_out.refused)}
        record_act(tx, actor=actor, act="worklist.import", worklist=known.id, clerk=known.clerk, **numbers)
    if all(answer.verdict is Verdict.LATER for answer in sorted_out.answers.values()):
        return None
    text = _("{taken} 项决定已记入台账,{refused} 项不予采纳(用 --dry-run 查看),但另一个运行正在进行")
    said = text.format(**numbers)
    return runs.settle_after(site, day, actor=actor, kind="decision", recorded=said, patience=patience)
