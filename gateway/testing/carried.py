"""What a platform carried out, so that it shows whether an item was ever carried out with another content.

Takes each upload's items and what became of them, gives message numbers without anybody's name or number. An item is
known by its message and its person and use, and by the gateway's reference of the change (`evid_no`): under either it
may come any number of times, and must say the same each time.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

#: What a record says (contract L201).
SAYS = ("psn_idet_type", "psn_type_lv", "begntime", "endtime", "src_dept")


class Carried:
    """Grows by 24 bytes an item. Not safe to use from several threads."""

    def __init__(self) -> None:
        self._messages: list[tuple[str, array[int]]] = []

    def note(self, msgid: str, items: Sequence[Mapping[str, Any]]) -> None:  # Any: JSON, checked for form
        """These items of a message were carried out."""
        hashes = array("q")
        for item in items:
            who = item["psn_no"], item["idet_use"]
            says = tuple(tuple(record[name] for name in SAYS) for record in item["records"])
            hashes.extend((hash(who), hash(item["evid_no"]), hash((who, says))))
        self._messages.append((msgid, hashes))

    @property
    def items(self) -> int:
        """How many were carried out, each time counted."""
        return sum(len(hashes) // 3 for _msgid, hashes in self._messages)

    def otherwise(self) -> list[str]:
        """The messages of which an item was carried out before with another content."""
        first: dict[object, int] = {}
        found = [msgid for msgid, key, says in self._each() if first.setdefault(key, says) != says]
        return list(dict.fromkeys(found))

    def _each(self) -> Iterator[tuple[str, object, int]]:
        for msgid, hashes in self._messages:
            for at in range(0, len(hashes), 3):
                who, change, says = hashes[at : at + 3]
                yield msgid, (msgid, who), says
                yield msgid, change, says
