"""What a person decided about a row: it holds for later lists, and is asked again only about new evidence."""

from datetime import date, timedelta

import polars as pl
import pytest

from gateway.acts import cases
from gateway.acts.explain import explain
from gateway.acts.sides import candidates_of
from gateway.errors import ExitCode, NotAllowed
from gateway.model.frames import ENTRIES, VERDICTS
from gateway.model.verdicts import Verdict
from gateway.pipeline.beside import Said
from gateway.pipeline.verdicts import claim, claim_digest, verdicts
from gateway.site import Site
from gateway.store import decisions, people
from gateway.store import verdicts as store
from tests import ledgers
from tests.pipeline.forge import DAY, NUMBER, civil, csv_of, table, without
from tests.pipeline.rig import Rig, flagged

ANOTHER, THIRD = "诸葛测试", "令狐测试"
Cases = set[tuple[str, int]]


def changed(content: bytes, at: int, **cells: str | None) -> bytes:
    """The list with other cells in that row."""
    here = pl.int_range(pl.len()) == at
    return csv_of(
        table(content).with_columns(
            pl.when(here).then(pl.lit(text, pl.String)).otherwise(name).alias(name) for name, text in cells.items()
        )
    )


def send(rig: Rig, sequence: int, content: bytes) -> Cases:
    """A full list of the next day, taken and settled; the open cases afterwards."""
    civil(sequence, content, day=DAY + timedelta(days=sequence - 1)).put(rig.outbox)
    assert ExitCode.DONE == rig.run(sequence).exit_code
    return open_cases(rig)


def open_cases(rig: Rig) -> Cases:
    with rig.site.ledger.begin() as tx:
        return {(case["code"], case["id"]) for case in decisions.cases(tx, limit=None)}


def decide(rig: Rig, case: int, verdict: Verdict, day: int, *, until: date | None = None) -> cases.Answered:
    today = DAY + timedelta(days=day - 1)
    return cases.decide(rig.site, case, verdict, note="核对过户口簿", actor="clerk", day=today, until=until)


def doubted(rig: Rig, content: bytes, at: int) -> tuple[str, int]:
    """Two lists, the second with that row under another name: the case that it opens."""
    before = send(rig, 1, without(content, at))
    (case,) = send(rig, 2, changed(content, at, 姓名=ANOTHER)) - before
    return case


def test_what_was_decided_is_not_asked_again(civil_rig: Rig, civil_csv: bytes, at: int, who: str) -> None:
    """A row decided to mean its candidate gives the flag, opens no case in the next list, and under a third name a
    new one."""
    code, case = doubted(civil_rig, civil_csv, at)
    assert ("name_differs", False) == (code, flagged(civil_rig, who))
    answered = decide(civil_rig, case, Verdict.SAME, 2)
    assert ("closed", True) == (answered.state, flagged(civil_rig, who))
    before = open_cases(civil_rig)
    assert before == send(civil_rig, 3, changed(civil_csv, at, 姓名=ANOTHER))
    assert flagged(civil_rig, who)
    (new,) = send(civil_rig, 4, changed(civil_csv, at, 姓名=THIRD)) - before
    assert ("name_differs", True) == (new[0], flagged(civil_rig, who))


def test_without_a_number_a_namesake_is_not_meant(civil_rig: Rig, civil_csv: bytes, at: int, who: str) -> None:
    """A row without a number, decided to mean a person, does so in the next list; one of the same name in another
    household is a case of its own."""
    bare = {NUMBER: None, "出生日期": None, "行政区划代码": None}
    before = send(civil_rig, 1, without(civil_csv, at))
    ((code, case),) = send(civil_rig, 2, changed(civil_csv, at, **bare)) - before
    assert "number_missing" == code
    cases.decide(
        civil_rig.site, case, Verdict.SAME, person=who, note="上门核实", actor="clerk", day=DAY + timedelta(days=1)
    )
    assert flagged(civil_rig, who)
    decided, namesake = changed(civil_csv, at, **bare), changed(civil_csv, at, **bare, 救助证号="MZ-0")
    assert before == send(civil_rig, 3, decided)
    both = csv_of(pl.concat([table(decided), table(namesake).slice(at, 1)]))
    ((code, case),) = send(civil_rig, 4, both) - before
    assert ("number_missing", True) == (code, flagged(civil_rig, who))


