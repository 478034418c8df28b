"""A sharing that has ended: nothing is pulled or imported any more, and what was said before stays in force."""

import io
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import time_machine

from gateway import logs
from gateway.acts import doctor, look, runs
from gateway.acts.lists import import_list, would_import
from gateway.bootstrap import open_site
from gateway.errors import ExitCode, SettingsFault, SharingEnded
from gateway.model.deliveries import Mode
from gateway.pipeline import RunReport
from gateway.pipeline.bring import Brought
from gateway.settings import FILE, load_settings, plugins_of
from gateway.store import audit
from tests.pipeline.conftest import NewRig
from tests.pipeline.rig import Rig

NAME, OTHER = "civil_affairs", "disabled_federation"
LAST = date(2026, 11, 1)


@pytest.fixture
def rig(new_rig: NewRig) -> Iterator[Rig]:
    """Two sources; the sharing of the first one ends with the first day, on which both were settled."""
    bare = new_rig(NAME, OTHER)
    file = bare.site.settings.root / FILE
    until = "sharing.valid_until = "
    file.write_text(file.read_text("utf-8").replace(f"{until}2099-12-31", f"{until}{LAST}", 1), "utf-8")
    bare.peers.stage(1)
    site = open_site(bare.site.settings.root)
    try:
        rig = Rig(peers=bare.peers, site=site)
        assert ExitCode.DONE == rig.run(1).exit_code
        yield rig
    finally:
        site.ledger.close()


def told(rig: Rig, day: int) -> tuple[RunReport, list[tuple[str, str]]]:
    """A run on that day, and the alarms that it logged."""
    stream = io.StringIO()
    with logs.written_to(stream):
        report = runs.run(rig.site, [], date(2026, 11, day), actor="clerk")
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert report is not None
    return report, [(li["action"], li["instance"]) for li in lines if li["action"].startswith("sharing.")]


def test_the_last_day_counts(rig: Rig) -> None:
    """On its last day the source is pulled as ever, and people are reminded."""
    report, alarms = told(rig, 1)
    assert ([], [("sharing.ends", NAME)]) == (report.faults, alarms)


def test_after_its_end_nothing_is_pulled(rig: Rig) -> None:
    """The day after, the source is not even connected to, each run tells so, and the others go on."""
    rig.peers.stage(2)
    report, alarms = told(rig, 2)
    (fault,) = report.instances[NAME].faults
    assert "2026-11-01" in fault and "演示联系人" in fault
    assert (ExitCode.FAILED, [("sharing.ended", NAME)]) == (report.exit_code, alarms)
    assert ([], True) == (report.instances[NAME].taken, bool(report.instances[OTHER].taken))


def test_what_was_said_stays(rig: Rig) -> None:
    """Everything that the source said before its end still counts: no flag is touched."""
    before = rig.records()
    told(rig, 2)
    assert before == rig.records()


def test_nothing_is_imported_either(rig: Rig, tmp_path: Path) -> None:
    """A list on a USB stick is data of the same sharing: it is refused, and what is written down is the refusal."""
    file = tmp_path / "list.csv"
    file.write_bytes(b"")
    day = date(2026, 11, 2)
    brought = Brought(file=file, mode=Mode.FULL, business_date=day, scope="", sequence=None)
    before = len(rig.rows())
    with pytest.raises(SharingEnded, match=NAME):
        import_list(rig.site, NAME, brought, actor="clerk", day=day)
    with pytest.raises(SharingEnded, match=NAME):
        would_import(rig.site, NAME, brought, actor="clerk", day=day)
    assert before == len(rig.rows())
    with rig.site.ledger.begin() as tx:
        newest = audit.entries(tx, act="", actor="clerk", limit=2)
        said = [(one.act, one.detail["wanted"], one.detail["why"]) for one in newest]
    assert [("refused", "preview.import", "sharing"), ("refused", "import", "sharing")] == said


@pytest.mark.parametrize(
    ("today", "state", "left"), [("2026-10-01", "ok", 0), ("2026-10-03", "warning", 30), ("2026-11-02", "fault", 0)]
)
def test_people_are_reminded_in_time(rig: Rig, today: str, state: str, left: int) -> None:
    """The doctor and the status warn from 30 days before, and after the end the doctor connects no more."""
    with time_machine.travel(f"{today}T12:00:00+08:00", tick=True):
        findings = list(doctor.examine(rig.site.settings.root))
        seen = look.status(rig.site, actor="clerk").sharing
    assert [state] == [f.state for f in findings if f.check == "sharing"]
    assert [left] * (state != "ok") == [ending.left for ending in seen]
    (source,) = [f for f in findings if f.check == NAME]
    assert (state == "fault") == (source.state == "fault")


@pytest.mark.parametrize("line", ["catalogue", "purpose", "basis", "valid_until", "contact"])
def test_no_source_without_a_right(rig: Rig, line: str) -> None:
    """An instance that does not say by what right it is pulled is a fault of the configuration."""
    file = rig.site.settings.root / FILE
    lines = file.read_text("utf-8").splitlines()
    at = next(n for n, text in enumerate(lines) if text.removeprefix("sharing.").startswith(f"{line} ="))
    file.write_text("\n".join([*lines[:at], *lines[at + 1 :]]), "utf-8")
    with pytest.raises(SettingsFault, match=line):
        load_settings(file.parent, plugins_of(file.parent))
