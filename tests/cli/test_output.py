"""Tables and JSON on stdout."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from rich.cells import cell_len

from gateway.acts.origins import Value
from gateway.cli import output
from gateway.model.deliveries import Mode


def test_wide_text_aligns(capsys: pytest.CaptureFixture[str]) -> None:
    """Columns stand under each other whatever the characters' width, and nothing is coloured in a file."""
    output.table(["来源", "数"], [("civil_affairs", 7), ("民政", 1234), ("民a", 56)])
    lines = capsys.readouterr().out.splitlines()
    assert 1 == len({cell_len(line) for line in lines})
    assert "\x1b" not in "".join(lines)
    assert ["7", "1234", "56"] == [line.split()[-1] for line in lines[2:]]


def test_json_holds_what_a_script_needs(capsys: pytest.CaptureFixture[str]) -> None:
    """Dates, enums, paths and dataclasses become plain JSON; anything else is a programmer's mistake."""
    value = Value(key="k", value="v", origin="o")
    output.print_json({"value": value, "day": date(2026, 11, 1), "mode": Mode.FULL, "path": Path("a/b")})
    assert {
        "value": {"key": "k", "value": "v", "origin": "o"},
        "day": "2026-11-01",
        "mode": "full",
        "path": "a/b",
    } == json.loads(capsys.readouterr().out)
    with pytest.raises(TypeError):
        output.print_json({"set": {1}})


def test_times_are_shown_in_china_s_time() -> None:
    """The ledger keeps UTC; a person reads the time on the wall."""
    assert "2026-11-02 06:30:00" == output.cell(datetime(2026, 11, 1, 22, 30, tzinfo=UTC).replace(tzinfo=None))
