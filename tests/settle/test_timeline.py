"""From recognitions to timelines: precedence, levels, neighbours, clipping, adopted records, subsidies, changes."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import permutations

import polars as pl
import pytest

from gateway.model.frames import LISTS, RECOGNITIONS, TIMELINES
from gateway.model.policy import OPEN_END
from gateway.settle import benefit_intervals, changes, lists, subsidy_intervals, timelines
from tests.settle.said import ALLOWANCE, FLAGS_FROM, ILL, MARGINAL, POLICY, POOR, SEVERE, STABLE, UNSTABLE, day

CODE = {code.identity: code.code for code in POLICY.codes}
ADULT = date(1980, 5, 5)


def holds(
    identity: str, first: str, last: str | None = None, level: str = "", instance: str = "mz"
) -> dict[str, object]:
    return {
        "instance": instance,
        "person_key": 1,
        "identity": identity,
        "level": level,
        "first": day(first),
        "last": day(last) if last else None,
    }


def stands(code: str, first: str, last: str, use: str = "1", level: str = "", source: str = "old") -> dict[str, object]:
    return {
        "person_key": 1,
        "use": use,
        "code": code,
        "level": level,
        "first": day(first),
        "last": day(last),
        "source": source,
    }


def line(
    *held: Mapping[str, object], adopted: Sequence[Mapping[str, object]] = (), born: date = ADULT, use: str = "1"
) -> list[tuple[object, ...]]:
    """(code, level, first, last, source) of person 1 for the use."""
    known = pl.DataFrame([{n: h.get(n) for n in RECOGNITIONS} for h in held], schema=RECOGNITIONS)
    others = pl.DataFrame([{n: a[n] for n in TIMELINES} for a in adopted], schema=TIMELINES)
    births = pl.DataFrame({"person_key": [1], "birth": [born]}, schema={"person_key": pl.Int64, "birth": pl.Date})
    made = timelines(
        {
            "1": benefit_intervals(known, others, POLICY, FLAGS_FROM),
            "2": subsidy_intervals(known, births, others, POLICY, FLAGS_FROM),
        },
        FLAGS_FROM,
    )
    return made.filter(pl.col("use") == use).select("code", "level", "first", "last", "source").rows()


def spans(*held: Mapping[str, object], born: date = ADULT, use: str = "2") -> list[tuple[object, ...]]:
    """(first, last) for the use."""
    return [row[2:4] for row in line(*held, born=born, use=use)]


def test_the_order_of_benefits() -> None:
    """The code table's order from the top is the order of precedence, as the contract names it."""
    assert [
        "特困人员",
        "孤儿",
        "事实无人抚养儿童",
        "低保对象",
        "返贫致贫人口",
        "低保边缘家庭成员",
        "脱贫不稳定人口",
        "边缘易致贫人口",
        "突发严重困难人口",
        "因病支出型困难家庭成员",
        "重度残疾人",
        "稳定脱贫人口",
    ] == [code.identity for code in POLICY.codes]


@pytest.mark.parametrize("at", range(11))
def test_the_highest_stands(at: int) -> None:
    """Of each two identities the higher one stands while both are recognised, and the lower one around it."""
    high, low = POLICY.codes[at], POLICY.codes[at + 1]
    level = {code: code.levels[0] if code.levels else "" for code in (high, low)}
    found = line(holds(low.identity, "02-01", None, level[low]), holds(high.identity, "03-01", "04-30", level[high]))
    assert [
        (low.code, level[low], day("02-01"), day("02-28"), "mz"),
        (high.code, level[high], day("03-01"), day("04-30"), "mz"),
        (low.code, level[low], day("05-01"), OPEN_END, "mz"),
    ] == found


def test_levels_at_once() -> None:
    """Two levels of one identity at once: A before B before C, 1 before 2."""
    for identity, levels in ((ALLOWANCE, "CBA"), (SEVERE, "21")):
        held = [holds(identity, "02-01", None, level, f"i{level}") for level in levels]
        assert [levels[-1]] == [row[1] for row in line(*held)]


def test_neighbours_are_one() -> None:
    """Neighbouring periods of one identity and level are one; another level, or a day between, parts them."""

    def two(first: str, level: str = "A") -> list[tuple[object, ...]]:
        return line(holds(ALLOWANCE, "02-01", "02-28", "A", "a"), holds(ALLOWANCE, first, "06-30", level, "b"))

    assert [("7019", "A", day("02-01"), day("06-30"), "a")] == two("03-01") == two("02-10")
    assert 2 == len(two("03-01", "B")) == len(two("03-02"))


def test_the_source_is_whose_recognition_began_first() -> None:
    """src_dept is the instance whose recognition began first, before any clipping."""
    assert ["b"] == [
        r[4] for r in line(holds(POOR, "2024-05-01", None, "", "a"), holds(POOR, "2021-01-01", None, "", "b"))
    ]
    assert ["a"] == [
        r[4] for r in line(holds(POOR, "2024-05-01", None, "", "b"), holds(POOR, "2024-05-01", None, "", "a"))
    ]


