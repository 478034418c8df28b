"""Departments' servers that are down, refuse, lie, stall or never end: known errors, and whole once it has passed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from gateway.errors import ExitCode
from gateway.testing.faults import Option
from tests.pipeline.conftest import NewRig
from tests.pipeline.rig import Records, Rig, impatient, later

#: More often than any patience lasts.
ALWAYS = 1000
CIVIL, RURAL, FEDERATION, TAX = "civil_affairs", "rural_revitalization", "disabled_federation", "tax"


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What a server does, and what the run says of it."""

    fault: str
    says: str
    order: Mapping[str, Option] = field(default_factory=dict)
    code: ExitCode = ExitCode.LATER


SFTP: Mapping[str, Trouble] = {
    "refuses_login": Trouble(fault="refuse_login", says="拒绝登录"),
    "garbage": Trouble(fault="garbage_banner", says="sftp://127.0.0.1"),
    "drops": Trouble(fault="drop", says="sftp://127.0.0.1"),
    "other_key": Trouble(fault="other_host_key", says="主机密钥与登记的不同", code=ExitCode.FAILED),
    "stalls": Trouble(fault="stall", says="中断或超时", order={"where": ".zip"}),
    "cuts": Trouble(fault="cut", says="中断或超时", order={"where": ".zip", "bytes": 100}),
    "shorter_than_said": Trouble(fault="truncate", says="比服务器声明的短", order={"where": ".zip"}),
}
HTTP: Mapping[str, Trouble] = {
    "status_500": Trouble(fault="status", says="HTTP 500", order={"code": 500}),
    "busy": Trouble(fault="status", says="HTTP 429", order={"code": 429, "retry_after": 1, "as_date": True}),
    "never_ends": Trouble(fault="endless", says="超过允许的大小"),
    "stalls": Trouble(fault="stall", says="超时"),
}
FEDERATION_TROUBLES: Mapping[str, Trouble] = {
    **HTTP,
    "signs_wrongly": Trouble(fault="bad_signature", says="签名未通过验证", code=ExitCode.FAILED),
    "counts_wrongly": Trouble(fault="lie_total", says="都不完整"),
    "forgets_tokens": Trouble(fault="expire_token", says="HTTP 401"),
    "drops": Trouble(fault="drop", says="中断"),
}
TAX_TROUBLES: Mapping[str, Trouble] = {
    "status_500": HTTP["status_500"],
    "jobs_fail": Trouble(fault="job_failed", says="导出任务多次失败"),
    "digest_lies": Trouble(fault="wrong_digest", says="摘要"),
    "files_are_gone": Trouble(fault="gone", says="HTTP 404"),
}


def _suffers(rig: Rig, server: str, trouble: Trouble) -> None:
    """The run says what is wrong and what to do, takes nothing of that server, and ends as it should."""
    rig.peers.servers[server].faults.add(trouble.fault, times=ALWAYS, **trouble.order)
    rig.peers.stage(1)
    code, said = _told(rig, trouble)
    assert 0 < rig.peers.servers[server].faults.happened[trouble.fault]
    assert trouble.code == code
    assert trouble.says in said
    assert said.rpartition(" → ")[2]
    assert [] == rig.rows()
    rig.peers.well_behaved()


def _told(rig: Rig, trouble: Trouble) -> tuple[ExitCode, str]:
    if trouble.fault != "stall":
        return rig.told()
    with impatient(rig) as hasty:
        return hasty.told()


@pytest.mark.one_in(2)
@pytest.mark.parametrize("case", SFTP)
def test_an_sftp_server_in_trouble_is_a_known_error_and_passes(
    new_rig: NewRig, quiet: Callable[..., Records], case: str
) -> None:
    """Whatever an SFTP server does wrong, the run says so, and the next run after it makes all of it good."""
    rig = new_rig(CIVIL)
    _suffers(rig, CIVIL, SFTP[case])
    assert (ExitCode.DONE, "") == rig.told()
    assert quiet(CIVIL) == rig.records()


