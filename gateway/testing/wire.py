"""How an answer leaves: whole and in one piece, or spoilt by a fault.

Takes an `Answer` and the connection; gives bytes on the wire, and whether the connection may be used again.
Headers and body leave in one send: in two, Nagle's algorithm and the peer's delayed ACK would cost 40 ms each
time.
"""

import email.utils
import hashlib
import json
import re
import socket
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self

from gateway.testing.faults import Fault

#: bytes of one piece of an endless body
PIECE = 64 * 1024
#: seconds between two pieces, so that an endless body doesn't eat a processor
PIECE_PAUSE = 0.002
#: bytes that are neither JSON nor gzip nor text, always the same
GARBAGE = b"\x00\xff\xfe" + b"".join(hashlib.sha256(bytes([n])).digest() for n in range(64))
#: seconds that a stalled answer waits when the order names none: longer than any client's patience
LONG = 3600.0
RANGE = re.compile(r"bytes=(\d*)-(\d*)")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a route answers. Content-Length and Connection are added on the way out."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    #: what the server's log says about this request besides method, path, status and seconds
    note: Mapping[str, Any] = field(default_factory=dict)  # Any: JSON values

    @classmethod
    def json(cls, value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Self:
        """A value as UTF-8 JSON."""
        body = json.dumps(value, ensure_ascii=False).encode()
        return cls(
            status=status,
            body=body,
            headers={"Content-Type": "application/json; charset=utf-8", **(headers or {})},
        )


def ranged(content: bytes, headers: Mapping[str, str], *, etag: str, media_type: str) -> Answer:
    """The file, or the part that `Range` asks for (RFC 9110 §14); whole where `If-Range` is another's.

    `headers` are the request's, names in lower case. Several ranges at once get the whole file, as the RFC
    allows.
    """
    given = {"Content-Type": media_type, "Accept-Ranges": "bytes", "ETag": etag}
    wanted = RANGE.fullmatch(headers.get("range", ""))
    if not wanted or headers.get("if-range", etag) != etag or wanted.group(0) == "bytes=-":
        return Answer(body=content, headers=given)
    size = len(content)
    first, last = (int(bound) if bound else None for bound in wanted.groups())
    start = max(size - (last or 0), 0) if first is None else first
    end = size - 1 if first is None or last is None else min(last, size - 1)
    if start > end:
        return Answer(status=416, headers={**given, "Content-Range": f"bytes */{size}"})
    return Answer(
        status=206,
        body=content[start : end + 1],
        headers={**given, "Content-Range": f"bytes {start}-{end}/{size}"},
    )


class Wire:
    """One connection's way out."""

    def __init__(self, connection: socket.socket, stopping: threading.Event) -> None:
        self._connection, self._stopping = connection, stopping

    def send(self, answer: Answer) -> bool:
        """The whole answer. True: the connection may be used again."""
        self._connection.sendall(_head(answer) + answer.body)
        return True

    def send_spoilt(self, answer: Answer, fault: Fault) -> bool:
        """The answer as the fault has it. True: the connection may be used again."""
        match fault.name:
            case "stall":
                self._stopping.wait(fault.number("seconds", LONG))
                return not self._stopping.is_set() and self.send(answer)
            case "cut":
                kept = fault.whole("bytes", len(answer.body) // 2)
                self._connection.sendall(_head(answer) + answer.body[:kept])
                return False
            case "endless":
                return self._send_endless()
        made = _instead(fault)
        return made is not None and self.send(made)

    def _send_endless(self) -> bool:
        head = (
            "HTTP/1.1 200 OK",
            "Content-Type: application/json; charset=utf-8",
            "Transfer-Encoding: chunked",
        )
        self._connection.sendall("\r\n".join([*head, "", ""]).encode())
        piece = f"{PIECE:x}\r\n".encode() + b" " * PIECE + b"\r\n"
        while not self._stopping.wait(PIECE_PAUSE):
            self._connection.sendall(piece)
        return False


def _instead(fault: Fault) -> Answer | None:
    """What comes instead of the answer; None: nothing, the connection closes."""
    match fault.name:
        case "status":
            return Answer(status=fault.whole("code", 503), headers=_retry_after(fault))
        case "maintenance":
            page = "<html><title>系统维护中</title><body>请稍后再试</body></html>".encode()
            headers = {
                "Content-Type": "text/html; charset=utf-8",
                "Retry-After": str(fault.whole("retry_after", 1)),
            }
            return Answer(status=503, body=page, headers=headers)
        case "garbage":
            return Answer(body=GARBAGE, headers={"Content-Type": "application/json; charset=utf-8"})
        case "lost_answer" if "code" in fault.options:
            return Answer(status=fault.whole("code", 504))
    return None


def _retry_after(fault: Fault) -> dict[str, str]:
    if "retry_after" not in fault.options:
        return {}
    seconds = fault.number("retry_after", 0)
    if fault.options.get("as_date"):
        return {"Retry-After": email.utils.formatdate(time.time() + seconds, usegmt=True)}
    return {"Retry-After": f"{seconds:g}"}


def _head(answer: Answer) -> bytes:
    try:
        phrase = HTTPStatus(answer.status).phrase
    except ValueError:
        phrase = ""
    lines = [f"HTTP/1.1 {answer.status} {phrase}", f"Date: {email.utils.formatdate(usegmt=True)}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    return ("\r\n".join([*lines, f"Content-Length: {len(answer.body)}"]) + "\r\n\r\n").encode("latin-1")
