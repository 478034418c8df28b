"""Whatever bytes come, a parser reads them or refuses them with one of the known errors, in time and in bounds.

`FUZZ=10000` tries so many inputs for each parser; without it a handful of each is tried.
"""

import io
import json
import os
import time
import zipfile
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import xlsxwriter
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.errors import GatewayError
from gateway.mappings import MappingFiles
from gateway.normalise import normalise
from gateway.plugin import read_manifest_json, read_sums
from gateway.plugin.loader import load_plugins
from gateway.settings import load_settings

TRIES = int(os.environ.get("FUZZ", "25"))
#: Seconds for one input.
LONGEST = 2.0
DAY = date(2026, 11, 1)
PLUGINS = load_plugins()
SLUGS = ("civil_affairs", "rural_revitalization", "disabled_federation")
LISTS = {slug: MappingFiles().list_mapping(slug) for slug in SLUGS}
SITE = """
[site]
flags_from = 2026-01-01
[platform]
base = "https://platform.example/"
[sources.tax]
plugin = "tax"
sharing.valid_until = 2027-12-31
"""


def _headers(slug: str) -> list[str]:
    return [column.aliases[0] for column in LISTS[slug].columns]


def _csv() -> bytes:
    names = _headers("civil_affairs")
    rows = [names, ["甲"] * len(names), ["2026-01-01"] * len(names)]
    return "\r\n".join(",".join(row) for row in rows).encode("gb18030")


def _sheet() -> bytes:
    memory = io.BytesIO()
    with xlsxwriter.Workbook(memory, {"in_memory": True}) as book:
        page = book.add_worksheet(LISTS["rural_revitalization"].sheet or None)
        page.write_row(0, 0, _headers("rural_revitalization"))
        page.write_row(1, 0, ["甲"] * 5)
    return memory.getvalue()


def _records() -> bytes:
    return json.dumps([dict.fromkeys(_headers("disabled_federation"), "甲")] * 2, ensure_ascii=False).encode()


def _zip() -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b"<a/>" * 50)
    return memory.getvalue()


def _list(slug: str) -> Callable[[bytes], object]:
    return lambda data: normalise(data, LISTS[slug], part="part", scope="", business_date=DAY)


def _in_folder(name: str, read: Callable[[Path], object]) -> Callable[[bytes], object]:
    def parse(data: bytes) -> object:
        with TemporaryDirectory() as folder:
            file = Path(folder) / name
            file.parent.mkdir(exist_ok=True, parents=True)
            file.write_bytes(data)
            return read(Path(folder))

    return parse


def _shipped(name: str) -> bytes:
    return (Path(__file__).parents[2] / "mappings" / name).read_bytes()


#: A sound input, and what reads it.
PARSERS: dict[str, tuple[bytes, Callable[[bytes], object]]] = {
    "csv": (_csv(), _list("civil_affairs")),
    "xlsx": (_sheet(), _list("rural_revitalization")),
    "zip": (_zip(), _list("rural_revitalization")),
    "json": (_records(), _list("disabled_federation")),
    "manifest": (b'{"rows": 1, "files": [{"name": "a"}]}', lambda data: read_manifest_json(data, "part")),
    "sums": (b"a" * 64 + b"  name.csv\n", lambda data: read_sums(data, "part")),
    "settings": (SITE.encode(), _in_folder("gateway.toml", lambda root: load_settings(root, PLUGINS))),
    "mapping": (_shipped("tax.toml"), _in_folder("tax.toml", lambda root: MappingFiles(root).list_mapping("tax"))),
    "policy": (
        _shipped("policies/baise.toml"),
        _in_folder("policies/baise.toml", lambda root: MappingFiles(root).policy("baise")),
    ),
    "holidays": (
        _shipped("holidays.toml"),
        _in_folder("holidays.toml", lambda root: MappingFiles(root).working_days()),
    ),
}
#: Bytes that mean something to one parser or another.
TELLING = st.sampled_from(
    [b"\x00", b"\xff\xfe", b'"', b"\r", b"\n", b",", b"[" * 3000, b"{", b"}", b"]", b"9" * 400, b"-", b"nan", b"1e999",
     b"=", b"'", b"\xef\xbb\xbf", b"PK\x03\x04", b"PK\x05\x06", b"2026-13-45", b"\xed\xa0\x80", b"\\ud800", b"null",
     b"true", b"[[", b"]]", b"0x", b"..", b"../../etc/passwd", b"__proto__", b"\x1a"]
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn, sound: bytes) -> bytes:
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
            data[at:at] = draw(TELLING)
        elif kind == 2:
            data[at:at] = draw(st.binary(min_size=1, max_size=8))
        elif kind == 3 and at < len(data):
            data[at] ^= draw(st.integers(1, 255))
        else:
            data[at:at] = data[at : at + draw(st.integers(1, 100))] * draw(st.integers(1, 50))
    return bytes(data)


@pytest.mark.parametrize("parser", PARSERS)
def test_a_parser_reads_or_refuses(parser: str) -> None:
    """No input crashes a parser or keeps it for more than two seconds: it is read, or refused with a known error."""
    sound, parse = PARSERS[parser]

    @settings(
        max_examples=TRIES, deadline=timedelta(seconds=60), suppress_health_check=list(HealthCheck), database=None
    )
    @given(data=damaged(sound))
    def tried(data: bytes) -> None:
        # The process's own time: another program may have the machine meanwhile.
        began = time.process_time()
        try:
            parse(data)
        except GatewayError as refusal:
            assert refusal.what
        assert LONGEST > time.process_time() - began

    tried()


@pytest.mark.parametrize("parser", PARSERS)
def test_the_sound_input_gets_deep(parser: str) -> None:
    """What the inputs are made from is no nonsense: it is read, or refused for what stands in it."""
    sound, parse = PARSERS[parser]
    try:
        parse(sound)
    except GatewayError as refusal:
        assert parser in ("settings", "zip"), refusal
