"""What stands on the platform: read back before a person's first upload, adopted where others wrote it; and whenever
somebody asks for all of it.
"""

import io
from collections.abc import Sequence, Set
from dataclasses import dataclass

import polars as pl

from gateway.errors import PeerBroken
from gateway.model.frames import LISTS, TIMELINES, empty
from gateway.model.policy import OPEN_END
from gateway.pipeline.platform import PlatformChannel
from gateway.pipeline.roster import DIGESTS_AT_ONCE
from gateway.settle import lists
from gateway.site import Site
from gateway.words import _

_COLUMNS = ("psn_no", "idet_use", "psn_idet_type", "psn_type_lv", "begntime", "endtime", "src_dept", "evid_no")
#: An export of records without any.
RECORDS_HEADER = ",".join(_COLUMNS).encode() + b"\n"


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What the read-back newly showed of people whom we never uploaded, and what of our own is settled by it."""

    #: `TIMELINES` of records that others wrote.
    adopted: pl.DataFrame
    #: `LISTS` with `origin`: all that stands, ours of an earlier ledger included.
    confirmed: pl.DataFrame
    #: Withdrawn lists of which something else is wanted by now.
    lapsed: Sequence[int] = ()


NOTHING = Standing(adopted=empty(TIMELINES), confirmed=pl.DataFrame(schema={**LISTS, "origin": pl.String}))


def read_standing(channel: PlatformChannel, people: pl.DataFrame, ours: Set[str]) -> Standing:
    """What stands for these people (person_key, psn_no). Asks the platform only where there is somebody to ask for.

    `ours`: the site's instances; what one of them wrote, before a ledger was lost, is not adopted.
    """
    if people.is_empty():
        return NOTHING
    records = read_back(channel).join(people.select("person_key", "psn_no"), on="psn_no")
    timelines = records.select(pl.col(n).cast(t) for n, t in TIMELINES.items())
    foreign = ~pl.col("source").is_in(list(ours))
    return Standing(
        adopted=timelines.filter(foreign),
        confirmed=lists(timelines).with_columns(origin=pl.lit("readback")),
    )


def shown_lists(site: Site, channel: PlatformChannel, people: pl.Series) -> pl.DataFrame:
    """`LISTS` that the platform shows of these people (person keys); who has none is left out."""
    return lists(shown(site, channel).join(people.unique().to_frame("person_key"), on="person_key", how="semi"))


def shown(site: Site, channel: PlatformChannel) -> pl.DataFrame:
    """`TIMELINES` of everybody, with psn_no and `evidence`: whose change, by the platform's word."""
    records = read_back(channel)
    numbers = records.select(pl.col("psn_no").drop_nulls().unique())
    slices = (part["psn_no"].to_list() for part in numbers.iter_slices(DIGESTS_AT_ONCE))
    keys = pl.Series("person_key", [key for part in slices for key in site.keyring.person_digest(part)], pl.Int64)
    return records.join(numbers.with_columns(keys), on="psn_no")


def read_back(channel: PlatformChannel) -> pl.DataFrame:
    """Every record of the platform: psn_no, the columns of `TIMELINES` but the key, `evidence`. Raises PeerBroken."""
    content = channel.export("records")
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
            evidence=pl.col("evid_no").fill_null(""),
        )
    except pl.exceptions.PolarsError:
        # The original quotes cells.
        what = _("身份回读文件的格式与约定不符")
        raise PeerBroken(what, where=_("医保平台 L202"), next_step=_("请联系平台方核对导出文件")) from None
