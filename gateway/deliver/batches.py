"""Changes as the platform's items, packed into batches of at most 100 persons and 40 000 characters.

A message that failed as a whole is cut in two, and its halves again, until the item that does not fit goes alone.

Source: contract «L201 identity upload».
"""

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from gateway.deliver.results import MISFIT, UNKNOWN

#: Persons in one request.
MOST_PERSONS = 100
#: Characters of the plain input.
MOST_CHARACTERS = 40_000
_FRAME = len('{"persons":[]}')
_RECORD = ("psn_idet_type", "psn_type_lv", "begntime", "endtime", "src_dept")


@dataclass(frozen=True, kw_only=True)
class Batch:
    """One request: the changes in the order of their seq, and the plain input."""

    changes: tuple[int, ...]
    plain: bytes


def items(changes: pl.DataFrame, people: pl.DataFrame) -> pl.DataFrame:
    """`id`, `group` and `item`: each change as JSON without its seq; the group is the message that failed with it.

    `changes`: the outbox's queue. `people`: person_key, psn_no, name, certno as the roster has them. A change whose
    person is not on the roster is left out.
    """
    fields = pl.element().str.split("|")
    record = pl.struct(*(fields.list.get(i).alias(n) for i, n in enumerate(_RECORD)), memo=pl.lit(""))
    lines = (
        pl.col("records").str.split("\n").list.eval(pl.element().filter(pl.element() != "")).list.eval(record)
    )
    item = pl.struct(
        "psn_no",
        psn_name="name",
        certno="certno",
        idet_use="use",
        records=lines,
        evid_no=pl.format("GW{}", pl.col("id")),
    )
    known = changes.join(people, on="person_key", maintain_order="left")
    group = pl.when(pl.col("result").is_in([MISFIT, UNKNOWN])).then("msgid")
    return known.select("id", group=group, item=item.struct.json_encode())


def batches(ready: pl.DataFrame) -> Iterator[Batch]:
    """Batches within both limits; of a message that failed as a whole, two halves."""
    yield from _packed(ready.filter(pl.col("group").is_null()))
    for group in ready.drop_nulls("group").partition_by("group", maintain_order=True):
        for half in group.iter_slices((group.height + 1) // 2):
            yield from _packed(half)


def _packed(ready: pl.DataFrame) -> Iterator[Batch]:
    taken: list[tuple[int, str]] = []
    size = _FRAME
    for change, text in zip(ready["id"].to_list(), ready["item"].to_list(), strict=True):
        item = f'{{"seq":{len(taken) + 1},{text[1:]}'
        if taken and (len(taken) == MOST_PERSONS or size + len(item) + 1 > MOST_CHARACTERS):
            yield _batch(taken)
            taken, size = [], _FRAME
            item = f'{{"seq":1,{text[1:]}'
        taken.append((change, item))
        size += len(item) + 1
    if taken:
        yield _batch(taken)


def _batch(taken: list[tuple[int, str]]) -> Batch:
    plain = '{"persons":[' + ",".join(item for _change, item in taken) + "]}"
    return Batch(changes=tuple(change for change, _item in taken), plain=plain.encode())