@pytest.mark.one_in(2)
@pytest.mark.parametrize("case", FEDERATION_TROUBLES)
def test_a_federation_in_trouble_is_a_known_error_and_passes(
    new_rig: NewRig, quiet: Callable[..., Records], case: str
) -> None:
    """Whatever the federation does wrong, the run says so, and the next run after it makes all of it good."""
    rig = new_rig(FEDERATION)
    _suffers(rig, FEDERATION, FEDERATION_TROUBLES[case])
    assert (ExitCode.DONE, "") == rig.told()
    assert quiet(FEDERATION) == rig.records()


@pytest.mark.one_in(2)
@pytest.mark.parametrize("case", TAX_TROUBLES)
def test_a_tax_bureau_in_trouble_is_a_known_error_and_passes(new_rig: NewRig, case: str) -> None:
    """Whatever the tax bureau does wrong, the run says so, and the next run after it takes the payments."""
    rig = new_rig(TAX)
    _suffers(rig, TAX, TAX_TROUBLES[case])
    with later(hours=2):  # for an hour the bureau gives the same job for the same question
        assert (ExitCode.DONE, "") == rig.told()
    assert {"applied"} == {row.state for row in rig.rows()}


def test_an_export_with_another_row_count_is_refused(new_rig: NewRig) -> None:
    """A payments file that has not as many rows as announced is refused and kept; a right one is taken later."""
    rig = new_rig(TAX)
    rig.peers.servers[TAX].faults.add("lie_total", times=ALWAYS)
    assert ExitCode.FAILED == rig.told()[0]
    assert {("refused", "rows_differ")} == {(row.state, row.code) for row in rig.rows()}
    rig.peers.well_behaved()
    assert (ExitCode.DONE, "") == rig.told()
    assert "applied" == rig.rows()[-1].state


def test_a_file_that_grows_is_left_for_later_and_then_refused(civil_rig: Rig, quiet: Callable[..., Records]) -> None:
    """A file that changes while it is read is no fault of its content yet; if it stays wrong it is refused, and once
    put right it is taken."""
    civil_rig.peers.servers[CIVIL].faults.add("grow", where=".zip")
    civil_rig.peers.stage(1)
    assert ExitCode.LATER == civil_rig.told()[0]
    assert ExitCode.FAILED == civil_rig.told()[0]
    assert "digest_differs" == civil_rig.rows()[-1].code
    civil_rig.peers.stage(1)
    assert (ExitCode.DONE, "") == civil_rig.told()
    assert quiet(CIVIL) == civil_rig.records()


def test_a_file_that_is_replaced_while_it_is_read_is_whole_or_refused(
    civil_rig: Rig, quiet: Callable[..., Records]
) -> None:
    """A file of the same size that takes the place of one under way is never mixed with it: the list that is used is
    the one that its manifest promises, or none."""
    civil_rig.peers.servers[CIVIL].faults.add("replace", where=".zip")
    civil_rig.peers.stage(1)
    civil_rig.told()
    assert {"digest_differs", ""} >= {row.code for row in civil_rig.rows()}
    civil_rig.peers.stage(1)
    assert (ExitCode.DONE, "") == civil_rig.told()
    assert quiet(CIVIL) == civil_rig.records()


def test_another_order_changes_nothing(new_rig: NewRig, quiet: Callable[..., Records]) -> None:
    """Files listed and holders told from the end of the list, in short pages, come to the same records."""
    rig = new_rig(CIVIL, RURAL, FEDERATION, TAX)
    rig.peers.stage(1)
    for name in (CIVIL, RURAL):
        rig.peers.servers[name].faults.add("reorder", times=ALWAYS)
    holders = rig.peers.servers[FEDERATION].faults
    holders.add("reorder", times=ALWAYS)
    holders.add("short_page", times=ALWAYS, holders=5)
    assert (ExitCode.DONE, "") == rig.told()
    assert 1 < holders.happened["short_page"]
    assert quiet(CIVIL, RURAL, FEDERATION, TAX) == rig.records()


