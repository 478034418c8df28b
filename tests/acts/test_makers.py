"""Who had a hand in what is held, as the chain tells it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from itertools import count
from typing import Any

import pytest
import sqlalchemy as sa

from gateway.acts.makers import makers
from gateway.model.holds import WHOLE
from gateway.pipeline.limits import CHANGED
from gateway.store import Ledger, decisions
from gateway.store import tables as t
from gateway.store.deliveries import TAKEN
from gateway.store.ledger import inserted_id, record_act
from tests import ledgers
from tests.conftest import NewDatabase

CIVIL, HERE, BESIDE = "civil_affairs", "451022", "451081"
AT = datetime(2026, 11, 1)
#: Somebody who leaves by the list that is held, and somebody else.
LEAVES, STAYS = 1, 2
_DIGESTS = count(1)


@dataclass(frozen=True, kw_only=True)
class Chain:
    """A ledger in which things happen one after the other."""

    ledger: Ledger

    def insert(self, table: sa.Table, **values: Any) -> int:
        with self.ledger.begin() as tx:
            return inserted_id(tx.execute(sa.insert(table).values(**values)))

    def came(self, day: int, *scopes: str, mode: str = "full", state: str = "applied", instance: str = CIVIL) -> int:
        """A list of that day of November; its number."""
        digest = str(next(_DIGESTS))
        values = {"content_digest": digest, "manifest_digest": "", "landing": {}, "arrived_at": AT, "rows": 0}
        values |= {"name": digest, "scopes": scopes or ("",), "mode": mode, "state": state}
        number = self.insert(t.deliveries, instance=instance, business_date=date(2026, 11, day), **values)
        self.does("daemon", TAKEN, delivery=number, instance=instance)
        return number

    def held(self, delivery: int, scope: str = "", *, state: str = "open", county: str = "") -> int:
        """A hold of it, in which somebody leaves; its number."""
        gone = {"delivery": delivery, "scope": scope, "person_key": LEAVES, "identity": "7019", "last": AT.date()}
        with self.ledger.begin() as tx:
            tx.execute(sa.insert(t.departures).values(**gone, state="held", left_out=True))
        numbers = {"leaving": 1, "holding": 1, "opened_at": AT, "opened_by": "daemon"}
        return self.insert(t.holds, delivery_id=delivery, scope=scope, state=state, county=county, **numbers)

    def decides(
        self,
        who: str,
        act: str = "case.different",
        *,
        county: str = "",
        person: int = STAYS,
        instance: str = CIVIL,
        **more: str,
    ) -> None:
        """Somebody decides a case about that person."""
        about = {"subject": f"told:{who}{county}{person}", "instance": instance, "code": "reported", "state": "open"}
        case = self.insert(t.cases, **about, person_key=person, opened_at=AT, county=county)
        self.does(who, act, case=case, verdict=case, county=county, instance=instance, **more)

    def does(self, who: str, act: str, **detail: Any) -> None:
        with self.ledger.begin() as tx:
            record_act(tx, actor=who, act=act, **{"instance": CIVIL, **detail})

    def makers(self, hold: int) -> list[str]:
        """But for the daemon, whose run opened it."""
        with self.ledger.begin() as tx:
            (row,) = [row for row in decisions.holds(tx) if row.id == hold]
            return [who for who in makers(tx, row) if who != "daemon"]

    def released(self) -> None:
        """Every hold is."""
        with self.ledger.begin() as tx:
            tx.execute(sa.update(t.holds).values(state="released"))


@pytest.fixture
def chain(new_database: NewDatabase) -> Iterator[Chain]:
    ledger = Ledger(new_database(ledgers.KIND, at_head=True))
    yield Chain(ledger=ledger)
    ledger.close()


@pytest.mark.parametrize("act", ["case.same", "case.different", "case.nobody"])
def test_who_decides_has_a_hand_in_the_next_list_and_not_in_those_after_it(chain: Chain, act: str) -> None:
    """From the list before it on, whatever is decided; what went through by then is no longer in question."""
    chain.decides("before", act)
    chain.came(1)
    chain.decides("clerk", act)
    chain.decides("of tax", act, instance="tax", person=LEAVES)
    second = chain.held(chain.came(2))
    assert ["clerk"] == chain.makers(second)
    chain.released()
    chain.decides("later", act)
    assert ["later"] == chain.makers(chain.held(chain.came(3)))


@pytest.mark.parametrize(
    "between",
    [
        {"state": "refused"},
        {"mode": "delta"},
        {"instance": "disabled_federation"},
        {"scopes": [BESIDE]},
        {"day": 3},
        {"day": 4},
        {"hold": "open"},
        {"hold": "cancelled"},
        {"hold": "void"},
    ],
    ids=str,
)
def test_a_list_that_says_nothing_for_good_is_no_list_before(chain: Chain, between: dict[str, Any]) -> None:
    """Refused, of single rows, another's, another county's, of that very day or a later one, or itself held or
    rejected: whoever decided before it came has a hand as before."""
    chain.came(1, HERE)
    chain.decides("clerk", county=HERE)
    scopes, hold = between.pop("scopes", [HERE]), between.pop("hold", "")
    number = chain.came(between.pop("day", 2), *scopes, **between)
    if hold:
        chain.held(number, WHOLE if hold == "void" else HERE, state=hold)
    assert ["clerk"] == chain.makers(chain.held(chain.came(3, HERE), HERE))


def test_a_list_that_comes_later_is_no_list_before(chain: Chain) -> None:
    """The list of an earlier day that came after the one that is held."""
    chain.came(1)
    chain.decides("clerk")
    hold = chain.held(chain.came(3))
    chain.came(2)
    assert ["clerk"] == chain.makers(hold)


def test_a_whole_list_is_measured_by_all_that_it_says(chain: Chain) -> None:
    """Of two counties' lists before it the earlier counts."""
    chain.came(1, HERE, BESIDE)
    chain.decides("clerk", county=HERE)
    chain.came(2, BESIDE)
    assert ["clerk"] == chain.makers(chain.held(chain.came(3, HERE, BESIDE), WHOLE))


