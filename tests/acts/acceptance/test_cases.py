"""Looking at a case, and who may decide it how. What deciding does to later lists: tests/pipeline/test_verdicts.py."""

from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path

import pytest

from gateway.acts import cases, look
from gateway.acts.cases import Answer
from gateway.acts.rights import ROLE
from gateway.acts.runs import AT_ONCE
from gateway.acts.sides import CaseDetail
from gateway.errors import NotAllowed, NotFound, TryLater
from gateway.model.verdicts import Verdict
from gateway.site import Site
from gateway.store import Tx
from tests.acts.lived import DAYS, Lived, copy, opened
from tests.ledgers import ask

DAY = date(2026, 11, DAYS)
SAME, DIFFERENT, NOBODY, LATER = Verdict.SAME, Verdict.DIFFERENT, Verdict.NOBODY, Verdict.LATER


def found(site: Site, *, candidates: int, code: str = "") -> CaseDetail:
    """An open case with so many candidates who are on the roster."""
    numbers = [view.id for view in look.cases(site, actor="clerk")[0] if code in ("", view.code)]
    seen = (cases.case(site, number, actor="clerk") for number in numbers)
    return next(
        one
        for one in seen
        if one.code != cases.CONFLICT and [True] * candidates == [c.on_roster for c in one.candidates]
    )


def decide(
    site: Site,
    number: int,
    verdict: Verdict,
    *,
    person: str | None = None,
    note: str = "已核实",
    actor: str = "clerk",
    until: date | None = None,
) -> cases.Answered:
    return cases.decide(
        site, number, verdict, person=person, note=note, actor=actor, until=until, day=DAY, settle=False
    )


def whom(root: Path, number: int) -> int:
    """Whom the newest decision about a case names."""
    return int(ask(root, "SELECT person_key FROM verdicts WHERE case_id = ? ORDER BY id DESC LIMIT 1", number)[0][0])


def test_one_candidate_needs_no_name_and_several_do(lived: Lived, tmp_path: Path) -> None:
    """With one candidate a decision is about that one; with two it must say which, or is refused and not written."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        one, two = found(site, candidates=1), found(site, candidates=2)
        with pytest.raises(NotAllowed, match="--person"):
            decide(site, two.id, SAME)
        assert [] == ask(root, "SELECT id FROM verdicts")
        assert "closed" == decide(site, one.id, SAME).state
    assert one.candidates[0].person_key == whom(root, one.id)


def test_a_candidate_is_named_in_any_way(lived: Lived, tmp_path: Path) -> None:
    """A place in the list shown, a psn_no, an identity number and a person key all name the same candidate."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        case = found(site, candidates=2)
        key = case.candidates[1].person_key
        known = next(p for p in lived.people() if site.keyring.person_digest([p["psn_no"]]) == [key])
        ways = ["2", str(key), known["psn_no"]]
        if 1 == len({p["psn_no"] for p in lived.people() if p["certno"] == known["certno"]}):
            ways.append(known["certno"])
        for way in ways:
            decide(site, case.id, SAME, person=way)
            assert key == whom(root, case.id)
            ask(root, "UPDATE cases SET state = 'open'")


