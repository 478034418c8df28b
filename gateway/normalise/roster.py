"""The insured roster: one row per insurance relation becomes one row per person."""

import polars as pl

from gateway.errors import PeerBroken
from gateway.model.frames import ROSTER
from gateway.normalise import dates, names, numbers
from gateway.normalise.cells import CELL, Reading, mend, read_values
from gateway.words import _

COLUMNS = (
    "psn_no", "psn_cert_type", "certno", "psn_name", "gend", "brdy", "insutype", "psn_insu_stas", "insu_admdvs",
    "live_admdvs", "surv_stas",
)  # fmt: skip
_BIRTH = Reading(
    usual=dates.PLAIN,
    quick=[[dates.plain_day(CELL).alias("birth")]],
    patient=[[dates.first_day(dates.bare(CELL)).alias("birth")]],
)


def normalise_roster(content: bytes) -> pl.DataFrame:
    """The roster export (UTF-8 CSV) as `ROSTER` rows without `person_key`. Raises PeerBroken for another shape."""
    people = _one_each(_read(content))
    key = mend(people["psn_name"], *names.UNIFYING, clean=names.clean())
    number = mend(people["certno"], *numbers.CLEANING, numbers.eighteen, clean=numbers.CLEAN)
    birth = read_values(people["brdy"], _BIRTH)["birth"]
    people = people.rename({"psn_name": "name", "gend": "sex", "insu_admdvs": "county", "live_admdvs": "village"})
    people = people.with_columns(key.alias("name_key"), number.alias("number"), birth)
    if birth.null_count():
        people = people.with_columns(pl.coalesce("birth", numbers.birth_of(pl.col("number"))).alias("birth"))
    return people.select(n for n in ROSTER if n != "person_key")


def _read(content: bytes) -> pl.DataFrame:
    try:
        raw = pl.read_csv(content, infer_schema=False, columns=list(COLUMNS))
    except pl.exceptions.PolarsError as fault:
        what = _("参保人名册的格式与约定不符")
        raise PeerBroken(what, where=_("医保平台 L101"), next_step=_("请联系平台方核对导出文件")) from fault
    return raw.drop("psn_cert_type", "insutype")


def _one_each(raw: pl.DataFrame) -> pl.DataFrame:
    """One row per person, in the order in which they come first, with `dead` and `covered`.

    Few have more than one relation: the county is then that of an active one.
    """
    dead, covered = (pl.col("surv_stas") == "3").alias("dead"), (pl.col("psn_insu_stas") == "1").alias("covered")
    begins = raw["psn_no"].is_first_distinct()
    again = raw["psn_no"].is_in(raw["psn_no"].filter(~begins).implode(), nulls_equal=True)
    several = raw.filter(again).group_by("psn_no", maintain_order=True)
    county = pl.col("insu_admdvs").sort_by("psn_insu_stas").first()
    merged = several.agg(county, dead.any(), covered.any())
    states = [dead.fill_null(value=False), covered.fill_null(value=False)]
    people = raw.with_columns(states).drop("surv_stas", "psn_insu_stas").filter(begins)
    at = again.filter(begins).arg_true()
    return people.with_columns(people[c].scatter(at, merged[c]) for c in ("insu_admdvs", "dead", "covered"))
