"""Logs: a line is a sentence and a stable `action` with ids, as JSON on stderr.

Takes what the daemon and the commands say; gives JSON lines, or plain lines for a person at a terminal. A processor
hides secrets and whatever looks like an identity number, assuming that whoever logged it forgot to.
"""

import re
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, TextIO

import structlog
from pydantic import SecretStr

#: 15 digits, or 17 with a digit or X; half and full width. Look-arounds, since \b sees no boundary beside Chinese.
_NUMBER = re.compile(r"(?<![0-9０-９])(?:[0-9０-９]{17}[0-9０-９XxＸｘ]|[0-9０-９]{15})(?![0-9０-９])")
HIDDEN = "***"


def configure(*, human: bool = False, stream: TextIO | None = None) -> None:
    """Sends the process's log lines to `stream` (stderr): JSON, or with `human` one plain sentence a line."""
    out = stream or sys.stderr
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _hide,
            _sentence if human else structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )


@contextmanager
def written_to(stream: TextIO) -> Iterator[None]:
    """Log lines go to the stream while this lasts; afterwards the process is silent again."""
    configure(stream=stream)
    try:
        yield
    finally:
        structlog.reset_defaults()


def log(sentence: str, *, action: str, **ids: Any) -> None:
    """One line. `action` is stable and for machines, e.g. `run.done`; `ids` say what it is about, never who.

    Says nothing in a process that has not configured its logs: what calls the gateway may need its stdout.
    """
    if structlog.is_configured():
        structlog.get_logger().info(sentence, action=action, **ids)


def redact(text: str) -> str:
    """The text without anything that looks like an identity number."""
    return _NUMBER.sub(HIDDEN, text)


def _hide(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:  # structlog's protocol
    return {key: _harmless(value) for key, value in event.items()}


def _harmless(value: Any) -> Any:  # whatever somebody logged
    if isinstance(value, SecretStr | bytes | bytearray):
        return HIDDEN
    if isinstance(value, Mapping):
        return {_harmless(k): _harmless(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_harmless(v) for v in value]
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return HIDDEN if _NUMBER.fullmatch(str(value)) else value
    return redact(str(value))


def _sentence(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:  # structlog's protocol
    return str(event.get("event", ""))
