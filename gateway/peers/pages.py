"""Lists behind cursors, complete or not at all (contract 残联 disabled persons' federation).

Takes a peer, a path and how to open a page; gives all rows once, in the order they came. `PeerUntrusted` for
a page whose signature or seal does not hold, `PeerBroken` for a list that never becomes complete.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors import PeerBroken, PeerUntrusted, SealBroken
from gateway.model.jsons import json_of
from gateway.peers import retry as retrying
from gateway.peers.http import HttpPeer
from gateway.peers.shapes import base64_bytes, is_count, mapping
from gateway.vault.sm import Sm2PublicKey, sm4_gcm_open_any
from gateway.words import _

#: Readings of one list from its start. Each may be stopped by an old cursor or by rows that came or went
#: meanwhile.
MOST_READINGS = 5
#: Pages of one reading: ten million rows at the contract's 500 a page.
MOST_PAGES = 20_000
GONE = 410

Row = Mapping[str, Any]  # a row as the peer sent it: `normalise` checks every cell


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page, verified and decrypted."""

    rows: list[Row]
    #: Rows of the whole list, as the peer counts when it makes this page.
    total: int
    #: The moment the page is true for, as sent.
    as_of: str
    #: None on the last page.
    next_cursor: str | None


@dataclass(frozen=True, kw_only=True)
class Pages:
    """A whole list."""

    #: Each key once, in the order in which it came first.
    rows: list[Row]
    #: `total` of the last page.
    total: int
    #: `as_of` of the first page: a change after it may be missing.
    as_of: str
    #: How often the reading began anew.
    restarts: int


#: Verifies and opens the JSON of one page; the second argument is the cursor of the request, or empty.
OpenPage = Callable[[object, str], Page]


@dataclass(frozen=True, kw_only=True)
class FederationPages:
    """Opens the federation's pages: first its signature, then the seal."""

    #: The shared SM4 key, 16 bytes.
    sm4_key: bytes
    federation_key: Sm2PublicKey
    #: While the federation changes its keys, those it is about to use, or used before.
    other_sm4_key: bytes = b""
    other_federation_key: Sm2PublicKey | None = None
    #: How messages name the peer.
    where: str

    def open_page(self, body: object, cursor: str) -> Page:
        """The page. `PeerUntrusted` if signature or seal do not hold, `PeerBroken` if a field is missing."""
        as_of, nonce, data, signature = (
            self._text(body, field) for field in ("as_of", "nonce", "data", "sign")
        )
        signed = "|".join((nonce, data, as_of)).encode()
        known = [key for key in (self.federation_key, self.other_federation_key) if key]
        if not any(key.verify(base64_bytes(signature), signed) for key in known):
            raise self._untrusted(_("数据页的签名未通过验证,未采用"))
        try:
            keys = [key for key in (self.sm4_key, self.other_sm4_key) if key]
            plain = sm4_gcm_open_any(keys, self._hex(nonce), base64_bytes(data), f"{as_of}|{cursor}".encode())
        except SealBroken as error:
            raise self._untrusted(_("数据页无法解密:密钥不符,或不是所请求的那一页")) from error
        return Page(
            rows=self._rows(plain),
            total=self._total(body),
            as_of=as_of,
            next_cursor=self._text(body, "next_cursor", optional=True) or None,
        )

    def _rows(self, plain: bytes) -> list[Row]:
        try:
            rows = json_of(plain)
        except (ValueError, RecursionError):
            rows = None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._broken() from None
        return rows

    def _total(self, body: object) -> int:
        total = mapping(body).get("total")
        if not is_count(total):
            raise self._broken()
        return total

    def _text(self, body: object, field: str, *, optional: bool = False) -> str:
        value = mapping(body).get(field)
        if value is None and optional:
            return ""
        if not isinstance(value, str):
            raise self._broken()
        return value

    def _hex(self, text: str) -> bytes:
        try:
            nonce = bytes.fromhex(text)
        except ValueError:
            nonce = b""
        if len(nonce) != 12:  # the contract's nonce; GCM would treat another length differently
            raise self._broken()
        return nonce

    def _broken(self) -> PeerBroken:
        return PeerBroken(
            _("数据页的格式不合约定"),
            where=self.where,
            next_step=_("下次运行会自动重试;持续出现时请联系对方"),
        )

    def _untrusted(self, what: str) -> PeerUntrusted:
        return PeerUntrusted(
            what, where=self.where, next_step=_("请与对方核对公钥和 SM4 密钥,运行 gateway doctor 检查")
        )


class _StartAgain(Exception):
    """This reading cannot become complete; `rows` are worth nothing."""


def read_pages(
    peer: HttpPeer,
    path: str,
    params: Mapping[str, str | int],
    open_page: OpenPage,
    key: str,
    *,
    counted: bool = True,
) -> Pages:
    """The whole list. A row whose `key`, as sent, came before is dropped.

    Complete means that the distinct keys equal `total` of the last page; `counted=False` skips that, for a
    peer whose total counts something else. 410, a cursor that comes twice and a wrong count start the list
    again, five times in all, then `PeerBroken`.
    """
    for restarts in range(MOST_READINGS):
        if restarts:
            retrying.pause(peer.retry.wait(restarts))
        try:
            return _read_once(peer, path, params, open_page, key, counted, restarts)
        except _StartAgain:
            continue
    raise PeerBroken(
        _("名单多次读取都不完整(行数与总数不符,或游标失效)"),
        where=peer.name,
        next_step=_("下次运行会重新读取;持续出现时请联系对方"),
    )


def _read_once(
    peer: HttpPeer,
    path: str,
    params: Mapping[str, str | int],
    open_page: OpenPage,
    key: str,
    counted: bool,
    restarts: int,
) -> Pages:
    rows: dict[object, Row] = {}
    cursors = {""}
    cursor, as_of = "", None
    for _page in range(MOST_PAGES):
        page = _fetch(peer, path, params, open_page, cursor)
        as_of = as_of or page.as_of
        for row in page.rows:
            rows.setdefault(_key(row, key), row)
        if page.next_cursor is None:
            if counted and len(rows) != page.total:
                raise _StartAgain
            return Pages(rows=list(rows.values()), total=page.total, as_of=as_of, restarts=restarts)
        cursor = page.next_cursor
        if cursor in cursors:
            raise _StartAgain
        cursors.add(cursor)
    raise _StartAgain


def _fetch(
    peer: HttpPeer, path: str, params: Mapping[str, str | int], open_page: OpenPage, cursor: str
) -> Page:
    query = {**params, "cursor": cursor} if cursor else params
    answer = peer.request("GET", path, params=query)
    if answer.status == GONE:
        raise _StartAgain
    return open_page(answer.expect(200).json(), cursor)


def _key(row: Row, key: str) -> object:
    """A row without a usable key is itself only: it is dirt that a later room must see, not a repetition."""
    value = row.get(key)
    return value if isinstance(value, str) and value else json.dumps(row, sort_keys=True)
