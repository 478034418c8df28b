"""Logs: a line is a sentence and a stable `action` with ids, as JSON on stderr.

Takes what the daemon and the commands say; gives JSON lines, or plain lines for a person at a terminal. A processor
redacts each line, assuming that whoever logged it forgot to.
"""

import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any, TextIO

import structlog

from gateway.redact import redacted


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


def _hide(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> dict[str, Any]:  # structlog's protocol
    return dict(redacted(event))


def _sentence(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:  # structlog's protocol
    return str(event.get("event", ""))
