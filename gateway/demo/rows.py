"""What departments say: one row about one person, and the deliveries that rows travel in.

Plain values that `lists` makes, `dirt` spoils, `write` writes and `truth` judges. Refuses nothing.
"""

from dataclasses import dataclass
from datetime import date

from gateway.demo.city import Person, Roster

CIVIL, RURAL, DISABLED, PLATFORM = "civil_affairs", "rural_revitalization", "disabled_federation", "platform"

RURAL_CATEGORIES = ("稳定脱贫户", "脱贫不稳定户", "边缘易致贫户", "突发严重困难户", "返贫致贫户")
HOLDER = "残疾人"
ADDED, CHANGED, STOPPED = "新增", "变更", "停发"
DIED, MOVED, LOST = "死亡", "迁出", "失联"


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One row as its department means it (`category` … `natural`) and as it was spoilt (`noise`, `name`,
    `number`).
    """

    source: str
    #: Whom the department means; the truth about the row, never written.
    person: Person
    category: str
    #: A, B, C of 低保对象; 1 to 4 of a holder; else empty.
    level: str = ""
    #: 认定日期, 识别时间, issued.
    first: date
    #: 停止日期, 风险消除时间, or updated_at of a holder who is no longer valid; None where nothing is said.
    last: date | None = None
    #: 变动类型 of a civil delta, else empty.
    action: str = ""
    #: 风险是否消除 = 是.
    cleared: bool = False
    #: 自然变更.
    natural: str = ""
    #: Of a holder.
    status: str = "1"
    #: updated_at of a holder who is valid; `first` where None.
    updated: date | None = None
    #: What follows the number in a holder's cert_no: type, grade, reissue.
    suffix: str = ""
    #: 城市 instead of 农村.
    urban: bool = False
    noise: str = "clean"
    #: Name and number as sent; None for as the person has them.
    name: str | None = None
    number: str | None = None

    @property
    def sent_name(self) -> str:
        """The name that the row carries."""
        if self.noise in ("no_identity", "lost"):
            return ""
        return self.person.name if self.name is None else self.name

    @property
    def sent_number(self) -> str:
        """The number that the row carries (without a holder's suffix)."""
        if self.noise in ("no_identity", "lost"):
            return ""
        return self.person.number if self.number is None else self.number


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """What one department hands over at once."""

    source: str
    business: date
    full: bool
    rows: list[Row]
    #: Civil affairs' running number; 0 for the others.
    sequence: int = 0
    #: Counties whose workbooks came; empty for the others, whose scope is everybody.
    counties: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        """The name of a civil delivery's three files, or of what stands for it."""
        if self.source == CIVIL:
            return f"MZ_451000_{self.business:%Y%m%d}_{'F' if self.full else 'D'}_{self.sequence:04d}"
        return f"{'XCZX' if self.source == RURAL else 'holders'}_{self.business:%Y%m%d}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """One identity record that stands on the platform before the first day."""

    person: Person
    use: int
    code: str
    level: str
    first: date
    #: None for an open end.
    last: date | None
    src_dept: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """What arrives on one day, in the order of arrival, and the roster of that day."""

    number: int
    deliveries: list[Delivery]
    roster: Roster
    #: The roster differs from the day before's, so that it is written again.
    new_roster: bool = False
