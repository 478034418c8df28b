"""What a person releases is what they saw; who may; and when two must."""
import json
from datetime import date
from pathlib import Path

import pytest

from gateway import pipeline
from gateway.acts import cases, holds, lists, runs
from gateway.acts.rights import MAKER
from gateway.errors import ExitCode, NotAllowed
from gateway.model.deliveries import Mode
from gateway.model.holds import LEAVES, WHOLE, set_digest
from gateway.model.roles import Role
from gateway.model.verdicts import Verdict
from gateway.pipeline.bring import Brought
from gateway.site import Site
from gateway.store import approvals, deliveries, people
from tests.acts.acceptance.test_holds import seen, strangers
from tests.acts.lived import HELD, OPENER, Lived, copy, edit, granted, moved, opened, plainly_meant
from tests.ledgers import ask

DAY = date(2026, 11, 3)
STATES = f"SELECT state, count(*) FROM departures WHERE delivery = {HELD} GROUP BY state"
LIMITS = '\nplugin = "civil_affairs"\n'


def limited(root: Path, limits: str) -> Path:
    """With these limits of the source whose list is held."""
    return edit(root, LIMITS, f"{LIMITS}limits = {{ {limits} }}\n")


def somebody_held_nothing(site: Site) -> None:
    """A clerk decides, for the next run, that one of those whose departure is held was never meant by the list."""
    held = f"SELECT person_key FROM departures WHERE delivery = {HELD} AND state = 'held'"
    stands = f"instance = 'civil_affairs' AND known_to IS NULL AND last IS NULL AND person_key IN ({held})"
    found = ask(site.settings.root, f"SELECT person_key, delivery, row FROM recognitions WHERE {stands}")
    plain = plainly_meant(site, "civil_affairs")
    delivery, row = next(place for key, *place in found if key in plain)
    case = cases.report(site, delivery, row, note="同名的另一个人", actor="clerk")
    cases.decide(site, case, Verdict.DIFFERENT, note="核对过户口簿", actor="clerk", settle=False)


def test_a_hold_shows_exactly_what_a_release_changes(lived: Lived, tmp_path: Path) -> None:
    """The set shown is the set held, nobody is shown in clear, and releasing it ends these identities and no other."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        view = holds.shown(site, 1, everybody=True, actor="clerk")
        with site.ledger.begin() as tx:
            held = people.departures_in(tx, view.hold.delivery_id, "", "held")
        assert view.hold.digest == set_digest(view.hold.place, held.select(LEAVES))
        holds.release(site, 1, digest=view.digest, actor="colleague", note="已核实", day=DAY)
    left = ask(root, f"SELECT person_key, identity FROM departures WHERE delivery = {HELD} AND state = 'released'")
    shown = {(one.person_key, one.identity) for one in view.people}
    assert {"end"} == {one.direction for one in view.people}
    assert shown <= set(left) and len(shown) == held.height
    assert len(view.people) == sum(count.people for count in view.counts)
    names = {row["psn_name"] for row in lived.people()} | {row["certno"] for row in lived.people()}
    assert not names & ({one.name for one in view.people} | {one.number for one in view.people})


@pytest.mark.parametrize("digest", ["", "0" * 8, "0" * 64, "abc"])
def test_who_has_not_seen_the_set_releases_nothing(lived: Lived, tmp_path: Path, digest: str) -> None:
    """A digest that is not the set's, or too short to tell sets apart, releases nothing and leaves no trace."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site, pytest.raises(NotAllowed):
        holds.release(site, 1, digest=digest, actor="colleague", note="已核实", day=DAY)
    assert [("open",)] == ask(root, "SELECT state FROM holds")
    assert [(0,)] == ask(root, "SELECT count(*) FROM approvals")


