"""Exports and lists that come as gzip: all members, within bounds, and nothing that is cut or damaged."""

import gzip
import random
import tracemalloc

import pytest

from gateway.errors import PeerBroken
from gateway.pipeline.platform import gunzip

TEXT = b"psn_no\n" * 1000
LIMIT = 1 << 22
#: What gzip makes no smaller.
NOISE = random.Random(1).randbytes(3_000_000)


@pytest.mark.parametrize(
    ("content", "plain"),
    [
        (gzip.compress(TEXT), TEXT),
        (gzip.compress(TEXT) + gzip.compress(b"more"), TEXT + b"more"),
        (gzip.compress(TEXT) + bytes(512), TEXT),
        (gzip.compress(b""), b""),
        (gzip.compress(bytes(LIMIT)), bytes(LIMIT)),
        (gzip.compress(NOISE) + bytes(512) + gzip.compress(TEXT), NOISE + TEXT),
    ],
    ids=["one", "two members", "padded", "empty", "just within", "a member of many blocks, and another behind padding"],
)
def test_whole_files_are_unpacked(content: bytes, plain: bytes) -> None:
    """Members one after the other are one file, padding is none."""
    assert plain == gunzip(content, "x", LIMIT)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x1f",
        b"no gzip at all",
        gzip.compress(TEXT)[:-9],
        gzip.compress(TEXT)[:-1],
        gzip.compress(TEXT) + b"rest",
    ],
    ids=["nothing", "one byte", "garbage", "cut", "cut in the check sum", "rubbish behind"],
)
def test_what_is_not_whole_is_refused(content: bytes) -> None:
    """A file that is cut or damaged is the peer's fault and says what to do."""
    with pytest.raises(PeerBroken) as caught:
        gunzip(content, "x", LIMIT)
    assert caught.value.next_step


@pytest.mark.parametrize("before", [b"", gzip.compress(b"small")], ids=["first member", "second member"])
def test_a_bomb_is_refused_before_it_fills_the_memory(before: bytes) -> None:
    """A member that unpacks to more than the limit is given up at the limit, wherever it stands."""
    bomb = before + gzip.compress(bytes(64 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(PeerBroken, match="异常巨大"):
            gunzip(bomb, "x", LIMIT)
        assert tracemalloc.get_traced_memory()[1] < 3 * LIMIT
    finally:
        tracemalloc.stop()