def test_who_is_nobody_cannot_be_named(lived: Lived, tmp_path: Path) -> None:
    """Whoever is on no roster is not taken for a row's person, whatever was typed; `nobody` takes no name."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        case = found(site, candidates=2)
        for who in ("3", "0", "P0", "证件"):
            with pytest.raises(NotFound):
                decide(site, case.id, SAME, person=who)
        with pytest.raises(NotAllowed):
            decide(site, case.id, NOBODY, person="1")
    assert [] == ask(root, "SELECT id FROM verdicts")


def test_a_decision_has_a_reason_and_somebody_who_made_it(lived: Lived, tmp_path: Path) -> None:
    """Without a note, with one too long, or by nobody, nothing is decided; what looks like a number is hidden."""
    root = copy(lived.site, tmp_path)
    number = "451002" + "19900307" + "1232"
    with opened(root) as site:
        case = found(site, candidates=1)
        for note, actor in ((" ", "clerk"), ("长" * 501, "clerk"), ("已核实", " ")):
            with pytest.raises(NotAllowed):
                decide(site, case.id, SAME, note=note, actor=actor)
        assert [] == ask(root, "SELECT id FROM verdicts")
        decide(site, case.id, SAME, note=f"号码{number}属实")
    assert [("clerk", "号码***属实")] == ask(root, "SELECT actor, note FROM verdicts")
    assert [("clerk", "case.same")] == ask(root, "SELECT actor, act FROM acts WHERE act LIKE 'case.%'")
    assert number not in str(ask(root, "SELECT detail FROM acts"))


def test_what_is_closed_is_not_decided_again(lived: Lived, tmp_path: Path) -> None:
    """A closed case is decided again only after the decision was undone; a case of no such number is not found."""
    with opened(copy(lived.site, tmp_path)) as site:
        case = found(site, candidates=1)
        decide(site, case.id, NOBODY)
        with pytest.raises(NotAllowed):
            decide(site, case.id, SAME)
        cases.undo(site, case.id, note="看错了", actor="second-clerk", day=DAY)
        assert "closed" == decide(site, case.id, SAME).state
        with pytest.raises(NotFound):
            decide(site, 10**6, SAME)


def test_who_lost_the_role_meanwhile_decides_nothing(
    lived: Lived, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whose role is revoked between asking and writing down is refused, told why, and nothing is written."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        case, begin = found(site, candidates=1), site.ledger.begin

        def begins(**kind: bool) -> AbstractContextManager[Tx]:
            if kind.get("turn"):  # that in which the decision is written down
                ask(root, "UPDATE grants SET state = 'revoked' WHERE person = 'clerk'")
            return begin(**kind)

        monkeypatch.setattr(site.ledger, "begin", begins)
        with pytest.raises(NotAllowed) as refused:
            decide(site, case.id, SAME)
    assert ROLE == refused.value.code
    assert [] == ask(root, "SELECT id FROM verdicts")
    assert [("open",)] == ask(root, "SELECT state FROM cases WHERE id = ?", case.id)
    assert [("clerk",)] == ask(root, "SELECT actor FROM acts WHERE act = 'refused'")


def test_ruling_one_out_leaves_the_others(lived: Lived, tmp_path: Path) -> None:
    """Of two candidates one is ruled out: the case stays open with the other, who then needs no name."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        case = found(site, candidates=2)
        assert "open" == decide(site, case.id, DIFFERENT, person="1").state
        assert case.candidates[1:] == cases.case(site, case.id, actor="clerk").candidates
        decide(site, case.id, SAME)
    assert case.candidates[1].person_key == whom(root, case.id)


def test_a_case_is_put_off_to_a_day_that_comes(lived: Lived, tmp_path: Path) -> None:
    """A case is put off for a month where nobody says until when, never into the past, and only it takes a day."""
    with opened(copy(lived.site, tmp_path)) as site:
        case = found(site, candidates=1)
        for verdict, until in ((LATER, DAY), (SAME, DAY + timedelta(days=1))):
            with pytest.raises(NotAllowed):
                decide(site, case.id, verdict, until=until)
        assert "later" == decide(site, case.id, LATER).state
        seen = cases.case(site, case.id, actor="clerk")
        assert DAY + timedelta(days=cases.LATER_DAYS) == seen.later_until
        assert [("later", seen.later_until)] == [(d.verdict, d.until) for d in seen.decided]


def test_a_contradiction_within_a_list_is_the_department_s(lived: Lived, tmp_path: Path) -> None:
    """That rows contradict each other is no doubt about who they mean: saying so again is refused, with what to do."""
    with opened(copy(lived.site, tmp_path)) as site:
        case = next(view.id for view in look.cases(site, state=None, actor="clerk")[0] if view.code == cases.CONFLICT)
        ask(site.settings.root, "UPDATE cases SET state = 'open'")
        with pytest.raises(NotAllowed, match="later"):
            decide(site, case, SAME)