def test_clipping() -> None:
    """What ended before flags_from is not sent; what reaches into it begins there; an open end is the platform's."""
    assert [] == line(holds(POOR, "2021-01-01", "2025-12-31"))
    assert [("7131", "", FLAGS_FROM, FLAGS_FROM, "mz")] == line(holds(POOR, "2021-01-01", "2026-01-01"))
    assert [("7131", "", FLAGS_FROM, OPEN_END, "mz")] == line(holds(POOR, "2021-01-01"))
    assert [("7131", "", day("2027-05-01"), OPEN_END, "mz")] == line(holds(POOR, "2027-05-01", "9999-12-31"))


def test_adopted_records_take_part() -> None:
    """Adopted records stand in the order of precedence, end on their own day and keep their src_dept."""
    old = [stands(CODE[ALLOWANCE], "2026-01-01", "2026-12-31", level="B")]
    assert [
        ("7019", "B", day("01-01"), day("03-31"), "old"),
        ("7131", "", day("04-01"), day("06-30"), "mz"),
        ("7019", "B", day("07-01"), day("12-31"), "old"),
    ] == line(holds(POOR, "04-01", "06-30"), adopted=old)


def test_adopted_records_are_not_clipped() -> None:
    """What of them lies before flags_from is sent back as it stands, beside what is clipped."""
    old = [stands(CODE[ALLOWANCE], "2025-03-01", "2026-06-30", level="B")]
    assert [("7019", "B", day("2025-03-01"), day("06-30"), "old"), ("7200", "", day("07-01"), OPEN_END, "mz")] == line(
        holds(STABLE, "2021-01-01"), adopted=old
    )


def test_adopted_records_that_were_over_stay_as_they_stand() -> None:
    """One that ended before flags_from is sent back as it is, beside another and beside what goes on with the same."""
    old = [stands(CODE[POOR], "2025-01-01", "2025-05-31", source="a"), stands(CODE[POOR], "2025-06-01", "2025-12-31")]
    assert [
        ("7131", "", day("2025-01-01"), day("2025-05-31"), "a"),
        ("7131", "", day("2025-06-01"), day("2025-12-31"), "old"),
        ("7131", "", FLAGS_FROM, OPEN_END, "mz"),
    ] == line(holds(POOR, "2021-01-01"), adopted=old)


def test_of_two_records_that_begin_together_the_longer_counts() -> None:
    """One that was merged with what went on, beside what of it was adopted: one period, in whichever order."""
    whole, over = stands(CODE[POOR], "2024-01-01", "2099-12-31"), stands(CODE[POOR], "2024-01-01", "2025-12-31")
    for adopted in ([whole, over], [over, whole]):
        assert [("7131", "", day("2024-01-01"), OPEN_END, "old")] == line(adopted=adopted)


def test_which_record_comes_first_is_no_chance() -> None:
    """A record that is there twice, or two that only their code tells apart, come to the same in any order."""
    twice = [stands(CODE[POOR], "2025-01-01", "2025-12-31")] * 2
    unknown = [stands(code, "2025-01-01", "2025-12-31") for code in ("9998", "9999")]
    shorter = [stands(CODE[STABLE], "2025-03-01", "2025-06-30")]
    for some in (twice, unknown):
        told = {tuple(line(adopted=list(order))) for order in permutations([*some, *shorter]) for _time in range(20)}
        assert 1 == len(told)


def test_a_record_that_was_over_stays_whole() -> None:
    """What lies beside it in its time cuts no record that was over in two."""
    old = [stands(CODE[POOR], "2025-01-01", "2025-12-31"), stands(CODE[STABLE], "2025-03-01", "2025-06-30", source="a")]
    assert [("7131", "", day("2025-01-01"), day("2025-12-31"), "old")] == line(adopted=old)


def test_adopted_records_count_for_their_use_only() -> None:
    """A record of one use counts for that use only, and fulfils no condition of the other."""
    old = [
        stands(CODE[SEVERE], "2026-01-01", "2099-12-31", level="1"),
        stands(CODE[POOR], "2026-01-01", "2099-12-31", "2"),
    ]
    assert ["7201"] == [r[0] for r in line(holds(MARGINAL, "2024-01-01"), adopted=old)]
    assert ["7131"] == [r[0] for r in line(holds(MARGINAL, "2024-01-01"), adopted=old, use="2")]


def test_an_adopted_level_that_is_none_stands_behind_those_of_its_code() -> None:
    """A record of a known code with an empty or unknown level goes before all lower identities, and after its own."""
    for level in ("", "Z"):
        old = [stands(CODE[ALLOWANCE], "2026-01-01", "2026-12-31", level=level)]
        beside = line(holds(STABLE, "2021-01-01"), adopted=old)
        assert [("7019", level, day("12-31")), ("7200", "", OPEN_END)] == [(r[0], r[1], r[3]) for r in beside]
        assert [("7019", "C"), ("7019", level)] == [
            row[:2] for row in line(holds(ALLOWANCE, "01-01", "06-30", "C"), adopted=old)
        ]


