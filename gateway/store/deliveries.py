"""Deliveries in the ledger: what came, what became of it, and its rows' outcomes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from gateway.model.deliveries import DeliveryState, LandedFile, Landing, Manifest, Mode, PartPromise, ReadPart
from gateway.store import tables as t
from gateway.store.ledger import Tx, inserted_id, now, record_event

#: A delivery was landed and normalised: its entry in the audit chain.
TAKEN = "delivery.taken"
#: Where a delivery's landing says that its rows ended (`store.destroyed`).
ROWS_ENDED = "destroyed_rows"
#: Of a content's digest, the digits that are the same however often it is said.
_OWN = 56


@dataclass(frozen=True, kw_only=True)
class DeliveryRow:
    """A delivery as the ledger knows it."""

    id: int
    instance: str
    name: str
    mode: str | None
    business_date: date | None
    sequence: int | None
    scopes: Sequence[str]
    content_digest: str
    landing: dict[str, Any]
    state: str
    code: str
    message: str
    arrived_at: datetime
    applied_at: datetime | None
    entries_file: str | None
    resolutions_file: str | None
    review_digest: str
    receipt_digest: str
    receipt_at: datetime | None
    rows: int
    outcomes: Mapping[str, int]

    @property
    def ended(self) -> bool:
        """Whether its rows ended: of a list of people what stays names nobody, of any other nothing stays."""
        return ROWS_ENDED in self.landing


def add(
    tx: Tx, landing: Landing, *, manifest_digest: str, entries_file: str, rows: int, scopes: Sequence[str],
    read: Sequence[ReadPart] = (),
) -> int:  # fmt: skip
    """A landed and normalised delivery. The same content may be there already: said again, it is the last word."""
    m, values = landing.manifest, _values(landing, entries_file, rows, scopes, read)
    values["content_digest"] = _own_digest(tx, landing.instance, landing.content_digest)
    row = sa.insert(t.deliveries).values(**values, manifest_digest=manifest_digest)
    number = inserted_id(tx.execute(row))
    said = {"mode": m.mode.value, "business_date": m.business_date.isoformat(), "sequence": m.sequence, "rows": rows}
    digests = {"content": values["content_digest"], "entries": entries_file}
    record_event(tx, TAKEN, delivery=number, instance=landing.instance, **said, **digests)
    return number


def would_be(
    tx: Tx, landing: Landing, *, entries_file: str, rows: int, scopes: Sequence[str], read: Sequence[ReadPart]
) -> DeliveryRow:
    """The row that `add` would make now, with the number that it would most likely get."""
    newest = tx.execute(sa.select(sa.func.max(t.deliveries.c.id))).scalar_one() or 0
    empty: dict[str, Any] = dict.fromkeys(("code", "message", "review_digest", "receipt_digest"), "")
    empty |= dict.fromkeys(("applied_at", "resolutions_file", "receipt_at"))
    values = _values(landing, entries_file, rows, scopes, read)
    return DeliveryRow(id=newest + 1, outcomes=dict.fromkeys(t.OUTCOMES, 0), **empty, **values)


def _values(
    landing: Landing, entries_file: str, rows: int, scopes: Sequence[str], read: Sequence[ReadPart]
) -> dict[str, Any]:
    m = landing.manifest
    return {
        "instance": landing.instance,
        "name": m.name,
        "mode": m.mode.value,
        "business_date": m.business_date,
        "sequence": m.sequence,
        "scopes": list(scopes),
        "content_digest": landing.content_digest,
        "landing": {**_landing_json(landing), "read": [asdict(part) for part in read]},
        "state": DeliveryState.LANDED.value,
        "arrived_at": now(),
        "entries_file": entries_file,
        "rows": rows,
    }


def add_refused(
    tx: Tx, *, instance: str, name: str, content_digest: str, manifest_digest: str, code: str, message: str,
    files: Sequence[LandedFile],
) -> int | None:  # fmt: skip
    """A delivery that must not be used: kept, visible, with the reason. None where it is known already."""
    c = t.deliveries.c
    if tx.execute(sa.select(c.id).where(c.instance == instance, c.content_digest == content_digest)).first():
        return None
    values = {
        "instance": instance,
        "name": name,
        "scopes": [],
        "content_digest": content_digest,
        "manifest_digest": manifest_digest,
        "landing": {"files": [asdict(f) for f in files]},
        "state": DeliveryState.REFUSED.value,
        "code": code,
        "message": message,
        "arrived_at": now(),
    }
    number = inserted_id(tx.execute(sa.insert(t.deliveries).values(**values)))
    record_event(tx, "delivery.refused", delivery=number, instance=instance, code=code, content=content_digest)
    return number


def _landing_json(landing: Landing) -> dict[str, Any]:
    data = asdict(landing)
    data["manifest"]["business_date"] = landing.manifest.business_date.isoformat()
    return data


def landing_of(row: DeliveryRow) -> Landing:
    """The landing that a delivery's row keeps."""
    data = row.landing
    m = data["manifest"]
    manifest = Manifest(
        name=m["name"],
        mode=Mode(m["mode"]),
        business_date=date.fromisoformat(m["business_date"]),
        parts=tuple(PartPromise(**p) for p in m["parts"]),
        sequence=m["sequence"],
        department=m["department"],
        scopes=tuple(m["scopes"]),
    )
    return Landing(
        instance=data["instance"],
        plugin=data["plugin"],
        manifest=manifest,
        files=tuple(LandedFile(**f) for f in data["files"]),
        content_digest=data["content_digest"],
        remarks=tuple((code, detail) for code, detail in data["remarks"]),
    )


