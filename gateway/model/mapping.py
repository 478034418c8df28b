"""What a list means, parsed from `mappings/<plugin>.toml`."""

from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Column:
    """One claimed column of a list."""

    #: Name of the field inside the gateway.
    field: str
    #: Header names under which it comes, the usual one first.
    aliases: tuple[str, ...]
    #: text | name | number | date_first | date_last | date_birth | code | amount | digits
    kind: str
    required: bool = False


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A predicate that makes a row unusable, as SQL over the fields."""

    code: str
    when: str


@dataclass(frozen=True, kw_only=True)
class ListMapping:
    """How one plugin's lists are read: columns, codes, derived fields, faults."""

    plugin: str
    title: str
    #: csv | sheet | records
    format: str
    columns: tuple[Column, ...]
    #: field -> {as written -> canonical}
    codes: ReadOnly[str, ReadOnly[str, str]]
    #: field -> SQL expression; evaluated in order
    derive: tuple[tuple[str, str], ...]
    faults: tuple[Fault, ...]
    #: sheet lists only: name of the sheet, and first-cell words of footer rows
    sheet: str = ""
    footers: tuple[str, ...] = ()
    #: extra fields kept in the entries beside the fixed schema (payments)
    keep: tuple[str, ...] = ()
    #: True where rules use the business date for `last` of rows that are `last_inferred`, whole days from it, and for
    #: nothing else: the same file of another date then says the same, with such ends moved
    inferred_ends: bool = False
    #: False where rows say who paid, and nothing about identities
    statements: bool = True
    #: column headers that are known and deliberately not claimed (addresses, phones)
    ignored: tuple[str, ...] = ()