@pytest.mark.parametrize(
    ("county", "person", "theirs"),
    [(HERE, STAYS, True), ("", STAYS, True), (BESIDE, STAYS, False), (BESIDE, LEAVES, True)],
)
def test_who_decides_a_row_of_another_county_s_list_has_no_hand_but_in_who_leaves(
    chain: Chain, county: str, person: int, theirs: bool
) -> None:
    """Colleagues may be clerks of each other's counties; a row of one county's workbook may have another's code."""
    chain.came(1, HERE)
    chain.decides("clerk", county=county, person=person, scope=BESIDE)
    assert theirs == ("clerk" in chain.makers(chain.held(chain.came(2, HERE), HERE)))


def test_who_decides_a_row_of_a_list_of_the_whole_city_has_a_hand_in_every_county(chain: Chain) -> None:
    """A row of one county may have held back somebody of another, as one who was in sight or by the name alone."""
    chain.came(1)
    chain.decides("clerk", county=BESIDE, scope="")
    chain.decides("of another list", county=BESIDE, scope=BESIDE)
    assert ["clerk"] == chain.makers(chain.held(chain.came(2), county=HERE))


@pytest.mark.parametrize("of", [{"person_key": LEAVES}, {"excluded": [STAYS, LEAVES]}])
def test_a_decision_is_about_all_of_whom_it_speaks(chain: Chain, of: dict[str, Any]) -> None:
    """Whoever the case is about: one was told to be meant, others to be not."""
    chain.came(1, HERE)
    chain.decides("clerk", county=BESIDE, scope=BESIDE)
    hold = chain.held(chain.came(2, HERE), HERE)
    assert [] == chain.makers(hold)
    said = {"digest": 1, "sealed_claim": b"", "verdict": "same", "excluded": [], "actor": "clerk", "at": AT, "note": ""}
    chain.insert(t.verdicts, case_id=1, **{**said, **of})
    assert ["clerk"] == chain.makers(hold)


