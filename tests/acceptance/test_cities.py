"""Generated cities through the whole house: what the platform holds, what each row came to, what departments read."""

import json
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from gateway.acts import holds
from gateway.demo.compare import check_records, check_rows
from gateway.demo.generate import generate
from gateway.errors import ExitCode
from gateway.model.deliveries import DeliveryState
from gateway.store import deliveries, people
from tests.acceptance.town import Town, csv_rows, harmless, sheet, town, truth_rows, zipped

PEOPLE = 3000
#: Days whose rows are complete only once the day after brought what they wait for.
LATE = {"samples": {3: 4}, "standard": {}}


def rows_came_out(at: Town, day: int) -> None:
    check = check_rows(at.site, at.city, day)
    assert () == check.strangers
    assert () == check.unexpected
    assert check.rows > 0


def records_came_out(at: Town, day: int) -> None:
    held = at.peers.platform_records()
    assert () == check_records(at.city, day, held).wrong
    assert set() == {record["psn_no"] for record in held} - mentioned(at.city, day)


def mentioned(city: Path, day: int) -> set[str]:
    """psn_no of everybody whom a row up to that day is about, or who may hold something by the truth."""
    files = [city / f"day{n}" / "truth_rows.csv" for n in range(1, day + 1)]
    files.append(city / f"day{day}" / "truth_records.csv")
    return {psn_no for file in files for psn_no in pl.read_csv(file, infer_schema=False)["psn_no"].drop_nulls()}


def outcomes_add_up(at: Town) -> None:
    with at.site.ledger.begin() as tx:
        rows = deliveries.select(tx)
    assert {} == {
        row.name: (row.rows, dict(row.outcomes))
        for row in rows
        if row.state == DeliveryState.APPLIED and row.rows != sum(row.outcomes.values())
    }
    assert {DeliveryState.APPLIED} == {row.state for row in rows}


def replay_is_still(at: Town, days: int) -> None:
    with at.site.ledger.begin() as tx:
        believed = people.recognitions(tx)
    before, records = at.changed(), at.peers.platform_records()
    for day in range(1, days + 1):
        at.peers.stage(day)
    report = at.run(days)
    assert [] == [name for one in report.instances.values() for name in one.taken]
    assert 0 == report.pushed.sent
    assert before == at.changed()
    assert records == at.peers.platform_records()
    with at.site.ledger.begin() as tx:
        assert believed.equals(people.recognitions(tx))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("seed", "dirt", "shape"),
    [
        pytest.param(1, 1.0, "standard", marks=pytest.mark.long),
        pytest.param(2, 3.0, "standard", marks=pytest.mark.long),
        (3, 3.0, "samples"),
    ],
)
def test_a_city_comes_out_exactly(seed: int, dirt: float, shape: str, tmp_path: Path) -> None:
    """Day by day the platform holds just what the truth says, no row is tied to another person, every row comes to
    what it should, the half list is held, and a replay of everything changes nothing."""
    made = generate(tmp_path / "city", PEOPLE, seed, dirt=dirt, shape=shape)
    with town(made.folder, tmp_path) as at:
        for day in range(1, made.days + 1):
            report = at.live(day)
            assert [] == report.faults
            assert (ExitCode.HELD if day == made.days else ExitCode.DONE) == report.exit_code
            records_came_out(at, day)
            for complete in (late for late in range(1, day + 1) if LATE[shape].get(late, late) == day):
                rows_came_out(at, complete)
        (hold,) = holds.held(at.site, actor="colleague")
        holds.reject(at.site, hold.id, actor="colleague", note="名单不完整")
        records_came_out(at, made.days)
        outcomes_add_up(at)
        replay_is_still(at, made.days)


@pytest.mark.slow
def test_departments_read_what_became_of_each_row(small_city: Path, tmp_path: Path) -> None:
    """Each department finds one row per row it sent, in its own form and place, as sent, with the right word."""
    with town(small_city, tmp_path) as at:
        for day in (1, 2):
            assert ExitCode.DONE == at.live(day).exit_code
            civil_reads(at, day)
            rural_reads(at, day)
            federation_reads(at, day)


def civil_reads(at: Town, day: int) -> None:
    truth = truth_rows(at.city, day, "civil_affairs")
    (stem,) = truth["delivery"].unique()
    ((name, content),) = zipped(at.inbox("mz") / f"{stem}.receipt.zip")
    assert f"{stem}.receipt.csv" == name
    assert content.count(b"\r\n") == content.count(b"\n") == truth.height + 1
    header, *rows = csv_rows(content)
    assert ["行号", "姓名", "身份证号码", "救助类别", "处理结果", "原因"] == header
    assert [str(n) for n in range(1, truth.height + 1)] == [row[0] for row in rows]
    for sent, row in zip(truth.iter_rows(named=True), rows, strict=True):
        assert row[4] in sent["words"], (sent["file"], sent["row"], sent["expect"])
        assert harmless(sent["sent_id"]) == row[2]
        if sent["noise"] not in ("bad_category", "name_rare"):
            assert (harmless(sent["sent_name"]), sent["category"]) == (row[1], row[3])


def rural_reads(at: Town, day: int) -> None:
    truth = truth_rows(at.city, day, "rural_revitalization")
    for (file,), sent in truth.group_by("file"):
        path = next((at.inbox("xczx") / f"202611{day:02d}").glob(f"{Path(str(file)).stem}.receipt.xlsx"))
        header, *rows = sheet(path, "反馈")
        assert ["行号", "户编号", "人编号", "姓名", "证件号码", "处理结果", "原因"] == header
        received = sheet(at.city / f"day{day}/xczx/outbox/202611{day:02d}/{file}", "监测对象信息")
        top = next(cells for cells in received if {"姓名", "证件号码"} <= set(cells))
        allowed = dict(sent.select("row", "words").rows())
        assert list(allowed) == [row[0] for row in rows]
        for number, *cells, word, _reason in rows:
            line = dict(zip(top, received[int(number) - 1], strict=True))
            assert word in allowed[number], (file, number)
            assert [harmless(line[name]) for name in header[1:5]] == cells


def federation_reads(at: Town, day: int) -> None:
    truth = truth_rows(at.city, day, "disabled_federation")
    # What a new roster changed of yesterday's list is told again before; the day's own list comes last.
    told = at.peers.feedback()[-truth.height :]
    allowed = dict(zip(numbers_of(at.city, day), truth["words"], strict=True))
    assert Counter(allowed.keys()) == Counter(row["cert_no"] for row in told)
    assert [] == [row["batch"] for row in told if row["result"] not in allowed[row["cert_no"]]]
    calls = (at.peers.workdir / "federation" / "feedback.jsonl").read_text("utf-8").splitlines()
    batches = Counter(json.loads(call)["batch"] for call in calls)
    assert {1} == set(batches.values())


def numbers_of(city: Path, day: int) -> list[str]:
    """cert_no of each holder in the order in which the truth has them."""
    frame = pl.read_json((city / f"day{day}" / "holders.json").read_bytes())
    return [holder["cert_no"] for holder in frame["holders"].explode().to_list()]
