"""Every command as every role, on a site that has lived: done where the table says so, refused and told otherwise."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.acts import actor, cases, holds, look, people, worklist
from gateway.acts.rights import REFUSED, RIGHTS, ROLE
from gateway.errors import NotAllowed
from gateway.model.roles import Role
from gateway.model.verdicts import Verdict
from gateway.site import Site
from tests.acts.lived import HELD, Done, Lived, copy, granted, here, moved, opened
from tests.ledgers import ask

NOBODY = "999999"
NOTE = ("--note", "核实过")
#: Act -> a command that is one. What it is about exists, so that it is refused for no other reason.
COMMANDS: dict[str, Callable[[Path], tuple[str, ...]]] = {
    "people.list": lambda at: ("people", "list"),
    "people.grant": lambda at: ("people", "grant", "zhao", "clerk", *NOTE),
    "people.approve": lambda at: ("people", "approve", "99999", *NOTE),
    "people.reject": lambda at: ("people", "reject", "99999", *NOTE),
    "people.revoke": lambda at: ("people", "revoke", "99999", *NOTE),
    "audit.list": lambda at: ("audit", "list"),
    "audit.export": lambda at: ("audit", "export", str(at.parent / "export")),
    "audit.verify": lambda at: ("audit", "verify"),
    "status": lambda at: ("status",),
    "sources": lambda at: ("sources",),
    "runs": lambda at: ("runs",),
    "deliveries": lambda at: ("deliveries",),
    "run": lambda at: ("run", "civil_affairs", "--today", "2026-11-03"),
    "resync": lambda at: ("resync", "civil_affairs"),
    "preview": lambda at: ("resync", "civil_affairs", "--dry-run"),
    "resync.person": lambda at: ("resync", "--person", _person(at)),
    "preview.person": lambda at: ("resync", "--person", _person(at), "--dry-run"),
    "import": lambda at: ("import", "civil_affairs", _list(at), "--mode", "full", "--business-date", "2026-01-01"),
    "preview.import": lambda at: (*COMMANDS["import"](at), "--dry-run"),
    "cases.list": lambda at: ("cases", "list"),
    "cases.show": lambda at: ("cases", "show", "1"),
    "cases.unmask": lambda at: ("cases", "show", "1", "--unmask", "--reason", "核对"),
    "cases.decide": lambda at: ("cases", "decide", "1", "later", *NOTE),
    "cases.undo": lambda at: ("cases", "undo", "1", *NOTE),
    "cases.report": lambda at: ("cases", "report", *_row(at), *NOTE),
    "cases.export": lambda at: ("cases", "export", "--county", _county(at), *_clerk(at), "--out", str(at.parent / "o")),
    "cases.import": lambda at: ("cases", "import", str(at.parent / "nothing.xlsx"), *_clerk(at)[:-2]),
    "takebacks.list": lambda at: ("takebacks", "list"),
    "takebacks.settlements": lambda at: ("takebacks", "settlements"),
    "takebacks.unmask": lambda at: ("takebacks", "settlements", "--unmask", "--reason", "核对"),
    "explain": lambda at: ("explain", _person(at)),
    "holds.list": lambda at: ("holds", "list"),
    "holds.show": lambda at: ("holds", "show", "1"),
    "holds.release": lambda at: ("holds", "release", "1", "--digest", "0" * 8, *NOTE),
    "holds.reject": lambda at: ("holds", "reject", "1", *NOTE),
    "outbox.list": lambda at: ("outbox", "list"),
    "outbox.show": lambda at: ("outbox", "show", "1"),
    "outbox.retry": lambda at: ("outbox", "retry", "--all", *NOTE),
    "outbox.cancel": lambda at: ("outbox", "cancel", "--all", *NOTE),
    "outbox.pause": lambda at: ("outbox", "pause", *NOTE),
    "outbox.resume": lambda at: ("outbox", "resume", *NOTE),
    "outbox.undo": lambda at: ("outbox", "undo", "1", *NOTE),
    "outbox.undos": lambda at: ("outbox", "undos"),
    "outbox.release": lambda at: ("outbox", "release", "99999", *NOTE),
    "outbox.reject": lambda at: ("outbox", "reject", "99999", *NOTE),
    "keys.status": lambda at: ("keys", "status"),
    "keys.rotate": lambda at: ("keys", "rotate"),
    "keys.rotate.signing": lambda at: ("keys", "rotate", "--signing", "--from", "2099-01-01"),
    "keys.rotate.index": lambda at: ("keys", "rotate", "--index"),
    "keys.destroy": lambda at: ("keys", "destroy", "nobody", *NOTE),
    "keys.passphrase": lambda at: ("keys", "passphrase", "--new", "file:keys/passphrase"),
    "keys.export": lambda at: ("keys", "export"),
    "keys.export.ask": lambda at: ("keys", "export", "--ask", *NOTE),
    "keys.export.approve": lambda at: ("keys", "export", "--approve", "1", *NOTE),
    "retention": lambda at: ("retention",),
    "retention.destroy": lambda at: ("retention", "--destroy"),
    "verify": lambda at: ("verify",),
    "verify.repair": lambda at: ("verify", "--repair"),
    "verify.keep": lambda at: ("verify", "--keep", _person(at), *NOTE),
    "verify.replace": lambda at: ("verify", "--replace", _person(at), *NOTE),
}
ASKED = {act: right for act, right in RIGHTS.items() if not right.free}


def _person(at: Path) -> str:
    return str(ask(at, f"SELECT person_key FROM departures WHERE delivery = {HELD} LIMIT 1")[0][0])


def _row(at: Path) -> tuple[str, ...]:
    found = ask(at, "SELECT delivery, row FROM recognitions WHERE known_to IS NULL ORDER BY id LIMIT 1")
    return tuple(map(str, found[0]))


def _county(at: Path) -> str:
    return two_counties(at)[0][0]


def _list(at: Path) -> str:
    file = at.parent / "list.csv"
    file.write_text("甲,乙\n1,2\n", "utf-8")
    return str(file)


def _clerk(at: Path) -> tuple[str, ...]:
    """Options of a worklist, the reason last."""
    file = at.parent / "password"
    file.touch(mode=0o600)
    file.write_text("a long password\n", "utf-8")
    return ("--clerk", "县经办", "--password-file", str(file), "--reason", "县区核查")


@pytest.fixture(scope="module", params=[None, *Role], ids=lambda role: role or "nobody")
def held(
    request: pytest.FixtureRequest, lived: Lived, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Role | None, Path]:
    """A site where whoever runs the program has this one role, for all of it."""
    root = copy(lived.site, tmp_path_factory.mktemp("role"))
    with opened(root) as site:
        moved(site, actor(), request.param)
    return request.param, root


def refusals(root: Path) -> list[tuple[str, str, str]]:
    """(actor, act wanted, why) of every act that was refused."""
    found = ask(root, "SELECT actor, detail FROM acts WHERE act = ? ORDER BY id", REFUSED)
    details = [(who, json.loads(detail)) for who, detail in found]
    return [(who, detail["wanted"], detail["why"]) for who, detail in details]


def tried(root: Path, act: str) -> tuple[Done, list[tuple[str, str, str]]]:
    """A command, and which acts were refused meanwhile for want of a role."""
    words, before = COMMANDS[act](root), len(refusals(root))
    done = here(root, *words)
    assert "Traceback" not in done.err, done.err
    return done, [one for one in refusals(root)[before:] if one[2] == ROLE]


@pytest.mark.parametrize("act", COMMANDS)
def test_each_command_is_done_by_the_roles_of_the_table(held: tuple[Role | None, Path], act: str) -> None:
    """Whoever has a role that the table names may do it. Everybody else is told in Chinese and with the next step that
    they may not, sees nothing, and the attempt is written down."""
    role, root = held
    acts = ask(root, "SELECT count(*) FROM acts WHERE act <> ?", REFUSED)
    done, refused = tried(root, act)
    if role in RIGHTS[act].roles:
        assert [] == refused
        assert 2 != done.code, done.err
        return
    assert (1, "") == (done.code, done.out)
    assert "角色" in done.err and "→" in done.err
    assert [(actor(), act, ROLE)] == refused
    assert acts == ask(root, "SELECT count(*) FROM acts WHERE act <> ?", REFUSED)


def test_every_act_of_the_table_is_tried() -> None:
    """No act is left out of the test above but those for which nobody needs a role."""
    assert set(ASKED) == set(COMMANDS)


@pytest.fixture(scope="module")
def elsewhere(lived: Lived, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site where whoever runs the program is clerk of one county that has nobody, and approver of another."""
    root = copy(lived.site, tmp_path_factory.mktemp("elsewhere"))
    with opened(root) as site:
        moved(site, actor(), None)
        granted(site, actor(), Role.CLERK, county=NOBODY)
        granted(site, actor(), Role.APPROVER, county="888888")
        granted(site, actor(), Role.CLERK, instance="tax", county="777777")
    ask(root, "UPDATE changes SET state = 'queued' WHERE id = (SELECT max(id) FROM changes)")
    return root


