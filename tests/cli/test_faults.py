"""What a person sees of an error."""

import pytest

from gateway.cli import faults
from gateway.errors import NotFound, TryLater

NUMBER = "451002" + "19900307" + "1232"
NAME = "覃小燕"


def raised(error: Exception) -> Exception:
    """The error, with a traceback and a local variable that is somebody."""
    somebody = NAME + NUMBER
    try:
        assert somebody
        raise error
    except type(error) as caught:
        return caught


def test_a_known_error_is_a_line_and_its_causes(capsys: pytest.CaptureFixture[str]) -> None:
    """Where, what, next step, and then why; no traceback, and nobody."""
    fault = TryLater("连接不上", where="甲", next_step="gateway doctor")
    fault.__cause__ = ValueError(f"row of {NAME} {NUMBER}")
    faults.tell(fault)
    out, err = capsys.readouterr()
    assert ("", ["错误:甲:连接不上 → gateway doctor", "  原因:ValueError"]) == (out, err.splitlines())


def test_a_chain_of_causes_ends(capsys: pytest.CaptureFixture[str]) -> None:
    """Causes that lead in a circle are not followed for ever."""
    first, second = NotFound("甲"), NotFound("乙")
    first.__cause__, second.__cause__ = second, first
    faults.tell(first)
    assert 6 == len(capsys.readouterr().err.splitlines())


def test_a_surprise_shows_the_way_and_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    """A surprise prints files and lines, but no local variable, and no message that could be somebody."""
    faults.tell_surprise(raised(KeyError(f"{NAME} {NUMBER} column")))
    err = capsys.readouterr().err
    assert "test_faults.py" in err
    assert "KeyError" == err.splitlines()[-1]
    assert [] == [value for value in (NAME, NUMBER) if value in err]