@pytest.mark.parametrize("fault", ["expire_cursor", "repeat_page"])
def test_a_list_that_comes_apart_is_asked_for_anew(
    new_rig: NewRig, quiet: Callable[..., Records], fault: str
) -> None:
    """A cursor that has expired, and a page that begins with holders of the page before, leave nobody out and name
    nobody twice."""
    rig = new_rig(FEDERATION)
    rig.peers.stage(1)
    holders = rig.peers.servers[FEDERATION].faults
    holders.add("short_page", times=ALWAYS, holders=5)
    holders.add(fault)
    assert (ExitCode.DONE, "") == rig.told()
    assert 1 == holders.happened[fault]
    assert quiet(FEDERATION) == rig.records()


def test_a_cut_download_goes_on_where_it_stopped(civil_rig: Rig, quiet: Callable[..., Records]) -> None:
    """What came before a cut is kept sealed, belongs to its offer only, and the next run ends whole."""
    civil_rig.peers.servers[CIVIL].faults.add("cut", where=".zip", bytes=1)
    civil_rig.peers.stage(1)
    assert ExitCode.LATER == civil_rig.told()[0]
    parts = list(civil_rig.site.incoming(CIVIL).glob("*.part"))
    assert 1 == len(parts)
    assert (ExitCode.DONE, "") == civil_rig.told()
    assert [] == list(civil_rig.site.incoming(CIVIL).glob("*.part"))
    assert quiet(CIVIL) == civil_rig.records()


def test_a_secret_that_is_not_theirs_is_told(new_rig: NewRig) -> None:
    """A client secret that the federation refuses is left for later, with what to check."""
    rig = new_rig(FEDERATION)
    rig.peers.stage(1)
    (rig.site.settings.root / "keys" / f"{FEDERATION}.client_secret").write_text("another", "utf-8")
    code, said = rig.told()
    assert ExitCode.LATER == code
    assert "请核对账号" in said


def test_a_secret_that_is_missing_is_a_fault_of_the_configuration(new_rig: NewRig) -> None:
    """Without its secret an instance cannot run: exit 2, and the file is named."""
    rig = new_rig(FEDERATION)
    (rig.site.settings.root / "keys" / f"{FEDERATION}.client_secret").unlink()
    code, said = rig.told()
    assert ExitCode.CONFIGURATION == code
    assert "client_secret" in said


def test_one_department_in_trouble_stops_no_other(new_rig: NewRig, quiet: Callable[..., Records]) -> None:
    """With three of four departments down, the fourth goes all the way; the others follow when they are back."""
    rig = new_rig(CIVIL, RURAL, FEDERATION, TAX)
    rig.peers.stage(1)
    rig.peers.servers[CIVIL].stop()
    rig.peers.servers[FEDERATION].faults.add("bad_signature", times=ALWAYS)
    rig.peers.servers[TAX].faults.add("drop", times=ALWAYS)
    report = rig.run()
    assert ExitCode.FAILED == report.exit_code
    # Tax is asked for this year and, in autumn, for the next.
    assert {CIVIL: 1, RURAL: 0, FEDERATION: 1, TAX: 2} == {n: len(one.faults) for n, one in report.instances.items()}
    assert quiet(RURAL) == rig.records()
    rig.peers.servers[CIVIL].start()
    rig.peers.well_behaved()
    assert (ExitCode.DONE, "") == rig.told()
    assert quiet(CIVIL, RURAL, FEDERATION, TAX) == rig.records()


def test_an_empty_holders_list_is_held(new_rig: NewRig) -> None:
    """A federation that suddenly has no holder at all ends nobody before a person has looked."""
    rig = new_rig(FEDERATION)
    rig.peers.stage(1)
    rig.run()
    before = rig.records()
    told = '{"as_of": "2026-11-02T01:00:00+08:00", "holders": []}'
    (rig.peers.workdir / "federation" / "holders.json").write_text(told, "utf-8")
    assert ExitCode.HELD == rig.run(2).exit_code
    assert ("applied", 0) == (rig.rows()[-1].state, rig.rows()[-1].rows)
    assert before == rig.records()
