"""Batches stay within both limits of the platform, in order, each a request that it can read."""

import itertools
import json
from typing import Any

import polars as pl
import pytest

from gateway.deliver import Batch, Verdict, batches, items, verdict
from gateway.deliver.batches import MOST_CHARACTERS, MOST_PERSONS
from gateway.store.outbox import QUEUE

RECORD = "7019|B|2026-01-01 00:00:00|2026-04-30 23:59:59|mz"
OPEN = "7131||2026-05-01 00:00:00|2099-12-31 00:00:00|old"


def packed(
    count: int, *, records: str = RECORD, name: str = "韦某伟", results: dict[int, int] | None = None
) -> list[Batch]:
    """Batches of so many changes of as many people."""
    queue = pl.DataFrame(
        [
            {
                "id": i,
                "person_key": 1000 + i,
                "use": "1",
                "records": records,
                "attempts": 0,
                "result": (results or {}).get(i),
                "msgid": "m2" if i > 250 else "m1",
            }
            for i in range(1, count + 1)
        ],
        schema=QUEUE,
    )
    people = pl.DataFrame(
        [{"person_key": 1000 + i, "psn_no": f"P{i}", "name": name, "certno": f"C{i}"} for i in range(1, count + 1)]
    )
    return list(batches(items(queue, people)))


def persons(batch: Batch) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads(batch.plain)["persons"]
    return loaded


@pytest.mark.parametrize(("count", "expected"), [(1, [1]), (100, [100]), (101, [100, 1]), (250, [100, 100, 50])])
def test_at_most_a_hundred_persons(count: int, expected: list[int]) -> None:
    """A request has at most 100 persons; seq counts from 1 in each, and no change is lost or twice."""
    made = packed(count)
    assert expected == [len(persons(batch)) for batch in made]
    assert [list(range(1, n + 1)) for n in expected] == [[item["seq"] for item in persons(b)] for b in made]
    assert list(range(1, count + 1)) == [change for batch in made for change in batch.changes]
    assert [f"GW{c}" for b in made for c in b.changes] == [p["evid_no"] for b in made for p in persons(b)]


@pytest.mark.parametrize("name", ["韦某伟", "覃" + "\U00020bb7" * 49, 'A"\\\n某' * 10])
@pytest.mark.parametrize("lines", [1, 6, 40])
def test_at_most_forty_thousand_characters(name: str, lines: int) -> None:
    """However long lists and names are, a request stays within the characters; it is filled before the next begins."""
    made = packed(150, records="\n".join([RECORD] * lines), name=name)
    sizes = [len(batch.plain.decode()) for batch in made]
    assert max(sizes) <= MOST_CHARACTERS
    for one, other in itertools.pairwise(made):
        first = len(json.dumps(persons(other)[0], ensure_ascii=False, separators=(",", ":")))
        assert len(persons(one)) == MOST_PERSONS or len(one.plain.decode()) + first + 10 > MOST_CHARACTERS
    assert {name} == {person["psn_name"] for batch in made for person in persons(batch)}


def test_a_request_is_what_the_platform_reads() -> None:
    """Records keep their order and fields; memo is empty, and nothing else is in the item."""
    (batch,) = packed(1, records=f"{RECORD}\n{OPEN}")
    fields = ("psn_idet_type", "psn_type_lv", "begntime", "endtime", "src_dept", "memo")
    rows = [(*line.split("|"), "") for line in (RECORD, OPEN)]
    assert [
        {
            "seq": 1,
            "psn_no": "P1",
            "psn_name": "韦某伟",
            "certno": "C1",
            "idet_use": "1",
            "records": [dict(zip(fields, row, strict=True)) for row in rows],
            "evid_no": "GW1",
        }
    ] == persons(batch)


def test_an_empty_list_takes_everything_away() -> None:
    """A person who holds nothing any more gets an empty list, not a list of nothing."""
    (batch,) = packed(1, records="")
    assert [[]] == [person["records"] for person in persons(batch)]


def test_a_message_that_failed_as_a_whole_is_halved() -> None:
    """Items of one refused message, or of one without an outcome, go in two halves, apart from other messages' items
    and behind those that were not refused; the last one goes alone, with seq 1."""
    made = packed(5, results={1: -400, 2: -400, 4: -2, 3: 19})
    assert [(3, 5), (1, 2), (4,)] == [batch.changes for batch in made]
    assert [[1, 2], [1, 2], [1]] == [[item["seq"] for item in persons(batch)] for batch in made]
    apart = packed(252, results=dict.fromkeys((1, 2, 251, 252), -400))
    assert [(1,), (2,), (251,), (252,)] == [batch.changes for batch in apart[-4:]]
    assert [(7,)] == [batch.changes for batch in packed(7, results={7: -400})[1:]]


def test_people_who_left_the_roster_are_left_out() -> None:
    """A change of somebody whom the roster no longer has is not sent."""
    queue = pl.DataFrame([(1, 7, "1", "", 0, None, None)], schema=QUEUE, orient="row")
    people = pl.DataFrame(schema={"person_key": pl.Int64, "psn_no": pl.String, "name": pl.String, "certno": pl.String})
    assert [] == list(batches(items(queue, people)))


def test_verdicts() -> None:
    """0 is done; a lock passes, and what has no answer; everything else is final."""
    assert [Verdict.REFUSED, Verdict.LATER, Verdict.LATER] == [verdict(n) for n in (-400, -1, -2)]
    assert {0: Verdict.DONE, 19: Verdict.LATER} == {n: v for n in range(20) if (v := verdict(n)) is not Verdict.REFUSED}
