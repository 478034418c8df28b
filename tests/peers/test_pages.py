"""A list behind cursors is taken whole, verified page by page, or not at all."""

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.errors import PeerBroken, PeerUntrusted
from gateway.peers.http import HttpPeer, Retry
from gateway.peers.pages import FederationPages, Page, Pages, read_pages
from gateway.peers.signing import BearerToken
from gateway.testing.federation import FederationServer
from gateway.vault.sm import Sm2PrivateKey, Sm2PublicKey
from tests.peers.scripted import Play, Scripted, Seen, always, answer

KEY = bytes(range(16))
RETRY = Retry(attempts=4, first_wait=1.0, longest_wait=9.0)
SIGNING = Sm2PrivateKey.generate()

#: Made with tools independent of this project.
VECTOR = {
    "total": 1,
    "next_cursor": None,
    "as_of": "2026-11-01T01:00:00+08:00",
    "nonce": "000102030405060708090a0b",
    "data": "zD38mKwY8V+R81Z384/MVxGlM/oIMCXHxtjzfDLs1uW6wHKfAQ1A7AijucfQrUA+JG2gbc6Bxa4DzP3F59EhFQgrTkE=",
    "sign": "986JO+GHo9GSda4RSBAjTQILTtABIrwS8qvzZGOTkhXPcdZPP5oIet+zM+AcNxVrpk12+xUZeHN+ZmDIaIQs2w==",
}
VECTOR_PUBLIC = (
    "abb2f85ef20e7eb615c047dda5657745b9b05bf1be29b7f57be57e69c157d92e"
    "5247fb4394e9696b5443029331a73ee83058953bb81f36d29293d22856d1161b"
)
VECTOR_ROWS = [{"cert_no": "45102219900101002X41", "name": "韦某"}]
OPENER = FederationPages(sm4_key=KEY, federation_key=Sm2PublicKey.from_hex(VECTOR_PUBLIC), where="残联")


def test_vector() -> None:
    """The contract's page verifies and opens to its plain text."""
    page = OPENER.open_page(VECTOR, "c2")
    assert Page(rows=VECTOR_ROWS, total=1, as_of="2026-11-01T01:00:00+08:00", next_cursor=None) == page  # type: ignore[arg-type]


def test_page_of_another_cursor() -> None:
    """A genuine page that answers another request does not open."""
    with pytest.raises(PeerUntrusted):
        OPENER.open_page(VECTOR, "c3")


@pytest.mark.parametrize("field", ["as_of", "nonce", "data", "sign"])
def test_changed_page(field: str) -> None:
    """A change to anything that is signed makes the page untrusted."""
    text = str(VECTOR[field])
    swapped = ("1" if text[0] != "1" else "2") + text[1:]
    with pytest.raises(PeerUntrusted):
        OPENER.open_page({**VECTOR, field: swapped}, "c2")


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        "x",
        {},
        {**VECTOR, "total": "1"},
        {**VECTOR, "total": True},
        {**VECTOR, "total": -1},
        {**VECTOR, "next_cursor": 7},
        {**VECTOR, "sign": None},
        {key: VECTOR[key] for key in VECTOR if key != "data"},
    ],
)
def test_page_of_another_form(body: object) -> None:
    """A page that misses a field, or has another type there, is an error of ours."""
    with pytest.raises(PeerBroken):
        OPENER.open_page(body, "c2")


# --- the walk through the pages, over a plain server whose pages are open ---


def plain_page(body: object, cursor: str) -> Page:
    assert isinstance(body, dict)
    return Page(rows=body["rows"], total=body["total"], as_of=body["as_of"], next_cursor=body["next"])


def page(keys: str, total: int, following: str | None, as_of: str = "t1") -> Play:
    rows = [{"cert_no": key} for key in keys]
    return always(200, json.dumps({"rows": rows, "total": total, "as_of": as_of, "next": following}).encode())


