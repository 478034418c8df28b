"""The insurance platform's server against a plain client."""

import csv
import gzip
import json
import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.testing import PlatformServer
from gateway.vault.sm import Sm2PrivateKey, sm3_hex
from tests.testing.clients import Clock, PlatformClient, switch_on
from tests.testing.conftest import ROSTER, SM4_KEY, write_csv

pytestmark = pytest.mark.integration

ORIGIN = ["src_dept", "evid_no", "updt_time"]
LEVEL_A = {
    "psn_idet_type": "7019", "psn_type_lv": "A", "begntime": "2026-01-01 00:00:00",
    "endtime": "2099-12-31 00:00:00", "src_dept": "civil_affairs", "memo": "",
}  # fmt: skip


def item(seq: int = 1, *records: dict[str, str], **changes: str) -> dict[str, Any]:
    usual = {"psn_no": "P1", "psn_name": "甲", "certno": "N1", "idet_use": "1", "evid_no": "E1"}
    return {"seq": seq, **usual, "records": list(records), **changes}


def upload(client: PlatformClient, *items: dict[str, Any], msgid: str | None = None) -> list[int]:
    return [result["rslt"] for result in client.output("L201", {"persons": list(items)}, msgid)["results"]]


def test_what_is_uploaded_is_read_back(platform: PlatformServer, platform_client: PlatformClient) -> None:
    """A whole list replaces what stood, the rest stays, and the read-back has the contract's columns."""
    assert [0] == upload(platform_client, item(1, LEVEL_A))
    told = platform_client.output("L202", {"as_of": "2026-11-01"})
    content = platform_client.download(told["file_qury_no"]).content
    assert (told["sm3"], told["bytes"], told["rows"]) == (sm3_hex(content), len(content), 2)
    rows = list(csv.reader(gzip.decompress(content).decode().splitlines()))
    begins, open_end = "2026-01-01 00:00:00", "2099-12-31 00:00:00"
    assert [
        ["psn_no", "idet_use", "psn_idet_type", "psn_type_lv", "begntime", "endtime", *ORIGIN],
        ["P1", "1", "7019", "A", begins, open_end, "civil_affairs", "E1", "2026-11-01 12:00:00"],
        ["P2", "1", "7110", "", "2026-03-01 00:00:00", "2027-02-28 23:59:59", "451000-YB", "", ""],
    ] == rows
    assert [dict(zip(rows[0], row, strict=True)) for row in rows[1:]] == platform.records()
    assert (
        platform_client.web.get(f"{platform.root}/_testing/records.csv").text
        == gzip.decompress(content).decode()
    )


@pytest.mark.parametrize(
    ("rslt", "changes"),
    [
        (11, {"psn_no": "P9"}),
        (12, {"psn_name": "乙"}),
        (12, {"certno": "N2"}),
        (13, {"psn_no": "P3", "certno": "N3", "psn_name": "丙"}),
        (16, {"idet_use": "3"}),
    ],
)
def test_an_item_about_the_wrong_person_is_refused(
    platform_client: PlatformClient, rslt: int, changes: dict[str, str]
) -> None:
    """A person must exist, be the one that the roster names, and live."""
    assert [rslt, 0] == upload(platform_client, item(1, **changes), item(2, LEVEL_A))


@pytest.mark.parametrize(
    ("rslt", "changes"),
    [
        (14, {"begntime": "2026-01-01 08:00:00"}),
        (14, {"begntime": "2026-02-30 00:00:00"}),
        (14, {"endtime": "2025-12-31 23:59:59"}),
        (14, {"endtime": "2026-12-31 00:00:00"}),
        (14, {"endtime": ""}),
        (16, {"psn_idet_type": "9999"}),
        (16, {"psn_type_lv": ""}),
        (16, {"psn_type_lv": "D"}),
        (16, {"psn_idet_type": "7131"}),
        (16, {"src_dept": ""}),
        (16, {"memo": "注" * 501}),
    ],
)
def test_a_record_that_does_not_fit_is_refused(
    platform_client: PlatformClient, rslt: int, changes: dict[str, str]
) -> None:
    """Periods are whole days, codes and levels are those of the table, and a source is named."""
    assert [rslt] == upload(platform_client, item(1, {**LEVEL_A, **changes}))


def test_records_are_in_order_and_apart(platform_client: PlatformClient) -> None:
    """Two records that overlap, or stand in the wrong order, are refused; two that touch are not."""
    first = {**LEVEL_A, "endtime": "2026-05-31 23:59:59"}
    second = {**LEVEL_A, "begntime": "2026-06-01 00:00:00"}
    assert [15] == upload(platform_client, item(1, LEVEL_A, second))
    assert [15] == upload(platform_client, item(1, second, first))
    assert [0] == upload(platform_client, item(1, first, second))


