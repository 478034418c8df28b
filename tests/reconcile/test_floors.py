"""A city of 4.0 million insured people and 1.52 million rows, dirt and all: the floors of identity."""

import polars as pl
import pytest

from bench.measure import by_kind, figures, judged
from bench.people import TODAY, City, apart, people_of, roster_of
from bench.rows import TRUTH, csv_parts, rows_of
from gateway.mappings import MappingFiles
from gateway.model.buckets import BUCKETS, by_number
from gateway.normalise import normalise, normalise_roster, number_rows
from gateway.reconcile import CLAIMS, link, resolve
from gateway.reconcile.exact import SEEN

PEOPLE = 4_000_000
SETTLED, FIRST = 0.998, 0.97


def entries_of(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows as normalise reads them from the department's files."""
    mapping = MappingFiles().list_mapping("civil_affairs")
    files = enumerate(csv_parts(rows))
    return number_rows([normalise(f, mapping, part=str(at), scope="", business_date=TODAY).entries for at, f in files])


def in_buckets(roster: pl.DataFrame) -> list[pl.DataFrame]:
    """The roster as it rests, without what linking does not read."""
    seen = roster.select(SEEN)
    return [seen.filter(by_number(pl.col("number")) == bucket) for bucket in range(BUCKETS)]


def outcome_of(city: City) -> pl.DataFrame:
    """What every row of the city came to, beside the truth."""
    people = people_of(city)
    rows, buckets = rows_of(people, city), in_buckets(roster_of(people, city))
    del people
    truth, entries = rows.select(TRUTH), entries_of(rows)
    del rows
    claims = entries.with_columns(instance=pl.lit("civil_affairs"), delivery=pl.lit(1, pl.Int64)).select(CLAIMS)
    return judged(truth, resolve(entries, link(claims, lambda: iter(buckets)), statements=True))


def test_twins_never_have_one_name() -> None:
    """Whom nothing at all tells apart would prove nothing: of twins of one name, short or long, one gets another."""
    twice = {"surname": 3, "first": 7, "second": None, "minority": None}
    others = [{**twice, "second": 2}, {**twice, "minority": 5}, {**twice, "surname": 4}]
    pairs = [twice, *others]
    schema = dict.fromkeys([*twice, "sibling"], pl.Int64)
    people = pl.DataFrame([{**one, "sibling": who} for one in pairs for who in (None, 0)], schema=schema)
    told = apart(people).drop("sibling")
    assert people.drop("sibling").gather_every(2).equals(told.gather_every(2))
    # A name of the minorities' is one by itself.
    called = told.select(
        pl.when(pl.col("minority").is_null()).then(pl.struct("surname", "first", "second")), "minority"
    )
    assert called.n_unique() == called.height


@pytest.mark.slow
def test_the_floors_of_identity() -> None:
    """Of 1.52 million rows with all that can be wrong with a row, none is settled on somebody else, 998 in a thousand
    of those that leave no doubt are settled, and 97 in a hundred cases name the right person first."""
    outcome = outcome_of(City(people=PEOPLE))
    table, found = by_kind(outcome), figures(outcome)
    assert [] == table.filter(pl.col("wrong") > 0).select("kind", "wrong").rows()
    assert SETTLED <= found.settled
    assert found.cases > 0
    assert FIRST <= found.first
    assert [] == table.filter(pl.col("rows") < 50)["kind"].to_list()


@pytest.fixture(scope="module")
def town() -> tuple[City, pl.DataFrame]:
    """A small city, and its people."""
    city = City(people=20_000, seed=7)
    return city, people_of(city)


def test_the_roster_is_what_normalise_would_make_of_it(town: tuple[City, pl.DataFrame]) -> None:
    """The generator's roster is the one that the platform's export of the same people gives."""
    roster = roster_of(town[1], town[0])
    export = roster.select(
        "psn_no",
        "certno",
        psn_cert_type=pl.lit("01"),
        psn_name="name",
        gend="sex",
        brdy="birth",
        insutype=pl.lit("390"),
        psn_insu_stas=pl.when("covered").then(pl.lit("1")).otherwise(pl.lit("2")),
        insu_admdvs="county",
        live_admdvs="village",
        surv_stas=pl.when("dead").then(pl.lit("3")).otherwise(pl.lit("1")),
    ).write_csv()
    assert roster.drop("person_key").equals(normalise_roster(export.encode()))


def test_one_seed_is_one_city(town: tuple[City, pl.DataFrame]) -> None:
    """The same seed gives the same people and rows, another one others."""
    city, people = town
    again, other = people_of(city), people_of(City(people=20_000, seed=8))
    assert people.equals(again)
    assert rows_of(people, city).equals(rows_of(again, city))
    assert not people["name"].equals(other["name"])


def test_a_row_that_cannot_be_known_is_never_settleable(town: tuple[City, pl.DataFrame]) -> None:
    """A row about somebody who is not on the roster, or that says two people just as well, is in no floor's count."""
    rows = rows_of(town[1], town[0])
    assert 0 < rows["truth"].null_count()
    assert 0 == rows.filter(pl.col("truth").is_null() | pl.col("also").is_not_null())["settleable"].sum()