def walk(*plays: Play, counted: bool = True) -> tuple[Pages, list[str]]:
    with Scripted(*plays) as server, HttpPeer(server.base, name="残联", timeout=5.0, retry=RETRY) as http:
        pages = read_pages(http, "holders", {"size": 2}, plain_page, "cert_no", counted=counted)
    return pages, [seen.target.removeprefix("/base/holders?") for seen in server.seen]


def keys(pages: Pages) -> str:
    return "".join(row["cert_no"] for row in pages.rows)


@pytest.mark.integration
def test_all_pages_in_order() -> None:
    """Every page is asked for with the cursor of the one before, and the rows come in order."""
    pages, targets = walk(page("ab", 3, "x/+"), page("c", 3, None, as_of="t2"))
    assert ("abc", 3, "t1", 0) == (keys(pages), pages.total, pages.as_of, pages.restarts)
    assert ["size=2", "size=2&cursor=x%2F%2B"] == targets


@pytest.mark.integration
def test_empty_list() -> None:
    """An empty list is a list."""
    assert [] == walk(page("", 0, None))[0].rows


@pytest.mark.integration
def test_repeated_rows() -> None:
    """A row that a page repeats counts once."""
    assert "abc" == keys(walk(page("ab", 3, "x"), page("bc", 3, None))[0])


@pytest.mark.integration
def test_rows_without_key_are_kept() -> None:
    """Rows whose key is empty are dirt that must be seen, not repetitions of each other."""
    rows = [{"cert_no": "", "name": "甲"}, {"cert_no": "", "name": "乙"}]
    body = json.dumps({"rows": rows, "total": 2, "as_of": "t", "next": None}).encode()
    assert rows == walk(always(200, body))[0].rows


@pytest.mark.integration
def test_410_starts_again(waits: list[float]) -> None:
    """An old cursor starts the list again, and nothing of the first reading is kept."""
    pages, _ = walk(page("ab", 3, "x"), always(410), page("cd", 3, "y"), page("e", 3, None))
    assert ("cde", 1) == (keys(pages), pages.restarts)
    assert [1.0] == waits


@pytest.mark.integration
def test_wrong_count_starts_again() -> None:
    """A list with fewer or more distinct rows than the last page says is read again."""
    pages, _ = walk(page("ab", 3, None), page("abcd", 3, None), page("abc", 3, None))
    assert ("abc", 2) == (keys(pages), pages.restarts)


@pytest.mark.integration
def test_the_last_total_counts() -> None:
    """A total that changes on the way is judged by the last page."""
    assert "abc" == keys(walk(page("ab", 9, "x"), page("c", 3, None))[0])


@pytest.mark.integration
def test_uncounted() -> None:
    """Where the caller says that total counts something else, it isn't compared."""
    assert "ab" == keys(walk(page("ab", 90, None), counted=False)[0])


@pytest.mark.integration
@pytest.mark.parametrize(
    "plays",
    [
        [page("ab", 3, None)],
        [always(410)],
        [page("ab", 2, "x"), page("ab", 2, "x")],
    ],
    ids=["never complete", "always 410", "cursor in a circle"],
)
def test_never_complete(plays: list[Play]) -> None:
    """A list that never becomes complete is given up after bounded readings."""
    with Scripted(*plays) as server:
        http = HttpPeer(server.base, name="残联", timeout=5.0, retry=RETRY)
        with http, pytest.raises(PeerBroken):
            read_pages(http, "holders", {}, plain_page, "cert_no")
    assert len(server.seen) <= 10