def test_a_locked_person_is_refused_for_a_while(
    platform: PlatformServer, platform_client: PlatformClient, tmp_path: Path
) -> None:
    """19 comes as often as ordered, and as long as the list of locks names the person."""
    platform.faults.add("lock", times=2, where="P1")
    assert [19, 19, 0] == [upload(platform_client, item(1, LEVEL_A))[0] for _try in range(3)]
    (tmp_path / "locked.json").write_text('["P1"]')
    assert [19] == upload(platform_client, item(1))


def test_one_item_of_a_message_can_be_refused(platform: PlatformServer, platform_client: PlatformClient) -> None:
    """`refuse` gives an item the number ordered; the others of its message are carried out."""
    platform.faults.add("refuse", where="P1", code=11)
    both = [item(1, LEVEL_A), {**item(2, LEVEL_A), "psn_no": "P2", "psn_name": "乙", "certno": "N2"}]
    assert [11, 0] == upload(platform_client, *both)
    assert [("P2", "7019")] == [(row["psn_no"], row["psn_idet_type"]) for row in platform.records()]
    assert [0] == upload(platform_client, item(1, LEVEL_A))


def test_a_msgid_is_carried_out_once(platform: PlatformServer, platform_client: PlatformClient) -> None:
    """The same msgid and input give the first answer again and change nothing; another input gets -409."""
    msgid = platform_client.msgid()
    first = platform_client.answer("L201", {"persons": [item(1, LEVEL_A)]}, msgid)
    upload(platform_client, item(1))
    assert first["output"] == platform_client.answer("L201", {"persons": [item(1, LEVEL_A)]}, msgid)["output"]
    assert {msgid: 1} == {key: times for key, times in platform.applied.items() if key == msgid}
    assert ["P2"] == [row["psn_no"] for row in platform.records()]
    assert -409 == platform_client.answer("L201", {"persons": []}, msgid)["infcode"]


def test_a_msgid_is_forgotten_after_a_day(
    platform_client: PlatformClient, clock: Clock, platform: PlatformServer
) -> None:
    """24 hours after it was used a msgid is new."""
    msgid = platform_client.msgid()
    upload(platform_client, item(1, LEVEL_A), msgid=msgid)
    clock.now += 24 * 3600
    platform_client.sign_in()
    assert 0 == platform_client.answer("L201", {"persons": []}, msgid)["infcode"]


def test_a_sign_in_lasts_two_hours(platform_client: PlatformClient, clock: Clock) -> None:
    """An unknown or old sign_no gets -401, and the same msgid is carried out with the new one."""
    msgid, told = platform_client.msgid(), {"persons": [item(1, LEVEL_A)]}
    clock.now += 2 * 3600
    assert -401 == platform_client.answer("L201", told, msgid)["infcode"]
    platform_client.sign_in()
    assert 0 == platform_client.answer("L201", told, msgid)["infcode"]


def test_only_the_gateway_is_believed(platform_client: PlatformClient) -> None:
    """A signature by another key, over something else, or a seal that doesn't open gets -402."""
    spoilt = platform_client.envelope("L201", {"persons": []}, platform_client.msgid())
    stranger = PlatformClient("", SM4_KEY, Sm2PrivateKey.generate(), platform_client.platform)
    foreign = stranger.envelope("L201", {"persons": []}, stranger.msgid(), platform_client.sign_no)
    reader = PlatformClient("", bytes(16), platform_client.own, platform_client.platform)
    unreadable = reader.envelope("L201", {"persons": []}, reader.msgid(), platform_client.sign_no)
    for envelope in ({**spoilt, "inf_time": "2026-11-01 12:00:01"}, foreign, unreadable):
        answer = platform_client.post(envelope).json()
        assert (-402, True, False) == (
            answer["infcode"],
            platform_client.verifies(answer),
            "output" in answer,
        )


@pytest.mark.parametrize(
    "changes",
    [
        {"msgid": "1"},
        {"infver": "V2"},
        {"signtype": "RSA"},
        {"opter": ""},
        {"input": {}},
        {"fixmedins_code": "X" * 12},
    ],
)
def test_an_envelope_that_does_not_fit_is_refused(
    platform_client: PlatformClient, changes: dict[str, object]
) -> None:
    """Every field of the envelope is looked at."""
    envelope = platform_client.envelope("L201", {"persons": []}, platform_client.msgid())
    assert -400 == platform_client.post({**envelope, **changes}).json()["infcode"]


