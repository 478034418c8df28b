"""Rows and the people whom they may mean, side by side: what the list says, what the roster says, whether they agree.

Takes deliveries and row numbers; opens each delivery once, and the roster once for all of them. Everything here is in
the clear: whoever shows it masks it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

import polars as pl

from gateway.errors import SealBroken
from gateway.model.frames import COUNTY_DIGITS
from gateway.model.written import own_number
from gateway.pipeline import roster
from gateway.reconcile.names import agree
from gateway.site import Site
from gateway.store.deliveries import DeliveryRow
from gateway.words import _

#: Candidates that are set beside a row; the lists hold more than that only where nothing speaks for any of them.
SHOWN = 5
_PERSON = [
    "person_key", "psn_no", "name", "certno", "name_key", "number", "birth", "sex", "county", "village", "dead",
    "covered",
]  # fmt: skip
_NOTHING = dict.fromkeys(["name_key", "number", "birth_from", "birth_to", "sex", "area"])
_LENGTH = 18
#: Digits of a number that a spreadsheet leaves as they were.
_FRONT = 14


class Agreement(StrEnum):
    """How a field of the list and of the roster stand to each other."""

    SAME = "same"
    NEAR = "near"
    OTHER = "other"
    #: One side says nothing.
    SILENT = "silent"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One field of a candidate."""

    #: name | number | birth | sex | area | household
    field: str
    roster: str
    agreement: Agreement


@dataclass(frozen=True, kw_only=True)
class Beside:
    """One candidate. Where the roster in force does not have the person, `psn_no` is "" and nothing is compared."""

    person_key: int
    psn_no: str
    dead: bool
    covered: bool
    fields: Sequence[Compared]


@dataclass(frozen=True, kw_only=True)
class Said:
    """One row: what the list says, and whom it may mean."""

    delivery: DeliveryRow
    #: One row of `ENTRIES`.
    entry: pl.DataFrame
    #: Its line of `RESOLUTIONS`; empty before the delivery was settled.
    resolution: Mapping[str, Any]
    #: Field -> as the department wrote it, a number that is whole without what stands around it; "" = not given.
    listed: Mapping[str, str]
    #: Person keys, the likeliest first.
    candidates: Sequence[int]
    #: Villages of the people whom other rows of the household mean.
    homes: Sequence[str]


def said(site: Site, places: Iterable[tuple[DeliveryRow, int]]) -> dict[tuple[int, int], Said]:
    """(delivery, row) -> what that row says; without those that ended. Raises SealBroken."""
    wanted: dict[int, set[int]] = {}
    deliveries = {}
    for delivery, row in places:
        if delivery.ended:
            continue
        deliveries[delivery.id] = delivery
        wanted.setdefault(delivery.id, set()).add(row)
    opened = [_opened(site, deliveries[number], rows) for number, rows in wanted.items()]
    mates = pl.concat([one.mates for one in opened]) if opened else pl.DataFrame(schema=_MATES)
    lived = roster.people(site, ["person_key", "village"], mates["person_key"]) if mates.height else mates
    homes = mates.join(lived, on="person_key") if mates.height else mates.with_columns(village=pl.lit(""))
    return {(one.delivery.id, row): _said(one, row, homes) for one in opened for row in one.entries["row"].to_list()}


def beside(site: Site, rows: Sequence[tuple[Said | None, Sequence[int]]]) -> list[list[Beside]]:
    """Of each row and the person keys beside it these people, at most `SHOWN`, in their order. Without a row (None)
    nothing is compared."""
    keys = [key for _row, candidates in rows for key in candidates[:SHOWN]]
    found = roster.people(site, _PERSON, pl.Series("person_key", keys, pl.Int64)) if keys else None
    people = {person["person_key"]: person for person in found.iter_rows(named=True)} if found is not None else {}
    return [[_beside(row, key, people.get(key)) for key in candidates[:SHOWN]] for row, candidates in rows]


@dataclass(frozen=True, kw_only=True)
class _Opened:
    delivery: DeliveryRow
    entries: pl.DataFrame
    resolutions: pl.DataFrame
    mates: pl.DataFrame


_MATES = pl.Schema({"delivery": pl.Int64, "raw_household": pl.String, "row": pl.UInt32, "person_key": pl.Int64})


def _opened(site: Site, delivery: DeliveryRow, rows: set[int]) -> _Opened:
    if not delivery.entries_file:
        raise SealBroken(_("批次 {id} 没有封存的明细").format(id=delivery.id))
    numbers = pl.Series(sorted(rows), dtype=pl.UInt32)
    chosen = site.read_rows(delivery.entries_file, numbers)
    resolved = linked = pl.DataFrame(schema={"row": pl.UInt32, "person_key": pl.Int64})
    household = chosen.select(own_number("raw_household")).drop_nulls().unique()
    if delivery.resolutions_file:
        resolved = site.read_rows(delivery.resolutions_file, numbers)
        linked = site.read_frame(delivery.resolutions_file, ["row", "person_key"]) if household.height else linked
    entries = site.read_frame(delivery.entries_file, ["row", "raw_household"]) if household.height else chosen
    mates = (
        entries.select("row", own_number("raw_household"))
        .join(household, on="raw_household", how="semi")
        .join(linked.drop_nulls(), on="row")
        .select(pl.lit(delivery.id, pl.Int64).alias("delivery"), "raw_household", "row", "person_key")
    )
    return _Opened(
        delivery=delivery,
        entries=chosen,
        resolutions=resolved,
        mates=mates,
    )


