"""People are planted wherever somebody else's words come in; none of them leaves by any door."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import logs
from gateway.cli import faults, output
from gateway.errors import DeliveryRefused, GatewayError, PeerBroken
from gateway.mappings import MappingFiles
from gateway.normalise import normalise
from gateway.peers.http import Answer
from gateway.pipeline.known import known
from gateway.pipeline.run import InstanceReport, RunReport
from gateway.plugin.loader import Allowed, load_plugins
from gateway.plugin.trust import mark_of
from gateway.settings import FILE, load_settings
from gateway.store import Ledger, audit, runs
from gateway.store.ledger import record_act, record_event
from gateway.testing.site import own_plugins
from tests import ledgers
from tests.fuzz.parsers import DAY, LISTS, PLUGINS
from tests.test_redact import split, wide

NAMES = ("覃小燕", "韦乙", "欧阳娜娜", "买买提·艾力", "QIN XIAOYAN")
FRONT = "451002" + "19900307"


@st.composite
def numbers(draw: st.DrawFn) -> str:
    """An identity number, a mobile number or a psn_no, as people write them."""
    number = draw(
        st.sampled_from([f"{FRONT}123X", f"{FRONT}123x", f"{FRONT}1234", "451002900307123", "13877612345"])
        | st.from_regex(r"4510[0-9]{14}", fullmatch=True)
        | st.from_regex(r"4510[0-9]{22}", fullmatch=True)
    )
    form = draw(st.sampled_from(["", " ", "-", "·", "wide"]))
    return wide(number) if form == "wide" else split(number, form)


people = st.tuples(st.sampled_from(NAMES), numbers())


def digits(text: str) -> str:
    return "".join(c for c in text if c.isdigit())


#: What is said to somebody, as the doors let it out.
Said = Callable[[str, str], str]


def of_error(fault: BaseException) -> str:
    """All that is told of an exception: to a person, as a surprise, in a run's report and in the ledger."""
    err = io.StringIO()
    with redirect_stderr(err):
        if isinstance(fault, GatewayError):
            faults.tell(fault)
        faults.tell_surprise(fault)
    report = RunReport(run=1, today=DAY, instances={"tax": InstanceReport(faults=[faults.in_words(fault)])})
    if isinstance(fault, GatewayError):
        report.fault(fault)
    return err.getvalue() + json.dumps(report.detail(), ensure_ascii=False)


def caught(call: Callable[[], object]) -> str:
    """What is told of what the call raises; "" where it raises nothing."""
    try:
        call()
    except Exception as fault:
        return of_error(fault)
    return ""


class _Stumbled(Exception):
    """Of a plugin of the site's own."""


def plugin_fault(name: str, number: str) -> str:
    """Message, arguments, notes and a chain of causes of a plugin's own exception."""

    def stumble() -> None:
        with known("tax"):
            try:
                raise KeyError(f"{name}{number}")
            except KeyError as cause:
                fault = _Stumbled(name, {number: name})
                fault.add_note(f"{name} {number}")
                raise fault from cause

    return caught(stumble)


def cells(name: str, number: str) -> str:
    """A list that is refused for what stands in its header and cells."""
    said = ""
    for slug in ("civil_affairs", "disabled_federation", "rural_revitalization"):
        row = ",".join([name, number] * 4)
        for text in (f"{name},{number}\n{row}\n", f'[{{"{name}": "{number}"}}', f'[["{name}"]]'):
            call = lambda slug=slug, text=text: normalise(  # noqa: E731
                text.encode(), LISTS[slug], part="part", scope="", business_date=DAY
            )
            said += caught(call)
    return said


def answer(name: str, number: str) -> str:
    """The body of a peer's answer that is no JSON, and of one that says no."""
    body = f'{{"err_msg": "{name} {number}'.encode()
    return "".join(
        caught(call)
        for call in (
            lambda: Answer(where="平台", status=200, headers={}, content=body).json(),
            lambda: Answer(where="平台", status=500, headers={}, content=body).expect(200),
        )
    )


def ours(_name: str, number: str) -> str:
    """An error of ours, and its cause, that name the files and the lists of others: to a person, and in a report."""
    fault = DeliveryRefused(f"批次 {number}", where=f"list_{number}.xlsx", next_step=f"list_{number}.csv", code="x")
    fault.__cause__ = PeerBroken(f"号码 {number}", where=f"/in/{number}.csv")
    out, report = io.StringIO(), RunReport(run=1, today=DAY)
    report.fault(fault)
    with redirect_stdout(out), redirect_stderr(out):
        faults.tell(fault)
        output.print_json(report.detail())
    return out.getvalue()


def logged(name: str, number: str) -> str:
    """A line of the log whose ids somebody chose badly."""
    stream = io.StringIO()
    with logs.written_to(stream):
        logs.log(f"号码 {number}", action="x", file=f"list_{number}.csv", deep=[{number: (number,)}], number=number)
    return stream.getvalue()


