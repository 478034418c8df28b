"""Cases: looking at one, deciding it, undoing that, and telling of a row that means the wrong person.

A decision says whom a row is about. It holds for every later row that says the same of who it is, and is asked again
only where name, number or birth date are others. Deciding settles the site anew; nothing is deleted by undoing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from gateway.acts import runs, sides
from gateway.acts.notes import checked_note
from gateway.acts.rights import acting
from gateway.acts.runs import Patience
from gateway.acts.sides import CaseDetail
from gateway.errors import GatewayError, NotAllowed, NotFound
from gateway.model.verdicts import Verdict
from gateway.pipeline import RunReport
from gateway.pipeline.beside import SHOWN, Said, said
from gateway.pipeline.lookup import find_person, sentence
from gateway.pipeline.verdicts import claim, claim_digest
from gateway.site import Site
from gateway.store import Tx, decisions, deliveries, verdicts
from gateway.store.deliveries import DeliveryRow
from gateway.store.ledger import record_act
from gateway.store.verdicts import VerdictRow
from gateway.words import _

__all__ = ["Answer", "Answered", "CaseDetail", "case", "decide", "decide_all", "report", "undo", "unmasked"]

#: Days for which a case is put off where nobody says until when.
LATER_DAYS = 30
#: A case that a clerk opened: no run closes it.
TOLD = "told:"
#: The act that takes a decision back, and all that change whom rows mean.
UNDONE = "case.undo"
DECIDED = ("case.same", "case.different", "case.nobody", UNDONE)
#: Rows of one person and category that say different things.
CONFLICT = "rows_conflict"


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What somebody says about one case."""

    case: int
    verdict: Verdict
    #: same, different: the candidate's number in the list shown (1…), or a psn_no, identity number or person key;
    #: None where there is one candidate only.
    person: str | None = None
    note: str
    #: later: the day on which the case is open again; None = in `LATER_DAYS` days.
    until: date | None = None


@dataclass(frozen=True, kw_only=True)
class Answered:
    """A decision that was written down, or undone."""

    case: int
    verdict: int
    #: The case's state now, and the sentence why it stands.
    state: str
    reason: str
    #: None where nothing was settled.
    run: RunReport | None


def case(site: Site, number: int, *, actor: str) -> CaseDetail:
    """One case, masked. Raises NotFound, NotAllowed, SealBroken."""
    with acting(site, actor, "cases.show") as may, site.ledger.begin() as tx:
        row = _find(tx, number)
        may(tx, **_place(row))
    return sides.details(site, [row])[0]


def unmasked(site: Site, number: int, *, reason: str, actor: str) -> CaseDetail:
    """One case with whole names and numbers; who asked and why is written down first. Raises NotFound, NotAllowed."""
    with acting(site, actor, "cases.unmask") as may:
        reason = checked_note(reason)
        with site.ledger.begin() as tx:
            row = _find(tx, number)
            may(tx, **_place(row))
            record_act(tx, actor=actor, act="case.unmask", case=number, reason=reason)
    return sides.details(site, [row], clear=True)[0]


def decide(
    site: Site,
    number: int,
    verdict: Verdict,
    *,
    person: str | None = None,
    note: str,
    actor: str,
    until: date | None = None,
    settle: bool = True,
    day: date | None = None,
    patience: Patience = runs.A_MOMENT,
) -> Answered:
    """Decides a case, and settles unless told not to. Raises NotFound, NotAllowed; TryLater where the decision is
    written down and another run outlasts the patience."""
    answer = Answer(case=number, verdict=verdict, person=person, note=note, until=until)
    (written,) = decide_all(site, [answer], actor=actor, day=day)
    if isinstance(written, GatewayError):
        raise written
    # A case that is put off changes nothing for anybody.
    done = settle and verdict is not Verdict.LATER
    return _answered(site, number, written, actor, day, patience, settle=done)


def decide_all(
    site: Site, answers: Sequence[Answer], *, actor: str, day: date | None = None
) -> list[int | GatewayError]:
    """Writes decisions down without settling: of each answer the decision's number, or why it was refused. Each is
    committed by itself; every delivery is opened once for all of them."""
    with site.ledger.begin() as tx:
        rows = [row for answer in answers if (row := decisions.case(tx, answer.case)) is not None]
    lines = _lines(site, rows)
    written: list[int | GatewayError] = []
    for answer in answers:
        try:
            written.append(_write(site, answer, lines, actor, day or runs.today()))
        except GatewayError as refusal:
            written.append(refusal)
    return written


def undo(
    site: Site, number: int, *, note: str, actor: str, day: date | None = None, patience: Patience = runs.A_MOMENT
) -> Answered:
    """Takes back the last decision about a case, which is open again, and settles. Raises as `decide`."""
    with acting(site, actor, "cases.undo") as may, site.ledger.begin(turn=True) as tx:
        note = checked_note(note)
        row = _find(tx, number)
        may(tx, **_place(row))
        standing = [verdict for verdict in verdicts.of_case(tx, number) if verdict.undone_at is None]
        if not standing:
            raise NotAllowed(_("没有可以撤销的决定"), where=_where(number), next_step=_show(number))
        last = standing[-1]
        verdicts.undo(tx, last.id, actor=actor)
        decisions.answer_case(tx, number, "open")
        record_act(tx, actor=actor, act=UNDONE, case=number, verdict=last.id, note=note, **_place(row))
    return _answered(site, number, last.id, actor, day, patience, settle=last.verdict != Verdict.LATER)


