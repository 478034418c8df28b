"""A download ends with the whole file and nothing but the file, whatever happened on the way."""

import hashlib
import random
import re
import threading
from collections.abc import Iterable

import pytest

from gateway.errors import PeerBroken, PeerRefused, PeerUnreachable
from gateway.peers.http import HttpPeer, Retry
from gateway.peers.sink import DigestingSink, MemorySink
from tests.peers.scripted import Play, Scripted, Seen, always, answer

pytestmark = pytest.mark.integration

DATA = random.Random(1).randbytes(300_000)
OTHER = random.Random(2).randbytes(280_000)
LIMIT = 1_000_000
RETRY = Retry(attempts=4, first_wait=1.0, longest_wait=9.0)


def peer(server: Scripted) -> HttpPeer:
    return HttpPeer(server.base, name="税务", timeout=2.0, retry=RETRY)


def ranged(data: bytes, etag: str, cut: int | None = None) -> Play:
    """A server that keeps RFC 9110, and closes the connection after `cut` bytes of a body."""

    def play(seen: Seen) -> Iterable[bytes]:
        asked = re.fullmatch(r"bytes=(\d+)-", seen.headers.get("range", ""))
        if asked and seen.headers.get("if-range") == etag:
            start = int(asked[1])
            span = f"bytes {start}-{len(data) - 1}/{len(data)}"
            whole = answer(206, data[start:], ETag=etag, Content_Range=span)
            body = len(data) - start
        else:
            whole, body = answer(200, data, ETag=etag), len(data)
        yield whole if cut is None or body <= cut else whole[: len(whole) - body + cut]

    return play


def fetch(*plays: Play, expected_bytes: int | None = None, limit: int = LIMIT) -> tuple[bytes, Scripted]:
    sink = MemorySink()
    with Scripted(*plays) as server, peer(server) as http:
        done = http.download("f", sink, limit=limit, expected_bytes=expected_bytes)
    assert sink.plain_size == done.bytes
    return sink.getvalue(), server


def test_whole_at_once() -> None:
    """Without trouble one request brings the file and its ETag."""
    data, server = fetch(ranged(DATA, '"a"'))
    assert DATA == data
    assert 1 == len(server.seen)