@pytest.mark.parametrize("verdict", [Verdict.NOBODY, Verdict.DIFFERENT])
def test_who_is_nobody_stays_nobody(civil_rig: Rig, civil_csv: bytes, at: int, who: str, verdict: Verdict) -> None:
    """A row that a person said is not its candidate, or nobody, flags nobody and never means that candidate again."""
    _code, case = doubted(civil_rig, civil_csv, at)
    decide(civil_rig, case, verdict, 2)
    after = send(civil_rig, 3, changed(civil_csv, at, 姓名=ANOTHER))
    assert not flagged(civil_rig, who)
    key = civil_rig.site.keyring.person_digest([who])[0]
    with civil_rig.site.ledger.begin() as tx:
        assert [] == decisions.cases_of(tx, key)
    assert case not in {number for _code, number in after} or verdict is Verdict.DIFFERENT


def test_an_undone_decision_is_asked_again(civil_rig: Rig, civil_csv: bytes, at: int, who: str) -> None:
    """Undoing takes the flag back and opens the case again; both are in the case's history."""
    _code, case = doubted(civil_rig, civil_csv, at)
    decide(civil_rig, case, Verdict.SAME, 2)
    undone = cases.undo(civil_rig.site, case, note="看错了", actor="second-clerk", day=DAY + timedelta(days=1))
    assert "open" == undone.state
    assert not flagged(civil_rig, who)
    seen = cases.case(civil_rig.site, case, actor="clerk")
    assert [("same", "clerk", "second-clerk")] == [(d.verdict, d.actor, d.undone_by) for d in seen.decided]
    with pytest.raises(NotAllowed):
        cases.undo(civil_rig.site, case, note="再撤销", actor="second-clerk")


def test_each_undone_decision_takes_its_own_row_along(civil_rig: Rig, civil_csv: bytes, at: int, who: str) -> None:
    """Two rows that were decided to be one person each stand on their own decision: undone, neither flag is left."""
    rows = table(civil_csv)
    second = rows.slice(at, 1).with_columns(pl.lit("孤儿").alias("救助类别"), pl.lit(THIRD).alias("姓名"))
    first = table(changed(civil_csv, at, 姓名=ANOTHER))
    before = send(civil_rig, 1, without(civil_csv, at))
    new = sorted(case for _code, case in send(civil_rig, 2, csv_of(pl.concat([first, second]))) - before)
    key = civil_rig.site.keyring.person_digest([who])[0]

    def held() -> int:
        with civil_rig.site.ledger.begin() as tx:
            return people.recognitions(tx, person=key).height

    for case in new:
        decide(civil_rig, case, Verdict.SAME, 2)
    counts = [held()]
    for case in new:
        cases.undo(civil_rig.site, case, note="看错了", actor="clerk", day=DAY + timedelta(1))
        counts.append(held())
    assert [2, 1, 0] == counts


def test_a_case_that_was_put_off_comes_back_on_its_day(civil_rig: Rig, civil_csv: bytes, at: int, who: str) -> None:
    """Put off until the fourth, a case is not open on the third, and is on the fourth; nobody is flagged meanwhile."""
    _code, case = doubted(civil_rig, civil_csv, at)
    before = open_cases(civil_rig)
    later = decide(civil_rig, case, Verdict.LATER, 2, until=DAY + timedelta(days=3))
    assert ("later", None) == (later.state, later.run)
    doubtful = changed(civil_csv, at, 姓名=ANOTHER)
    assert case not in {number for _code, number in send(civil_rig, 3, doubtful)}
    assert before == send(civil_rig, 4, doubtful)
    assert not flagged(civil_rig, who)


