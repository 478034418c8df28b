"""One person, looked up in the roster in force: by number in one bucket, by key in as many as it takes."""

import polars as pl

from gateway.deliver.results import REFUSALS
from gateway.model.buckets import by_number
from gateway.model.outcomes import REASONS
from gateway.normalise.numbers import cleaned, eighteen
from gateway.pipeline import roster
from gateway.site import Site
from gateway.store import rosters

_COLUMNS = ["person_key", "psn_no", "name", "certno", "number", "dead", "covered"]


def people_of_number(site: Site, text: str) -> pl.DataFrame:
    """Roster rows (`_COLUMNS`) of those who have this identity number, however it is typed. Opens one bucket."""
    typed = pl.DataFrame({"typed": [text]}).select(number=eighteen(cleaned(pl.col("typed"))))
    number, bucket = typed.select("number", bucket=by_number(pl.col("number"))).row(0)
    with site.ledger.begin() as tx:
        newest = rosters.newest(tx)
    if newest is None or number is None:
        return pl.DataFrame(schema=dict.fromkeys(_COLUMNS, pl.String))
    return site.read_frame(newest.files[bucket], _COLUMNS).filter(pl.col("number") == number)


def person_of_key(site: Site, key: int) -> pl.DataFrame:
    """The roster row of a person key; empty where the roster in force does not have it."""
    return roster.people(site, _COLUMNS, pl.Series("person_key", [key], pl.Int64))


def sentence(code: str) -> str:
    """What a clerk reads for a reason code of a row or a case."""
    platform = {f"platform_{abs(result)}": text for result, text in REFUSALS.items()}
    return {**REASONS, **platform}.get(code, code)
