"""Each fault of the mappings on an example row, and what rows give that have none."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

import gateway_mappings
from gateway.mappings import MappingFiles
from gateway.model.outcomes import REASONS
from tests.normalise.lists import TODAY, Cell, civil, holders, number, payments, rural

EVE = date(2026, 11, 4)

CIVIL_FAULTS: dict[str, dict[str, str]] = {
    "nobody_named": {"姓名": "", "身份证号码": "无"},
    "category_unknown": {"救助类别": "低收入人口"},
    "level_unknown": {"保障类别": "D"},
    "first_missing": {"认定日期": "-"},
    "last_before_first": {"认定日期": "2026-03-02", "停止日期": "2026-03-01"},
    "date_unreadable": {"停止日期": "2026-02-30"},
    "before_birth": {"出生日期": "2024-03-02", "认定日期": "2024-03-01"},
    "change_unknown": {"变动类型": "增加"},
}
RURAL_FAULTS: dict[str, dict[str, Cell]] = {
    "nobody_named": {"姓名": "-", "证件号码": ""},
    "category_unknown": {"户类型": "一般户"},
    "code_unknown": {"风险是否消除": "未知"},
    "first_missing": {"识别时间": ""},
    "last_before_first": {"识别时间": "2026-03-02", "风险是否消除": "是", "风险消除时间": "2026-03-01"},
    "date_unreadable": {"识别时间": "2024/2/30"},
    "before_birth": {"出生日期": "20210401", "识别时间": "202103"},
}
HOLDER_FAULTS: dict[str, dict[str, object]] = {
    "nobody_named": {"name": "", "cert_no": ""},
    "level_unknown": {"grade": "5"},
    "code_unknown": {"status": "9"},
    "first_missing": {"issued": None},
    "date_unreadable": {"issued": "2020-02-30"},
    "before_birth": {"issued": "1980-01-01"},
}
TAX_FAULTS: dict[str, dict[str, str]] = {
    "nobody_named": {"姓名": "", "证件号码": ""},
    "receipt_missing": {"税票号码": ""},
    "code_unknown": {"退费标志": "2"},
    "amount_unreadable": {"个人缴费金额": "若干"},
    "date_unreadable": {"缴费日期": "2026-02-30"},
}


@pytest.mark.parametrize("code", CIVIL_FAULTS)
def test_civil_affairs(code: str) -> None:
    """A civil affairs row with this fault is unusable, by this code; the row beside it is not."""
    row = CIVIL_FAULTS[code]
    told = "变动类型" in row
    assert [code, None] == civil(row, {"变动类型": "新增"} if told else {}, delta=told)["fault"].to_list()


@pytest.mark.parametrize("code", RURAL_FAULTS)
def test_rural_revitalization(code: str) -> None:
    """A rural row with this fault is unusable, by this code; the row beside it is not."""
    assert [code, None] == rural(RURAL_FAULTS[code], {})["fault"].to_list()


@pytest.mark.parametrize("code", HOLDER_FAULTS)
def test_disabled_federation(code: str) -> None:
    """A holder with this fault is unusable, by this code; the one beside is not."""
    assert [code, None] == holders(HOLDER_FAULTS[code], {})["fault"].to_list()


@pytest.mark.parametrize("code", TAX_FAULTS)
def test_tax(code: str) -> None:
    """A payment with this fault is unusable, by this code; the one beside is not."""
    assert [code, None] == payments(TAX_FAULTS[code], {})["fault"].to_list()


EXAMPLES: dict[str, Mapping[str, object]] = {
    "civil_affairs": CIVIL_FAULTS,
    "rural_revitalization": RURAL_FAULTS,
    "disabled_federation": HOLDER_FAULTS,
    "tax": TAX_FAULTS,
}


def test_every_fault_has_an_example_and_a_sentence() -> None:
    """No mapping has a fault without an example above, and none without a sentence for the department."""
    shipped = {path.stem for path in Path(next(iter(gateway_mappings.__path__))).glob("*.toml")}
    assert set(EXAMPLES) == shipped - {"identities", "holidays"}
    for plugin, examples in EXAMPLES.items():
        codes = {fault.code for fault in MappingFiles().list_mapping(plugin).faults}
        assert set() == codes - set(examples)
        assert set() == codes - {code for code, sentence in REASONS.items() if sentence}


def test_a_delta_says_what_changed() -> None:
    """In a delta a row without 变动类型 is unusable; a full list has none."""
    rows: list[dict[str, str]] = [{"变动类型": "新增"}, {"变动类型": ""}, {"变动类型": " 停发 "}, {"变动类型": "变更"}]
    delta = civil(*rows, delta=True)
    assert [None, "change_unknown", None, None] == delta["fault"].to_list()
    assert ["state", "state", "stop", "state"] == delta["change"].to_list()
    assert [None] * 4 == civil(*rows)["fault"].to_list()
    assert 3 == civil(rows[0], rows[2], rows[3], delta=True)["dup_key"].n_unique()


def test_blanks_do_not_part_duplicates() -> None:
    """Two rows that say the same with other blanks share one duplicate key."""
    assert 1 == civil({"变动类型": "新增"}, {"变动类型": "新增 "}, delta=True)["dup_key"].n_unique()


def test_stops_end_on_their_day() -> None:
    """停发 ends on 停止日期, or on the business date where that is empty, and needs no first day."""
    entries = civil(
        {"变动类型": "停发", "停止日期": "2026-10-20"},
        {"变动类型": "停发", "认定日期": ""},
        {"变动类型": "停发", "停止日期": "202602"},
        delta=True,
    )
    assert [date(2026, 10, 20), TODAY, date(2026, 2, 28)] == entries["last"].to_list()
    assert [False, True, False] == entries["last_inferred"].to_list()
    assert [None] * 3 == entries["fault"].to_list()


def test_a_reason_that_is_death_says_so() -> None:
    """停止原因 死亡 says that the person is dead; where no last day is given, the row states nothing new, and somebody
    finds out. Any other reason says nothing of the kind."""
    stop = {"变动类型": "停发", "停止日期": "2026-11-03", "停止原因": "死亡"}
    other, undated = {"停止原因": "家庭成员死亡,收入增加"}, {"变动类型": "变更", "停止日期": ""}
    entries = civil(stop, {**stop, **other}, {**stop, **undated}, delta=True)
    assert [True, False, True] == entries["said_dead"].to_list()
    assert [(False, None), (False, None), (True, "dead_by_row")] == entries.select("stands", "remark").rows()


def test_levels_are_for_the_allowance_only() -> None:
    """保障类别 counts for 低保对象 only; elsewhere nothing in it is a fault or a level."""
    entries = civil(
        {"保障类别": "ａ"}, {"救助类别": "特困人员", "保障类别": "B"}, {"救助类别": "孤儿", "保障类别": "X"}
    )
    assert [("低保对象", "A"), ("特困人员", ""), ("孤儿", "")] == entries.select("identity", "level").rows()


def test_new_names_of_a_category() -> None:
    """刚性支出困难家庭 is 因病支出型 under its newer name."""
    entries = civil(
        {"救助类别": "因病支出型困难家庭", "保障类别": ""}, {"救助类别": "刚性支出困难家庭", "保障类别": ""}
    )
    assert ["因病支出型困难家庭成员"] * 2 == entries["identity"].to_list()


def test_the_heads_number_counts_against_others_only() -> None:
    """户主身份证号 is kept for a row that is not the head's own; 本人 and 户主 may have it."""
    head = {"户主身份证号": number()}
    entries = civil({**head, "与户主关系": "子"}, head, {**head, "与户主关系": "户主"}, {**head, "与户主关系": ""})
    assert [number(), None, None, number()] == entries["head_number"].to_list()


