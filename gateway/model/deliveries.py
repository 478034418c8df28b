"""What departments hand over: a delivery's manifest, its parts, and the states it goes through."""

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum


class Mode(StrEnum):
    """What a delivery's rows say about those it does not name."""

    FULL = "full"
    DELTA = "delta"


#: What is told of a full list of which more or fewer rows came than were promised, though its bytes are the promised
#: ones.
INCOMPLETE = "rows_differ"
#: Code of the remark that rows name nobody, since formulas in them failed.
FAILED = "formulas_failed"


class DeliveryState(StrEnum):
    """Where a delivery stands. Only APPLIED ones say anything about people."""

    LANDED = "landed"
    WAITING = "waiting"
    HELD = "held"
    REFUSED = "refused"
    APPLIED = "applied"


@dataclass(frozen=True, kw_only=True)
class PartPromise:
    """What the department promised of one part, so that landing can verify it."""

    #: The part's name inside the delivery.
    name: str
    #: Data rows; None where the department does not say.
    rows: int | None = None
    #: Lower-case hex digest of the part's bytes; "" where the department gives none.
    digest: str = ""
    #: "sm3" or "sha256".
    algorithm: str = ""
    #: What this part speaks for: "" = the instance's whole list, else a county code.
    scope: str = ""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a delivery says of itself."""

    #: Unique per instance; the department's own name of the delivery.
    name: str
    mode: Mode
    business_date: date
    parts: tuple[PartPromise, ...]
    #: Number in the department's sequence; None where it has none.
    sequence: int | None = None
    #: Department code as sent, to be compared with the instance's; "" where the list has none.
    department: str = ""
    #: Scopes for which a full list speaks; its absentees depart only within these.
    scopes: tuple[str, ...] = ("",)

    @property
    def whose(self) -> dict[str, str]:
        """Part -> the scope for which it speaks."""
        return {part.name: part.scope for part in self.parts}


@dataclass(frozen=True, kw_only=True)
class LandedFile:
    """One sealed file of a landing."""

    #: Name as the department gave it.
    name: str
    #: Name of the sealed file in the archive.
    sealed: str
    #: SM3 of the plain bytes, hex.
    digest: str
    #: Plain bytes.
    size: int


@dataclass(frozen=True, kw_only=True)
class ReadPart:
    """What a part came to, kept with its delivery so that the same bytes need not be read again."""

    name: str
    #: Entries that it gave; the parts' entries lie one behind the other.
    rows: int
    #: Digest of all that the entries depend on.
    basis: str
    #: Remarks as (code, detail), without any cell value.
    remarks: tuple[tuple[str, str], ...]
    #: Entries that name nobody, and are somebody's; before 2026-12 they were among the remarks.
    lost: int = 0


@dataclass(frozen=True, kw_only=True)
class Landing:
    """A verified delivery at rest: self-contained, so that a front machine can hand it over."""

    instance: str
    plugin: str
    manifest: Manifest
    files: tuple[LandedFile, ...]
    #: SM3 over the files' names and digests: the same content is the same delivery.
    content_digest: str
    #: Things worth telling that refuse nothing, as (code, detail) without any cell value.
    remarks: tuple[tuple[str, str], ...] = field(default=())