def test_an_input_that_does_not_fit_is_refused(platform_client: PlatformClient) -> None:
    """Over 100 items, over 40 000 characters, a missing field or an unknown transaction get -400."""
    many = [item(seq) for seq in range(1, 102)]
    long = [item(seq, {**LEVEL_A, "memo": "注" * 450}) for seq in range(1, 101)]
    short = [{name: value for name, value in item(1).items() if name != "evid_no"}]
    for persons in (many, long, short, [item(2)]):
        assert -400 == platform_client.answer("L201", {"persons": persons})["infcode"]
    for infno, told in (("L999", {}), ("L101", {}), ("L101", {"as_of": "1.11."}), ("L301", {"year": "2026"})):
        assert -400 == platform_client.answer(infno, told)["infcode"]


def test_a_roster_can_be_fetched_in_parts(platform_client: PlatformClient, tmp_path: Path) -> None:
    """Range goes on where a download stopped; If-Range with another ETag gets the whole file."""
    told = platform_client.output("L101", {"as_of": None})
    whole = platform_client.download(told["file_qury_no"])
    etag = whole.headers["ETag"]
    part = platform_client.download(told["file_qury_no"], **{"Range": "bytes=10-", "If-Range": etag})
    other = platform_client.download(told["file_qury_no"], **{"Range": "bytes=10-", "If-Range": '"x"'})
    beyond = platform_client.download(told["file_qury_no"], Range="bytes=99999-")
    assert (tmp_path / "roster.csv.gz").read_bytes() == whole.content == other.content
    assert (206, whole.content[10:], 200, 416) == (
        part.status_code,
        part.content,
        other.status_code,
        beyond.status_code,
    )
    assert f"bytes 10-{len(whole.content) - 1}/{len(whole.content)}" == part.headers["Content-Range"]
    assert (len(ROSTER) - 1, "2026-11-01") == (told["rows"], told["as_of"])


def test_a_download_wants_a_sign_no(platform: PlatformServer, platform_client: PlatformClient) -> None:
    """401 without a sign_no that is known, 404 for a file that is gone."""
    told = platform_client.output("L301", {"year": 2026})
    assert 0 == told["rows"]
    assert 401 == platform_client.download(told["file_qury_no"], **{"X-Sign-No": "x"}).status_code
    platform.faults.add("gone")
    assert 404 == platform_client.download(told["file_qury_no"]).status_code


def test_settlements_are_exported_by_year(platform_client: PlatformClient, tmp_path: Path) -> None:
    """L302 gives the year that was asked for, and no row of another."""
    rows = [["setl_id", "psn_no", "setl_date"], ["S1", "P1", "2025-12-31"], ["S2", "P1", "2026-01-01"]]
    write_csv(tmp_path / "settlements.csv.gz", rows)
    for year, settled in ((2025, ["S1"]), (2026, ["S2"]), (2027, [])):
        told = platform_client.output("L302", {"year": year})
        lines = gzip.decompress(platform_client.download(told["file_qury_no"]).content).decode().splitlines()
        assert (len(settled), settled) == (told["rows"], [line.split(",")[0] for line in lines[1:]])


def test_a_changed_roster_counts_at_once(platform_client: PlatformClient, tmp_path: Path) -> None:
    """The roster is read again when its file changes."""
    assert [11] == upload(platform_client, item(1, LEVEL_A, psn_no="P4"))
    write_csv(tmp_path / "roster.csv.gz", [*ROSTER, ["P4", "01", "N1", "甲", "1"]])
    assert [0] == upload(platform_client, item(1, LEVEL_A, psn_no="P4"))


def test_a_lost_answer_was_carried_out(platform: PlatformServer, platform_client: PlatformClient) -> None:
    """`lost_answer` and `drop` look the same to the client, and only the first has changed something."""
    msgid, told = platform_client.msgid(), {"persons": [item(1, LEVEL_A)]}
    for fault, applied in (("drop", 0), ("lost_answer", 1)):
        platform.faults.add(fault, where="L201")
        with pytest.raises(httpx.RemoteProtocolError):
            platform_client.answer("L201", told, msgid)
        assert applied == platform.applied[msgid]
    assert [0] == upload(platform_client, item(1, LEVEL_A), msgid=msgid)
    assert 1 == platform.applied[msgid]


def test_a_lost_answer_may_come_as_a_status(
    platform: PlatformServer, platform_client: PlatformClient
) -> None:
    """A gateway timeout in front of the platform says nothing about what was carried out."""
    platform.faults.add("lost_answer", code=504)
    envelope = platform_client.envelope("L201", {"persons": [item(1, LEVEL_A)]}, platform_client.msgid())
    assert 504 == platform_client.post(envelope).status_code
    assert 2 == len(platform.records())


