"""An invented roster and claims, as normalise makes them."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date

import polars as pl

from gateway.model.buckets import BUCKETS, by_number
from gateway.model.frames import ENTRIES, ROSTER
from gateway.normalise import names, numbers
from gateway.normalise.cells import mend
from gateway.reconcile import link, resolve
from tests.normalise.lists import number

BORN = date(1990, 3, 7)
Buckets = Callable[[], Iterator[pl.DataFrame]]


def person(key: int, name: str, certno: str, **more: object) -> dict[str, object]:
    """A person of the roster; `number` and `name_key` are made from the rest, and `birth`, where it is not said."""
    return {
        "person_key": key,
        "psn_no": f"P{key}",
        "name": name,
        "certno": certno,
        "sex": "1",
        "county": "451022",
        "village": "451022101201",
        "dead": False,
        "covered": True,
        **more,
    }


def roster(*people: Mapping[str, object]) -> Buckets:
    """The roster in its buckets."""
    plain = [n for n in ROSTER if n not in ("number", "name_key", "birth")]
    frame = pl.DataFrame([{n: p[n] for n in plain} for p in people], schema={n: ROSTER[n] for n in plain})
    frame = frame.with_columns(_whole(frame["certno"]).alias("number"))
    said = pl.Series("birth", [p.get("birth") for p in people], pl.Date)
    birth = pl.coalesce(said, numbers.birth_of(pl.col("number")))
    frame = frame.with_columns(_key(frame["name"]).alias("name_key"), birth.alias("birth"))
    cut = frame.select(*ROSTER.names(), bucket=by_number(pl.col("number")))
    of_bucket = cut.partition_by("bucket", as_dict=True, include_key=False)
    buckets = [of_bucket.get((b,), cut.clear().drop("bucket")) for b in range(BUCKETS)]
    return lambda: iter(buckets)


def _whole(cells: pl.Series) -> pl.Series:
    return mend(cells, *numbers.CLEANING, numbers.eighteen, clean=numbers.CLEAN)


def _key(cells: pl.Series) -> pl.Series:
    return mend(cells, *names.UNIFYING, clean=names.clean())


def entries(*rows: Mapping[str, object]) -> pl.DataFrame:
    """Entries; `number` and `name` are cells as sent, the rest is what differs from an ordinary row."""
    ordinary = {
        "level": "",
        "first": date(2024, 3, 1),
        "identity": "特困人员",
        "category": "特困人员",
        "dup_key": "特困人员",
        "change": "state",
        "gives": "current",
        "stands": False,
        "said_dead": False,
        "last_inferred": False,
        "scope": "",
        "area": "451022101201",
    }
    body = [{**ordinary, "row": i, **row} for i, row in enumerate(rows, start=1)]
    frame = pl.DataFrame([{n: row.get(n) for n in ENTRIES} for row in body], schema=ENTRIES)
    cells = pl.DataFrame(
        [{"name": r.get("name"), "cell": r.get("number"), "numeric": bool(r.get("numeric"))} for r in body],
        schema={"name": pl.String, "cell": pl.String, "numeric": pl.Boolean},
    )
    made = cells.with_columns(_whole(cells["cell"]).alias("cell")).select(
        _key(cells["name"]).alias("name_key"),
        pl.col("cell").alias("number"),
        numbers.state(pl.col("cell"), numbers.is_sound(pl.col("cell")), pl.col("numeric")).alias("number_state"),
    )
    return frame.with_columns(*(made[c] for c in made.columns))


def settled(
    people: Buckets,
    *rows: Mapping[str, object],
    previous: dict[int, int] | None = None,
    insured: bool = True,
    statements: bool = True,
) -> pl.DataFrame:
    """What the rows come to."""
    frame = entries(*rows)
    before = None
    if previous is not None:
        before = pl.DataFrame(
            {"row": list(previous), "person_key": list(previous.values())},
            schema={"row": pl.UInt32, "person_key": pl.Int64},
        ).with_columns(insured=pl.lit(insured), decided=pl.lit(value=False))
    links = link(frame.with_columns(instance=pl.lit("civil"), delivery=1), people)
    return resolve(frame, links, statements=statements, previous=before)


def outcomes(people: Buckets, *rows: Mapping[str, object], statements: bool = True) -> list[tuple[object, ...]]:
    """(outcome, reason, person) of the rows."""
    return settled(people, *rows, statements=statements).select("outcome", "reason", "person_key").rows()


A = number()
B = number("45102219900307222")
ELSE = number("45102319850101321")


def rounded() -> str:
    """A sound number that ends in 000, as a spreadsheet would have left it."""
    fronts = (f"4510221990{month}{day}{i}00" for month in (10, 11) for day in range(10, 28) for i in range(1, 10))
    return next(n for front in fronts if (n := number(front)).endswith("000"))
