"""Claims in parts, and the claims that are linked without a second look."""

from datetime import date

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.people import City, people_of, roster_of
from gateway.model.buckets import BUCKETS, by_number
from gateway.reconcile import CLAIMS, link, link_parts
from gateway.reconcile.exact import PLAIN, exact_pass, is_plain, plain_pass, with_digits
from tests.reconcile.people import ELSE, A, B, entries, person, roster

CITY = roster(person(1, "韦伟", A), person(2, "覃丽", ELSE, village="451022101202"), person(3, "覃国强", B))
ROWS: list[dict[str, object]] = [
    {"number": A, "name": "韦伟", "raw_household": "H1", "raw_source_id": "S1"},
    {"number": ELSE, "name": "覃丽", "raw_household": " H2 ", "raw_source_id": "S2"},
    {"number": ELSE[:16], "name": "覃丽", "raw_household": "H2", "area": None, "birth": date(1985, 1, 1)},
    {"number": "", "name": "韦伟", "raw_source_id": " S1"},
    {"number": B, "name": "覃丽"},
    {"number": "", "name": "覃国强", "raw_household": ""},
]


def claims_of(*rows: dict[str, object]) -> pl.DataFrame:
    """The rows as linking takes them, each household a delivery of its own."""
    frame = entries(*rows).with_columns(instance=pl.lit("civil"))
    delivery = pl.col("raw_household").str.strip_chars().hash(1).fill_null(0) % 1000
    return frame.with_columns(delivery.cast(pl.Int64).alias("delivery")).select(CLAIMS)


@settings(max_examples=15)
@given(order=st.permutations(range(len(ROWS))), first=st.integers(0, len(ROWS)))
def test_parts_are_linked_at_once(order: list[int], first: int) -> None:
    """Cut into parts, the claims come to what they come to in one: a source's number that is sure in one part settles
    a doubt in another."""
    rows = sorted((ROWS[i] for i in order), key=lambda row: str(row.get("raw_household")).strip() == "H2")
    claims = claims_of(*rows)
    first = min(first, len(rows) - 2)  # a household stands in one part
    parts = [claims.slice(0, first), claims.slice(first)]
    whole = link(claims, CITY)
    assert whole.equals(pl.concat(link_parts(lambda: iter(parts), CITY)))
    assert 3 <= whole["person_key"].count()


def test_no_part_is_no_link() -> None:
    """Without a claim there is nothing to link, and an empty part stays empty."""
    nothing = claims_of(ROWS[0]).clear()
    assert [] == list(link_parts(lambda: iter([]), CITY))
    assert [0, 1] == [part.height for part in link_parts(lambda: iter([nothing, claims_of(ROWS[0])]), CITY)]


def test_what_is_plain_is_sure_by_the_rules() -> None:
    """Whoever is linked without a second look is linked to the same person by the rules in full."""
    city = City(people=20_000, seed=7)
    people = with_digits(roster_of(people_of(city), city))
    said = people.sample(fraction=0.5, seed=1).with_row_index("claim")
    mixed = pl.when(pl.col("claim") % 7 == 0).then(pl.col("name_key").shift(1)).otherwise("name_key")
    claims = said.select(
        "claim", "number", "digits", name_key=mixed, number_state=pl.lit("sound"),
        head_number=pl.when(pl.col("claim") % 5 == 0).then("number"), birth_from="birth", birth_to="birth",
    )  # fmt: skip
    plain = plain_pass(claims.filter(is_plain()), people)
    full = exact_pass(claims.drop("digits"), people).filter(pl.col("rule") == "number+name")
    assert 5_000 < plain.height < full.height
    assert plain.sort("claim").equals(full.join(plain, on="claim", how="semi").select(PLAIN.names()).sort("claim"))


CHARACTERS = st.text(alphabet="0123456789X+-_ .eＡ１", min_size=15, max_size=19)
NUMBERS = st.integers(10**16, 10**17 - 1).flatmap(lambda n: st.sampled_from([f"{n}{c}" for c in "0123456789X"]))


@given(st.lists(NUMBERS | CHARACTERS | st.none(), min_size=1, max_size=30, unique=True))
def test_digits_tell_numbers_apart(numbers: list[str | None]) -> None:
    """Two numbers never have the same integer, and every number of the usual form has one."""
    frame = with_digits(pl.DataFrame({"number": numbers}, schema={"number": pl.String}))
    usual = frame.filter(pl.col("number").str.contains(r"^[1-9]\d{16}[\dX]$"))
    assert usual.equals(frame.drop_nulls("digits"))
    assert usual["digits"].n_unique() == usual.height


def test_every_bucket_is_met() -> None:
    """People are found in whichever bucket their number falls."""
    city = City(people=2_000, seed=3)
    people = roster_of(people_of(city), city)
    buckets = [people.filter(by_number(pl.col("number")) == bucket) for bucket in range(BUCKETS)]
    alone = people.filter(pl.col("number").is_unique(), pl.col("name_key").str.contains(r"^\p{Han}+$"))
    rows = alone.select("number", "name_key", "sex", area="village", number_state=pl.lit("sound"))
    absent = [pl.lit(None, pl.String).alias(n) for n in ("head_number", "raw_household", "raw_source_id")]
    birth = [pl.lit(None, pl.Date).alias(n) for n in ("birth_from", "birth_to")]
    claims = rows.with_columns(*absent, *birth, instance=pl.lit("civil"), delivery=pl.lit(1, pl.Int64)).select(CLAIMS)
    assert alone["person_key"].to_list() == link(claims, lambda: iter(buckets))["person_key"].to_list()
