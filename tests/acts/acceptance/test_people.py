"""Who comes to have a role, by whom, and what nobody comes to have."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.acts import actor, look, people
from gateway.acts.rights import MAKER, ROLE
from gateway.errors import GatewayError, NotAllowed, NotFound, StoreFault
from gateway.model.roles import Grant, Role
from gateway.settings import FILE
from gateway.site import Site
from gateway.testing.site import staff
from tests.acts.lived import Lived, copy, granted, here, moved, opened
from tests.conftest import NewDatabase
from tests.ledgers import ask, keep_in

FIRST = date(2020, 1, 1)
THREE = [("li", Role.SYSTEM), ("wang", Role.SECURITY), ("zhao", Role.AUDIT)]
STANDING = "SELECT person, role FROM grants WHERE state = 'granted' ORDER BY id"


@pytest.fixture
def root(lived: Lived, tmp_path: Path) -> Path:
    """A site's folder, with people."""
    return copy(lived.fresh, tmp_path)


@pytest.fixture
def bare(root: Path) -> Path:
    """A site's folder, without anybody."""
    ask(root, "DELETE FROM grants")
    return root


@pytest.fixture
def site(root: Path) -> Iterator[Site]:
    with opened(root) as site:
        yield site


def wanted(person: str = "chen", role: Role = Role.CLERK, **more: Any) -> Grant:
    return Grant(**{"person": person, "role": role, "first": FIRST, **more})


def asked(site: Site, **more: Any) -> int:
    return people.grant(site, wanted(**more), note="新到岗", actor="system")


def test_the_first_people_come_at_once(bare: Path) -> None:
    """Three administrators and whoever works; then it cannot be done again, by nobody."""
    options = ["--sysadmin", "li", "--security", "wang", "--auditor", "zhao", "--note", "新建站点"]
    made = here(bare, "people", "found", *options, "--clerk", actor(), "--approver", "sun")
    assert 0 == made.code, made.err
    named = [("li", "sysadmin"), ("wang", "security"), ("zhao", "auditor"), (actor(), "clerk"), ("sun", "approver")]
    assert named == ask(bare, STANDING)
    assert 0 == here(bare, "cases", "list").code
    again = here(bare, "people", "found", *options)
    assert (1, "") == (again.code, again.out)
    assert "gateway people grant" in again.err
    ask(bare, "UPDATE grants SET state = 'revoked'")
    assert 1 == here(bare, "people", "found", *options).code


@pytest.mark.parametrize(
    "first",
    [
        THREE[:2],
        THREE[1:],
        [*THREE[:2], ("li", Role.AUDIT)],
        [*THREE, ("li", Role.CLERK)],
        [*THREE, ("chen", Role.CLERK), ("chen", Role.APPROVER)],
        [*THREE, ("daemon", Role.CLERK)],
        [*THREE, ("", Role.CLERK)],
    ],
)
def test_no_site_begins_with_roles_that_clash(bare: Path, first: list[tuple[str, Role]]) -> None:
    """Each administrator is another person with nothing beside it, else nobody is named at all."""
    with opened(bare) as site, pytest.raises(NotAllowed):
        people.found(site, first, note="新建站点", actor="li")
    assert [] == ask(bare, STANDING)


def test_a_grant_counts_once_it_is_approved(root: Path, site: Site) -> None:
    """Asked for by the system administrator, approved by the security administrator, each written down."""
    number = asked(site)
    assert [] == ask(root, f"{STANDING.replace('ORDER', 'AND id = ? ORDER')}", number)
    row = people.approve(site, number, note="已核对", actor="security")
    assert ("granted", "system", "security") == (row.state, row.asked_by, row.decided_by)
    acts = ask(root, "SELECT actor, act FROM acts ORDER BY id DESC LIMIT 2")
    assert [("security", "people.approve"), ("system", "people.grant")] == acts
    with pytest.raises(NotAllowed):
        people.reject(site, number, note="又改主意", actor="security")
    assert "rejected" == people.reject(site, asked(site, person="sun"), note="无此人", actor="security").state


