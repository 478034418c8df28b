"""What rows come to: the table of outcomes and its order."""

from datetime import date

import pytest

from gateway.model.outcomes import Outcome
from gateway.reconcile import outcomes as room
from tests.normalise.lists import number
from tests.reconcile.people import ELSE, A, B, outcomes, person, roster, rounded, settled

CITY = roster(person(1, "韦伟", A), person(2, "覃丽", B, dead=True), person(3, "黄国强", ELSE, covered=False))
WEI: dict[str, object] = {"number": A, "name": "韦伟"}
LI: dict[str, object] = {"number": B, "name": "覃丽"}
NOBODY: dict[str, object] = {"number": number("45102219770101321"), "name": "蓝天"}


def test_each_outcome() -> None:
    """The seven outcomes, each on a row of its own."""
    rows = [
        {**WEI, "fault": "date_unreadable"},
        {**WEI, "name": "覃丽"},
        NOBODY,
        WEI,
        WEI,
        LI,
        {**WEI, "identity": "孤儿", "dup_key": "孤儿", "gives": "past", "none_reason": "risk_removed"},
    ]
    assert [
        ("invalid", "date_unreadable", None),
        ("review", "name_differs", None),
        ("unmatched", "not_on_roster", None),
        ("matched", "", 1),
        ("duplicate", "same_row_before", 1),
        ("deceased", "dead_on_roster", 2),
        ("no_identity", "risk_removed", 1),
    ] == outcomes(CITY, *rows)


def test_the_first_that_fits_counts() -> None:
    """Invalid before review before unmatched before duplicate before deceased before no_identity before matched."""
    assert ["invalid", "review", "unmatched", "duplicate", "deceased", "no_identity", "matched"] == list(Outcome)
    gone = {"gives": "past", "none_reason": "not_valid_any_more"}
    assert ["invalid"] == [o[0] for o in outcomes(CITY, {**LI, "name": "谁", "fault": "level_unknown"})]
    assert ["review"] * 2 == [o[0] for o in outcomes(CITY, {**LI, "level": "A"}, {**LI, "level": "B"})]
    assert ["deceased", "duplicate"] == [o[0] for o in outcomes(CITY, {**LI, **gone}, {**LI, **gone})]
    assert ["no_identity", "duplicate"] == [o[0] for o in outcomes(CITY, {**WEI, **gone}, {**WEI, **gone})]
    assert ["deceased"] == [o[0] for o in outcomes(CITY, {**LI, **gone})]


def test_rows_alike_are_duplicates_of_the_first() -> None:
    """Of rows alike in level and dates the first counts, however its person was written."""
    rows = [NOBODY, WEI, {**WEI, "name": "韦卫"}, {**WEI, "number": A[:6] + A[8:17]}]
    assert ["unmatched", "matched", "duplicate", "duplicate"] == [o[0] for o in outcomes(CITY, *rows)]


def test_rows_that_differ_are_all_reviewed() -> None:
    """Where they differ in level or dates, all of them come to review, and none of them is anybody's yet."""
    for other in ({"level": "A"}, {"first": date(2025, 1, 1)}, {"last": date(2026, 1, 1)}):
        found = settled(CITY, WEI, {**WEI, **other}, WEI)
        assert [("review", "rows_conflict", None, 1)] * 3 == found.select(
            "outcome", "reason", "person_key", "candidate"
        ).rows()


def test_two_categories_are_no_duplicates() -> None:
    """One person in two categories is true, and each counts; so is one category under two 变动类型 of a delta."""
    other = {"identity": "孤儿", "dup_key": "孤儿"}
    assert ["matched"] * 2 == [o[0] for o in outcomes(CITY, WEI, {**WEI, **other})]
    stop = {"dup_key": "特困人员|stop", "change": "stop", "last": date(2026, 11, 1)}
    assert [("matched", "", 1), ("matched", "stopped", 1)] == outcomes(CITY, WEI, {**WEI, **stop})


def test_unusable_rows_make_no_duplicates() -> None:
    """An invalid or doubtful row is not «another row which counts»: the sound one stands."""
    rows = [{**WEI, "fault": "first_missing"}, {**WEI, "name": "谁", "level": "A"}, WEI]
    assert ["invalid", "review", "matched"] == [o[0] for o in outcomes(CITY, *rows)]


