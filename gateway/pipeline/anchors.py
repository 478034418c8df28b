"""Anchors: a checkpoint's line leaves the house, so that nobody inside can take back what it says.

Takes a place and a line; gives why it could not leave. The places are the site's settings `[audit]`: the system's log,
and a file, best on another host's mount.
"""

import logging
import os
from collections.abc import Iterator
from logging.handlers import SysLogHandler
from pathlib import Path
from threading import Thread

from gateway.settings import AuditSettings
from gateway.words import _

#: Seconds for a place to take a line: a mount whose host is gone never answers.
PATIENCE = 10.0
#: With which a line begins in the system's log.
IDENT = "gateway-audit: "


def places(settings: AuditSettings) -> list[str]:
    """The places, as the ledger keeps them: `syslog:…`, `file:…`."""
    named = (("syslog", settings.syslog), ("file", settings.file))
    return [f"{kind}:{where}" for kind, where in named if where]


def send(place: str, line: str) -> str:
    """Hands the line to the place. Why it could not; "" where it did. Takes no longer than `PATIENCE`."""
    kind, _colon, where = place.partition(":")
    faults = [_("{n:.0f} 秒内没有反应").format(n=PATIENCE)]

    def hand_over() -> None:
        try:
            _to_log(where, line) if kind == "syslog" else _to_file(Path(where), line)
            faults.clear()
        except OSError as fault:
            faults[:] = [fault.strerror or type(fault).__name__]

    # A thread that hangs is left behind; nothing waits for it.
    thread = Thread(target=hand_over, name="anchor", daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return faults[0] if faults else ""


def _to_file(path: Path, line: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640), "a", encoding="ascii") as file:
        file.write(f"{line}\n")
        file.flush()
        os.fsync(file.fileno())


class _Strict(SysLogHandler):
    """Raises what its own class would print and forget."""

    append_nul = False

    def handleError(self, record: logging.LogRecord) -> None:
        raise


def _to_log(where: str, line: str) -> None:
    """A socket's path, or host:port by UDP."""
    host, _colon, port = where.rpartition(":")
    address = where if where.startswith("/") else (host.strip("[]"), int(port))
    handler = _Strict(address, facility=SysLogHandler.LOG_AUTHPRIV)
    handler.ident = IDENT
    try:
        handler.emit(logging.LogRecord("audit", logging.WARNING, "", 0, line, None, None))
    finally:
        handler.close()


def kept(path: Path) -> Iterator[str]:
    """The lines of a file of anchors. Raises OSError."""
    with path.open(encoding="utf-8", errors="replace") as file:
        yield from file
