"""Requests: bounded in size, time and tries, whatever the other side does."""

import gzip
import socket
import threading
from collections.abc import Iterable

import pytest

from gateway.errors import PeerBroken, PeerRefused, PeerUnreachable, SettingsFault
from gateway.peers.http import HttpPeer, Retry
from tests.peers.scripted import Play, Scripted, Seen, always, answer

pytestmark = pytest.mark.integration

RETRY = Retry(attempts=4, first_wait=1.0, longest_wait=30.0)


def peer(base: str, timeout: float = 5.0) -> HttpPeer:
    return HttpPeer(base, name="残联", timeout=timeout, retry=RETRY)


def drop(seen: Seen) -> Iterable[bytes]:
    return []


def test_paths_stay_under_the_base() -> None:
    """Whatever form a link has, it means a path under the base, and its query is sent as it stands."""
    with Scripted(always(200)) as server, peer(server.base) as http:
        root = server.base.removesuffix("/base")
        for link in ("a/b?x=%2B1", "/a/b?x=%2B1", "/base/a/b?x=%2B1", root + "/base/a/b?x=%2B1"):
            http.request("GET", link)
        http.request("GET", "a", params={"since": "2026-11-01T00:00:00+08:00"})
    assert ["/base/a/b?x=%2B1"] * 4 == [seen.target for seen in server.seen[:4]]
    assert "%2B08" in server.seen[4].target


def test_links_to_other_servers() -> None:
    """A link to another server is not followed, nor is a redirect: our credentials would go along."""
    with Scripted(always(302, Location="http://127.0.0.1:1/")) as server, peer(server.base) as http:
        with pytest.raises(PeerBroken):
            http.request("GET", "http://127.0.0.1:1/base/a")
        assert 302 == http.request("GET", "a").status
    assert 1 == len(server.seen)


def test_links_out_of_tls() -> None:
    """A link to the same server that leaves TLS is not followed: our credentials would go along in the clear."""
    with (
        Scripted(always(200)) as server,
        peer(server.base.replace("http://", "https://")) as http,
        pytest.raises(PeerBroken),
    ):
        http.request("GET", f"{server.base}/a")
    assert [] == server.seen


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(status: int, waits: list[float]) -> None:
    """A passing status is waited out, each wait twice as long as the one before."""
    plays = [always(status), always(status), always(200, b"{}")]
    with Scripted(*plays) as server, peer(server.base) as http:
        assert {} == http.request("POST", "a", json={"q": 1}).json()
    assert [1.0, 2.0] == waits
    assert [b'{"q":1}'] * 3 == [seen.body for seen in server.seen]


@pytest.mark.parametrize(("status", "kind"), [(503, PeerRefused), (429, PeerRefused), (500, PeerBroken)])
def test_patience_ends(status: int, kind: type[Exception], waits: list[float]) -> None:
    """After the last attempt the error says what the peer said."""
    with (
        Scripted(always(status)) as server,
        peer(server.base) as http,
        pytest.raises(kind, match=str(status)),
    ):
        http.request("GET", "a")
    assert RETRY.attempts == len(server.seen)
    assert RETRY.attempts - 1 == len(waits)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Retry_After": "7"}, 7.0),
        ({"Retry_After": "0"}, 1.0),
        ({"Retry_After": "180"}, 180.0),
        ({"Retry_After": "soon"}, 1.0),
        ({"Retry_After": "-5"}, 1.0),
        ({"Retry_After": "Sun, 01 Nov 2026 08:00:09 GMT", "Date": "Sun, 01 Nov 2026 08:00:00 GMT"}, 9.0),
        ({"Retry_After": "Sun, 01 Nov 2026 08:02:00 GMT", "Date": "Sun, 01 Nov 2026 08:00:00 GMT"}, 120.0),
        ({"Retry_After": "Sun, 01 Nov 2026 07:00:00 GMT", "Date": "Sun, 01 Nov 2026 08:00:00 GMT"}, 1.0),
    ],
)
def test_retry_after(headers: dict[str, str], expected: float, waits: list[float]) -> None:
    """Retry-After counts in full, in seconds and as a date; nonsense counts as absent, and it makes no wait shorter."""
    with Scripted(always(503, b"", **headers), always(200)) as server, peer(server.base) as http:
        http.request("GET", "a")
    assert [expected] == waits


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"Retry_After": "181"}, "181 秒"),
        ({"Retry_After": "9" * 400}, "999999999 秒"),
        ({"Retry_After": "Sun, 01 Nov 2026 09:00:00 GMT", "Date": "Sun, 01 Nov 2026 08:00:00 GMT"}, "3600 秒"),
    ],
)
def test_a_peer_that_wants_to_be_left_alone_is(headers: dict[str, str], said: str, waits: list[float]) -> None:
    """A peer that asks for more than a run's patience is not asked again by any request, and the error says when to."""
    with Scripted(always(503, b"", **headers), always(200)) as server, peer(server.base) as http:
        for path in ("a", "b"):
            with pytest.raises(PeerRefused, match=said):
                http.request("GET", path)
    assert ([], 1) == (waits, len(server.seen))


