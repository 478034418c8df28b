"""Inputs made from sound ones: bytes that are cut, repeated, flipped and put in, by hypothesis or by a seed.

The first kind shrinks to the smallest that fails; the second is cheap, so that ten thousand of them take seconds.
"""

import io
import random
import re
import zipfile
from collections.abc import Callable, Sequence

import pyzipper
from hypothesis import strategies as st

#: Bytes that mean something to one parser or another.
TELLING = [
    b"\x00", b"\xff\xfe", b'"', b"\r", b"\n", b",", b"[" * 3000, b"{", b"}", b"]", b"9" * 400, b"-", b"nan", b"1e999",
    b"=", b"'", b"\xef\xbb\xbf", b"PK\x03\x04", b"PK\x05\x06", b"PK\x01\x02", b"2026-13-45", b"\xed\xa0\x80",
    b"\\ud800", b"null", b"true", b"[[", b"]]", b"0x", b"..",
    b"../../etc/passwd", b"__proto__", b"\x1a", b"<!DOCTYPE x [", b"&a;",
    b"<row r='1048576'>", b'r="XFD1048576"', b"count='999999999'", b"\x1f\x8b\x08", b"\xf0\x9f\x98\x80", b"1" * 5000,
    b"{'a':" * 900, b"9999-12-31", b"0000-00-00", b"-0", b"1E400", b"\x81\x30\x81\x30", b"\x85", b"\xe3\x80\x80",
]  # fmt: skip
#: Sizes and counts that a field of an archive may lie about.
LIES = (0, 1, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF)
NAMES = (
    "../x.csv",
    "/x",
    "a\\..\\b",
    "C:x",
    ".",
    "a" * 300,
    "list.csv",
    "名单.csv",
    "list.csv/",
    "a\x00b",
    "xl/workbook.xml",
)
Draw = Callable[[random.Random, bytes], bytes]


@st.composite
def edited(draw: st.DrawFn, sound: bytes) -> bytes:
    """The sound input after a few cuts, repeats, flips and insertions; or anything at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=2000))
    data = bytearray(sound)
    for _step in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data)))
        kind = draw(st.integers(0, 4))
        if kind == 0:
            del data[at : at + draw(st.integers(1, 200))]
        elif kind == 1:
            data[at:at] = draw(st.sampled_from(TELLING))
        elif kind == 2:
            data[at:at] = draw(st.binary(min_size=1, max_size=8))
        elif kind == 3 and at < len(data):
            data[at] ^= draw(st.integers(1, 255))
        else:
            data[at:at] = data[at : at + draw(st.integers(1, 100))] * draw(st.integers(1, 50))
    return bytes(data)


def damaged(sounds: Sequence[bytes], more: Sequence[Draw] = ()) -> st.SearchStrategy[bytes]:
    """One of the sound inputs, edited; or what a seed makes of it, by bytes or in a way of its format's own."""
    ways = (by_bytes, *more)

    def of_seed(seed: int) -> bytes:
        chance = random.Random(seed)
        return chance.choice(ways)(chance, chance.choice(sounds))

    return st.one_of(st.sampled_from(sounds).flatmap(edited), st.builds(of_seed, st.integers(0, 1 << 40)))


def by_bytes(chance: random.Random, sound: bytes) -> bytes:
    """One to eight small changes at any places."""
    data = bytearray(sound)
    for _step in range(chance.randint(1, 8)):
        at, long = chance.randrange(len(data) + 1), chance.choice((1, 1, 4, 60, 500))
        match chance.randrange(6):
            case 0:
                del data[at : at + long]
            case 1:
                data[at:at] = chance.choice(TELLING)
            case 2 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 3:
                data[at : at + long] = chance.randbytes(long)
            case 4:
                data[at:at] = data[at : at + long] * chance.randint(1, 40)
            case _:
                to = chance.randrange(len(data) + 1)
                data[at : at + long] = data[to : to + long]
    return bytes(data)