def test_ended_identities_are_matched() -> None:
    """A person found is matched also where the identity has ended, or 稳定脱贫 follows it."""
    rows = [
        {**WEI, "last": date(2026, 1, 1)},
        {**WEI, "dup_key": "x", "last": date(2026, 1, 1), "next_identity": "稳定脱贫人口"},
    ]
    assert ["matched", "matched"] == [o[0] for o in outcomes(CITY, *rows)]


def test_stopped_relations_are_matched() -> None:
    """A person whose insurance relations are all stopped is matched, and told as a gap in coverage."""
    assert [("matched", "not_covered", 3)] == outcomes(CITY, {"number": ELSE, "name": "黄国强"})


def test_said_to_be_dead() -> None:
    """Dead by the row's word comes to deceased; not found at all it is a gap in coverage."""
    dead = {"said_dead": True, "stands": True, "remark": "dead_by_row"}
    assert [("deceased", "dead_by_row", 1)] == outcomes(CITY, {**WEI, **dead})
    assert ["unmatched"] == [o[0] for o in outcomes(CITY, {**NOBODY, **dead})]


def test_moved_and_lost_people_are_matched() -> None:
    """迁出 and 失联 are matched, with the remark as reason."""
    assert [("matched", "moved_away", 1)] == outcomes(CITY, {**WEI, "remark": "moved_away"})


def test_before_birth_by_the_roster() -> None:
    """Where neither the row nor a valid number says a birth date, the roster's does."""
    city = roster(person(1, "韦伟", "E12345678"))
    early: dict[str, object] = {"number": "E12345678", "name": "韦伟", "first": date(1980, 1, 1)}
    assert ["matched"] == [o[0] for o in outcomes(city, early)]
    old = roster(person(1, "韦伟", A))
    damaged = {**early, "number": A, "numeric": True}
    assert [("invalid", "before_birth", None)] == outcomes(old, damaged)


def test_before_birth_by_a_number_that_may_be_rounded() -> None:
    """A number that ends in 000 says a birth date only where its name agrees: else it makes no row invalid."""
    number = rounded()
    city = roster(person(1, "韦伟", number))
    early: dict[str, object] = {"number": number, "name": "韦伟", "first": date(1980, 1, 1)}
    assert [("invalid", "before_birth", None)] == outcomes(city, early)
    assert [("review", "number_damaged", None)] == outcomes(city, {**early, "name": "覃丽"})


def test_a_row_that_names_nobody_means_nobody() -> None:
    """Neither number nor name: whoever was born on that day in that village is no candidate."""
    born = {"birth_from": date(1990, 3, 7), "birth_to": date(1990, 3, 7), "fault": "nobody_named"}
    found = settled(CITY, {**born, "number": None, "name": None})
    assert [("invalid", None, None)] == found.select("outcome", "candidate", "candidates").rows()


def test_who_an_unusable_row_means_is_known() -> None:
    """An invalid row whose number and name are sure still says whom it means, so that they do not depart."""
    found = settled(CITY, {**WEI, "fault": "last_before_first"})
    assert [("invalid", None, 1)] == found.select("outcome", "person_key", "candidate").rows()


def test_payments() -> None:
    """A second payment of one receipt is the duplicate, whoever it is about; the dead have paid as well."""
    pay = {"identity": None, "dup_key": "T1|0", "first": None}
    rows = [
        {**WEI, **pay},
        {**LI, **pay},
        {**LI, **pay, "dup_key": "T2|0"},
        {**WEI, **pay, "dup_key": "T1|1"},
        {**WEI, **pay, "dup_key": "T3|0", "gives": "none", "none_reason": "other_levy"},
    ]
    assert ["matched", "duplicate", "matched", "matched", "no_identity"] == [
        o[0] for o in outcomes(CITY, *rows, statements=False)
    ]


@pytest.mark.parametrize("at_once", [1, 2, 3, 7])
def test_slices_come_to_what_the_whole_comes_to(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    """However few rows are put in their order at once, each comes to the same: also doubles, conflicts and links of
    before that stand in another slice."""
    said: list[dict[str, object]] = [
        {"fault": "date_unreadable"},
        {"name": "覃丽"},
        {"dup_key": "x", "change": "stop"},
        {**LI, "level": "A"},
        {**LI, "level": "B"},
        NOBODY,
        {},
    ]
    rows = [WEI, *({**WEI, **one} for one in said)]
    whole = settled(CITY, *rows, previous={3: 1})
    monkeypatch.setattr(room, "_AT_ONCE", at_once)
    assert whole.equals(settled(CITY, *rows, previous={3: 1}))
    assert {"matched", "duplicate", "review", "unmatched", "invalid"} == set(whole["outcome"])
