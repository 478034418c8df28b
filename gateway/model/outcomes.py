"""What a row comes to, and why: names that are stored, and the sentences that departments and clerks read."""

from enum import StrEnum


class Outcome(StrEnum):
    """The seven outcomes. Where several fit, the first in this order counts."""

    INVALID = "invalid"
    REVIEW = "review"
    UNMATCHED = "unmatched"
    DUPLICATE = "duplicate"
    DECEASED = "deceased"
    NO_IDENTITY = "no_identity"
    MATCHED = "matched"


#: Words of the receipts; fixed by the departments' contract.
DEPARTMENT_WORDS = {
    Outcome.MATCHED: "已标识",
    Outcome.NO_IDENTITY: "无需标识",
    Outcome.DUPLICATE: "重复",
    Outcome.REVIEW: "待核查",
    Outcome.UNMATCHED: "未参保",
    Outcome.INVALID: "数据有误",
    Outcome.DECEASED: "已死亡",
}

#: Outcomes after which nobody knows yet whom the row is about: such a row holds back departures.
UNRESOLVED = (Outcome.INVALID, Outcome.REVIEW, Outcome.UNMATCHED)

#: Reason codes of rows whose person is known, and of whom somebody must find out what became.
REMARKS = ("moved_away", "lost_contact", "life_unknown", "dead_by_row")

#: Stable reason codes of single rows, and what the department or the clerk reads.
REASONS = {
    # invalid
    "row_broken": "该行列数与表头不符,无法识读",
    "nobody_named": "证件号码和姓名均为空(或公式出错),无法识别人员",
    "category_unknown": "类别不在约定的范围内",
    "level_unknown": "保障类别或残疾等级缺失或不在约定范围内",
    "code_unknown": "状态代码不在约定的范围内",
    "date_unreadable": "日期无法识别或不存在",
    "first_missing": "缺少认定(识别)日期",
    "last_before_first": "停止日期早于认定日期",
    "before_birth": "认定日期早于出生日期",
    "change_unknown": "变动类型不在约定的范围内",
    "amount_unreadable": "金额无法识别",
    "receipt_missing": "缺少税票号码",
    # review
    "name_differs": "证件号码与参保人一致,但姓名不一致",
    "name_missing": "证件号码与参保人一致,但缺少姓名",
    "number_missing": "缺少证件号码,需人工核实身份",
    "number_damaged": "证件号码有误(位数、校验码或表格截断),需人工核实身份",
    "head_number": "证件号码为户主号码,姓名与户主不完全一致",
    "several_persons": "符合的参保人不止一个(同一证件号码对应多个人员编号,或其余各项同样相符)",
    "near_namesake": "姓名仅读音或部分一致,且另有更相符的参保人",
    "number_changed": "证件号码未查到,但有姓名、出生日期、地区一致的参保人",
    "rows_conflict": "本批次中同一人同一类别的多行内容不一致",
    "link_lost": "原已确认的对应关系因参保登记变化需重新核实",
    "decided_other": "经办人已认定不是原对应的参保人,尚有其他可能的人,需核实",
    "reported": "经办人反映该行可能对应错了人,需重新核实",
    # unmatched
    "not_on_roster": "未查到参保登记",
    "decided_nobody": "经办人已认定不是名册中相近的人,视为未参保",
    # duplicate
    "same_row_before": "与本批次前面的记录重复",
    # deceased
    "dead_on_roster": "参保登记显示已死亡",
    "dead_by_row": "来源单位标注死亡",
    # no identity
    "grade_not_severe": "残疾等级不属于重度残疾",
    "not_valid_any_more": "证件或认定已失效",
    "risk_removed": "风险已消除且无后续身份",
    "other_levy": "非城乡居民基本医疗保险费",
    # matched
    "": "",
    "stopped": "已终止",
    "not_covered": "参保关系已全部停保,请跟进续保",
    "moved_away": "来源单位标注迁出,待核实",
    "lost_contact": "来源单位标注失联,待核实",
    "life_unknown": "来源单位标注的自然变更不在约定的范围内,待核实",
    "paid": "",
}

#: What speaks for or against a candidate, by code; what the clerk reads.
EVIDENCE = {
    "number_same": "证件号码一致",
    "number_near": "证件号码只错一位或相邻两位颠倒",
    "number_front": "证件号码前段一致(其余位数丢失)",
    "number_date": "证件号码中的地区和出生日期一致(其余位数丢失)",
    "number_mask": "证件号码未遮盖的部分一致",
    "number_other": "证件号码是另一个有效号码",
    "number_far": "证件号码差异较大",
    "name_same": "姓名一致",
    "name_form": "姓名仅写法不同",
    "name_mark": "姓名除无法识读的字外一致",
    "name_other": "姓名不一致",
    "birth_same": "出生日期一致",
    "birth_month": "出生年月一致",
    "birth_other": "出生日期不一致",
    "sex_same": "性别一致",
    "sex_other": "性别不一致",
    "village_same": "住在同一村(社区)",
    "county_same": "在同一县区",
    "village_other": "在同一县区,但不同村(社区)",
    "area_other": "不在同一县区",
    "household_same": "与该户其他成员同村",
    "source_same": "来源单位的人员编号此前已确认对应此人",
}
