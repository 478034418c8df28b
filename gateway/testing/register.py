"""What the insurance platform holds: its roster, and the identity records of each person and use.

Takes a folder with `roster.csv.gz`, `standing.json` (`[[psn_no, use, [[type, level, begin, end, src_dept],
…]], …]`, read once, when the server is made) and, if it is there, `locked.json` (psn_no that a settlement
locks), and a code table; gives the outcome of an upload's item and the rows of the read-back; refuses an item
by the numbers of the contract's L201 (11 to 16, 19), in their order. Roster and locks are read again whenever
they change.
"""

import csv
import gzip
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from gateway.testing.faults import Faults
from gateway.testing.folder import Watched

#: the open end, by contract
OPEN_END = "2099-12-31 00:00:00"
#: characters, by contract
MOST_MEMO = 500
#: the columns of L202, which are those of the read-back
COLUMNS = (
    "psn_no",
    "idet_use",
    "psn_idet_type",
    "psn_type_lv",
    "begntime",
    "endtime",
    "src_dept",
    "evid_no",
    "updt_time",
)
#: what the contract's code table knows: a code and the levels it takes, none where the level must be empty
CONTRACT_CODES: Mapping[str, frozenset[str]] = {
    **{
        code: frozenset()
        for code in ("7131", "7041", "7141", "7202", "7201", "7203", "7204", "7205", "7110", "7200")
    },
    "7019": frozenset("ABC"),
    "7069": frozenset("12"),
}
#: `rslt` → `err_msg`
REASONS: Mapping[int, str] = {
    0: "",
    11: "人员编号不存在",
    12: "姓名或证件号码不符",
    13: "人员已死亡",
    14: "起止时间有误",
    15: "时段重叠或次序有误",
    16: "代码、等级、来源或备注有误",
    19: "结算锁定,请稍后再试",
}
DONE, NO_PERSON, NO_FIT, DECEASED, BAD_PERIOD, BAD_ORDER, BAD_CODE, LOCKED = 0, 11, 12, 13, 14, 15, 16, 19
USES = frozenset({"1", "2"})


class Person(NamedTuple):
    """What an item is checked against."""

    certno: str
    name: str
    deceased: bool


