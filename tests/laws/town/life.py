"""A life of the town: what may happen to its site, in any order, and what must be so after each step."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import date, timedelta
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from gateway.errors import ExitCode
from gateway.pipeline.preview import preview
from gateway.testing.faults import Option
from tests.laws.town import model
from tests.laws.town.model import Books, Listed, Told
from tests.laws.town.people import CIVIL, LATECOMERS, LEVELS, MISNAMED, RURAL, TOWN, Row, found
from tests.laws.town.site import CIVIL as CIVIL_AFFAIRS
from tests.laws.town.site import RURAL as REVITALIZATION
from tests.laws.town.site import Standing, TownSite, open_town
from tests.pipeline.rig import PLATFORM

FIRST = date(2026, 11, 2)
#: Whom a list of a broken export still names: more than twenty of forty are left out.
FEW = 14
#: The guard's limit of people; its share is less of this town.
NUMBER = 20
ALWAYS = 1000
_FOLDERS = count()

Fault = tuple[str, str, Mapping[str, Option]]
FAULTS: list[Fault] = [
    *((PLATFORM, "status", {"where": where, "code": 500}) for where in ("L201", "L101", "L202", "9001")),
    *((PLATFORM, name, {"where": "L201"}) for name in ("drop", "garbage", "lost_answer", "bad_signature", "cut")),
    (PLATFORM, "maintenance", {"where": "L201"}),
    (PLATFORM, "expire_token", {"where": "L201"}),
    (PLATFORM, "lock", {}),
    (PLATFORM, "gone", {"where": "/fsi/file/"}),
    *((name, "drop", {}) for name in (CIVIL_AFFAIRS, REVITALIZATION)),
    (CIVIL_AFFAIRS, "cut", {"where": ".zip", "bytes": 100}),
    (CIVIL_AFFAIRS, "truncate", {"where": ".zip"}),
    (REVITALIZATION, "cut", {"where": ".xlsx", "bytes": 100}),
]
Draw = Callable[[st.SearchStrategy[Any]], Any]
some = st.sets(st.sampled_from(list(CIVIL)), max_size=3)
one_or_two = st.sets(st.sampled_from(list(CIVIL)), min_size=1, max_size=2)
at_risk = st.sets(st.sampled_from([one for people in RURAL.values() for one in people]), max_size=3)


#: All that may happen.
STEPS = frozenset({
    "full list", "full list of an older day", "broken export", "delta", "delta behind a gap", "delta fills a gap",
    "list again", "workbooks", "dies", "leaves the roster", "comes back", "hold released", "hold rejected",
    "case decided: the same", "case decided: another", "decision taken back", "plain run", "misled run", "killed run",
    "dry run", "rows end",
})  # fmt: skip


class Life(RuleBasedStateMachine):
    """One life."""

    def __init__(self, folder: Path, lived: Counter[str]) -> None:
        """`lived`: counts what happens in all lives."""
        super().__init__()
        self.lived = lived
        self.met: Counter[str] = Counter()
        self.folder = folder / f"life{next(_FOLDERS)}"
        self.city = found(self.folder / "city")
        self.town = open_town(self.folder, self.city)
        self.sent: dict[int, Listed] = {}
        self.put_back: list[Listed] = []
        self.books: list[Books] = []
        self.day, self.sequence = FIRST, 0
        self.roster = set(TOWN) - set(LATECOMERS)
        self.dead: set[int] = set()
        self.decided: dict[int, bool] = {}
        #: Whose row was in doubt when last somebody looked -> its case.
        self.case: dict[int, int] = {}
        #: What people may decide: a hold by its number, or whom the row of somebody means.
        self.asked: list[tuple[str, int]] = []
        self.over: set[tuple[int, int]] = set()
        self.released: set[int] = set()
        #: Whether the last run went well, so that all that was decided before it is settled.
        self.quiet = False
        #: Whether something was delivered since.
        self.news = False
        #: What was to stand since then.
        self.wanted: list[Standing] = []

    # What the departments say

    @initialize()
    def begins(self) -> None:
        """The first lists of both."""
        rows = {one: Row(level=LEVELS[one % 3], misnamed=one == MISNAMED[0]) for one in CIVIL}
        self._list(FIRST, full=True, rows=rows)
        self._workbooks(FIRST, {county: dict.fromkeys(people) for county, people in RURAL.items()})
        self.plain()

    # One rule: of several, hypothesis leaves some out of each life, and with what they need what others need.
    @rule(data=st.data())
    def happens(self, data: st.DataObject) -> None:
        """Something happens, every other time what has happened least."""
        steps = self._possible()
        least = min(self.met[name] for name in steps)
        seldom = [name for name in steps if self.met[name] == least]
        name = data.draw(st.sampled_from(seldom if data.draw(st.booleans()) else list(steps)))
        self.met[name] += 1
        steps[name](data.draw)

    def _possible(self) -> dict[str, Callable[[Draw], None]]:
        """All that may happen now: first what can happen seldom, since a draw leans to what is first."""
        away = self.dead | (set(TOWN) - self.roster)
        holds = [one for what, one in self.asked if what == "hold"]
        cases = [one for what, one in self.asked if what == "case" and one not in self.decided]
        decided = [one for what, one in self.asked if what == "case" and one in self.decided and self.quiet]
        often = [("plain run", lambda draw: self.plain()), ("broken export", self.broken_export)]
        return {
            **({"hold released": partial(self.decides_hold, holds, release=True)} if holds else {}),
            **({"hold rejected": partial(self.decides_hold, holds, release=False)} if holds else {}),
            **({"case decided: the same": partial(self.decides_case, cases, same=True)} if cases else {}),
            **({"case decided: another": partial(self.decides_case, cases, same=False)} if cases else {}),
            **({"decision taken back": partial(self.takes_back, decided)} if decided else {}),
            **(dict(often) if self.news else dict(often[::-1])),
            "full list": partial(self.full, older=False),
            "full list of an older day": partial(self.full, older=True),
            "delta": partial(self.delta, gap=False),
            "delta behind a gap": partial(self.delta, gap=True),
            **({"delta fills a gap": self.catches_up} if self.put_back else {}),
            "list again": self.again,
            "workbooks": self.workbooks,
            "dies": partial(self.loses, dies=True),
            "leaves the roster": partial(self.loses, dies=False),
            **({"comes back": partial(self.comes_back, away)} if away else {}),
            "misled run": self.misled,
            "killed run": self.killed,
            "dry run": lambda draw: self.previewed(),
        }

    def full(self, draw: Draw, *, older: bool) -> None:
        """A full list, of the last one's day, of one before it or after it."""
        day = max(self.day + timedelta(days=draw(st.integers(-2, -1) if older else st.integers(0, 2))), FIRST)
        out, graded, ended = draw(some), draw(some), draw(some)
        misnamed = draw(st.sets(st.sampled_from(MISNAMED)))
        rows = {one: Row(level=LEVELS[(one + (one in graded)) % 3], misnamed=one in misnamed,
                         last=day - 3 * model.DAY if one in ended else None)
                for one in CIVIL if one not in out}  # fmt: skip
        self._list(day, full=True, rows=rows)

    def broken_export(self, draw: Draw) -> None:
        """A full list that leaves out more than half."""
        kept = draw(st.integers(0, 2))
        few = {one: Row(level=LEVELS[one % 3]) for one in list(CIVIL)[kept : FEW + kept]}
        self._list(self.day + model.DAY, full=True, rows=few)

    def delta(self, draw: Draw, *, gap: bool) -> None:
        """A delta; the one before it may be on its way still."""
        if gap:
            self.sequence += 1
            late = Listed(sequence=self.sequence, day=self.day, full=False, rows=self._changes(draw(one_or_two), set()))
            self.put_back.append(late)
        self._list(self.day, full=False, rows=self._changes(draw(one_or_two), draw(some)))

    def _changes(self, said: set[int], stopped: set[int]) -> dict[int, Row]:
        rows = {one: Row(level=LEVELS[(one + 1) % 3], change="变更" if one % 2 else "新增") for one in said}
        return rows | {one: Row(level=LEVELS[one % 3], change="停发", last=self.day - model.DAY) for one in stopped}

    def catches_up(self, draw: Draw) -> None:
        """What was on its way comes."""
        self._send(self.put_back.pop())

    def again(self, draw: Draw) -> None:
        """A list that was delivered is delivered once more."""
        self.town.put(draw(st.sampled_from(list(self.sent.values()))))

    def workbooks(self, draw: Draw) -> None:
        """The workbooks of some counties for a day, which may be before the last one's."""
        day = max(self.books[-1].day + timedelta(days=draw(st.integers(-2, 2))), FIRST)
        known = {county for books in self.books if books.day == day for county in books.counties}
        out, removed = draw(at_risk), draw(at_risk)
        said = {
            county: {one: day - 2 * model.DAY if one in removed else None for one in RURAL[county] if one not in out}
            for county in draw(st.sets(st.sampled_from(list(RURAL)), min_size=1)) - known
        }
        if said:
            self._workbooks(day, said)

    def _list(self, day: date, *, full: bool, rows: Mapping[int, Row]) -> None:
        self.sequence += 1
        self.day = max(self.day, day)
        self._send(Listed(sequence=self.sequence, day=day, full=full, rows=rows))

    def _send(self, one: Listed) -> None:
        self.news = True
        self.sent[one.sequence] = one
        self.town.put(one)

    def _workbooks(self, day: date, counties: Mapping[str, Mapping[int, date | None]]) -> None:
        books = Books(day=day, counties=counties)
        self.books.append(books)
        self.town.put_books(books)

    # What the platform's roster says

    def loses(self, draw: Draw, *, dies: bool) -> None:
        """Somebody dies, or leaves the roster."""
        here = sorted(self.roster - self.dead - set(MISNAMED))
        one = draw(st.sampled_from(here))
        self.dead.update({one} if dies else ())
        self.roster.difference_update(() if dies else {one})
        self.town.enrol(self.roster, self.dead)

    def comes_back(self, away: Set[int], draw: Draw) -> None:
        """Whoever died, or left the roster, is there."""
        one = draw(st.sampled_from(sorted(away)))
        self.dead.discard(one)
        self.roster.add(one)
        self.town.enrol(self.roster, self.dead)

    # What people decide

    def decides_case(self, open_cases: Sequence[int], draw: Draw, *, same: bool) -> None:
        """Somebody decides whether a row in doubt means whom it may mean."""
        one = draw(st.sampled_from(open_cases))
        self.town.decide(self.case[one], same=same)
        self.decided[one], self.asked = same, []

    def takes_back(self, decided: Sequence[int], draw: Draw) -> None:
        """Somebody takes that back."""
        one = draw(st.sampled_from(decided))
        self.town.undo(self.case[one])
        del self.decided[one]
        self.plain()

    def decides_hold(self, open_holds: Sequence[int], draw: Draw, *, release: bool) -> None:
        """Somebody decides what becomes of those who are held."""
        number = draw(st.sampled_from(open_holds))
        (hold,) = [hold for hold in self.town.holds() if hold.id == number]
        if release:
            self.released.add(int(hold.name[-4:]))
        self.town.decide_hold(hold, release=release)
        self.plain()

    # Runs

    def plain(self) -> None:
        """A run in which nothing goes wrong."""
        report = self.town.run()
        assert report.exit_code in (ExitCode.DONE, ExitCode.HELD), (report.faults, report.instances)
        self._settled()

    def misled(self, draw: Draw) -> None:
        """A run in which a peer does something wrong, once or all the time."""
        (server, name, order), lasts = draw(st.sampled_from(FAULTS)), draw(st.booleans())
        before = self.town.standing()
        self.town.misbehaves(server, name, {**order, "times": ALWAYS if lasts else 1})
        self.town.run()
        self.town.rig.peers.well_behaved()
        self._one_or_the_other(before)

    def killed(self, draw: Draw) -> None:
        """A run that dies around a commit."""
        commit, after = draw(st.integers(1, 14)), draw(st.booleans())
        before = self.town.standing()
        self.town.dies(commit, after=after)
        self._one_or_the_other(before)

    def previewed(self) -> None:
        """A dry run changes nothing."""
        before = self._all_there_is()
        preview(self.town.site)
        assert before == self._all_there_is()

    def _all_there_is(self) -> list[Any]:
        town = self.town
        return [town.standing(), town.believed().rows(), town.rig.rows(), town.holds(), len(town.rig.uploads())]

    # What must be so

    def _settled(self) -> None:
        """After a run without a fault: every list is taken, and the platform holds what was said."""
        self.quiet, self.news, self.wanted = True, False, []
        self._rows_add_up()
        self._gaps_wait()
        self._stands(self.town, self.over)
        self.case |= {one: case for one in MISNAMED if (case := self.town.case_of(one)) is not None}
        self.asked = self._open()

    def _open(self) -> list[tuple[str, int]]:
        """What people may decide now."""
        doubts = [("case", one) for one in self.case if self.town.case_of(one) is not None or one in self.decided]
        return [*(("hold", hold.id) for hold in self.town.holds() if hold.state == "open"), *doubts]

    def _rows_add_up(self) -> None:
        for row in self.town.rig.rows():
            if row.state == "applied":
                assert row.rows == sum(row.outcomes.values()), row

    def _gaps_wait(self) -> None:
        """A delta is applied where the list before it is, or a full list after it, and waits where not."""
        state = self.town.sequences()
        assert set(self.sent) == set(state)
        newest = max((one for one, sent in self.sent.items() if sent.full and state[one] == "applied"), default=0)
        for sequence, one in self.sent.items():
            if not one.full:
                follows = state.get(sequence - 1) == "applied" or sequence < newest
                assert state[sequence] in (("applied", "held", "refused") if follows else ("waiting",)), sequence

    def _expected(self, town: TownSite, over: set[tuple[int, int]]) -> Standing:
        """What the model says, with what that site tells of its holds and of the lists in use."""
        told = Told(roster=self.roster, decided=self.decided, kept=town.kept(), over=over)
        states = town.sequences()
        applied = [one for sequence, one in self.sent.items() if states.get(sequence) == "applied"]
        allowances, ended = model.civil(applied, told)
        unasked = {one for one, number in ended.items() if number > NUMBER and one not in self.released}
        assert set() == unasked
        risks = model.rural(self.books)
        return {one: model.records(allowances.get(one), risks.get(one)) for one in TOWN}

    def _stands(self, town: TownSite, over: set[tuple[int, int]]) -> None:
        """Of everybody alive on the roster; nothing is sent of others."""
        here, expected, stands = self.roster - self.dead, self._expected(town, over), town.standing()
        differ = [one for one in here if expected[one] != stands[one]]
        assert {one: expected[one] for one in differ} == {one: stands[one] for one in differ}
        assert [] == town.rig.applied_twice()

    def _one_or_the_other(self, before: Standing) -> None:
        """Of everybody stands what stood, or what is said now, or was while a message has been under way."""
        self.quiet = False
        still = self._open()  # what was written down before the fault may have closed a case
        self.asked = [one for one in self.asked if one in still]
        self.wanted += [before, self._expected(self.town, set(self.over))]
        stands = self.town.standing()
        for one in self.roster - self.dead:
            assert stands[one] in [said[one] for said in self.wanted], one
        assert [] == self.town.rig.applied_twice()

    def teardown(self) -> None:
        """At the end rows that are past their time go, and everything is asked once more."""
        self.lived.update(self.met)
        try:
            self.plain()
            self._rows_end()
            self._nothing_new()
            self._fresh_site()
        finally:
            self.town.close()

    def _rows_end(self) -> None:
        """What was replaced for good is kept no longer; all that follows is as if it were."""
        if self.town.rows_end():
            self.lived["rows end"] += 1

    def _nothing_new(self) -> None:
        """Without news nothing is sent; derived anew nothing is otherwise; and the platform holds what it confirmed."""
        sent, believed = len(self.town.rig.uploads()), self.town.believed()
        self.town.run()
        assert sent == len(self.town.rig.uploads())
        recognitions, wanted = self.town.anew()
        assert believed.rows() == recognitions.select(believed.columns).sort(believed.columns).rows()
        assert 0 == wanted
        assert [] == self.town.differences().rows()

    def _fresh_site(self) -> None:
        """A new site that gets all lists, the last roster and all decisions at once comes to what they say."""
        fresh = open_town(self.folder / "fresh", self.city)
        try:
            fresh.enrol(self.roster, self.dead)
            for sent in self.sent.values():
                fresh.put(sent)
            for books in self.books:
                fresh.put_books(books)
            fresh.run()
            for one, same in self.decided.items():
                if (case := fresh.case_of(one)) is not None:
                    fresh.decide(case, same=same)
            fresh.run()
            fresh.decide_as(self.town)
            self._stands(fresh, set())
        finally:
            fresh.close()