def _said(one: _Opened, row: int, homes: pl.DataFrame) -> Said:
    entry = one.entries.filter(pl.col("row") == row)
    resolutions = one.resolutions.filter(pl.col("row") == row)
    resolution = resolutions.row(0, named=True) if resolutions.height else {}
    named = entry.row(0, named=True)
    household = entry.select(own_number("raw_household")).item()
    beside_it = homes.filter(
        (pl.col("delivery") == one.delivery.id)
        & (pl.col("raw_household") == pl.lit(household, pl.String))
        & (pl.col("row") != row)
    )
    return Said(
        delivery=one.delivery,
        entry=entry,
        resolution=resolution,
        listed=_listed(named),
        candidates=_candidates(resolution),
        homes=beside_it.unique("person_key")["village"].drop_nulls().to_list(),
    )


def _candidates(resolution: Mapping[str, Any]) -> list[int]:
    """Whom the row was linked to, whom it seems to mean, and whom it meant before."""
    keys = [resolution.get("person_key"), *(resolution.get("candidates") or ())]
    keys += [resolution.get("candidate"), resolution.get("kept")]
    return list(dict.fromkeys(key for key in keys if key is not None))


def _listed(entry: Mapping[str, Any]) -> dict[str, str]:
    whole = entry["number"] or ""
    return {
        "name": entry["raw_name"] or "",
        "number": (whole if len(whole) == _LENGTH else entry["raw_number"]) or "",
        "birth": _birth_text(entry["birth_from"], entry["birth_to"]),
        "sex": _sex(entry["sex"]),
        "area": entry["area"] or "",
        "household": entry["raw_household"] or "",
    }


def _sex(code: str | None) -> str:
    return {"1": _("男"), "2": _("女")}.get(code or "", "")


def _birth_text(since: date | None, until: date | None) -> str:
    if since is None:
        return ""
    return since.isoformat() if since == until else f"{since:%Y-%m}"


def _beside(row: Said | None, key: int, person: Mapping[str, Any] | None) -> Beside:
    if person is None:
        return Beside(person_key=key, psn_no="", dead=False, covered=False, fields=())
    fields = compare(row.entry.row(0, named=True) if row else _NOTHING, row.homes if row else (), person)
    return Beside(
        person_key=key,
        psn_no=person["psn_no"],
        dead=bool(person["dead"]),
        covered=bool(person["covered"]),
        fields=fields,
    )


def compare(entry: Mapping[str, Any], homes: Sequence[str], person: Mapping[str, Any]) -> list[Compared]:
    """Each field of an entry beside a person's of the roster (columns by name); `homes`: villages of the household."""
    in_village = sum(home == person["village"] for home in homes)
    together = _("同户 {n} 人中 {m} 人同村").format(n=len(homes), m=in_village) if homes else ""
    fields = {
        "name": (person["name"] or "", _name(entry["name_key"], person["name_key"])),
        "number": (person["certno"] or "", _number(entry["number"], person["number"])),
        "birth": (_birth_text(person["birth"], person["birth"]), _birth(entry, person["birth"])),
        "sex": (_sex(person["sex"]), _equal(_sex(entry["sex"]), _sex(person["sex"]))),
        "area": (person["village"] or person["county"] or "", _area(entry["area"], person)),
        "household": (together, _household(len(homes), in_village)),
    }
    return [Compared(field=name, roster=text, agreement=verdict) for name, (text, verdict) in fields.items()]


def _equal(sent: str | None, known: str | None) -> Agreement:
    if not sent or not known:
        return Agreement.SILENT
    return Agreement.SAME if sent == known else Agreement.OTHER


def _or_near(first: Agreement, *, near: bool) -> Agreement:
    return Agreement.NEAR if first is Agreement.OTHER and near else first


def _name(sent: str | None, known: str | None) -> Agreement:
    first = _equal(sent, known)
    return _or_near(first, near=first is Agreement.OTHER and agree(sent or "", known or ""))


def _number(sent: str | None, known: str | None) -> Agreement:
    """Near: one character differs, two neighbours are swapped, or all but the end is the same."""
    first = _equal(sent, known)
    if first is not Agreement.OTHER or not sent or not known:
        return first
    if "E+" in sent:  # a spreadsheet's short form: only its first digits are the number's
        return _or_near(first, near=known.startswith(sent.partition("E")[0].replace(".", "")))
    differ = [at for at, (a, b) in enumerate(zip(sent, known, strict=False)) if a != b]
    whole = len(sent) == len(known) == _LENGTH
    swapped = len(differ) == 2 and sent[differ[0]] == known[differ[1]] and sent[differ[1]] == known[differ[0]]
    one_slip = whole and (len(differ) == 1 or (swapped and differ[1] - differ[0] == 1))
    return _or_near(first, near=one_slip or (not differ or differ[0] >= _FRONT))


def _birth(entry: Mapping[str, Any], known: date | None) -> Agreement:
    """Near: of year, month and day two are the same."""
    since, until = entry["birth_from"], entry["birth_to"]
    if since is None or until is None or known is None:
        return Agreement.SILENT
    if since <= known <= until:
        return Agreement.SAME
    alike = (since.year == known.year) + (since.month == known.month) + (since.day == known.day)
    return Agreement.NEAR if alike == 2 else Agreement.OTHER


def _area(sent: str | None, person: Mapping[str, Any]) -> Agreement:
    """Near: the same county."""
    village, county = person["village"] or "", person["county"] or ""
    if not sent or not (village or county):
        return Agreement.SILENT
    if sent in (village, county):
        return Agreement.SAME
    return Agreement.NEAR if sent[:COUNTY_DIGITS] in (village[:COUNTY_DIGITS], county) else Agreement.OTHER


def _household(mates: int, in_village: int) -> Agreement:
    if not mates:
        return Agreement.SILENT
    return Agreement.SAME if in_village else Agreement.OTHER