def test_nobody_approves_what_they_asked_for(root: Path, site: Site) -> None:
    """Nor who asked and is security administrator by now, nor whom it is for."""
    number, own = asked(site), asked(site, person="second-security", role=Role.SECURITY, last=date(2999, 1, 1))
    with pytest.raises(NotAllowed) as refused:
        people.approve(site, number, note="自己批准", actor="system")
    assert ROLE == refused.value.code
    people.approve(site, own, note="已核对", actor="security")
    mine = asked(site, person="second-security", role=Role.SECURITY)
    granted(site, "second-system", Role.SYSTEM)
    moved(site, "second-system", None)
    ask(root, "UPDATE grants SET asked_by = 'security' WHERE id = ?", number)
    for what, who in ((number, "security"), (mine, "second-security")):
        with pytest.raises(NotAllowed) as refused:
            people.approve(site, what, note="自己批准", actor=who)
        assert MAKER == refused.value.code
    assert [("asked",), ("asked",)] == ask(root, "SELECT state FROM grants WHERE id IN (?, ?)", number, mine)


def test_nobody_asks_for_themselves(site: Site) -> None:
    """Not even for what they have."""
    with pytest.raises(NotAllowed) as refused:
        asked(site, person="system", role=Role.SYSTEM)
    assert MAKER == refused.value.code


@pytest.mark.parametrize(
    ("person", "role"),
    [
        ("clerk", Role.APPROVER),
        ("colleague", Role.CLERK),
        ("clerk", Role.AUDIT),
        ("security", Role.AUDIT),
        ("audit", Role.SYSTEM),
        ("security", Role.CLERK),
    ],
)
def test_nobody_gets_a_role_that_clashes(site: Site, person: str, role: Role) -> None:
    """With what they have: it is refused as soon as somebody asks for it."""
    with pytest.raises(NotAllowed) as refused:
        asked(site, person=person, role=role)
    assert MAKER == refused.value.code


def test_two_that_clash_are_not_both_approved(root: Path, site: Site) -> None:
    """Asked for at a time when they had neither, the second is refused when it is to be approved."""
    one, other = asked(site), asked(site, role=Role.APPROVER)
    people.approve(site, one, note="已核对", actor="security")
    with pytest.raises(NotAllowed) as refused:
        people.approve(site, other, note="已核对", actor="security")
    assert MAKER == refused.value.code
    assert [("asked",)] == ask(root, "SELECT state FROM grants WHERE id = ?", other)


