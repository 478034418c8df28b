"""The texts of lists, each kept once: rows of the ledger name them by number.

Takes and gives frames; a text that was not there before is kept when it is first asked for.
"""

import polars as pl
import sqlalchemy as sa

from gateway.model.frames import PersonKey
from gateway.store import tables as t
from gateway.store.dialect import among, insert_frame, listed, read_frame
from gateway.store.ledger import Tx

#: `LISTS`, by the number of the text.
NUMBERED = pl.Schema({"person_key": PersonKey, "use": pl.String, "list_id": pl.Int64})
_TEXTS = pl.Schema({"list_id": pl.Int64, "records": pl.String})


def numbered(tx: Tx, lists: pl.DataFrame) -> pl.DataFrame:
    """The frame with `list_id`, its last column, instead of `records`."""
    texts = lists["records"].unique()
    known = _known(tx, texts)
    new = texts.to_frame().join(known, on="records", how="anti")
    if new.height:
        insert_frame(tx, t.lists, new.sort("records"))
        known = _known(tx, texts)
    return lists.join(known, on="records", how="left", maintain_order="left").drop("records")


def spelled(tx: Tx, rows: pl.DataFrame) -> pl.DataFrame:
    """The frame with the `records` that its `list_id` means, as its last column."""
    c = t.lists.c
    asked = among(tx, c.id, rows["list_id"].unique().to_list())
    texts = read_frame(tx, sa.select(c.id, c.records).where(asked), _TEXTS)
    return rows.join(texts, on="list_id", how="left", maintain_order="left")


def _known(tx: Tx, texts: pl.Series) -> pl.DataFrame:
    """list_id and records of those that are kept."""
    c, asked = t.lists.c, listed(tx, records=texts.to_list())
    return read_frame(tx, sa.select(c.id, c.records).where(c.records == asked.c.records), _TEXTS)
