"""From landed parts to entries; and what an earlier delivery said in the same bytes is not read again.

Takes a landing, its mapping, and the newest delivery of its kind. Gives one frame of entries, findings, parts that
cannot be used, and what is to be kept of the others. Refuses a delivery whose parts cannot be read.
"""

import json
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import metadata, resources
from pathlib import PurePath
from threading import BoundedSemaphore, Lock

import polars as pl

from gateway.errors import DeliveryRefused, PeerBroken, SealBroken
from gateway.land import Landed
from gateway.model.deliveries import FAILED, INCOMPLETE, Manifest, Mode, PartPromise, ReadPart
from gateway.model.frames import ENTRIES, empty
from gateway.model.mapping import ListMapping
from gateway.normalise import NormalisedPart, normalise, number_rows, usual
from gateway.pipeline.platform import gunzip
from gateway.site import Site
from gateway.store.deliveries import DeliveryRow, parts_read
from gateway.vault.sm import sm3_hex
from gateway.words import _

#: Bytes of one unpacked list; a city's largest is about 400 MB.
LIST_LIMIT = 4 << 30
#: Parts that are read side by side, of all departments together: two cores, and memory for two. What reads and cleans
#: them lets other threads run (docs/decisions/0017-speed-of-intake.md).
PARTS_AT_ONCE = 2
_READING = BoundedSemaphore(PARTS_AT_ONCE)
#: How gzip begins (RFC 1952): a peer may name such a file as it likes, and no list in clear begins so.
_GZIP = b"\x1f\x8b"
#: What reads and cleans lists: rooms, and libraries.
_ROOMS, _READERS = ("gateway.normalise", "gateway.model"), ("polars", "python-calamine", "opencc")


@dataclass(frozen=True, kw_only=True)
class Read:
    """What a landing's parts came to."""

    #: `ENTRIES`, and the mapping's kept columns; rows numbered through the parts in their order.
    entries: pl.DataFrame
    #: (code, detail, count)
    findings: Sequence[tuple[str, str, int]]
    #: Parts that cannot be used, where each speaks for its own scope.
    broken: Sequence[tuple[PartPromise, DeliveryRefused]]
    #: The others, in the order of their rows.
    parts: Sequence[ReadPart]


def read_parts(site: Site, landed: Landed, mapping: ListMapping, earlier: DeliveryRow | None) -> Read:
    """All parts' entries. Raises DeliveryRefused where one that speaks for the whole list, or each one, is unusable."""
    manifest, digests = landed.landing.manifest, {f.name: f.digest for f in landed.landing.files}
    known = _Known(site, mapping, manifest, earlier)

    def read(part: PartPromise) -> tuple[str, NormalisedPart | DeliveryRefused]:
        basis = _basis(part, digests[part.name], manifest, mapping)
        try:
            normal = known.entries(part, basis) or _read(landed, mapping, part)
            _check_rows(part, normal.entries.height, manifest)
        except DeliveryRefused as fault:
            return basis, fault
        return basis, normal

    bad = {part.name: ("", fault) for part, fault in landed.broken}
    with ThreadPoolExecutor(PARTS_AT_ONCE) as pool:
        came = pool.map(lambda part: bad.get(part.name) or read(part), manifest.parts)
        return _together(manifest, list(came))


def _together(manifest: Manifest, came: Sequence[tuple[str, NormalisedPart | DeliveryRefused]]) -> Read:
    frames, findings, broken, read = [], [], [], []
    parts = manifest.parts
    for part, (basis, normal) in zip(parts, came, strict=True):
        if isinstance(normal, DeliveryRefused):
            if not part.scope or len(parts) == 1:
                raise normal
            broken.append((part, normal))
            continue
        frames.append(normal.entries)
        if part.rows not in (None, normal.entries.height):
            findings.append((INCOMPLETE, f"{part.name} {part.rows} / {normal.entries.height}", 1))
        findings += [(code, f"{detail} ({part.name})" if part.scope else detail, 1) for code, detail in normal.remarks]
        rows, lost = normal.entries.height, normal.lost
        read.append(ReadPart(name=part.name, rows=rows, basis=basis, remarks=normal.remarks, lost=lost))
    if broken and not frames:
        raise broken[0][1]
    findings += _lost(manifest, read)
    # An export of nothing may come without a file.
    entries = number_rows(frames or [empty(ENTRIES)])
    return Read(entries=entries, findings=findings, broken=broken, parts=read)


def rows_lost(manifest: Manifest, parts: Sequence[ReadPart]) -> set[str]:
    """Scopes in which more rows than a list has are somebody's whom they do not name: in all its parts together, or
    twice as many in one, which may have lost everybody; of a hundred ordinary parts some have more than a list has."""
    whose = manifest.whose
    rows, lost, found = Counter[str](), Counter[str](), set[str]()
    for read in parts:
        scope = whose[read.name]
        rows[scope] += read.rows
        lost[scope] += read.lost
        found |= {scope} if read.lost > 2 * usual(read.rows) else set()
    return found | {scope for scope, number in lost.items() if number > usual(rows[scope])}


