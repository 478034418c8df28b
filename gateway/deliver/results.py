"""What an item's result means for its change. Source: contract «L201», `rslt`."""

from enum import StrEnum


class Verdict(StrEnum):
    """Where a change goes after an answer; the outbox's states."""

    DONE = "done"
    LATER = "queued"
    REFUSED = "refused"


#: A settlement holds the person: it passes.
LOCKED = 19
#: The whole input does not fit.
MISFIT = -400
#: Ours: the platform's answer left the item out.
UNANSWERED = -1
#: Ours: the message had no answer for as long as the platform keeps its number, and the list does not stand there.
UNKNOWN = -2

#: What a clerk reads of a refused item.
REFUSALS = {
    11: "平台没有该人员编号",
    12: "姓名或证件号码与平台不一致",
    13: "平台显示该人员已死亡",
    14: "时段起止不符合平台规定",
    15: "时段重叠或次序不对",
    16: "身份代码、级别、来源或备注不符合平台规定;平台原有记录没有来源的,请平台方补上后用 gateway verify 保留",
    LOCKED: "一直被结算锁定,已试满次数",
    MISFIT: "平台认为报文不符合规定",
    UNANSWERED: "平台的应答一直缺少该项,已试满次数",
    UNKNOWN: "平台一直没有给出结果,回读也没有该内容,已试满次数",
}


def verdict(result: int) -> Verdict:
    """0 is done (also where nothing changed); a lock passes, as does what has no answer; everything else is final."""
    if result == 0:
        return Verdict.DONE
    return Verdict.LATER if result in (LOCKED, UNANSWERED, UNKNOWN) else Verdict.REFUSED
