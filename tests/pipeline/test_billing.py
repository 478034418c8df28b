"""What hospitals settled is read for those asked for, and for nobody else."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from gateway.errors import PeerBroken
from gateway.pipeline.billing import bills
from gateway.pipeline.platform import PlatformChannel
from gateway.vault import Keyring
from gateway.vault.sealedfile import CHEAPEST

HEADER = (
    "setl_id,psn_no,setl_date,begn_date,med_type,medfee_sumamt,inscp_scp_amt,hifp_pay,hifmi_pay,maf_pay,othfund_pay,"
    "psn_part_amt,psn_inscp_amt,onestop_flag,refd_setl_flag,orig_setl_id"
)
PAID = "S1,P1,2026-03-01,2026-02-20,21,1000.00,900.00,500.00,0.00,120.50,3.00,376.50,276.50,1,0,"
REFUND = "R1,P1,2026-04-01,2026-02-20,21,-1000.00,-900.00,-500.00,0.00,-120.50,-3.00,-376.50,-276.50,1,1,S1"
OTHERS = "S2,P2,never,,,lots,,,,,,,,,,"


class _Settled(PlatformChannel):
    """A platform that gives these years."""

    def __init__(self, **years: str) -> None:
        self._years = years

    def settlements(self, year: int) -> bytes:
        """The year's export."""
        return self._years[f"y{year}"].encode()


@pytest.fixture
def keyring(tmp_path: Path) -> Keyring:
    return Keyring.create(tmp_path / "keys", cost=CHEAPEST)


def read(keyring: Keyring, *who: str, **years: str) -> pl.DataFrame:
    keys = pl.Series("person_key", keyring.person_digest(who), pl.Int64)
    return bills(keyring, _Settled(**years), [int(year[1:]) for year in years], keys)


def year(*lines: str) -> str:
    return "\n".join([HEADER, *lines, ""])


def test_settlements_and_refunds_are_read(keyring: Keyring) -> None:
    """Days, amounts and flags as the contract has them; a refund says of what."""
    seen = read(keyring, "P1", y2026=year(REFUND, PAID, OTHERS))
    assert ["S1", "R1"] == seen["setl_id"].to_list()
    first, second = seen.to_dicts()
    assert (date(2026, 3, 1), date(2026, 2, 20), "21") == (first["setl_date"], first["begn_date"], first["med_type"])
    assert [Decimal("1000.00"), Decimal("120.50"), Decimal("3.00"), True, None] == [
        first[name] for name in ("medfee_sumamt", "maf_pay", "othfund_pay", "onestop", "refund_of")
    ]
    assert (Decimal("-120.50"), "S1") == (second["maf_pay"], second["refund_of"])


def test_only_who_is_asked_for_is_read(keyring: Keyring) -> None:
    """Other people's rows are passed over, however they are written, and nobody is found who is not there."""
    assert ["P1"] == read(keyring, "P1", "P3", y2026=year(OTHERS, PAID))["psn_no"].to_list()
    assert 0 == read(keyring, "P3", y2026=year(OTHERS)).height
    assert 0 == read(keyring, "P1", y2026=year()).height


def test_a_settlement_that_two_years_give_is_one(keyring: Keyring) -> None:
    """Years are put together, and one settlement counts once."""
    assert ["S1", "R1"] == read(keyring, "P1", y2025=year(PAID), y2026=year(PAID, REFUND))["setl_id"].to_list()


@pytest.mark.parametrize(
    "content",
    [
        "", "a,b\n1,2\n", year(PAID.replace("2026-03-01", "1.3.2026")), year(PAID.replace("120.50", "many")),
        year(PAID.replace("1000.00", "")), year(PAID.replace("S1", "")), year(REFUND.removesuffix("S1")),
        year(REFUND.removesuffix("S1") + '""'),
    ],
)  # fmt: skip
def test_what_is_against_the_contract_is_not_believed(keyring: Keyring, content: str) -> None:
    """A column that is missing, a day or an amount that cannot be read, a refund of nothing: named, without a cell."""
    with pytest.raises(PeerBroken, match="L302") as caught:
        read(keyring, "P1", y2026=content)
    assert caught.value.__cause__ is None
    assert "120" not in str(caught.value) and "2026" not in str(caught.value)