def report(site: Site, delivery: int, row: int, *, note: str, actor: str) -> int:
    """Opens a case on a row that the rules were sure about, because it may mean the wrong person; its number.

    Deciding it `different` takes the flag back. Raises NotFound, NotAllowed, SealBroken.
    """
    with acting(site, actor, "cases.report") as may:
        note = checked_note(note)
        with site.ledger.begin() as tx:
            source = deliveries.get(tx, delivery)
        subject, columns = _told_of(site, source, delivery, row)
        with site.ledger.begin(turn=True) as tx:
            may(tx, county=columns["county"], instance=columns["instance"])
            known = decisions.case_of_subject(tx, subject)
            if known and known["state"] != "closed":
                raise NotAllowed(_("已经反映过,正待核查"), where=_where(known["id"]), next_step=_show(known["id"]))
            number = decisions.open_case(tx, subject=subject, **columns)
            record_act(tx, actor=actor, act="case.report", case=number, delivery=delivery, row=row, note=note)
    return number


def _told_of(site: Site, source: DeliveryRow | None, delivery: int, row: int) -> tuple[str, dict[str, Any]]:
    """The subject of the case that a row is told of by, and the columns of that case."""
    if source is not None and source.ended:
        what = _("批次 {id} 的明细已到期销毁,不能再核查它的行").format(id=delivery)
        raise NotAllowed(what, next_step=_("请反映以后名单中的同一行;可用 gateway explain 人员 查看"))
    line = said(site, [(source, row)]).get((delivery, row)) if source and source.entries_file else None
    if source is None or line is None:
        what = _("没有批次 {delivery} 的第 {row} 行").format(delivery=delivery, row=row)
        raise NotFound(what, next_step=_("请用 gateway explain 人员 查看批次和行"))
    person = line.resolution.get("person_key")
    if person is None:
        what = _("该行没有对应到任何人,不用反映")
        raise NotAllowed(what, where=_("批次 {id}").format(id=delivery), next_step=_("可用 gateway cases list 查看"))
    subject = f"{TOLD}{source.instance}:{claim_digest(site, line.entry, source.instance)}:reported"
    about = {"delivery_id": delivery, "row": row, "person_key": person, "county": line.listed["area"][:6]}
    return subject, {"instance": source.instance, "code": "reported", **about}


def _place(row: Mapping[str, Any]) -> dict[str, str]:
    """By what a right to it is limited."""
    return {"county": row["county"], "instance": row["instance"]}


def _find(tx: Tx, number: int) -> dict[str, Any]:  # the ledger's columns
    row = decisions.case(tx, number)
    if row is None:
        what = _("没有编号为 {number} 的待核查项").format(number=number)
        raise NotFound(what, next_step=_("可用 gateway cases list 查看"))
    return row


def _lines(site: Site, rows: Sequence[Mapping[str, Any]]) -> dict[tuple[int, int], Said]:
    with site.ledger.begin() as tx:
        known = {number: deliveries.get(tx, number) for number in {row["delivery_id"] for row in rows} if number}
    places = [(known[row["delivery_id"]], row["row"]) for row in rows if row["delivery_id"] and row["row"]]
    return said(site, [(delivery, row) for delivery, row in places if delivery is not None])


def _write(site: Site, answer: Answer, lines: Mapping[tuple[int, int], Said], actor: str, today: date) -> int:
    """One decision, its act and its case's state, in one transaction; the decision's number."""
    with acting(site, actor, "cases.decide") as may:
        note = checked_note(answer.note)
        with site.ledger.begin() as tx:
            row = _find(tx, answer.case)
            may(tx, **_place(row))
            before = verdicts.of_case(tx, answer.case)
        line = _line(row, lines)
        values, state, until = _judged(site, answer, row, line, before, today)
        with site.ledger.begin(turn=True) as tx:
            may(tx, **_place(_still_open(tx, answer.case)))
            number = verdicts.add(tx, case=answer.case, actor=actor, note=note, **values)
            decisions.answer_case(tx, answer.case, state, until=until)
            what = {"case": answer.case, "verdict": number, "note": note, **_place(row)}
            record_act(tx, actor=actor, act=f"case.{answer.verdict}", scope=line.entry["scope"][0], **what)
    return number


def _judged(
    site: Site, answer: Answer, row: Mapping[str, Any], line: Said, before: Sequence[VerdictRow], today: date
) -> tuple[dict[str, Any], str, date | None]:
    """A decision's columns, the state of its case after it, and until when that is put off."""
    _about_identity(row, answer.verdict)
    candidates = sides.candidates_of(site, row, line, before)
    person = _person(site, answer, candidates)
    until = _until(answer, today)
    excluded = candidates if answer.verdict is Verdict.NOBODY else []
    if answer.verdict is Verdict.DIFFERENT and person is not None:
        excluded = [person]
    kept = claim(site, line.entry, row["instance"])
    values = {"digest": kept.digest, "sealed_claim": kept.sealed, "verdict": answer.verdict, "person": person}
    return {**values, "excluded": excluded, "until": until}, _state(row, answer.verdict, candidates), until