def test_answers_can_be_spoilt(platform: PlatformServer, platform_client: PlatformClient) -> None:
    """Signature, type of infcode, readiness, digest, count and sign-in go wrong when ordered."""
    envelope = platform_client.envelope("L202", {"as_of": None}, platform_client.msgid())
    platform.faults.add("bad_signature")
    assert not platform_client.verifies(platform_client.post(envelope).json())
    platform.faults.add("string_zero")
    assert "0" == platform_client.answer("L202", {"as_of": None})["infcode"]
    platform.faults.add("preparing", retry_after=7)
    msgid = platform_client.msgid()
    preparing = platform_client.answer("L101", {"as_of": None}, msgid)
    assert (-425, True) == (preparing["infcode"], "retry_after=7" in preparing["err_msg"])
    platform.faults.add("wrong_digest")
    platform.faults.add("lie_total", by=3)
    told = platform_client.output("L101", {"as_of": None}, msgid)
    assert sm3_hex(platform_client.download(told["file_qury_no"]).content) != told["sm3"]
    assert len(ROSTER) - 1 + 3 == told["rows"]
    platform.faults.add("expire_token")
    assert -401 == platform_client.answer("L202", {"as_of": None})["infcode"]


def test_the_web_can_break(platform: PlatformServer, platform_client: PlatformClient) -> None:
    """Statuses, pages of HTML, garbage and cut bodies come when ordered, and then all is well again."""
    envelope = platform_client.envelope("L202", {"as_of": None}, platform_client.msgid())
    platform.faults.add("status", code=429, retry_after=3)
    busy = platform_client.post(envelope)
    assert (429, "3") == (busy.status_code, busy.headers["Retry-After"])
    platform.faults.add("status", retry_after=60, as_date=True)
    date = parsedate_to_datetime(platform_client.post(envelope).headers["Retry-After"])
    assert 50 < date.timestamp() - time.time() <= 61
    platform.faults.add("maintenance")
    assert "text/html; charset=utf-8" == platform_client.post(envelope).headers["Content-Type"]
    platform.faults.add("garbage")
    with pytest.raises(ValueError):
        json.loads(platform_client.post(envelope).content)
    platform.faults.add("cut")
    with pytest.raises(httpx.RemoteProtocolError):
        platform_client.post(envelope)
    assert 0 == platform_client.post(envelope).json()["infcode"]


def test_a_stalled_or_endless_answer_ends_with_the_server(
    platform: PlatformServer, platform_client: PlatformClient
) -> None:
    """A client's patience ends the one, its limit of bytes the other, and `stop` doesn't wait for either."""
    platform.faults.add("stall")
    platform_client.web.timeout = httpx.Timeout(5, read=0.1)
    with pytest.raises(httpx.ReadTimeout):
        platform_client.output("L202", {"as_of": None})
    platform.faults.add("endless")
    platform_client.web.timeout = httpx.Timeout(5)
    with platform_client.web.stream("GET", f"{platform.base}/fsi/file/0") as answer:
        pieces = answer.iter_raw()
        assert 200_000 < sum(len(next(pieces)) for _piece in range(50))
    started = time.perf_counter()
    platform.stop()
    assert time.perf_counter() - started < 60  # a stall lasts an hour


def test_a_stopped_server_comes_back_as_it_was(
    platform: PlatformServer, platform_client: PlatformClient
) -> None:
    """After stop and start the port, the sign-ins and the records are the same."""
    upload(platform_client, item(1, LEVEL_A))
    platform.stop()
    with pytest.raises(httpx.ConnectError):
        platform_client.web.get(platform.root)
    platform.start()
    assert 2 == platform_client.output("L202", {"as_of": None})["rows"]


def test_the_log_counts_and_names_nobody(platform: PlatformServer, platform_client: PlatformClient) -> None:
    """An entry says what was asked, how many items came to what, and nothing about a person."""
    upload(platform_client, item(1, LEVEL_A), item(2, psn_no="P9"))
    text = platform_client.web.get(f"{platform.root}/_testing/log.json").text
    entry = json.loads(text)[-1]
    assert ("L201", 2, {"0": 1, "11": 1}, 1, 0, False) == tuple(
        entry[name] for name in ("infno", "items", "rslt", "changed", "infcode", "repeated")
    )
    assert not [word for word in ("甲", "P1", "N1") if word in text]


def test_faults_are_ordered_over_http(platform: PlatformServer, platform_client: PlatformClient) -> None:
    """A fault can be switched on, seen and cleared over HTTP; a misspelt one is refused."""
    web = platform_client.web
    assert {"lock": 2} == switch_on(web, platform.root, "lock", times=2, where="P1").json()["pending"]
    assert 400 == switch_on(web, platform.root, "lok").status_code
    assert 400 == switch_on(web, platform.root, "lock", seconds=1).status_code
    assert {"pending": {}, "happened": {}} == web.delete(f"{platform.root}/_testing/faults").json()
