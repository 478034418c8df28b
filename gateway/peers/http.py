"""Requests to one HTTP peer, and downloads that go on where they stopped.

Takes paths under the peer's base; gives answers of bounded size, and files in a sink. `PeerUnreachable` for
no connection, a cut or a stall, `PeerRefused` for 401, 403, 429 and 503, `PeerBroken` for any other unwanted
status, garbage and endless bodies, `PeerUntrusted` for a TLS certificate that does not verify. What may pass
is repeated within `Retry`, whatever the method: every request of every contract may be sent twice. With
`signing.py` the only door to httpx.
"""

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from gateway.errors import PeerBroken, SettingsFault
from gateway.model.jsons import json_of
from gateway.peers import retry as retrying
from gateway.peers.download import Download, Downloaded
from gateway.peers.retry import Retry, retry_after
from gateway.peers.signing import BASE_EXTENSION
from gateway.peers.sink import Sink
from gateway.peers.tls import Protection, protected
from gateway.peers.wire import (
    LIMIT_EXTENSION,
    WHERE_EXTENSION,
    Bounded,
    Passing,
    endless,
    translated,
    unwanted,
)
from gateway.words import _

__all__ = ["Answer", "Downloaded", "HttpPeer", "Retry"]

# It logs every URL with its query at INFO; our own log lines carry ids only.
logging.getLogger("httpx").setLevel(logging.WARNING)

#: Bytes of one ordinary answer: 1000 rows of 4 KiB, base64 and all, with room to spare.
ANSWER_LIMIT = 16 * 1024 * 1024
#: Said "not now"; RFC 9110 and 6585, and the contracts' 5xx.
PASSING_STATUS = frozenset({429, 500, 502, 503, 504})

#: TLS with the authorities that browsers trust, and nothing else that would protect plain HTTP.
UNPROTECTED = Protection()

Query = Mapping[str, str | int]
T = TypeVar("T")


#: How requests are signed; the type behind it is httpx's.
Auth = httpx.Auth


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a peer answered, whole."""

    #: The peer's name, for messages.
    where: str
    status: int
    #: Looked up without regard to case.
    headers: Mapping[str, str]
    content: bytes

    def expect(self, *statuses: int) -> Self:
        """Itself if the status is one of these; otherwise `PeerRefused` or `PeerBroken` with code
        `http-<status>`."""
        if self.status in statuses:
            return self
        raise unwanted(self.status, self.where)

    def json(self) -> Any:  # whatever the peer sent: each caller checks the shape it needs
        """The content as JSON; `PeerBroken` if it isn't."""
        try:
            return json_of(self.content)
        except (ValueError, RecursionError):
            # The original holds the whole text, which may be about somebody.
            raise PeerBroken(
                _("应答不是有效的 JSON"),
                where=self.where,
                next_step=_("下次运行会自动重试;持续出现时请联系对方"),
            ) from None


