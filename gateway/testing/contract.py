"""What every source must do, as tests that any plugin's author runs against their own.

Takes a `Bench`: an open site with one instance, and a way to put deliveries in place and to make the peer misbehave.
Gives a class of pytest tests; derive from it and provide a fixture `bench`:

```
class TestMyDepartment(SourceContract):
    @pytest.fixture
    def bench(self, tmp_path): ...
```

Refuses nothing by itself: what a source breaks is an AssertionError with the law that it broke.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import polars as pl

from gateway.errors import GatewayError
from gateway.pipeline.intake import Intake, SourceSession, open_session, visit
from gateway.plugin.api import RECEIPT, Fetched, Offer, Receipt, Source
from gateway.settings import Instance
from gateway.site import Site
from gateway.store import deliveries

#: Visits after which a department that says nothing new has nothing left to take: what a full list was asked for
#: once, an HTTP source asks for as a delta the next time.
_REST = 3


class Bench(ABC):
    """One source at work, made by its author for each test."""

    site: Site
    instance: Instance
    #: The day of the first delivery.
    today: date
    #: Whether the department gets receipts.
    wants_receipts: bool = True

    @abstractmethod
    def first(self) -> None:
        """Puts a complete delivery in place."""

    @abstractmethod
    def second(self) -> None:
        """Puts the next day's complete delivery in place."""

    def unfinished(self) -> None:  # noqa: B027 - an address that answers at once has no unfinished deliveries
        """Puts a delivery in place that is not finished: without its mark, its list of digests."""

    @abstractmethod
    def troubles(self) -> Mapping[str, Callable[[], object]]:
        """Name → what makes the peer misbehave for good: down, refusing, cutting, lying, endless."""

    @abstractmethod
    def mend(self) -> None:
        """Ends every trouble."""

    def handed_back(self) -> Any:  # comparable; each department has another form
        """The receipts that the department holds, in a form that is equal when they say the same."""
        return None

    def source(self) -> Source:
        """A fresh source, as a run makes it."""
        return self.site.plugins.source(self.instance.settings.plugin)(self.instance.options)

    def session(self, days: int = 0) -> SourceSession:
        """A session of so many days after the first."""
        return open_session(self.site, self.instance, self.today + timedelta(days=days))

    def visit(self, days: int = 0) -> Intake:
        """A visit, so many days after the first."""
        return visit(self.site, self.instance, self.today + timedelta(days=days))


