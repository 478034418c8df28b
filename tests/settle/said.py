"""What deliveries say, as tiny frames, and the fold of them."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import polars as pl

from gateway.mappings import MappingFiles
from gateway.model.deliveries import Mode
from gateway.model.holds import Place
from gateway.settle import Fold, Limits, Said, fold, in_order
from gateway.settle.fold import MayName
from gateway.settle.guard import Counties, no_counties
from gateway.settle.statements import STATEMENTS, UNRESOLVED

POLICY = MappingFiles().policy("baise")
MONTHS = {code.identity: code.months for code in POLICY.codes if code.months}
FLAGS_FROM = date(2026, 1, 1)
#: The business date of the first list in most tests.
D1 = date(2026, 11, 1)
POOR, ALLOWANCE, ILL = "特困人员", "低保对象", "因病支出型困难家庭成员"
STABLE, UNSTABLE, SEVERE, MARGINAL = "稳定脱贫人口", "脱贫不稳定人口", "重度残疾人", "低保边缘家庭成员"


def day(text: str) -> date:
    """The day; `11-05` is in 2026."""
    return date.fromisoformat(text if len(text) > 5 else f"2026-{text}")


def row(
    person: int,
    identity: str = POOR,
    first: str | None = "2024-03-01",
    last: str | None = None,
    *,
    level: str = "",
    scope: str = "",
    **more: object,
) -> dict[str, object]:
    """One statement."""
    return {
        "scope": scope,
        "person_key": person,
        "row": person,
        "identity": identity,
        "level": level,
        "change": "state",
        "first": day(first) if first else None,
        "last": day(last) if last else None,
        "last_inferred": False,
        "gives": "current",
        "stands": False,
        **more,
    }


def stop(
    person: int, identity: str = POOR, first: str | None = None, last: str | None = None, *, on: date | None = None
) -> dict[str, object]:
    """One 停发; without a day it ends on the business date, which the test gives as `on`."""
    return row(person, identity, first, last or str(on), change="stop", last_inferred=last is None)


def doubt(scope: str = "", **more: object) -> dict[str, object]:
    """One unresolved row."""
    return {"scope": scope, "row": 99, "number_state": "damaged", **more}


def said(
    number: int,
    on: date,
    *rows: Mapping[str, object],
    full: bool = False,
    doubts: Sequence[Mapping[str, object]] = (),
    scopes: tuple[str, ...] = ("",),
    mistrusted: Mapping[str, str] | None = None,
) -> Said:
    """One delivery."""
    return Said(
        delivery=number,
        mode=Mode.FULL if full else Mode.DELTA,
        business_date=on,
        sequence=number,
        scopes=scopes,
        rows=pl.DataFrame([{n: r.get(n) for n in STATEMENTS} for r in rows], schema=STATEMENTS),
        unresolved=pl.DataFrame([{n: r.get(n) for n in UNRESOLVED} for r in doubts], schema=UNRESOLVED),
        mistrusted=mistrusted or {},
    )


def nobody(people: pl.DataFrame, _rows: pl.DataFrame) -> pl.DataFrame:
    """A may_name that finds nobody."""
    return people.clear().select("scope", "person_key")


def everybody(people: pl.DataFrame, _rows: pl.DataFrame) -> pl.DataFrame:
    """A may_name that finds all of them."""
    return people.select("scope", "person_key")


def folded(
    *deliveries: Said,
    limits: Limits | None = None,
    decided: Mapping[Place, str] | None = None,
    may_name: MayName = nobody,
    counties: Counties = no_counties,
) -> Fold:
    """The fold of these deliveries."""
    ordered, limits = in_order(deliveries), limits or Limits()
    return fold(
        ordered, limits=limits, decided=decided or {}, may_name=may_name, months=MONTHS, counties=counties
    )


def periods(result: Fold) -> list[tuple[object, ...]]:
    """(person, identity, level, first, last), sorted."""
    frame = result.state.recognitions.select("person_key", "identity", "level", "first", "last")
    return frame.sort("person_key", "identity", "first").rows()


def before(on: date) -> date:
    """The day before."""
    return on - timedelta(days=1)