def test_first_days_before_birth() -> None:
    """Recognised before birth by 出生日期, else by a valid number; a damaged number's date counts for nothing."""
    child = number("45102220250307123")
    entries = civil(
        {"身份证号码": child}, {"身份证号码": child, "出生日期": "20200307"}, {"身份证号码": child[:17] + "?"}
    )
    assert ["before_birth", None, None] == entries["fault"].to_list()


def test_a_number_that_may_be_rounded_makes_no_row_invalid() -> None:
    """What a number that ends in 000 says of a birth date is worth what its name says; that is seen later."""
    suspect = next(n for front in range(100, 1000) if (n := number(f"45102220250307{front}"))[-3:] == "000")
    entries = civil({"身份证号码": suspect})
    assert [("suspect", None)] == entries.select("number_state", "fault").rows()


def test_a_change_in_a_full_list_says_nothing() -> None:
    """变动类型 is of deltas only: what stands there in a full list makes no row invalid, nor another of its double."""
    entries = civil({"变动类型": "不变"}, {"变动类型": "新增"}, {})
    assert [None] * 3 == entries["fault"].to_list()
    assert 1 == entries["dup_key"].n_unique()


def test_removed_risks() -> None:
    """After 是 the old identity ends on its day or on the eve of the business date; 稳定脱贫 follows two kinds."""
    gone: dict[str, Cell] = {"风险是否消除": "是", "风险消除时间": "2026-06-30"}
    entries = rural(
        gone,
        {"风险是否消除": "是"},
        {**gone, "户类型": "返贫致贫户"},
        {**gone, "户类型": "边缘易致贫户"},
        {**gone, "户类型": "突发严重困难户"},
        {},
    )
    june, stable = date(2026, 6, 30), "稳定脱贫人口"
    assert [june, EVE, june, june, june, None] == entries["last"].to_list()
    assert [stable, stable, stable, None, None, None] == entries["next_identity"].to_list()
    assert ["current", "current", "current", "past", "past", "current"] == entries["gives"].to_list()