def parts_read(row: DeliveryRow) -> list[ReadPart]:
    """What the parts of a delivery came to, in the order of their entries."""
    read = row.landing.get("read", [])
    return [ReadPart(**{**part, "remarks": tuple((c, d) for c, d in part["remarks"])}) for part in read]


def newest_read(tx: Tx, instance: str, mode: Mode) -> DeliveryRow | None:
    """The newest delivery of an instance and mode that has entries; None where there is none, or its rows ended."""
    c = t.deliveries.c
    query = sa.select(t.deliveries).where(c.instance == instance, c.mode == mode.value, c.entries_file.is_not(None))
    row = tx.execute(query.order_by(c.id.desc()).limit(1)).first()
    newest = _row(row) if row else None
    return None if newest is None or newest.ended else newest


def select(tx: Tx, *, instance: str | None = None, states: Sequence[str] = ()) -> list[DeliveryRow]:
    """Deliveries by instance and state, oldest first."""
    query = sa.select(t.deliveries).order_by(t.deliveries.c.id)
    if instance is not None:
        query = query.where(t.deliveries.c.instance == instance)
    if states:
        query = query.where(t.deliveries.c.state.in_(states))
    return [_row(row) for row in tx.execute(query)]


def newest_dates(tx: Tx, until: date) -> dict[str, date]:
    """Instance -> business date of the newest list, not after that day, that came and was not refused."""
    c = t.deliveries.c
    query = sa.select(c.instance, sa.func.max(c.business_date)).where(c.state != "refused", c.business_date <= until)
    return {row[0]: row[1] for row in tx.execute(query.group_by(c.instance))}


def get(tx: Tx, delivery: int) -> DeliveryRow | None:
    """One delivery; None where there is none of that id."""
    row = tx.execute(sa.select(t.deliveries).where(t.deliveries.c.id == delivery)).first()
    return _row(row) if row else None


def _row(row: sa.Row[Any]) -> DeliveryRow:
    data = dict(row._mapping)
    outcomes = {name: data.pop(name) for name in t.OUTCOMES}
    data.pop("manifest_digest")
    return DeliveryRow(**data, outcomes=outcomes)


def known_manifest(tx: Tx, instance: str, name: str, digest: str) -> bool:
    """True where this manifest is the last word of that name: it was taken, or rejected by a person, and no other was
    taken since. Refused ones are looked at again, since their files may have been mended."""
    return digest in {manifest for manifest, _content in _last_word(tx, instance, name)}


def known_content(tx: Tx, instance: str, digest: str) -> bool:
    """True where this very content is the last word of a name under which it was received."""
    c = t.deliveries.c
    query = sa.select(c.name).where(c.instance == instance, c.content_digest.startswith(digest[:_OWN]))
    names = set(tx.execute(query).scalars())
    return any(digest == content for name in names for _manifest, content in _last_word(tx, instance, name))


def _last_word(tx: Tx, instance: str, name: str) -> list[tuple[str, str]]:
    """Digests of manifest and content of the newest delivery of that name that was taken, and of those that a person
    rejected since."""
    c = t.deliveries.c
    query = sa.select(c.state, c.manifest_digest, c.landing).where(c.instance == instance, c.name == name)
    query = query.where(sa.or_(c.state != "refused", c.code == "rejected")).order_by(c.id.desc())
    found = []
    for row in tx.execute(query):
        found.append((str(row.manifest_digest), str(row.landing.get("content_digest", ""))))
        if row.state != "refused":
            break
    return found