#: What lists; it shows nothing of others'.
LISTS = {"cases.list", "holds.list", "outbox.list", "takebacks.list", "takebacks.settlements", "takebacks.unmask"}
#: What asks of a file first, or of what is not there.
LATER = {"cases.import"}


@pytest.mark.parametrize("act", [act for act, right in ASKED.items() if right.county and act not in LISTS | LATER])
def test_nothing_is_done_beyond_one_s_county(elsewhere: Path, act: str) -> None:
    """What is about another county, an unknown one or the whole site is refused to a clerk and approver of others."""
    acts = ask(elsewhere, "SELECT count(*) FROM acts WHERE act <> ?", REFUSED)
    done, refused = tried(elsewhere, act)
    assert (1, "") == (done.code, done.out), done.err
    assert "范围" in done.err and "→" in done.err
    assert [(actor(), act, ROLE)] == refused
    assert acts == ask(elsewhere, "SELECT count(*) FROM acts WHERE act <> ?", REFUSED)


@pytest.mark.parametrize("act", ["cases.list", "holds.list", "takebacks.list"])
def test_lists_show_one_s_own_only(elsewhere: Path, act: str) -> None:
    """Where everything is of other counties, a list is empty."""
    done = here(elsewhere, *COMMANDS[act](elsewhere), "--json")
    assert (0, []) == (done.code, json.loads(done.out)), done.err