def test_an_approval_is_void_when_the_set_changes(lived: Lived, tmp_path: Path) -> None:
    """Who leaves is another set by the time of the settlement: nobody leaves, the hold is open with a new digest, and
    whoever approved the old one may approve the new one."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        before = holds.shown(site, 1, actor="clerk").hold
        somebody_held_nothing(site)
        report = holds.release(site, 1, digest=before.digest, actor="colleague", note="已核实", day=DAY)
        assert report is not None and ExitCode.HELD == report.exit_code
        after = holds.hold(site, 1, actor="clerk")
        assert ("open", before.leaving - 1) == (after.state, after.leaving)
        assert before.digest != after.digest
        assert [("held", after.leaving)] == [row for row in ask(root, STATES) if row[0] in ("held", "released")]
        assert [(1,)] == ask(root, "SELECT count(*) FROM approvals WHERE void_at IS NOT NULL")
        with pytest.raises(NotAllowed):
            holds.release(site, 1, digest=before.digest, actor="colleague", note="已核实", day=DAY)
        holds.release(site, 1, digest=seen(site), actor="colleague", note="已核实", day=DAY)
    assert [("released",)] == ask(root, "SELECT state FROM holds")
    assert [(0,)] == ask(root, f"SELECT count(*) FROM departures WHERE delivery = {HELD} AND state = 'held'")


def test_an_approval_that_was_void_stays_void(lived: Lived, tmp_path: Path) -> None:
    """Where a set changes and comes to what it was, whoever approved it before has to approve it again."""
    root = limited(copy(lived.site, tmp_path), "second_share = 0.1, second_number = 1")
    with opened(root) as site:
        settle_anew(root)
        runs.run(site, [], DAY, actor="clerk", pull=False)
        before = seen(site)
        assert holds.release(site, 1, digest=before, actor="colleague", note="已核实", day=DAY) is None
        somebody_held_nothing(site)
        runs.run(site, [], DAY, actor="clerk", pull=False)
        assert before != seen(site)
        (case,) = [row[0] for row in ask(root, "SELECT case_id FROM verdicts")]
        cases.undo(site, case, note="还是他", actor="clerk", day=DAY)
        view = holds.shown(site, 1, actor="clerk")
        assert (before, []) == (view.digest, view.approved_by)


def test_whose_run_changed_the_set_does_not_approve_it(lived: Lived, tmp_path: Path) -> None:
    """Who settled a hold anew, with another set, has a hand in that set, though another's run opened it."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        somebody_held_nothing(site)
        pipeline.run(site, [], DAY, actor="colleague", pull=False)
        view = holds.shown(site, 1, actor="clerk")
        assert ["clerk", "colleague", OPENER] == view.makers
        with pytest.raises(NotAllowed) as refused:
            holds.release(site, 1, digest=view.digest, actor="colleague", note="已核实", day=DAY)
        assert MAKER == refused.value.code
        assert holds.release(site, 1, digest=view.digest, actor="second-colleague", note="已核实", day=DAY) is not None