def _lost(manifest: Manifest, parts: Sequence[ReadPart]) -> list[tuple[str, str, int]]:
    """Findings of these."""
    found, whose = rows_lost(manifest, parts), manifest.whose
    several = len(whose) > 1
    told = [read for read in parts if read.lost and whose[read.name] in found]
    return [(FAILED, f"{read.lost} ({read.name})" if several else str(read.lost), 1) for read in told]


def _read(landed: Landed, mapping: ListMapping, part: PartPromise) -> NormalisedPart:
    manifest = landed.landing.manifest
    with _READING:
        return normalise(
            _content(landed, part.name),
            mapping,
            part=part.name,
            scope=part.scope,
            business_date=manifest.business_date,
            delta=manifest.mode is Mode.DELTA,
        )


def _content(landed: Landed, name: str) -> bytes:
    content = landed.parts[name]()
    if not name.endswith(".gz") and not content.startswith(_GZIP):
        return content
    try:
        return gunzip(content, name, LIST_LIMIT)
    except PeerBroken as fault:
        raise DeliveryRefused(fault.what, where=name, next_step=fault.next_step, code="bad_archive") from fault


def _check_rows(part: PartPromise, rows: int, manifest: Manifest) -> None:
    """A full list of another length is taken at its word, and for whom it does not name a person decides."""
    promised = manifest.mode is Mode.FULL and bool(part.digest)
    if part.rows is not None and part.rows != rows and not promised:
        what = _("数据行数与清单不符:清单 {promised} 行,实收 {rows} 行").format(promised=part.rows, rows=rows)
        raise DeliveryRefused(what, where=part.name, next_step=_("请来源单位核对后重新提供"), code="rows_differ")


class _Known:
    """What an earlier delivery's parts came to, for parts of which nothing that matters is another."""

    def __init__(self, site: Site, mapping: ListMapping, manifest: Manifest, earlier: DeliveryRow | None) -> None:
        self._site, self._earlier, self._lock = site, earlier, Lock()
        self._frame: pl.DataFrame | None = None
        self._places: dict[str, tuple[int, ReadPart]] = {}
        self._days = 0
        if earlier is None or earlier.business_date is None:
            return
        at = 0
        for read in parts_read(earlier):
            self._places[read.basis] = at, read
            at += read.rows
        if _ends_move(mapping):
            self._days = (manifest.business_date - earlier.business_date).days

    def entries(self, part: PartPromise, basis: str) -> NormalisedPart | None:
        """What reading the part would give; None where it must be read."""
        if basis not in self._places:
            return None
        try:
            frame = self._opened()
        except SealBroken:  # the part itself is there
            return None
        at, read = self._places[basis]
        last = pl.col("last") + pl.when("last_inferred").then(pl.duration(days=self._days))
        entries = frame.slice(at, read.rows).with_columns(
            pl.lit(part.name).alias("part"), pl.lit(part.scope).alias("scope"), pl.coalesce(last, "last").alias("last")
        )
        return NormalisedPart(entries=entries, lost=read.lost, remarks=tuple(read.remarks))

    def _opened(self) -> pl.DataFrame:
        assert self._earlier is not None
        assert self._earlier.entries_file is not None
        with self._lock:
            if self._frame is None:
                self._frame = self._site.read_frame(self._earlier.entries_file)
            return self._frame


def _basis(part: PartPromise, digest: str, manifest: Manifest, mapping: ListMapping) -> str:
    """A digest of all that a part's entries depend on: its bytes, the mapping with what it looks at, the rules."""
    said = {
        "business_date": "" if _ends_move(mapping) else manifest.business_date.isoformat(),
        "delta": manifest.mode,
        "part": part.name,
        "scope": part.scope,
    }
    seen = {name: value for name, value in said.items() if name in _looks_at(mapping)}
    basis = [rules(), repr(mapping), digest, PurePath(part.name).suffix, seen]
    return sm3_hex(json.dumps(basis).encode())


def _ends_move(mapping: ListMapping) -> bool:
    """Whether the business date is in the entries as the ends of some rows, and nowhere else."""
    moving = {"business_date"}
    for field, rule in mapping.derive:
        if moving & _names(rule):
            if field != "last":
                return False
            moving.add("last")
    return mapping.inferred_ends and "last" in moving and not any(moving & _names(f.when) for f in mapping.faults)


def _looks_at(mapping: ListMapping) -> set[str]:
    """The fields of which the mapping's rules speak."""
    rules = [*(rule for _field, rule in mapping.derive), *(fault.when for fault in mapping.faults)]
    return {name for rule in rules for name in _names(rule)}


def _names(rule: str) -> set[str]:
    return set(pl.sql_expr(rule).meta.root_names())


@cache
def rules() -> str:
    """Another one whenever what reads and cleans lists is another: a number in its place would be forgotten once."""
    rooms = [file for room in _ROOMS for file in resources.files(room).iterdir() if file.name.endswith(".py")]
    code = sorted((file.name, sm3_hex(file.read_bytes())) for file in rooms)
    return json.dumps([code, [metadata.version(name) for name in _READERS], str(ENTRIES)])