def test_stable_households_say_nothing_of_risks() -> None:
    """For a 稳定脱贫户 the risk columns say nothing, whatever stands in them."""
    for cells in (
        {"风险是否消除": "是"},
        {"风险是否消除": ""},
        {"风险是否消除": "?"},
        {"风险是否消除": "是", "风险消除时间": "2020-01-01"},
        {"风险是否消除": "是", "风险消除时间": "2024/2/30"},
    ):
        row: dict[str, Cell] = {**cells, "户类型": "稳定脱贫户"}
        entries = rural(row)
        said = entries.select("identity", "last", "gives", "next_identity", "fault").row(0)
        assert ("稳定脱贫人口", None, "current", None, None) == said


def test_an_impossible_day_of_removal_is_one_whatever_the_risk() -> None:
    """A day that there is not is a fault also where the risk is not removed, but for a household of whom it says
    nothing."""
    never: dict[str, Cell] = {"风险消除时间": "2024/2/30"}
    rows = rural({**never, "风险是否消除": "否"}, {**never, "风险是否消除": "是"}, {**never, "户类型": "稳定脱贫户"})
    assert ["date_unreadable", "date_unreadable", None] == rows["fault"].to_list()


def test_an_unknown_risk_is_not_assumed() -> None:
    """A household that may fall back must say whether the risk is removed: nothing is defaulted."""
    assert ["code_unknown"] * 2 == rural({"风险是否消除": ""}, {"风险是否消除": "未知"})["fault"].to_list()


def test_changes_of_life() -> None:
    """死亡 states nothing new; 迁出, 失联 and any other word state what the row says, with a remark for a case."""
    entries = rural({"自然变更": "死亡"}, {"自然变更": "迁出"}, {"自然变更": "失联"}, {"自然变更": "参军"}, {})
    assert [True, *[False] * 4] == entries["stands"].to_list() == entries["said_dead"].to_list()
    assert ["dead_by_row", "moved_away", "lost_contact", "life_unknown", None] == entries["remark"].to_list()
    assert [None] * 5 == entries["fault"].to_list()


def test_grades_and_states_of_holders() -> None:
    """Severe and valid gives the identity; not valid any more gives its past; grade 3 and 4 take it away."""
    entries = holders(
        {},
        {"grade": "1", "status": "4", "updated_at": "2026-11-02"},
        {"status": "6", "updated_at": "2026-11-02"},
        {"grade": "3", "updated_at": "2026-11-02"},
        {"grade": "4", "status": "2", "updated_at": "2026-11-02"},
        {"grade": "3", "updated_at": None},
    )
    day = date(2026, 11, 1)
    assert ["current", "past", "past", "none", "none", "none"] == entries["gives"].to_list()
    assert [None, day, day, day, day, EVE] == entries["last"].to_list()
    assert ["state"] * 3 + ["stop"] * 3 == entries["change"].to_list()
    assert [False, False, True, False, False, False] == entries["said_dead"].to_list()
    assert ["not_valid_any_more"] * 3 + ["grade_not_severe"] * 3 == entries["none_reason"].to_list()


def test_the_grade_field_is_right() -> None:
    """Where grade differs from the digit in cert_no, the field counts; a reissue is the same number."""
    entries = holders({"cert_no": number() + "41", "grade": "2"}, {"cert_no": number() + "44B1", "grade": "1"})
    assert [(number(), "2"), (number(), "1")] == entries.select("number", "level").rows()
    assert [number() + "41", number() + "44B1"] == entries["raw_source_id"].to_list()


def test_payments_move_no_identity() -> None:
    """A payment gives no identity; another levy gives nothing at all; a refund is another row than its payment."""
    entries = payments({}, {"退费标志": "1", "应缴金额": "-400.00"}, {"征收品目": "职工基本医疗保险费"})
    assert [None] * 3 == entries["identity"].to_list()
    assert ["current", "current", "none"] == entries["gives"].to_list()
    assert ["T1|0", "T1|1", "T1|0"] == entries["dup_key"].to_list()
    assert ["400.00", "-400.00", "400.00"] == [str(amount) for amount in entries["due"]]
