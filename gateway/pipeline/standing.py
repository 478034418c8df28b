"""What stands on the platform before a person's first upload: read back, adopted where others wrote it."""

import io
from collections.abc import Set
from dataclasses import dataclass

import polars as pl

from gateway.errors import PeerBroken
from gateway.model.frames import LISTS, TIMELINES, empty
from gateway.model.policy import OPEN_END
from gateway.pipeline.platform import PlatformChannel
from gateway.settle import lists
from gateway.words import _

_COLUMNS = ("psn_no", "idet_use", "psn_idet_type", "psn_type_lv", "begntime", "endtime", "src_dept")
#: An export of records without any.
RECORDS_HEADER = ",".join(_COLUMNS).encode() + b"\n"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What the read-back newly showed of people whom we never uploaded."""

    #: `TIMELINES` of records that others wrote.
    adopted: pl.DataFrame
    #: `LISTS` with `origin`: all that stands, ours of an earlier ledger included.
    confirmed: pl.DataFrame


NOTHING = Standing(adopted=empty(TIMELINES), confirmed=pl.DataFrame(schema={**LISTS, "origin": pl.String}))


def read_standing(channel: PlatformChannel, people: pl.DataFrame, ours: Set[str]) -> Standing:
    """What stands for these people (person_key, psn_no). Asks the platform only where there is somebody to ask for.

    `ours`: the site's instances; what one of them wrote, before a ledger was lost, is not adopted.
    """
    if people.is_empty():
        return NOTHING
    records = _parse(channel.export("records")).join(people.select("person_key", "psn_no"), on="psn_no")
    timelines = records.select(pl.col(n).cast(t) for n, t in TIMELINES.items())
    foreign = ~pl.col("source").is_in(list(ours))
    return Standing(
        adopted=timelines.filter(foreign),
        confirmed=lists(timelines).with_columns(origin=pl.lit("readback")),
    )


def _parse(content: bytes) -> pl.DataFrame:
    try:
        raw = pl.read_csv(io.BytesIO(content), infer_schema=False, columns=list(_COLUMNS))
        return raw.select(
            "psn_no",
            use="idet_use",
            code="psn_idet_type",
            level=pl.col("psn_type_lv").fill_null(""),
            first=pl.col("begntime").fill_null("").str.slice(0, 10).str.to_date("%Y-%m-%d"),
            # An older system may have written no end; that is a record all the same, and must not get lost.
            last=pl.col("endtime").str.slice(0, 10).str.to_date("%Y-%m-%d").fill_null(OPEN_END),
            source=pl.col("src_dept").fill_null(""),
        )
    except pl.exceptions.PolarsError:
        # The original quotes cells.
        what = _("身份回读文件的格式与约定不符")
        raise PeerBroken(what, where=_("医保平台 L202"), next_step=_("请联系平台方核对导出文件")) from None
