"""Under `http.py`: bodies of bounded size and speed, and the translation of httpx's exceptions."""

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import httpx

from gateway.errors import GatewayError, PeerBroken, PeerRefused, PeerUnreachable, PeerUntrusted
from gateway.peers.pace import Pace
from gateway.peers.tls import distrust
from gateway.words import _

E = TypeVar("E", bound=BaseException)

#: Bytes of an answer that says no, or of a token.
REFUSAL_LIMIT = 1024 * 1024
#: They come with Retry-After, and are a refusal rather than a defect.
BUSY_STATUS = frozenset({429, 503})
REFUSED_STATUS = frozenset({401, 403})
#: Extensions of a request: the limit of its answer in bytes, and the peer's name for messages.
LIMIT_EXTENSION = "gateway.limit"
WHERE_EXTENSION = "gateway.where"


class Passing(Exception):
    """A failure that may pass: `error` is raised once patience ends, `asked` is what Retry-After said in
    seconds."""

    def __init__(self, error: GatewayError, asked: float | None = None) -> None:
        self.error, self.asked = error, asked
        super().__init__(str(error))


class Bounded(httpx.BaseTransport):
    """Cuts off bodies that are too large or too slow, also those that httpx reads by itself during a
    login."""

    def __init__(self, inner: httpx.BaseTransport, window: float) -> None:
        self._inner, self._window = inner, window

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self._inner.handle_request(request)
        where = str(request.extensions.get(WHERE_EXTENSION, request.url.host))
        limit = (
            request.extensions.get(LIMIT_EXTENSION, REFUSAL_LIMIT) if response.is_success else REFUSAL_LIMIT
        )
        assert isinstance(response.stream, httpx.SyncByteStream)  # a sync transport gives nothing else
        response.stream = _BoundedBody(response.stream, limit, Pace(self._window, where), where)
        return response

    def close(self) -> None:
        self._inner.close()


class _BoundedBody(httpx.SyncByteStream):
    def __init__(self, inner: httpx.SyncByteStream, limit: int, pace: Pace, where: str) -> None:
        self._inner, self._left, self._pace, self._where = inner, limit, pace, where

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._inner:
            self._left -= len(piece)
            if self._left < 0:
                raise endless(self._where)
            self._pace.took(len(piece))
            yield piece

    def close(self) -> None:
        self._inner.close()


def unwanted(status: int, where: str, asked: float | None = None) -> PeerRefused | PeerBroken:
    """The error for a status that the contract does not have at this place; its code is `http-<status>`. It says what
    the peer `asked`: after how many seconds to come back."""
    code = f"http-{status}"
    if status in BUSY_STATUS:
        what, step = _("对方暂停服务或请求过多(HTTP {status})"), _("下次运行会自动重试")
    elif status in REFUSED_STATUS:
        what, step = _("对方拒绝访问(HTTP {status})"), _("请核对账号、密钥和本机时间,并请对方确认权限")
    else:
        what, step = _("对方的应答不合约定(HTTP {status})"), _("下次运行会自动重试;持续出现时请联系对方")
    kind = PeerRefused if status in BUSY_STATUS | REFUSED_STATUS else PeerBroken
    said = what.format(status=status) + (_(",对方要求 {n:.0f} 秒后再来").format(n=asked) if asked else "")
    return kind(said, where=where, next_step=step, code=code)


def endless(where: str) -> PeerBroken:
    """The error for a body over its limit."""
    return PeerBroken(
        _("应答超过允许的大小,已中断"), where=where, next_step=_("请联系对方核对;下次运行会自动重试")
    )


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Turn httpx's exceptions into `Passing`, or into what cannot pass."""
    try:
        yield
    except httpx.RequestError as error:
        ours = _ours(error, where)
        if isinstance(ours, PeerUntrusted | PeerRefused):
            raise ours from error
        raise Passing(ours) from error
    except httpx.InvalidURL as error:
        raise PeerBroken(_("链接无法识别"), where=where, next_step=_("请联系对方")) from error
    except PeerUnreachable as error:
        raise Passing(error) from error.__cause__


def _ours(error: httpx.RequestError, where: str) -> PeerUnreachable | PeerRefused | PeerBroken | PeerUntrusted:
    if (broken := _cause(error, ssl.SSLError)) and (ours := _of_tls(broken, where)):
        return ours
    if isinstance(error, httpx.TransportError) and not _is_garbage(error):
        return PeerUnreachable(
            _("连接不上,或连接中断、超时"),
            where=where,
            next_step=_("下次运行会自动重试;持续出现时请检查网络和地址"),
        )
    return PeerBroken(
        _("应答不合 HTTP 协议"), where=where, next_step=_("下次运行会自动重试;持续出现时请联系对方")
    )


def _of_tls(error: ssl.SSLError, where: str) -> PeerUntrusted | PeerRefused | None:
    """What TLS says that does not pass by itself; None for a connection that merely broke."""
    if isinstance(error, ssl.SSLCertVerificationError):
        step = _("请核对地址和证书,私有 CA 写入 ca_file;确认前不会再连接")
        return PeerUntrusted(distrust(error), where=where, next_step=step)
    reason = error.reason or ""
    if "PROTOCOL" in reason:
        step = _("请对方启用 TLS 1.2 或更新的版本")
        return PeerUntrusted(_("对方只支持过时的 TLS,或该端口不是 TLS"), where=where, next_step=step)
    if "CERTIFICATE" in reason or "UNKNOWN_CA" in reason or "HANDSHAKE_FAILURE" in reason:
        step = _("请核对 client_certificate 和 client_key,并请对方确认")
        return PeerRefused(_("对方不接受本机的客户端证书,或要求出示"), where=where, next_step=step)
    return None


def _is_garbage(error: httpx.TransportError) -> bool:
    """httpx has one class for a peer that hangs up too early and for one that talks nonsense."""
    return isinstance(error, httpx.RemoteProtocolError) and not any(
        word in str(error) for word in ("disconnected", "closed connection")
    )


def _cause(error: BaseException, kind: type[E]) -> E | None:
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, kind):
        cause = cause.__cause__ or cause.__context__
    return cause