def test_adopted_records_are_never_dropped() -> None:
    """A record with a code or level that no table knows stands where nothing else does."""
    old = [
        stands("9999", "2026-01-01", "2026-12-31"),
        stands(CODE[ALLOWANCE], "2027-01-01", "2027-12-31", level="Z"),
        stands(CODE[SEVERE], "2026-01-01", "2026-12-31", "2", "1"),
    ]
    assert [("9999", "old"), ("7019", "old")] == [(r[0], r[4]) for r in line(adopted=old)]
    assert ["7069"] == [r[0] for r in line(adopted=old, use="2")]


def test_who_is_subsidised() -> None:
    """Baise as of 2026: six identities in the city's own order, and nobody else."""
    assert [
        ("特困人员", 1.0),
        ("孤儿", 1.0),
        ("事实无人抚养儿童", 1.0),
        ("低保对象", 0.6),
        ("脱贫不稳定人口", 0.6),
        ("低保边缘家庭成员", 0.6),
    ] == [(rule.identity, rule.share) for rule in POLICY.subsidies]
    for identity in (STABLE, ILL, SEVERE, "返贫致贫人口", "边缘易致贫人口", "突发严重困难人口"):
        assert [] == line(holds(identity, "02-01", None, "1" if identity == SEVERE else ""), use="2")


def test_the_subsidy_has_its_own_order() -> None:
    """脱贫不稳定 goes before 低保边缘 for the premium, and after it for benefits."""
    held = (holds(MARGINAL, "02-01"), holds(UNSTABLE, "02-01"))
    old = date(1950, 1, 1)
    assert ["7203"] == [r[0] for r in line(*held, born=old, use="2")]
    assert ["7201"] == [r[0] for r in line(*held, born=old)]


def test_marginal_families_need_a_condition() -> None:
    """Of 低保边缘 those who are severely disabled, at least 60, or under 18: each for as long as it holds."""
    held = holds(MARGINAL, "2024-01-01")
    assert [] == spans(held, born=date(2000, 1, 1))[:0] and [(date(2060, 1, 1), OPEN_END)] == spans(
        held, born=date(2000, 1, 1)
    )
    assert [(FLAGS_FROM, OPEN_END)] == spans(held, born=date(1966, 1, 1)) == spans(held, born=date(1950, 5, 5))
    assert [(day("01-02"), OPEN_END)] == spans(held, born=date(1966, 1, 2))
    assert [(FLAGS_FROM, day("11-05"))] == spans(held, born=date(2008, 11, 6))[:1]
    disabled = holds(SEVERE, "03-01", "04-30", "2")
    assert [(day("03-01"), day("04-30"))] == spans(held, disabled, born=date(2000, 1, 1))[:1]
    assert [] == spans(holds(MARGINAL, "2024-01-01", "2026-10-31"), born=date(2000, 1, 1))


def test_leap_day_birthdays() -> None:
    """For someone born on 29 February the day is 1 March where the year has none."""
    held = holds(MARGINAL, "2024-01-01")
    assert (FLAGS_FROM, day("02-28")) == spans(held, born=date(2008, 2, 29))[0]
    assert (date(2028, 2, 29), OPEN_END) == spans(held, born=date(1968, 2, 29))[-1]
    assert (day("2027-03-01"), OPEN_END) == spans(held, born=date(1967, 3, 1))[-1]


def test_conditions_that_overlap_are_one_period() -> None:
    """Two conditions at once give one period, not two."""
    held = (holds(MARGINAL, "2024-01-01"), holds(SEVERE, "2024-01-01", None, "1"))
    assert [(FLAGS_FROM, OPEN_END)] == spans(*held, born=date(1950, 1, 1))


def text(*records: Mapping[str, object]) -> str:
    made = lists(pl.DataFrame([{n: r[n] for n in TIMELINES} for r in records], schema=TIMELINES))
    return "" if made.is_empty() else str(made["records"].item())


def test_a_list_is_written_as_the_platform_has_it() -> None:
    """00:00:00 of the first day, 23:59:59 of the last; an open end is 2099-12-31 00:00:00; in order of begin."""
    records = [stands("7131", "05-01", "2099-12-31"), stands("7019", "01-01", "04-30", level="B", source="mz")]
    assert (
        "7019|B|2026-01-01 00:00:00|2026-04-30 23:59:59|mz\n7131||2026-05-01 00:00:00|2099-12-31 00:00:00|old"
    ) == text(*records)


def listing(*rows: tuple[int, str, str]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=LISTS, orient="row")


def test_only_what_differs_is_sent() -> None:
    """New and other lists are sent, vanished ones as an empty list; what is confirmed is not."""
    wanted = listing((1, "1", "a"), (2, "1", "b"), (3, "1", "c"))
    confirmed = listing((1, "1", "a"), (2, "1", "x"), (4, "1", "d"))
    assert [(2, "1", "b"), (3, "1", "c"), (4, "1", "")] == changes(wanted, confirmed).rows()