@pytest.mark.parametrize("undone", [False, True])
def test_who_decides_a_row_of_the_list_has_a_hand_whatever_code_it_has(chain: Chain, undone: bool) -> None:
    """Also who undoes that: a row of one county's workbook may have another's code, and be decided by its clerk; the
    case may be of a row of another list by now."""
    chain.came(1, HERE)
    chain.decides("clerk", county=BESIDE, scope=HERE)
    chain.does("of another list", "case.same", case=1, verdict=2, county=BESIDE, scope=BESIDE)
    if undone:
        chain.does("another", "case.undo", case=1, verdict=1, county=BESIDE)
    assert ["another", "clerk"][not undone :] == chain.makers(chain.held(chain.came(2, HERE), HERE))


def test_who_undoes_a_decision_has_a_hand_and_who_undoes_what_was_put_off_has_none(chain: Chain) -> None:
    """However long ago it was decided."""
    chain.decides("years ago")
    chain.came(1)
    chain.does("undoer", "case.undo", case=1, verdict=1, county="")
    chain.does("clerk", "case.undo", case=2, verdict=2, county="")
    assert ["undoer"] == chain.makers(chain.held(chain.came(2)))


def test_a_decision_of_which_no_scope_is_told_may_be_of_the_city_s_list(chain: Chain) -> None:
    """As in ledgers of before; one of a county's list is known by its code."""
    chain.came(1)
    chain.decides("clerk", county=BESIDE)
    assert ["clerk"] == chain.makers(chain.held(chain.came(2), county=HERE))
    assert [] == chain.makers(chain.held(chain.came(2, HERE), HERE))


def test_a_county_of_which_no_list_went_through_is_in_question_since_ever(chain: Chain) -> None:
    """Not like one that no list said: whoever decided before its list was held has a hand in the next whole one."""
    chain.decides("clerk", county=BESIDE)
    chain.held(chain.came(1, BESIDE), BESIDE)
    chain.came(1, HERE)
    assert ["clerk"] == chain.makers(chain.held(chain.came(2, HERE, BESIDE), WHOLE))


def test_a_county_that_is_new_in_a_list_has_no_list_before(chain: Chain) -> None:
    """The others' lists say from when on a whole list is in question."""
    chain.decides("years ago")
    chain.came(1, HERE)
    chain.decides("clerk")
    assert ["clerk"] == chain.makers(chain.held(chain.came(2, HERE, BESIDE), WHOLE))


def test_who_imports_has_a_hand_in_their_own_county_s_list(chain: Chain) -> None:
    """Of that source and day, or of the whole source; two clerks who approve each other's counties may both import."""
    two = chain.came(2, HERE), chain.came(2, BESIDE)
    for who, scope, day in (("x", BESIDE, 2), ("y", HERE, 2), ("all", "", 2), ("other day", HERE, 1)):
        chain.does(who, "list.import", scope=scope, business_date=f"2026-11-0{day}")
    chain.does("other source", "list.import", instance="tax", scope=HERE, business_date="2026-11-02")
    assert [["all", "y"], ["all", "x"]] == [
        chain.makers(chain.held(*one)) for one in zip(two, (HERE, BESIDE), strict=True)
    ]


def test_whose_run_first_used_the_limits_in_force_has_a_hand(chain: Chain) -> None:
    """However long ago; of those before, who set them since the list before."""
    chain.does("first", CHANGED, limits={})
    chain.does("in force", CHANGED, limits={})
    chain.does("elsewhere", CHANGED, instance="tax", limits={})
    chain.came(1)
    chain.came(2)
    assert ["in force"] == chain.makers(chain.held(chain.came(3)))
    chain.does("since", CHANGED, limits={})
    chain.does("newest", CHANGED, limits={})
    assert ["newest", "since"] == chain.makers(chain.held(chain.came(4)))
