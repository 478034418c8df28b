"""One file over HTTP that survives cut connections: Range and If-Range with the ETag (RFC 9110 13.1.5 and
14).

Under `HttpPeer.download`. Takes a path and a sink; brings the sink to the whole file. Begins anew whenever
the server does not prove that the rest belongs to what is already there. `PeerBroken` for a file that is too
large, too small or never the same twice; else as `http.py`.
"""

import re
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import httpx

from gateway.errors import PeerBroken
from gateway.peers.pace import SLOWEST
from gateway.peers.retry import Retry
from gateway.peers.sink import Sink
from gateway.peers.wire import Passing, endless, unwanted
from gateway.words import _

#: Connections for one file. A line that cuts every 64 KiB still brings 640 MB.
MOST_CONNECTIONS = 10_000

CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


@dataclass(frozen=True, kw_only=True)
class Downloaded:
    """A file that has arrived whole."""

    #: Size of the file.
    bytes: int


class Opener(Protocol):
    """What a download asks of a peer."""

    name: str
    retry: Retry

    def opened(
        self, method: str, path: str, limit: int, *, headers: Mapping[str, str] | None = None
    ) -> AbstractContextManager[httpx.Response]:
        """One try: the response with its body still to come. What may pass is raised as `Passing`."""

    def wait_or_raise(self, passing: Passing, failures: int) -> None:
        """Wait before the next try, or raise the error if `failures` in a row were enough."""


class Download:
    """One file on its way from a peer into an empty sink."""

    def __init__(
        self,
        peer: Opener,
        path: str,
        sink: Sink,
        limit: int,
        headers: dict[str, str],
        expected: int | None,
    ) -> None:
        self._peer, self._path, self._sink, self._headers = peer, path, sink, headers
        self._limit = limit if expected is None else min(limit, expected)
        self._total = expected
        self._expected = expected
        self._etag: str | None = None
        self._restarts = 0

    def run(self) -> Downloaded:
        """Connect until it is whole. Failures in a row, and fresh starts, are each bounded by the peer's
        `Retry`.

        A connection that broke but brought bytes at a fair pace is no failure: the next one goes on at once.
        """
        failures = 0
        for _connection in range(MOST_CONNECTIONS):
            held, began = self._sink.plain_size, time.monotonic()
            try:
                return self._go_on()
            except Passing as passing:
                gained = self._sink.plain_size - held
                failures = 0 if gained > SLOWEST * (time.monotonic() - began) else failures + 1
                if failures:
                    self._peer.wait_or_raise(passing, failures)
        raise _never_whole(self._peer.name)

    def _go_on(self) -> Downloaded:
        """One connection: what is missing, or all of it. `Passing` if it broke off."""
        if self._sink.plain_size and self._validator is None:
            self._restart()
        resuming = self._sink.plain_size > 0
        with self._peer.opened(
            "GET", self._path, self._limit + 1, headers=self._request_headers()
        ) as response:
            if resuming and response.status_code in (206, 416):
                self._check_continues(response)
            elif response.status_code == httpx.codes.OK:
                self._begin(response)
            else:
                raise unwanted(response.status_code, self._peer.name)
            for piece in response.iter_raw():
                if self._sink.plain_size + len(piece) > self._limit:
                    raise endless(self._peer.name)
                self._sink.write(piece)
        self._check_whole()
        return Downloaded(bytes=self._sink.plain_size)

    @property
    def _validator(self) -> str | None:
        """A weak ETag promises the same meaning, not the same bytes."""
        return None if self._etag is None or self._etag.startswith("W/") else self._etag

    def _request_headers(self) -> dict[str, str]:
        if not self._sink.plain_size or self._validator is None:
            return self._headers
        return {**self._headers, "Range": f"bytes={self._sink.plain_size}-", "If-Range": self._validator}

    def _begin(self, response: httpx.Response) -> None:
        """The whole file comes: for the first time, or because it is another one now."""
        if self._sink.plain_size:
            self._restart()
        self._etag = response.headers.get("etag")
        self._total = self._expected
        length = response.headers.get("content-length", "")
        if length.isascii() and length.isdigit():
            self._total = int(length)
            if self._total > self._limit:
                raise endless(self._peer.name)
            if self._expected is not None and self._total != self._expected:
                raise _other_size(self._peer.name)

    def _check_continues(self, response: httpx.Response) -> None:
        """`Passing` and an empty sink unless this is the rest of what we have."""
        given = CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
        fits = (
            response.status_code == httpx.codes.PARTIAL_CONTENT
            and given is not None
            and int(given[1]) == self._sink.plain_size
            and (self._total is None or given[3] in ("*", str(self._total)))
            and response.headers.get("etag", self._etag) == self._etag
        )
        if not fits:
            self._restart()
            raise Passing(_never_whole(self._peer.name))

    def _restart(self) -> None:
        self._sink.restart()
        self._etag, self._total = None, self._expected
        self._restarts += 1
        if self._restarts >= self._peer.retry.attempts:
            raise _never_whole(self._peer.name)

    def _check_whole(self) -> None:
        if self._total is not None and self._sink.plain_size < self._total:
            raise Passing(_never_whole(self._peer.name))


def _never_whole(where: str) -> PeerBroken:
    return PeerBroken(
        _("文件始终下载不完整,或每次内容不同"),
        where=where,
        next_step=_("下次运行会重新下载;持续出现时请联系对方"),
    )


def _other_size(where: str) -> PeerBroken:
    return PeerBroken(
        _("文件大小与对方声明的不同"), where=where, next_step=_("下次运行会重新下载;持续出现时请联系对方")
    )