def test_a_flag_on_the_wrong_person_is_taken_back(civil_rig: Rig, civil_csv: bytes, at: int, who: str) -> None:
    """A clerk tells of a row that the rules were sure about; no run closes that case, and deciding that it is somebody
    else takes the flag back for good."""
    send(civil_rig, 1, civil_csv)
    assert flagged(civil_rig, who)
    origin = explain(civil_rig.site, who, actor="clerk").believed[-1].origin
    case = cases.report(civil_rig.site, origin.delivery, origin.row, note="来电反映", actor="clerk")
    with pytest.raises(NotAllowed):
        cases.report(civil_rig.site, origin.delivery, origin.row, note="再次来电", actor="clerk")
    assert case in {number for _code, number in send(civil_rig, 2, civil_csv)}
    answered = decide(civil_rig, case, Verdict.DIFFERENT, 2)
    assert ("closed", False) == (answered.state, flagged(civil_rig, who))
    send(civil_rig, 3, civil_csv)
    assert not flagged(civil_rig, who)


def test_a_report_that_was_wrong_changes_nothing(civil_rig: Rig, civil_csv: bytes, at: int, who: str) -> None:
    """Where the row means its person after all, the case closes, the flag stays and nothing is sent."""
    send(civil_rig, 1, civil_csv)
    sent = len(civil_rig.uploads())
    origin = explain(civil_rig.site, who, actor="clerk").believed[-1].origin
    case = cases.report(civil_rig.site, origin.delivery, origin.row, note="来电反映", actor="clerk")
    assert "closed" == decide(civil_rig, case, Verdict.SAME, 1).state
    assert (True, sent) == (flagged(civil_rig, who), len(civil_rig.uploads()))


def entry(**said: object) -> pl.DataFrame:
    """One row of a list."""
    return pl.DataFrame([said], schema=ENTRIES)


BEGINS = "451022" + "19900102"
WHOLE = {"number": BEGINS + "1234", "name_key": "甲乙", "birth_from": date(1990, 1, 2), "birth_to": date(1990, 1, 2)}
#: What a decision about a row without a whole number belongs to, besides.
NEARBY = {"area": "451022", "sex": "1", "raw_household": "H1", "raw_source_id": "S1"}


def test_a_decision_about_a_whole_number_holds_for_every_department(civil_rig: Rig) -> None:
    """With a whole number, name and birth date are the claim, whoever sends it from wherever; each of the three makes
    another."""
    site = civil_rig.site
    one = claim_digest(site, entry(**WHOLE, **NEARBY), "civil_affairs")
    assert one == claim_digest(site, entry(**WHOLE), "tax")
    others = ({"number": BEGINS + "1235"}, {"name_key": "甲丙"}, {"birth_from": date(1990, 1, 1)})
    assert 4 == len({one, *(claim_digest(site, entry(**{**WHOLE, **other}), "tax") for other in others)})


@pytest.mark.parametrize(
    "number", [None, BEGINS + "1", BEGINS + "1000", "9" * 18], ids=["none", "cut", "round", "fill"]
)
def test_a_decision_without_a_number_never_reaches_a_stranger(civil_rig: Rig, number: str | None) -> None:
    """Without a whole number (none, a cut or rounded one, a filler) the department, place, sex, household and its own
    number for the person belong to the decision."""
    site, short = civil_rig.site, {**WHOLE, **NEARBY, "number": number}
    digests = [claim_digest(site, entry(**{**short, name: "0"}), "civil_affairs") for name in NEARBY]
    digests += [claim_digest(site, entry(**short), name) for name in ("civil_affairs", "tax")]
    assert len(digests) == len(set(digests))


def write(site: Site, said: pl.DataFrame, *given: tuple[Verdict, int | None, list[int]]) -> list[int]:
    """Decisions about one row, one after the other."""
    kept = claim(site, said, "civil_affairs")
    with site.ledger.begin() as tx:
        case = decisions.open_case(tx, subject=f"row:{kept.digest}", instance="civil_affairs", code="name_differs")
        return [
            store.add(
                tx, case=case, digest=kept.digest, sealed_claim=kept.sealed, verdict=verdict, person=person,
                excluded=excluded, until=None, actor="clerk", note="n",
            )
            for verdict, person, excluded in given
        ]  # fmt: skip


