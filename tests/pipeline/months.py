"""Ordinary months of an invented city: each department's full list as a month leaves it, with its usual dirt.

Takes a city's folder with its first day; writes the later months as further days. Events are the generator's own.
"""

from datetime import date
from pathlib import Path
from random import Random

from gateway.demo import city as cities
from gateway.demo import dirt, lists, write
from gateway.demo.cast import Cast
from gateway.demo.city import City
from gateway.demo.civil_days import CivilDays
from gateway.demo.generate import generate
from gateway.demo.other_days import renew_holders, renew_rural
from gateway.demo.rows import CIVIL, DISABLED, RURAL, Delivery, Row


def first_of(month: int) -> date:
    """The business date of a month's lists; month 1 is November 2026."""
    return date(2026 + (month + 9) // 12, (month + 9) % 12 + 1, 1)


def write_months(folder: Path, people: int, seed: int, count: int) -> None:
    """The city and its first month as `generate` makes them, and `count` - 1 more."""
    generate(folder, people, seed, days=1)
    city = cities.build(people, Random(f"{seed}/city"))
    made = {
        CIVIL: lists.civil(city, people, Random(f"{seed}/civil")),
        RURAL: lists.rural(city, people, Random(f"{seed}/rural")),
        DISABLED: lists.holders(city, people, city.roster.dead, Random(f"{seed}/holders")),
    }
    rows = {source: _spoilt(city, clean, seed) for source, clean in made.items()}
    civil = CivilDays(Cast(city, people, Random(f"{seed}/month")), rows[CIVIL], 1.0)
    for month in range(2, count + 1):
        # Who had a part in one month may have another in the next.
        cast, day = Cast(city, people, Random(f"{seed}/month/{month}")), first_of(month)
        counties = sorted({row.person.county for row in rows[RURAL]})
        missing = cast.rng.choice(counties) if month % 3 == 0 else ""
        civil.cast = cast
        civil.delta(day)
        rows[RURAL] = renew_rural(cast, rows[RURAL], day, missing, 1.0)
        rows[DISABLED] = renew_holders(cast, rows[DISABLED], day, 1.0)
        present = sorted((r for r in rows[RURAL] if r.person.county != missing), key=lambda row: row.person.county)
        here = tuple(sorted({row.person.county for row in present}))
        for delivery in (
            Delivery(source=CIVIL, business=day, full=True, rows=civil.rows, sequence=month),
            Delivery(source=RURAL, business=day, full=True, rows=present, counties=here),
            Delivery(source=DISABLED, business=day, full=True, rows=rows[DISABLED]),
        ):
            write.deliver(delivery, folder / f"day{month}", city, Random(f"{seed}/write/{delivery.stem}"), True)


def _spoilt(city: City, rows: list[Row], seed: int) -> list[Row]:
    rng = Random(f"{seed}/dirt/{rows[0].source}")
    spoilt = dirt.spoil(rows, city, 1.0, rng)
    return spoilt + dirt.nameless(spoilt, city, 1.0, rng)