@pytest.mark.parametrize("act", [act for act, right in ASKED.items() if right.instance and not right.county])
def test_nothing_is_done_beyond_one_s_source(lived: Lived, tmp_path: Path, act: str) -> None:
    """A clerk of one source neither runs nor sees another."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        moved(site, actor(), None)
        granted(site, actor(), Role.CLERK, instance="tax")
    words = [*COMMANDS[act](root), *(["--instance", "civil_affairs"] if act == "deliveries" else [])]
    done = here(root, *words)
    assert (1, "") == (done.code, done.out), done.err
    assert [(actor(), act, ROLE)] == refusals(root)


def two_counties(root: Path) -> tuple[tuple[str, int], tuple[str, int]]:
    """Two counties, and of each an open case that comes from a row."""
    of_rows = "state = 'open' AND county <> '' AND row IS NOT NULL AND code <> 'rows_conflict'"
    found = ask(root, f"SELECT county, min(id) FROM cases WHERE {of_rows} GROUP BY county")
    one, other, *_more = found
    return one, other


def test_a_clerk_of_one_county_decides_nothing_of_another(lived: Lived, tmp_path: Path) -> None:
    """A clerk of A sees, unmasks, decides and exports the cases of A, and none of B; nor takes B's worklist in."""
    root = copy(lived.site, tmp_path)
    (a, mine), (b, other) = two_counties(root)
    file = tmp_path / "b.xlsx"
    with opened(root) as site:
        worklist.export(site, b, "县经办", "a long password", reason="核查", actor="clerk", out=file)
        granted(site, "li", Role.CLERK, county=a)
        assert {a} == {view.county for view in look.cases(site, actor="li")[0]}
        assert a == cases.unmasked(site, mine, reason="核对", actor="li").county
        cases.decide(site, mine, Verdict.LATER, note="等来函", actor="li")
        for beyond in _beyond(site, b, other, file):
            with pytest.raises(NotAllowed) as refused:
                beyond()
            assert ROLE == refused.value.code
    assert [("li", "later")] == ask(root, "SELECT actor, verdict FROM verdicts")
    wanted = ["cases.list", "cases.show", "cases.unmask", "cases.decide", "cases.export", "cases.import"]
    assert [("li", act, ROLE) for act in wanted] == refusals(root)


