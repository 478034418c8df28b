"""What was taken back, and what was settled meanwhile, as a clerk at the terminal sees it."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from gateway.errors import ExitCode
from tests.acts.lived import gateway, here
from tests.acts.wronged import ALWAYS, Somebody, Town, made_town
from tests.ledgers import ask
from tests.pipeline.rig import PLATFORM


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with made_town(tmp_path_factory.mktemp("town")) as town:
        yield town


@pytest.fixture(scope="module")
def wronged(town: Town) -> Somebody:
    """Somebody whose flag was taken back, and for whom something was settled."""
    one = town.flagged.pop()
    town.wrong(one)
    town.settled(
        ("S1", one.psn_no, one.since, "10.50", ""),
        ("R1", one.psn_no, date(2026, 11, 2), "-10.50", "S1"),
        ("S2", one.psn_no, one.since, "7.25", ""),
    )
    return one


def test_the_list_says_who_decided_and_names_nobody(town: Town, wronged: Somebody) -> None:
    """One line a takeback: what, since when, by whom, whether the platform has let go; masked, in Chinese."""
    seen = here(town.root, "takebacks", "list")
    assert (0, "") == (seen.code, seen.err)
    assert [] == [word for word in ("clerk", "已收回", "civil_affairs") if word not in seen.out]
    assert wronged.psn_no not in seen.out
    (told,) = json.loads(here(town.root, "takebacks", "list", "--json").out)
    assert (1, wronged.key, "off") == (told["number"], told["person_key"], told["platform"])


def test_settlements_are_listed_with_totals(town: Town, wronged: Somebody, tmp_path: Path) -> None:
    """Each settlement, what was used, what was refunded, and the sums; the same for scripts and in the file."""
    out = tmp_path / "settled.csv"
    seen = here(town.root, "takebacks", "settlements", "1", "--out", str(out))
    assert 0 == seen.code
    assert [] == [text for text in ("退费,退 S1", "用到", "住院", "医疗救助支付 7.25 元") if text not in seen.out]
    told = json.loads(here(town.root, "takebacks", "settlements", "--json").out)
    assert ("7.25", 2, 1, 2) == (told["maf_pay"], told["settlements"], told["refunds"], told["used"])
    assert 4 == len(out.read_text("utf-8-sig").splitlines())
    assert wronged.psn_no not in seen.out + out.read_text("utf-8-sig") + json.dumps(told)
    assert 1 == here(town.root, "takebacks", "settlements", "--out", str(out)).code
    seen = gateway(town.root, "takebacks", "settlements", "1", "--out", "-")
    assert (0, out.read_text("utf-8-sig")) == (seen.code, seen.out.removeprefix("\ufeff"))
    assert 2 == here(town.root, "takebacks", "settlements", "--out", "-", "--json").code


def test_whole_numbers_want_a_reason(town: Town, wronged: Somebody) -> None:
    """Neither of the two options does without the other; together they show the number, and are written down."""
    for words in (["--unmask"], ["--reason", "追回资金"]):
        refused = here(town.root, "takebacks", "settlements", *words)
        assert (1, "") == (refused.code, refused.out)
    assert [(0,)] == ask(town.root, "SELECT count(*) FROM acts WHERE act = 'takebacks.unmask'")
    seen = here(town.root, "takebacks", "settlements", "--unmask", "--reason", "追回资金")
    assert (0, 3) == (seen.code, seen.out.count(wronged.psn_no))
    assert [(1,)] == ask(town.root, "SELECT count(*) FROM acts WHERE act = 'takebacks.unmask'")


def test_a_platform_that_is_away_is_tried_later(town: Town, wronged: Somebody) -> None:
    """Exit code 75, a line that says what to do, and no traceback; the list does not need the platform."""
    town.rig.peers.servers[PLATFORM].faults.add("status", times=ALWAYS, where="L302", code=503)
    seen = here(town.root, "takebacks", "settlements")
    assert (ExitCode.LATER, "") == (seen.code, seen.out)
    assert "gateway takebacks settlements" in seen.err and "Traceback" not in seen.err
    assert 0 == here(town.root, "takebacks", "list").code
    town.rig.peers.well_behaved()


def test_the_wrong_person_is_explained(town: Town, wronged: Somebody) -> None:
    """`explain` says that the identity was never theirs, and where that was decided."""
    seen = here(town.root, "explain", wronged.psn_no)
    assert 0 == seen.code
    (line,) = [line for line in seen.out.splitlines() if "从未成立" in line]
    (told,) = json.loads(here(town.root, "takebacks", "list", "--json").out)
    assert f"待核查项 {told['case']}" in line


def test_nothing_is_asked_where_nothing_was_taken_back(tmp_path: Path) -> None:
    """A site without takebacks lists none, and troubles no platform for settlements."""
    with made_town(tmp_path) as quiet:
        assert [] == json.loads(here(quiet.root, "takebacks", "list", "--json").out)
        seen = here(quiet.root, "takebacks", "settlements")
        assert (0, 1) == (seen.code, len(seen.out.splitlines()))
        assert [] == [entry for entry in quiet.rig.peers.log(PLATFORM) if entry.get("infno") == "L302"]
        assert 1 == here(quiet.root, "takebacks", "settlements", "7").code
