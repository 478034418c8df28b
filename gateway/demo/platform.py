"""The platform's and the tax bureau's files: roster, standing records, expenses, settlements, payments.

Takes the city and a roster; gives gzip files of CSV as the contracts say. Refuses nothing.
"""

import csv
import gzip
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from random import Random

from gateway.demo.city import City, Person, Roster
from gateway.demo.rows import Row, Standing

ROSTER_COLUMNS = (
    "psn_no", "psn_cert_type", "certno", "psn_name", "gend", "brdy", "naty", "insutype", "psn_insu_stas",
    "insu_admdvs", "live_admdvs", "begn_date", "paus_date", "surv_stas",
)  # fmt: skip
PAYMENT_COLUMNS = (
    "证件类型", "证件号码", "姓名", "缴费年度", "征收品目", "应缴金额", "个人缴费金额", "资助金额",
    "资助身份", "缴费日期",
    "税票号码", "参保地区划", "退费标志",
)  # fmt: skip
_AMOUNTS = (
    "medfee_sumamt", "inscp_scp_amt", "hifp_pay", "hifmi_pay", "maf_pay", "othfund_pay", "psn_part_amt",
    "psn_inscp_amt",
)  # fmt: skip
SETTLEMENT_COLUMNS = (
    "setl_id", "psn_no", "setl_date", "begn_date", "med_type", *_AMOUNTS, "onestop_flag", "refd_setl_flag",
    "orig_setl_id",
)  # fmt: skip
EXPENSE_COLUMNS = ("psn_no", *_AMOUNTS, "ipt_cnt", "onestop_cnt", "last_setl_date")

#: Premium of a resident for 2026, yuan.
_PREMIUM = 400
_FULL_SUBSIDY = frozenset({"特困人员", "孤儿", "事实无人抚养儿童"})
_PART_SUBSIDY = frozenset({"低保对象", "脱贫不稳定户"})
#: Subsidised people who were made to pay all, which the bureau should find.
_FORGOTTEN_SHARE = 0.03
_TAX_CERTIFICATES = {"01": "201", "04": "213", "07": "208"}
#: Share of the insured with settlements in the year, and the most people for whom the demo writes any.
_PATIENT_SHARE, _MOST_PATIENTS = 0.15, 20_000


def write_roster(path: Path, city: City, roster: Roster, rng: Random) -> int:
    """The roster of a day in no order; the number of its lines."""
    order = [person for person in city.people if person.index not in roster.absent]
    rng.shuffle(order)
    lines = [line for person in order for line in _roster_lines(person, roster)]
    _write_csv(path, ROSTER_COLUMNS, lines)
    return len(lines)


def _roster_lines(person: Person, roster: Roster) -> Iterator[tuple[str, ...]]:
    keys = [person.psn_no, person.second_psn_no] if person.index in roster.twofold else [person.psn_no]
    alive = "3" if person.index in roster.dead else "1"
    for key in keys:
        for scheme, state in person.relations:
            yield (
                key, person.cert_type, number_on(roster, person), person.name, "1" if person.male else "2",
                person.born.isoformat(), person.ethnicity, scheme, state, person.insured_in, person.village,
                "2019-01-01", "" if state == "1" else "2025-12-31", alive,
            )  # fmt: skip


def number_on(roster: Roster, person: Person) -> str:
    """The number under which a roster has somebody."""
    if person.index in roster.fifteen:
        return person.number[:6] + person.number[8:17]
    return roster.misnumbered.get(person.index, person.number)