@pytest.mark.integration
def test_too_many_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without end are bounded."""
    monkeypatch.setattr("gateway.peers.pages.MOST_PAGES", 5)
    seen: list[str] = []

    def more(request: Seen) -> Iterable[bytes]:
        seen.append(request.target)
        body = {"rows": [{"cert_no": str(len(seen))}], "total": 9, "as_of": "t", "next": str(len(seen))}
        return [answer(200, json.dumps(body).encode())]

    with pytest.raises(PeerBroken):
        walk(more)
    assert 25 == len(seen)


# --- against the federation's twin ---


@pytest.fixture
def federation(tmp_path: Path) -> Iterator[FederationServer]:
    holders = [
        {
            "cert_no": f"45102219900101{number:03}X41",
            "status": "1",
            "area": "451022000000",
            "updated_at": "2026-01-01",
        }
        for number in range(1200)
    ]
    (tmp_path / "holders.json").write_text(
        json.dumps({"as_of": "2026-11-01T01:00:00+08:00", "holders": holders}), encoding="utf-8"
    )
    with FederationServer(
        tmp_path, client_id="id", client_secret="secret", sm4_key=KEY, private_key=SIGNING
    ) as server:
        yield server


def read(
    server: FederationServer, public: Sm2PublicKey = SIGNING.public, key: bytes = KEY, **others: Any
) -> Pages:
    token = BearerToken("oauth2/token", "id", SecretStr("secret"), lambda: datetime.now(UTC))
    opener = FederationPages(sm4_key=key, federation_key=public, where="残联", **others)
    with HttpPeer(server.base, name="残联", timeout=5.0, retry=RETRY, auth=token) as http:
        return read_pages(http, "api/v1/holders", {"size": 500}, opener.open_page, "cert_no")


@pytest.mark.integration
@pytest.mark.parametrize(
    ("fault", "options", "restarts"),
    [
        ("expire_token", {"after": 1}, 0),
        ("status", {"code": 503, "retry_after": 2, "times": 2}, 0),
        ("status", {"code": 429, "retry_after": 2, "as_date": True}, 0),
        ("drop", {"after": 2}, 0),
        ("cut", {"after": 2}, 0),
        ("repeat_page", {"after": 1, "holders": 3}, 0),
        ("expire_cursor", {"after": 1}, 1),
        ("lie_total", {"after": 2}, 1),
    ],
)
def test_federation(federation: FederationServer, fault: str, options: dict[str, Any], restarts: int) -> None:
    """Whatever passes, the list comes whole and once."""
    federation.faults.add(fault, where="holders", **options)
    pages = read(federation)
    assert {} == federation.faults.pending()
    assert (1200, 1200, restarts) == (len(pages.rows), pages.total, pages.restarts)


@pytest.mark.integration
@pytest.mark.parametrize("fault", ["garbage", "endless"])
def test_federation_nonsense(federation: FederationServer, fault: str) -> None:
    """Garbage and bodies without end are errors of ours."""
    federation.faults.add(fault, where="holders", times=9)
    with pytest.raises(PeerBroken):
        read(federation)


@pytest.mark.integration
def test_federation_bad_signature(federation: FederationServer) -> None:
    """A page whose signature doesn't verify stops everything; so does a wrong key on our side."""
    federation.faults.add("bad_signature", where="holders", after=1)
    with pytest.raises(PeerUntrusted):
        read(federation)
    with pytest.raises(PeerUntrusted):
        read(federation, public=Sm2PrivateKey.generate().public)
    with pytest.raises(PeerUntrusted):
        read(federation, key=bytes(16))


@pytest.mark.integration
def test_federation_changes_its_keys(federation: FederationServer) -> None:
    """With the next keys entered beside the present ones, pages are read before the federation changes and after; a
    third key is refused."""
    other, secret = Sm2PrivateKey.generate().public, bytes(16)
    present = read(federation, other_federation_key=other, other_sm4_key=secret)
    changed = read(federation, other, secret, other_federation_key=SIGNING.public, other_sm4_key=KEY)
    assert 1200 == len(present.rows) == len(changed.rows)
    with pytest.raises(PeerUntrusted):
        read(federation, other, other_federation_key=Sm2PrivateKey.generate().public)
    with pytest.raises(PeerUntrusted):
        read(federation, key=secret, other_sm4_key=bytes(15) + b"1")
