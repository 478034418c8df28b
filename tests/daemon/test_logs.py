"""Log lines: a sentence and a stable action, as JSON, about nobody."""

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from pydantic import SecretStr

from gateway import logs
from gateway.redact import HIDDEN

NUMBER = "451002" + "19900307" + "123X"
OLD = "451002" + "900307" + "123"
WIDE = "".join(chr(ord(c) + 0xFEE0) for c in NUMBER)


@pytest.fixture(autouse=True)
def _unconfigured() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def said(human: bool = False, **ids: Any) -> str:
    """What comes out of one line."""
    stream = io.StringIO()
    logs.configure(human=human, stream=stream)
    logs.log("运行结束", action="run.done", **ids)
    return stream.getvalue()


def test_a_line_is_json_with_a_stable_action() -> None:
    """A line holds the sentence, the action, the time and its ids, and ends."""
    text = said(instance="civil_affairs", run=7)
    line = json.loads(text)
    assert text.endswith("\n")
    assert ("运行结束", "run.done", "civil_affairs", 7) == (
        line["event"], line["action"], line["instance"], line["run"],
    )  # fmt: skip
    assert {"level", "timestamp"} <= line.keys()


@pytest.mark.parametrize("number", [NUMBER, NUMBER.lower(), OLD, WIDE], ids=["18", "x", "15", "wide"])
def test_a_number_is_hidden_wherever_it_stands(number: str) -> None:
    """Beside Chinese characters, in lists, in keys and inside other values, a number never leaves."""
    line = said(text=f"身份证{number}号", many=[number, {number: (number,)}], inner={"a": {"b": f"x{number}"}})
    assert number not in json.dumps(json.loads(line), ensure_ascii=False)


def test_a_number_as_a_number_is_hidden() -> None:
    """An integer that looks like an identity number is hidden; ids are not."""
    assert HIDDEN == json.loads(said(who=int(OLD)))["who"]
    assert 12 == json.loads(said(run=12))["run"]


def test_a_message_number_is_no_person() -> None:
    """Longer and shorter runs of digits are left as they are: message numbers, dates, digests."""
    msgid = "451000000001" + "202611010630000001"
    assert msgid == json.loads(said(msgid=msgid))["msgid"]
    assert "20261101" == json.loads(said(day="20261101"))["day"]


def test_a_secret_hides_itself() -> None:
    """Secrets and bytes are never written, whoever forgot to hide them."""
    line = said(password=SecretStr("open sesame"), key=b"open sesame", nested=[SecretStr("open sesame")])
    assert "sesame" not in line


def test_a_person_at_a_terminal_reads_a_sentence() -> None:
    """For people a line is its sentence alone."""
    assert "运行结束\n" == said(human=True, run=7)


def test_an_unconfigured_process_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A program that calls the acts and has not asked for logs keeps its stdout and stderr to itself."""
    logs.log("运行结束", action="run.done")
    assert ("", "") == tuple(capsys.readouterr())