def _beyond(site: Site, county: str, case: int, file: Path) -> list[Callable[[], object]]:
    word, out = "a long password", file.with_name("n.xlsx")
    return [
        lambda: look.cases(site, county=county, actor="li"),
        lambda: cases.case(site, case, actor="li"),
        lambda: cases.unmasked(site, case, reason="核对", actor="li"),
        lambda: cases.decide(site, case, Verdict.LATER, note="等来函", actor="li"),
        lambda: worklist.export(site, county, "县经办", word, reason="核查", actor="li", out=out),
        lambda: worklist.take(site, file, "县经办", word, actor="li"),
    ]


def test_a_grant_counts_on_its_days_only(lived: Lived, tmp_path: Path) -> None:
    """Before its first day, after its last and once it is revoked, it is as if there were none."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        number = granted(site, "li", Role.CLERK)
        assert look.cases(site, actor="li")
        for days in ("first = '2999-01-01', last = NULL", "first = '2020-01-01', last = '2020-01-02'"):
            ask(root, f"UPDATE grants SET {days} WHERE id = {number}")
            with pytest.raises(NotAllowed):
                look.cases(site, actor="li")
        ask(root, f"UPDATE grants SET last = NULL WHERE id = {number}")
        people.revoke(site, number, note="调离", actor="security")
        with pytest.raises(NotAllowed):
            look.cases(site, actor="li")


def test_who_has_two_roles_that_clash_does_nothing(lived: Lived, tmp_path: Path) -> None:
    """Even where somebody wrote them past the program into the ledger, clerk and approver in one are neither."""
    root = copy(lived.site, tmp_path)
    ask(root, "UPDATE grants SET person = 'colleague' WHERE person = 'second-clerk'")
    with opened(root) as site, pytest.raises(NotAllowed) as refused:
        holds.reject(site, 1, note="名单有误", actor="colleague")
    assert ROLE == refused.value.code
    assert [("open",)] == ask(root, "SELECT state FROM holds")


def test_a_site_without_people_says_who_must_be_first(lived: Lived, tmp_path: Path) -> None:
    """Where nobody has a role yet, each command says how the first people are named."""
    root = copy(lived.site, tmp_path)
    ask(root, "DELETE FROM grants")
    done = here(root, "status")
    assert (1, "") == (done.code, done.out)
    assert "gateway people found" in done.err


def test_the_daemon_does_what_is_its_own_and_nothing_else(lived: Lived, tmp_path: Path) -> None:
    """It runs and compares without a role, and can be nobody who decides."""
    own = {act for act, right in RIGHTS.items() if right.daemon}
    assert {"run", "verify", "retention.destroy"} == own
    root = copy(lived.site, tmp_path)
    with opened(root) as site, pytest.raises(NotAllowed) as refused:
        holds.reject(site, 1, note="名单有误", actor="daemon")
    assert ROLE == refused.value.code


def test_a_right_says_who_or_why_nobody() -> None:
    """Every act names its roles, or the reason for which it needs none."""
    assert [] == [act for act, right in RIGHTS.items() if bool(right.roles) == bool(right.free)]