class SourceContract:
    """The laws. Each test gets a fresh `bench`."""

    def test_offers_are_repeatable_and_bring_nothing(self, bench: Bench) -> None:
        """Asked twice, a source offers the same, and has downloaded no part of it."""
        bench.first()
        with bench.session() as session:
            offers = [list(bench.source().offers(session)) for _time in range(2)]
        assert offers[0] == offers[1] != []
        assert [] == list(bench.site.incoming(bench.instance.name).iterdir())

    def test_offers_have_names_of_their_own(self, bench: Bench) -> None:
        """No two offers of one visit have the same name."""
        bench.first()
        bench.second()
        with bench.session(days=1) as session:
            names = [offer.name for offer in bench.source().offers(session)]
        assert len(names) == len(set(names))

    def test_an_unfinished_delivery_is_no_fault_and_not_taken(self, bench: Bench) -> None:
        """What is not finished is left alone; where a source cannot tell, its peer has nothing unfinished."""
        bench.unfinished()
        before = _delivered(bench)
        seen = bench.visit() if type(bench).unfinished is not Bench.unfinished else Intake()
        assert ([], [], []) == (seen.taken, seen.refused, seen.faults)
        assert before == _delivered(bench)

    def test_a_fetch_brings_every_part_that_it_promises(self, bench: Bench) -> None:
        """The parts that a fetch names lie sealed in the session and open, and its manifest speaks of no others."""
        bench.first()
        with bench.session() as session:
            fetched = _fetch(bench, session)
            for name in [fetched.archive[0]] if fetched.archive else fetched.parts:
                with bench.site.keyring.sealer.open(session.part_path(name)) as reader:
                    assert reader.read(1)
        assert [part.name for part in fetched.manifest.parts] == list(fetched.parts) != []

    def test_what_it_brings_can_be_used(self, bench: Bench) -> None:
        """A whole delivery lands, its digests hold, and its rows are read by the plugin's mapping."""
        bench.first()
        seen = bench.visit()
        assert ([], []) == (seen.refused, seen.faults)
        assert [] != seen.taken
        assert 0 < _delivered(bench)[0][2]

    def test_the_same_content_is_taken_once(self, bench: Bench) -> None:
        """Visited again and again without news, a source comes to rest."""
        bench.first()
        visits = [bench.visit() for _time in range(_REST)]
        assert [] != visits[0].taken
        assert ([], [], []) == (visits[-1].taken, visits[-1].refused, visits[-1].faults)

    def test_news_is_taken(self, bench: Bench) -> None:
        """After a first delivery the next day's is seen and taken."""
        bench.first()
        bench.visit()
        bench.second()
        seen = bench.visit(days=1)
        assert ([], []) == (seen.refused, seen.faults)
        assert [] != seen.taken

    def test_a_peer_in_trouble_gives_known_errors_only(self, bench: Bench) -> None:
        """Whatever the peer does wrong, a visit ends with an error that says what to do, and takes nothing of it."""
        bench.first()
        for name, cause in bench.troubles().items():
            cause()
            seen = bench.visit()
            assert seen.faults or seen.refused, f"{name}: the visit noticed nothing"
            assert all(_is_known(fault) for fault in seen.faults), f"{name}: {seen.faults}"
            assert [] == seen.taken, f"{name}: something was taken"
            bench.mend()
        assert [] != bench.visit().taken

    def test_a_receipt_is_handed_over_once_per_content(self, bench: Bench) -> None:
        """A receipt that is written twice is there once; one that says something else is there as well, or instead."""
        bench.first()
        bench.visit()
        receipt = _receipt(bench)
        states = []
        for one in (receipt, receipt, replace(receipt, issue="2" * 12, rows=_other(receipt.rows))):
            with bench.session() as session:
                bench.source().feedback(session, one)
            states.append(bench.handed_back())
        assert states[0] == states[1]
        assert bench.wants_receipts == (states[1] != states[2])

    def test_a_check_says_what_it_found(self, bench: Bench) -> None:
        """`gateway doctor` gets at least one sentence from a source whose peer is well."""
        bench.first()
        with bench.session() as session:
            sentences = list(bench.source().check(session))
        assert sentences and all(isinstance(sentence, str) and sentence for sentence in sentences)

    def test_settings_refuse_what_they_do_not_know(self, bench: Bench) -> None:
        """An unknown key in an instance's settings is a fault."""
        options = type(bench.instance.options)
        try:
            options.model_validate({**bench.instance.options.model_dump(), "no_such_key": 1})
        except ValueError:
            return
        raise AssertionError(f"{options.__name__} takes any key")


def _delivered(bench: Bench) -> list[tuple[str, str, int]]:
    with bench.site.ledger.begin() as tx:
        rows = deliveries.select(tx, instance=bench.instance.name)
    return [(row.name, row.state, row.rows) for row in rows]


def _fetch(bench: Bench, session: SourceSession) -> Fetched:
    source = bench.source()
    offer: Offer = next(iter(source.offers(session)))
    session.begin(offer.name)
    return source.fetch(session, offer)


def _is_known(fault: GatewayError) -> bool:
    """Of our tree, with a next step, and no surprise that was caught on the way."""
    return bool(fault.what and fault.next_step) and type(fault) is not GatewayError


def _receipt(bench: Bench) -> Receipt:
    """A receipt for the first delivery, with one row."""
    with bench.site.ledger.begin() as tx:
        row = deliveries.select(tx, instance=bench.instance.name)[0]
    part = row.landing["manifest"]["parts"][0]["name"]
    values: dict[str, Any] = {name: "" for name in RECEIPT} | {"row": 1, "line": 2, "part": part}
    rows = pl.DataFrame([{**values, "source_id": "1", "result": "待核查"}], schema=RECEIPT)
    return Receipt(delivery=row.name, business_date=bench.today, issue="1" * 12, rows=rows)


def _other(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(result=pl.lit("已标识"))