def shown(name: str, number: str) -> str:
    """Tables, lines, talk and JSON of commands."""
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        output.line(f"名单 list_{number}.csv:{number}")
        output.talk(f"已写入 {number}.csv")
        output.table(["列", number], [[number, datetime(2026, 11, 1, tzinfo=UTC).replace(tzinfo=None)], [number, None]])
        output.print_json({"a": number, number: [number]})
        output.print_json({"note": f"{number}", "rows": [{"file": number}]})
    return out.getvalue().replace("\n", "")


DOORS: dict[str, tuple[Said, bool]] = {
    "plugin's exception": (plugin_fault, True),
    "cells and headers": (cells, False),  # which column nobody claims is told by its name
    "answer": (answer, True),
    "our own error": (ours, False),  # its words are ours; names of files and lists are others'
    "log": (logged, False),
    "stdout": (shown, False),
}


@pytest.mark.parametrize("door", DOORS)
def test_nobody_who_is_planted_leaves(door: str) -> None:
    """No number leaves by any door, in whatever form it came in; no name by one whose texts are all our own."""
    say, names_too = DOORS[door]

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(who=people)
    def tried(who: tuple[str, str]) -> None:
        name, number = who
        told = say(name, number)
        assert told
        assert number not in told
        assert digits(number) not in told
        if names_too:
            assert name not in told

    tried()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    (tmp_path / FILE).write_text("[site]\n", "utf-8")
    ledgers.place(tmp_path)
    made = Ledger(ledgers.address(tmp_path))
    yield made
    made.close()


def test_nobody_is_in_what_is_recorded(ledger: Ledger, tmp_path: Path) -> None:
    """Details of acts and events, and reports of runs, have no number in them whoever put it there; the keyed digest of
    a person stays, which looks like one."""
    written = [f"{FRONT}123X", wide(f"{FRONT}1234"), split(f"{FRONT}123x", " "), "451002900307123", "13877612345"]
    with ledger.begin() as tx:
        for number in written:
            record_act(tx, actor="clerk", act="case.same", note=f"电话 {number}", **{"x": [{number: number}]})
            record_event(tx, "delivery.refused", file=f"{number}.csv")
        record_act(tx, actor="clerk", act="kept", person=7190123456789012345, msgid="451000000001202611010630000001")
        report = RunReport(run=1, today=DAY, faults=[f"{number}" for number in written])
        runs.end(tx, runs.start(tx, kind="run", actor="a", today=DAY) or 0, "done", report.detail())
    with ledger.begin() as tx:
        said = json.dumps([vars(one) for one in audit.entries(tx, act="", actor="", limit=99)], default=str)
        said += json.dumps([one.detail for one in runs.recent(tx, 9)])
    ledger.close()
    said = json.dumps(json.loads("[" + said.replace("][", "],[") + "]"), ensure_ascii=False)
    content = b"".join(path.read_bytes() for path in ledgers.files(tmp_path)).decode("utf-8", "replace")
    assert [] == [number for number in written if number in said or number in content]
    assert "7190123456789012345" in said and "451000000001202611010630000001" in said


@pytest.mark.parametrize("name", NAMES)
def test_a_site_s_own_files_are_not_repeated(tmp_path: Path, name: str) -> None:
    """Mappings, settings and plugins that somebody is in name the file and the place, and nobody."""
    number = f"{FRONT}123X"
    said = ""
    texts = (
        f'"{name}" = {number}',
        f"title = '{name}{number}\n",
        f'[columns.name]\nkind = ["{name}"]',
        f"columns = '{name}'",
        f'["{name}"]\n["{name}"]',
        f'title = "x"\nformat = "{number}"\n[columns]\nname = {{ aliases = ["x"], kind = "{number}" }}\n',
    )
    for text in texts:
        (tmp_path / "tax.toml").write_text(text, "utf-8")
        said += caught(lambda: MappingFiles(tmp_path).list_mapping("tax"))
    (tmp_path / "gateway.toml").write_text(f'[site]\nname = ["{name}{number}"]\nplace = {number}\n', "utf-8")
    said += caught(lambda: load_settings(tmp_path, PLUGINS))
    text = f'raise RuntimeError("{name} {number}")\n'
    site = tmp_path / "site"
    site.mkdir(mode=0o755)
    (site / "gateway.toml").write_text("[site]\n", "utf-8")
    hook = f"import gateway.plugin\n@gateway.plugin.hookimpl\ndef gateway_register_sources(n{number}): ...\n"
    own_plugins(site, mine=text, other=hook)
    named = {"mine": mark_of(text.encode()), "other": mark_of(hook.encode())}
    said += "".join(load_plugins(site, Allowed(named=named)).broken.values())
    assert said.count("Error") > 2
    assert name not in said and number not in said
