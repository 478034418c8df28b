"""A raw HTTP server that does exactly what a list of answers says, down to the bytes.

Takes functions from a request to the bytes of the connection; gives the requests it saw.
"""

import socket
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One request as it came over the wire."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


#: What to send, piece by piece, before the connection is closed.
Play = Callable[[Seen], Iterable[bytes]]


class Scripted:
    """Plays one `Play` a request, the last one for all further requests. One request a connection."""

    def __init__(self, *plays: Play) -> None:
        self._plays = list(plays)
        self.seen: list[Seen] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.base = f"http://127.0.0.1:{self._listener.getsockname()[1]}/base"
        self.stopping = threading.Event()

    def __enter__(self) -> Self:
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                connection, _address = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as lines:
            first = lines.readline().decode().split()
            if len(first) < 2:
                return
            headers: dict[str, str] = {}
            while (line := lines.readline().decode().strip()) != "":
                name, _colon, value = line.partition(":")
                headers[name.lower()] = value.strip()
            body = lines.read(int(headers.get("content-length", "0")))
            seen = Seen(method=first[0], target=first[1], headers=headers, body=body)
            with self._lock:
                self.seen.append(seen)
                play = self._plays.pop(0) if len(self._plays) > 1 else self._plays[0]
            try:
                for piece in play(seen):
                    connection.sendall(piece)
            except OSError:
                return  # the client had enough


def answer(status: int, body: bytes = b"", /, **headers: str) -> bytes:
    """A whole answer with its length; header names are given with `_` for `-`."""
    fields = {"Content-Length": str(len(body)), **{name.replace("_", "-"): headers[name] for name in headers}}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} X\r\n{head}Connection: close\r\n\r\n".encode() + body


def always(status: int, body: bytes = b"", /, **headers: str) -> Play:
    """Answers every request alike."""
    return lambda seen: [answer(status, body, **headers)]
