"""Instances that no longer run: nothing is pulled for them, and what they said goes on counting."""

from datetime import date
from pathlib import Path

import pytest

from gateway import pipeline
from gateway.bootstrap import open_site
from gateway.errors import ExitCode
from gateway.settings import FILE
from gateway.site import Site
from gateway.store import decisions
from gateway.testing.site import own_plugins
from tests.pipeline.conftest import NewRig
from tests.pipeline.rig import Rig

#: Payments are the source that has cases of its own kind.
SOURCES = ("civil_affairs", "disabled_federation", "tax")


@pytest.fixture
def settled(new_rig: NewRig) -> Rig:
    """A site that took the first day's lists of three sources."""
    rig = new_rig(*SOURCES)
    rig.peers.stage(1)
    assert ExitCode.DONE == rig.run().exit_code
    return rig


def _without(root: Path, name: str) -> None:
    text = (root / FILE).read_text("utf-8")
    kept = [part for part in text.split("\n\n") if not part.startswith(f"[sources.{name}]")]
    (root / FILE).write_text("\n\n".join(kept), "utf-8")


def _run(root: Path, day: int) -> tuple[ExitCode, str]:
    site = open_site(root)
    try:
        report = pipeline.run(site, list(site.settings.sources), date(2026, 11, day), actor="test")
    finally:
        site.ledger.close()
    assert report is not None
    return report.exit_code, "\n".join(report.faults)


def _open_cases(site: Site) -> dict[str, int]:
    with site.ledger.begin() as tx:
        counts = decisions.case_counts(tx)
    return {name: sum(n for instance, _code, n in counts if instance == name) for name in SOURCES}


def test_a_source_taken_out_of_the_settings_ends_nothing(settled: Rig) -> None:
    """Whoever takes a department out of gateway.toml takes no flag from anybody: silence ends nothing."""
    before = settled.records()
    _without(settled.site.settings.root, "civil_affairs")
    assert (ExitCode.DONE, "") == _run(settled.site.settings.root, 2)
    assert before == settled.records()


def test_a_broken_plugin_is_set_aside_and_the_others_run(settled: Rig) -> None:
    """A plugin that does not load is named; the other sources run, and what its department said goes on counting."""
    before = settled.records()
    own_plugins(settled.site.settings.root, civil_affairs="raise RuntimeError('half an edit')\n")
    code, said = _run(settled.site.settings.root, 2)
    assert ExitCode.FAILED == code
    assert "civil_affairs" in said and "RuntimeError" in said
    assert before == settled.records()


def test_cases_of_payments_stay_open(settled: Rig) -> None:
    """A payment in review is looked at once; its case waits for a person, however many runs pass."""
    before = _open_cases(settled.site)
    assert before["tax"] > 0
    assert ExitCode.DONE == settled.run(2, only=[]).exit_code
    assert before == _open_cases(settled.site)
