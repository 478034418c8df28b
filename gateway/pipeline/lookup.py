"""One person, looked up in the roster in force: of two of its buckets a few blocks are opened."""

import polars as pl

from gateway.deliver.results import REFUSALS
from gateway.errors import NotFound
from gateway.model.frames import ROSTER
from gateway.model.outcomes import REASONS
from gateway.pipeline import roster
from gateway.reconcile import SEEN
from gateway.site import Site
from gateway.store import people
from gateway.words import _, translated

#: Person keys have 63 bits.
KEY_LIMIT = 1 << 63
_COLUMNS = ["person_key", "psn_no", "name", "certno", "number", "county", "dead", "covered"]
_SEEN = [name for name in _COLUMNS if name in SEEN]


def people_of_number(site: Site, text: str) -> pl.DataFrame:
    """Roster rows (`_COLUMNS`) of those who have this identity number, however it is typed."""
    number = roster.numbers_of(pl.Series([text]))[0]
    if number is None:
        return _nobody()
    found = roster.of_number(site, number, _SEEN)
    return _whole(found, roster.people(site, roster.PAPERS, found["person_key"]))


def person_of_key(site: Site, key: int) -> pl.DataFrame:
    """The roster row of a person key; empty where the roster in force does not have it."""
    papers = roster.people(site, roster.PAPERS, pl.Series("person_key", [key], pl.Int64))
    if papers.is_empty():
        return _nobody()
    return _whole(roster.of_number(site, roster.numbers_of(papers["certno"])[0], _SEEN), papers)


def _whole(found: pl.DataFrame, papers: pl.DataFrame) -> pl.DataFrame:
    """`found`: `_SEEN` of people; `papers`: `roster.PAPERS` of these."""
    return found.join(papers, on="person_key").select(_COLUMNS)


def _nobody() -> pl.DataFrame:
    return pl.DataFrame(schema={name: ROSTER[name] for name in _COLUMNS})


def find_person(site: Site, person: str) -> tuple[int, pl.DataFrame]:
    """The person key, and the roster's row (`_COLUMNS`) where it has one. A key that the ledger has is tried first,
    then an identity number, then psn_no, then any key. Raises NotFound where nobody is meant, or several are."""
    key = int(person) if person.isascii() and person.isdigit() and len(person) < 20 else KEY_LIMIT
    if key < KEY_LIMIT and _in_ledger(site, key):
        return key, person_of_key(site, key)
    found = people_of_number(site, person)
    if found.height > 1:
        keys = _("、").join(map(str, found["person_key"].to_list()))
        what = _("该证件号码在名册中对应多个参保人编号")
        raise NotFound(what, next_step=_("请改用其中一个:{keys}").format(keys=keys))
    if found.height:
        return int(found["person_key"][0]), found
    for candidate in (c for c in (*site.keyring.person_digest([person]), key) if c < KEY_LIMIT):
        row = person_of_key(site, candidate)
        if row.height or _in_ledger(site, candidate):
            return candidate, row
    what = _("没有找到这个人:名册和台账中都没有")
    raise NotFound(what, next_step=_("请核对人员编号或证件号码;名册每天更新一次,可先运行 gateway run"))


def _in_ledger(site: Site, key: int) -> bool:
    with site.ledger.begin() as tx:
        return bool(people.history(tx, key) or people.confirmed_of(tx, key) or people.departures_of(tx, key))


def sentence(code: str) -> str:
    """What an operator reads for a reason code of a row or a case."""
    platform = {f"platform_{abs(result)}": text for result, text in REFUSALS.items()}
    return translated({**REASONS, **platform}.get(code, code))
