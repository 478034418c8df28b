"""What hospitals settled for some people (L302): settlements, and the refunds that take them back.

Takes the channel, the years and whom to look for; gives frames in the clear, which stay in memory; refuses, as
`PeerBroken`, an export that is not what the contract says.
"""

import io
from collections.abc import Iterable

import polars as pl

from gateway.errors import PeerBroken
from gateway.model.frames import PersonKey, empty
from gateway.pipeline.platform import PlatformChannel
from gateway.vault import Keyring
from gateway.words import _

_YUAN = pl.Decimal(14, 2)
#: One row per settlement or refund; amounts in yuan, those of a refund negative.
BILLS = pl.Schema(
    {
        "setl_id": pl.String(),
        "person_key": PersonKey(),
        "psn_no": pl.String(),
        "setl_date": pl.Date(),
        "begn_date": pl.Date(),
        "med_type": pl.String(),
        "medfee_sumamt": _YUAN,
        "maf_pay": _YUAN,  # medical assistance
        "othfund_pay": _YUAN,
        "onestop": pl.Boolean(),  # settled one-stop
        "refund_of": pl.String(),  # setl_id of what a refund takes back; null = no refund
    }
)
_COLUMNS = [
    "setl_id", "psn_no", "setl_date", "begn_date", "med_type", "medfee_sumamt", "maf_pay", "othfund_pay",
    "onestop_flag", "refd_setl_flag", "orig_setl_id",
]  # fmt: skip
#: Without these nothing can be said of a settlement.
_NEEDED = ("setl_id", "setl_date", "medfee_sumamt", "maf_pay", "othfund_pay", "onestop")


def bills(keyring: Keyring, channel: PlatformChannel, years: Iterable[int], people: pl.Series) -> pl.DataFrame:
    """`BILLS` of these people (person keys) in these years, by day. Raises PeerBroken, and as the channel does."""
    parts = [_of_people(keyring, channel.settlements(year), people) for year in years]
    # The year that a settlement belongs to is the platform's to say; one that it gives twice is one.
    return pl.concat([empty(BILLS), *parts]).unique("setl_id").sort("setl_date", "setl_id")


def _of_people(keyring: Keyring, content: bytes, people: pl.Series) -> pl.DataFrame:
    try:
        known = pl.read_csv(io.BytesIO(content), infer_schema=False, columns=["psn_no"]).drop_nulls().unique()
        # By digest and not by the roster, which may not have the person any more.
        keys = pl.Series("person_key", keyring.person_digest(known["psn_no"].to_list()), PersonKey)
        wanted = known.with_columns(keys).join(people.unique().to_frame("person_key"), on="person_key", how="semi")
        # Lazily, so that of millions of rows only those wanted become columns.
        rows = pl.scan_csv(io.BytesIO(content), infer_schema=False).select(_COLUMNS)
        return _parsed(rows.join(wanted.lazy(), on="psn_no").collect())
    except pl.exceptions.PolarsError:
        # The original quotes cells.
        what = _("结算明细文件的格式与约定不符")
        raise PeerBroken(what, where=_("医保平台 L302"), next_step=_("请联系平台方核对导出文件")) from None


def _parsed(rows: pl.DataFrame) -> pl.DataFrame:
    """`BILLS`. Raises PolarsError where a cell cannot be read, or a refund does not say of what."""
    dates = (pl.col(name).str.slice(0, 10).str.to_date("%Y-%m-%d") for name in ("setl_date", "begn_date"))
    amounts = (pl.col(name).cast(_YUAN) for name in ("medfee_sumamt", "maf_pay", "othfund_pay"))
    is_refund = pl.col("refd_setl_flag") == "1"
    parsed = rows.with_columns(
        *dates, *amounts, onestop=pl.col("onestop_flag") == "1", refund_of=pl.when(is_refund).then("orig_setl_id")
    ).select(BILLS.names())
    nameless = is_refund & (pl.col("orig_setl_id").fill_null("") == "")
    needed = pl.any_horizontal(pl.col(name).is_null() for name in _NEEDED)
    if rows.filter(nameless).height or parsed.filter(needed).height:
        raise pl.exceptions.InvalidOperationError("empty cell")
    return parsed