def test_a_release_covers_nobody_who_comes_later(lived: Lived, tmp_path: Path) -> None:
    """After a release has taken place, another who would leave by the same list is held: nobody saw them in the set."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        somebody_held_nothing(site)
        runs.run(site, [], DAY, actor="clerk", pull=False)
        holds.release(site, 1, digest=seen(site), actor="colleague", note="已核实", day=DAY)
        (case,) = [row[0] for row in ask(root, "SELECT case_id FROM verdicts")]
        cases.undo(site, case, note="还是他", actor="clerk", day=DAY)
        after = holds.hold(site, 1, actor="clerk")
    assert ("open", 1) == (after.state, after.leaving)
    assert [(1,)] == ask(root, f"SELECT count(*) FROM departures WHERE delivery = {HELD} AND state = 'held'")


def test_past_the_second_limit_two_people_approve(lived: Lived, tmp_path: Path) -> None:
    """The first approval changes nothing, the same person's second is refused, another's releases; what needed two
    needs two whatever limit comes."""
    root = limited(copy(lived.site, tmp_path), "second_share = 0.1, second_number = 1")
    before = lived.records()
    with opened(root) as site:
        settle_anew(root)
        runs.run(site, [], DAY, actor="clerk", pull=False)
        assert 2 == holds.hold(site, 1, actor="clerk").approvals
        assert holds.release(site, 1, digest=seen(site), actor="colleague", note="已核实", day=DAY) is None
        view = holds.shown(site, 1, actor="clerk")
        assert (["colleague"], "open") == (view.approved_by, view.hold.state)
        with pytest.raises(NotAllowed):
            holds.release(site, 1, digest=seen(site), actor="colleague", note="再批", day=DAY)
    assert before == lived.records()
    edit(root, "second_number = 1 ", "second_number = 1000 ")
    with opened(root) as site:
        runs.run(site, [], DAY, actor="second-clerk", pull=False)
        assert 2 == holds.hold(site, 1, actor="clerk").approvals
        assert holds.release(site, 1, digest=seen(site), actor="second-colleague", note="已核实", day=DAY) is not None
    assert [("released",)] == ask(root, "SELECT state FROM holds")
    assert before != lived.records()


@pytest.mark.parametrize("way", ["imports a list", "changes the limits"])
def test_an_approver_who_has_had_a_hand_in_it_since_is_none_of_the_two(
    lived: Lived, tmp_path: Path, way: str
) -> None:
    """Of two who must approve, the first imports a list of that source and day afterwards, or is the first to use other
    limits: the set is the same, the approval is there, and it takes two others."""
    root = two_must(lived, tmp_path)
    with opened(root) as site:
        assert holds.release(site, 1, digest=seen(site), actor="colleague", note="已核实", day=DAY) is None
        before = seen(site)
        if way == "imports a list":
            moved(site, "colleague", Role.CLERK)
            file = strangers(tmp_path / "list.csv", 25)
            brought = Brought(file=file, mode=Mode.DELTA, business_date=DAY, scope="", sequence=4)
            lists.import_list(site, "civil_affairs", brought, actor="colleague", day=DAY)
            moved(site, "colleague", Role.APPROVER)
    if way == "changes the limits":
        edit(root, "second_number = 1 ", "second_number = 2 ")
        with opened(root) as site:
            pipeline.run(site, [], DAY, actor="colleague", pull=False)
    with opened(root) as site:
        view = holds.shown(site, 1, actor="clerk")
        assert (before, ["colleague"]) == (view.digest, view.approved_by)
        assert "colleague" in view.makers
        granted(site, "third-colleague", Role.APPROVER)
        assert holds.release(site, 1, digest=before, actor="second-colleague", note="已核实", day=DAY) is None
        assert [("open",)] == ask(root, "SELECT state FROM holds WHERE id = 1")
        assert holds.release(site, 1, digest=before, actor="third-colleague", note="已核实", day=DAY) is not None
    assert [("released",)] == ask(root, "SELECT state FROM holds WHERE id = 1")


def two_must(lived: Lived, folder: Path, limits: str = "second_share = 0.1, second_number = 1") -> Path:
    """A copy of the site in which two people must approve the hold."""
    root = limited(copy(lived.site, folder), limits)
    with opened(root) as site:
        settle_anew(root)
        runs.run(site, [], DAY, actor="clerk", pull=False)
        assert 2 == holds.hold(site, 1, actor="clerk").approvals
    return root


def test_what_needed_two_needs_two_when_fewer_are_left(lived: Lived, tmp_path: Path) -> None:
    """A set that shrinks to the second limit is another set, and two must approve it all the same."""
    (leaving,) = ask(lived.site, "SELECT leaving FROM holds")[0]
    root = two_must(lived, tmp_path, f"second_share = 0.0, second_number = {leaving - 1}")
    with opened(root) as site:
        somebody_held_nothing(site)
        runs.run(site, [], DAY, actor="second-clerk", pull=False)
        after = holds.hold(site, 1, actor="clerk")
        assert (leaving - 1, 2) == (after.leaving, after.approvals)
        assert holds.release(site, 1, digest=seen(site), actor="colleague", note="已核实", day=DAY) is None
        assert "open" == holds.hold(site, 1, actor="clerk").state
        assert holds.release(site, 1, digest=seen(site), actor="second-colleague", note="已核实", day=DAY) is not None


def test_an_approval_of_another_set_is_not_counted(lived: Lived, tmp_path: Path) -> None:
    """Of the approvals that are not void, only those of this very set count."""
    root = two_must(lived, tmp_path)
    with opened(root) as site:
        with site.ledger.begin() as tx:
            approvals.add(tx, 1, "0" * 64, actor="colleague", note="已核实")
        assert [] == holds.shown(site, 1, actor="clerk").approved_by
        assert holds.release(site, 1, digest=seen(site), actor="second-colleague", note="已核实", day=DAY) is None
        assert holds.release(site, 1, digest=seen(site), actor="colleague", note="已核实", day=DAY) is not None


def settle_anew(root: Path) -> None:
    """The next settlement goes on from nothing."""
    ask(root, "DELETE FROM checkpoints")


def test_who_changed_the_limits_does_not_approve(lived: Lived, tmp_path: Path) -> None:
    """Whose run first used other limits has a hand in what they hold; whose run used them again has none."""
    root = limited(copy(lived.site, tmp_path), "number = 21")
    with opened(root) as site:
        pipeline.run(site, [], DAY, actor="colleague", pull=False)
        pipeline.run(site, [], DAY, actor="second-colleague", pull=False)
        view = holds.shown(site, 1, actor="clerk")
        assert ["colleague", OPENER] == view.makers
        with pytest.raises(NotAllowed):
            holds.release(site, 1, digest=view.digest, actor="colleague", note="已核实", day=DAY)
        assert holds.release(site, 1, digest=view.digest, actor="second-colleague", note="已核实", day=DAY) is not None
    assert [("colleague", "limits.change")] == ask(root, "SELECT actor, act FROM acts WHERE act LIKE 'limits%'")


@pytest.mark.parametrize("instance", ["civil_affairs", "rural_revitalization"])
def test_a_decision_tells_in_whose_list_its_row_stands(lived: Lived, tmp_path: Path, instance: str) -> None:
    """By that it bears on what is held of this list: a county's workbook, or the whole city's."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        plain = plainly_meant(site, instance)
        found = ask(root, f"SELECT person_key, delivery, row FROM recognitions WHERE instance = '{instance}'")
        delivery, row = next(place for key, *place in found if key in plain)
        case = cases.report(site, delivery, row, note="同名的另一个人", actor="clerk")
        cases.decide(site, case, Verdict.DIFFERENT, note="核对过户口簿", actor="clerk", settle=False)
        with site.ledger.begin() as tx:
            list_ = deliveries.get(tx, delivery)
        entries = site.read_frame(str(list_ and list_.entries_file))
    ((said,),) = ask(root, "SELECT detail FROM acts WHERE act = 'case.different'")
    assert entries.filter(row=row)["scope"].item() == json.loads(said)["scope"]
    assert (instance == "civil_affairs") == (json.loads(said)["scope"] == "")