@pytest.mark.parametrize("cut", [7919, 65_536, 150_000])
def test_cut_every_so_many_bytes(cut: int, waits: list[float]) -> None:
    """A server that cuts every N bytes is asked for the rest each time, without a pause while it goes
    forward."""
    data, server = fetch(ranged(DATA, '"a"', cut), expected_bytes=len(DATA))
    assert DATA == data
    assert -(-len(DATA) // cut) == len(server.seen)
    assert {'"a"'} == {seen.headers["if-range"] for seen in server.seen[1:]}
    assert [] == waits


def test_another_file_meanwhile() -> None:
    """A file that was replaced comes as 200: it is taken from its start, and nothing of the old one stays."""
    data, _server = fetch(ranged(DATA, '"a"', 100_000), ranged(OTHER, '"b"'))
    assert OTHER == data


def test_server_without_ranges() -> None:
    """A server that always answers 200 is read from the start each time."""
    data, _server = fetch(lambda seen: [answer(200, DATA, ETag='"a"')[:-9]], always(200, DATA, ETag='"a"'))
    assert DATA == data


@pytest.mark.parametrize("etag", [None, 'W/"a"'])
def test_no_strong_etag(etag: str | None) -> None:
    """Without a strong ETag nothing proves that the rest fits: the file is asked for from its start."""
    headers = {} if etag is None else {"ETag": etag}
    data, server = fetch(lambda seen: [answer(200, DATA, **headers)[:-9]], always(200, DATA, **headers))
    assert DATA == data
    assert all("range" not in seen.headers for seen in server.seen)


@pytest.mark.parametrize(
    "wrong",
    [
        always(416),
        always(206, b"x" * 10, ETag='"a"'),
        always(206, b"x" * 10, ETag='"a"', Content_Range="bytes 0-9/300000"),
        always(206, b"x" * 10, ETag='"a"', Content_Range="bytes 100000-100009/10"),
        always(206, b"x" * 10, ETag='"a"', Content_Range="nonsense"),
        always(206, b"x" * 10, ETag='"b"', Content_Range="bytes 100000-299999/300000"),
    ],
    ids=["416", "no range", "other start", "other total", "nonsense", "other etag"],
)
def test_wrong_continuation(wrong: Play) -> None:
    """A continuation that doesn't fit what we hold is dropped with all of it, and the file starts again."""
    data, _server = fetch(ranged(DATA, '"a"', 100_000), wrong, ranged(DATA, '"a"'))
    assert DATA == data


def test_never_the_same_twice() -> None:
    """A file that is another one at each try is given up after bounded fresh starts."""
    plays = [ranged(DATA, f'"{number}"', 100_000 + number) for number in range(100)]
    with Scripted(*plays) as server, peer(server) as http, pytest.raises(PeerBroken):
        http.download("f", MemorySink(), limit=LIMIT)
    assert len(server.seen) < 10


def test_no_way_forward(waits: list[float]) -> None:
    """Connections that bring nothing new are bounded, with waits between them; what came stays in the
    sink."""
    sink = MemorySink()

    def nothing(seen: Seen) -> Iterable[bytes]:
        return []

    plays = [ranged(DATA, '"a"', 100_000), nothing]
    with Scripted(*plays) as server, peer(server) as http, pytest.raises(PeerUnreachable):
        http.download("f", sink, limit=LIMIT)
    assert DATA[:100_000] == sink.getvalue()
    assert [1.0, 2.0, 4.0] == waits


def test_dripping() -> None:
    """A server that brings a few bytes and then stalls, each time, does not hold us for as many times as it
    likes."""
    stop = threading.Event()

    def drip(seen: Seen) -> Iterable[bytes]:
        start = int(seen.headers.get("range", "bytes=0-")[6:-1])
        span = f"bytes {start}-{len(DATA) - 1}/{len(DATA)}"
        whole = answer(206 if start else 200, DATA[start:], ETag='"a"', Content_Range=span)
        yield whole[: len(whole) - len(DATA[start:]) + 10]
        stop.wait(10)

    with Scripted(drip) as server:
        http = HttpPeer(server.base, name="税务", timeout=1.0, retry=RETRY)
        with http, pytest.raises(PeerUnreachable):
            http.download("f", MemorySink(), limit=LIMIT)
        stop.set()
    assert RETRY.attempts == len(server.seen)


def test_busy_meanwhile(waits: list[float]) -> None:
    """A 503 in the middle is waited out, and the download goes on where it was."""
    data, server = fetch(ranged(DATA, '"a"', 100_000), always(503, Retry_After="3"), ranged(DATA, '"a"'))
    assert DATA == data
    assert [3.0] == waits
    assert "bytes=100000-" == server.seen[2].headers["range"]


def test_left_over_from_another_process() -> None:
    """What the sink held before belongs to nobody knows which file: the download starts anew."""
    sink = MemorySink()
    sink.write(b"old")
    with Scripted(ranged(DATA, '"a"')) as server, peer(server) as http:
        http.download("f", sink, limit=LIMIT)
    assert DATA == sink.getvalue()


@pytest.mark.parametrize("announced", [True, False])
def test_over_the_limit(announced: bool) -> None:
    """A file over the limit is refused, with or without a length; the sink never takes more than the
    limit."""

    def play(seen: Seen) -> Iterable[bytes]:
        yield answer(200, DATA) if announced else b"HTTP/1.1 200 OK\r\n\r\n" + DATA

    sink = MemorySink()
    with Scripted(play) as server, peer(server) as http, pytest.raises(PeerBroken):
        http.download("f", sink, limit=1000)
    assert sink.plain_size <= 1000


@pytest.mark.parametrize("expected", [len(DATA) - 1, len(DATA) + 1])
def test_other_size_than_announced(expected: int) -> None:
    """A file of another size than the contract's answer said is refused."""
    with pytest.raises(PeerBroken):
        fetch(ranged(DATA, '"a"'), expected_bytes=expected)


def test_no_length_and_cut() -> None:
    """Where no length was sent the expected size tells that the end came early, and the rest is fetched."""

    def unmeasured(seen: Seen) -> Iterable[bytes]:
        yield b'HTTP/1.1 200 OK\r\nETag: "a"\r\n\r\n' + DATA[:100_000]

    data, _server = fetch(unmeasured, ranged(DATA, '"a"'), expected_bytes=len(DATA))
    assert DATA == data


def test_empty_file() -> None:
    """An empty file is a file."""
    data, _server = fetch(ranged(b"", '"a"'), expected_bytes=0)
    assert b"" == data


@pytest.mark.parametrize(("status", "kind"), [(401, PeerRefused), (404, PeerBroken), (206, PeerBroken)])
def test_unwanted_status(status: int, kind: type[Exception]) -> None:
    """A status that brings no file is raised with its code, at once."""
    with Scripted(always(status)) as server, peer(server) as http, pytest.raises(kind) as caught:
        http.download("f", MemorySink(), limit=LIMIT)
    assert (f"http-{status}", 1) == (caught.value.code, len(server.seen))  # type: ignore[attr-defined]


def test_full_disk_is_not_the_peers_fault() -> None:
    """What the sink raises is not translated, nor tried again."""

    class Full(MemorySink):
        def write(self, data: bytes, /) -> None:
            raise OSError(28, "No space left on device")

    with Scripted(ranged(DATA, '"a"')) as server, peer(server) as http, pytest.raises(OSError, match="space"):
        http.download("f", Full(), limit=LIMIT)
    assert 1 == len(server.seen)


def test_digest_follows_fresh_starts() -> None:
    """A digest taken on the way is of what the sink holds at the end."""
    sink = MemorySink()
    digesting = DigestingSink(sink, hashlib.sha256)
    with Scripted(ranged(DATA, '"a"', 100_000), ranged(OTHER, '"b"', 9000)) as server, peer(server) as http:
        http.download("f", digesting, limit=LIMIT)
    assert hashlib.sha256(OTHER).hexdigest() == digesting.hexdigest()
    assert OTHER == sink.getvalue()
