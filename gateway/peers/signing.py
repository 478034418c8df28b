"""How requests prove who sends them: HMAC signatures (税务) and OAuth2 bearer tokens (残联).

Takes credentials, a clock and a nonce source; gives `httpx.Auth` objects for an `HttpPeer`, and the pure
functions under them. `PeerBroken` for a token endpoint that answers nonsense; its refusals are passed on as
the answer.
"""

import hashlib
import hmac
import threading
from collections.abc import Callable, Generator
from datetime import datetime, timedelta

import httpx
from pydantic import SecretStr

from gateway.errors import PeerBroken
from gateway.model.jsons import json_of
from gateway.words import _

#: Extension of a request that carries the peer's base URL to its `Auth`, without a trailing slash.
BASE_EXTENSION = "gateway.base"
#: A token is renewed this long before its end: longer than a request is under way, or a tenth of a short
#: life.
RENEW_BEFORE = timedelta(seconds=30)

Clock = Callable[[], datetime]
Flow = Generator[httpx.Request, httpx.Response, None]


def canonical(method: str, target: str, timestamp: int, nonce: str, body: bytes) -> str:
    """The text that a tax request signs; `target` is path?query exactly as on the wire (contract 税务)."""
    return "\n".join((method, target, str(timestamp), nonce, hashlib.sha256(body).hexdigest()))


def sign(secret_key: str, text: str) -> str:
    """Hex HMAC-SHA256 of a canonical text."""
    return hmac.new(secret_key.encode(), text.encode(), hashlib.sha256).hexdigest()


class TaxSigner(httpx.Auth):
    """Signs every request anew, so that a repeated one has its own nonce and time.

    `clock` gives an aware time, `nonce` a text that isn't given again within 15 minutes.
    """

    requires_request_body = True

    def __init__(
        self, access_key: str, secret_key: SecretStr, clock: Clock, nonce: Callable[[], str]
    ) -> None:
        self._access_key, self._secret_key = access_key, secret_key
        self._clock, self._nonce = clock, nonce

    def auth_flow(self, request: httpx.Request) -> Flow:
        """Add the four headers."""
        timestamp, nonce = int(self._clock().timestamp()), self._nonce()
        text = canonical(request.method, request.url.raw_path.decode(), timestamp, nonce, request.content)
        request.headers.update(
            {
                "X-Access-Key": self._access_key,
                "X-Timestamp": str(timestamp),
                "X-Nonce": nonce,
                "X-Signature": sign(self._secret_key.get_secret_value(), text),
            }
        )
        yield request


class BearerToken(httpx.Auth):
    """OAuth2 client credentials (RFC 6749 4.4): one token for all threads, renewed before its end and once on
    401."""

    def __init__(self, token_path: str, client_id: str, client_secret: SecretStr, clock: Clock) -> None:
        self._token_path, self._clock = token_path, clock
        self._basic = httpx.BasicAuth(client_id, client_secret.get_secret_value())
        self._lock = threading.Lock()
        self._token = ""
        self._renew_at: datetime | None = None

    def sync_auth_flow(self, request: httpx.Request) -> Flow:
        """Send with a token; where the token endpoint refuses, its answer is the answer."""
        used = yield from self._valid_token(request, refused="")
        if not used:
            return
        request.headers["Authorization"] = f"Bearer {used}"
        response = yield request
        if response.status_code != httpx.codes.UNAUTHORIZED:
            return
        renewed = yield from self._valid_token(request, refused=used)
        if renewed:
            request.headers["Authorization"] = f"Bearer {renewed}"
            yield request

    def _valid_token(
        self, request: httpx.Request, *, refused: str
    ) -> Generator[httpx.Request, httpx.Response, str]:
        """The token, asked for first where there is none, it ends soon, or it was just refused; empty if we
        get none.

        The lock is kept while asking, so that threads which wait get the new token instead of one each.
        """
        with self._lock:
            fresh = self._renew_at is not None and self._clock() < self._renew_at
            if fresh and self._token != refused:
                return self._token
            self._renew_at = None
            response = yield self._token_request(request)
            if response.status_code == httpx.codes.OK:
                self._take(response.read(), request)
                return self._token
            return ""

    def _token_request(self, request: httpx.Request) -> httpx.Request:
        asking = httpx.Request(
            "POST",
            request.extensions[BASE_EXTENSION] + "/" + self._token_path.lstrip("/"),
            data={"grant_type": "client_credentials"},
            # A request made by hand has no timeouts of its own.
            extensions={"timeout": request.extensions["timeout"]},
        )
        return next(self._basic.auth_flow(asking))

    def _take(self, content: bytes, request: httpx.Request) -> None:
        try:
            answer = json_of(content)
            token, seconds = answer["access_token"], float(answer["expires_in"])
            life = timedelta(seconds=seconds)
            renew_at = self._clock() + life - min(RENEW_BEFORE, life / 10)
        except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
            token, renew_at = None, None
        if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token:
            raise PeerBroken(
                _("令牌接口的应答无法识别"),
                where=str(request.url.host),
                next_step=_("请核对令牌地址,并联系对方"),
            )
        self._token, self._renew_at = token, renew_at