@pytest.mark.parametrize("undone", [False, True])
def test_who_decided_a_case_does_not_approve_what_came_of_it(lived: Lived, tmp_path: Path, undone: bool) -> None:
    """Also where they are an approver by now, and left it to the daemon's run to change what is held."""
    root = copy(lived.site, tmp_path)
    with opened(root) as site:
        somebody_held_nothing(site)
        pipeline.run(site, [], DAY, actor="daemon", pull=False)
        (case,) = [row[0] for row in ask(root, "SELECT case_id FROM verdicts")]
        if undone:
            ask(root, "UPDATE verdicts SET actor = 'colleague'")
            cases.undo(site, case, note="还是他", actor="clerk", day=DAY)
            ask(root, "UPDATE holds SET changed_by = '[]'")
        moved(site, "clerk", Role.APPROVER)
        view = holds.shown(site, 1, actor="clerk")
        assert {"clerk", OPENER} <= set(view.makers)
        with pytest.raises(NotAllowed) as refused:
            holds.release(site, 1, digest=view.digest, actor="clerk", note="已核实", day=DAY)
        assert MAKER == refused.value.code


def test_who_imported_a_list_does_not_approve_it(lived: Lived, tmp_path: Path) -> None:
    """Also where they are an approver by now, and another's run, or the daemon's, settled it and opened the hold."""
    root = copy(lived.site, tmp_path)
    file = strangers(tmp_path / "list.csv", 25)
    brought = Brought(file=file, mode=Mode.DELTA, business_date=DAY, scope="", sequence=4)
    with opened(root) as site:
        lists.import_list(site, "civil_affairs", brought, actor="clerk", day=DAY)
        ask(root, "UPDATE holds SET opened_by = 'daemon' WHERE scope = ?", WHOLE)
        (whole,) = [h for h in holds.held(site, actor="clerk") if h.scope == WHOLE]
        assert ["clerk", "daemon"] == holds.shown(site, whole.id, actor="clerk").makers
        moved(site, "clerk", Role.APPROVER)
        with pytest.raises(NotAllowed) as refused:
            holds.release(site, whole.id, digest=whole.digest, actor="clerk", note="没错", day=DAY)
        assert MAKER == refused.value.code
        assert holds.release(site, whole.id, digest=whole.digest, actor="colleague", note="没错", day=DAY) is not None
