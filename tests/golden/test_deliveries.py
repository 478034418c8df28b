"""A small delivery of each department in; what each row comes to, and the records it makes, out.

`<slug>/delivery.*` has invented people, whose numbers are composed at run time where `<name>` stands;
`<slug>/outcomes.csv` is what each row comes to, `<slug>/records.txt` what the platform should then hold, by person.
"""

import csv
import io
import re
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from gateway.mappings import MappingFiles
from gateway.model.deliveries import Mode
from gateway.model.frames import RECOGNITIONS, TIMELINES, empty
from gateway.normalise import normalise, number_rows
from gateway.reconcile import link, resolve
from gateway.settle import (
    Limits,
    Said,
    benefit_intervals,
    fold,
    lists,
    statements,
    subsidy_intervals,
    timelines,
    unresolved,
)
from tests.normalise.lists import number, workbook
from tests.reconcile.people import person, roster
from tests.settle.said import FLAGS_FROM, MONTHS, POLICY, nobody

HERE = Path(__file__).parent
DAY = date(2026, 11, 5)
#: The invented city: name, first 17 digits, what is special.
PEOPLE: list[tuple[str, str, dict[str, object]]] = [
    ("韦伟", "45102219900307123", {}),
    ("覃丽", "45262719851105242", {"sex": "2"}),
    ("黄国强", "45102219500101331", {"dead": True}),
    ("阿卜杜·热合曼", "65310119770707113", {}),
    ("农小英", "45102220151106184", {"sex": "2"}),
    ("蓝天山", "45102219661231211", {"covered": False}),
]
NUMBERS = {**{name: number(front) for name, front, _more in PEOPLE}, "nobody": number("45102219880808313")}
CITY = roster(*(person(i, name, NUMBERS[name], **more) for i, (name, _front, more) in enumerate(PEOPLE)))


def content(slug: str) -> bytes:
    """The delivery's bytes, in the department's own form."""
    (path,) = (HERE / slug).glob("delivery.*")
    text = re.sub("<(.+?)>", lambda found: NUMBERS[found[1]], path.read_text("utf-8"))
    match slug:
        case "civil_affairs":
            return text.replace("\n", "\r\n").encode("gb18030")
        case "rural_revitalization":
            return workbook(list(csv.reader(io.StringIO(text))), merged=["A1:S1"], hidden="上月")
        case "tax":
            return text.encode("utf-8-sig")
        case _:
            return text.encode()


def walk(slug: str) -> tuple[pl.DataFrame, list[str]]:
    """The rows' outcomes, and the platform's lists, of a delivery that comes first of all."""
    mapping = MappingFiles().list_mapping(slug)
    entries = number_rows([normalise(content(slug), mapping, part="p", scope="", business_date=DAY).entries])
    claims = entries.with_columns(instance=pl.lit("here"), delivery=1)
    found = resolve(entries, link(claims, CITY), statements=mapping.statements)
    if not mapping.statements:
        return found, []
    said = Said(
        delivery=1,
        mode=Mode.FULL,
        business_date=DAY,
        sequence=1,
        scopes=("",),
        rows=statements(entries, found),
        unresolved=unresolved(entries, found),
    )
    known = fold([said], limits=Limits(), decided={}, may_name=nobody, months=MONTHS).state.recognitions
    recognised = known.with_columns(instance=pl.lit(slug)).select(RECOGNITIONS.names())
    people = pl.concat(list(CITY())).filter(~pl.col("dead"))
    living = recognised.join(people, on="person_key", how="semi")
    nothing = empty(TIMELINES)
    uses = {
        "1": benefit_intervals(living, nothing, POLICY, FLAGS_FROM),
        "2": subsidy_intervals(living, people, nothing, POLICY, FLAGS_FROM),
    }
    held = [
        f"{PEOPLE[key][0]}|{use}|{record}"
        for key, use, records in lists(timelines(uses, FLAGS_FROM)).rows()
        for record in records.split("\n")
    ]
    return found, held


@pytest.mark.parametrize("slug", sorted(path.name for path in HERE.iterdir() if list(path.glob("delivery.*"))))
def test_a_delivery_of(slug: str) -> None:
    """Each row comes to what is written beside it, and the records are those of the contract, to the letter."""
    found, held = walk(slug)
    rows = list(csv.reader(io.StringIO((HERE / slug / "outcomes.csv").read_text("utf-8"))))
    told = [
        [str(row), outcome, reason, "" if key is None else PEOPLE[key][0]]
        for row, outcome, reason, key in found.select("row", "outcome", "reason", "person_key").rows()
    ]
    assert rows[1:] == told
    assert (HERE / slug / "records.txt").read_text("utf-8").splitlines() == held


def test_every_department_has_one() -> None:
    """No department's mapping is without its golden delivery."""
    shipped = {path.stem for path in (HERE.parents[1] / "mappings").glob("*.toml")} - {"identities", "holidays"}
    assert shipped == {path.name for path in HERE.iterdir() if list(path.glob("delivery.*"))}