def write_standing(path: Path, standing: Iterable[Standing]) -> None:
    """[psn_no, use, [[code, level, begin, end, src_dept], …]] of each person, records in order."""
    grouped: dict[tuple[str, str], list[list[str]]] = defaultdict(list)
    for record in standing:
        last = "2099-12-31 00:00:00" if record.last is None else f"{record.last.isoformat()} 23:59:59"
        first = f"{record.first.isoformat()} 00:00:00"
        key = record.person.psn_no, str(record.use)
        grouped[key].append([record.code, record.level, first, last, record.src_dept])
    body = [[psn_no, use, records] for (psn_no, use), records in grouped.items()]
    path.write_text(json.dumps(body, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


def write_payments(path: Path, city: City, roster: Roster, rows: Iterable[Row], rng: Random) -> int:
    """What residents paid for 2026, with the subsidies as the tax bureau saw them; the number of lines."""
    subsidy: dict[int, int] = {}
    for row in rows:
        share = 100 if row.category in _FULL_SUBSIDY else 60 if row.category in _PART_SUBSIDY else 0
        subsidy[row.person.index] = max(share, subsidy.get(row.person.index, 0))
    lines: list[tuple[str, ...]] = []
    for person in city.people:
        insured = person.index not in roster.absent and ("390", "1") in person.relations
        if insured and rng.random() < 0.96:
            share = 0 if rng.random() < _FORGOTTEN_SHARE else subsidy.get(person.index, 0)
            lines += _payment_lines(person, share, len(lines), rng)
    _write_csv(path, PAYMENT_COLUMNS, lines, bom=True)
    return len(lines)


def _payment_lines(person: Person, share: int, serial: int, rng: Random) -> Iterator[tuple[str, ...]]:
    paid_by_others = _PREMIUM * share // 100
    day = date(2025, 9, 10) + timedelta(days=int(rng.random() * 160))
    line = (
        _TAX_CERTIFICATES[person.cert_type], person.number, person.name, "2026", "城乡居民基本医疗保险费",
        f"{_PREMIUM}.00", f"{_PREMIUM - paid_by_others}.00", f"{paid_by_others}.00", "", day.isoformat(),
        f"4451{serial:014d}", person.insured_in,
    )  # fmt: skip
    yield (*line, "0")
    if rng.random() < 0.002:
        yield (*line, "1")


def write_settlements(folder: Path, city: City, roster: Roster, insured: int, rng: Random) -> None:
    """`settlements.csv.gz` and `expenses.csv.gz`, the second being the first one's sum per person."""
    patients = rng.sample(range(insured), min(_MOST_PATIENTS, int(insured * _PATIENT_SHARE)))
    settled: list[tuple[str, ...]] = []
    sums: list[tuple[str, ...]] = []
    for index in patients:
        if index not in roster.twofold:
            settlements = [_settlement(rng) for _ in range(1 + int(rng.random() * 4))]
            psn_no = city.people[index].psn_no
            settled += [
                (f"S{len(settled) + at:012d}", psn_no, *head, *map(_yuan, amounts), stop, "0", "")
                for at, (head, amounts, stop) in enumerate(settlements)
            ]
            sums.append((psn_no, *_summed(settlements)))
    _write_csv(folder / "settlements.csv.gz", SETTLEMENT_COLUMNS, settled)
    _write_csv(folder / "expenses.csv.gz", EXPENSE_COLUMNS, sums)


_Settlement = tuple[tuple[str, str, str], list[int], str]


def _settlement(rng: Random) -> _Settlement:
    """((day, begin, kind), the eight amounts in cents, one-stop flag); the parts add up to the total."""
    total = int(rng.lognormvariate(12.5, 1.2))
    within = total * 9 // 10
    basic = within * 6 // 10
    serious = max(0, within - basic - 1_200_000) // 2
    relief = (within - basic - serious) // 5 if rng.random() < 0.3 else 0
    own = total - basic - serious - relief
    day = date(2026, 1, 5) + timedelta(days=int(rng.random() * 290))
    begin = day - timedelta(days=int(rng.random() * 20))
    amounts = [total, within, basic, serious, relief, 0, own, own - (total - within)]
    return (day.isoformat(), begin.isoformat(), rng.choice(("21", "11", "14"))), amounts, rng.choice("01")


def _summed(settlements: list[_Settlement]) -> Iterator[str]:
    for amount in range(len(_AMOUNTS)):
        yield _yuan(sum(amounts[amount] for _, amounts, _ in settlements))
    stays = [stop for (_, _, kind), _, stop in settlements if kind == "21"]
    yield str(len(stays))
    yield str(stays.count("1"))
    yield max(day for (day, _, _), _, _ in settlements)


def _yuan(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"


def _write_csv(
    path: Path, columns: tuple[str, ...], lines: list[tuple[str, ...]], *, bom: bool = False
) -> None:
    """gzip of UTF-8 CSV with LF; no time of day in it, so that equal content is equal bytes."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(lines)
    data = text.getvalue().encode("utf-8-sig" if bom else "utf-8")
    path.write_bytes(gzip.compress(data, compresslevel=1, mtime=0))