def _own_digest(tx: Tx, instance: str, content: str) -> str:
    """The content's digest; of what is said once more after something else, one of its own."""
    c = t.deliveries.c
    alike = sa.select(c.content_digest).where(c.instance == instance, c.content_digest.startswith(content[:_OWN]))
    said = list(tx.execute(alike).scalars())
    return f"{content[:_OWN]}{len(said):0{len(content) - _OWN}x}" if content in said else content


def mark(tx: Tx, delivery: int, state: DeliveryState, *, code: str = "", message: str = "") -> None:
    """Moves a delivery to another state, with the reason."""
    c = t.deliveries.c
    before = tx.execute(sa.select(c.state, c.code).where(c.id == delivery)).first()
    if before and tuple(before) != (state.value, code):
        record_event(tx, f"delivery.{state.value}", delivery=delivery, code=code)
    values = {"state": state.value, "code": code, "message": message}
    tx.execute(sa.update(t.deliveries).where(t.deliveries.c.id == delivery).values(**values))


def apply(tx: Tx, delivery: int, *, outcomes: Mapping[str, int], resolutions_file: str, review_digest: str) -> None:
    """What the delivery's rows came to; its state is applied. The store refuses counts that do not add up."""
    values: dict[str, Any] = {name: outcomes.get(name, 0) for name in t.OUTCOMES}
    c = t.deliveries.c
    said = [*(c[name] for name in t.OUTCOMES), c.state, c.review_digest]
    before = tx.execute(sa.select(*said).where(c.id == delivery)).first()
    if before and tuple(before) != (*values.values(), DeliveryState.APPLIED.value, review_digest):
        record_event(tx, "delivery.applied", delivery=delivery, resolutions=resolutions_file, **values)
    applied_at = sa.func.coalesce(c.applied_at, now())
    tx.execute(
        sa.update(t.deliveries)
        .where(c.id == delivery)
        .values(
            **values,
            state="applied",
            code="",
            message="",
            resolutions_file=resolutions_file,
            review_digest=review_digest,
            applied_at=applied_at,
        )
    )


def receipts_begun(tx: Tx, some: Sequence[int]) -> None:
    """The department may soon have receipts that nobody wrote down: until one is, it is due, whatever its rows come
    to."""
    tx.execute(sa.update(t.deliveries).where(t.deliveries.c.id.in_(some)).values(receipt_digest=""))


def receipt_written(tx: Tx, delivery: int, digest: str, *, later: Sequence[int]) -> None:
    """The department has the receipt with this content. Those of `later` deliveries are due again: it may lie where
    they were, or say something else of the same people."""
    record_event(tx, "receipt.written", delivery=delivery, digest=digest)
    tx.execute(
        sa.update(t.deliveries).where(t.deliveries.c.id == delivery).values(receipt_digest=digest, receipt_at=now())
    )
    receipts_begun(tx, later)


def add_findings(tx: Tx, delivery: int, found: Sequence[tuple[str, str, int]]) -> None:
    """Things worth telling of a delivery: (code, detail, count). Said again, they replace what was said."""
    tx.execute(sa.delete(t.findings).where(t.findings.c.delivery_id == delivery))
    counted: Counter[tuple[str, str]] = Counter()
    for code, detail, count in found:
        counted[code, detail[:200]] += count
    rows = [{"delivery_id": delivery, "code": c, "detail": d, "count": n} for (c, d), n in counted.items()]
    if rows:
        tx.execute(sa.insert(t.findings), rows)


def set_finding(tx: Tx, delivery: int, code: str, count: int) -> None:
    """One counted finding of a delivery; 0 takes it away."""
    c = t.findings.c
    tx.execute(sa.delete(t.findings).where(c.delivery_id == delivery, c.code == code))
    if count:
        tx.execute(sa.insert(t.findings).values(delivery_id=delivery, code=code, detail="", count=count))


def findings_of(tx: Tx, delivery: int) -> list[tuple[str, str, int]]:
    """(code, detail, count) of a delivery."""
    c = t.findings.c
    query = sa.select(c.code, c.detail, c.count).where(c.delivery_id == delivery).order_by(c.id)
    return [(row[0], row[1], row[2]) for row in tx.execute(query)]


def files_in_use(tx: Tx) -> set[str]:
    """Names of all sealed files that a committed row names; any other is an orphan."""
    c = t.deliveries.c
    names: set[str] = set()
    for row in tx.execute(sa.select(c.entries_file, c.resolutions_file, c.landing)):
        names.update(n for n in (row.entries_file, row.resolutions_file) if n)
        names.update(f["sealed"] for f in row.landing.get("files", []))
    for files, former in tx.execute(sa.select(t.rosters.c.files, t.rosters.c.former)):
        names.update(files, [former] if former else [])
    return names