def test_a_peer_is_never_asked_before_it_wants_to_be(waits: list[float]) -> None:
    """Where patience ended, the next request waits for what the peer asked last."""
    busy = always(503, b"", Retry_After="100")
    with Scripted(*[busy] * RETRY.attempts, always(200)) as server, peer(server.base) as http:
        with pytest.raises(PeerRefused):
            http.request("GET", "a")
        http.request("GET", "b")
    assert [100.0] * RETRY.attempts == pytest.approx(waits, abs=5)


@pytest.mark.parametrize("status", [200, 201, 301, 400, 401, 403, 404, 410, 501])
def test_what_does_not_pass_is_given_at_once(status: int, waits: list[float]) -> None:
    """Any other status is the caller's to judge, after one request."""
    with Scripted(always(status)) as server, peer(server.base) as http:
        assert status == http.request("GET", "a").status
    assert ([], 1) == (waits, len(server.seen))


@pytest.mark.parametrize(("status", "kind"), [(401, PeerRefused), (403, PeerRefused), (404, PeerBroken)])
def test_expect(status: int, kind: type[Exception]) -> None:
    """An unexpected status is an error whose code names it."""
    with Scripted(always(status)) as server, peer(server.base) as http, pytest.raises(kind) as caught:
        http.request("GET", "a").expect(200, 202)
    assert f"http-{status}" == caught.value.code  # type: ignore[attr-defined]


def test_dropped_connections(waits: list[float]) -> None:
    """A connection that closes without an answer is tried again."""
    with Scripted(drop, drop, always(200, b"ok")) as server, peer(server.base) as http:
        assert b"ok" == http.request("POST", "a", content=b"x").content
    assert 2 == len(waits)


def test_cut_answer(waits: list[float]) -> None:
    """An answer that breaks off before its length is tried again, never used."""
    with (
        Scripted(lambda seen: [answer(200, b"0123456789")[:-4]], always(200, b"whole")) as server,
        peer(server.base) as http,
    ):
        assert b"whole" == http.request("GET", "a").content


def test_nobody_listens() -> None:
    """A closed port is a peer that cannot be reached, after bounded tries."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with peer(f"http://127.0.0.1:{port}") as http, pytest.raises(PeerUnreachable):
        http.request("GET", "a")


def test_stall() -> None:
    """A server that accepts and never answers is given up after the timeout."""
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        peer(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.2) as http,
        pytest.raises(PeerUnreachable),
    ):
        http.request("GET", "a")


def test_dripping() -> None:
    """A body that comes byte by byte, each within the timeout, is given up all the same."""
    stop = threading.Event()

    def drip(seen: Seen) -> Iterable[bytes]:
        yield b"HTTP/1.1 200 OK\r\n\r\n"
        while not stop.wait(0.05):
            yield b"x"

    with Scripted(drip) as server, peer(server.base, timeout=0.4) as http:
        with pytest.raises(PeerUnreachable):
            http.request("GET", "a")
        stop.set()


def endless(seen: Seen) -> Iterable[bytes]:
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    while True:
        yield b"10000\r\n" + b"x" * 65536 + b"\r\n"


@pytest.mark.parametrize("play", [endless, always(200, b"x" * 1001)])
def test_endless_body(play: Play) -> None:
    """A body over the limit is cut off at the limit, and not asked for again."""
    with Scripted(play) as server, peer(server.base) as http, pytest.raises(PeerBroken):
        http.request("GET", "a", limit=1000)
    assert 1 == len(server.seen)


def test_body_at_the_limit() -> None:
    """A body of just the limit is fine."""
    with Scripted(always(200, b"x" * 1000)) as server, peer(server.base) as http:
        assert 1000 == len(http.request("GET", "a", limit=1000).content)


def test_unasked_compression() -> None:
    """A small body that unpacks into a large one is held to the limit as unpacked."""
    bomb = always(200, gzip.compress(b"\0" * 10_000_000), Content_Encoding="gzip")
    with Scripted(bomb) as server, peer(server.base) as http, pytest.raises(PeerBroken):
        http.request("GET", "a", limit=100_000)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{", b"\xff\xfe", b"[" * 200_000, b'{"a": 1}x'])
def test_garbage_json(body: bytes) -> None:
    """What isn't JSON is an error of ours, and the text is not in it."""
    with Scripted(always(200, body)) as server, peer(server.base) as http:
        reply = http.request("GET", "a")
    with pytest.raises(PeerBroken) as caught:
        reply.json()
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00", b"SSH-2.0-x\r\n\r\n", b"HTTP/9 lots\r\n\r\n"])
def test_garbage_instead_of_http(garbage: bytes) -> None:
    """Bytes that are no HTTP are an error of ours after bounded tries."""
    with Scripted(lambda seen: [garbage]) as server, peer(server.base) as http, pytest.raises(PeerBroken):
        http.request("GET", "a")
    assert RETRY.attempts == len(server.seen)


@pytest.mark.parametrize("base", ["", "ftp://h/x", "h:80", "http://", "http://h:port", "http://h/?q=1"])
def test_unusable_base(base: str) -> None:
    """A base that isn't an http address is a fault of the configuration."""
    with pytest.raises(SettingsFault):
        peer(base)


def test_proxies_of_the_environment_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy variable of the machine doesn't get to see our requests."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    with Scripted(always(200, b"ok")) as server, peer(server.base) as http:
        assert b"ok" == http.request("GET", "a").content