def test_two_that_clash_are_not_both_approved_at_once(root: Path, new_database: NewDatabase) -> None:
    """Approved by two processes in one moment, one of two that clash is granted. SQLite has one writer at a time."""
    keep_in(root / FILE, new_database("postgresql", at_head=True))
    with opened(root) as site, opened(root) as other:
        staff(site)
        one, two = asked(site), asked(site, role=Role.APPROVER)
        writes, engine = list[str](), site.ledger._engine

        def meanwhile(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            if statement.startswith("UPDATE grants") and not writes:
                writes.append(statement)
                people.approve(other, two, note="已核对", actor="security")

        sa.event.listen(engine, "before_cursor_execute", meanwhile)
        with pytest.raises(StoreFault):
            people.approve(site, one, note="已核对", actor="security")
    assert [("asked",), ("granted",)] == ask(root, "SELECT state FROM grants WHERE id IN (?, ?) ORDER BY id", one, two)


def test_clerk_here_and_approver_there_is_allowed(site: Site) -> None:
    """Where neither county nor source meet, or not on one day, nobody could approve their own."""
    granted(site, "chen", Role.CLERK, county="451022")
    assert granted(site, "chen", Role.APPROVER, county="451023")
    granted(site, "sun", Role.CLERK, instance="tax")
    assert granted(site, "sun", Role.APPROVER, instance="civil_affairs")


@pytest.mark.parametrize(
    "more",
    [
        {"person": "daemon"},
        {"person": "two words"},
        {"person": "chen\u200b"},
        {"county": "4510"},
        {"instance": "nobody"},
        {"role": Role.AUDIT, "county": "451022"},
        {"last": date(2020, 1, 2)},
        {"first": date(2999, 1, 2), "last": date(2999, 1, 1)},
    ],
)
def test_what_cannot_be_meant_is_not_asked_for(site: Site, more: dict[str, Any]) -> None:
    """No account, no county, no source, no day on which it would count."""
    fault: type[GatewayError] = NotFound if "instance" in more else NotAllowed
    with pytest.raises(fault):
        asked(site, **more)


@pytest.mark.parametrize(("person", "role"), [("system", Role.SYSTEM), ("security", Role.SECURITY)])
def test_the_last_who_can_grant_stays(root: Path, site: Site, person: str, role: Role) -> None:
    """A site never loses the last of either administrator who is one by now and without an end; with a successor, the
    former may go."""
    (number,) = ask(root, "SELECT id FROM grants WHERE person = ?", person)[0]
    for who, when in (("chen", {"last": date(2999, 1, 1)}), ("zhou", {"first": date(2999, 1, 1)})):
        for_a_time = people.grant(site, wanted(who, role, **when), note="代理", actor="system")
        people.approve(site, for_a_time, note="已核对", actor="security")
    with pytest.raises(NotAllowed):
        people.revoke(site, number, note="调离", actor="security")
    granted(site, "sun", role)
    assert "revoked" == people.revoke(site, number, note="调离", actor="security").state


def test_the_command_line_tells_who_has_what(root: Path, site: Site) -> None:
    """The auditor sees every grant with who asked, who approved and why; those that are over with `--all`."""
    number = granted(site, "chen", Role.CLERK, county="451022")
    people.revoke(site, number, note="调离", actor="system")
    moved(site, actor(), Role.AUDIT)
    shown = here(root, "people", "list", "--all")
    assert 0 == shown.code, shown.err
    texts = ("chen", "经办", "451022", "已撤销", "system", "security", "调离")
    assert [] == [text for text in texts if text not in shown.out]
    assert "chen" not in here(root, "people", "list").out
    for act in ("grant", "approve", "reject", "revoke"):
        words = ["sun", "clerk"] if act == "grant" else ["1"]
        assert 1 == here(root, "people", act, *words, "--note", "理由").code


def test_the_command_line_asks_and_approves(root: Path, site: Site) -> None:
    """Each step names the next one; and whoever asked does not approve, whatever they have become since."""
    moved(site, actor(), Role.SYSTEM)
    options = ["--county", "451022", "--until", "2999-01-01", "--note", "新到岗"]
    mine = here(root, "people", "grant", "sun", "clerk", *options)
    assert 0 == mine.code, mine.err
    number = ask(root, "SELECT max(id) FROM grants")[0][0]
    assert f"gateway people approve {number}" in mine.out
    moved(site, actor(), Role.SECURITY)
    assert 1 == here(root, "people", "approve", str(number), "--note", "已核对").code
    approved = here(root, "people", "approve", str(asked(site)), "--note", "已核对", "--json")
    assert (0, "granted") == (approved.code, json.loads(approved.out)["state"])
    assert 0 == here(root, "people", "reject", str(number), "--note", "重复").code
    assert [("sun", "451022", "rejected")] == ask(root, "SELECT person, county, state FROM grants WHERE id = ?", number)


def test_who_holds_two_roles_past_the_rules_may_do_nothing(lived: Lived, tmp_path: Path) -> None:
    """Somebody to whom the database gives two roles that exclude each other may use neither, whoever wrote it there."""
    root = copy(lived.site, tmp_path)
    ask(root, "UPDATE grants SET person = 'clerk' WHERE person = 'colleague'")
    with opened(root) as site:
        with pytest.raises(NotAllowed, match="兼有"):
            look.status(site, actor="clerk")
        look.status(site, actor="second-clerk")
