"""A row that means somebody else now takes back what it said of whom it meant; a row in doubt takes back nothing."""

from collections.abc import Mapping
from datetime import date

import polars as pl
import pytest

from gateway.model.frames import ENTRIES, RESOLUTIONS, VERDICTS
from gateway.model.verdicts import WHO, who_says
from gateway.pipeline.takebacks import taken_back

WRONG, RIGHT = 7, 8
CASE = 3
ENTRY = {
    "row": 1, "scope": "", "number": "4" * 18, "name_key": "韦测试", "birth_from": date(1990, 1, 2),
    "birth_to": date(1990, 1, 2), "identity": "脱贫不稳定人口", "raw_household": "H1",
}  # fmt: skip
SURE = {"row": 1, "outcome": "matched", "person_key": WRONG}


def entries(**more: object) -> pl.DataFrame:
    return pl.DataFrame([{**ENTRY, **more}], schema=ENTRIES)


def resolution(**columns: object) -> pl.DataFrame:
    return pl.DataFrame([{"row": 1, **columns}], schema=RESOLUTIONS)


def decided(entry: pl.DataFrame, verdict: Mapping[str, object], instance: str = "mz") -> pl.DataFrame:
    """What somebody decided about the entry."""
    who = entry.select(who_says(pl.lit(instance))).row(0, named=True)
    row = {**dict.fromkeys(WHO), **who, "excluded": [], "nobody": False, "case_id": CASE, **verdict}
    return pl.DataFrame([row], schema=VERDICTS)


def found(
    before: Mapping[str, object] | None,
    after: Mapping[str, object],
    *,
    verdicts: pl.DataFrame | None = None,
    **entry: object,
) -> list[tuple[object, ...]]:
    """(person, identity, case) of what is taken back."""
    nothing = pl.DataFrame(schema=VERDICTS)
    was = resolution(**before) if before is not None else None
    rows = taken_back("mz", entries(**entry), was, resolution(**after), nothing if verdicts is None else verdicts)
    return rows.select("person_key", "identity", "case_id").rows()


@pytest.mark.parametrize(
    "after",
    [
        {"outcome": "matched", "person_key": RIGHT},
        {"outcome": "duplicate", "person_key": RIGHT},
        {"outcome": "unmatched"},
        {"outcome": "review", "candidate": RIGHT},
    ],
)
@pytest.mark.parametrize("outcome", ["matched", "no_identity", "deceased"])
def test_a_row_that_means_somebody_else_takes_back(outcome: str, after: dict[str, object]) -> None:
    """Whatever the row said of the one whom it meant was never true, whoever it means now, or nobody."""
    assert [(WRONG, "脱贫不稳定人口", None)] == found({**SURE, "outcome": outcome}, after)


def test_whom_a_doubtful_row_kept_is_taken_back_too() -> None:
    """A row in review went on counting for the person kept from before, until somebody decided."""
    before = {"outcome": "review", "kept": WRONG}
    assert [(WRONG, "脱贫不稳定人口", None)] == found(before, {"outcome": "unmatched"})


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (SURE, SURE),
        (SURE, {"outcome": "duplicate", "person_key": WRONG}),
        (SURE, {"outcome": "review", "kept": WRONG, "candidate": RIGHT}),
        (SURE, {"outcome": "unmatched", "kept": WRONG}),
        (SURE, {"outcome": "invalid", "candidate": WRONG}),
        (SURE, {"outcome": "review", "candidate": WRONG}),
        ({"outcome": "duplicate", "person_key": WRONG}, {"outcome": "unmatched"}),
        ({"outcome": "unmatched", "kept": WRONG}, {"outcome": "matched", "person_key": RIGHT}),
        ({"outcome": "review", "candidate": WRONG}, {"outcome": "matched", "person_key": RIGHT}),
        (None, SURE),
    ],
)
def test_doubt_takes_nothing_back(before: dict[str, object] | None, after: dict[str, object]) -> None:
    """A row that still means, or seems to mean, the same person takes nothing back, nor one that never counted."""
    assert [] == found(before, after)


def test_what_follows_is_taken_back_with_it() -> None:
    """A row that gave an identity and the next one gave both to the wrong person; one that gives none, none."""
    after = {"outcome": "unmatched"}
    both = found(SURE, after, next_identity="稳定脱贫人口")
    assert [(WRONG, "脱贫不稳定人口", None), (WRONG, "稳定脱贫人口", None)] == both
    assert [] == found(SURE, after, identity=None)


@pytest.mark.parametrize(
    ("verdict", "case"),
    [
        ({"excluded": [WRONG]}, CASE),
        ({"excluded": [WRONG, RIGHT], "nobody": True}, CASE),
        ({"same": RIGHT}, CASE),
        ({"same": WRONG}, None),
        ({"excluded": [RIGHT]}, None),
    ],
)
@pytest.mark.parametrize("digits", [18, 15, 0])
def test_who_decided_it_is_known(digits: int, verdict: dict[str, object], case: int | None) -> None:
    """A decision that the row is not about the person leads to its case; one that says otherwise does not."""
    number = "4" * digits or None
    verdicts = decided(entries(number=number), verdict)
    seen = found(SURE, {"outcome": "unmatched"}, verdicts=verdicts, number=number)
    assert [(WRONG, "脱贫不稳定人口", case)] == seen


def test_a_decision_about_another_row_decided_nothing_here() -> None:
    """Where name or household are others, and where another source said it without a number, nobody decided."""
    for name, household, number, instance in (
        ("韦别人", "H1", ENTRY["number"], "mz"), ("韦测试", "H1", None, "cl"), ("韦测试", "H2", None, "mz"),
    ):  # fmt: skip
        other = entries(name_key=name, raw_household=household, number=number)
        verdicts = decided(other, {"excluded": [WRONG]}, instance)
        seen = found(SURE, {"outcome": "unmatched"}, verdicts=verdicts, number=number)
        assert [(WRONG, "脱贫不稳定人口", None)] == seen
