"""The channel to the platform: message numbers, exports, uploads."""

import io
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from threading import Lock

import polars as pl

from gateway.acquire import SourceSession
from gateway.errors import PeerBroken
from gateway.model.archives import is_packed
from gateway.peers.envelope import EnvelopePeer
from gateway.peers.sink import MemorySink
from gateway.plugin.api import Platform
from gateway.plugin.forms import now
from gateway.site import Site
from gateway.store import outbox
from gateway.store.ledger import Tx
from gateway.words import _

#: Bytes that an export may unpack to; a province's roster is about 6 GB, a city's 600 MB.
EXPORT_LIMIT = 16 << 30
#: Times that an export is asked for which is not as long as the platform says.
MOST_EXPORTS = 3
#: Packed bytes that are unpacked at once.
_GZIP_BLOCK = 1 << 20
#: What gzip allows behind a member.
_GZIP_PADDING = re.compile(rb"\0*")


class PlatformChannel:
    """One run's channel to the platform. Connects when first used."""

    def __init__(self, site: Site, platform: Platform, session: SourceSession) -> None:
        self._site, self._platform, self._session = site, platform, session
        self._peer: EnvelopePeer | None = None
        self._numbers = MessageNumbers(site, getattr(platform.options, "org_code", ""))
        session.next_msgid = self._numbers.draw

    def export(self, what: str) -> bytes:
        """The plain CSV of `roster` or `records`."""
        bring = self._platform.roster if what == "roster" else self._platform.records
        return self._whole(lambda sink: bring(self._connected(), self._numbers.draw(), sink))

    def settlements(self, year: int) -> bytes:
        """The plain CSV of what hospitals settled in a year."""
        bring = self._platform.settlements
        return self._whole(lambda sink: bring(self._connected(), year, self._numbers.draw(), sink))

    def _whole(self, bring: Callable[[MemorySink], int]) -> bytes:
        """The plain CSV of an export that has as many data rows as its answer says; else it is asked for anew."""
        where = _("医保平台导出文件")
        for _turn in range(MOST_EXPORTS):
            sink = MemorySink()
            promised = bring(sink)
            content = gunzip(sink.getvalue(), where)
            rows = _rows(content, promised)
            if rows == promised:
                return content
        text = _("平台称有 {promised} 行,实收 {rows} 行,未采用").format(promised=promised, rows=rows)
        raise _bad(text, where)

    def upload(self, msgid: str, plain: bytes) -> list[tuple[int, int]]:
        """(seq, result) per item. Raises as `Platform.upload`."""
        return self._platform.upload(self._connected(), msgid, plain)

    @contextmanager
    def drawn(self, count: int) -> Iterator[tuple[Tx, list[str]]]:
        """Fresh message numbers, and the transaction with which they are given out."""
        with self._numbers.drawn(count) as given:
            yield given

    def sign_in(self) -> None:
        """Proves keys and operator."""
        self._connected().sign_in()

    def _connected(self) -> EnvelopePeer:
        if self._peer is None:
            self._peer = self._platform.connect(self._session)
        return self._peer


class MessageNumbers:
    """Message numbers: organisation code, time, serial. The ledger keeps each, so that none is given twice."""

    def __init__(self, site: Site, org_code: str) -> None:
        self._site, self._org_code = site, org_code
        self._lock = Lock()

    def draw(self) -> str:
        """The next number."""
        with self.drawn(1) as (_tx, numbers):
            return numbers[0]

    @contextmanager
    def drawn(self, count: int) -> Iterator[tuple[Tx, list[str]]]:
        """As many numbers, in order, each higher than every one before; theirs once the transaction commits."""
        with self._lock, self._site.ledger.begin() as tx:
            last = outbox.last_msgid(tx, self._org_code) or ""
            fresh = int(f"{now():%Y%m%d%H%M%S}0000")
            start = max(fresh, int(last[len(self._org_code) :] or 0) + 1)
            numbers = [f"{self._org_code}{start + i:018d}" for i in range(count)]
            outbox.draw_messages(tx, numbers)
            yield tx, numbers


@contextmanager
def open_channel(site: Site, today: date) -> Iterator[PlatformChannel]:
    """The channel of a run, closed at its end."""
    platform = site.plugins.platform(site.settings.platform_plugin)(site.settings.platform)
    with SourceSession(
        instance="platform",
        today=today,
        site=site.settings.root,
        keyring=site.keyring,
        incoming=site.incoming("platform"),
    ) as session:
        yield PlatformChannel(site, platform, session)


def _rows(content: bytes, promised: int) -> int:
    """Data rows of an export: its lines but the header, unless these are another number and may end within a cell."""
    lines = content.count(b"\n") + (not content.endswith(b"\n")) - 1
    if lines == promised or b'"' not in content:
        return lines
    try:
        return pl.read_csv(content, infer_schema=False, columns=[0]).height
    except pl.exceptions.PolarsError:
        return lines


def gunzip(content: bytes, where: str, limit: int = EXPORT_LIMIT) -> bytes:
    """The unpacked bytes of all members, at most `limit` of them, which are not packed again. Raises PeerBroken."""
    # Into one buffer, block by block: zlib gathers what it unpacks at once in pieces, and holds it twice at the end.
    plain, at = io.BytesIO(), 0
    try:
        while at < len(content) or not at:
            padding = _GZIP_PADDING.match(content, _unpack_member(content, at, plain, where, limit))
            assert padding  # it matches nothing as well
            at = padding.end()
    except zlib.error as fault:
        raise _bad(_("压缩文件损坏"), where) from fault
    if is_packed(plain.getbuffer()[:4].tobytes()):
        raise _bad(_("压缩文件里还是压缩文件"), where)
    return plain.getvalue()


def _unpack_member(content: bytes, at: int, plain: io.BytesIO, where: str, limit: int) -> int:
    """Unpacks the member that begins there; where it ends."""
    unpacker, view, rest = zlib.decompressobj(zlib.MAX_WBITS | 16), memoryview(content), b""
    while not unpacker.eof:
        if not rest:
            rest, at = view[at : at + _GZIP_BLOCK].tobytes(), at + _GZIP_BLOCK
        # A block of a bomb is a thousand blocks, which are not held beside the buffer.
        piece = unpacker.decompress(rest, min(4 * _GZIP_BLOCK, limit - plain.tell() + 1))
        if not rest and not piece and not unpacker.eof:
            raise _bad(_("压缩文件不完整"), where)
        rest = unpacker.unconsumed_tail
        plain.write(piece)
        if plain.tell() > limit:
            raise _bad(_("解压后异常巨大"), where)
    return min(at, len(content)) - len(unpacker.unused_data)


def _bad(what: str, where: str) -> PeerBroken:
    return PeerBroken(what, where=where, next_step=_("下次运行会重新下载;持续出现时请联系对方"))
