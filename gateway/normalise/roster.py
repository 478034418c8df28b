"""The insured roster: one row per insurance relation becomes one row per person."""

import io

import polars as pl

from gateway.errors import PeerBroken
from gateway.model.frames import ROSTER
from gateway.normalise import dates, names, numbers
from gateway.normalise.text import packed
from gateway.words import _

COLUMNS = (
    "psn_no", "psn_cert_type", "certno", "psn_name", "gend", "brdy", "insutype", "psn_insu_stas", "insu_admdvs",
    "live_admdvs", "surv_stas",
)  # fmt: skip


def normalise_roster(content: bytes) -> pl.DataFrame:
    """The roster export (UTF-8 CSV) as `ROSTER` rows without `person_key`. Raises PeerBroken for another shape."""
    try:
        raw = pl.read_csv(io.BytesIO(content), infer_schema=False, columns=list(COLUMNS))
    except pl.exceptions.PolarsError as fault:
        what = _("参保人名册的格式与约定不符")
        raise PeerBroken(what, where=_("医保平台 L101"), next_step=_("请联系平台方核对导出文件")) from fault
    people = raw.group_by("psn_no", maintain_order=True).agg(
        pl.col("psn_name").first().alias("name"),
        pl.col("certno").first(),
        pl.col("brdy").first(),
        pl.col("gend").first().alias("sex"),
        pl.col("insu_admdvs").sort_by("psn_insu_stas").first().alias("county"),
        pl.col("live_admdvs").first().alias("village"),
        (pl.col("surv_stas") == "3").any().alias("dead"),
        (pl.col("psn_insu_stas") == "1").any().alias("covered"),
    )
    people = people.with_columns(
        names.key(pl.col("name")).alias("name_key"),
        numbers.cleaned(pl.col("certno")).alias("number"),
        packed(dates.day_part(pl.col("brdy"))).alias("brdy"),
    ).with_columns(numbers.eighteen(pl.col("number")).alias("number"), dates.first_day(pl.col("brdy")).alias("birth"))
    return people.with_columns(pl.coalesce("birth", numbers.birth_of(pl.col("number"))).alias("birth")).select(
        *(n for n in ROSTER if n != "person_key")
    )