def _line(row: Mapping[str, Any], lines: Mapping[tuple[int, int], Said]) -> Said:
    line = lines.get((row["delivery_id"], row["row"]))
    if line is None and row["delivery_id"] and row["row"]:
        what = _("批次 {id} 的明细已到期销毁,不能再决定它的行").format(id=row["delivery_id"])
        step = _("以后的名单再列出此人时,会另立待核查项;可用 gateway explain 人员 查看")
        raise NotAllowed(what, where=_where(row["id"]), next_step=step)
    if line is None:
        what = _("这一项不出自某一行({reason}),不能这样决定").format(reason=sentence(row["code"]))
        step = _("请与平台方处理;名册更新后自动重发,也可用 gateway explain 人员 查看")
        raise NotAllowed(what, where=_where(row["id"]), next_step=step)
    return line


def _about_identity(row: Mapping[str, Any], verdict: Verdict) -> None:
    """Rows that contradict each other are the department's to mend: that they mean this person, nobody doubts."""
    if row["code"] == CONFLICT and verdict is Verdict.SAME:
        what = _("人员没有疑问,是同一批次中的各行内容不一致")
        step = _("请来源单位更正名单,更正后自动了结;等待期间可用 gateway cases decide {n} later 暂缓")
        raise NotAllowed(what, where=_where(row["id"]), next_step=step.format(n=row["id"]))


def _still_open(tx: Tx, number: int) -> Mapping[str, Any]:
    row = _find(tx, number)
    if row["state"] == "closed":
        raise NotAllowed(_("已经了结,不能再决定"), where=_where(number), next_step=_show(number))
    return row


def _person(site: Site, answer: Answer, candidates: Sequence[int]) -> int | None:
    """Whom a decision names."""
    if answer.verdict not in (Verdict.SAME, Verdict.DIFFERENT):
        if answer.person is None:
            return None
        what = _("这个决定不指定人员")
        raise NotAllowed(what, where=_where(answer.case), next_step=_("请去掉 --person"))
    named = (answer.person or "").strip()
    if not named and len(candidates) == 1:
        return candidates[0]
    if named in map(str, candidates):
        return int(named)
    if named.isascii() and named.isdigit() and len(named) < 3:
        if not 1 <= int(named) <= min(len(candidates), SHOWN):
            what, step = _("没有第 {n} 名候选人").format(n=int(named)), _show(answer.case)
            raise NotFound(what, where=_where(answer.case), next_step=step)
        return candidates[int(named) - 1]
    if not named:
        what = _("有 {n} 名候选人,须指明是哪一位").format(n=len(candidates))
        step = _("请用 gateway cases show {n} 查看,再加 --person 候选序号、人员编号或证件号码").format(n=answer.case)
        raise NotAllowed(what, where=_where(answer.case), next_step=step)
    key, found = find_person(site, named)
    if answer.verdict is Verdict.SAME and found.is_empty():
        what = _("这个人不在现行名册中,不能对应")
        raise NotAllowed(what, where=_where(answer.case), next_step=_("请核对;确不在册时决定为 nobody"))
    return key


def _until(answer: Answer, today: date) -> date | None:
    if answer.verdict is not Verdict.LATER:
        if answer.until is None:
            return None
        raise NotAllowed(_("只有 later 可以指定日期"), where=_where(answer.case), next_step=_("请去掉 --until"))
    until = answer.until or today + timedelta(days=LATER_DAYS)
    if until <= today:
        what = _("暂缓的日期 {day} 已过").format(day=until)
        raise NotAllowed(what, where=_where(answer.case), next_step=_("请用 --until 指定今天以后的日期"))
    return until


def _state(row: Mapping[str, Any], verdict: Verdict, candidates: Sequence[int]) -> str:
    """Closed, unless others may still be meant; a run opens a row's case again where the row is still in doubt."""
    if verdict is Verdict.LATER:
        return "later"
    others = len(candidates) > 1 and not row["subject"].startswith(TOLD)
    return "open" if verdict is Verdict.DIFFERENT and others else "closed"


def _answered(
    site: Site, number: int, verdict: int, actor: str, day: date | None, patience: Patience, *, settle: bool
) -> Answered:
    said_so = _("决定已记入台账,但另一个运行正在进行")
    done = (
        runs.settle_after(site, day, actor=actor, kind="decision", recorded=said_so, patience=patience)
        if settle
        else None
    )
    with site.ledger.begin() as tx:
        row = _find(tx, number)
    return Answered(case=number, verdict=verdict, state=row["state"], reason=sentence(row["code"]), run=done)


def _where(number: int) -> str:
    return _("待核查项 {number}").format(number=number)


def _show(number: int) -> str:
    return _("可用 gateway cases show {number} 查看").format(number=number)
