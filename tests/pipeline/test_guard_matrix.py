"""Every breach by every way in: nobody loses anything, what is wrong waits for a person, all else goes on."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import time_machine

from gateway.acts import lists, runs, schedule
from gateway.errors import ExitCode
from gateway.model.deliveries import Mode
from gateway.pipeline import intake
from gateway.pipeline.bring import Brought
from gateway.store import decisions
from tests.pipeline.forge import Civil, civil, csv_of, table
from tests.pipeline.rig import Rig, limited
from tests.pipeline.test_guard import SECOND, _damaged, _holds, _other_level, _wrong

NAME = "civil_affairs"
#: When the second list comes.
NOW = datetime(2026, 11, 2, 4, tzinfo=UTC)
#: Limits with which only departures are looked at.
LEAVE = "mix_share = 1, arrivals_number = 1000"


def _half(csv: bytes) -> bytes:
    return csv_of(table(csv).gather_every(2))


def _without_allowance(csv: bytes) -> bytes:
    return csv_of(table(csv).filter(pl.col("救助类别") != "低保对象"))


def _empty(csv: bytes) -> bytes:
    return csv_of(table(csv).clear())


def _failed(csv: bytes) -> bytes:
    """Formulas failed in the rows of two people."""
    rows = table(csv)
    error = pl.when(pl.int_range(pl.len()) < 2).then(pl.lit("#N/A"))
    return csv_of(rows.with_columns(error.otherwise(name).alias(name) for name in rows.columns))


#: What a file says wrongly: kind of the hold -> (the file, limits).
CONTENTS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "scope": (_half, f"{LEAVE}, number = 2"),
    "identity": (_without_allowance, f"{LEAVE}, share = 1, identity_number = 0"),
    "empty": (_empty, LEAVE),
    "formulas_failed": (_failed, LEAVE),
    "mix_changed": (_other_level, "mix_number = 5"),
    "more_unusable": (_damaged, "unusable_number = 5"),
}
#: What a delivery around it says wrongly.
AROUND = ("wrong_month", "wrong_department")
PLANNED = datetime(2026, 11, 2, 6, 30, tzinfo=UTC)


def _delivery(csv: bytes, kind: str) -> Civil:
    return _wrong(csv, kind) if kind in AROUND else civil(2, CONTENTS[kind][0](csv), day=SECOND)


def _ready(rig: Rig, kind: str) -> Rig:
    return limited(rig, CONTENTS[kind][1] if kind in CONTENTS else LEAVE)


def _go(rig: Rig, way: str, csv: bytes, folder: Path) -> ExitCode:
    """The second list comes in this way."""
    if way == "import":
        brought = _brought(csv, folder)
        report = lists.import_list(rig.site, NAME, brought, actor="clerk", day=SECOND)[1]
    elif way == "daemon":
        report = schedule.run_slot(rig.site, NAME, PLANNED, patience=runs.AT_ONCE)
    elif way == "resync":
        report = runs.resync(rig.site, NAME, actor="clerk")
    else:
        report = runs.run(rig.site, [], SECOND, actor="clerk")
    assert report is not None
    return report.exit_code


def _brought(csv: bytes, folder: Path) -> Brought:
    """The second list on a stick."""
    file = folder / "list.csv"
    file.write_bytes(csv)
    return Brought(file=file, mode=Mode.FULL, business_date=SECOND, scope="", sequence=2)


def _in_turn(kinds: Iterable[str], ways: Sequence[str]) -> list[Any]:  # pytest keeps its class to itself
    """Each of these breaches by each of these ways: one way each in turn, the others for `make test-long`."""
    return [
        pytest.param(kind, way, marks=[] if at % len(ways) == turn else pytest.mark.long)
        for at, kind in enumerate(kinds)
        for turn, way in enumerate(ways)
    ]


@pytest.mark.parametrize(
    ("kind", "way"),
    _in_turn((*CONTENTS, *AROUND), ("run", "resync", "daemon")) + _in_turn(CONTENTS, ["import"]),
)
def test_no_way_in_goes_past_the_guard(guarded: Rig, civil_csv: bytes, tmp_path: Path, kind: str, way: str) -> None:
    """Whoever brings the list: the hold is open, nobody's record ends, and the person with the next right list is
    taken as usual."""
    rig = _ready(guarded, kind)
    before = set(rig.records())
    if way == "import":
        content = CONTENTS[kind][0](civil_csv)
    else:
        content = b""
        _delivery(civil_csv, kind).put(rig.outbox)
    with time_machine.travel(NOW, tick=True):
        assert ExitCode.HELD == _go(rig, way, content, tmp_path)
    assert {kind} == {hold.kind for hold in _holds(rig)}
    assert all(hold.digest for hold in _holds(rig))
    assert before <= set(rig.records())
    right = civil(3, civil_csv, day=date(2026, 11, 3))
    right.put(rig.outbox)
    rig.run(3)
    assert "applied" == rig.row(right.stem).state
    assert before <= set(rig.records())
    rig.site.ledger.close()


@pytest.mark.one_in(2)
@pytest.mark.parametrize("kind", CONTENTS)
def test_a_dry_import_says_what_a_real_one_holds(guarded: Rig, civil_csv: bytes, tmp_path: Path, kind: str) -> None:
    """It shows the holds of the import that follows, with their digests, and leaves nothing behind: no list, no file,
    no hold, nobody gone; a second look comes to the same."""
    rig = _ready(guarded, kind)
    before, uploads, files = rig.records(), len(rig.uploads()), _files(rig)
    brought = _brought(CONTENTS[kind][0](civil_csv), tmp_path)
    with time_machine.travel(NOW, tick=True):
        first, dry = (lists.would_import(rig.site, NAME, brought, actor="clerk", day=SECOND) for _time in range(2))
        assert first and dry and dry.before
        assert (None, ("clerk", first.seen.digest), first.seen) == (first.before, dry.before[1:], dry.seen)
        assert (1, []) == (len(rig.rows()), _holds(rig))
        assert (before, uploads, files) == (rig.records(), len(rig.uploads()), _files(rig))
        assert "end" not in {direction for direction, *_rest in dry.seen.moves}
        assert ExitCode.HELD == _go(rig, "import", CONTENTS[kind][0](civil_csv), tmp_path)
    assert {(hold.place, hold.leaving, hold.digest) for hold in _holds(rig)} == {
        (breach.place, breach.leaving, breach.digest) for breach in dry.seen.holds
    }
    assert lists.would_import(rig.site, NAME, brought, actor="clerk", day=SECOND) is None
    rig.site.ledger.close()


def _files(rig: Rig) -> list[str]:
    """The sealed files of the site, partial ones included."""
    files = (path for path in rig.site.settings.var.rglob("*") if path.is_file())
    return sorted(path.name for path in files if "ledger" not in path.name)


@pytest.mark.parametrize(("kind", "way"), _in_turn((*CONTENTS, *AROUND), ("run", "resync")))
def test_a_dry_run_says_what_a_real_one_holds(guarded: Rig, civil_csv: bytes, kind: str, way: str) -> None:
    """It shows the holds of the run that follows, with their digests, opens none and lets nobody go."""
    rig = _ready(guarded, kind)
    before, uploads = rig.records(), len(rig.uploads())
    _delivery(civil_csv, kind).put(rig.outbox)
    intake.visit(rig.site, rig.site.settings.sources[NAME], SECOND)
    dry = runs.would_change(rig.site, NAME if way == "resync" else None, actor="clerk").seen
    with rig.site.ledger.begin() as tx:
        assert [] == decisions.holds(tx)
    assert (before, uploads) == (rig.records(), len(rig.uploads()))
    assert "end" not in {direction for direction, *_rest in dry.moves}
    assert ExitCode.HELD == rig.run(2).exit_code
    assert {(hold.place, hold.leaving, hold.digest) for hold in _holds(rig)} == {
        (breach.place, breach.leaving, breach.digest) for breach in dry.holds
    }
    rig.site.ledger.close()