class HttpPeer:
    """One peer behind one base URL: one client, kept alive, usable by several threads.

    `timeout` in seconds counts for connecting, for sending, for each wait for bytes, and as the window of
    `Pace`.
    """

    def __init__(
        self, base: str, *, name: str, timeout: float, retry: Retry, auth: httpx.Auth | None = None,
        protection: Protection = UNPROTECTED,
    ) -> None:
        """Raises SettingsFault for an address or a protection that cannot be used."""
        self.base, self.name, self.retry = base.rstrip("/"), name, retry
        self._base_url = _base_url(self.base, name)
        #: What the peer said when it was last left alone, and until when on `time.monotonic`.
        self._closed: tuple[Passing | None, float] = None, 0.0
        self._client = httpx.Client(
            transport=Bounded(httpx.HTTPTransport(verify=protected(base, protection, name), trust_env=False), timeout),
            auth=auth,
            timeout=httpx.Timeout(timeout),
            trust_env=False,
            follow_redirects=False,
            # Compressed answers would make the limits a guess, and Range count other bytes.
            headers={"Accept-Encoding": "identity", "User-Agent": "gateway"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Query | None = None,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        limit: int = ANSWER_LIMIT,
    ) -> Answer:
        """The answer, whatever its status, but for those that may pass: they are waited out, and raised at
        the end.

        `path` is under the base, or a URL of the same server. `limit` bounds the answer in bytes.
        """

        def once() -> Answer:
            with self.opened(
                method, path, limit, params=params, json=json, content=content, headers=headers
            ) as response:
                return self._answer(response, limit)

        return self._patiently(once)

    def download(
        self,
        path: str,
        sink: Sink,
        *,
        limit: int,
        headers: Mapping[str, str] | None = None,
        expected_bytes: int | None = None,
    ) -> Downloaded:
        """The whole file at `path`, at most `limit` bytes. The sink is emptied first: no ETag tells whose it
        was.

        An unwanted status is raised with code `http-<status>`; after any error the sink keeps what came.
        """
        if sink.plain_size:
            sink.restart()
        return Download(self, path, sink, limit, dict(headers or {}), expected_bytes).run()

    def _patiently(self, once: Callable[[], T]) -> T:
        """Call until it returns; `Passing` is waited out within the peer's `Retry`, then its error is
        raised."""
        failures = 0
        while True:
            try:
                return once()
            except Passing as passing:
                failures += 1
                self.wait_or_raise(passing, failures)

    def wait_or_raise(self, passing: Passing, failures: int) -> None:
        """Wait before the next try, or raise the error if `failures` in a row were enough, or the peer wants to be left
        alone for longer: then it is, by every request."""
        if failures >= self.retry.attempts or self.retry.is_beyond(passing.asked):
            if passing.asked:
                self._closed = passing, time.monotonic() + passing.asked
            raise passing.error from passing.__cause__
        retrying.pause(self.retry.wait(failures, passing.asked))

    @contextmanager
    def opened(
        self,
        method: str,
        path: str,
        limit: int,
        *,
        params: Query | None = None,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[httpx.Response]:
        """One try: the response with its body still to come. What may pass is raised as `Passing`."""
        self._come_back()
        with translated(self.name):
            request = self._client.build_request(
                method,
                self._url(path),
                params=params or None,
                json=json,
                content=content,
                headers=headers,
                extensions={
                    BASE_EXTENSION: self.base,
                    LIMIT_EXTENSION: limit,
                    WHERE_EXTENSION: self.name,
                },
            )
            response = self._client.send(request, stream=True)
            try:
                if response.status_code in PASSING_STATUS:
                    asked = retry_after(response.headers)
                    raise Passing(unwanted(response.status_code, self.name, asked), asked)
                yield response
            finally:
                response.close()

    def _come_back(self) -> None:
        """Waits until the peer wants to be asked again; raises what it said where that is too long."""
        passing, until = self._closed
        left = until - time.monotonic()
        if passing is None or left <= 0:
            return
        if self.retry.is_beyond(left):
            raise passing.error
        retrying.pause(left)

    def _answer(self, response: httpx.Response, limit: int) -> Answer:
        content = bytearray()
        for piece in response.iter_bytes():
            content += piece
            if len(content) > limit:
                raise endless(self.name)
        return Answer(
            where=self.name, status=response.status_code, headers=response.headers, content=bytes(content)
        )

    def _url(self, path: str) -> str:
        """A path under the base. A link that repeats the base's path or names our server is taken as it is
        meant; one to another server is refused, since our credentials would go along."""
        if "://" in path:
            there = httpx.URL(path)
            if (there.scheme, there.netloc) != (self._base_url.scheme, self._base_url.netloc):
                raise PeerBroken(
                    _("应答中的链接指向另一台服务器"), where=self.name, next_step=_("未访问;请联系对方")
                )
            return path
        prefix = self._base_url.path.rstrip("/") + "/"
        if prefix != "/" and path.startswith(prefix):
            path = path.removeprefix(prefix)
        return self.base + "/" + path.lstrip("/")


def _base_url(base: str, name: str) -> httpx.URL:
    try:
        url = httpx.URL(base)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host or url.query:
        raise SettingsFault(
            _("地址无法识别,应形如 https://主机/路径"), where=name, next_step=_("请修改配置中的地址")
        )
    return url
