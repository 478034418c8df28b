"""Whatever is not as it should be on a tortured site, the judge says so: each difference is planted once."""

import sqlite3
from collections.abc import Callable, Iterator, Mapping

import pytest

from gateway.demo.generate import generate
from tests.pipeline.rig import PLATFORM, Rig, open_rig
from tests.torture.judge import Accounts, accounts, differences

Plant = Callable[[Rig], None]


def _somebody_else_wrote(rig: Rig) -> None:
    who, use = rig.records()[0][:2]
    rig.peers.servers[PLATFORM].write(who, use, [])


def _applied_twice(rig: Rig) -> None:
    applied = rig.peers.servers[PLATFORM].applied
    applied[next(iter(applied))] += 1


def _applied_otherwise(rig: Rig) -> None:
    """An item comes again under its message's number, and says nothing this time."""
    carried, said = rig.peers.servers[PLATFORM].carried, rig.peers.platform_records()
    item = {"evid_no": "again", "records": []}
    msgid = rig.uploads()[0]["msgid"]
    carried.note(msgid, [{**item, "psn_no": one["psn_no"], "idet_use": one["idet_use"]} for one in said])


def _receipt_lost(rig: Rig) -> None:
    next((rig.peers.workdir / "mz" / "inbox").glob("*.zip")).unlink()


def _told_otherwise(rig: Rig) -> None:
    told = rig.peers.workdir / "federation" / "feedback.jsonl"
    first = rig.peers.feedback()[0]["cert_no"]
    with told.open("a", encoding="utf-8") as stream:
        stream.write(f'{{"batch": "", "rows": [{{"cert_no": "{first}", "result": "", "reason": ""}}]}}\n')


def _first(table: str, rows: str, change: str) -> Plant:
    """The ledger's first of these rows says something else, which its own constraints would have refused."""
    statement = f"UPDATE {table} SET {change} WHERE id = (SELECT min(id) FROM {table} WHERE {rows})"

    def plant(rig: Rig) -> None:
        with sqlite3.connect(rig.site.settings.root / "var" / "ledger.db") as ledger:
            ledger.execute("PRAGMA ignore_check_constraints = ON")
            assert ledger.execute(statement).rowcount == 1
        ledger.close()

    return plant


#: What is wrong → what the judge says of it.
PLANTS: Mapping[str, tuple[Plant, str]] = {
    "a record is another": (_somebody_else_wrote, "records are missing on the platform"),
    "a message changed something twice": (_applied_twice, "applied twice"),
    "an item came with another content": (_applied_otherwise, "with another content"),
    "a row has no outcome": (_first("deliveries", "rows > 0", "rows = rows + 1"), "rows without an outcome"),
    "a delivery was refused": (
        _first("deliveries", "instance = 'rural_revitalization'", "state = 'refused'"),
        "rural_revitalization",
    ),
    "a change is done that was not sent": (
        _first("changes", "state = 'done'", "state = 'superseded'"),
        "changes are done in the ledger",
    ),
    "a run goes on for ever": (_first("runs", "state = 'done'", "state = 'running'"), "still running"),
    "a receipt is lost": (_receipt_lost, "receipts are missing"),
    "a holder was told something else": (_told_otherwise, "the federation knows something else"),
}


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rig, Accounts]]:
    """A site after a day in peace, and its accounts."""
    folder = tmp_path_factory.mktemp("judged")
    generate(folder / "city", 400, 1, days=1, shape="long")
    with open_rig(folder / "city", folder) as rig:
        rig.peers.stage(1)
        assert not rig.run().faults
        yield rig, accounts(rig)


@pytest.mark.of_sqlite
def test_every_planted_difference_is_told(lived: tuple[Rig, Accounts]) -> None:
    """A site that was left in peace has no difference from itself; with each thing that goes wrong one more is told."""
    rig, quiet = lived
    records, before = rig.records(), list[str]()
    assert [] == differences(rig, records, quiet)
    for what, (plant, words) in PLANTS.items():
        assert not [line for line in before if words in line], what
        plant(rig)
        before = differences(rig, records, quiet)
        assert [line for line in before if words in line], what


def test_nothing_is_compared_with_nothing(lived: tuple[Rig, Accounts]) -> None:
    """What a site is compared by is there: records, deliveries, receipts, answers."""
    rig, quiet = lived
    assert rig.records()
    assert all([quiet.rows, quiet.receipts, quiet.answers])