SAME, DIFFERENT, NOBODY, LATER = Verdict.SAME, Verdict.DIFFERENT, Verdict.NOBODY, Verdict.LATER


@pytest.mark.parametrize(
    ("given", "same", "excluded", "nobody"),
    [
        ([(SAME, 1, [])], 1, [], False),
        ([(SAME, 1, []), (SAME, 2, [])], 2, [], False),
        ([(DIFFERENT, 1, [1]), (DIFFERENT, 2, [2])], None, [1, 2], False),
        ([(DIFFERENT, 1, [1]), (SAME, 1, [])], 1, [], False),
        ([(SAME, 1, []), (DIFFERENT, 1, [1])], None, [1], False),
        ([(SAME, 1, []), (DIFFERENT, 2, [2])], 1, [2], False),
        ([(SAME, 1, []), (NOBODY, None, [1, 2])], None, [1, 2], True),
        ([(NOBODY, None, [1, 2]), (SAME, 1, [])], 1, [2], False),
        ([(NOBODY, None, [1]), (DIFFERENT, 2, [2])], None, [1, 2], True),
        ([(SAME, 1, []), (LATER, None, [])], 1, [], False),
    ],
)
def test_several_decisions_come_to_one(
    civil_rig: Rig,
    given: list[tuple[Verdict, int | None, list[int]]],
    same: int | None,
    excluded: list[int],
    nobody: bool,
) -> None:
    """Of several decisions about one claim the latest person counts, exclusions add up, putting off says nothing."""
    write(civil_rig.site, entry(**WHOLE), *given)
    (row,) = verdicts(civil_rig.site).rows(named=True)
    assert (same, excluded, nobody) == (row["same"], row["excluded"], row["nobody"])
    assert WHOLE == {name: row[name] for name in WHOLE}


def test_no_decision_is_an_empty_frame(civil_rig: Rig) -> None:
    """Before anything was decided, and after all of it was undone, the frame has its columns and no row."""
    site = civil_rig.site
    numbers = write(site, entry(**WHOLE), (SAME, 1, []), (NOBODY, None, [1]))
    with site.ledger.begin() as tx:
        for number in numbers:
            store.undo(tx, number, actor="clerk")
    assert pl.DataFrame(schema=VERDICTS).equals(verdicts(site))


def test_a_claim_is_sealed(civil_rig: Rig) -> None:
    """Neither number nor name of a decided row stands in the ledger."""
    site = civil_rig.site
    write(site, entry(**WHOLE), (SAME, 1, []))
    ledger = b"".join(path.read_bytes() for path in ledgers.files(site.settings.root))
    assert b"verdicts" in ledger
    assert [] == [1 for text in (WHOLE["number"], WHOLE["name_key"]) if str(text).encode() in ledger]


@pytest.mark.parametrize(
    ("household", "given", "expected"),
    [
        ("H1", [(DIFFERENT, 2, [2])], [1, 3]),
        ("H1", [(NOBODY, None, [1, 2, 3]), (SAME, 2, [])], [2]),
        ("H2", [(NOBODY, None, [1, 2, 3])], [1, 2, 3]),
    ],
)
def test_whom_somebody_ruled_out_is_not_offered(
    civil_rig: Rig, household: str, given: list[tuple[Verdict, int | None, list[int]]], expected: list[int]
) -> None:
    """Candidates that were ruled out for a row are not offered for it again, and still for a namesake's row, to which
    the case went on."""
    site = civil_rig.site
    nameless = {**WHOLE, "number": None}
    write(site, entry(**nameless, raw_household="H1"), *given)
    row = Said(
        delivery=None,  # type: ignore[arg-type]  # not looked at
        entry=entry(**nameless, raw_household=household),
        resolution={},
        listed={},
        candidates=[1, 2],
        homes=(),
    )
    case = {"instance": "civil_affairs", "person_key": 3}
    with site.ledger.begin() as tx:
        decided = store.of_case(tx, 1)
    assert expected == candidates_of(site, case, row, decided)