class Record(NamedTuple):
    """One identity record. The first five fields are what it says; the rest is where it came from."""

    psn_idet_type: str
    psn_type_lv: str
    begntime: str
    endtime: str
    src_dept: str
    evid_no: str
    updt_time: str

    @property
    def says(self) -> tuple[str, ...]:
        return self[:5]


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of an item: its `rslt`, and whether the platform holds something else than before."""

    rslt: int
    changed: bool = False


class Register:
    """The platform's state. Not safe to use from several threads: the server holds a lock."""

    def __init__(self, data: Path, codes: Mapping[str, frozenset[str]], faults: Faults) -> None:
        self._roster = Watched(data / "roster.csv.gz", read_roster)
        self._locked = Watched(data / "locked.json", lambda path: frozenset(json.loads(path.read_bytes())))
        self._codes, self._faults = codes, faults
        self._records = _read_standing(data / "standing.json")
        #: grows with every change
        self.version = 0

    def take_over(self, other: "Register") -> None:
        """From now on this one holds what that one does."""
        self._records = dict(other._records)

    def upload(
        self, items: Sequence[Mapping[str, Any]], now: str
    ) -> list[Outcome]:  # Any: JSON, checked for form
        """What becomes of each item; they stand alone. `now`: when, `yyyy-MM-dd HH:mm:ss`."""
        roster = self._roster.now()
        locked = self._locked_now()
        return [self._upload_one(item, roster, locked, now) for item in items]

    def write(self, psn_no: str, use: str, records: Sequence[tuple[str, str, str, str, str]]) -> None:
        """Somebody else than the gateway replaces a list: code, level, begin, end, src_dept of each record."""
        self._records[psn_no, use] = tuple(_standing(*says) for says in records)
        self.version += 1

    def rows(self) -> Iterator[tuple[str, ...]]:
        """Every record in the order of `COLUMNS`, sorted by psn_no, use and begin."""
        for (psn_no, use), records in sorted(self._records.items()):
            for record in records:
                yield psn_no, use, *record

    def _upload_one(
        self, item: Mapping[str, Any], roster: Mapping[str, Person], locked: Callable[[str], bool], now: str
    ) -> Outcome:
        psn_no, use = item["psn_no"], item["idet_use"]
        if refusal := self._faults.take("refuse", psn_no):
            return Outcome(rslt=refusal.whole("code", NO_FIT))
        fault = _person_fault(roster.get(psn_no), item) or self._records_fault(use, item["records"])
        if fault or locked(psn_no):
            return Outcome(rslt=fault or LOCKED)
        return Outcome(rslt=DONE, changed=self._replace((psn_no, use), item, now))

    def _replace(self, key: tuple[str, str], item: Mapping[str, Any], now: str) -> bool:
        """Put the item's list in the place of what stands. Whether it says something else."""
        evid_no = item["evid_no"]
        new = tuple(_record(record, evid_no, now) for record in item["records"])
        old = self._records.get(key, ())
        if new:
            self._records[key] = new
        else:
            self._records.pop(key, None)
        self.version += 1
        return [record.says for record in old] != [record.says for record in new]

    def _records_fault(self, use: str, records: Sequence[Mapping[str, str]]) -> int:
        if any(not _is_period(record["begntime"], record["endtime"]) for record in records):
            return BAD_PERIOD
        if any(after["begntime"] <= before["endtime"] for before, after in pairwise(records)):
            return BAD_ORDER
        if use not in USES or any(self._code_fault(record) for record in records):
            return BAD_CODE
        return DONE

    def _code_fault(self, record: Mapping[str, str]) -> bool:
        levels = self._codes.get(record["psn_idet_type"])
        if levels is None or record["psn_type_lv"] not in (levels or {""}):
            return True
        return not record["src_dept"] or len(record["memo"]) > MOST_MEMO

    def _locked_now(self) -> Callable[[str], bool]:
        try:
            listed = self._locked.now()
        except FileNotFoundError:
            listed = frozenset()
        if not self._faults.armed("lock"):
            return listed.__contains__
        return lambda psn_no: psn_no in listed or self._faults.take("lock", psn_no) is not None


def read_roster(path: Path) -> dict[str, Person]:
    """psn_no → person. A person with two relations has two rows that say the same of the person."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        header = next(rows)
        key, certno, name, alive = (header.index(c) for c in ("psn_no", "certno", "psn_name", "surv_stas"))
        return {row[key]: Person(row[certno], row[name], row[alive] == "3") for row in rows}


def _read_standing(path: Path) -> dict[tuple[str, str], tuple[Record, ...]]:
    if not path.exists():
        return {}
    told = json.loads(path.read_bytes())
    return {(psn_no, use): tuple(_standing(*says) for says in records) for psn_no, use, records in told}


def _standing(kind: str, level: str, begins: str, ends: str, source: str) -> Record:
    return Record(kind, level, begins, ends, source, evid_no="", updt_time="")


def _record(said: Mapping[str, str], evid_no: str, now: str) -> Record:
    return Record(
        psn_idet_type=said["psn_idet_type"],
        psn_type_lv=said["psn_type_lv"],
        begntime=said["begntime"],
        endtime=said["endtime"],
        src_dept=said["src_dept"],
        evid_no=evid_no,
        updt_time=now,
    )


def _person_fault(person: Person | None, item: Mapping[str, Any]) -> int:
    if person is None:
        return NO_PERSON
    if person.name != item["psn_name"] or person.certno != item["certno"]:
        return NO_FIT
    return DECEASED if person.deceased else DONE


def _is_period(begins: str, ends: str) -> bool:
    """Whole days, the first not after the last."""
    first, last = _day(begins[:10]), _day(ends[:10])
    whole = begins[10:] == " 00:00:00" and (ends == OPEN_END or ends[10:] == " 23:59:59")
    return first and last and whole and begins <= ends


@lru_cache(maxsize=65536)
def _day(text: str) -> bool:
    """Whether the text is a day, `yyyy-MM-dd`."""
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