def test_a_refusal_of_the_platform_comes_from_no_row(lived: Lived, tmp_path: Path) -> None:
    """A case that the platform's refusal opened shows the person, and cannot be decided as if it were a row."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        key = found(site, candidates=1).candidates[0].person_key
        ask(
            root,
            "INSERT INTO cases (subject, instance, code, person_key, state, opened_at) "
            "VALUES ('item:1:1', 'platform', 'platform_400', ?, 'open', '2026-11-01 00:00:00.000000')",
            key,
        )
        number = ask(root, "SELECT id FROM cases WHERE subject = 'item:1:1'")[0][0]
        seen = cases.case(site, number, actor="clerk")
        assert (None, [key]) == (seen.origin, [c.person_key for c in seen.candidates])
        with pytest.raises(NotAllowed):
            decide(site, number, NOBODY)


def test_one_bad_answer_stops_no_other(lived: Lived, tmp_path: Path) -> None:
    """Of several answers each is taken or refused by itself, nothing is settled, and the same again takes nothing."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        numbers = [view.id for view in look.cases(site, actor="clerk")[0] if view.code != cases.CONFLICT][:2]
        answers = [Answer(case=n, verdict=NOBODY, note="查无此人") for n in (numbers[0], 10**6, numbers[1])]
        kinds = [int, NotFound, int]
        assert kinds == [type(one) for one in cases.decide_all(site, answers, actor="clerk", day=DAY)]
        again = [NotAllowed, NotFound, NotAllowed]
        assert again == [type(one) for one in cases.decide_all(site, answers, actor="clerk", day=DAY)]
    assert [(DAYS,)] == ask(root, "SELECT count(*) FROM runs")


def test_a_busy_site_keeps_the_decision(lived: Lived, tmp_path: Path) -> None:
    """Where another run goes on, the decision is written down, and the message says that it need not be repeated."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        case = found(site, candidates=1)
        with site.lock(), pytest.raises(TryLater, match="无需重做"):
            cases.decide(site, case.id, SAME, note="已核实", actor="clerk", day=DAY, patience=AT_ONCE)
    assert [("closed",)] == ask(root, "SELECT state FROM cases WHERE id = ?", case.id)


def test_whole_names_are_shown_for_a_reason(lived: Lived, tmp_path: Path) -> None:
    """Asked for with a reason, names and numbers are whole, and who asked and why is written down; else they are not
    shown."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        number = found(site, candidates=1).id
        for reason, actor in ((" ", "clerk"), ("核对", "")):
            with pytest.raises(NotAllowed):
                cases.unmasked(site, number, reason=reason, actor=actor)
        assert [] == ask(root, "SELECT act FROM acts WHERE act = 'case.unmask'")
        masked = cases.case(site, number, actor="clerk")
        whole = cases.unmasked(site, number, reason="核对", actor="clerk")
        (known,) = {
            (p["psn_name"], p["certno"], p["psn_no"])
            for p in lived.people()
            if site.keyring.person_digest([p["psn_no"]]) == [whole.candidates[0].person_key]
        }
    assert [] == [text for text in known[1:] if text in str(asdict(masked))]
    assert known == (*(f.text for f in whole.candidates[0].fields[:2]), whole.candidates[0].psn_no)
    assert [("clerk", "case.unmask")] == ask(root, "SELECT actor, act FROM acts WHERE act LIKE 'case.%'")


def test_only_a_row_that_means_somebody_is_reported(lived: Lived, tmp_path: Path) -> None:
    """A row that is not there, and one that means nobody, open no case."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        doubtful = next(view for view in look.cases(site, actor="clerk")[0] if view.code == "number_changed")
        delivery = ask(root, "SELECT delivery_id FROM cases WHERE id = ?", doubtful.id)[0][0]
        before = ask(root, "SELECT count(*) FROM cases")
        for place, fault in (
            ((10**6, 1), NotFound),
            ((delivery, 10**6), NotFound),
            ((delivery, doubtful.row), NotAllowed),
        ):
            with pytest.raises(fault):
                cases.report(site, place[0], place[1] or 0, note="来电", actor="clerk")
    assert before == ask(root, "SELECT count(*) FROM cases")


def test_counties_and_ages(lived: Lived, tmp_path: Path) -> None:
    """A county's cases are those of its rows, oldest first; those older than a month are counted, on the screen too."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        everything, total, aged = look.cases(site, actor="clerk")
        assert len(everything) == total
        assert 0 == aged == look.status(site, actor="clerk").aged_cases
        county = everything[-1].county
        assert {county} == {view.county for view in look.cases(site, county=county, actor="clerk")[0]}
        old = everything[-1].id
        ask(root, "UPDATE cases SET opened_at = '2026-01-01 00:00:00.000000' WHERE id = ?", old)
        seen, _total, aged = look.cases(site, county=county, actor="clerk")
        assert (old, 1, 1) == (seen[0].id, aged, look.status(site, actor="clerk").aged_cases)
        assert seen[0].age_days > look.AGED_DAYS
