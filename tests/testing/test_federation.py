"""残联's server against a plain client."""

import json
from pathlib import Path

import pytest

from gateway.testing import FederationServer
from tests.testing.clients import Clock, FederationClient
from tests.testing.conftest import HOLDERS

pytestmark = pytest.mark.integration

ALL = [f"C{n}" for n in range(7)]


def row(cert_no: str = "C1", result: str = "已标识", reason: str = "") -> dict[str, str]:
    return {"cert_no": cert_no, "result": result, "reason": reason}


def test_a_full_list_comes_in_pages(federation_client: FederationClient) -> None:
    """All pages together are the list, each sealed with its cursor and signed, and `total` counts it."""
    assert (ALL, 7) == federation_client.all(size="3")
    assert (ALL, 7) == federation_client.all()


def test_a_list_can_be_narrowed(federation_client: FederationClient) -> None:
    """`county` and `updated_since` (inclusive, by day) leave out the others, and `total` with them."""
    assert (["C0", "C2", "C4", "C6"], 4) == federation_client.all(county="451020", size="2")
    assert (["C5", "C6"], 2) == federation_client.all(updated_since="2026-10-15T18:00:00+08:00")


def test_a_question_that_does_not_fit_is_refused(federation_client: FederationClient) -> None:
    """A size over 1000, a county that is none, a `+` unescaped, and a cursor of another list get 400."""
    cursor = federation_client.page(size="2").json()["next_cursor"]
    for question in ({"size": "1001"}, {"size": "0"}, {"county": "45"}, {"updated_since": "2026-11-01"}):
        assert 400 == federation_client.page(**question).status_code
    assert 400 == federation_client.page(updated_since="2026-11-01T00:00:00 08:00").status_code
    assert 400 == federation_client.page(cursor=cursor, county="451020").status_code


def test_a_token_lasts_ten_minutes(federation_client: FederationClient, clock: Clock) -> None:
    """A wrong secret gets no token; no token, an old or a forgotten one gets 401."""
    clock.now += 599
    assert 200 == federation_client.page().status_code
    clock.now += 1
    assert 401 == federation_client.page().status_code
    assert 600 == federation_client.log_in().json()["expires_in"]
    assert 200 == federation_client.page().status_code
    assert 401 == federation_client.log_in("other").status_code
    assert 401 == federation_client.page().status_code


def test_a_cursor_lasts_ten_minutes(federation_client: FederationClient, clock: Clock) -> None:
    """A cursor may be used again while it lives, and gets 410 afterwards."""
    cursor = federation_client.page(size="2").json()["next_cursor"]
    pages = [federation_client.page(size="2", cursor=cursor).json() for _try in range(2)]
    assert [["C2", "C3"]] * 2 == [federation_client.open(page, cursor) for page in pages]
    clock.now += 600
    federation_client.log_in()
    assert 410 == federation_client.page(size="2", cursor=cursor).status_code
    assert 410 == federation_client.page(size="2", cursor="never").status_code


def test_another_day_begins_with_another_file(federation_client: FederationClient, tmp_path: Path) -> None:
    """A changed file is the next list's; a list that has begun goes on as it was."""
    cursor = federation_client.page(size="2").json()["next_cursor"]
    told = {"as_of": "2026-11-02T01:00:00+08:00", "holders": HOLDERS[:1]}
    (tmp_path / "holders.json").write_text(json.dumps(told), "utf-8")
    page = federation_client.page(size="2", cursor=cursor).json()
    assert (7, "2026-11-01T01:00:00+08:00") == (page["total"], page["as_of"])
    assert (["C0"], 1) == federation_client.all()
    (tmp_path / "holders.json").unlink()
    assert 503 == federation_client.page().status_code


def test_feedback_is_taken_once(federation: FederationServer, federation_client: FederationClient) -> None:
    """The same batch twice is kept once, as it was the first time."""
    first = {"batch": "B1", "rows": [row(), row("C2", "待核查", "同名")]}
    for told in (first, {"batch": "B1", "rows": [row("C3")]}, {"batch": "B2", "rows": []}):
        assert 200 == federation_client.tell(told).status_code
    assert [first, {"batch": "B2", "rows": []}] == federation.feedback()


@pytest.mark.parametrize(
    "told",
    [
        {"batch": "", "rows": []},
        {"rows": []},
        {"batch": "B", "rows": [row(result="好")]},
        {"batch": "B", "rows": [{"cert_no": "C1", "result": "已标识"}]},
        {"batch": "B", "rows": [row()] * 1001},
        [],
    ],
)
def test_feedback_that_does_not_fit_is_refused(
    federation: FederationServer, federation_client: FederationClient, told: object
) -> None:
    """A batch has a number, at most 1000 rows, three texts in each, and the receipt's words."""
    assert 400 == federation_client.tell(told).status_code
    assert [] == federation.feedback()


def test_pages_can_be_spoilt(federation: FederationServer, federation_client: FederationClient) -> None:
    """Signature, total, repeated holders, tokens and cursors go wrong when ordered."""
    faults = federation.faults
    faults.add("bad_signature")
    assert not federation_client.verifies(federation_client.page().json())
    faults.add("lie_total", by=2)
    assert 9 == federation_client.page().json()["total"]
    faults.add("repeat_page", holders=2)
    assert (["C0", "C1", "C2", "C1", "C2", "C3", "C4", "C5", "C6"], 7) == federation_client.all(size="3")
    faults.add("expire_cursor")
    cursor = federation_client.page(size="2").json()["next_cursor"]
    assert 410 == federation_client.page(size="2", cursor=cursor).status_code
    faults.add("expire_token")
    assert 401 == federation_client.page().status_code
    assert {"bad_signature", "lie_total", "repeat_page", "expire_cursor", "expire_token"} == set(
        faults.happened
    )


def test_pages_can_be_short_and_in_another_order(
    federation: FederationServer, federation_client: FederationClient
) -> None:
    """`short_page` gives fewer holders than were asked for, `reorder` the page's from its end; nobody is left out."""
    federation.faults.add("short_page", holders=5)
    federation.faults.add("reorder")
    assert (["C4", "C3", "C2", "C1", "C0", "C5", "C6"], 7) == federation_client.all()
    assert {"short_page": 1, "reorder": 1} == federation.faults.happened