def in_members(chance: random.Random, sound: bytes) -> bytes:
    """An archive, packed anew after some of its members were changed: what a check sum alone would hide."""
    memory = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(sound)) as old, zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as new:
        hit = chance.choices(old.infolist(), k=chance.choice((1, 1, 1, 2)))
        for member in old.infolist():
            content = old.read(member)
            if member in hit:
                content = chance.choice((by_bytes, in_tags))(chance, content)
            if chance.random() < 0.02:
                at = chance.randrange(len(content) + 1)
                content = content[:at] + chance.choice((b" ", b"<c/>", b"<row>", b"a")) * (2 << 20) + content[at:]
            if chance.random() > 0.02:
                new.writestr(chance.choice(NAMES) if chance.random() < 0.03 else member.filename, content)
    return memory.getvalue()


def in_tags(chance: random.Random, sound: bytes) -> bytes:
    """XML that stays well formed: other numbers and words in its attributes and texts, elements twice."""
    pieces = re.split(rb"(\"[^\"]*\"|>[^<]+<)", sound)
    places = [at for at, piece in enumerate(pieces) if piece[:1] in (b'"', b">") and len(piece) > 1]
    for at in chance.sample(places, min(len(places), chance.randint(1, 3))):
        other = chance.choice(
            (b"", b"0", b"-1", b"4294967296", b"1e9", b"A1048576", b"s", b"b", b"str", b"\xe7\x94\xb2")
        )
        pieces[at] = pieces[at][:1] + other + pieces[at][-1:]
    return b"".join(pieces)


def in_fields(chance: random.Random, sound: bytes) -> bytes:
    """An archive some of whose headers lie: about sizes, offsets, methods, counts, flags."""
    data = bytearray(sound)
    places = [at for mark in (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06") for at in _found(data, mark)]
    for _step in range(chance.randint(1, 3)):
        at = chance.choice(places) + chance.randrange(4, 46)
        lie = chance.choice((*LIES, chance.getrandbits(32))).to_bytes(4, "little")[: chance.choice((1, 2, 4))]
        data[at : at + len(lie)] = lie
    return bytes(data)


def _found(data: bytearray, mark: bytes) -> list[int]:
    found, at = [], data.find(mark)
    while at >= 0:
        found.append(at)
        at = data.find(mark, at + 1)
    return found


def aes(members: dict[str, bytes], password: bytes = b"word") -> bytes:
    """A WinZip-AES archive."""
    memory = io.BytesIO()
    with pyzipper.AESZipFile(memory, "w", compression=zipfile.ZIP_DEFLATED, encryption=pyzipper.WZ_AES) as archive:
        archive.setpassword(password)
        for name, content in members.items():
            archive.writestr(name, content)
    return memory.getvalue()


def in_aes(chance: random.Random, sound: bytes) -> bytes:
    """An encrypted archive of a list that was damaged before; now and then under another name."""
    name = chance.choice(NAMES) if chance.random() < 0.1 else "list.csv"
    with pyzipper.AESZipFile(io.BytesIO(sound)) as old:
        old.setpassword(b"word")
        content = old.read(old.namelist()[0])
    return aes({name: by_bytes(chance, content)})


def in_tokens(chance: random.Random, sound: bytes) -> bytes:
    """Lines and words of a text in another order, some twice, some gone, some another's."""
    lines = sound.split(b"\n")
    for _step in range(chance.randint(1, 5)):
        at, to = chance.randrange(len(lines)), chance.randrange(len(lines))
        match chance.randrange(4):
            case 0:
                lines[at], lines[to] = lines[to], lines[at]
            case 1:
                lines.insert(to, lines[at])
            case 2 if len(lines) > 1:
                del lines[at]
            case _:
                words = lines[at].split(b" ")
                words[chance.randrange(len(words))] = chance.choice((*TELLING, *lines[to].split(b" ")))
                lines[at] = b" ".join(words)
    return b"\n".join(lines)
